#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the programs may do while they run, and who may look at them: as the kernel has it.
# seconds: 120 240
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# prepare LINK
prepare() {
	need_streamd
	need_scratch $((256 << 20))
	"$1"
	mkdir -p "$scratch/from"
	make_capture "$scratch/from/one.pcap" 3000001
}

# ---- who may look

# A collector of an ordinary user that waits.
start_users_collector() {
	user_streamd
	collector_in=("${as_user[@]}")
	user_folder into
	programs "$scratch/from/one.pcap"
	start collector "${collector[@]}"
	wait_for 10 is_listening || fail_with "the collector does not listen"
}

nobody_else_reads_its_memory() {
	local id

	prepare link_udp
	start_users_collector
	id=${process_ids[collector]}
	[[ $(awk '/^Uid:/ { print $2 }' "/proc/$id/status") != 0 ]] || fail "it runs as root"
	# Root's, though its user is not: the kernel says so of what is not dumpable.
	[[ $(stat -c %u "/proc/$id/mem") == 0 ]] || fail "its user can read its memory"
	! "${as_user[@]}" cat "/proc/$id/environ" >/dev/null 2>&1 || fail "its user can read its environment"
	send TERM collector
	end_of collector 10 || fail_with "the collector does not stop"
}

# ---- what is left of root

# In hexadecimal, as the kernel writes them.
none=0000000000000000
read_any=0000000000000004	# dac_read_search
write_any=000000000000000b	# chown, dac_override, fowner
network=0000008000003000	# bpf, net_admin, net_raw

# A transfer that takes its time: prepare_slow LINK. Its rate is the exporter's.
prepare_slow() {
	prepare "$1"
	make_capture "$scratch/from/two.pcap" 12000001
	slow=(--rate 40M --cc fixed)
}

# begin_slow ARG...: both programs, until the transfer is under way.
begin_slow() {
	programs "${slow[@]}" "$@"
	user_folder into
	start collector "${collector[@]}"
	start exporter "${exporter[@]}"
	is_moving
}

is_moving() {
	wait_for 20 grep -q '"event":"progress"' "$scratch/exporter.out" ||
		fail_with "the transfer does not begin"
}

end_slow() {
	end_of exporter 60 || fail_with "export is not done"
	exported=$status
	end_of collector 15 || fail_with "collect goes on though export is done"
	collected=$status
	expect_stored
}

# threads_have NAME FIELD VALUE: each thread of the program.
threads_have() {
	local task got

	for task in "/proc/${process_ids[$1]}/task"/*; do
		got=$(awk -v "field=$2:" '$1 == field { print $2 }' "$task/status")
		[[ $got == "$3" ]] || fail "thread $(<"$task/comm") of the $1 has $2 $got instead of $3"
	done
}

# keeps_only NAME RIGHTS
keeps_only() {
	local field

	for field in CapPrm CapEff CapBnd; do
		threads_have "$1" "$field" "$2"
	done
	threads_have "$1" CapAmb "$none"
	threads_have "$1" CapInh "$none"
	threads_have "$1" NoNewPrivs 1
}

# is_filtered NAME THREAD...: these threads of the program, and no others.
is_filtered() {
	local name=$1 task got

	shift
	got=$(for task in "/proc/${process_ids[$name]}/task"/*; do
		! grep -q '^Seccomp:[[:space:]]*2$' "$task/status" || cat "$task/comm"
	done | sort | tr '\n' ' ')
	[[ $got == "$* " ]] || fail "filtered are of the $name: $got"
}

# is_confined EXPORTERS-RIGHTS COLLECTORS-RIGHTS
is_confined() {
	keeps_only exporter "$1"
	keeps_only collector "$2"
	is_filtered exporter dpdk-streamd dps-store
	is_filtered collector dpdk-streamd dps-examiner dps-store
}

root_keeps_what_it_needs() {
	need_root
	prepare_slow "$1"
	begin_slow "$scratch/from/two.pcap"
	is_confined "$read_any" "$write_any"
	end_slow
	cmp "$scratch/from/two.pcap" "$scratch/into/two.pcap"
}

root_moves_what_no_file_holds() {
	need_root
	prepare_slow link_memif
	programs "${slow[@]}" --generate 12M --name made
	collector=("${collector[@]//--into/--discard}")
	collector=("${collector[@]/$scratch\/into/-q}")
	start collector "${collector[@]}"
	start exporter "${exporter[@]}"
	is_moving
	keeps_only exporter "$none"
	# The socket may be another user's.
	keeps_only collector 0000000000000002
	end_of exporter 60 || fail_with "export is not done"
	end_of collector 15 || fail_with "collect goes on though export is done"
}

ordinary_user_is_filtered_too() {
	prepare_slow "$1"
	user_streamd
	user_folder link
	exporter_in=("${as_user[@]}")
	collector_in=("${as_user[@]}")
	chmod -R a+rX "$scratch/from"
	begin_slow "$scratch/from/two.pcap"
	is_confined "$none" "$none"
	end_slow
}

# ---- what must go on all the same

root_reads_and_writes_where_it_may_not() {
	need_root
	prepare link_udp
	user_folder from/closed
	user_folder into
	make_capture "$scratch/from/closed/one.pcap" 3000001
	chown 65534:65534 "$scratch/from/closed/one.pcap"
	chmod 600 "$scratch/from/closed/one.pcap"
	chmod 700 "$scratch/from/closed" "$scratch/into"
	programs "$scratch/from/closed"
	transfer 60
	expect_stored
	cmp "$scratch/from/closed/one.pcap" "$scratch/into/closed/one.pcap"
	# Again, over a file of somebody else in a folder where only owners replace.
	chown 65534:65534 "$scratch/into/closed" "$scratch/into/closed/one.pcap"
	chmod 1755 "$scratch/into/closed"
	printf x >>"$scratch/into/closed/one.pcap"
	programs "$scratch/from/closed"
	collector+=(--overwrite)
	transfer 60
	expect_stored
	cmp "$scratch/from/closed/one.pcap" "$scratch/into/closed/one.pcap"
}

exporter_waits() {
	[[ -S $scratch/link/memif.sock ]]
}

# The collector's rights are gone when it meets the second server, which is another user's, too.
memif_comes_back() {
	need_root
	prepare_slow link_memif
	user_streamd
	user_has_our_key
	user_folder link
	exporter_in=("${as_user[@]}")
	chmod -R a+rX "$scratch/from"
	begin_slow "$scratch/from/two.pcap"
	keeps_only collector "$write_any"
	send KILL exporter
	end_of exporter 10 || fail_with "the exporter survives SIGKILL"
	start exporter "${exporter[@]}"
	end_slow
	cmp "$scratch/from/two.pcap" "$scratch/into/two.pcap"
}

wire_is_down() {
	! "${in_a[@]}" ip link show wire | grep -q 'LOWER_UP'
}

# A link that goes and comes back, after the rights to open sockets on it are gone.
wire_comes_back() {
	need_root
	prepare_slow link_wire_af_packet
	begin_slow "$scratch/from/two.pcap"
	is_confined "$read_any" "$write_any"
	"${in_a[@]}" ip link set wire down
	wait_for 10 wire_is_down || fail "the wire stays up"
	"${in_a[@]}" ip link set wire up
	end_slow
	cmp "$scratch/from/two.pcap" "$scratch/into/two.pcap"
}

link_wire_af_packet() {
	link_wire 1500 4 af_packet af_packet
}

link_wire_af_xdp() {
	link_wire 1500 4 af_xdp af_xdp
}

wire_has_program() {
	"${in_a[@]}" ip link show wire | grep -q 'prog/xdp'
}

# What was put on the interface is taken off at the end, with the rights that are left.
# The kernel refuses a socket now and then, on a loaded machine, for which the next attempt is as good.
begin_over_af_xdp() {
	local attempt

	for attempt in 1 2 3; do
		programs "${slow[@]}" "$scratch/from/two.pcap"
		user_folder into
		start collector "${collector[@]}"
		start exporter "${exporter[@]}"
		wait_for 20 moves_or_has_ended || fail_with "the transfer does not begin"
		! grep -q '"event":"progress"' "$scratch/exporter.out" || return 0
		stop_process "${process_ids[exporter]}"
		stop_process "${process_ids[collector]}"
		grep -q 'DPDK could not' "$scratch/exporter.err" "$scratch/collector.err" ||
			fail_with "the transfer does not begin"
		echo "note: attempt $attempt: $(grep -h 'DPDK could not' "$scratch/exporter.err" "$scratch/collector.err")"
	done
	skip_case "no af_xdp here: $(grep -h 'DPDK could not' "$scratch/exporter.err" "$scratch/collector.err")"
}

moves_or_has_ended() {
	grep -q '"event":"progress"' "$scratch/exporter.out" || ! is_running exporter || ! is_running collector
}

af_xdp_leaves_nothing_behind() {
	need_root
	prepare_slow link_wire_af_xdp
	begin_over_af_xdp
	is_confined "$(printf %016x $((0x$read_any | 0x$network)))" \
		"$(printf %016x $((0x$write_any | 0x$network)))"
	wire_has_program || fail "there is no program on the interface"
	end_slow
	! wire_has_program || fail "the program is still on the interface"
}

# The command has given up being root, as tcpdump does; only a right that is kept ends it.
command_of_another_user_is_ended() {
	need_root
	prepare link_udp
	programs --exec 'exec setpriv --reuid=65534 --regid=65534 --clear-groups sleep 1000' --name x
	user_folder into
	start collector "${collector[@]}"
	start exporter "${exporter[@]}"
	wait_for 20 grep -q '"event":"accepted"' "$scratch/exporter.out" ||
		fail_with "the transfer does not begin"
	keeps_only exporter 0000000000000020
	send TERM exporter
	end_of exporter 10 || fail_with "the exporter waits for its command"
	end_of collector 10 || fail_with "the collector waits for more"
}

root_listens_on_a_low_port() {
	need_root
	prepare link_udp
	network 1500
	exporter_in=("${in_a[@]}")
	collector_in=("${in_b[@]}")
	exporter_port=(--port udp)
	collector_port=(--port udp)
	control=10.77.0.2:443
	programs "$scratch/from/one.pcap"
	transfer 60
	expect_stored
}

# with_eal NAME ARG...: the program with DPDK's own options.
with_eal() {
	local -n command=$1

	shift
	command=("$streamd" "$@" -- "${command[@]:1}")
}

# With files that other DPDK processes may map, EAL has one more thread, which it cancels at its end.
eal_of_ones_own_ends_well() {
	prepare link_memif
	programs "$scratch/from/one.pcap"
	with_eal exporter --no-huge -m 256 "--file-prefix=dps-$BASHPID-e"
	with_eal collector --no-huge -m 256 "--file-prefix=dps-$BASHPID-c"
	transfer 60
	expect_stored
}

# link_local_addresses_are_shown PORT PORT: the exporter's and the collector's. Such an address has an
# interface, whose name is asked for when it is shown.
link_local_addresses_are_shown() {
	need_root
	prepare link_udp
	network 1500
	ip -n "dps-$BASHPID-a" address add fe80::1/64 dev wire nodad
	ip -n "dps-$BASHPID-b" address add fe80::2/64 dev wire nodad
	exporter_in=("${in_a[@]}")
	collector_in=("${in_b[@]}")
	exporter_port=(--port "$1")
	collector_port=(--port "$2")
	control='[fe80::2%wire]:7420'
	programs "$scratch/from/one.pcap"
	transfer 60
	expect_stored
	grep -qF 'fe80::1%wire' "$scratch/collector.err" || fail_with "the address is not shown"
}

run_case nobody_else_reads_its_memory
run_case root_keeps_what_it_needs link_udp
run_case root_keeps_what_it_needs link_memif
run_case root_moves_what_no_file_holds
run_case ordinary_user_is_filtered_too link_udp
run_case ordinary_user_is_filtered_too link_memif
run_case root_reads_and_writes_where_it_may_not
run_case memif_comes_back
run_case wire_comes_back
run_case af_xdp_leaves_nothing_behind
run_case command_of_another_user_is_ended
run_case root_listens_on_a_low_port
run_case eal_of_ones_own_ends_well
run_case link_local_addresses_are_shown udp udp
run_case link_local_addresses_are_shown 'udp:fe80::1%wire' udp
run_case link_local_addresses_are_shown udp 'udp:[fe80::2%wire]'
finish_cases
