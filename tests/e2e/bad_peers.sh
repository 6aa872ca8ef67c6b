#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Peers that are not there, that cannot be reached, that misbehave, and packets of strangers: each is named in
# time, nothing half-done is left, and honest ones are served as before.
# seconds: 300 300
# shellcheck disable=SC2119
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/bad_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/bad_lib.sh"

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

# Each time it is told no, and the log says so once a second.
exporter_that_asks_on_and_on() {
	local lines

	prepare
	start_collector
	timeout 60 python3 "$bad_peer" asking "${control##*:}" || fail_with "another answer than expected"
	lines=$(grep -c "refused a transfer" "$scratch/collector.err")
	((lines > 0 && lines < 500)) || fail "$lines lines in the log, of 5000 refusals"
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

run_case a_peer_that_is_not_there
run_case addresses_that_are_taken
run_case a_data_path_that_is_dead
run_case a_firewall_in_the_way
run_case collectors_that_misbehave
for which in frames order names sizes packets; do
	run_case exporters_that_break_the_rules "$which"
done
run_case exporter_that_offers_nothing
run_case exporter_that_asks_on_and_on
run_case garbage_during_a_transfer
finish_cases
