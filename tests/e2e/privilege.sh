#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the programs may do while they run, and who may look at them: as the kernel has it.
# seconds: 120 240
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# prepare LINK
prepare() {
	need_streamd
	need_scratch $((256 << 20))
	"$1"
	mkdir -p "$scratch/from"
	make_capture "$scratch/from/one.pcap" 3000001
}

# ---- who may look

# A collector of an ordinary user that waits.
start_users_collector() {
	user_streamd
	collector_in=("${as_user[@]}")
	user_folder into
	programs "$scratch/from/one.pcap"
	start collector "${collector[@]}"
	wait_for 10 is_listening || fail_with "the collector does not listen"
}

nobody_else_reads_its_memory() {
	local id

	prepare link_udp
	start_users_collector
	id=${process_ids[collector]}
	[[ $(awk '/^Uid:/ { print $2 }' "/proc/$id/status") != 0 ]] || fail "it runs as root"
	# Root's, though its user is not: the kernel says so of what is not dumpable.
	[[ $(stat -c %u "/proc/$id/mem") == 0 ]] || fail "its user can read its memory"
	! "${as_user[@]}" cat "/proc/$id/environ" >/dev/null 2>&1 || fail "its user can read its environment"
	send TERM collector
	end_of collector 10 || fail_with "the collector does not stop"
}

run_case nobody_else_reads_its_memory
finish_cases
