# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: BSD-3-Clause
# What the scripts share that build and run the examples of docs/library.md. With installed_lib.sh.
top=$shell_top

over_dpdk=() # what they are compiled with besides
as=()        # what starts them

# begin NAME...: builds these examples in a folder that has nothing of this tree.
begin() {
	local name

	need_scratch 700000000
	library_install
	for name; do
		library_compile "$name" "$top/docs/examples/$name.c" "${over_dpdk[@]}"
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

# expect_whole: the sender ends, and what it was given has arrived.
expect_whole() {
	ends sender 90
	ends receiver
	cmp file "$scratch/receiver.out"
}

# start_from FILE NAME COMMAND...: as start, with a standard input.
start_from() {
	local input=$1 name=$2

	shift 2
	: >"$scratch/$name.out" 2>"$scratch/$name.err"
	"$@" <"$input" >"$scratch/$name.out" 2>"$scratch/$name.err" &
	started "$name"
}

# with STATEMENT NAME: builds it again, so that its configuration says this besides.
with() {
	local configured="with-$2.c"

	sed "s|dps_endpoint_config_init(&config);|&\\n\\t$1|" "$top/docs/examples/$2.c" >"$configured"
	grep -qF "$1" "$configured" || fail "the example is not as it was"
	library_compile "$2" "$configured" "${over_dpdk[@]}"
}
