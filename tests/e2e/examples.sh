#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The examples of docs/library.md, built as a reader would, against an installed copy of the
# library, and run: several processes over loopback, whose bytes are compared; and over links of
# DPDK's, by an ordinary user and without hugepages.
# seconds: 180
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/installed_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/installed_lib.sh"
# shellcheck source=tests/e2e/examples_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/examples_lib.sh"

# pass BYTES PROGRAM LISTEN: a file of so many from one process of it to another: "${as[@]}" PROGRAM
pass() {
	head -c "$1" /dev/urandom >file
	start receiver "${as[@]}" "$2" receive "$3"
	port_of receiver
	start_from file sender "${as[@]}" "$2" send "${3%:*}:$port"
	expect_whole
}

a_file_arrives() {
	begin bytes
	pass 100000007 ./bytes 127.0.0.1:0
}

# The archive is the same library.
a_file_arrives_with_the_archive() {
	begin
	library_compile_static bytes "$top/docs/examples/bytes.c"
	unset LD_LIBRARY_PATH
	pass 3000001 ./bytes '[::1]:0'
}

nothing_is_a_stream_too() {
	begin bytes
	pass 0 ./bytes 127.0.0.1:0
}

# What was cut off is never taken for all.
half_a_stream_is_told() {
	begin bytes
	with 'config.reconnect_ns = 2 * DPS_NS_PER_S;' bytes
	mkfifo input
	start receiver ./bytes receive 127.0.0.1:0
	port_of receiver
	start sender bash -c 'exec ./bytes send "$0" <input' "127.0.0.1:$port"
	exec {hold}>input
	# More than a window: some of it is at the far side when all was taken in.
	head -c 40000000 /dev/zero >&"$hold"
	wait_for 20 test -s "$scratch/receiver.out" || fail "nothing arrives"
	send KILL sender
	wait_for 60 is_gone "${process_ids[receiver]}" || fail "the receiver waits for ever"
	end_of receiver 5
	((status == 1)) || fail "status $status"
	grep -q 'not all arrived' "$scratch/receiver.err" || fail "$(<"$scratch/receiver.err")"
}

bulk_writes_are_all_there() {
	begin bulk
	start server ./bulk serve 127.0.0.1:0
	port_of server
	start writer ./bulk write "127.0.0.1:$port" 50000
	ends writer
	ends server
	grep -q '^50000000 bytes, ' "$scratch/writer.out" || fail "$(<"$scratch/writer.out")"
}

threads_wait_at_the_door() {
	begin threads
	pass 30000001 ./threads 127.0.0.1:0
}

# relay_between BYTES PORT TO_PORT: a file of so many from one to the other: "${as[@]}" PORT=... ./NAME
relay_between() {
	head -c "$1" /dev/urandom >file
	start receiver "${as[@]}" PORT="$3" ./bytes receive 127.0.0.1:0
	port_of receiver
	start relay "${as[@]}" PORT="$2" TO_PORT="$3" ./relay 127.0.0.1:0 "127.0.0.1:$port"
	port_of relay
	start_from file sender "${as[@]}" PORT="$2" ./bytes send "127.0.0.1:$port"
	ends relay
	expect_whole
}

a_relay_passes_a_file_on() {
	begin bytes relay
	as=(env)
	relay_between 100000007 udp udp
}

# fails NAME WORDS: it ends with status 1, and says so.
fails() {
	end_of "$1" 60 || fail "$1 does not end: $(<"$scratch/$1.err")"
	((status == 1)) || fail "$1: status $status, $(<"$scratch/$1.err")"
	grep -q "$2" "$scratch/$1.err" || fail "$1: $(<"$scratch/$1.err")"
}

# start_full PROGRAM: a receiver whose disk is full.
start_full() {
	start receiver bash -c 'exec "$0" receive 127.0.0.1:0 >/dev/full' "$1"
	port_of receiver
}

# What cannot be written has not arrived, whether it is noticed on the way or at the very end.
a_full_disk_is_told() {
	local program

	begin bytes threads
	head -c 40000000 /dev/zero >file
	for program in ./bytes ./threads; do
		start_full "$program"
		start_from file sender "$program" send "127.0.0.1:$port"
		fails sender 'not all arrived: .*stopped\|not all arrived: .*wants no more'
		fails receiver 'takes no more\|not all arrived'
		start_full "$program"
		start_from <(head -c 100 file) sender "$program" send "127.0.0.1:$port"
		ends sender
		fails receiver 'takes no more\|not all arrived'
	done
}

# What is read by half is not an end. (A folder can be opened, and not be read.)
an_input_that_fails_is_told() {
	begin threads bytes
	start_from / sender ./bytes send 127.0.0.1:9
	fails sender 'not all arrived: .*gave it up'
	start receiver ./bytes receive 127.0.0.1:0
	port_of receiver
	start_from / sender ./threads send "127.0.0.1:$port"
	fails sender 'not all arrived'
	fails receiver 'not all arrived: .*gave it up\|not all arrived: .*cancelled'
}

# start_relay: to whoever listens on $port, which is then the relay's.
start_relay() {
	start relay ./relay 127.0.0.1:0 "127.0.0.1:$port"
	port_of relay
}

# Also an end with a code that is the library's own: who sends has closed without one.
a_relay_passes_each_end_on() {
	begin bytes relay threads
	head -c 40000000 /dev/zero >file
	start receiver ./bytes receive 127.0.0.1:0
	port_of receiver
	start_relay
	start_from / sender ./threads send "127.0.0.1:$port"
	fails sender 'not all arrived'
	fails receiver 'not all arrived'
	ends relay
	start_full ./bytes
	start_relay
	start_from file sender ./bytes send "127.0.0.1:$port"
	fails sender 'not all arrived: .*wants no more'
	fails receiver 'takes no more'
	ends relay
}

# What it cannot pass on it does not take, and says so.
a_relay_takes_no_more_than_it_can() {
	local first

	begin bytes
	sed 's/enum { PAIRS = 16 }/enum { PAIRS = 1 }/' "$top/docs/examples/relay.c" >one.c
	grep -q 'PAIRS = 1 }' one.c || fail "the example is not as it was"
	library_compile relay one.c
	start receiver ./bytes receive 127.0.0.1:0
	port_of receiver
	start_relay
	mkfifo input
	start first bash -c 'exec ./bytes send "$0" <input' "127.0.0.1:$port"
	exec {first}>input
	head -c 40000000 /dev/zero >&"$first"
	wait_for 20 test -s "$scratch/receiver.out" || fail "nothing arrives"
	head -c 40000000 /dev/zero >file
	start_from file sender ./bytes send "127.0.0.1:$port"
	fails sender 'not all arrived: .*wants no more'
	exec {first}>&-
	ends first
	ends receiver
	ends relay
}

# begin_over_dpdk NAME...: for ports of DPDK's, and an ordinary user: "${as[@]}" PORT=... ./NAME
begin_over_dpdk() {
	library='dpdk-stream-ethdev'
	over_dpdk=(-DOVER_DPDK)
	begin "$@"
	user_folder user-state
	user_folder link
	as=("${as_user[@]}" env "LD_LIBRARY_PATH=$LD_LIBRARY_PATH" "STATE=$scratch/user-state")
}

# memif NAME: a link of that name, as a port.
memif() {
	echo "memif:$scratch/link/$1"
}

a_file_arrives_over_dpdk() {
	begin_over_dpdk bytes
	as+=("PORT=$(memif one)")
	pass 100000007 ./bytes 127.0.0.1:0
}

# Who listens makes the link; who dials looks for it as long as it takes.
a_link_may_come_later() {
	local listens

	begin_over_dpdk bytes
	listens=127.0.0.1:$(free_port)
	head -c 3000001 /dev/urandom >file
	start_from file sender "${as[@]}" PORT="$(memif one)" ./bytes send "$listens"
	# It has its key, so it is past its port.
	wait_for 20 test -e "$scratch/user-state/identity.pem" || fail "$(<"$scratch/sender.err")"
	start receiver "${as[@]}" PORT="$(memif one)" ./bytes receive "$listens"
	expect_whole
}

a_relay_has_two_links_of_dpdk() {
	begin_over_dpdk bytes relay
	relay_between 100000007 "$(memif near)" "$(memif far)"
}

a_relay_joins_kernel_sockets_and_dpdk() {
	begin_over_dpdk bytes relay
	relay_between 30000001 udp "$(memif far)"
	relay_between 30000001 "$(memif near)" udp
}

# says WORDS PORT PROGRAM: what it says of a port that cannot be.
says() {
	start sender "${as[@]}" PORT="$2" "$3" send 127.0.0.1:7420
	end_of sender 20 || fail "port $2: it goes on"
	((status == 2)) || fail "port $2: status $status, $(<"$scratch/sender.err")"
	grep -q "$1" "$scratch/sender.err" || fail "port $2: $(<"$scratch/sender.err")"
}

ports_that_cannot_be_are_told() {
	begin_over_dpdk bytes
	says 'no such PCI device' pci:ffff:00:00.0 ./bytes
	says 'no network interface' af_packet:nowhere0 ./bytes
	says 'cannot use the folder' "memif:$scratch/missing/socket" ./bytes
	says 'smoke:signals' smoke:signals ./bytes
	# The other library has none of them, and says who has.
	sed 's|dps_endpoint_config_init(&config);|& config.port = getenv("PORT");|' \
		"$top/docs/examples/bytes.c" >alone.c
	library='dpdk-stream'
	library_compile alone alone.c
	says 'dpdk-stream-ethdev' "$(memif one)" ./alone
}

# Two machines, as far as they can tell: neither port has an address of its own.
a_file_arrives_over_a_cable() {
	need_root
	begin_over_dpdk bytes
	network 9000
	as=(env "LD_LIBRARY_PATH=$LD_LIBRARY_PATH" PORT=af_packet:wire)
	head -c 30000001 /dev/urandom >file
	start receiver "${in_b[@]}" "${as[@]}" ./bytes receive 10.77.0.2:0
	port_of receiver
	start_from file sender "${in_a[@]}" "${as[@]}" ./bytes send "10.77.0.2:$port"
	expect_whole
}

# It has started DPDK by itself, with so much memory.
a_program_has_dpdk_of_its_own() {
	local dpdk

	begin_over_dpdk bytes
	sed 's|^int main(int argc, char .*|int rte_eal_init(int argc, char **argv);\n&|
		s|^\tdps_endpoint_config_init(&config);|\tchar *eal[] = { argv[0], "--no-huge", "--no-shconf",\
		"--no-pci", "--iova-mode=va", "-m", getenv("MIB"), NULL };\
	if (rte_eal_init(7, eal) < 0) return 3;\n&|' "$top/docs/examples/bytes.c" >own.c
	grep -q '"MIB"' own.c || fail "the example is not as it was"
	read -ra dpdk < <(pkg-config --libs libdpdk)
	library_compile own own.c -DOVER_DPDK "${dpdk[@]}"
	as+=("MIB=128")
	says 'give DPDK more memory' "$(memif one)" ./own
	as+=("MIB=512")
	head -c 3000001 /dev/urandom >file
	start receiver "${as[@]}" PORT="$(memif one)" ./own receive 127.0.0.1:0
	port_of receiver
	start_from file sender "${as[@]}" PORT="$(memif one)" ./bytes send "127.0.0.1:$port"
	expect_whole
}

ports_of_two_networks_do_not_meet() {
	begin_over_dpdk bytes
	start receiver "${as[@]}" PORT=udp:127.0.0.1 ./bytes receive 127.0.0.1:0
	port_of receiver
	start_from /dev/null sender "${as[@]}" PORT="$(memif one)" ./bytes send "127.0.0.1:$port"
	wait_for 20 grep -q 'cannot be reached from ours' "$scratch/sender.err" ||
		fail "$(<"$scratch/sender.err")"
}

strangers_are_refused() {
	begin bytes
	start receiver ./bytes receive 127.0.0.1:0
	port_of receiver
	STATE=$scratch/other start_from /dev/null sender ./bytes send "127.0.0.1:$port"
	wait_for 20 grep -q 'sha256:' "$scratch/sender.err" || fail "$(<"$scratch/sender.err")"
	[[ ! -s $scratch/receiver.out ]] || fail "something came"
	is_running receiver || fail "the receiver ended"
}

run_case a_file_arrives
run_case a_file_arrives_with_the_archive
run_case nothing_is_a_stream_too
run_case half_a_stream_is_told
run_case bulk_writes_are_all_there
run_case threads_wait_at_the_door
run_case a_relay_passes_a_file_on
run_case a_full_disk_is_told
run_case an_input_that_fails_is_told
run_case a_relay_passes_each_end_on
run_case a_relay_takes_no_more_than_it_can
run_case a_file_arrives_over_dpdk
run_case a_link_may_come_later
run_case a_relay_has_two_links_of_dpdk
run_case a_relay_joins_kernel_sockets_and_dpdk
run_case ports_that_cannot_be_are_told
run_case a_file_arrives_over_a_cable
run_case a_program_has_dpdk_of_its_own
run_case ports_of_two_networks_do_not_meet
run_case strangers_are_refused
finish_cases
