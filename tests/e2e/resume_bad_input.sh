#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What may be wrong when a transfer goes on: sources, state, journals, folders and disks that are no longer
# what they were, and peers that resume what is not theirs. Each is named, and nothing is lost by it.
# seconds: 200 400
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/survive_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/survive_lib.sh"

exporter_that_lies=$shell_top/tests/e2e/lying_resumer.py

# stopped_midway: both were killed in the middle of a transfer, whose commands stand.
stopped_midway() {
	begin_both
	wait_midway
	kill_off exporter collector
	hurry
}

# ---- what the exporter remembers

new_starts_over() {
	prepare
	make_tree
	compose_serving "${slow[@]}"
	begin_both
	wait_midway
	kill_off exporter
	compose_serving --new
	rm "$scratch/exporter.stats"
	begin exporter
	ends_well
	! has_event exporter resumed || fail_with "it goes on though it should start over"
	rm "$scratch/exporter.sent"
	(($(sent_ever) > 27 << 20)) || fail_with "it did not start over"
}

nothing_is_put_away() {
	[[ -z $(find "$scratch/into/.dpdk-streamd" -mindepth 1 -type d) ]]
}

# A collector that goes on serving removes what nobody has come for; then all of it is sent.
what_is_kept_too_long_goes() {
	prepare
	make_tree
	compose_serving "${slow[@]}"
	# Less than this, and a data path that is slow to come up counts as dead, too.
	collector+=(--reconnect-timeout 3s --keep-partial 2s)
	begin_both
	wait_midway
	kill_off exporter
	hurry
	wait_for 15 said collector 'put away for later' || fail_with "the collector does not put it to sleep"
	wait_for 20 nothing_is_put_away || fail_with "it is kept: $(find "$scratch/into/.dpdk-streamd")"
	wait_for 5 said collector 'nobody went on with' || fail_with "the collector does not say so"
	rm "$scratch/exporter.stats"
	begin exporter
	ends_well
	(($(resumed_from) == 0)) || fail_with "it goes on with what is gone"
	rm "$scratch/exporter.sent"
	(($(sent_ever) > 27 << 20)) || fail_with "it did not start over"
}

a_lost_mirror_does_no_harm() {
	prepare
	make_tree
	compose_serving "${slow[@]}"
	begin_both
	wait_midway
	kill_off exporter
	hurry
	lose_mirror
	begin exporter
	ends_well
}

# overwrite_behind FILE: its head, size and time are what they were.
overwrite_behind() {
	touch -r "$1" "$scratch/time"
	dd if=/dev/urandom of="$1" bs=4096 seek=200 count=3 conv=notrunc status=none
	touch -r "$scratch/time" "$1"
}

# What the collector holds of a file that nobody remembers is of another by now.
a_lost_mirror_and_another_file() {
	prepare
	make_tree
	compose_serving "${slow[@]}"
	begin_both
	wait_midway
	kill_off exporter
	hurry
	lose_mirror
	"$1" "$scratch/from/tree/large.pcap"
	begin exporter
	ends_well
	[[ $1 != overwrite ]] || ! has_event exporter resumed || fail_with "it goes on with another file"
	[[ $1 == overwrite ]] || said collector 'all of it comes again' ||
		fail_with "the collector does not say that it begins over"
}

mirror_is_refused() {
	local how

	prepare
	make_tree
	compose_serving "${slow[@]}"
	begin_both
	wait_midway
	kill_off exporter
	hurry
	journal=$scratch/state/mirror
	sql 'pragma wal_checkpoint(truncate)'
	cp -a "$journal" "$scratch/mirror"
	for how in garbage inside cut cut_to_nothing newer folder; do
		"spoil_$how"
		fingerprint "$scratch/state" >"$scratch/wanted"
		begin exporter
		ends exporter 10 2 '/state/mirror'
		fingerprint "$scratch/state" >"$scratch/got"
		diff "$scratch/wanted" "$scratch/got" || fail "$how: something was changed or removed"
		[[ -f $journal ]] || rm -r "$journal"
		rm -f "$journal" && cp -a "$scratch/mirror" "$journal"
	done
	begin exporter
	ends_well
	expect_resumed
}

state_that_cannot_be_used() {
	prepare
	user_streamd
	make_tree
	compose --connect-timeout 1s
	exporter+=(--state "$scratch/a-file")
	printf x >"$scratch/a-file"
	begin exporter
	ends exporter 10 2 'a-file'
	mkdir -m 555 "$scratch/read-only"
	user_folder link
	exporter_in=("${as_user[@]}")
	compose --connect-timeout 1s
	exporter+=(--state "$scratch/read-only/state")
	begin exporter
	ends exporter 10 2 'read-only'
}

# ---- sources that are not what they were

grow() {
	printf x >>"$1"
}

touch_it() {
	touch -d @1234567890 "$1"
}

# Other content, of the same size and time.
replace() {
	head -c "$(stat -c %s "$1")" /dev/urandom >"$1.new"
	touch -r "$1" "$1.new"
	chmod --reference "$1" "$1.new"
	mv "$1.new" "$1"
}

# Other content in the very file: nothing but its first bytes tells.
overwrite() {
	touch -r "$1" "$scratch/time"
	dd if=/dev/urandom of="$1" bs=4096 count=3 conv=notrunc status=none
	touch -r "$scratch/time" "$1"
}

# expect_changed NAME
expect_changed() {
	events exporter 'select(.event == "file_failed") | "\(.path) \(.code)"' |
		grep -qx "tree/$1 identity_changed" || fail_with "$1 is not named as changed"
	[[ ! -e $scratch/into/tree/$1 ]] || fail "$1 stands under its final name"
}

# source_changed HOW: to one that is partly there; two others change before their turn comes.
source_changed() {
	local unharmed

	prepare
	make_tree
	unharmed=$scratch/from/tree/rest
	mkdir "$unharmed"
	make_capture "$scratch/from/tree/m-waits.pcap" 2000001 4
	make_capture "$scratch/from/tree/n-waits.pcap" 2000001 5
	make_capture "$unharmed/one.pcap" 1000001 6
	compose_serving "${slow[@]}"
	begin_both
	wait_midway
	kill_off exporter
	hurry
	"$1" "$scratch/from/tree/large.pcap"
	grow "$scratch/from/tree/m-waits.pcap"
	replace "$scratch/from/tree/n-waits.pcap"
	begin exporter
	ends exporter 60 1 'not stored'
	expect_changed large.pcap
	expect_changed m-waits.pcap
	expect_changed n-waits.pcap
	cmp "$unharmed/one.pcap" "$scratch/into/tree/rest/one.pcap" || fail "another file is not stored"
	cmp "$scratch/from/tree/z.pcap" "$scratch/into/tree/z.pcap" || fail "another file is not stored"
	# Once more, they are what they are.
	begin exporter
	ends_well
}

# A file that came later is sent, too.
source_has_more() {
	prepare
	make_tree
	compose "${slow[@]}"
	stopped_midway
	make_capture "$scratch/from/tree/later.pcap" 500001 7
	begin_both
	ends_well
	expect_resumed
	expect_rate_of_this_life exporter
	expect_rate_of_this_life collector
}

# expect_rate_of_this_life NAME: what came before has no part in it.
expect_rate_of_this_life() {
	events "$1" "select(.event == \"summary\") |
		(.bytes - $(resumed_from) - .goodput_gbps * .seconds * 1e9 / 8) / .bytes | fabs < 0.01" |
		grep -qx true || fail_with "the rate of the $1 is of other bytes than came in this life"
}

# ---- journals

journal=

# fingerprint FOLDER: names, kinds, sizes and contents.
fingerprint() {
	(cd "$1" && find . -printf '%P %y %s %m %i\n' | LC_ALL=C sort &&
		find . -type f -exec sha256sum {} + | LC_ALL=C sort)
}

# sql STATEMENT: to the journal, whose log is written back when it is closed.
sql() {
	python3 -c '
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
print(database.execute(sys.argv[2]).fetchone())
database.close()' "$journal" "$1"
}

spoil_garbage() {
	head -c 4096 /dev/urandom | dd of="$journal" conv=notrunc status=none
}

spoil_inside() {
	head -c $(($(stat -c %s "$journal") - 4096)) /dev/urandom |
		dd of="$journal" bs=4096 seek=1 conv=notrunc status=none
}

spoil_cut() {
	truncate -s $(($(stat -c %s "$journal") / 2 + 1)) "$journal"
}

spoil_cut_to_nothing() {
	truncate -s 0 "$journal"
}

spoil_newer() {
	sql 'pragma user_version = 4711'
}

spoil_read_only() {
	chmod a-w "$journal"
}

spoil_folder() {
	rm "$journal"
	mkdir "$journal"
}

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

# ---- peers that resume what is not theirs

resumes() {
	prepare udp
	make_tree
	compose_serving
	begin collector
	wait_for 10 is_listening || fail_with "the collector does not listen"
	lie "${control##*:}" "$1"
	nothing_under "$scratch/into"
	rm -rf "$scratch/into/liar"
	begin exporter
	ends_well
}

# lie PORT HOW [TRANSFER]
lie() {
	start liar python3 -B "$exporter_that_lies" "$@"
	end_of liar 60 || fail_with "the exporter that lies goes on"
	((status == 0)) || fail_with "$(tail -n 1 "$scratch/liar.err")"
}

its_transfer() {
	events exporter 'select(.event == "accepted") | .transfer'
}

# Who had it is told, and gets it back with the same command.
somebody_elses() {
	prepare udp
	make_tree
	compose "${slow[@]}"
	begin_both
	wait_midway
	lie "${control##*:}" steal "$(its_transfer)"
	ends exporter 10 '3 4' 'taken'
	hurry
	begin exporter
	ends_well
	expect_resumed
}

# Two collectors for one folder: a transfer belongs to one of them at a time.
two_collectors() {
	local port

	prepare udp
	make_tree
	compose_serving "${slow[@]}"
	begin_both
	wait_midway
	port=$(free_port)
	start second "$streamd" collect --into "$scratch/into" --control "127.0.0.1:$port" --port udp:127.0.0.3
	wait_for 10 said second 'listening on' || fail "the second collector does not listen"
	lie "$port" claimed "$(its_transfer)"
	kill_off exporter
	hurry
	wait_event collector parked
	lie "$port" claimed "$(its_transfer)"
	# The first one ends, and the second may have it.
	kill_off collector
	lie "$port" steal "$(its_transfer)"
	send TERM second
	end_of second 6 || fail "the second collector goes on"
	begin_both
	ends_well
	expect_resumed
}

run_case new_starts_over
run_case what_is_kept_too_long_goes
run_case a_lost_mirror_does_no_harm
run_case a_lost_mirror_and_another_file overwrite
run_case a_lost_mirror_and_another_file overwrite_behind
run_case mirror_is_refused
run_case state_that_cannot_be_used
run_case source_changed grow
run_case source_changed replace
run_case source_changed overwrite
[[ -z $full ]] || run_case source_changed touch_it
run_case source_has_more
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
for what in unknown ended numbers order races attach; do
	run_case resumes "$what"
done
run_case somebody_elses
run_case two_collectors
finish_cases
