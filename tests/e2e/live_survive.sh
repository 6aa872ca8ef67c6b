#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Live sources through kills of the collector and cuts of either connection: what is read once arrives
# whole, and a file that is stored is never said to have failed.
# seconds: 60 400
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/survive_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/survive_lib.sh"

# prepare_source BYTES: x.pcap, that a program writes into a FIFO.
prepare_source() {
	need_streamd
	need_scratch $((2 * $1 + (64 << 20)))
	user_folder into
	make_capture "$scratch/x.pcap" "$1"
	mkfifo "$scratch/source"
}

# compose_live ARG...: both command lines for the link; the arguments are the exporter's.
compose_live() {
	collector=("${collector_in[@]}" "$streamd" collect --into "$scratch/into" --control "$control"
		"${collector_port[@]}" --json)
	# shellcheck disable=SC2016
	exporter=("${exporter_in[@]}" bash -c 'exec "$@" <"$0"' "$scratch/source" "$streamd" export
		--to "$control" "${exporter_port[@]}" --json "$@" - --name x.pcap)
}

# produce COMMAND...: what comes out of it is the source.
produce() {
	# shellcheck disable=SC2016
	start producer bash -c 'exec "${@:2}" >"$1"' - "$scratch/source" "$@"
}

arrived() {
	ends exporter "$patience" 0
	[[ $(summary "$scratch/exporter.out" verified) == true ]] || fail_with "it is not verified"
	cmp "$scratch/x.pcap" "$scratch/into/x.pcap" || fail_with "another file arrived"
}

# kill_collector BYTES: at that point, and it starts again.
kill_collector() {
	wait_moved exporter "$1"
	kill_off collector
	begin collector
}

# kills_and_a_blackout MIB RATE KILLS: the blackout takes longer than the ring lasts, so that its producer
# is held up, too.
kills_and_a_blackout() {
	local bytes=$(($1 << 20)) i

	prepare_source "$bytes"
	link_memif
	compose_live --rate "$2" --ring 64M --impair 'blackout=1s+3s'
	begin_both
	produce cat "$scratch/x.pcap"
	for ((i = 1; i <= $3; i++)); do
		kill_collector $((bytes * i / ($3 + 1)))
		wait_event_count exporter resumed "$i"
	done
	arrived
	(($(summary "$scratch/exporter.out" impaired_packets) > 0)) || fail_with "nothing was cut"
	[[ -z $(events exporter 'select(.event == "resumed" and .from_bytes == 0) | .event') ]] ||
		fail_with "it began anew instead of going on"
	echo "note: $3 kills, $(human "$(resent)") of $(human "$bytes") sent again"
	(($(resent) <= $3 * (64 << 20))) || fail_with "more than the ring holds was sent again"
}

# begin_fed BYTES: over the wire, and the source is what this case writes.
begin_fed() {
	prepare_source "$1"
	link_wire 1500 4 af_packet af_packet
	compose_live --chunk 64K
	collector+=(--chunk 64K)
	begin_both
	exec 8<"$scratch/x.pcap" 9>"$scratch/source"
}

# feed BYTES: more of it.
feed() {
	head -c "$1" <&8 >&9
}

feed_until() {
	feed 65536
	"$@"
}

# cut_control COUNT: the exporter notices with the next it has to say.
cut_control() {
	block_control reject with tcp reset
	wait_for 10 feed_until has_event_count exporter control_lost "$1" ||
		fail_with "the exporter does not notice"
}

# The source goes on while its exporter dials, greets and attaches.
control_is_cut() {
	local i

	begin_fed $((32 << 20))
	for i in 1 2 3; do
		feed $((1 << 20))
		wait_moved exporter $((i << 20))
		cut_control "$i"
		mend_control
		wait_for 20 feed_until has_event_count exporter attached "$i" ||
			fail_with "the exporter does not attach"
	done
	cat <&8 >&9
	exec 9>&-
	arrived
	expect_nothing_resent
}

# The collector has heard of its end, stores it, can tell nobody, and forgets it.
control_is_cut_until_it_is_forgotten() {
	prepare_source $((8 << 20))
	link_wire 1500 4 af_packet af_packet
	compose_live --rate 24M
	begin_both
	produce cat "$scratch/x.pcap"
	wait_midway
	block_control reject with tcp reset
	wait_event collector file_stored
	wait_event exporter parked
	mend_control
	arrived
	[[ $(summary "$scratch/exporter.out" already_stored_files) == 1 ]] || fail_with "it was sent again"
}

if [[ -z $full ]]; then
	run_case kills_and_a_blackout 512 900M 2
else
	run_case kills_and_a_blackout 1024 400M 10
fi
run_case control_is_cut
[[ -z $full ]] || run_case control_is_cut_until_it_is_forgotten
finish_cases
