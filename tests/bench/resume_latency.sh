#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# By hand, as root: how long after the control connection is back data flows again. A transfer between
# two namespaces loses its control connection again and again, and its data path a moment later, since without
# that the new connection would be attached and nothing resumed; the times are those of packets on the
# wire: from the SYN-ACK of the new connection, which is half a round trip old then, to the first packet of data.
# A round takes up to 6 s: connections that hold so shortly are dialled again after longer and longer pauses.
# usage: resume_latency.sh [ROUNDS [af_packet|udp]]
rounds=${1:-10}
kind=${2:-af_packet}
set --
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
# shellcheck source=tests/e2e/survive_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../e2e/survive_lib.sh"

# so_often FILE EVENT COUNT
so_often() {
	(($(event_count "$1" "$2") >= $3))
}

cut_once() {
	"${in_b[@]}" nft -f - <<-'END'
		add table inet cut
		add chain inet cut in { type filter hook input priority 0; }
		add chain inet cut out { type filter hook output priority 0; }
		add rule inet cut in tcp dport 7420 tcp flags & rst == 0 reject with tcp reset
		add rule inet cut out tcp sport 7420 tcp flags & rst == 0 reject with tcp reset
	END
	wait_for 20 so_often "$scratch/exporter.out" control_lost "$1" || fail_with "cut $1 is not noticed"
	"${in_b[@]}" ip link set wire down
	wait_for 20 so_often "$scratch/exporter.out" parked "$1" || fail_with "cut $1 does not park"
	"${in_b[@]}" nft delete table inet cut
	"${in_b[@]}" ip link set wire up
	wait_for 20 so_often "$scratch/exporter.out" resumed "$1" || fail_with "cut $1 is not over"
}

# Milliseconds, one for each time that data flowed again.
latencies() {
	tshark -n -X "lua_script:$shell_top/tools/dpdk-stream.lua" -r "$1" \
		-Y '(tcp.flags.syn == 1 && tcp.flags.ack == 1) || dps.type == 1' \
		-T fields -e frame.time_epoch -e tcp.srcport 2>/dev/null |
		awk '$2 == 7420 { back = $1; next }
			back { if (n++) printf "%.3f\n", ($1 - back) * 1000; back = 0 }'
}

measure() {
	local i

	need_scratch $((2 << 30))
	mkdir "$scratch/from"
	user_folder into
	link_wire 1500 4 "$kind" "$kind"
	mkdir "$scratch/from/tree"
	# Small files keep the control connection busy, so that a cut is seen at once.
	head -c $((512 << 20)) /dev/urandom | split -a 4 -b 100000 - "$scratch/from/tree/"
	compose --rate 200M
	begin collector
	start capture "${in_b[@]}" dumpcap -q -i wire -s 128 -w "$scratch/wire.pcapng"
	wait_for 10 grep -q 'File:' "$scratch/capture.err" || fail "nothing is captured: $(<"$scratch/capture.err")"
	begin exporter
	wait_midway
	for ((i = 1; i <= rounds; i++)); do
		cut_once "$i"
	done
	send INT capture
	end_of capture 10 || fail "the capture goes on"
	latencies "$scratch/wire.pcapng" | sort -n >"$scratch/latencies"
	awk -v kind="$kind" '{ ms[NR] = $1 }
		END { printf "note: %s, %d rounds: p50 %.2f ms, p95 %.2f ms, most %.2f ms\n", kind, NR,
			ms[int((NR + 1) / 2)], ms[int(NR * 0.95 + 0.95)], ms[NR] }' "$scratch/latencies"
}

run_case measure
finish_cases
