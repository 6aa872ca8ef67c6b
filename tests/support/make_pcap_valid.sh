#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What make_pcap writes is of the exact size asked for, and Wireshark reads all of it.
# usage: make_pcap_valid.sh MAKE_PCAP
set -euo pipefail
make_pcap=$1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/dps-pcap.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

if ! command -v capinfos >/dev/null; then
	echo "skip: capinfos is not installed (package wireshark-common, with tshark)"
	exit 77
fi

# check FILE BYTES INTERFACES [CAPTURE...]
check() {
	local file=$scratch/$1 bytes=$2 interfaces=$3 said

	shift 3
	"$make_pcap" "$file" "$bytes" 5 "$@"
	if [[ $(stat -c %s "$file") != "$bytes" ]]; then
		echo "$file has $(stat -c %s "$file") bytes instead of $bytes"
		exit 1
	fi
	said=$(capinfos "$file" 2>&1) || { echo "$said"; exit 1; }
	if ! grep -q "^Number of interfaces in file: $interfaces$" <<<"$said"; then
		echo "expected $interfaces interfaces:"
		echo "$said"
		exit 1
	fi
}

for bytes in 180 1000 1516 65536 999999; do
	check one.pcap "$bytes" 1
	check two.pcapng $((bytes / 4 * 4)) 2
done
# Its own files are captures that it can repeat.
check again.pcap 3000001 1 "$scratch/one.pcap"
check again.pcapng 3000000 3 "$scratch/one.pcap" "$scratch/two.pcapng"
if "$make_pcap" "$scratch/not.pcap" 10000 0 "${BASH_SOURCE[0]}" 2>/dev/null; then
	echo "it takes a script for a capture"
	exit 1
fi
