#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Certificates of an authority, made here: who is let in by them, who is not, and what both are told.
# seconds: 60 60
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

files_that_are_wrong() {
	prepare_certified
	says 2 "--cert and --key belong together" "$streamd" export --to "$control" --port udp \
		--state "$scratch/exporter-state" --cert "$scratch/probe.cert" "$scratch/x.pcap"
	chmod 644 "$scratch/probe.key"
	says 2 "chmod 600" "$streamd" export --to "$control" --port udp \
		--state "$scratch/exporter-state" "${with[@]}" "$scratch/x.pcap"
}

run_case let_in_by_a_line
run_case refused_with_a_reason
run_case the_collector_is_who_was_dialled
run_case files_that_are_wrong
finish_cases
