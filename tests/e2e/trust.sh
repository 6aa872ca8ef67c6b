#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Keys and trust: made, shown, kept; who is let in, who is not, and what both are told.
# seconds: 120 120
# shellcheck source=tests/e2e/trust_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/trust_lib.sh"

key_is_made_once() {
	local first

	prepare
	says 2 "make it with keygen" "$streamd" fingerprint --state "$scratch/state"
	says 0 "a new key is in $scratch/state/identity.pem" "$streamd" keygen --state "$scratch/state"
	first=$(<"$scratch/out")
	[[ $first =~ ^sha256:[0-9a-f]{64}$ ]] || fail "\"$first\" is no fingerprint"
	[[ $(stat -c %a "$scratch/state") == 700 && $(stat -c %a "$scratch/state/identity.pem") == 600 ]] ||
		fail "others can read the key: $(ls -la "$scratch/state")"
	says 0 "there is a key already" "$streamd" keygen --state "$scratch/state"
	[[ $(<"$scratch/out") == "$first" ]] || fail "keygen has replaced a key"
	"$streamd" fingerprint --state "$scratch/state" >"$scratch/out"
	[[ $(<"$scratch/out") == "$first" ]] || fail "fingerprint shows another key"
	"$streamd" keygen --state "$scratch/other" >"$scratch/out" 2>/dev/null
	[[ $(<"$scratch/out") != "$first" ]] || fail "two folders have one key"
}

key_that_others_can_read() {
	prepare
	"$streamd" keygen --state "$scratch/state" >/dev/null 2>&1
	chmod 644 "$scratch/state/identity.pem"
	says 2 "chmod 600" "$streamd" fingerprint --state "$scratch/state"
	says 2 "chmod 600" "$streamd" keygen --state "$scratch/state"
	echo damage >"$scratch/state/identity.pem"
	chmod 600 "$scratch/state/identity.pem"
	says 2 "no Ed25519 key" "$streamd" keygen --state "$scratch/state"
	[[ $(<"$scratch/state/identity.pem") == damage ]] || fail "a damaged key was replaced"
}

no_place_for_a_key() {
	prepare
	: >"$scratch/file"
	says 2 "name another with --state" "$streamd" keygen --state "$scratch/file"
}

trusted_by_a_line_each() {
	prepare_two
	start_collector
	echo "$collector_key $control may=collect" >"$scratch/exporter-state/authorized_peers"
	refused "does not trust our key: add the line \`$exporter_key NAME may=export\`" \
		"the key of 127.0.0.1 is not trusted"
	rm "$scratch/exporter-state/authorized_peers"
	refused "add the line \`$collector_key $control may=collect\`" \
		"127.0.0.1 does not trust our key: add the line \`$collector_key NAME may=collect\`"
	echo "$collector_key $control may=collect" >"$scratch/exporter-state/authorized_peers"
	nothing_under "$scratch/into"
	# The collector runs: its file is read again.
	echo "$exporter_key probe may=collect" >"$scratch/collector-state/authorized_peers"
	exports 4 "does not trust our key"
	echo "$exporter_key probe may=export" >"$scratch/collector-state/authorized_peers"
	stored
	# A key that is taken back is refused with the next connection.
	: >"$scratch/collector-state/authorized_peers"
	exports 4 "does not trust our key"
}

trusted_by_option() {
	prepare_two
	start_collector --peer-key "$exporter_key"
	refused "which --peer-key does not name" "does not trust our key" --peer-key "$exporter_key"
	exports 0 '' --peer-key "$collector_key"
	cmp "$scratch/x.pcap" "$scratch/into/x.pcap"
	says 2 "64 hexadecimal digits" "$streamd" export --to "$control" --port udp --peer-key sha256:12 x
}

trusted_on_first_use() {
	prepare_two
	start_collector --trust-on-first-use
	exports 4 "is not trusted"
	exports 0 '' --trust-on-first-use
	grep -qF "127.0.0.1 is trusted on first use with the key $exporter_key" "$scratch/collector.err" ||
		fail_with "the collector does not show the key that it trusts"
	grep -qx "$collector_key $control may=collect" "$scratch/exporter-state/authorized_peers" ||
		fail "the exporter has not written the key down"
	# Known now, without the option; and another key there is another peer.
	exports 0 ''
	stop_process "${process_ids[collector]}"
	"$streamd" keygen --state "$scratch/another-state" >/dev/null 2>&1
	mv "$scratch/another-state/identity.pem" "$scratch/collector-state/identity.pem"
	start_collector --trust-on-first-use
	refused "somebody else may be answering there" "does not trust our key" --trust-on-first-use
}

one_user_needs_nothing() {
	prepare_two
	cp -p "$scratch/exporter-state/identity.pem" "$scratch/collector-state/"
	start_collector
	stored
}

# openssl_says SENTENCE OPTION...: as a client of the collector's.
openssl_says() {
	local sentence=$1 before

	shift
	before=$(now_ms)
	timeout 5 openssl s_client -connect "$control" "$@" </dev/null >"$scratch/tls" 2>&1 || true
	took_ms=$(($(now_ms) - before))
	grep -qi "$sentence" "$scratch/tls" || fail "no \"$sentence\" in: $(<"$scratch/tls")"
}

# A program of ours from before TLS understands what it is told.
plain_client() {
	local before

	before=$(now_ms)
	timeout 5 python3 - "${control##*:}" <<-'END' >"$scratch/plain"
		import socket, struct, sys
		peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
		peer.sendall(struct.pack(">I", 16) + b'{"type":"hello"}')
		stream = peer.makefile("rb")
		print(stream.read(struct.unpack(">I", stream.read(4))[0]).decode())
	END
	took_ms=$(($(now_ms) - before))
	jq -e '.type == "refuse" and .code == "not_trusted"' "$scratch/plain" >/dev/null ||
		fail "a program without TLS hears: $(<"$scratch/plain")"
}

# Who comes and is no dpdk-streamd of this release is refused at once, and the others go on.
strangers() {
	local no_key=(-tls1_3 -ign_eof)

	prepare_two
	cp -p "$scratch/exporter-state/identity.pem" "$scratch/collector-state/"
	start_collector
	at_once openssl_says "alert protocol version" -tls1_2
	wait_for 20 is_logged "speaks an older TLS than 1.3, which is refused; install the same release" \
		openssl_says "alert protocol version" -tls1_2
	at_once openssl_says "certificate required" "${no_key[@]}"
	wait_for 20 is_logged "shows no key: it is no dpdk-streamd of this release" \
		openssl_says "certificate required" "${no_key[@]}"
	at_once plain_client
	wait_for 20 is_logged "does not speak TLS: it is an older dpdk-streamd, or something else" \
		plain_client
	stored
	is_running collector || fail_with "the collector is gone"
}

# answers_as COMMAND...: in place of the collector; COMMAND says when it listens.
answers_as() {
	start stranger "$@"
	wait_for 10 grep -q "ACCEPT" "$scratch/stranger.out" || fail "nobody listens"
}

# The same of who answers where a collector should be.
strangers_that_answer() {
	local port

	prepare_two
	port=${control##*:}
	openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=x -keyout "$scratch/x.key" \
		-out "$scratch/x.cert" 2>/dev/null
	answers_as openssl s_server -www -accept "$port" -tls1_2 -key "$scratch/x.key" -cert "$scratch/x.cert"
	refused "does not shake hands as dpdk-streamd does, in TLS 1.3 with Ed25519 keys" ''
	stop_process "${process_ids[stranger]}"
	answers_as openssl s_server -www -accept "$port" -key "$scratch/x.key" -cert "$scratch/x.cert"
	refused "add the line \`sha256:" ''
	stop_process "${process_ids[stranger]}"
	# One of ours from before TLS, and another protocol.
	for says in '\0\0\0\020{"type":"hello"}' 'SSH-2.0-x\r\n'; do
		answers_as python3 -u -c '
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ACCEPT")
while True:
    peer = listener.accept()[0]
    peer.sendall(sys.argv[2].encode().decode("unicode_escape").encode("latin-1"))
    peer.recv(4096)
    peer.close()
' "$port" "$says"
		refused "does not speak TLS: it is an older dpdk-streamd, or something else" ''
		stop_process "${process_ids[stranger]}"
	done
}

# Connections that say nothing, as many as there are descriptors for; a good one gets in.
flood() {
	prepare_two
	cp -p "$scratch/exporter-state/identity.pem" "$scratch/collector-state/"
	start_collector
	start flood prlimit --nofile=4096 python3 -c '
import socket, sys, time
peers = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(1000)]
print(len(peers), flush=True)
time.sleep(60)
' "${control##*:}"
	wait_for 20 grep -q 1000 "$scratch/flood.out" || fail "1000 connections cannot be made"
	stored
}

# tap: writes down what goes over the wire between the namespaces, both connections.
tap() {
	mkdir -m 777 "$scratch/tap"
	start tap "${in_a[@]}" dumpcap -q -i wire -w "$scratch/tap/tap.pcap"
	wait_for 10 grep -q "^File:" "$scratch/tap.err" || skip_case "dumpcap cannot watch a wire"
}

# tap_holds BYTES: it writes what it sees a moment later.
tap_holds() {
	(($(stat -c %s "$scratch/tap/tap.pcap") > $1))
}

# ---- data

# both STATUS [OPTION...] -- [OPTION...]: the collector's, and the exporter's.
both() {
	local wanted=$1 theirs=()

	shift
	while [[ $1 != -- ]]; do
		theirs+=("$1")
		shift
	done
	shift
	start_collector "${theirs[@]}"
	exports "$wanted" "$sentence" "$@"
	((wanted != 0)) || cmp "$scratch/x.pcap" "$scratch/into/x.pcap" || fail "it arrived damaged"
	rm -rf "$scratch/into" && mkdir "$scratch/into"
	stop_process "${process_ids[collector]}"
}

ciphers_are_agreed_on() {
	local sentence=

	prepare_two
	cp -p "$scratch/exporter-state/identity.pem" "$scratch/collector-state/"
	both 0 --
	both 0 --clear -- --clear
	both 0 --cipher aes-256-gcm -- --cipher aes-256-gcm
	sentence="give both the same --cipher, or both --clear"
	both 4 -- --clear
	both 4 --clear --
	both 4 --cipher aes-256-gcm --
	says 2 "aes-128-gcm or aes-256-gcm" "$streamd" export --to "$control" --port udp --cipher rot13 x
}

# What does not open is dropped and comes again, and somebody hears of it.
forgeries_are_told() {
	prepare_two
	cp -p "$scratch/exporter-state/identity.pem" "$scratch/collector-state/"
	head -c 3000000 /dev/urandom >"$scratch/x.pcap"
	start_collector --impair corrupt=0.05,seed=1
	stored
	wait_for 10 grep -q "warning lane: [0-9]* packets were forged, or damaged" "$scratch/collector.err" ||
		fail_with "the collector does not tell of packets that did not open"
}

# tapped OPTION...: what went over the wire while a file was moved, in tap.pcap.
tapped() {
	rm -rf "$scratch/tap"
	tap
	both 0 "$@" -- "$@"
	wait_for 10 tap_holds 300000 || fail "the tap has seen nothing"
	stop_process "${process_ids[tap]}"
}

# Neither names nor data are in what goes over the wire.
nothing_is_readable() {
	local sentence=

	prepare_two link_wire 1500 4 udp udp
	cp -p "$scratch/exporter-state/identity.pem" "$scratch/collector-state/"
	printf "a line that nobody else may read\n%.0s" {1..10000} >"$scratch/x.pcap"
	# What can be found in the clear is what is searched for.
	tapped --clear
	grep -qa "nobody else may read" "$scratch/tap/tap.pcap" || fail "the search finds nothing"
	tapped
	! grep -qa "nobody else may read" "$scratch/tap/tap.pcap" || fail "data are readable on the way"
	! grep -qaF x.pcap "$scratch/tap/tap.pcap" || fail "a name is readable on the way"
}

run_case key_is_made_once
run_case key_that_others_can_read
run_case no_place_for_a_key
run_case trusted_by_a_line_each
run_case trusted_by_option
run_case trusted_on_first_use
run_case one_user_needs_nothing
run_case strangers
run_case strangers_that_answer
run_case flood
run_case ciphers_are_agreed_on
run_case forgeries_are_told
run_case nothing_is_readable
finish_cases
