#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Live sources: what is read once arrives whole or fails, through pauses and lost collectors.
# seconds: 60 150
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A ring as small as it can be: 16 chunks of the window, and one.
small_ring=(--chunk 64K --window 1M --ring 64K)

prepare() {
	need_streamd
	need_scratch $((256 << 20))
	mkdir "$scratch/into"
	make_capture "$scratch/x.pcap" $((${1:-64} << 20))
	mkfifo "$scratch/source"
	link_udp
}

# start_collector [OPTION...]
start_collector() {
	start collector "$streamd" collect --into "$scratch/into" --control "$control" \
		"${collector_port[@]}" --json "$@"
	wait_for 10 is_listening || fail_with "the collector does not listen"
}

# start_exporter ARG...: of the FIFO at its standard input, as x.pcap.
start_exporter() {
	start exporter bash -c 'from=$1 && shift && exec "$@" <"$from"' - "$scratch/source" \
		"$streamd" export --to "$control" "${exporter_port[@]}" --json - --name x.pcap "$@"
}

# expect_end STATUS: of the exporter.
expect_end() {
	end_of exporter 30 || fail_with "export does not end"
	((status == $1)) || fail_with "export exits with $status instead of $1"
}

# bytes_moved: as far as the exporter has told.
bytes_moved() {
	jq -rs '[.[] | select(.event == "progress") | .bytes] | last // 0' "$scratch/exporter.out"
}

has_moved() {
	(($(bytes_moved) >= $1))
}

has_progress() {
	(($(event_count "$scratch/exporter.out" progress) >= $1))
}

has_event() {
	(($(event_count "$scratch/$1.out" "$2") >= ${3:-1}))
}

arrived() {
	expect_end 0
	cmp "$scratch/x.pcap" "$scratch/into/x.pcap" || fail_with "another file arrived"
}

is_clean() {
	[[ -z $(find "$scratch/into/.dpdk-streamd" -mindepth 1 ! -name 'journal*') ]]
}

# Nothing of it stands under its name, or will.
nothing_arrived() {
	nothing_under "$scratch/into"
	wait_for 10 is_clean || fail "staged files are left: $(ls -R "$scratch/into/.dpdk-streamd")"
}

a_pipe_arrives_identical() {
	prepare
	start_collector --once
	start_exporter
	cat "$scratch/x.pcap" >"$scratch/source"
	arrived
	end_of collector 10 || fail_with "collect goes on though export is done"
	((status == 0)) || fail_with "collect exits with $status"
	[[ $(summary "$scratch/exporter.out" stored) == true ]] || fail_with "it is not said to be stored"
	[[ $(summary "$scratch/exporter.out" bytes) == "$(stat -c %s "$scratch/x.pcap")" ]] ||
		fail_with "the summary has other bytes"
}

nothing_is_an_empty_file() {
	prepare 1
	start_collector
	start_exporter
	: >"$scratch/source"
	expect_end 0
	[[ -f $scratch/into/x.pcap && ! -s $scratch/into/x.pcap ]] || fail_with "no empty file"
}

# Longer than the idle timeout of either side.
a_pause_of_the_source_is_no_stall() {
	local half=1500000

	prepare 4
	start_collector --idle-timeout 500ms
	start_exporter --idle-timeout 500ms
	exec 9>"$scratch/source"
	head -c "$half" "$scratch/x.pcap" >&9
	wait_for 10 has_moved 1300000 || fail_with "the first half does not move"
	wait_for 10 has_progress $(($(event_count "$scratch/exporter.out" progress) + 2)) ||
		fail_with "export does not last"
	tail -c +$((half + 1)) "$scratch/x.pcap" >&9
	exec 9>&-
	arrived
}

# Twice, the second time while the source pauses.
a_collector_is_killed_and_comes_back() {
	local part=$((24 << 20))

	prepare
	start_collector
	start_exporter --rate 2G
	exec 9>"$scratch/source"
	head -c "$part" "$scratch/x.pcap" >&9
	wait_for 10 has_moved $((1 << 20)) || fail_with "nothing moves"
	send KILL collector
	wait_for 10 has_event exporter parked || fail_with "export does not park"
	start_collector
	wait_for 20 has_event exporter resumed || fail_with "export does not go on"
	wait_for 10 has_moved $((part - (1 << 20))) || fail_with "nothing moves after the first"
	send KILL collector
	wait_for 10 has_event exporter parked 2 || fail_with "export does not park again"
	tail -c +$((part + 1)) "$scratch/x.pcap" >&9
	exec 9>&-
	start_collector
	wait_for 20 has_event exporter resumed 2 || fail_with "export does not go on again"
	arrived
}

# The ring is smaller than what the source has to give: it is held up, and nothing is lost.
an_absence_holds_the_source_up() {
	prepare 32
	start_collector "${small_ring[@]}"
	start_exporter "${small_ring[@]}"
	exec 9>"$scratch/source"
	head -c $((4 << 20)) "$scratch/x.pcap" >&9
	wait_for 10 has_moved $((3 << 20)) || fail_with "nothing moves"
	send KILL collector
	wait_for 10 has_event exporter parked || fail_with "export does not park"
	start producer bash -c 'tail -c +"$1" "$2" >"$3"' - $(((4 << 20) + 1)) "$scratch/x.pcap" \
		"$scratch/source"
	exec 9>&-
	wait_for 10 has_progress $(($(event_count "$scratch/exporter.out" progress) + 2)) ||
		fail_with "export does not last"
	is_running producer || fail_with "the source was read to its end without a collector"
	start_collector "${small_ring[@]}"
	arrived
}

# What was read of it is gone with the process: a run after that begins anew, and says so before.
a_killed_exporter_cannot_be_continued() {
	prepare 8
	start_collector --reconnect-timeout 1s
	start_exporter
	exec 9>"$scratch/source"
	head -c $((4 << 20)) "$scratch/x.pcap" >&9
	wait_for 10 has_moved $((3 << 20)) || fail_with "nothing moves"
	grep -q 'another run cannot' "$scratch/exporter.err" || fail_with "it does not say so"
	send KILL exporter
	expect_end 137
	exec 9>&-
	nothing_under "$scratch/into"
	start_exporter
	cat "$scratch/x.pcap" >"$scratch/source"
	arrived
}

# kept_part: where the collector says that what came of a failed one is.
kept_part() {
	sed -n 's/.*what came of it stays in \(.*\) (--keep-partial).*/\1/p' "$scratch/collector.err" | head -n 1
}

says_part() {
	[[ -n $(kept_part) ]]
}

# part_is_kept BYTES: at least so many of the beginning, under no final name.
part_is_kept() {
	local part

	nothing_under "$scratch/into"
	wait_for 10 says_part || fail_with "the collector does not say where what came of it is"
	part=$(kept_part)
	wait_for 10 is_left "$part" || fail_with "the collector still has it open"
	(($(stat -c %s "$part") >= $1)) || fail_with "only $(stat -c %s "$part") bytes of it are there"
	cmp -n "$(stat -c %s "$part")" "$part" "$scratch/x.pcap" || fail_with "that is not what came"
}

# Its lock is free: nobody is at it any more.
is_left() {
	[[ -f $1 ]] && flock --exclusive --nonblock "${1%/*}" true
}

# What it has read is brought there first, down to the last byte.
a_stopped_exporter_says_where_its_part_is() {
	local cut=$(((4 << 20) + 7))

	prepare 8
	start_collector
	start_exporter
	exec 9>"$scratch/source"
	head -c "$cut" "$scratch/x.pcap" >&9
	wait_for 10 has_moved $((4 << 20)) || fail_with "nothing moves"
	send TERM exporter
	expect_end 143
	grep -q 'cannot be resumed' "$scratch/exporter.err" || fail_with "it does not say what that means"
	part_is_kept "$cut"
}

nothing_is_kept_unasked() {
	prepare 8
	start_collector --keep-partial 0s
	start_exporter
	exec 9>"$scratch/source"
	head -c $((4 << 20)) "$scratch/x.pcap" >&9
	wait_for 10 has_moved $((3 << 20)) || fail_with "nothing moves"
	send TERM exporter
	expect_end 143
	nothing_arrived
}

# ---- producers that are lost

# The last bytes that came are kept, too.
a_killed_writer_fails_its_capture() {
	local cut=$(((4 << 20) + 7))

	prepare 8
	start_collector
	start_exporter
	start producer bash -c 'head -c "$1" "$2" >"$3"' - "$cut" "$scratch/x.pcap" "$scratch/source"
	expect_end 1
	grep -q 'x.pcap: the capture ends inside a packet: its producer was lost' "$scratch/exporter.err" ||
		fail_with "the reason is not said"
	part_is_kept "$cut"
}

# start_producing COMMAND [ARG...]
start_producing() {
	local command=$1

	shift
	start exporter "$streamd" export --to "$control" "${exporter_port[@]}" --json --exec "$command" \
		--name x.pcap "$@"
}

a_command_arrives_identical() {
	prepare 8
	start_collector
	start_producing "cat '$scratch/x.pcap'"
	arrived
}

# Whatever it wrote, whole packets or not.
a_command_that_fails_is_no_file() {
	local how=$1

	prepare 4
	start_collector
	start_producing "cat '$scratch/x.pcap'; $how"
	expect_end 1
	grep -q "x.pcap: its producer failed: .*$2" "$scratch/exporter.err" || fail_with "the reason is not said"
	part_is_kept $((4 << 20))
}

a_stopped_exporter_ends_its_command() {
	prepare 4
	start_collector
	start_producing "echo \$\$ >'$scratch/id'; head -c 3000000 '$scratch/x.pcap'; sleep 1000"
	wait_for 10 has_moved $((2 << 20)) || fail_with "nothing moves"
	send TERM exporter
	expect_end 143
	# What init has not taken yet is no process any more.
	! pgrep --pgroup "$(cat "$scratch/id")" --runstates D,R,S,T >/dev/null ||
		fail_with "its command is still there"
}

# A command may end as it likes when it is told to: its exit says whether that is the end.
a_stopped_exporter_lets_its_command_end() {
	prepare 4
	start_collector
	start_producing "trap \"tail -c +3000001 '$scratch/x.pcap'; exit 0\" TERM
		head -c 3000000 '$scratch/x.pcap'
		while :; do sleep 0.1; done"
	wait_for 10 has_moved $((2 << 20)) || fail_with "nothing moves"
	send TERM exporter
	arrived
}

# ---- names

a_fifo_takes_a_name() {
	prepare 4
	start_collector
	start exporter "$streamd" export --to "$control" "${exporter_port[@]}" --json \
		"$scratch/source" --name x.pcap
	cat "$scratch/x.pcap" >"$scratch/source"
	arrived
}

# refused WORDS ARG...: as a usage, before anything is sent.
refused() {
	local words=$1

	shift
	start exporter "$streamd" export --to "$control" "${exporter_port[@]}" "$@"
	expect_end 2
	tail -n 1 "$scratch/exporter.err" | grep -q "^dpdk-streamd: .*$words" || fail_with "the reason is not said"
}

names_and_fifos_that_are_refused() {
	prepare 1
	refused 'source' "$scratch/source" "$scratch/x.pcap"
	refused 'is no FIFO' "$scratch/x.pcap" --name y.pcap
}

# A read that fails is no end.
what_cannot_be_read_is_no_file() {
	prepare 1
	rm "$scratch/source"
	mkdir "$scratch/source"
	start_collector
	start_exporter
	expect_end 1
	grep -q 'x.pcap: is a folder\|x.pcap: .*director' "$scratch/exporter.err" ||
		fail_with "the reason is not said"
	nothing_arrived
}

run_case a_pipe_arrives_identical
run_case nothing_is_an_empty_file
run_case a_pause_of_the_source_is_no_stall
run_case a_collector_is_killed_and_comes_back
run_case an_absence_holds_the_source_up
run_case a_killed_exporter_cannot_be_continued
run_case a_stopped_exporter_says_where_its_part_is
run_case nothing_is_kept_unasked
run_case a_killed_writer_fails_its_capture
run_case a_command_arrives_identical
run_case a_command_that_fails_is_no_file 'exit 3' 'exited with status 3'
# shellcheck disable=SC2016
run_case a_command_that_fails_is_no_file 'kill -9 $$' 'was ended by signal 9'
run_case a_stopped_exporter_ends_its_command
run_case a_stopped_exporter_lets_its_command_end
run_case a_fifo_takes_a_name
run_case names_and_fifos_that_are_refused
run_case what_cannot_be_read_is_no_file
finish_cases
