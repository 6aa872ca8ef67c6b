#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Searches every state of the models here, and each again with one of its orders taken away: the
# former must hold, the latter must not. Lines `weak: NAME...` in a model name what can be taken.
# As many at a time as there are CPUs ($JOBS).
# usage: check.sh [MODEL.pml...]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

command -v spin >/dev/null || {
	echo "skip spin: it is not installed (package spin)"
	exit 0
}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/dps-spin.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
jobs_max=${JOBS:-$(nproc)}

# search MODEL [NAME]: leaves spin's and pan's words in the current folder; false when a step of it
# fails. Compiling takes longer than any search, so it is not optimised.
search() {
	cp "$here"/*.pml .
	spin -a ${2:+-D"$2"} "$1" >spin.log 2>&1 &&
		"${CC:-cc}" -w -O0 -DSAFETY -DMEMLIM=1024 -o pan pan.c >cc.log 2>&1 &&
		./pan -m100000 >pan.log 2>&1
}

# tell MODEL [NAME]: one line that says what came of it.
tell() {
	local model=$1 name=${2:-} found states

	if ! search "$@"; then
		echo "not ok $model${name:+ with $name}: $(head -n 20 ./*.log | tr '\n' ' ')"
		return
	fi
	found=$(sed -nE 's/^pan:1: ((assertion|invalid end).*) \(at depth.*/\1/p' pan.log)
	states=$(sed -nE 's/^ *([0-9]+) states, stored.*/\1/p' pan.log)
	# A search that was cut off proves nothing, nor does a buffer that was too short.
	if [[ $found == *'last['* ]] ||
		grep -qE 'max search depth too small|out of memory' pan.log; then
		echo "not ok $model${name:+ with $name}: it was not searched to its end"
	elif [[ -z $name && -z $found ]] && grep -q 'errors: 0' pan.log &&
		! grep -q 'not completed' pan.log; then
		echo "ok $model holds in all of $states states"
	elif [[ -n $name && -n $found ]]; then
		echo "ok $model breaks with $name: $found"
	elif [[ -n $name ]]; then
		echo "not ok $model: $name changes nothing"
	else
		echo "not ok $model: ${found:-nobody knows why}"
	fi
}

# begin FOLDER MODEL [NAME]: in the background, when a place is free.
begin() {
	while (($(jobs -rp | wc -l) >= jobs_max)); do
		wait -n || true
	done
	mkdir "$1"
	(
		cd "$1"
		tell "${@:2}" >verdict
		rm -f pan pan.* ./*.trail
	) &
}

models=("$@")
if ((${#models[@]} == 0)); then
	for model in "$here"/*.pml; do
		[[ $model == */memory.pml ]] || models+=("$model")
	done
fi
count=0
for model in "${models[@]}"; do
	model=$(basename "$model")
	# The empty name first: nothing is taken away.
	for name in '' $(sed -n 's/^ \* weak: //p' "$here/$model"); do
		begin "$(printf '%s/%03d' "$scratch" "$count")" "$model" ${name:+"$name"}
		count=$((count + 1))
	done
done
wait
cat "$scratch"/*/verdict
! grep -q '^not ok' "$scratch"/*/verdict && [[ $(cat "$scratch"/*/verdict | wc -l) == "$count" ]]
