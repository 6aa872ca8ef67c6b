#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random transfers, one after the other, for $SOAK_SECONDS (600): link, misfortunes, sizes and who
# starts first follow from a seed. To repeat one: tests/e2e/soak/transfers.sh SEED...
# seconds: 900
seeds=("$@")
set --
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# below N: a number 0..N-1, from the seed in RANDOM.
below() {
	drawn=$(((RANDOM << 30 | RANDOM << 15 | RANDOM) % $1))
}

# Sizes spread evenly over their logarithm, 4 KiB to 256 MiB, and now and then an empty file.
make_random_files() {
	local count i bits size

	mkdir -p "$scratch/from/tree"
	below 12
	count=$((drawn + 1))
	for ((i = 0; i < count; i++)); do
		below 17
		bits=$((drawn + 12))
		below $((1 << bits))
		size=$((drawn + 4096))
		make_capture "$scratch/from/tree/$i.pcap" "$size" "$i"
		below 10
		((drawn > 0)) || : >"$scratch/from/tree/empty $i"
	done
}

random_link() {
	local links=(link_memif link_udp)

	((EUID != 0)) || links+=('link_wire 1500 4 af_packet af_packet'
		'link_wire 9000 6 af_packet af_packet' 'link_wire 1500 4 af_packet udp')
	below ${#links[@]}
	echo "link: ${links[drawn]}"
	${links[drawn]}
}

random_misfortunes() {
	local all=('' loss=0.001 loss=0.05 'loss=0.01,reorder=0.01,dup=0.01,corrupt=0.001,hold=2ms')

	below ${#all[@]}
	misfortunes=()
	[[ -z ${all[drawn]} ]] || misfortunes=(--impair "${all[drawn]},seed=$1")
	echo "misfortunes: ${misfortunes[*]}"
}

one_transfer() {
	RANDOM=$1
	need_streamd
	need_scratch $((8 << 30))
	make_random_files
	random_link
	random_misfortunes "$1"
	programs "${misfortunes[@]}" "$scratch/from/tree"
	transfer 240
	expect_stored
	compare_trees "$scratch/from" "$scratch/into"
	expect_bounded_memory
}

if ((${#seeds[@]} > 0)); then
	for seed in "${seeds[@]}"; do
		run_case one_transfer "$seed"
	done
	finish_cases
fi
ends=$((SECONDS + ${SOAK_SECONDS:-600}))
seed=$((EPOCHSECONDS % 1000000))
while ((SECONDS < ends && cases_failed == 0)); do
	run_case one_transfer "$seed"
	seed=$((seed + 1))
done
finish_cases
