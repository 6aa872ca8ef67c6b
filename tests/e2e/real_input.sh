#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What users really have: captures, trees, odd names, very many and very large files.
# seconds: 240 1500
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# prepare BYTES: room for both ends.
prepare() {
	need_streamd
	need_scratch "$1"
	link_memif
	mkdir "$scratch/from"
}

# cross SECONDS ARG...: moves what the exporter's arguments say and looks at the end of it.
cross() {
	local seconds=$1

	shift
	programs "$@"
	transfer "$seconds"
	expect_stored
	expect_few_resent
	expect_bounded_memory
}

# A recorder of several interfaces writes one section with a description of each.
a_capture_of_several_interfaces() {
	local interfaces

	prepare $((64 << 20))
	make_capture "$scratch/from/several.pcapng" $((20 << 20))
	interfaces=$(tshark -r "$scratch/from/several.pcapng" -T fields -e frame.interface_id \
		2>/dev/null | sort -u | wc -l)
	((interfaces > 1)) || fail "the capture has $interfaces interfaces"
	cross 60 "$scratch/from/several.pcapng"
	compare_trees "$scratch/from" "$scratch/into"
}

every_real_capture() {
	prepare $((256 << 20))
	need_captures
	cp -p "${captures[@]}" "$scratch/from"
	cross 60 "$scratch"/from/*
	compare_trees "$scratch/from" "$scratch/into"
}

# one_file_of BYTES
one_file_of() {
	prepare $((1 << 20))
	head -c "$1" /dev/urandom >"$scratch/from/file"
	cross 30 "$scratch/from/file"
	compare_trees "$scratch/from" "$scratch/into"
}

names_of_any_kind() {
	local name

	prepare $((64 << 20))
	for name in 'two words' ' blank at both ends ' 'Überwachung 捕獲' $'not UTF-8 \xff\xfe' \
		$'tab\tand\nline end' '-rf' '~' '$HOME' 'a\b' '"' "'" "$(printf '%0255d' 7)"; do
		printf 'content of %s' "$name" >"$scratch/from/$name"
	done
	mkdir -p "$scratch/from/deep"/{1..9}/$'\xc3\x28 dir'
	printf x >"$scratch/from/deep/5/"$'\xc3\x28 dir/x'
	cross 60 "$scratch/from"
	compare_trees "$scratch/from" "$scratch/into/from"
}

sizes_around_every_boundary() {
	local base delta

	prepare $((512 << 20))
	for base in 4096 8192 262144 524288; do
		for delta in -1 0 1; do
			head -c $((base + delta)) /dev/urandom >"$scratch/from/$((base + delta))"
		done
	done
	for base in 1 2 1391 1392 1408 8192 16777215; do
		head -c "$base" /dev/urandom >"$scratch/from/$base"
	done
	cross 60 "$scratch/from"
	compare_trees "$scratch/from" "$scratch/into/from"
}

# A sync for each of them would cost the disk far more than their bytes do.
ten_thousand_small_files() {
	local syncs traced=fsync,fdatasync,sync_file_range,syncfs

	prepare $((512 << 20))
	python3 - "$scratch/from" <<'END'
import os, random, sys
random.seed(1)
for i in range(10000):
    folder = os.path.join(sys.argv[1], "%02d" % (i % 100))
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "%d.pcap" % i), "wb") as f:
        f.write(os.urandom(random.choice((0, 1, 100, 2000, 5000))))
END
	programs "$scratch/from"
	collector=(strace --follow-forks --seccomp-bpf --quiet=all --summary-only
		--trace="$traced" --output="$scratch/syncs" "${collector[@]}")
	# Leaks cannot be looked for in a process that is traced.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 transfer 170
	expect_stored
	compare_trees "$scratch/from" "$scratch/into/from"
	expect_bounded_memory
	syncs=$(awk '$NF ~ /sync/ && $NF !~ /syscall/ { n += $4 } END { print n + 0 }' "$scratch/syncs")
	echo "note: ten thousand small files took $syncs syncs"
	# One would be too few to be true; two for each file would be 20,000.
	((syncs > 0 && syncs < 5000)) || fail_with "$syncs syncs: $(cat "$scratch/syncs")"
}

the_contents_of_a_folder() {
	prepare $((64 << 20))
	make_captures "$scratch/from/sub" $((8 << 20)) $((3 << 20))
	programs .
	exporter=(env -C "$scratch/from" "${exporter[@]}")
	transfer 30
	expect_stored
	compare_trees "$scratch/from" "$scratch/into"
}

# Symlinks inside a tree are not followed, nor do they fail the rest.
symlinks_inside_a_tree_are_left_out() {
	prepare $((64 << 20))
	printf x >"$scratch/from/x"
	ln -s /etc/hostname "$scratch/from/link"
	cross 30 "$scratch/from"
	[[ -f $scratch/into/from/x ]] || fail "the file beside the symlink did not arrive"
	[[ ! -e $scratch/into/from/link && ! -L $scratch/into/from/link ]] || fail "the symlink arrived"
	grep -q 'link' "$scratch/exporter.err" || fail_with "it is not named"
}

# rotated BYTES: captures as a recorder leaves them.
rotated() {
	prepare $((2 * $1 + (64 << 20)))
	make_captures "$scratch/from" "$1" $((200 << 20))
	cross 600 "$scratch/from"
	compare_trees "$scratch/from" "$scratch/into/from"
	note_figures "rotated captures of $(human "$1")"
}

# beyond_the_ring BYTES [ARG...]: one file, so much larger than the ring that it is filled over and
# over; the arguments are for both sides.
beyond_the_ring() {
	local size=$1

	shift
	prepare $((2 * size + (64 << 20)))
	make_capture "$scratch/from/large.pcap" "$size"
	programs "$@" "$scratch/from/large.pcap"
	collector+=("$@")
	transfer 600
	expect_stored
	compare_trees "$scratch/from" "$scratch/into"
	expect_few_resent
	expect_bounded_memory
	note_figures "one file of $(human "$size") ${*}"
}

# from_memory BYTES: without disks, so that memory is all that could grow.
from_memory() {
	prepare $((1 << 20))
	programs --generate "$1:7"
	collector+=(--discard)
	transfer 300
	expect_stored
	[[ $(summary "$scratch/exporter.out" bytes) == "$1" ]] || fail_with "not all bytes crossed"
	[[ $(summary "$scratch/collector.out" stored) == false ]] ||
		fail_with "discarded bytes count as stored"
	expect_bounded_memory
	note_figures "$(human "$1") from memory"
}

run_case every_real_capture
run_case a_capture_of_several_interfaces
run_case one_file_of 0
run_case one_file_of 1
run_case names_of_any_kind
run_case sizes_around_every_boundary
run_case ten_thousand_small_files
run_case the_contents_of_a_folder
run_case symlinks_inside_a_tree_are_left_out
run_case beyond_the_ring $((210 << 20)) --ring 2M --window 1M
run_case from_memory $((100 << 20))
if [[ -n $full ]]; then
	run_case from_memory $((10 << 30))
	run_case rotated $((4 << 30))
	run_case beyond_the_ring $((10 << 30))
else
	run_case rotated $((600 << 20))
fi
finish_cases
