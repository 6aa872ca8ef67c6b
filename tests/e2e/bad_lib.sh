# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: BSD-3-Clause
# What the scripts share in which users and peers do what they should not: transfers on loopback, what
# programs say at their end, and that nothing half-done is left. Sourced after lib.sh.

bad_peer=$(dirname "${BASH_SOURCE[0]}")/bad_peer.py

# prepare [LINK]: udp unless said, or memif
prepare() {
	need_streamd
	need_scratch $((256 << 20))
	mkdir "$scratch/from" "$scratch/into"
	chmod 755 "$scratch/from"
	"link_${1:-udp}"
	own_state "$scratch/state"
}

# ends NAME STATUSES WORDS: it ends within 20 s with one of the statuses, and its last line on stderr
# holds the words (an extended regular expression) and is our sentence.
ends() {
	local name=$1 statuses=$2 words=$3 last

	end_of "$name" 20 || fail_with "the $name still runs after 20 s"
	last=$(tail -n 1 "$scratch/$name.err")
	[[ " $statuses " == *" $status "* ]] ||
		fail_with "the $name exits with $status instead of $statuses: $last"
	grep -qE -- "$words" <<<"$last" || fail_with "'$words' is not in the last line: $last"
	((status == 0)) || [[ $last == 'dpdk-streamd: '* ]] ||
		fail_with "the last line of the $name is no sentence of ours: $last"
}

# refuses STATUSES WORDS COMMAND...
refuses() {
	local statuses=$1 words=$2

	shift 2
	echo "---- $*"
	start refused "$@"
	ends refused "$statuses" "$words"
}

# An exporter to a peer that is not there: what it refuses, it refuses before it dials.
refuses_to_export() {
	local statuses=$1 words=$2

	shift 2
	refuses "$statuses" "$words" "$streamd" export --to "$control" "${exporter_port[@]}" \
		--connect-timeout 1s "$@"
}

refuses_to_collect() {
	local words=$1

	shift
	refuses 2 "$words" "$streamd" collect --into "$scratch/into" --control "$control" \
		"${collector_port[@]}" --once "$@"
}

# said NAME WORDS: it has written them, to stdout or stderr.
said() {
	grep -qsE -- "$2" "$scratch/$1.out" "$scratch/$1.err"
}

has_begun() {
	said exporter '"event": *"accepted"'
}

# start_collector [ARG...]: one that goes on serving, unless told otherwise; that nobody goes on with
# a transfer soon shows, and then nothing is kept of it.
start_collector() {
	start collector "$streamd" collect --into "$scratch/into" --control "$control" \
		"${collector_port[@]}" --json --reconnect-timeout 2s --keep-partial 0s "$@"
	wait_for 10 said collector 'listening on' || fail_with "the collector does not listen"
}

start_exporter() {
	start exporter "$streamd" export --to "$control" "${exporter_port[@]}" --json --state "$scratch/state" "$@"
}

# A transfer of 64 MiB that takes half a minute, in its midst.
start_slow_transfer() {
	make_capture "$scratch/from/slow.pcap" $((64 << 20))
	start_exporter --cc fixed --rate 20M --reconnect-timeout 1s "$@" "$scratch/from/slow.pcap"
	wait_for 15 has_begun || fail_with "the transfer does not begin"
}

# What serves goes on serving. The arguments are the exporter's.
honest_transfer_still_works() {
	make_capture "$scratch/honest.pcap" 1000001
	is_running collector || fail_with "the collector is gone"
	start honest "$streamd" export --to "$control" "${exporter_port[@]}" "$@" "$scratch/honest.pcap"
	end_of honest 20 || fail_with "an honest transfer does not end"
	((status == 0)) ||
		fail_with "an honest transfer ends with $status: $(tail -n 1 "$scratch/honest.err")"
	cmp "$scratch/honest.pcap" "$scratch/into/honest.pcap" || fail "it arrived damaged"
}

nothing_is_staged() {
	[[ -z $(find "$scratch/into/.dpdk-streamd" -mindepth 1 ! -name 'journal*' 2>/dev/null) ]]
}

# nothing_is_left: under a final name is what is complete, or nothing, and staging is empty.
nothing_is_left() {
	local name

	wait_for 10 nothing_is_staged ||
		fail_with "left in staging: $(find "$scratch/into/.dpdk-streamd" -mindepth 1)"
	while read -r name; do
		cmp "$scratch/from/$name" "$scratch/into/$name" ||
			fail_with "$name is not complete under its final name"
	done < <(cd "$scratch/into" && find . -name .dpdk-streamd -prune -o -type f ! -name honest.pcap -print)
}

# ---- peers that misbehave

# start_bad_collector HOW
start_bad_collector() {
	start "collector-$1" python3 "$bad_peer" collect "$scratch/port-$1" "$1"
	wait_for 10 test -e "$scratch/port-$1" || fail "the bad collector does not listen"
	control=127.0.0.1:$(<"$scratch/port-$1")
}

# udp_port NAME: of a process of ours
udp_port() {
	ss -Hlunp | awk -v who="pid=${process_ids[$1]}," 'index($0, who) { sub(/.*:/, "", $4); print $4; exit }'
}

has_port() {
	[[ -n $(udp_port "$1") ]]
}
