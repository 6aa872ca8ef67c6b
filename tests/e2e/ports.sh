#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One pass over each kind of port: a tree of captures crosses, with losses, and is the same. And
# who comes first, goes and comes back, or shares a collector makes no difference.
# alone: takes the machine's hugepages
# seconds: 240 600
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A port that holds bodies lends no rooms to encrypt them into: so some do the one, some the other.
lending=loss=0.01,reorder=0.01,dup=0.01,corrupt=0.001
faults=$lending,hold=2ms
impair=$faults,seed=1
bytes=$((64 << 20))
[[ -z $full ]] || bytes=$((1 << 30))

prepare() {
	need_streamd
	need_scratch $((2 * bytes + (64 << 20)))
}

# ---- kinds of ports

# A tree with what makes layouts hard: empty, tiny, unaligned, and several chunks.
make_tree() {
	local tree=$scratch/from/tree

	mkdir -p "$tree/an empty folder" "$tree/sub"
	: >"$tree/empty"
	printf x >"$tree/sub/one byte"
	make_capture "$tree/sub/odd.pcap" 1000001
	make_capture "$tree/several interfaces.pcapng" 3000000
	make_captures "$tree/rotated" "$bytes" $((24 << 20))
	chmod -R a+rX "$scratch/from"
}

# cross NAME ARG...: moves the tree over the link that was set up; the arguments are the exporter's.
cross() {
	local name=$1

	shift
	make_tree
	programs "$@" "$scratch/from/tree"
	transfer 200
	expect_stored
	compare_trees "$scratch/from" "$scratch/into"
	expect_few_resent
	expect_bounded_memory
	note_figures "$name"
}

# expect_memory WORDS: what both sides say that DPDK's memory is.
expect_memory() {
	local name

	for name in exporter collector; do
		grep -q "eal: .*$1" "$scratch/$name.err" || fail_with "the $name does not have $1"
	done
}

memif_as_ordinary_user() {
	prepare
	user_streamd
	user_folder link
	exporter_in=("${as_user[@]}")
	collector_in=("${as_user[@]}")
	link_memif
	cross "memif, ordinary user" --impair "$impair"
	expect_memory 'ordinary memory'
}

memif_with_hugepages() {
	prepare
	need_hugepages 768
	link_memif
	cross "memif, hugepages" --impair "$lending,seed=1"
	expect_memory 'hugepages of 2 MiB'
}

# Impaired on both sides: half the losses are beyond the exporter's own count.
memif_with_both_sides_impaired() {
	prepare
	link_memif
	make_tree
	programs --impair "$impair" "$scratch/from/tree"
	collector+=(--impair "$faults,seed=2")
	transfer 200
	expect_stored
	compare_trees "$scratch/from" "$scratch/into"
	expect_few_resent
}

udp_on_loopback() {
	prepare
	link_udp
	cross udp --impair "$impair"
}

# wire MTU FAMILY EXPORTER_KIND COLLECTOR_KIND
wire() {
	prepare
	link_wire "$@"
	cross "$3 to $4, IPv$2, MTU $1" --impair "$lending,seed=1"
}

# ---- who comes when

make_one() {
	mkdir -p "$scratch/from"
	make_capture "$scratch/from/one.pcap" 5000001
}

exporter_waits() {
	[[ -S $scratch/link/memif.sock ]]
}

memif_is_connected() {
	ss -xH | grep -q "ESTAB.*$scratch/link/memif.sock"
}

# Starts one side and waits until it can be found.
start_exporter() {
	start exporter "${exporter[@]}"
	wait_for 20 exporter_waits || fail_with "the exporter does not open its port"
}

start_collector() {
	start_awaited_collector
	wait_for 20 is_listening || fail_with "the collector does not listen"
}

# To an exporter that waits for it, so that it may be done before anyone can look.
start_awaited_collector() {
	mkdir -p "$scratch/into"
	start collector "${collector[@]}"
}

kill_off() {
	send KILL "$1"
	end_of "$1" 10 || fail_with "the $1 survives SIGKILL"
}

expect_one() {
	end_of exporter 60 || fail_with "export is not done"
	exported=$status
	end_of collector 15 || fail_with "collect goes on though export is done"
	collected=$status
	expect_stored
	compare_trees "$scratch/from" "$scratch/into"
}

prepare_one() {
	prepare
	link_memif
	make_one
	programs "$scratch/from/one.pcap"
}

exporter_first() {
	prepare_one
	start_exporter
	start_awaited_collector
	expect_one
}

collector_first() {
	prepare_one
	start_collector
	start_exporter
	expect_one
}

# It leaves a socket file that nobody listens on.
exporter_killed_before_anyone_came() {
	prepare_one
	start_exporter
	kill_off exporter
	exporter_waits || fail "the socket file is gone: nothing is tried here"
	start exporter "${exporter[@]}"
	start_awaited_collector
	expect_one
}

collector_killed_before_anyone_came() {
	prepare_one
	start_collector
	kill_off collector
	start_collector
	start_exporter
	expect_one
}

# The ports have met, the control connections have not: each looks for the other where it is not.
exporter_killed_after_the_ports_met() {
	local elsewhere

	prepare_one
	elsewhere=$(free_port)
	start_collector
	exporter=("${exporter[@]/$control/127.0.0.1:$elsewhere}")
	start exporter "${exporter[@]}"
	wait_for 20 memif_is_connected || fail_with "the ports do not meet"
	kill_off exporter
	programs "$scratch/from/one.pcap"
	start exporter "${exporter[@]}"
	expect_one
}

collector_killed_after_the_ports_met() {
	local elsewhere

	prepare_one
	elsewhere=$(free_port)
	start_exporter
	collector=("${collector[@]/$control/127.0.0.1:$elsewhere}")
	start_awaited_collector
	wait_for 20 memif_is_connected || fail_with "the ports do not meet"
	kill_off collector
	programs "$scratch/from/one.pcap"
	start_awaited_collector
	expect_one
}

# ---- one collector for many

# A collector that goes on serving.
start_serving() {
	local i

	programs
	for i in "${!collector[@]}"; do
		[[ ${collector[i]} != --once ]] || unset "collector[$i]"
	done
	start_collector
}

stop_serving() {
	is_running collector || fail_with "the collector is gone"
	send TERM collector
	end_of collector 6 || fail_with "the collector goes on 6 s after SIGTERM"
	((status == 0)) || fail_with "the collector exits with $status"
	compare_trees "$scratch/from" "$scratch/into"
}

one_after_another() {
	local n

	prepare
	link_memif
	start_serving
	mkdir "$scratch/from"
	for n in 1 2 3; do
		make_capture "$scratch/from/$n.pcap" $((n * 3000001)) "$n"
		programs --impair "$impair" "$scratch/from/$n.pcap"
		start exporter "${exporter[@]}"
		end_of exporter 60 || fail_with "export $n is not done"
		((status == 0)) || fail_with "export $n exits with $status"
	done
	stop_serving
}

has_begun() {
	grep -q '"event": *"accepted"' "$scratch/$1.out"
}

# Both are held to 200 Mb/s, so that neither ends before the other has begun.
two_at_once() {
	local n

	prepare
	link_udp
	start_serving
	mkdir "$scratch/from"
	for n in 1 3; do
		make_capture "$scratch/from/$n.pcap" $((32000000 + n)) "$n"
		exporter_port=(--port "udp:127.0.0.$n")
		programs --impair "$faults,seed=$n" --cc fixed --rate 200M "$scratch/from/$n.pcap"
		start "exporter$n" "${exporter[@]}"
	done
	for n in 1 3; do
		wait_for 30 has_begun "exporter$n" || fail_with "transfer $n does not begin"
	done
	if ! is_running exporter1 || ! is_running exporter3; then fail_with "one has ended already"; fi
	for n in 1 3; do
		end_of "exporter$n" 60 || fail_with "transfer $n is not done"
		((status == 0)) || fail "transfer $n: $status, $(tail -n 3 "$scratch/exporter$n.err")"
	done
	stop_serving
}

run_case memif_as_ordinary_user
run_case memif_with_hugepages
run_case memif_with_both_sides_impaired
run_case udp_on_loopback
run_case wire 1500 4 af_packet af_packet
run_case wire 1500 6 af_packet af_packet
run_case wire 9000 4 af_packet af_packet
run_case wire 9000 6 af_packet af_packet
run_case wire 1500 4 af_packet udp
run_case wire 9000 6 af_packet udp
run_case wire 1500 4 udp af_packet
run_case exporter_first
run_case collector_first
run_case exporter_killed_before_anyone_came
run_case collector_killed_before_anyone_came
run_case exporter_killed_after_the_ports_met
run_case collector_killed_after_the_ports_met
run_case one_after_another
run_case two_at_once
finish_cases
