#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Nothing that happens to a link or a process loses a byte or a transfer: kills, cut connections, silence,
# absence and signals, and afterwards the same command goes on.
# seconds: 400 900
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/survive_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/survive_lib.sh"

# ---- kills

# What a kill may cost: what was not stored, and a ring.
most_resent=$(((192 + 64) << 20))
kills=0

make_large_tree() {
	local tree=$scratch/from/tree i

	mkdir -p "$tree"
	for i in 1 2 3 4 5 6 7 8 9; do
		make_capture "$tree/$i.pcap" $((i * 100003)) "$i"
	done
	make_capture "$tree/a large.pcap" $(($1 * 5 / 8)) 10
	make_captures "$tree/rotated" $(($1 * 3 / 8)) $(($1 / 16 + 1))
}

# kill_at BYTES NAME...: all at one instant, and each starts again with the same command.
kill_at() {
	local name at=$1

	shift
	wait_moved exporter "$at"
	kill_off "$@"
	for name; do
		kills=$((kills + 1))
		begin "$name"
	done
}

# kill_again NAME: as soon as it has met its peer again.
kill_again() {
	wait_event "$1" hello
	kill_off "$1"
	kills=$((kills + 1))
	begin "$1"
}

expect_few_resent() {
	local resent_bytes sent_bytes

	resent_bytes=$(resent)
	sent_bytes=$(sent_ever)
	echo "note: $1: $kills kills, $(human "$resent_bytes") of $(human "$2") sent again" \
		"($(human "$sent_bytes") in all)"
	((resent_bytes <= kills * most_resent)) || fail_with "$(human "$resent_bytes") were sent again"
	# Counters that a kill cut off are a tenth of a second old at most.
	((sent_bytes <= $2 + $2 / 50 + kills * most_resent)) || fail_with "$(human "$sent_bytes") were sent"
}

killed() {
	local mib=512 rate=430M step

	[[ -z $full ]] || mib=2048 rate=240M
	need_streamd
	need_scratch $((2 * (mib << 20) + (64 << 20)))
	link_memif
	user_folder into
	make_large_tree $((mib << 20))
	compose --rate "$rate"
	begin_both
	if [[ -z $full ]]; then
		kill_at $(((mib << 20) * 15 / 100)) collector
		kill_at $(((mib << 20) * 35 / 100)) exporter
		kill_at $(((mib << 20) * 60 / 100)) exporter collector
	else
		for ((step = 1; step <= 9; step++)); do
			kill_at $(((mib << 20) * (8 * step) / 100)) collector
			((step % 3 != 0)) || kill_again collector
			kill_at $(((mib << 20) * (8 * step + 4) / 100)) exporter
			((step % 3 != 0)) || kill_again exporter
		done
		kill_at $(((mib << 20) * 80 / 100)) collector exporter
	fi
	ends_well
	expect_few_resent "killed" $((mib << 20))
	(($(events_ever exporter 'select(.event == "resumed") | 1' | wc -l) >= 3)) ||
		fail_with "it does not say that it goes on"
}

# Its state is gone: what the collector holds is found all the same.
state_is_lost() {
	local bytes=$((512 << 20)) sent_bytes

	need_streamd
	need_scratch $((2 * bytes + (64 << 20)))
	link_memif
	user_folder into
	mkdir -p "$scratch/from/tree"
	make_capture "$scratch/from/tree/one.pcap" "$bytes" 1
	make_capture "$scratch/from/tree/two.pcap" 3000001 2
	compose --rate 1G
	begin_both
	wait_moved exporter $((bytes * 60 / 100))
	kill_off exporter
	lose_mirror
	begin exporter
	ends_well
	expect_resumed
	sent_bytes=$(sent_ever)
	echo "note: state lost at 60 %: $(human $((sent_bytes - bytes))) more than there is were sent"
	((sent_bytes < bytes + bytes / 50 + (64 << 20))) || fail_with "$(human "$sent_bytes") were sent"
	[[ -z $(find "$scratch/into/.dpdk-streamd" -mindepth 1 -type d) ]] ||
		fail "something is left of the transfer that was forgotten"
}

# ---- cuts of the control connection

# control_is_cut VERDICT...: for two seconds: that is what happens, not what is waited for. Small files keep
# the connection busy.
control_is_cut() {
	prepare
	link_wire 1500 4 af_packet af_packet
	make_tree
	mkdir "$scratch/from/tree/many"
	head -c $((12 << 20)) /dev/urandom | split -a 3 -b 50000 - "$scratch/from/tree/many/"
	rm "$scratch/from/tree/large.pcap"
	compose "${slow[@]}"
	begin_both
	wait_midway
	block_control "$@"
	[[ $1 != reject ]] || wait_event exporter control_lost
	sleep 2
	mend_control
	[[ $1 != reject ]] || wait_event exporter attached
	ends_well
	expect_nothing_resent
}

# The data path lived all the time.
# control_is_cut_often COUNT: again and again, for moments, and at the very end, when the last files are stored.
control_is_cut_often() {
	local i

	prepare
	link_wire 1500 4 af_packet af_packet
	make_tree
	mkdir "$scratch/from/tree/many"
	head -c $((12 << 20)) /dev/urandom | split -a 3 -b 20000 - "$scratch/from/tree/many/"
	rm "$scratch/from/tree/large.pcap"
	compose --rate 20M
	begin_both
	wait_midway
	for ((i = 1; i <= $1; i++)); do
		block_control reject with tcp reset
		wait_event_count exporter control_lost "$i"
		mend_control
		wait_event_count exporter attached "$i"
	done
	ends_well
	expect_nothing_resent
}

# Nobody is told that it is cut: it is found out.
control_is_cut_for_long() {
	prepare
	link_wire 1500 4 af_packet af_packet
	make_tree
	compose --rate 4M --reconnect-timeout 120s
	begin_both
	wait_midway
	block_control drop
	wait_event exporter control_lost 90
	mend_control
	wait_event exporter attached 60
	send TERM exporter
	ends exporter 5 143
	compose --reconnect-timeout 120s
	begin exporter
	ends_well
}

# ---- cuts of the data path

# data_is_cut SECONDS: the transfer begins within the first second. While the control connection stands, the way
# is given time to come back.
data_is_cut() {
	prepare
	make_tree
	compose "${slow[@]}" --impair "blackout=1500ms+$1s"
	begin_both
	ends_well
	(($(summary "$scratch/exporter.out" impaired_packets) > 0)) || fail_with "nothing was cut"
	expect_nothing_resent
}

# ---- absence

# The collector waits for its time, ends, and both go on later.
exporter_is_gone_for_long() {
	prepare
	make_tree
	compose "${slow[@]}"
	collector+=(--reconnect-timeout 1s)
	begin_both
	wait_midway
	kill_off exporter
	ends collector 15 1 'same command'
	nothing_stands_half
	begin_both
	ends_well
	expect_resumed
	(($(counter data_bytes) - $(counter retransmitted_bytes) <= $(summary "$scratch/exporter.out" bytes) - $(resumed_from))) ||
		fail_with "what was there was sent again: $(counter data_bytes) bytes"
}

# A collector that serves puts the transfer to sleep and serves on.
exporter_is_gone_while_others_are_served() {
	prepare udp
	make_tree
	compose_serving "${slow[@]}"
	collector+=(--reconnect-timeout 500ms)
	begin_both
	wait_midway
	kill_off exporter
	wait_event collector parked
	wait_for 15 said collector 'put away for later' || fail_with "the collector does not put it to sleep"
	make_capture "$scratch/other.pcap" 1000001
	start other "$streamd" export --to "$control" "${exporter_port[@]}" --state "$scratch/state" \
		"$scratch/other.pcap"
	ends other 30 0
	mv "$scratch/into/other.pcap" "$scratch"
	begin exporter
	ends_well
	expect_resumed
}

collector_is_gone_for_long() {
	prepare
	make_tree
	compose "${slow[@]}" --reconnect-timeout 1s
	begin_both
	wait_midway
	kill_off collector
	wait_event exporter parked
	ends exporter 15 3 'same command'
	nothing_stands_half
	begin_both
	ends_well
	expect_resumed
}

# open_files: what the collector has open, by what it is.
open_files() {
	find "/proc/${process_ids[collector]}/fd" -type l -printf '%l\n' 2>/dev/null |
		sed 's/[0-9]\{4,\}/N/; s/ (deleted)$//' | sort
}

has_let_go() {
	open_files >"$scratch/now"
	cmp -s "$scratch/before" "$scratch/now"
}

# Whatever becomes of transfers, a collector that serves has nothing open afterwards that it had not before.
descriptors_come_back() {
	need_root # what has a key shows its descriptors to nobody else
	prepare udp
	make_tree
	compose_serving "${slow[@]}"
	collector+=(--reconnect-timeout 1s)
	begin collector
	wait_for 10 said collector 'listening on' || fail_with "the collector does not listen"
	# What is opened once and kept, is open after the first transfer.
	make_capture "$scratch/other.pcap" 1000001
	start other "$streamd" export --to "$control" "${exporter_port[@]}" --state "$scratch/state" \
		"$scratch/other.pcap"
	ends other 30 0
	mv "$scratch/into/other.pcap" "$scratch"
	open_files >"$scratch/before"
	grep -q journal "$scratch/before" || fail_with "what it has open cannot be seen"
	begin exporter
	wait_midway
	kill_off exporter
	begin exporter
	wait_event exporter resumed
	wait_moved exporter $((12 << 20))
	kill_off exporter
	wait_for 15 said collector 'put away for later' || fail_with "the collector does not put it to sleep"
	wait_for 10 has_let_go || fail_with "put away: $(diff "$scratch/before" "$scratch/now" || true)"
	begin exporter
	ends_well
	wait_for 10 has_let_go || fail_with "stored: $(diff "$scratch/before" "$scratch/now" || true)"
}

# What stands under a final name is whole.
nothing_stands_half() {
	local file

	while read -r -d '' file; do
		cmp "$scratch/from/$file" "$scratch/into/$file" || fail "$file stands there and is not whole"
	done < <(cd "$scratch/into" && find . -name .dpdk-streamd -prune -o -type f -print0)
}

# ---- between the last file and the last word

# The collector rests when it has given the file its final name, so that there is time for a kill.
one_slow_publisher() {
	command -v strace >/dev/null || skip_case "strace is not installed"
	prepare
	mkdir "$scratch/from/tree"
	make_capture "$scratch/from/tree/one.pcap" 3000001
	# What is under ptrace cannot look for leaks.
	export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
}

rest_after_rename=(strace -D -f -qq -o /dev/null -e 'trace=renameat2' -e 'inject=renameat2:delay_exit=1000000')

is_published() {
	[[ -e $scratch/into/tree/one.pcap ]]
}

stored_before_the_exporter_heard() {
	local inode

	one_slow_publisher
	compose_serving
	start collector "${rest_after_rename[@]}" "${collector[@]}"
	begin exporter
	wait_for 20 is_published || fail_with "the file does not appear"
	kill_off exporter
	inode=$(stat -c %i "$scratch/into/tree/one.pcap")
	begin exporter
	ends_well
	(($(summary "$scratch/exporter.out" data_packets) == 0)) || fail_with "something was sent again"
	(($(summary "$scratch/exporter.out" already_stored_files) == 1)) ||
		fail_with "it does not count as stored already"
	[[ $(stat -c %i "$scratch/into/tree/one.pcap") == "$inode" ]] || fail "it was stored twice"
}

# stored_before_the_collector_told NAME...: who is killed.
stored_before_the_collector_told() {
	local inode name

	one_slow_publisher
	compose
	start collector "${rest_after_rename[@]}" "${collector[@]}"
	begin exporter
	wait_for 20 is_published || fail_with "the file does not appear"
	kill_off "$@"
	inode=$(stat -c %i "$scratch/into/tree/one.pcap")
	for name; do
		begin "$name"
	done
	ends_well
	[[ $(stat -c %i "$scratch/into/tree/one.pcap") == "$inode" ]] || fail "it was stored twice"
	[[ $# == 1 ]] || (($(summary "$scratch/exporter.out" already_stored_files) == 1)) ||
		fail_with "it does not count as stored already"
	[[ $# == 1 ]] || (($(summary "$scratch/exporter.out" data_packets) == 0)) || fail_with "something was sent again"
}

# ---- signals

stopped() {
	prepare
	make_tree
	compose "${slow[@]}"
	begin_both
	wait_midway
	send TERM exporter
	ends exporter 5 143
	wait_event collector parked
	wait_for 5 said collector '"awaited_seconds": *[0-9]' || fail_with "nobody sees that it waits"
	nothing_stands_half
	begin exporter
	wait_event exporter resumed
	wait_moved exporter $((16 << 20))
	send TERM collector
	ends collector 5 143
	nothing_stands_half
	wait_event exporter parked
	wait_for 5 said exporter '"reconnect_seconds": *[0-9]' || fail_with "nobody sees that it waits"
	begin collector
	ends_well
	expect_resumed
}

# ---- what one sees

on_a_terminal() {
	prepare
	make_tree
	compose "${slow[@]}"
	begin_both
	wait_midway
	kill_off exporter
	# The same without --json, on a terminal.
	start terminal script -qfec "$(printf '%q ' "${exporter[@]}" | sed 's/ --json / /')" "$scratch/typescript"
	wait_for 20 grep -qa 'limit ' "$scratch/typescript" || fail "there is no progress on the terminal"
	kill_off collector
	wait_for 20 grep -qaE 'parked for [0-9]+ s, reconnecting in [0-9]+ s, resumes at [0-9]' "$scratch/typescript" ||
		fail "it does not say that it is parked: $(tail -c 600 "$scratch/typescript")"
	begin collector
	end_of terminal 60 || fail "it does not go on: $(tail -c 600 "$scratch/typescript")"
	((status == 0)) || fail "it ends with $status: $(tail -c 600 "$scratch/typescript")"
	grep -qa 'stored and verified' "$scratch/typescript" || fail "it does not say that all is stored"
	compare_trees "$scratch/from" "$scratch/into"
}

run_case killed
run_case state_is_lost
run_case control_is_cut reject with tcp reset
run_case control_is_cut drop
run_case control_is_cut_often 5
[[ -z $full ]] || run_case control_is_cut_for_long
run_case data_is_cut 3
[[ -z $full ]] || run_case data_is_cut 10
run_case exporter_is_gone_for_long
run_case exporter_is_gone_while_others_are_served
run_case descriptors_come_back
run_case collector_is_gone_for_long
run_case stored_before_the_exporter_heard
run_case stored_before_the_collector_told collector
run_case stored_before_the_collector_told collector exporter
run_case stopped
run_case on_a_terminal
finish_cases
