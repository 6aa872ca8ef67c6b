# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: BSD-3-Clause
# What the scripts share whose transfers are broken off and go on: programs that are started again
# with the same command, what all their lives have said, and points in a transfer. Sourced after
# lib.sh.

# ---- programs of several lives

# compose ARG...: both command lines for the link and $scratch/from/tree; the arguments are the
# exporter's. Adds a state folder and counters that outlive a kill.
compose() {
	[[ -e $scratch/state ]] || own_state "$scratch/state"
	programs --state "$scratch/state" --stats-file "$scratch/exporter.stats" "$@" \
		"$scratch/from/tree"
}

# lose_mirror: the exporter's folder is gone with all it knew, but for the key that it is known by.
lose_mirror() {
	rm -r "$scratch/state"
	own_state "$scratch/state"
}

# A collector that goes on serving.
compose_serving() {
	local i

	compose "$@"
	for i in "${!collector[@]}"; do
		[[ ${collector[i]} != --once ]] || unset "collector[$i]"
	done
}

# begin NAME: starts exporter or collector, anew too. What an earlier life of it said, and a line that a
# kill has cut, goes to $scratch/NAME.before.
begin() {
	local -n command=$1

	if [[ -e $scratch/$1.out ]]; then
		cat "$scratch/$1.out" <(echo) "$scratch/$1.err" >>"$scratch/$1.before"
		grep -ahs '^engine.data_bytes ' "$scratch/$1.stats" >>"$scratch/$1.sent" || true
	fi
	start "$1" "${command[@]}"
}

begin_both() {
	begin collector
	begin exporter
}

# hurry: what is left needs no middle; from its next life on the exporter is as fast as it can be.
hurry() {
	local i

	for i in "${!exporter[@]}"; do
		[[ ${exporter[i]-} != --rate ]] || unset "exporter[$i]" "exporter[$((i + 1))]"
	done
}

# kill_off NAME...: all of them at the same instant.
kill_off() {
	local name ids=()

	for name; do
		is_running "$name" || fail_with "the $name had ended by itself"
		ids+=("${process_ids[$name]}")
	done
	kill -KILL "${ids[@]}"
	for name; do
		end_of "$name" 10 || fail_with "the $name survives SIGKILL"
		((status == 137)) || fail_with "the $name had ended by itself, with $status"
	done
}

# ends NAME SECONDS STATUSES [WORDS]: in time, and with one of the statuses; its last line on stderr then is a
# sentence of ours with the words (an extended regular expression), unless all is well.
ends() {
	local last

	end_of "$1" "$2" || fail_with "the $1 still runs after $2 s"
	last=$(tail -n 1 "$scratch/$1.err")
	[[ " $3 " == *" $status "* ]] || fail_with "the $1 exits with $status instead of $3: $last"
	((status == 0)) || [[ $last == 'dpdk-streamd: '* ]] ||
		fail_with "the last line of the $1 is no sentence of ours: $last"
	grep -qE -- "${4:-.*}" <<<"$last" || fail_with "'$4' is not in the last line of the $1: $last"
}

# ends_well: both are done, and what came out is what went in.
patience=60
[[ -z $full ]] || patience=150
ends_well() {
	ends exporter "$patience" 0
	[[ " ${collector[*]} " != *' --once '* ]] || ends collector 15 0
	[[ $(summary "$scratch/exporter.out" verified) == true ]] || fail_with "it is not verified"
	compare_trees "$scratch/from" "$scratch/into"
}

# ---- what they said

# said NAME WORDS: in this life.
said() {
	grep -qsE -- "$2" "$scratch/$1.out" "$scratch/$1.err"
}

# events NAME FILTER: of this life, through jq; a line that is not whole is none.
events() {
	jq -rR "fromjson? | $2" "$scratch/$1.out"
}

# events_ever NAME FILTER: of all its lives.
events_ever() {
	cat "$scratch/$1.before" "$scratch/$1.out" 2>/dev/null | jq -rR "fromjson? | $2"
}

has_event() {
	said "$1" "\"event\": *\"$2\""
}

# wait_event NAME EVENT [SECONDS]
wait_event() {
	wait_for "${3:-20}" has_event_or_end "$1" "$2" || true
	has_event "$1" "$2" || fail_with "the $1 does not say '$2'"
}

has_event_or_end() {
	has_event "$1" "$2" || ! is_running "$1"
}

# wait_event_count NAME EVENT COUNT: it has said so often that something happened.
wait_event_count() {
	wait_for 20 has_event_count_or_end "$@" || true
	has_event_count "$@" || fail_with "the $1 does not say '$2' $3 times"
}

has_event_count() {
	(($(event_count "$scratch/$1.out" "$2") >= $3))
}

has_event_count_or_end() {
	has_event_count "$@" || ! is_running "$1"
}

# moved NAME BYTES: its last report of progress, which counts all lives of a transfer; or it has ended.
moved() {
	local bytes

	is_running "$1" || return 0
	bytes=$(grep -hE '"event": *"progress"' "$scratch/$1.out" | tail -n 1 | jq -R 'fromjson? | .bytes')
	((${bytes:-0} >= $2))
}

# wait_moved NAME BYTES
wait_moved() {
	wait_for 60 moved "$1" "$2" || fail_with "the $1 does not come to $(human "$2")"
	is_running "$1" || fail_with "the $1 ends before it comes to $(human "$2")"
}

# In the middle of a transfer: something of it is on the other side, and more is to come.
wait_midway() {
	wait_moved exporter 1
}

# From where this life of the exporter went on.
resumed_from() {
	events exporter 'select(.event == "resumed") | .from_bytes' | tail -n 1
}

expect_resumed() {
	local from

	from=$(resumed_from)
	((${from:-0} > 0)) || fail_with "it began anew instead of going on"
}

# resent: bytes that were sent before and sent again, by the events of all lives.
resent() {
	events_ever exporter 'select(.event == "resumed") | .resent_bytes // 0' |
		awk '{ sum += $1 } END { printf "%d\n", sum }'
}

# counter NAME: of the engine, in the exporter's last life.
counter() {
	tr -d '\0' <"$scratch/exporter.stats" | awk -v name="engine.$1" '$1 == name { print $2 }'
}

# sent_ever: bytes of data that left, repairs included, by the counters of all lives.
sent_ever() {
	cat "$scratch/exporter.sent" "$scratch/exporter.stats" 2>/dev/null | tr -d '\0' |
		awk '$1 == "engine.data_bytes" { sum += $2 } END { printf "%d\n", sum }'
}

expect_nothing_resent() {
	local name

	for name in exporter collector; do
		! has_event "$name" parked || fail_with "the $name parked though data came through"
	done
	(($(summary "$scratch/exporter.out" resent_bytes) == 0)) || fail_with "something was sent again"
}

# ---- what is moved

# A tree whose middle takes a while: 3 s at $slow.
slow=(--rate 80M)
make_tree() {
	local tree=$scratch/from/tree

	mkdir -p "$tree/folder/empty"
	: >"$tree/folder/nothing"
	make_capture "$tree/a.pcap" 1000001 1
	make_capture "$tree/large.pcap" $((28 << 20)) 2
	make_capture "$tree/z.pcap" 300001 3
	chmod -R a+rX "$scratch/from"
}

prepare() {
	need_streamd
	need_scratch $((256 << 20))
	mkdir "$scratch/from"
	user_folder into
	"link_${1:-memif}"
}
