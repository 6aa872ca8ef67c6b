#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The examples of docs/library.md, against an installed copy of the library, where things go wrong:
# a wire between two namespaces that loses packets or is cut, a receiver that is killed. What is said
# to have arrived is compared byte by byte.
# seconds: 300
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/installed_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/installed_lib.sh"
# shellcheck source=tests/e2e/examples_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/examples_lib.sh"

at=10.77.0.2:7420 # where who listens in b does

# begin_over_wire NAME...: with namespaces, and each program built.
begin_over_wire() {
	need_root
	command -v nft >/dev/null || skip_case "nft is not installed"
	begin "$@"
	network 1500
}

# ---- what befalls the wire

# lose PERCENT: of the datagrams that arrive at either end, each by itself.
lose() {
	local rules="add table inet loss
		add chain inet loss in { type filter hook input priority 0; }
		add rule inet loss in meta l4proto udp numgen random mod 100 < $1 counter drop"

	"${in_a[@]}" nft "$rules"
	"${in_b[@]}" nft "$rules"
}

# lost_in COMMAND...: puts into $lost how many datagrams were lost on their way into a namespace.
lost_in() {
	lost=$("$@" nft list table inet loss | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
}

# expect_losses LEAST: at each end.
expect_losses() {
	local lost in_a_lost

	lost_in "${in_a[@]}"
	in_a_lost=$lost
	lost_in "${in_b[@]}"
	echo "note: $in_a_lost and $lost datagrams were lost"
	((in_a_lost >= $1 && lost >= $1)) || fail "too few were lost"
}

# ---- half a file, and the rest

# feed_half TO: starts a sender in a, gives it half of the file, and waits until some has arrived.
feed_half() {
	head -c 60000007 /dev/urandom >file
	mkfifo input
	start sender "${in_a[@]}" bash -c 'exec ./bytes send "$0" <input' "$1"
	exec {hold}>input
	head -c 30000000 file >&"$hold"
	wait_for 30 test -s "$scratch/receiver.out" || fail "nothing arrives: $(<"$scratch/sender.err")"
}

# feed_rest: and the end, as fast as it is taken.
feed_rest() {
	# shellcheck disable=SC2016
	start feeder bash -c 'tail -c +30000001 file >&"$0"' "$hold"
	exec {hold}>&-
}

# says NAME WORDS [SECONDS]: on standard error.
says() {
	wait_for "${3:-30}" grep -q "$2" "$scratch/$1.err" || fail "$1 says: $(<"$scratch/$1.err")"
}

# ---- cases

bytes_arrive_through_losses() {
	begin_over_wire bytes
	lose 2
	head -c 30000007 /dev/urandom >file
	start receiver "${in_b[@]}" ./bytes receive "$at"
	start_from file sender "${in_a[@]}" ./bytes send "$at"
	expect_whole
	expect_losses 20
}

# The far side's sum of all bytes is compared by the example itself.
bulk_arrives_through_losses() {
	begin_over_wire bulk
	lose 2
	start server "${in_b[@]}" ./bulk serve "$at"
	start writer "${in_a[@]}" ./bulk write "$at" 20000
	ends writer 90
	ends server
	grep -q '^20000000 bytes, ' "$scratch/writer.out" || fail "$(<"$scratch/writer.out")"
	expect_losses 20
}

# Both of its connections cross the wire.
a_relay_passes_on_through_losses() {
	begin_over_wire bytes relay
	lose 2
	head -c 30000007 /dev/urandom >file
	start receiver "${in_a[@]}" ./bytes receive 10.77.0.1:7420
	start relay "${in_b[@]}" ./relay "$at" 10.77.0.1:7420
	start_from file sender "${in_a[@]}" ./bytes send "$at"
	ends sender 90
	ends relay
	ends receiver
	cmp file "$scratch/receiver.out"
	expect_losses 20
}

# Nobody says a word: that nothing comes is noticed, and everything is begun again but the stream.
a_stream_outlives_a_wire_that_is_cut() {
	begin_over_wire bytes
	start receiver "${in_b[@]}" ./bytes receive "$at"
	feed_half "$at"
	ip -n "dps-$BASHPID-a" link set wire down
	feed_rest
	says sender 'data path is lost' 60
	ip -n "dps-$BASHPID-a" link set wire up
	expect_whole
}

# ---- the control connection alone: UDP goes through all the while

# begin_slow_stream [STATEMENT]: of a few seconds, in which a control connection can be cut.
begin_slow_stream() {
	begin_over_wire
	with "config.rate_bytes_per_s = 6 << 20; ${1:-}" bytes
	head -c 30000007 /dev/urandom >file
	start receiver "${in_b[@]}" ./bytes receive "$at"
	start_from file sender "${in_a[@]}" ./bytes send "$at"
	wait_for 30 test -s "$scratch/receiver.out" || fail "nothing arrives: $(<"$scratch/sender.err")"
}

# kill_control: both ends are told, as of a middlebox that forgets.
kill_control() {
	"${in_a[@]}" ss -K -tnH dport = 7420 | grep -q 7420 || fail "there is no control connection"
}

# losses_said WORDS COUNT: by the sender, so often at least.
losses_said() {
	(($(grep -o "$1" "$scratch/sender.err" | wc -l) >= $2))
}

# Again and again, and each time the stream goes on where it was.
a_stream_outlives_its_control_connections() {
	local i

	begin_slow_stream
	for i in 1 2 3; do
		kill_control
		wait_for 30 losses_said 'lost the control connection' "$i" || fail "not told: $(<"$scratch/sender.err")"
		wait_for 30 control_is_there || fail "not dialled again: $(<"$scratch/sender.err")"
		! is_gone "${process_ids[sender]}" || fail "it ended before it was cut"
	done
	expect_whole
}

control_is_there() {
	[[ -n $("${in_a[@]}" ss -tnH state established dport = 7420) ]]
}

# It is dialled in vain for a while.
a_stream_outlives_a_control_connection_that_is_refused() {
	begin_slow_stream
	block_control reject with tcp reset
	kill_control
	wait_for 30 losses_said 'Connection refused' 4 || fail "not told: $(<"$scratch/sender.err")"
	mend_control
	expect_whole
}

# Nobody is told, and nothing of it is needed: every byte and the end go the other way. Who goes waits for
# the end of its grace, and who is left for the other's return.
a_stream_needs_no_control_connection_to_end() {
	begin_slow_stream 'config.reconnect_ns = 2 * DPS_NS_PER_S;'
	block_control counter drop
	expect_whole
	"${in_b[@]}" nft list table inet cut | grep -q 'counter packets [1-9]' ||
		fail "it was not used meanwhile"
}

# The receiver forgot what it had: its sender is told, and does not take half for all. Another one
# has all of it.
a_receiver_that_was_killed_is_another() {
	begin_over_wire bytes
	start receiver "${in_b[@]}" ./bytes receive "$at"
	feed_half "$at"
	send KILL receiver
	wait_for 10 is_gone "${process_ids[receiver]}" || fail "it cannot be killed"
	start receiver "${in_b[@]}" ./bytes receive "$at"
	feed_rest
	end_of sender 60 || fail "the sender waits for ever: $(<"$scratch/sender.err")"
	((status == 1)) || fail "status $status"
	grep -q 'remembers no stream' "$scratch/sender.err" || fail "$(<"$scratch/sender.err")"
	grep -q 'not all arrived' "$scratch/sender.err" || fail "$(<"$scratch/sender.err")"
	[[ ! -s $scratch/receiver.out ]] || fail "the new one has some of the old one's"
	start_from file sender "${in_a[@]}" ./bytes send "$at"
	expect_whole
}

run_case bytes_arrive_through_losses
run_case bulk_arrives_through_losses
run_case a_relay_passes_on_through_losses
run_case a_stream_outlives_a_wire_that_is_cut
run_case a_stream_outlives_its_control_connections
run_case a_stream_outlives_a_control_connection_that_is_refused
run_case a_stream_needs_no_control_connection_to_end
run_case a_receiver_that_was_killed_is_another
finish_cases
