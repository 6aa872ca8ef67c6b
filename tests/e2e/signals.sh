#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Programs that are stopped, killed or frozen, wherever they are: they end in time, the other side notices,
# and nothing half-done is left.
# seconds: 300 300
# shellcheck disable=SC2119
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/bad_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/bad_lib.sh"

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
