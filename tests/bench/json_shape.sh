#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What tools/bench writes has the shape that docs/performance.md promises; how fast anything is, is
# no question here. Simulated rows: they need no other program, and take a second.
# usage: json_shape.sh BENCH
set -euo pipefail
bench=$1
for program in python3 jq; do
	command -v "$program" >/dev/null || {
		echo "skip: $program is not installed"
		exit 77
	}
done
scratch=$(mktemp -d "${TMPDIR:-/tmp}/dps-shape.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# A build folder in which there is nothing but the simulated rows.
build=$(realpath "${DPS_BUILD:-$(dirname "$bench")/../build}")
mkdir -p "$scratch/build/tests/bench"
ln -s "$build/tests/bench/bench_loss" "$scratch/build/tests/bench/"
export DPS_BUILD=$scratch/build

"$bench" --only loss-5e-2-rtt-50ms-fixed,loss-5e-2-rtt-50ms-fair,ceiling-8192-sealed \
	--json "$scratch/result" >"$scratch/out"

# check WHAT FILTER
check() {
	jq -e "$2" "$scratch/result" >"$scratch/said" || {
		echo "not so: $1"
		cat "$scratch/result"
		exit 1
	}
}
check 'the machine is described' \
	'.machine | (.cpu | type == "string") and (.cpus > 0) and (.memory_bytes > 0)'
check 'a row for each that was asked for, in order' \
	'[.rows[].name] == ["loss-5e-2-rtt-50ms-fixed", "loss-5e-2-rtt-50ms-fair"]'
check 'a rate, what it is compared with, and the interval' '.rows | all(
	(.goodput_gbps > 0) and (.reference | type == "string") and (.reference_gbps > 0) and
	(.ratio_low <= .ratio) and (.ratio <= .ratio_high) and (.rounds == 10))'
check 'the ratio is that of the two rates' '.rows | all(
	(.goodput_gbps / .reference_gbps / .ratio - 1) | fabs < 0.1)'
check 'what cannot be measured is named' \
	'.skipped | length == 1 and .[0].name == "memif-8192-sealed" and (.[0].why | length > 0)'
check 'nothing failed' '.failed == []'
(($(wc -l <"$scratch/out") == 2)) || {
	echo "not so: one line is printed for each row"
	exit 1
}

status=0
"$bench" --only no-such-row >/dev/null 2>"$scratch/err" || status=$?
if ((status == 0)) || ! grep -q no-such-row "$scratch/err"; then
	echo "not so: a row that does not exist is refused by its name"
	exit 1
fi
