#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What tools/mutants says of a small tree whose only test is a script: who was caught, who survived,
# and what is no mutant at all. The tree stays as it is.
# usage: mutants_tell.sh TOOLS
set -euo pipefail
tools=$1
tree=$(mktemp -d "${TMPDIR:-/tmp}/dps-mutants-tell.XXXXXX")
trap 'rm -rf "$tree"' EXIT
failed=0

mkdir -p "$tree"/{tools/checks,tests/mutants,docs}
cp "$tools/mutants" "$tree/tools"
cp "$tools/checks/sources" "$tree/tools/checks"
printf 'one\ntwo\ntwo\n' >"$tree/numbers"
printf '#!/bin/sh\necho "not ok one is missing"; grep -qx one numbers\n' >"$tree/look.sh"
chmod +x "$tree/look.sh"
: >"$tree/docs/mutants.md"
before=$(md5sum "$tree/numbers")

# mutant LINE-BEFORE LINE-AFTER [SCRIPT]
mutant() {
	printf '%s\n' 'breaks: a number' 'file: numbers' "catch: script ${3:-look.sh}" "-$1" "+$2" \
		>"$tree/tests/mutants/a"
}

# tells STATUS WORDS [OPTION]
tells() {
	local output status=0

	output=$(TMPDIR=$tree "$tree/tools/mutants" "${@:3}" 2>&1) || status=$?
	if ((status != $1)) || ! grep -qE -- "$2" <<<"$output"; then
		echo "expected exit $1 and '$2', got exit $status and: $output"
		failed=1
	fi
}

mutant one three
tells 0 '^ok a .*one is missing'
tells 1 '0 rows in docs/mutants.md' --check
echo '| `a` |' >"$tree/docs/mutants.md"
tells 0 '' --check
tells 2 'tests/mutants has no b' b
echo '| `b` |' >>"$tree/docs/mutants.md"
tells 1 'there is no mutant b' --check
mutant one three gone.sh
tells 1 'gone.sh, which is not there' --check
mutant one $'one\n+three'
tells 1 '^not ok a: '
mutant four three
tells 2 'stand 0 times'
mutant two three
tells 2 'stand 2 times'
mutant one one
tells 2 'are needed'
mutant one three 'look.sh none'
sed -i 's/qx one numbers/qx one "${1:-numbers}"/' "$tree/look.sh"
tells 2 'fails without a mutant'
[[ $(md5sum "$tree/numbers") == "$before" ]] || {
	echo "the tree was changed"
	failed=1
}
[[ -z $(find "$tree" -maxdepth 1 -name 'dps-mutants.*') ]] || {
	echo "a copy is left"
	failed=1
}
exit "$failed"
