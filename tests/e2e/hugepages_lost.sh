#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Hugepages that were free when a program looked, and another process's when DPDK asked for them: it starts
# again with ordinary memory, and moves what it was to move.
# seconds: 60
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# lose_hugepages: from now on both programs do.
lose_hugepages() {
	local preload=(env "LD_PRELOAD=$build/tests/support/hugepages_lost.so" "ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0")

	exporter_in=("${preload[@]}")
	collector_in=("${preload[@]}")
}

prepare() {
	need_streamd
	need_scratch $((64 << 20))
	mkdir "$scratch/from"
	make_capture "$scratch/from/one.pcap" 5000001
	link_memif
	lose_hugepages
}

expect_second_start() {
	grep -q 'starting again with ordinary memory' "$scratch/$1.err" || fail_with "the $1 says nothing of it"
	grep -q 'eal: .*ordinary memory' "$scratch/$1.err" || fail_with "the $1 does not have ordinary memory"
}

both_start_again() {
	prepare
	programs "$scratch/from/one.pcap"
	transfer 60
	expect_stored
	compare_trees "$scratch/from" "$scratch/into"
	expect_second_start exporter
	expect_second_start collector
}

# arrives NAME: what was read of it stands there.
arrives() {
	cmp "$scratch/from/one.pcap" "$scratch/into/$1" || fail_with "it arrived damaged"
	expect_second_start exporter
}

# Nothing was read before, so nothing is lost of what can be read once only.
standard_input_is_whole() {
	prepare
	programs --name live.pcap -
	user_folder into
	start collector "${collector[@]}"
	dd if="$scratch/from/one.pcap" bs=64K status=none |
		"${exporter[@]}" >"$scratch/exporter.out" 2>"$scratch/exporter.err" ||
		fail_with "export exits with $?"
	arrives live.pcap
}

a_fifo_keeps_its_reader() {
	prepare
	mkfifo "$scratch/fifo"
	programs --name live.pcap "$scratch/fifo"
	start writer dd if="$scratch/from/one.pcap" of="$scratch/fifo" bs=64K status=none
	transfer 60
	expect_stored
	end_of writer 5 || fail "the writer goes on"
	((status == 0)) || fail "the writer was ended: $status"
	arrives live.pcap
}

# A command is not run twice: what it has done cannot be undone.
a_command_is_not_run_again() {
	prepare
	programs --name live.pcap --exec "echo run >>$scratch/runs; cat $scratch/from/one.pcap"
	start exporter "${exporter[@]}"
	end_of exporter 20 || fail_with "export goes on"
	((status == 2)) || fail_with "export exits with $status instead of 2"
	grep -q '^dpdk-streamd: the hugepages.*run the same command again' "$scratch/exporter.err" ||
		fail_with "it does not say why"
	[[ ! -e $scratch/runs ]] || (($(wc -l <"$scratch/runs") == 1)) || fail "the command ran twice"
}

run_case both_start_again
run_case standard_input_is_whole
run_case a_fifo_keeps_its_reader
run_case a_command_is_not_run_again
finish_cases
