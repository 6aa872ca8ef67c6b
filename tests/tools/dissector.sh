#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The Wireshark dissector shows what our encoder wrote, judges broken packets as the engine does,
# and the packets that docs/protocol.md prints are real.
# usage: dissector.sh WIRE_PCAP ROOT
set -euo pipefail
wire_pcap=$1
root=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

if ! command -v tshark >/dev/null; then
	echo "skip: tshark is not installed"
	exit 77
fi
if ! tshark --version 2>/dev/null | tr '\n' ' ' | grep -q 'with Lua'; then
	echo "skip: this tshark was built without Lua"
	exit 77
fi

# show FILE ARG...: one line a packet. Nothing of a user's own set-up may change what is seen.
show() {
	local file=$1

	shift
	HOME=$scratch XDG_CONFIG_HOME=$scratch tshark -n -X "lua_script:$root/tools/dpdk-stream.lua" \
		-o dps.check_seal:TRUE -r "$file" "$@" 2>"$scratch/stderr" || {
		cat "$scratch/stderr"
		exit 1
	}
	if grep -i 'lua' "$scratch/stderr"; then
		exit 1
	fi
}

# fields FILE FIELD...: the values, separated by bars; several of one field by commas.
fields() {
	local file=$1 field arguments=()

	shift
	for field; do
		arguments+=(-e "$field")
	done
	show "$file" -T fields -E 'separator=|' "${arguments[@]}"
}

# expect WHAT: what stands in the file `got` against the standard input.
expect() {
	if ! diff -u --label "$1: expected" --label "$1: shown" - "$scratch/got"; then
		exit 1
	fi
	echo "$1: as expected"
}

"$wire_pcap" "$scratch/all.pcap" >"$scratch/verdicts"

fields "$scratch/all.pcap" dps.version dps.type dps.flags dps.packet_number dps.floor_full \
	dps.offset dps.channel dps.seal.status | head -n 10 >"$scratch/got"
expect headers <<'END'
1|1|0x0a|4|2|0|1|1
1|2|0x00|3|3|0|0|1
1|1|0x85|12884901893|12884901887|1311768467463790320|4294967295|1
1|2|0x00|0|0|0|0|1
1|3|0x00|9|0|0|3|1
1|4|0x00|10|0|0|0|1
1|5|0x00|11|0|0|0|1
1|15|0x00|12|0|0|0|1
1|1|0x0a|4|2|0|1|2
1|2|0x00|3|3|0|0|2
END

fields "$scratch/all.pcap" dps.data dps.digest dps.option.value | head -n 3 >"$scratch/got"
expect data <<'END'
68656c6c6f|b5e9c1ad071b3e7fc779cfaa5e523818|
||
64617461||55
END

fields "$scratch/all.pcap" dps.ack.largest dps.ack.delay dps.ack.echo dps.ack.sequence \
	dps.ack.range dps.ack.channel dps.ack.credit dps.ack.contiguous dps.ack.stored |
	sed -n 2p >"$scratch/got"
expect acknowledgement <<'END'
4|25|1000000|2|3-4,0-1|1|67108864|5|0
END

fields "$scratch/all.pcap" dps.ack.largest dps.ack.ect0 dps.ack.ect1 dps.ack.ce dps.ack.ranges \
	dps.ack.range.first dps.ack.channels dps.ack.credit | sed -n 4p >"$scratch/got"
{
	printf '18014398509481983|1|2|3|64|'
	for ((i = 0; i < 64; i++)); do
		printf '%s%u' "${comma-}" $((18014398509481983 - 10 * i - 4))
		comma=,
	done
	printf '|16|4611686018427387904'
	for ((i = 1; i < 16; i++)); do
		printf ',4611686018427387904'
	done
	echo
} | expect 'longest acknowledgement'

fields "$scratch/all.pcap" dps.probe.smoothed_rtt dps.probe.challenge dps.probe.answer dps.close.reason |
	sed -n 5,7p >"$scratch/got"
expect 'probe, ping, close' <<'END'
250|0x1122334455667788|0x0000000000000000|
0|0x0000000000000000|0x1122334455667788|
|||7
END

fields "$scratch/all.pcap" dps.type dps.channel dps.offset dps.data dps.stream_ack.stream \
	dps.stream_ack.end dps.ack.credit dps.ack.contiguous | sed -n 15,16p >"$scratch/got"
expect streams <<'END'
6|6|70000|6279746573||||
7|0|0||6,9|1,0|131072,65536|70005,0
END

# The verdicts of the dissector, in the engine's words.
judge() {
	show "$1" -T fields -E separator=, -e dps.malformed -e dps.unknown |
		awk -F, '{ print $1 != "" ? "malformed" : $2 != "" ? "unknown" : "ok" }'
}

judge "$scratch/all.pcap" >"$scratch/got"
expect verdicts <"$scratch/verdicts"
"$wire_pcap" "$scratch/mutated.pcap" 3000 7 >"$scratch/verdicts"
judge "$scratch/mutated.pcap" >"$scratch/got"
expect 'verdicts on mutations' <"$scratch/verdicts"
if show "$scratch/mutated.pcap" -V | grep -i 'lua error'; then
	exit 1
fi

# The two packets of docs/protocol.md, section 9, as one line of hexadecimal each.
sed -n '/^## 9/,/^## 10/p' "$root/docs/protocol.md" | awk '
	/^```/ { if (hex != "") print hex; hex = ""; next }
	/^[0-9a-f][0-9a-f][0-9a-f]0  / { $1 = ""; gsub(/ /, ""); hex = hex $0 }
' >"$scratch/printed"
fields "$scratch/all.pcap" udp.payload | head -n 2 >"$scratch/got"
expect 'packets of docs/protocol.md' <"$scratch/printed"
