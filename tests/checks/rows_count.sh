#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The verdict of tools/test is what its rows said: counted here on rows whose outcome is known.
# usage: rows_count.sh TOOLS
set -euo pipefail
scratch=$(mktemp -d "${TMPDIR:-/tmp}/dps-rows.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
failed=0

# expect LINE STATUS, rows on stdin
expect() {
	local output status=0 last

	output=$(bash -c "set -euo pipefail; source '$tools/rows.sh'
		rows_begin '$scratch/logs'; $(cat); finish" 2>&1) || status=$?
	last=$(tail -n 1 <<<"$output")
	if [[ $last != "$1" || $status != "$2" ]]; then
		echo "expected '$1' and exit $2, got '$last' and exit $status from:"
		echo "$output"
		failed=1
	fi
}
tools=$1

expect '1 passed, 0 failed, 0 skipped' 0 <<<'row a 5 true'
expect '0 passed, 1 failed, 0 skipped' 1 <<<'row a 5 false'
expect '0 passed, 0 failed, 1 skipped' 1 <<<'row a 5 sh -c "echo skip: no luck; exit 77"'
expect '0 passed, 0 failed, 0 skipped' 1 <<<':'
expect '0 passed, 1 failed, 0 skipped' 1 <<<'row a 1 sleep 30'
expect '1 passed, 0 failed, 0 skipped' 0 <<<'row a 5 echo "not ok of its own"'
expect '2 passed, 0 failed, 1 skipped' 0 \
	<<<'lines a 5 printf "%s\n" "ok x" "ok y" "skip z: no reason"'
expect '1 passed, 1 failed, 0 skipped' 1 <<<'lines a 5 printf "%s\n" "ok x" "not ok y: why"'
expect '0 passed, 1 failed, 0 skipped' 1 <<<'lines a 5 true'
expect '1 passed, 1 failed, 0 skipped' 1 <<<'lines a 5 sh -c "echo ok x; exit 3"'

# tells LONGEST WARNINGS, rows on stdin: so many lines warn, and the first of what took longest is that.
tells() {
	local output longest

	output=$(bash -c "set -euo pipefail; source '$tools/rows.sh'
		rows_begin '$scratch/logs'; $(cat); finish" 2>&1)
	longest=$(grep -A 1 '^warning: ' <<<"$output" | tail -n 1 || true)
	if [[ $(grep -c '^warning: ' <<<"$output") != "$2" || $longest != *"$1" ]]; then
		echo "expected $2 warnings and '$1' for the longest in:"
		echo "$output"
		failed=1
	fi
}

tells '' 0 <<<'row a 5 true; rows_time 7 b'
tells '' 0 <<<'rows_budget=5; row a 5 true; rows_time 7 b'
tells ' 9 s  b' 1 <<<'rows_budget=5; rows_began=$((SECONDS - 6)); row a 5 true; rows_time 7 c; rows_time 9 b'
exit "$failed"
