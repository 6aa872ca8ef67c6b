#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A collector whose disk fills up, and is emptied: the transfer waits, says so, and goes on by itself.
# seconds: 120 120
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/survive_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/survive_lib.sh"

# small_disk KIND: a file system of 24 MiB at $scratch/into. ext2 cannot reserve space: there it is the
# lane's writes that find none.
small_disk() {
	need_root
	mkdir "$scratch/into"
	if [[ $1 == tmpfs ]]; then
		mount -t tmpfs -o size=24m none "$scratch/into"
	else
		truncate -s 24M "$scratch/disk"
		"mkfs.$1" -q -m 0 "$scratch/disk"
		mount -o loop "$scratch/disk" "$scratch/into"
	fi
	at_exit umount -l "$scratch/into"
	rm -rf "$scratch/into/lost+found"
}

# prepare KIND: files of 16 MiB together, that fit if nothing else is there.
prepare() {
	need_streamd
	need_scratch $((256 << 20))
	small_disk "$1"
	mkdir -p "$scratch/from/tree/many"
	make_capture "$scratch/from/tree/large.pcap" $((10 << 20)) 1
	head -c $((6 << 20)) /dev/urandom | split -a 4 -b 20000 - "$scratch/from/tree/many/"
	link_udp
	# At a pace that leaves time to fill the disk while bytes move; nobody may call it idle.
	compose --cc fixed --rate 20M --idle-timeout 1s
	collector+=(--idle-timeout 1s)
}

fill_disk() {
	dd if=/dev/zero of="$scratch/into/filler" bs=4K status=none 2>/dev/null || true
}

begin_and_fill() {
	begin_both
	wait_moved exporter $((1 << 20))
	fill_disk
	wait_event exporter blocked
	wait_event collector blocked
}

# Five reports of progress, one a second, that all say why.
is_shown_blocked() {
	is_running exporter || fail_with "the exporter does not wait"
	is_running collector || fail_with "the collector does not wait"
	(($(events exporter 'select(.event == "progress" and .blocked == "space") | .bytes' | wc -l) >= 5))
}

fills_and_is_emptied() {
	prepare "$1"
	begin_and_fill
	[[ $(events exporter 'select(.event == "blocked") | .why' | head -n 1) == space ]] ||
		fail_with "the exporter does not know why it waits"
	wait_for 20 is_shown_blocked || fail_with "that it waits is not shown"
	rm "$scratch/into/filler"
	ends_well
	has_event exporter unblocked || fail_with "the exporter does not say that it goes on"
	! has_event exporter parked || fail_with "the connection was given up"
	(($(summary "$scratch/exporter.out" resent_bytes) == 0)) || fail_with "bytes came again"
}

# Whoever waits may be killed, and the other side, too.
killed_while_it_is_full() {
	prepare ext4
	begin_and_fill
	kill_off "$@"
	for name; do
		begin "$name"
	done
	rm "$scratch/into/filler"
	ends_well
}

stays_full() {
	prepare ext4
	collector+=(--space-timeout 1s)
	begin_and_fill
	ends exporter 20 1 'no space left.*--space-timeout.*make room.*same command'
	ends collector 20 1 'space'
	rm "$scratch/into/filler"
	begin_both
	ends_well
	has_event exporter resumed || fail_with "the same command starts over"
}

stopped_while_it_is_full() {
	prepare ext4
	begin_and_fill
	send TERM collector
	end_of collector 6 || fail_with "the collector does not stop"
	send INT exporter
	end_of exporter 6 || fail_with "the exporter does not stop"
	rm "$scratch/into/filler"
	begin_both
	ends_well
	has_event exporter resumed || fail_with "the same command starts over"
}

run_case fills_and_is_emptied tmpfs
run_case fills_and_is_emptied ext4
run_case fills_and_is_emptied ext2
run_case killed_while_it_is_full collector
run_case killed_while_it_is_full exporter
run_case stays_full
run_case stopped_while_it_is_full
finish_cases
