#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Instructions that two lanes spend on a packet, counted by callgrind: the number no noise touches.
# usage: tests/bench/instructions.sh [--functions] [ROW...]
#   ROW          instructions-per-packet[-sealed][-1408] | garbage-instructions
#                | transfers-1 | transfers-10000; all of them without one
#   --functions  what each function spends of a row on itself, on stderr
# Prints `row value` for each. The bytes' own passes (copy, CRC, digest, cipher) are left out, and
# so are the port and the disks that stand in for real ones. Exit 0, or 77 without valgrind.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# valgrind 3.19 knows no AVX-512: built for what it knows.
build=$top/build-instructions
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Passes over the bytes, and what stands in for a NIC, a disk and a clock.
left_out='^(.*mem(cpy|move).*|crc32_.*|XXH.*|.*(isal|xxhash|IPSec_MB|crypto)[.]so.*|memory_.*'
left_out+='|aes_gcm_.*|generate_.*|read_pages|discard_.*|dps_finished_.*|now_ns|bench_.*)$'

has_functions=
rows=()
for argument; do
	case "$argument" in
	--functions) has_functions=1 ;;
	-*)
		sed -n '3,/^set/{/^#/s/^# //p}' "${BASH_SOURCE[0]}" >&2
		exit 2
		;;
	*) rows+=("$argument") ;;
	esac
done
((${#rows[@]})) || rows=(instructions-per-packet instructions-per-packet-1408
	instructions-per-packet-sealed instructions-per-packet-sealed-1408
	garbage-instructions transfers-1 transfers-10000)

command -v valgrind > /dev/null || {
	echo "skip: valgrind is not installed" >&2
	exit 77
}

# Self cost of every function as `cost name`, from a file of callgrind's.
by_function() {
	# A library without symbols is a name too.
	callgrind_annotate --auto=no --threshold=100 --show-percs=no "$1" |
		sed -En -e 's|^ *([0-9,]+)  *[^:]*:0x[0-9a-f]+ \[.*/([^/]*)\]$|\1 \2|p; t' \
			-e 's/^ *([0-9,]+)  *[^:]*:([^ ]+).*/\1 \2/p' | tr -d ,
}

# Instructions for each packet of one run; what it did goes to stderr.
count() {
	local out=$scratch/callgrind.out said packets
	rm -f "$out"
	said=$(valgrind --tool=callgrind --toggle-collect=bench_turns --callgrind-out-file="$out" \
		"$build/tests/bench/bench_lanes" "$@" 2> "$scratch/log") || {
		cat "$scratch/log" >&2
		return 1
	}
	packets=$(awk '{ print $2 }' <<< "$said")
	by_function "$out" | awk -v left_out="$left_out" -v packets="$packets" '
		{ cost[$2] += $1 }
		END {
			for (name in cost)
				printf "%9.1f %s%s\n", cost[name] / packets, name,
					name ~ left_out ? " (left out)" : ""
		}' | sort -rn > "$scratch/functions"
	if [[ $has_functions ]]; then
		echo "bench_lanes $*: $said" >&2
		awk '$1 >= 0.5' "$scratch/functions" >&2
	fi
	awk '!/left out/ { sum += $1 } END { printf "%.0f\n", sum }' "$scratch/functions"
}

configure_and_compile() {
	if [[ ! -f $build/build.ninja ]]; then
		meson setup -Dc_args=-march=x86-64-v3 "$build" "$top" || return
	fi
	ninja -C "$build" tests/bench/bench_lanes
}

if ! configure_and_compile > "$scratch/log" 2>&1; then
	cat "$scratch/log" >&2
	exit 1
fi
for row in "${rows[@]}"; do
	case "$row" in
	instructions-per-packet | transfers-1) value=$(count) ;;
	instructions-per-packet-1408) value=$(count --datagram 1472) ;;
	instructions-per-packet-sealed) value=$(count --sealed) ;;
	instructions-per-packet-sealed-1408) value=$(count --sealed --datagram 1472) ;;
	transfers-10000) value=$(count --transfers 10000 --active 1000) ;;
	garbage-instructions)
		unknown=$(count --garbage unknown)
		seal=$(count --garbage seal)
		value=$((unknown > seal ? unknown : seal))
		;;
	*)
		echo "instructions.sh: no row is called $row" >&2
		exit 2
		;;
	esac
	echo "$row $value"
done
