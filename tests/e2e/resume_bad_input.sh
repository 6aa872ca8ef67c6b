#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A transfer goes on, and what the exporter knows of it, or its sources, are no longer what they were: each is
# named, and nothing is lost by it.
# seconds: 400 400
# shellcheck disable=SC2119
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/resume_bad_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/resume_bad_lib.sh"

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
finish_cases
