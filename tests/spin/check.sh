#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Searches every state of the models here, and each again with one of its orders taken away: the
# former must hold, the latter must not. A line `weak: NAME...` in a model names what can be taken.
# usage: check.sh [MODEL.pml...]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

command -v spin >/dev/null || {
	echo "skip spin: it is not installed (package spin)"
	exit 0
}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/dps-spin.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
failed=0
states=
found=

# holds MODEL [NAME]: 0 when none of its $states breaks it, 1 when one does, as $found says, 2 when
# not all could be searched.
holds() {
	local folder

	folder=$scratch/$(basename "$1" .pml)${2:+-$2}
	mkdir -p "$folder"
	cp "$here"/*.pml "$folder"
	(
		cd "$folder"
		spin -a ${2:+-D"$2"} "$(basename "$1")" >spin.log 2>&1 &&
			"${CC:-cc}" -w -O1 -DSAFETY -DMEMLIM=1024 -o pan pan.c >cc.log 2>&1 &&
			./pan -m100000 >pan.log 2>&1
	) || {
		cat "$folder"/*.log
		return 2
	}
	found=$(sed -nE 's/^pan:1: (.*) \(at depth.*/\1/p' "$folder/pan.log")
	if grep -q 'errors: 0' "$folder/pan.log"; then
		# A search that was cut off proves nothing.
		! grep -qE 'max search depth too small|out of memory|not completed' "$folder/pan.log" ||
			return 2
		states=$(sed -nE 's/^ *([0-9]+) states, stored.*/\1/p' "$folder/pan.log")
		return 0
	fi
	[[ -n $found ]] || return 2
	return 1
}

check() {
	local model=$1 name status weak

	status=0
	holds "$model" || status=$?
	if ((status == 0)); then
		echo "ok $(basename "$model") holds in all of $states states"
	else
		echo "not ok $(basename "$model"): ${found:-it was not searched to its end}"
		failed=1
	fi
	read -ra weak < <(sed -n 's/^ \* weak: //p' "$model")
	for name in "${weak[@]}"; do
		status=0
		holds "$model" "$name" || status=$?
		if ((status == 1)); then
			echo "ok $(basename "$model") breaks with $name: $found"
		else
			echo "not ok $(basename "$model"): $name changes nothing"
			failed=1
		fi
	done
}

models=("$@")
if ((${#models[@]} == 0)); then
	for model in "$here"/*.pml; do
		[[ $model == */memory.pml ]] || models+=("$model")
	done
fi
for model in "${models[@]}"; do
	check "$here/$(basename "$model")"
done
exit "$failed"
