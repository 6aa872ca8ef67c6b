#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Kernel sockets at one end or both, over a wire between two namespaces: real captures cross, with
# losses at both ends, and what the kernel does for speed (trains of datagrams, cut and put together
# on the way) changes no byte. tests/e2e/ports.sh has more kinds of frames and trees.
# seconds: 90 300
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

impair=loss=0.01,reorder=0.01,dup=0.01,corrupt=0.001
more=$((1 << 20))
[[ -z $full ]] || more=$((128 << 20))

prepare() {
	need_streamd
	need_scratch $((2 * more + (64 << 20)))
	mkdir -p "$scratch/from"
	real_captures
	((${#captures[@]} == 0)) || cp -p "${captures[@]}" "$scratch/from"
	make_capture "$scratch/from/more.pcap" "$more"
}

# expect_losses: and what else --impair does, at each end.
expect_losses() {
	local end

	for end in exporter collector; do
		(($(summary "$scratch/$end.out" impaired_packets) > 0)) ||
			fail_with "nothing was lost at the $end"
	done
}

expect_crossed() {
	[[ $(summary "$scratch/exporter.out" verified) == true ]] || fail_with "nothing was verified"
	compare_trees "$scratch/from" "$scratch/into"
	expect_bounded_memory
	note_figures "$1"
}

# The kernel refuses DPDK a socket for AF_XDP now and then, on a loaded machine: the next is as good.
had_no_af_xdp() {
	grep -qs 'DPDK could not' "$scratch/exporter.err" "$scratch/collector.err"
}

move() {
	local attempt

	for attempt in 1 2 3; do
		transfer 120
		had_no_af_xdp || return 0
		echo "note: attempt $attempt: $(grep -h 'DPDK could not' "$scratch"/*.err)"
	done
	skip_case "no af_xdp here: $(grep -h 'DPDK could not' "$scratch"/*.err)"
}

# captures_cross MTU FAMILY EXPORTER_KIND COLLECTOR_KIND
captures_cross() {
	prepare
	link_wire "$@"
	programs --impair "$impair,seed=1" "$scratch"/from/*
	collector+=(--impair "$impair,seed=2")
	move
	expect_stored
	expect_losses
	expect_crossed "$3 to $4, IPv$2, MTU $1"
}

# captures_cross_in_trains MTU FAMILY: with all that the kernel has by default.
captures_cross_in_trains() {
	local in

	prepare
	link_wire "$@" udp udp
	for in in in_a in_b; do
		local -n namespace=$in
		"${namespace[@]}" ethtool -K wire tx on rx on tso on gso on gro on >/dev/null
	done
	programs --impair "$impair,seed=1" "$scratch"/from/*
	collector+=(--impair "$impair,seed=2")
	transfer 120
	expect_stored
	expect_losses
	expect_crossed "udp to udp in trains, IPv$2, MTU $1"
}

# Who may not exceed the machine's limit is told of it, and what to do; and is served all the same.
ordinary_user_is_told_of_a_small_buffer() {
	prepare
	user_streamd
	user_has_our_key
	collector_in=("${as_user[@]}")
	(($(</proc/sys/net/core/rmem_max) < 16 << 20)) || skip_case "this machine gives everyone 16 MiB"
	link_udp
	programs "$scratch"/from/*
	transfer 120
	expect_stored
	grep -q 'net.core.rmem_max' "$scratch/collector.err" || fail_with "nothing is said of the small buffer"
	expect_crossed "udp with an ordinary user's buffer"
}

run_case captures_cross 1500 4 af_packet udp
run_case captures_cross 1500 4 udp af_packet
run_case captures_cross 1500 4 af_xdp udp
run_case captures_cross 1500 4 udp af_xdp
run_case captures_cross_in_trains 9000 6
run_case ordinary_user_is_told_of_a_small_buffer
if [[ -n $full ]]; then
	run_case captures_cross 9000 6 af_packet udp
	run_case captures_cross 9000 6 udp af_packet
	run_case captures_cross 9000 4 udp udp
	run_case captures_cross 1500 6 udp udp
	run_case captures_cross_in_trains 1500 4
fi
finish_cases
