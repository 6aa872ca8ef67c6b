#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Peers that resume what is not theirs get nothing, and whose it is loses nothing.
# seconds: 400 400
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/resume_bad_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/resume_bad_lib.sh"

exporter_that_lies=$shell_top/tests/e2e/lying_resumer.py

resumes() {
	prepare udp
	make_tree
	compose_serving
	begin collector
	wait_for 10 is_listening || fail_with "the collector does not listen"
	lie "${control##*:}" "$1"
	nothing_under "$scratch/into"
	rm -rf "$scratch/into/liar"
	begin exporter
	ends_well
}

# lie PORT HOW [TRANSFER]
lie() {
	start liar python3 -B "$exporter_that_lies" "$@"
	end_of liar 60 || fail_with "the exporter that lies goes on"
	((status == 0)) || fail_with "$(tail -n 1 "$scratch/liar.err")"
}

its_transfer() {
	events exporter 'select(.event == "accepted") | .transfer'
}

# Who had it is told, and gets it back with the same command.
somebody_elses() {
	prepare udp
	make_tree
	compose "${slow[@]}"
	begin_both
	wait_midway
	lie "${control##*:}" steal "$(its_transfer)"
	ends exporter 10 '3 4' 'taken'
	hurry
	begin exporter
	ends_well
	expect_resumed
}

# Two collectors for one folder: a transfer belongs to one of them at a time.
two_collectors() {
	local port

	prepare udp
	make_tree
	compose_serving "${slow[@]}"
	begin_both
	wait_midway
	port=$(free_port)
	start second "$streamd" collect --into "$scratch/into" --control "127.0.0.1:$port" --port udp:127.0.0.3
	wait_for 10 said second 'listening on' || fail "the second collector does not listen"
	lie "$port" claimed "$(its_transfer)"
	kill_off exporter
	hurry
	wait_event collector parked
	lie "$port" claimed "$(its_transfer)"
	# The first one ends, and the second may have it.
	kill_off collector
	lie "$port" steal "$(its_transfer)"
	send TERM second
	end_of second 6 || fail "the second collector goes on"
	begin_both
	ends_well
	expect_resumed
}

for what in unknown ended numbers order races attach; do
	run_case resumes "$what"
done
run_case somebody_elses
run_case two_collectors
finish_cases
