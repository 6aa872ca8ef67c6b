#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Certificates of an authority, made here: who is let in by them, who is not, and what both are told.
# seconds: 90 90
# shellcheck source=tests/e2e/trust_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/trust_lib.sh"

# make_authority NAME: $scratch/NAME.{cert,key}
make_authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-keyout "$scratch/$1.key" -out "$scratch/$1.cert" 2>/dev/null
}

# certify NAME AUTHORITY ALTNAME USE [OPTION...]: $scratch/NAME.{cert,key}
certify() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
		-keyout "$scratch/$1.key" -out "$scratch/$1.request" 2>/dev/null
	printf 'subjectAltName=%s\nextendedKeyUsage=%s\n' "$3" "$4" >"$scratch/$1.extensions"
	openssl x509 -req -in "$scratch/$1.request" -CA "$scratch/$2.cert" -CAkey "$scratch/$2.key" \
		-CAcreateserial -extfile "$scratch/$1.extensions" -out "$scratch/$1.cert" \
		"${@:5}" 2>/dev/null
	chmod 600 "$scratch/$1.key"
}

# shown NAME: its certificate, and whom we believe.
shown() {
	with=(--ca "$scratch/ours.cert" --cert "$scratch/$1.cert" --key "$scratch/$1.key")
}

prepare_certified() {
	prepare_two link_udp
	make_authority ours
	certify archive ours IP:127.0.0.1 serverAuth -days 1
	certify probe ours DNS:probe-3.example.org clientAuth -days 1
	shown archive
	start_collector "${with[@]}"
	shown probe
}

# line TEXT: the collector's only one.
line() {
	echo "$1" >"$scratch/new-line"
	mv "$scratch/new-line" "$scratch/collector-state/authorized_peers"
}

let_in_by_a_line() {
	prepare_certified
	exports 4 "does not trust our certificate" "${with[@]}"
	grep -qF "add the line \`ca:probe-3.example.org may=export\`" "$scratch/collector.err" ||
		fail_with "the collector does not say what line it lacks"
	line "ca:*.example.org may=export into=lab"
	exports 0 '' "${with[@]}"
	cmp "$scratch/x.pcap" "$scratch/into/lab/x.pcap" || fail "what is stored is not what was sent"
	# Quotas hold for names of an authority as for keys.
	line "ca:probe-3.example.org may=export bytes=1K"
	exports 4 "bytes= in the collector's authorized_peers" "${with[@]}"
}

refused_with_a_reason() {
	prepare_certified
	line "ca:* may=export"
	certify late ours DNS:late clientAuth -days -1
	shown late
	refused "our certificate has expired" "has expired, at " "${with[@]}"
	certify server ours DNS:server serverAuth -days 1
	shown server
	refused "is not for this use" "needs clientAuth in it" "${with[@]}"
	make_authority others
	certify stranger others DNS:probe-3.example.org clientAuth -days 1
	shown stranger
	refused "does not trust our certificate" "is of no authority that --ca names" "${with[@]}"
	nothing_under "$scratch/into"
}

the_collector_is_who_was_dialled() {
	prepare_certified
	line "ca:* may=export"
	stop_process "${process_ids[collector]}"
	certify archive ours DNS:archive.example.org serverAuth -days 1
	shown archive
	start_collector "${with[@]}"
	shown probe
	exports 4 "is for another name (archive.example.org)" "${with[@]}"
	nothing_under "$scratch/into"
}

# list DAYS [NAME...]: what our authority has revoked, as of now; in place of the one before.
list() {
	local days=$1 name

	shift
	rm -rf "$scratch/authority"
	mkdir "$scratch/authority"
	: >"$scratch/authority/index"
	printf '[ca]\ndefault_ca=ours\n[ours]\ndatabase=%s\ndefault_md=sha256\n' \
		"$scratch/authority/index" >"$scratch/authority/config"
	for name in "$@"; do
		openssl ca -config "$scratch/authority/config" -cert "$scratch/ours.cert" \
			-keyfile "$scratch/ours.key" -revoke "$scratch/$name.cert" 2>/dev/null
	done
	openssl ca -config "$scratch/authority/config" -cert "$scratch/ours.cert" \
		-keyfile "$scratch/ours.key" -gencrl -crl_lastupdate 20250101000000Z \
		-crl_nextupdate "$(date -u -d "$days days" +%Y%m%d%H%M%SZ)" \
		-out "$scratch/new-list" 2>/dev/null
	mv "$scratch/new-list" "$scratch/list"
}

revoked() {
	prepare_certified
	line "ca:* may=export"
	stop_process "${process_ids[collector]}"
	list 1
	shown archive
	start_collector "${with[@]}" --crl "$scratch/list"
	shown probe
	exports 0 '' "${with[@]}" --crl "$scratch/list"
	rm "$scratch/into/x.pcap"
	# The collector runs: its list is read again.
	list 1 probe
	refused "says that our certificate was revoked" \
		"the certificate of 127.0.0.1 was revoked by its authority" "${with[@]}"
	list -1
	refused "its --crl is out of date" "put the authority's newest there" "${with[@]}"
	nothing_under "$scratch/into"
	# Of the collector's certificate, at the exporter.
	list 1 archive
	exports 4 "the certificate of $control was revoked" "${with[@]}" --crl "$scratch/list"
	nothing_under "$scratch/into"
	list 1
	exports 0 '' "${with[@]}" --crl "$scratch/list"
}

files_that_are_wrong() {
	prepare_certified
	says 2 "--cert and --key belong together" "$streamd" export --to "$control" --port udp \
		--state "$scratch/exporter-state" --cert "$scratch/probe.cert" "$scratch/x.pcap"
	says 2 "--ca has to name them" "$streamd" export --to "$control" --port udp \
		--state "$scratch/exporter-state" --crl "$scratch/list" "$scratch/x.pcap"
	chmod 644 "$scratch/probe.key"
	says 2 "chmod 600" "$streamd" export --to "$control" --port udp \
		--state "$scratch/exporter-state" "${with[@]}" "$scratch/x.pcap"
}

run_case let_in_by_a_line
run_case refused_with_a_reason
run_case the_collector_is_who_was_dialled
run_case revoked
run_case files_that_are_wrong
finish_cases
