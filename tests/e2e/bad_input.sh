#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What users get wrong: command lines, ports, sources, targets. Each gets a clear error in time, and nothing
# half-done is left.
# seconds: 300 300
# shellcheck disable=SC2119
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/bad_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/bad_lib.sh"

# ---- the command line

words_that_make_no_sense() {
	prepare
	refuses 2 'export or collect' "$streamd"
	refuses 2 'frobnicate' "$streamd" frobnicate
	refuses 2 'frobnicate' "$streamd" export --frobnicate
	refuses 2 '--to' "$streamd" export --port udp x
	refuses 2 '--port' "$streamd" export --to "$control" x
	refuses 2 '--control' "$streamd" collect --into "$scratch/into" --port udp
	refuses 2 '--into' "$streamd" collect --control "$control" --port udp
	refuses_to_export 2 'PATH'
	refuses_to_export 2 '--rate' --cc fixed "$scratch/from"
	refuses_to_export 2 '--rate.*fast' --rate fast "$scratch/from"
	refuses_to_export 2 '--cc.*fastest' --cc fastest "$scratch/from"
	refuses_to_export 2 '--mtu.*1280' --mtu 10 "$scratch/from"
	refuses_to_export 2 '--chunk.*4K' --chunk 3 "$scratch/from"
	refuses_to_export 2 '--chunk.*power' --chunk 300K "$scratch/from"
	refuses_to_export 2 '--window' --window 99999999G "$scratch/from"
	refuses_to_export 2 '--connect-timeout.*soon' --connect-timeout soon "$scratch/from"
	refuses_to_export 2 '--lanes' --lanes 17 "$scratch/from"
	refuses_to_export 2 '--to.*65535' --to 127.0.0.1:99999 "$scratch/from"
	refuses_to_export 2 '--to.*bracket' --to '[::1' "$scratch/from"
	refuses_to_export 2 '--overwrite' --overwrite "$scratch/from"
	refuses_to_export 2 '--generate' --generate 1G "$scratch/from"
	refuses_to_export 2 '--log-level.*bad' --log-level bad "$scratch/from"
	refuses_to_export 2 '--impair.*bad' --impair bad "$scratch/from"
	refuses_to_export 2 '--impair.*loss=2' --impair loss=2 "$scratch/from"
	refuses_to_export 2 '--impair.*START' --impair blackout=5s "$scratch/from"
	refuses_to_collect '--log-level.*loud' --log-level debug:loud
	refuses_to_collect '--impair.*bad' --impair bad
	refuses_to_collect '--ip' --ip 10.0.0.1/8
	refuses_to_collect 'PATH' "$scratch/from"
}

ports_that_cannot_be_opened() {
	local port command

	prepare
	printf x >"$scratch/from/x"
	: >"$scratch/a-file"
	for port in pci:ffff:1f:1f.7 pci:here af_packet:no-such-if af_xdp:no-such-if af_packet: \
		udp:203.0.113.1 udp:here nonsense:x nonsense memif: "memif:$scratch/no-such/folder/s" \
		"memif:$scratch/a-file" vdev:nonsense vdev:net_af_packet0,iface=no-such-if vdev:; do
		for command in export collect; do
			set -- --to "$control" "$scratch/from/x"
			[[ $command == export ]] || set -- --into "$scratch/into" --control "$control" --once
			start "$command" "$streamd" "$command" "$@" --port "$port"
		done
		for command in export collect; do
			ends "$command" 2 "${port//./\\.}"
		done
	done
	nothing_is_left
}

# ---- sources

sources_that_cannot_be_sent() {
	prepare
	refuses_to_export '1 2' 'no-such-file' "$scratch/no-such-file"
	mkfifo "$scratch/from/fifo"
	refuses_to_export '1 2' 'fifo' "$scratch/from/fifo"
	refuses_to_export '1 2' '/dev/null' /dev/null
	printf x >"$scratch/from/x"
	ln -s x "$scratch/from/link"
	refuses_to_export '1 2' 'link.*symlink' "$scratch/from/link"
	ln -s . "$scratch/from/folder"
	refuses_to_export '1 2' 'folder.*symlink' "$scratch/from/folder"
	refuses_to_export '1 2' 'x/y' "$scratch/from/x/y"
	# One that is wrong stops all that are right, before anything is sent.
	refuses_to_export '1 2' 'no-such-file' "$scratch/from/x" "$scratch/no-such-file"
	mkdir "$scratch/from/a" "$scratch/from/b"
	printf x | tee "$scratch/from/a/same" >"$scratch/from/b/same"
	refuses_to_export '1 2' 'same' "$scratch/from/a/same" "$scratch/from/b/same"
	refuses_to_export '1 2' 'same' "$scratch/from/a/same" "$scratch/from/a/same"
}

a_source_that_cannot_be_read() {
	prepare
	user_streamd
	install -m 600 /dev/null "$scratch/from/secret"
	((EUID == 0)) || chmod 000 "$scratch/from/secret"
	refuses '1 2' 'secret' "${as_user[@]}" "$streamd" export --to "$control" \
		"${exporter_port[@]}" --connect-timeout 5s "$scratch/from/secret"
}

# Inside a tree, what cannot be sent is named and the rest goes on.
a_tree_with_a_file_that_cannot_be_read() {
	prepare
	user_streamd
	mkdir "$scratch/from/tree"
	printf a >"$scratch/from/tree/a"
	printf b >"$scratch/from/tree/b"
	chmod 600 "$scratch/from/tree/a"
	((EUID == 0)) || chmod 000 "$scratch/from/tree/a"
	ln -s a "$scratch/from/tree/link"
	user_has_our_key
	start_collector
	start exporter "${as_user[@]}" "$streamd" export --to "$control" "${exporter_port[@]}" \
		--json "$scratch/from/tree"
	ends exporter 1 'not stored'
	said exporter 'tree/a' || fail_with "the file is not named"
	said exporter 'link.*skipped' || fail_with "the link is not named"
	(($(summary "$scratch/exporter.out" skipped_files) == 1)) || fail_with "the link is not counted"
	cmp "$scratch/from/tree/b" "$scratch/into/tree/b" || fail "the other file is not stored"
	nothing_is_left
}

expect_source_changed() {
	ends exporter 1 'not stored'
	said exporter 'slow.pcap.*source changed' || fail_with "the reason is not given"
	said exporter '"event": *"file_failed".*"source_changed"' || fail_with "there is no event"
	cmp "$scratch/from/other" "$scratch/into/other" || fail_with "the other file is not stored"
	[[ ! -e $scratch/into/slow.pcap ]] || fail "the file that changed stands there"
	nothing_is_left
	ends collector 1 'slow.pcap.*source changed'
}

a_file_that_shrinks_fails_alone() {
	prepare "$1"
	start_collector --once
	printf x >"$scratch/from/other"
	start_slow_transfer "$scratch/from/other"
	truncate -s 1000 "$scratch/from/slow.pcap"
	expect_source_changed
}

a_file_that_changes_fails_alone() {
	prepare
	start_collector --once
	printf x >"$scratch/from/other"
	make_capture "$scratch/from/slow.pcap" $((16 << 20))
	start_exporter --cc fixed --rate 60M "$scratch/from/slow.pcap" "$scratch/from/other"
	wait_for 15 has_begun || fail_with "the transfer does not begin"
	# Of the same size still.
	printf changed | dd of="$scratch/from/slow.pcap" bs=1 seek=$((15 << 20)) conv=notrunc status=none
	expect_source_changed
}

# ---- targets

targets_that_exist() {
	prepare "$1"
	start_collector
	make_capture "$scratch/from/one.pcap" 100001 1
	make_capture "$scratch/into/one.pcap" 100001 2
	cp "$scratch/into/one.pcap" "$scratch/before"
	start_exporter "$scratch/from/one.pcap"
	ends exporter 4 'one.pcap.*--overwrite'
	# And of another size, or a folder.
	printf x >"$scratch/from/one.pcap"
	start_exporter "$scratch/from/one.pcap"
	ends exporter 4 'one.pcap.*--overwrite'
	cmp "$scratch/before" "$scratch/into/one.pcap" || fail "the target was changed"
	mkdir "$scratch/into/folder"
	printf x >"$scratch/from/folder"
	start_exporter "$scratch/from/folder"
	ends exporter 4 'folder'
	# The same content is no conflict, and is not sent.
	cp "$scratch/into/one.pcap" "$scratch/from/one.pcap"
	start_exporter "$scratch/from/one.pcap"
	ends exporter 0 ''
	(($(summary "$scratch/exporter.out" already_stored_files) == 1)) || fail_with "it is not counted"
	(($(summary "$scratch/exporter.out" data_packets) == 0)) || fail_with "it was sent all the same"
	nothing_is_staged || fail "something is staged"
}

a_target_that_may_be_overwritten() {
	prepare
	start_collector --overwrite
	make_capture "$scratch/from/one.pcap" 100001 1
	make_capture "$scratch/from/two.pcap" 100001 2
	make_capture "$scratch/into/one.pcap" 100001 2
	printf x >"$scratch/into/two.pcap"
	start_exporter "$scratch/from/one.pcap" "$scratch/from/two.pcap"
	ends exporter 0 ''
	nothing_is_left
}

# small_disk KIND: a file system of 16 MiB at $scratch/into
small_disk() {
	need_root
	if [[ $1 == ext4 ]]; then
		truncate -s 16M "$scratch/disk"
		mkfs.ext4 -q -m 0 -O ^has_journal "$scratch/disk"
		mount -o loop "$scratch/disk" "$scratch/into"
	else
		mount -t tmpfs -o size=16m none "$scratch/into"
	fi
	at_exit umount -l "$scratch/into"
	rm -rf "$scratch/into/lost+found"
}

too_little_space_is_refused_with_the_numbers() {
	prepare
	small_disk tmpfs
	start_collector
	make_capture "$scratch/from/large.pcap" $((64 << 20))
	start_exporter "$scratch/from/large.pcap"
	ends exporter 4 'space.*64\.00 MiB.*1[0-9]\.[0-9]+ MiB'
	nothing_under "$scratch/into"
	nothing_is_staged || fail "something is staged"
	honest_transfer_still_works
}

# a_disk_that_fills_up_midway KIND. Room is made for each file when it is opened, and not all are
# open at once: those whose turn comes later find none.
a_disk_that_fills_up_midway() {
	prepare
	small_disk "$1"
	mkdir "$scratch/from/tree"
	head -c $((12 << 20)) /dev/urandom | split -a 4 -b 12288 - "$scratch/from/tree/"
	start_collector --once --space-timeout 1s
	start_exporter --cc fixed --rate 30M "$scratch/from/tree"
	wait_for 15 said exporter '"event": *"file_stored"' || fail_with "the transfer does not begin"
	head -c $((16 << 20)) /dev/zero >"$scratch/into/filler" 2>/dev/null || true
	ends exporter 1 'space'
	ends collector 1 'space'
	rm "$scratch/into/filler"
	nothing_is_left
	# With room again, the same command works, and what is there is not sent again.
	start_collector --once
	start_exporter "$scratch/from/tree"
	ends exporter 0 ''
	(($(summary "$scratch/exporter.out" already_stored_files) > 0)) || fail_with "all was sent again"
	compare_trees "$scratch/from" "$scratch/into"
}

folders_that_cannot_be_used() {
	prepare
	user_streamd
	refuses_to_collect 'no-such-folder' --into "$scratch/no-such-folder"
	printf x >"$scratch/a-file"
	refuses_to_collect 'a-file' --into "$scratch/a-file"
	mkdir -m 555 "$scratch/read-only"
	refuses 2 'read-only' "${as_user[@]}" "$streamd" collect --into "$scratch/read-only" \
		--control "$control" "${collector_port[@]}" --once
	mkdir "$scratch/stage"
	((EUID != 0)) || mount -t tmpfs -o size=1m none "$scratch/stage"
	((EUID != 0)) || at_exit umount -l "$scratch/stage"
	((EUID != 0)) || refuses_to_collect 'stage.*file system' --stage "$scratch/stage"
}

run_case words_that_make_no_sense
run_case ports_that_cannot_be_opened
run_case sources_that_cannot_be_sent
run_case a_source_that_cannot_be_read
run_case a_tree_with_a_file_that_cannot_be_read
run_case a_file_that_shrinks_fails_alone udp
run_case a_file_that_shrinks_fails_alone memif
run_case a_file_that_changes_fails_alone
run_case targets_that_exist udp
[[ -z $full ]] || run_case targets_that_exist memif
run_case a_target_that_may_be_overwritten
run_case too_little_space_is_refused_with_the_numbers
[[ -z $full ]] || run_case a_disk_that_fills_up_midway tmpfs
run_case a_disk_that_fills_up_midway ext4
run_case folders_that_cannot_be_used
finish_cases
