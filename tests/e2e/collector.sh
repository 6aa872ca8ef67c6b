#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A collector among exporters that lie, dawdle or leave: each is answered, and the others go on.
# seconds: 180 240
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
exporter_that_lies=$shell_top/tests/e2e/lying_exporter.py

prepare() {
	need_streamd
	need_scratch $((256 << 20))
	mkdir "$scratch/from" "$scratch/into"
	chmod 755 "$scratch/from"
	link_udp
	own_state "$scratch/state"
}

is_listening() {
	(exec 3<>"/dev/tcp/127.0.0.1/${control##*:}") 2>/dev/null
}

# start_collector [OPTION...]
start_collector() {
	start collector "$streamd" collect --into "$scratch/into" --control "$control" \
		"${collector_port[@]}" --json "$@"
	wait_for 10 is_listening || fail_with "the collector does not listen"
}

start_exporter() {
	start exporter "$streamd" export --to "$control" "${exporter_port[@]}" --json --state "$scratch/state" "$@"
}

# stored WHAT: an honest transfer of it still gets through.
stored() {
	is_running collector || fail_with "the collector is gone"
	start_exporter "$1"
	end_of exporter 30 || fail_with "an honest transfer does not end"
	((status == 0)) || fail_with "an honest transfer ends with $status"
	if [[ -d $1 ]]; then
		compare_trees "$1" "$scratch/into/${1##*/}"
	else
		cmp "$1" "$scratch/into/${1##*/}"
	fi
}

is_clean() {
	[[ -z $(find "$scratch/into/.dpdk-streamd" -mindepth 1 ! -name 'journal*') ]]
}

is_staged() {
	! is_clean
}

nothing_is_staged() {
	wait_for 10 is_clean || fail "staged files are left: $(ls -R "$scratch/into/.dpdk-streamd")"
}

# What the lying exporter asserts it asserts itself: its last line says which lie was believed.
lies() {
	local patience=3s

	# The first of a crowd says nothing more until the last has come, however long that takes.
	[[ $1 != crowd ]] || patience=1m
	prepare
	start_collector --mtu 1500 --reconnect-timeout "$patience" --keep-partial 0s
	start liar python3 "$exporter_that_lies" "${control##*:}" "$1"
	end_of liar 60 || fail_with "the exporter that lies goes on"
	((status == 0)) || fail_with "$(tail -n 1 "$scratch/liar.err")"
	nothing_is_staged
	mkdir "$scratch/from/tree"
	make_capture "$scratch/from/tree/honest.pcap" 300001
	stored "$scratch/from/tree"
}

# ---- exporters that leave

# Files of several sizes, empty ones and folders among them.
make_tree() {
	local i

	mkdir -p "$1/sub/empty"
	: >"$1/nothing"
	for i in 1 2 3 4 5 6 7 8 9; do
		head -c $((i * i * 1009)) /dev/urandom >"$1/sub/small$i"
	done
	make_capture "$1/large.pcap" 3000001
}

has_event() {
	grep -q '"event": *"'"$2"'"' "$scratch/$1.out"
}

has_begun() {
	grep -q '"event": *"accepted"' "$scratch/exporter.out"
}

an_exporter_that_stays_away_leaves_nothing() {
	prepare
	start_collector --reconnect-timeout 2s --keep-partial 0s
	make_capture "$scratch/from/slow.pcap" $((32 << 20))
	start_exporter --cc fixed --rate 20M --reconnect-timeout 1s "$scratch/from/slow.pcap"
	wait_for 15 has_begun || fail_with "the transfer does not begin"
	send KILL exporter
	wait_for 5 has_event collector parked || fail_with "the transfer is not parked"
	is_staged || fail "what came is given up at once"
	nothing_is_staged
	nothing_under "$scratch/into"
	make_tree "$scratch/from/tree"
	stored "$scratch/from/tree"
}

a_collector_that_is_killed_keeps_what_it_has() {
	prepare
	start_collector
	make_capture "$scratch/from/slow.pcap" $((16 << 20))
	start_exporter --cc fixed --rate 20M --reconnect-timeout 1s "$scratch/from/slow.pcap"
	wait_for 15 has_begun || fail_with "the transfer does not begin"
	wait_for 5 has_event collector progress || fail_with "nothing comes"
	send KILL collector
	end_of exporter 30 || fail_with "export goes on"
	((status == 3)) || fail_with "export ends with $status"
	nothing_under "$scratch/into"
	start_collector
	is_staged || fail "what came is removed"
	send TERM collector
	end_of collector 6 || fail_with "collect goes on"
	is_staged || fail "what came is removed by a clean stop"
	# Kept for no time at all, it goes with the next start.
	start_collector --keep-partial 0s
	nothing_is_staged
	stored "$scratch/from/slow.pcap"
}

# ends_resumed: the exporter comes to its end with what it began, and not all was sent again.
ends_resumed() {
	end_of exporter 60 || fail_with "export goes on"
	((status == 0)) || fail_with "export ends with $status"
	cmp "$scratch/from/slow.pcap" "$scratch/into/slow.pcap"
	jq -es 'map(select(.event == "resumed")) | length > 0 and all(.from_bytes > 0)' \
		"$scratch/exporter.out" >/dev/null || fail_with "it did not go on where it was"
	nothing_is_staged
}

a_collector_that_is_killed_goes_on() {
	local i

	prepare
	start_collector
	make_capture "$scratch/from/slow.pcap" $((12 << 20))
	start_exporter --cc fixed --rate 20M "$scratch/from/slow.pcap"
	for i in 1 2; do
		wait_for 15 has_event collector progress || fail_with "nothing comes"
		send KILL collector
		end_of collector 5 || fail "it cannot be killed"
		nothing_under "$scratch/into"
		start_collector
	done
	ends_resumed
}

a_collector_that_is_stopped_goes_on() {
	prepare
	start_collector --once
	make_capture "$scratch/from/slow.pcap" $((8 << 20))
	start_exporter --cc fixed --rate 20M "$scratch/from/slow.pcap"
	wait_for 15 has_event collector progress || fail_with "nothing comes"
	send TERM collector
	end_of collector 6 || fail_with "collect goes on"
	((status == 143)) || fail_with "collect ends with $status"
	start_collector --once
	ends_resumed
	end_of collector 10 || fail_with "collect goes on"
	((status == 0)) || fail_with "collect ends with $status"
}

a_stop_keeps_what_is_complete() {
	local before after

	prepare
	start_collector
	mkdir "$scratch/from/tree"
	make_capture "$scratch/from/tree/a.pcap" 100001
	make_capture "$scratch/from/tree/z.pcap" $((32 << 20))
	start_exporter --cc fixed --rate 20M --reconnect-timeout 1s "$scratch/from/tree"
	wait_for 15 test -e "$scratch/into/tree/a.pcap" || fail_with "the first file is not stored"
	before=$(now_ms)
	send TERM collector
	end_of collector 6 || fail_with "collect goes on"
	after=$(now_ms)
	((status == 0 && after - before < 5000)) ||
		fail_with "status $status after $((after - before)) ms"
	end_of exporter 5 || fail_with "export goes on"
	cmp "$scratch/from/tree/a.pcap" "$scratch/into/tree/a.pcap"
	[[ ! -e $scratch/into/tree/z.pcap ]] || fail "half a file stands under its name"
	is_staged || fail "what came of it is not kept"
}

# ---- transfers of several kinds

many_exporters_at_once() {
	local i

	prepare
	start_collector
	for i in 1 2 3 4 5 6; do
		make_tree "$scratch/from/tree$i"
		start "exporter$i" "$streamd" export --to "$control" \
			--port "udp:127.0.1.$i" "$scratch/from/tree$i"
	done
	for i in 1 2 3 4 5 6; do
		end_of "exporter$i" 60 || fail_with "exporter $i goes on"
		((status == 0)) || fail_with "exporter $i ends with $status"
		compare_trees "$scratch/from/tree$i" "$scratch/into/tree$i"
	done
	nothing_is_staged
}

what_is_there_already_is_not_sent() {
	prepare
	start_collector
	make_tree "$scratch/from/tree"
	stored "$scratch/from/tree"
	rm "$scratch/into/tree/sub/small7"
	stored "$scratch/from/tree"
	[[ $(summary "$scratch/exporter.out" already_stored_files) == 10 ]] ||
		fail_with "not everything counts as stored already"
	(($(summary "$scratch/exporter.out" data_packets) < 200)) || fail_with "it was sent again"
}

overwrite_replaces_what_differs() {
	prepare
	start_collector --overwrite
	make_tree "$scratch/from/tree"
	stored "$scratch/from/tree"
	printf x >>"$scratch/from/tree/sub/small1"
	printf y | dd of="$scratch/from/tree/large.pcap" bs=1 seek=2000000 conv=notrunc status=none
	stored "$scratch/from/tree"
}

once_ends_with_the_first_transfer() {
	prepare
	make_tree "$scratch/from/tree"
	start_collector --once
	# Neither a refusal nor a connection without a word is the end.
	start liar python3 "$exporter_that_lies" "${control##*:}" refused
	end_of liar 30 || fail_with "the exporter that lies goes on"
	stored "$scratch/from/tree"
	end_of collector 10 || fail_with "collect goes on"
	((status == 0)) || fail_with "collect ends with $status"
}

discard_verifies_and_keeps_nothing() {
	prepare
	make_tree "$scratch/from/tree"
	start collector "$streamd" collect --discard --control "$control" "${collector_port[@]}" \
		--json --once
	wait_for 10 is_listening || fail_with "the collector does not listen"
	start_exporter "$scratch/from/tree"
	end_of exporter 20 || fail_with "export goes on"
	((status == 0)) || fail_with "export ends with $status"
	end_of collector 10 || fail_with "collect goes on"
	[[ $(jq -r 'select(.event == "summary") | [.stored, .verified] | tostring' \
		"$scratch/collector.out") == '[false,true]' ]] || fail_with "the summary is wrong"
	nothing_under "$scratch/into"
}

few_descriptors_are_enough() {
	local i

	prepare
	mkdir "$scratch/from/many"
	for ((i = 0; i < 1500; i++)); do
		echo "$i" >"$scratch/from/many/$i"
	done
	start collector prlimit --nofile=400:400 "$streamd" collect --into "$scratch/into" \
		--control "$control" "${collector_port[@]}" --json
	wait_for 10 is_listening || fail_with "the collector does not listen"
	stored "$scratch/from/many"
}

for lie in silent refused offers messages digests resumes mtus crowd; do
	run_case lies "$lie"
done
run_case an_exporter_that_stays_away_leaves_nothing
run_case a_collector_that_is_killed_keeps_what_it_has
run_case a_collector_that_is_killed_goes_on
run_case a_collector_that_is_stopped_goes_on
run_case a_stop_keeps_what_is_complete
run_case many_exporters_at_once
run_case what_is_there_already_is_not_sent
run_case overwrite_replaces_what_differs
run_case once_ends_with_the_first_transfer
run_case discard_verifies_and_keeps_nothing
run_case few_descriptors_are_enough
finish_cases
