#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The examples of docs/library.md, built as a reader would, against an installed copy of the
# library, and run: several processes over loopback, whose bytes are compared.
# seconds: 120
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/installed_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/installed_lib.sh"
top=$shell_top

# begin NAME...: builds these examples in a folder that has nothing of this tree.
begin() {
	local name

	need_scratch 700000000
	library_install
	for name; do
		library_compile "$name" "$top/docs/examples/$name.c"
	done
	export STATE=$scratch/state
}

# port_of NAME: puts into $port where it listens.
port_of() {
	wait_for 20 grep -q '^listening on port' "$scratch/$1.err" ||
		fail "$1 does not listen: $(<"$scratch/$1.err")"
	port=$(sed -n 's/^listening on port //p' "$scratch/$1.err")
}

# ends NAME [SECONDS]: with status 0.
ends() {
	end_of "$1" "${2:-60}" || fail "$1 does not end: $(<"$scratch/$1.err")"
	((status == 0)) || fail "$1 ended with status $status: $(<"$scratch/$1.err")"
}

# start_from FILE NAME COMMAND...: as start, with a standard input.
start_from() {
	local input=$1 name=$2

	shift 2
	"$@" <"$input" >"$scratch/$name.out" 2>"$scratch/$name.err" &
	started "$name"
}

a_file_arrives() {
	begin bytes
	head -c 100000007 /dev/urandom >file
	start receiver ./bytes receive 127.0.0.1:0
	port_of receiver
	start_from file sender ./bytes send "127.0.0.1:$port"
	ends sender
	ends receiver
	cmp file "$scratch/receiver.out"
}

# The archive is the same library.
a_file_arrives_with_the_archive() {
	begin
	library_compile_static bytes "$top/docs/examples/bytes.c"
	unset LD_LIBRARY_PATH
	head -c 3000001 /dev/urandom >file
	start receiver ./bytes receive '[::1]:0'
	port_of receiver
	start_from file sender ./bytes send "[::1]:$port"
	ends sender
	ends receiver
	cmp file "$scratch/receiver.out"
}

nothing_is_a_stream_too() {
	begin bytes
	start receiver ./bytes receive 127.0.0.1:0
	port_of receiver
	start_from /dev/null sender ./bytes send "127.0.0.1:$port"
	ends sender
	ends receiver
	[[ ! -s $scratch/receiver.out ]] || fail "something came"
}

# What was cut off is never taken for all.
half_a_stream_is_told() {
	begin bytes
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

a_relay_passes_a_file_on() {
	begin bytes relay
	head -c 100000007 /dev/urandom >file
	start receiver ./bytes receive 127.0.0.1:0
	port_of receiver
	start relay ./relay 127.0.0.1:0 "127.0.0.1:$port"
	port_of relay
	start_from file sender ./bytes send "127.0.0.1:$port"
	ends sender
	ends relay
	ends receiver
	cmp file "$scratch/receiver.out"
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
run_case a_relay_passes_a_file_on
run_case strangers_are_refused
finish_cases
