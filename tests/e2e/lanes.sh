#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Several lanes in a process, each with a queue of its own: transfers are spread over them, and what
# interrupts one is made good as with a single lane.
# alone: its lanes take all processors that there are
# seconds: 240 600
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/survive_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/survive_lib.sh"

# lanes NUMBER: of both.
lanes() {
	collector+=(--lanes "$1")
	exporter+=(--lanes "$1")
}

# statistic NAME COUNTER: in its --stats-file.
statistic() {
	tr -d '\0' <"$scratch/$1.stats" | awk -v name="$2" '$1 == name { print $2 }'
}

two_lanes() {
	prepare "$1"
	make_tree
	compose "${@:2}"
	lanes 2
	begin_both
	ends_well
}

killed() {
	prepare memif
	make_tree
	compose "${slow[@]}"
	lanes 2
	begin_both
	wait_midway
	kill_off collector
	begin collector
	wait_event exporter resumed
	wait_midway
	kill_off exporter collector
	begin_both
	ends_well
	expect_resumed
}

# The kernel spreads packets over the queues by a hash that nobody here knows: packets of most paths
# come to the wrong queue, until their sender has found a port that is right.
astray() {
	local name handed dropped received

	need_streamd
	need_scratch $((256 << 20))
	mkdir "$scratch/from"
	user_folder into
	link_wire 1500 4 af_packet af_packet
	make_tree
	make_capture "$scratch/from/tree/more.pcap" $((60 << 20)) 4
	compose --rate 200M
	collector+=(--stats-file "$scratch/collector.stats")
	lanes 4
	begin_both
	ends_well
	for name in exporter collector; do
		handed=$(statistic "$name" port.handed_datagrams)
		received=$(statistic "$name" port.received_datagrams)
		dropped=$(statistic "$name" port.dropped_handed)
		echo "note: astray: $handed of $received datagrams came to another queue of the $name, $dropped found no room"
		((5 * handed < received)) || fail_with "the $name goes on to hand over"
		# A lane that others keep from its processor for a while does not empty what it is handed.
		((4 * dropped <= handed)) || fail_with "the $name drops what it should hand over"
	done
}

# ---- one transfer over several lanes

# carried_by NAME COUNT: its log tells of as many paths.
carried_by() {
	local paths

	paths=$(grep -c 'has a path more' "$scratch/$1.err") || true
	((paths == $2)) || fail_with "the $1 has $paths paths instead of $2"
}

striped() {
	prepare "$1"
	make_tree
	make_captures "$scratch/from/tree/rotated" $((24 << 20)) $((3 << 20))
	compose --stripes 2 --log-level info "${@:2}"
	collector+=(--log-level info)
	lanes 2
	begin_both
	ends_well
	carried_by exporter 2
	carried_by collector 2
}

# The side with fewer lanes says how many.
stripes_of_the_smaller() {
	prepare udp
	make_tree
	compose --stripes 4 --lanes 4 --log-level info
	collector+=(--lanes 3 --log-level info)
	begin_both
	ends_well
	carried_by collector 3
}

# Killed in the middle, and what goes on has other stripes than what was before.
striped_and_killed() {
	local i

	prepare memif
	make_tree
	compose --stripes 2 "${slow[@]}"
	lanes 2
	begin_both
	wait_midway
	kill_off collector
	begin collector
	wait_event exporter resumed
	wait_moved exporter $((8 << 20))
	kill_off exporter collector
	begin_both
	wait_event exporter resumed
	wait_moved exporter $((16 << 20))
	expect_resumed
	kill_off exporter
	for i in "${!exporter[@]}"; do
		[[ ${exporter[i]} != --stripes ]] || exporter[i + 1]=1
	done
	begin exporter
	ends_well
	expect_resumed
}

# All its paths go on without the control connection, and the next one is attached to them.
striped_and_detached() {
	need_streamd
	need_scratch $((256 << 20))
	mkdir "$scratch/from"
	user_folder into
	link_wire 1500 4 udp udp
	make_tree
	compose --stripes 2 "${slow[@]}"
	lanes 2
	begin_both
	wait_midway
	block_control reject with tcp reset
	wait_event exporter control_lost
	mend_control
	wait_event exporter attached
	ends_well
	! has_event exporter parked || fail_with "it parked though data came through"
}

# Each exporter is a peer of its own: the collector puts them on lanes of their own.
several_exporters() {
	local i

	prepare udp
	make_tree
	compose_serving "${slow[@]}"
	collector+=(--lanes 3 --log-level info)
	begin collector
	for i in 1 2 3; do
		mkdir "$scratch/from$i"
		cp -r "$scratch/from/tree" "$scratch/from$i/tree$i"
		own_state "$scratch/state$i"
		start "exporter$i" "$streamd" export --to "$control" "${exporter_port[@]}" --json \
			--state "$scratch/state$i" "${slow[@]}" "$scratch/from$i/tree$i"
	done
	for i in 1 2 3; do
		ends "exporter$i" "$patience" 0
		diff -r "$scratch/from$i/tree$i" "$scratch/into/tree$i" || fail "tree$i differs"
	done
	for i in 0 1 2; do
		said collector "lane $i has a path more" || fail_with "nothing is on lane $i"
	done
	send INT collector
	ends collector 15 0
}

# net_memif would mix up the packets of queues that one side does not have.
memif_with_other_lanes() {
	prepare memif
	make_tree
	compose --connect-timeout 2s
	collector+=(--lanes 2)
	begin_both
	ends exporter 20 4 'lanes'
	nothing_under "$scratch/into"
	send INT collector
	ends collector 15 '130'
}

run_case two_lanes memif
run_case two_lanes udp
run_case two_lanes memif --impair loss=0.01,reorder=0.01,dup=0.01,hold=2ms,seed=3
run_case killed
run_case astray
run_case striped memif
run_case striped udp
run_case striped memif --impair loss=0.01,reorder=0.01,dup=0.01,corrupt=0.001,hold=2ms,seed=7
run_case stripes_of_the_smaller
run_case striped_and_killed
run_case striped_and_detached
run_case several_exporters
run_case memif_with_other_lanes
finish_cases
