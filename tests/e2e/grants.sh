#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a trusted peer may take of a collector, and what becomes of it when its line is changed.
# seconds: 90 90
# shellcheck source=tests/e2e/trust_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/trust_lib.sh"

# grant OPTION...: the exporter's line at the collector, replaced as editors do it.
grant() {
	echo "$exporter_key probe may=export $*" >"$scratch/new-line"
	mv "$scratch/new-line" "$scratch/collector-state/authorized_peers"
}

# prepare_granted OPTION...: both trust each other, and a collector runs.
prepare_granted() {
	prepare_two link_udp
	echo "$collector_key $control may=collect" >"$scratch/exporter-state/authorized_peers"
	grant "$@"
	start_collector --json
}

# Files lie beneath the folder of the key, and what stood outside is not in the way.
a_folder_of_its_own() {
	prepare_granted into=lab/probe
	echo "of somebody else" >"$scratch/into/x.pcap"
	exports 0 ''
	cmp "$scratch/x.pcap" "$scratch/into/lab/probe/x.pcap" || fail "what is stored is not what was sent"
	[[ $(<"$scratch/into/x.pcap") == "of somebody else" ]] || fail "a file outside was replaced"
	# A link on the way leads nowhere.
	rm -rf "$scratch/into/lab" && mkdir "$scratch/outside" && ln -s "$scratch/outside" "$scratch/into/lab"
	start exporter "${exporter_in[@]}" "$streamd" export --to "$control" "${exporter_port[@]}" -q \
		--state "$scratch/exporter-state" "$scratch/x.pcap"
	end_of exporter 20 || fail_with "the exporter does not end"
	((status != 0)) || fail_with "a file was stored over a link"
	nothing_under "$scratch/outside"
}

more_than_it_may() {
	prepare_granted bytes=299999
	exports 4 "bytes= in the collector's authorized_peers"
	nothing_under "$scratch/into"
	# The collector runs on: its file is read again.
	grant bytes=300000 files=1
	stored
	: >"$scratch/y.pcap"
	exports 4 "files= in the collector's authorized_peers" "$scratch/y.pcap"
}

a_line_that_is_not_understood() {
	prepare_granted speed=1G
	exports 4 "does not trust our key"
	grep -qF "line 1 allows nothing: behind the name only may=, into=" "$scratch/collector.err" ||
		fail_with "the collector does not say what it did not understand"
}

# begin_slowly: a transfer that would take a minute is under way.
begin_slowly() {
	truncate -s 48M "$scratch/x.pcap"
	start exporter "${exporter_in[@]}" "$streamd" export --to "$control" "${exporter_port[@]}" -q \
		--state "$scratch/exporter-state" --rate 6M "$scratch/x.pcap"
	wait_for 20 grep -q '"event":"accepted"' "$scratch/collector.out" ||
		fail_with "nothing was accepted"
	: >"$scratch/collector.out"
}

# ended STATUS SENTENCE: the exporter has, at once, with this in its last line.
ended() {
	local before

	before=$(now_ms)
	end_of exporter 20 || fail_with "the exporter goes on"
	((status == $1)) || fail_with "the exporter ends with $status"
	tail -n 1 "$scratch/exporter.err" | grep -qF -- "$2" || fail_with "no \"$2\" in its last line"
	(($(now_ms) - before < 5000)) || fail "it took $(($(now_ms) - before)) ms"
}

# Trust that is taken back ends what is under way, and what came is there when it is given again.
taken_back() {
	prepare_granted
	begin_slowly
	: >"$scratch/new-line"
	mv "$scratch/new-line" "$scratch/collector-state/authorized_peers"
	ended 4 "has taken its trust in this key back"
	grep -qF "ended the connection of 127.0.0.1" "$scratch/collector.err" ||
		fail_with "the collector does not say whom it does not trust any more"
	nothing_under "$scratch/into"
	grant
	exports 0 ''
	grep -q '"event":"resumed"' "$scratch/collector.out" || fail_with "it was not resumed"
	cmp "$scratch/x.pcap" "$scratch/into/x.pcap" || fail "what is stored is not what was sent"
}

# The same the other way round: the exporter does not trust the collector any more.
taken_back_by_the_exporter() {
	prepare_granted
	begin_slowly
	rm "$scratch/exporter-state/authorized_peers"
	ended 4 "ended by a change of whom we trust: the key of $control is not trusted"
	nothing_under "$scratch/into"
}

# A line that allows less than what is under way ends it; one that allows as much does not, even where
# an editor takes the old file away before it writes the new one.
narrowed() {
	prepare_granted
	begin_slowly
	mv "$scratch/collector-state/authorized_peers"{,~}
	cp "$scratch/collector-state/authorized_peers"{~,}
	grant bytes=48M files=1
	grant bytes=47M
	ended 4 "bytes= in the collector's authorized_peers"
	nothing_under "$scratch/into"
}

# The rate is the collector's to hold: the exporter knows of none.
a_rate() {
	local gbps

	prepare_granted rate=40M memory=1M
	truncate -s 12M "$scratch/x.pcap"
	start exporter "${exporter_in[@]}" "$streamd" export --to "$control" "${exporter_port[@]}" --json \
		--state "$scratch/exporter-state" "$scratch/x.pcap"
	end_of exporter 60 || fail_with "the exporter does not end"
	((status == 0)) || fail_with "the exporter ends with $status"
	cmp "$scratch/x.pcap" "$scratch/into/x.pcap" || fail "what is stored is not what was sent"
	# A slow machine is slower than that, and none is faster.
	gbps=$(summary "$scratch/exporter.out" goodput_gbps)
	jq -en "$gbps <= 0.044" >/dev/null || fail "it came at $gbps Gb/s"
}

run_case a_folder_of_its_own
run_case more_than_it_may
run_case a_line_that_is_not_understood
run_case a_rate
run_case taken_back
run_case taken_back_by_the_exporter
run_case narrowed
finish_cases
