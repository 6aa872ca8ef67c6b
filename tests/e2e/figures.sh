#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a run says of itself adds up: where the lanes' time went, what limited them, and how few
# buffers were left.
# seconds: 60
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

bytes=$((64 << 20))

prepare() {
	need_streamd
	need_scratch $((2 * bytes + (64 << 20)))
	mkdir -p "$scratch/from"
	make_capture "$scratch/from/x.pcap" "$bytes"
}

# holds SIDE WHAT FILTER: of the side's last object.
holds() {
	jq -es "last | $3" "$scratch/$1.out" >/dev/null ||
		fail_with "not so at the $1: $2: $(tail -n 1 "$scratch/$1.out")"
}

# adds_up SIDE: what is told of the lane agrees with itself, and with the rest.
adds_up() {
	holds "$1" 'there is one lane' '.lanes | length == 1'
	holds "$1" 'the share of busy cycles' '.lanes[0] | (.cycles | add) as $all |
		$all > 0 and .busy > 0 and .busy < 1 and
		((1 - .cycles.idle / $all - .busy) | fabs) < 1e-6'
	holds "$1" 'cycles per packet' '.lanes[0] | .metered_packets > 0 and
		(.cycles_per_packet | keys == ["ack", "disk", "other", "rx", "tx"]) and
		. as $lane | all(.cycles_per_packet | to_entries[];
			(.value * $lane.metered_packets / ([1, $lane.cycles[.key]] | max) - 1 | fabs) < 1e-6 or
			.value == 0 and $lane.cycles[.key] == 0)'
	holds "$1" 'acknowledgements and the disk take time' '.lanes[0].cycles | .ack > 0 and .disk > 0'
	holds "$1" 'pools have a low-water mark' '.lanes[0].pools | .slots.free_low < .slots.count and
		all(.[]; .free_low >= 0 and .free_low <= .count)'
}

lanes_say_where_their_time_went() {
	prepare
	link_memif
	programs --rate 500M "$scratch/from" # long enough for some periods that are metered
	transfer 60
	expect_stored
	adds_up exporter
	adds_up collector
	holds exporter 'it sends, and receives no data' '.lanes[0].cycles | .tx > 0 and .rx == 0'
	holds collector 'it receives, and sends no data' '.lanes[0].cycles | .rx > 0 and .tx == 0'
	holds exporter 'no more packets than there were' '.lanes[0].metered_packets <= .data_packets'
	holds exporter 'shares of what limits add up' '.limited_by | add - 1 | fabs < 1e-6'
	# What is sealed lies behind its head in the same buffer; the pool of bodies serves clear ones.
	holds exporter 'the buffers of packets were used' \
		'.lanes[0].pools | .head.free_low < .head.count'
	holds collector 'the buffers of packets were used' \
		'.lanes[0].pools.rx | .free_low < .count'
}

# counter NAME: of the exporter's --stats-file.
counter() {
	awk -v name="$1" '$1 == name { print $2 }' "$scratch/exporter.stats"
}

people_and_statistics_are_told_too() {
	prepare
	link_udp
	programs --rate 500M --stats-file "$scratch/exporter.stats" "$scratch/from"
	exporter=("${exporter[@]/#--json/--new}")
	transfer 60
	expect_stored
	grep -Eq '^lane [0-9]+% busy: rx 0, ack [0-9]+, tx [0-9]+, disk [0-9]+, other [0-9]+ cycles/packet$' \
		"$scratch/exporter.out" || fail_with "no word of the lane"
	(($(counter 'cycles.spent[DPS_STAGE_TX]') > 0)) || fail_with "no cycles in the statistics"
	(($(counter free_slots_low) < $(counter slots))) || fail_with "no slots in the statistics"
}

run_case lanes_say_where_their_time_went
run_case people_and_statistics_are_told_too
finish_cases
