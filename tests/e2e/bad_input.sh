#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What users and peers get wrong: each gets a clear error in time, and nothing half-done is left.
# seconds: 180 240
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

bad_peer=$(dirname "${BASH_SOURCE[0]}")/bad_peer.py

# ---- what is common

# prepare [LINK]: udp unless said, or memif
prepare() {
	need_streamd
	need_scratch $((256 << 20))
	mkdir "$scratch/from" "$scratch/into"
	chmod 755 "$scratch/from"
	"link_${1:-udp}"
	own_state "$scratch/state"
}

# ends NAME STATUSES WORDS: it ends within 20 s with one of the statuses, and its last line on stderr
# holds the words (an extended regular expression) and is our sentence.
ends() {
	local name=$1 statuses=$2 words=$3 last

	end_of "$name" 20 || fail_with "the $name still runs after 20 s"
	last=$(tail -n 1 "$scratch/$name.err")
	[[ " $statuses " == *" $status "* ]] ||
		fail_with "the $name exits with $status instead of $statuses: $last"
	grep -qE -- "$words" <<<"$last" || fail_with "'$words' is not in the last line: $last"
	((status == 0)) || [[ $last == 'dpdk-streamd: '* ]] ||
		fail_with "the last line of the $name is no sentence of ours: $last"
}

# refuses STATUSES WORDS COMMAND...
refuses() {
	local statuses=$1 words=$2

	shift 2
	echo "---- $*"
	start refused "$@"
	ends refused "$statuses" "$words"
}

# An exporter to a peer that is not there: what it refuses, it refuses before it dials.
refuses_to_export() {
	local statuses=$1 words=$2

	shift 2
	refuses "$statuses" "$words" "$streamd" export --to "$control" "${exporter_port[@]}" \
		--connect-timeout 1s "$@"
}

refuses_to_collect() {
	local words=$1

	shift
	refuses 2 "$words" "$streamd" collect --into "$scratch/into" --control "$control" \
		"${collector_port[@]}" --once "$@"
}

# said NAME WORDS: it has written them, to stdout or stderr.
said() {
	grep -qsE -- "$2" "$scratch/$1.out" "$scratch/$1.err"
}

has_begun() {
	said exporter '"event": *"accepted"'
}

# start_collector [ARG...]: one that goes on serving, unless told otherwise; that nobody goes on with
# a transfer soon shows, and then nothing is kept of it.
start_collector() {
	start collector "$streamd" collect --into "$scratch/into" --control "$control" \
		"${collector_port[@]}" --json --reconnect-timeout 2s --keep-partial 0s "$@"
	wait_for 10 said collector 'listening on' || fail_with "the collector does not listen"
}

start_exporter() {
	start exporter "$streamd" export --to "$control" "${exporter_port[@]}" --json --state "$scratch/state" "$@"
}

# A transfer of 64 MiB that takes half a minute, in its midst.
start_slow_transfer() {
	make_capture "$scratch/from/slow.pcap" $((64 << 20))
	start_exporter --cc fixed --rate 20M --reconnect-timeout 1s "$@" "$scratch/from/slow.pcap"
	wait_for 15 has_begun || fail_with "the transfer does not begin"
}

# What serves goes on serving. The arguments are the exporter's.
honest_transfer_still_works() {
	make_capture "$scratch/honest.pcap" 1000001
	is_running collector || fail_with "the collector is gone"
	start honest "$streamd" export --to "$control" "${exporter_port[@]}" "$@" "$scratch/honest.pcap"
	end_of honest 20 || fail_with "an honest transfer does not end"
	((status == 0)) ||
		fail_with "an honest transfer ends with $status: $(tail -n 1 "$scratch/honest.err")"
	cmp "$scratch/honest.pcap" "$scratch/into/honest.pcap" || fail "it arrived damaged"
}

nothing_is_staged() {
	[[ -z $(find "$scratch/into/.dpdk-streamd" -mindepth 1 ! -name 'journal*' 2>/dev/null) ]]
}

# nothing_is_left: under a final name is what is complete, or nothing, and staging is empty.
nothing_is_left() {
	local name

	wait_for 10 nothing_is_staged ||
		fail_with "left in staging: $(find "$scratch/into/.dpdk-streamd" -mindepth 1)"
	while read -r name; do
		cmp "$scratch/from/$name" "$scratch/into/$name" ||
			fail_with "$name is not complete under its final name"
	done < <(cd "$scratch/into" && find . -name .dpdk-streamd -prune -o -type f ! -name honest.pcap -print)
}

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

# ---- peers that are not there

a_peer_that_is_not_there() {
	local began

	prepare
	printf x >"$scratch/from/x"
	began=$(now_ms)
	refuses_to_export 3 "$control" --connect-timeout 2s "$scratch/from/x"
	(($(now_ms) - began >= 1900)) || fail "it did not keep trying for 2 s"
	refuses_to_export 3 'nowhere\.invalid' --to nowhere.invalid "$scratch/from/x"
	# One that comes while it tries is found.
	start_exporter --connect-timeout 20s "$scratch/from/x"
	wait_for 5 has_port exporter || fail_with "the exporter does not start"
	start_collector
	ends exporter 0 ''
	nothing_is_left
}

addresses_that_are_taken() {
	prepare
	start_collector
	mkdir "$scratch/second"
	refuses_to_collect "${control##*:}.*in use" --into "$scratch/second" --port udp:127.0.0.3
	refuses_to_collect '203\.0\.113\.1' --control 203.0.113.1:7420 --into "$scratch/second"
}

a_data_path_that_is_dead() {
	prepare
	printf x >"$scratch/from/x"
	start_collector
	start_exporter --connect-timeout 1s --impair blackout=0s+1h "$scratch/from/x"
	ends exporter 3 'data path.*firewall'
	start_exporter --connect-timeout 1s --impair loss=1 "$scratch/from/x"
	ends exporter 3 'data path.*firewall'
	honest_transfer_still_works
	send TERM collector
	ends collector 0 ''
	start_collector --impair blackout=0s+1h
	start_exporter --connect-timeout 1s "$scratch/from/x"
	ends exporter 3 'data path.*firewall'
	[[ ! -e $scratch/into/x ]] || fail "the file stands there"
	nothing_is_left
}

# TCP gets through and UDP does not.
a_firewall_in_the_way() {
	prepare
	link_wire 1500 4 udp udp
	printf x >"$scratch/from/x"
	start collector "${collector_in[@]}" "$streamd" collect --into "$scratch/into" \
		--control "$control" "${collector_port[@]}" --json --reconnect-timeout 2s --keep-partial 0s
	wait_for 10 said collector 'listening on' || fail_with "the collector does not listen"
	"${in_b[@]}" nft add table inet wall
	"${in_b[@]}" nft add chain inet wall in '{ type filter hook input priority 0; }'
	"${in_b[@]}" nft add rule inet wall in meta l4proto udp drop
	start exporter "${exporter_in[@]}" "$streamd" export --to "$control" "${exporter_port[@]}" \
		--json --connect-timeout 1s "$scratch/from/x"
	ends exporter 3 'data path.*firewall'
	nothing_is_left
	"${in_b[@]}" nft delete table inet wall
	# Cut in the midst: silence has an end, too.
	make_capture "$scratch/from/slow.pcap" $((64 << 20))
	start exporter "${exporter_in[@]}" "$streamd" export --to "$control" "${exporter_port[@]}" \
		--json --cc fixed --rate 20M --reconnect-timeout 2s "$scratch/from/slow.pcap"
	wait_for 15 has_begun || fail_with "the transfer does not begin"
	"${in_b[@]}" nft add table inet wall
	"${in_b[@]}" nft add chain inet wall in '{ type filter hook input priority 0; }'
	"${in_b[@]}" nft add rule inet wall in meta l4proto udp drop
	ends exporter 3 'data path.*the same command resumes'
	nothing_is_left
}

# ---- peers that misbehave

# start_bad_collector HOW
start_bad_collector() {
	start "collector-$1" python3 "$bad_peer" collect "$scratch/port-$1" "$1"
	wait_for 10 test -e "$scratch/port-$1" || fail "the bad collector does not listen"
	control=127.0.0.1:$(<"$scratch/port-$1")
}

collectors_that_misbehave() {
	local how status_words
	declare -A answers=(
		[version]='4 version.*7 to 9' [versions]='4 versions 2 to 3' [role]='4 export'
		[seal]='4 aes' [chunk]='4 --chunk' [busy]='4 busy' [http]='3 1 MiB'
		[bomb]='3 nested' [gibberish]='3 control' [stored]='3 stored' [hang_up]='3 control'
		[dead_path]='3 data path'
	)
	# Who says nothing is waited for: 10 s.
	[[ -z $full ]] || answers[silent]='3 does not answer'

	prepare
	printf x >"$scratch/from/x"
	# All at once, since some take their time.
	for how in "${!answers[@]}"; do
		start_bad_collector "$how"
		start "exporter-$how" "$streamd" export --to "$control" "${exporter_port[@]}" \
			--connect-timeout 1s "$scratch/from/x"
	done
	for how in "${!answers[@]}"; do
		status_words=${answers[$how]}
		echo "---- $how"
		ends "exporter-$how" "${status_words%% *}" "${status_words#* }"
	done
}

# exporters_that_break_the_rules WHICH: and after them, honest ones are served as before.
exporters_that_break_the_rules() {
	local options=()

	prepare
	# Packets of its own are clear: it has no keys to seal them with.
	[[ $1 != packets ]] || options=(--clear)
	start_collector "${options[@]}"
	ln -s "$scratch" "$scratch/into/way-out"
	timeout 60 python3 "$bad_peer" "$1" "${control##*:}" || fail_with "another answer than expected"
	[[ ! -e $scratch/escape && ! -e /tmp/dps-escape ]] || fail "a name led out of the folder"
	nothing_is_left
	nothing_under "$scratch/into"
	honest_transfer_still_works "${options[@]}"
	send TERM collector
	ends collector 0 ''
}

# Who says hello and then nothing has a place for the idle timeout, and no longer.
exporter_that_offers_nothing() {
	prepare
	start_collector --idle-timeout 1s
	timeout 60 python3 "$bad_peer" idle "${control##*:}" || fail_with "another answer than expected"
	is_running collector || fail_with "the collector is gone"
}

# udp_port NAME: of a process of ours
udp_port() {
	ss -Hlunp | awk -v who="pid=${process_ids[$1]}," 'index($0, who) { sub(/.*:/, "", $4); print $4; exit }'
}

has_port() {
	[[ -n $(udp_port "$1") ]]
}

# counter NAME FIELD: of its --stats-file
counter() {
	awk -v name="$2" '$1 == name { print $2 }' "$scratch/$1.stats"
}

garbage_during_a_transfer() {
	local side

	prepare
	start_collector --stats-file "$scratch/collector.stats"
	make_capture "$scratch/from/large.pcap" $((24 << 20))
	start_exporter --cc fixed --rate 100M --stats-file "$scratch/exporter.stats" \
		"$scratch/from/large.pcap"
	wait_for 15 has_begun || fail_with "the transfer does not begin"
	start spray-1 python3 "$bad_peer" spray 1.5 127.0.0.1 "$(udp_port exporter)"
	start spray-2 python3 "$bad_peer" spray 1.5 127.0.0.2 "$(udp_port collector)"
	ends exporter 0 ''
	cmp "$scratch/from/large.pcap" "$scratch/into/large.pcap" || fail "it arrived damaged"
	send TERM collector
	ends collector 0 ''
	for side in exporter collector; do
		for counter in dropped_short dropped_version dropped_connection; do
			(($(counter "$side" "engine.$counter") > 0)) ||
				fail_with "the $side did not count $counter: $(cat "$scratch/$side.stats")"
		done
	done
	nothing_is_left
}

# ---- signals

# reach PHASE [ARG...]: brings both sides there; the arguments are the collector's.
reach() {
	local phase=$1

	shift
	[[ $phase == dialing ]] || start_collector "$@"
	case $phase in
	listening) ;;
	dialing)
		printf x >"$scratch/from/x"
		start_exporter "$scratch/from/x"
		wait_for 5 has_port exporter || fail_with "the exporter does not start"
		;;
	probing)
		printf x >"$scratch/from/x"
		start_exporter --impair blackout=0s+1h "$scratch/from/x"
		wait_for 10 said exporter '"event": *"hello"' || fail_with "there is no hello"
		;;
	moving)
		start_slow_transfer
		;;
	finishing)
		make_capture "$scratch/from/last.pcap" $((8 << 20))
		start_exporter "$scratch/from/last.pcap"
		wait_for 20 said exporter '"event": *"file_stored"' || fail_with "nothing is stored"
		;;
	esac
}

# signal LINK PHASE SIDE SIGNAL STATUSES [COLLECTOR ARG...]
signal() {
	local link=$1 phase=$2 side=$3 name=$4 statuses=$5 other=exporter

	shift 5
	prepare "$link"
	reach "$phase" "$@"
	if is_running "$side"; then
		send "$name" "$side" 2>/dev/null || true
	fi
	end_of "$side" 5 || fail_with "the $side goes on 5 s after SIG$name"
	[[ " $statuses " == *" $status "* ]] || fail_with "the $side exits with $status instead of $statuses"
	((status == 0)) || ends_with_sentence "$side"
	nothing_is_left
	[[ $phase != listening && $phase != dialing ]] || return 0
	[[ $side == collector ]] || other=collector
	# The other side knows at once; a collector that serves goes on.
	if [[ $other == exporter ]]; then
		# One that was told of the end in time has nothing to complain of.
		ends exporter "$([[ $phase == finishing ]] && echo '0 3' || echo 3)" ''
	elif [[ " $* " == *' --once '* && $phase == moving ]]; then
		ends collector 1 'again|stopped'
	elif [[ " $* " != *' --once '* ]]; then
		honest_transfer_still_works
	fi
}

# Nothing is under way that would be worth a wait. The best of five counts, the machine is shared; a
# sanitizer looks through all memory at the end.
stopped_while_dialing() {
	local best=5000 most=100 began took i

	[[ $build != *-asan ]] || most=2000
	prepare
	printf x >"$scratch/from/x"
	for ((i = 0; i < 5; i++)); do
		reach dialing
		began=$(now_ms)
		send INT exporter
		status=0
		wait "${process_ids[exporter]}" || status=$?
		took=$(($(now_ms) - began))
		((status == 130)) || fail_with "the exporter exits with $status instead of 130"
		((took >= best)) || best=$took
	done
	echo "note: an exporter that dials is gone $best ms after SIGINT"
	((best <= most)) || fail "it takes $best ms"
}

ends_with_sentence() {
	[[ $(tail -n 1 "$scratch/$1.err") == 'dpdk-streamd: '* ]] ||
		fail_with "the last line of the $1 is no sentence of ours"
}

# A peer that does not let go: after the first signal some seconds are left, after the second none.
a_second_signal_stops_at_once() {
	local began

	prepare
	printf x >"$scratch/from/x"
	start_bad_collector dead_path
	start_exporter --connect-timeout 20s "$scratch/from/x"
	wait_for 10 said exporter '"event": *"hello"' || fail_with "there is no hello"
	send INT exporter
	wait_for 1 is_gone "${process_ids[exporter]}" && fail_with "it does not wait for its peer at all"
	send TERM exporter
	began=$(now_ms)
	ends exporter 143 'second signal'
	(($(now_ms) - began < 1000)) || fail "it takes its time"
	# With one signal it leaves in time all the same.
	start_bad_collector silent
	start_exporter --connect-timeout 20s "$scratch/from/x"
	wait_for 10 said collector-silent 'hello' || fail_with "there is no hello"
	send TERM exporter
	end_of exporter 5 || fail_with "the exporter goes on 5 s after SIGTERM"
	((status == 143)) || fail_with "the exporter exits with $status instead of 143"
}

# killed LINK SIDE: the other ends, or goes on serving, and the same command works.
killed() {
	prepare "$1"
	start_collector
	start_slow_transfer
	send KILL "$2"
	end_of "$2" 5 || fail "it cannot be killed"
	if [[ $2 == collector ]]; then
		ends exporter 3 'the same command resumes'
		nothing_under "$scratch/into"
		start_collector
	else
		wait_for 10 said collector 'is gone' || fail_with "the collector does not notice"
		nothing_is_left
		nothing_under "$scratch/into"
	fi
	start_exporter "$scratch/from/slow.pcap"
	ends exporter 0 ''
	nothing_is_left
	honest_transfer_still_works
}

# frozen SIDE: it is there and says nothing; the other does not wait forever.
frozen() {
	prepare
	start_collector --once --reconnect-timeout 2s
	start_slow_transfer --reconnect-timeout 2s
	send STOP "$1"
	at_exit kill -CONT "${process_ids[$1]}"
	if [[ $1 == collector ]]; then
		ends exporter 3 'silent.*the same command resumes'
	else
		ends collector 1 'again|reconnect'
	fi
	nothing_under "$scratch/into"
	send KILL "$1"
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
run_case a_peer_that_is_not_there
run_case addresses_that_are_taken
run_case a_data_path_that_is_dead
run_case a_firewall_in_the_way
run_case collectors_that_misbehave
for which in frames order names sizes packets; do
	run_case exporters_that_break_the_rules "$which"
done
run_case exporter_that_offers_nothing
run_case garbage_during_a_transfer
run_case signal udp dialing exporter INT 130
run_case signal udp dialing exporter TERM 143
run_case stopped_while_dialing
run_case signal udp probing exporter INT 130
run_case signal udp moving exporter TERM 143 --once
run_case signal memif moving exporter INT 130
run_case signal udp finishing exporter TERM '0 143'
run_case signal udp listening collector INT 0
run_case signal udp listening collector TERM 143 --once
run_case signal udp probing collector TERM 0
run_case signal udp moving collector INT 0
run_case signal udp moving collector INT 130 --once
[[ -z $full ]] || run_case signal memif moving collector TERM 0
[[ -z $full ]] || run_case signal udp finishing collector INT 0
run_case a_second_signal_stops_at_once
run_case killed udp exporter
run_case killed memif collector
[[ -z $full ]] || run_case killed memif exporter
[[ -z $full ]] || run_case killed udp collector
[[ -z $full ]] || run_case frozen exporter
run_case frozen collector
finish_cases
