#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A transfer goes on, and the journals, folders or disks of the collector are no longer what they were: each is
# named, and nothing is lost by it.
# seconds: 400 400
# shellcheck disable=SC2119
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/resume_bad_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/resume_bad_lib.sh"

# journal_is_refused: by an ordinary user's collector, since root may write anything.
journal_is_refused() {
	local how

	prepare
	user_streamd
	user_has_our_key
	collector_in=("${as_user[@]}")
	link_udp
	make_tree
	compose "${slow[@]}"
	stopped_midway
	journal=$scratch/into/.dpdk-streamd/journal
	sql 'pragma wal_checkpoint(truncate)'
	cp -a "$journal" "$scratch/journal"
	for how in garbage inside cut cut_to_nothing newer read_only folder; do
		"spoil_$how"
		[[ ! -f $journal ]] || ((EUID != 0)) || chown --reference "$scratch/journal" "$journal"
		fingerprint "$scratch/into" >"$scratch/wanted"
		begin collector
		end_of collector 10 || fail_with "$how: the collector goes on"
		((status == 2)) || fail_with "$how: the collector exits with $status"
		tail -n 1 "$scratch/collector.err" | grep -q '^dpdk-streamd: .*/\.dpdk-streamd/journal' ||
			fail_with "$how: the file is not named"
		fingerprint "$scratch/into" >"$scratch/got"
		diff "$scratch/wanted" "$scratch/got" || fail "$how: something was changed or removed"
		# As it was; copied into the same file where there is one.
		[[ -f $journal ]] || rm -r "$journal"
		rm -f "$journal" && cp -a "$scratch/journal" "$journal"
	done
	begin_both
	ends_well
	expect_resumed
}

# ---- folders that are gone

# staging_is_gone FOLDER: while the collector waits for the exporter. That the transfer cannot go on
# is said; then it can be had anew.
folder_is_gone_while_parked() {
	prepare
	make_tree
	compose_serving "${slow[@]}"
	begin_both
	wait_midway
	kill_off exporter
	hurry
	wait_event collector parked
	rm -r "${scratch:?}/$1"
	begin exporter
	end_of exporter 60 || fail_with "the exporter waits for what is gone"
	[[ " 0 1 3 4 " == *" $status "* ]] || fail_with "the exporter exits with $status"
	((status == 0)) || tail -n 1 "$scratch/exporter.err" | grep -q '^dpdk-streamd: ' ||
		fail_with "there is no sentence of ours"
	if is_running collector; then
		send TERM collector
		ends collector 6 0
	fi
	mkdir -p "$scratch/into"
	begin_both
	ends_well
}

# folder_is_gone_while_it_moves FOLDER: nothing that is written can be seen any more. No file is told as
# stored that is not there, both end in time, and then it can be had anew.
folder_is_gone_while_it_moves() {
	local stored

	prepare
	make_tree
	compose_serving "${slow[@]}"
	begin_both
	wait_midway
	rm -r "${scratch:?}/$1"
	ends exporter 60 1 'not stored'
	hurry
	said exporter 'large.pcap: has lost its folder' || fail_with "it does not say why"
	# What was stored before it went was told in good faith.
	stored=$(events exporter 'select(.event == "file_stored") | .path')
	! grep -qx 'tree/large.pcap' <<<"$stored" ||
		fail_with "a file counts as stored that is not there"
	if is_running collector; then
		send TERM collector
		ends collector 6 0
	fi
	mkdir -p "$scratch/into"
	begin_both
	ends_well
}

folder_is_gone_when_it_starts() {
	prepare
	make_tree
	compose "${slow[@]}"
	stopped_midway
	rm -r "$scratch/into/.dpdk-streamd"
	begin_both
	ends_well
}

# The exporter comes to another collector than the one that it knows.
another_collector() {
	prepare
	make_tree
	compose "${slow[@]}"
	stopped_midway
	mv "$scratch/into" "$scratch/elsewhere"
	mkdir "$scratch/into"
	begin_both
	ends_well
}

# ---- disks

# A bit of what is on disk already turns; told once all of it came, and nowhere else.
disk_gives_back_other_bytes() {
	local staged

	prepare
	make_tree
	compose_serving "${slow[@]}"
	collector+=(--verify=disk)
	begin_both
	wait_moved exporter $((12 << 20))
	for staged in "$scratch"/into/.dpdk-streamd/*/*; do
		(($(stat -c %s "$staged") < 20 << 20)) ||
			printf x | dd of="$staged" bs=1 seek=1000001 conv=notrunc status=none
	done
	ends exporter 60 1 'not stored'
	events exporter 'select(.event == "file_failed") | "\(.path) \(.code)"' |
		grep -qx 'tree/large.pcap digest' || fail_with "the file is not named"
	said collector 'other bytes than were written' || fail_with "the collector does not say why"
	[[ ! -e $scratch/into/tree/large.pcap ]] || fail "it stands under its final name"
	cmp "$scratch/from/tree/z.pcap" "$scratch/into/tree/z.pcap" || fail "another file is not stored"
	# The disk has recovered.
	hurry
	begin exporter
	ends_well
}

# small_disk: 48 MiB at $scratch/into.
small_disk() {
	need_root
	mount -t tmpfs -o size=48m none "$scratch/into" 2>/dev/null || skip_case "nothing can be mounted here"
	at_exit umount -l "$scratch/into"
}

fill_disk() {
	cat /dev/zero >"$scratch/into/filler" 2>/dev/null || true
}

empty_disk() {
	rm "$scratch/into/filler"
}

# go_on: what broke off goes on with the same commands.
go_on() {
	hurry
	if is_running collector; then
		send TERM collector
		ends collector 6 '0 143'
	fi
	! is_running exporter || fail_with "the exporter goes on"
	begin_both
	ends_well
}

disk_fills_while_it_moves() {
	prepare
	small_disk
	make_tree
	# Room is made for a file when it is opened, and not all of these are open at once.
	mkdir "$scratch/from/tree/many"
	head -c $((12 << 20)) /dev/urandom | split -a 4 -b 12288 - "$scratch/from/tree/many/"
	compose_serving "${slow[@]}"
	collector+=(--space-timeout 2s)
	begin_both
	wait_midway
	fill_disk
	ends exporter 60 '1 3 4'
	is_running collector || ends collector 1 '1 2'
	empty_disk
	go_on
}

# Nothing can be written, the journal neither, when the collector comes back.
disk_is_full_when_it_starts() {
	prepare
	small_disk
	make_tree
	compose "${slow[@]}"
	stopped_midway
	fill_disk
	begin collector
	wait_for 10 has_answered || fail_with "the collector neither listens nor ends"
	if is_running collector; then
		send TERM collector
		ends collector 6 143
	else
		ends collector 1 '1 2' 'space'
	fi
	empty_disk
	begin_both
	ends_well
	expect_resumed
}

has_answered() {
	! is_running collector || said collector 'listening on'
}

run_case journal_is_refused
run_case folder_is_gone_while_parked into/.dpdk-streamd
run_case folder_is_gone_while_parked into
run_case folder_is_gone_while_it_moves into/.dpdk-streamd
run_case folder_is_gone_while_it_moves into
run_case folder_is_gone_when_it_starts
run_case another_collector
run_case disk_gives_back_other_bytes
run_case disk_fills_while_it_moves
run_case disk_is_full_when_it_starts
finish_cases
