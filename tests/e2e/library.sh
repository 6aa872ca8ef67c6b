#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The end-to-end library keeps its promises: what is started ends, what is lent is given back, and
# a case that must fail does.
# alone: counts the machine's hugepages
# seconds: 60
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
top=$shell_top

# inner CASES: runs a script made of these lines; its output goes to stdout, its status is ignored.
inner() {
	bash -c 'source "$0/tests/e2e/lib.sh"; '"$1" "$top" 2>&1 || true
}

# says WANTED GOT
says() {
	[[ $2 == *"$1"* ]] || fail "expected '$1' in: $2"
}

a_case_passes_fails_or_is_skipped() {
	says 'ok good' "$(inner 'good() { true; }; run_case good; finish_cases')"
	says 'not ok bad: line ' "$(inner 'bad() { false; true; }; run_case bad; finish_cases')"
	says 'not ok bad: so' "$(inner 'bad() { fail so; }; run_case bad; finish_cases')"
	says 'skip none: luck' "$(inner 'none() { skip_case luck; }; run_case none; finish_cases')"
}

scratch_is_gone_afterwards() {
	local folder

	folder=$(inner 'f() { need_scratch 1000; echo "note: $scratch"; touch "$scratch/x"; false; }
		run_case f' | sed -n 's/^ *note: //p')
	[[ -n $folder ]] || fail "no scratch was made"
	[[ ! -e $folder ]] || fail "$folder is left"
	says 'are needed' "$(inner 'f() { need_scratch $((1 << 60)); }; run_case f')"
}

what_is_started_ends() {
	local pid

	need_scratch 1000
	start sleeper sleep 1000
	start stubborn bash -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
	wait_for 5 grep -q ready "$scratch/stubborn.out" || fail "it did not start"
	for pid in "${process_ids[@]}"; do
		stop_process "$pid"
		is_gone "$pid" || fail "$pid still runs"
	done
	start three bash -c 'exit 3'
	end_of three 5 || fail "it did not end"
	((status == 3)) || fail "status $status instead of 3"
	start sleeper sleep 1000
	if end_of sleeper 1; then fail "a sleeper ended"; fi
}

# Numbers of processes come round again.
somebody_else_with_the_same_number_is_left_alone() {
	local pid

	need_scratch 1000
	start sleeper sleep 1000
	pid=${process_ids[sleeper]}
	process_births[$pid]=$((process_births[$pid] - 1))
	is_gone "$pid" || fail "who has the number now counts as ours"
	! send TERM sleeper || fail "a signal is sent to somebody else"
	stop_process "$pid"
	process_births[$pid]=$((process_births[$pid] + 1))
	! is_gone "$pid" || fail "somebody else was ended"
}

an_interrupted_script_cleans_up() {
	local folder pid

	need_scratch 1000
	start script env OUTER="$scratch" bash -c 'source "$0/tests/e2e/lib.sh"
		f() { need_scratch 1000; start s sleep 1000; echo "${process_ids[s]}" >"$scratch/pid"
			echo "$scratch" >"$OUTER/folder"; wait; }
		run_case f' "$top"
	wait_for 5 test -s "$scratch/folder" || fail "the case did not start"
	folder=$(<"$scratch/folder")
	pid=$(<"$folder/pid")
	send TERM script
	end_of script 15 || fail "the script goes on"
	[[ ! -e $folder ]] || fail "$folder is left"
	is_gone "$pid" || fail "process $pid is left"
}

trees_are_compared_by_name_content_and_time() {
	need_scratch 1000000
	mkdir -p "$scratch/a/sub" "$scratch/a/empty"
	make_capture "$scratch/a/sub/one two.pcap" 5000
	printf x >"$scratch/a/"$'n\xff\nn'
	cp -a "$scratch/a" "$scratch/b"
	mkdir "$scratch/b/.dpdk-streamd"
	(compare_trees "$scratch/a" "$scratch/b") || fail "equal trees differ"
	touch -d '2001-01-01' "$scratch/b/sub/one two.pcap"
	if (compare_trees "$scratch/a" "$scratch/b"); then fail "another time is not seen"; fi
	cp -a "$scratch/a/sub" "$scratch/b/"
	(compare_trees "$scratch/a" "$scratch/b") || fail "equal trees differ"
	printf y | dd of="$scratch/b/sub/one two.pcap" bs=1 seek=4000 conv=notrunc status=none
	touch -r "$scratch/a/sub/one two.pcap" "$scratch/b/sub/one two.pcap"
	if (compare_trees "$scratch/a" "$scratch/b"); then fail "other content is not seen"; fi
	cp -a "$scratch/a/sub" "$scratch/b/"
	rmdir "$scratch/b/empty"
	if (compare_trees "$scratch/a" "$scratch/b"); then fail "a missing folder is not seen"; fi
}

captures_rotate_to_the_total() {
	local bytes

	need_scratch 10000000
	make_captures "$scratch/c" 3000000 1000000
	bytes=$(cat "$scratch/c"/*.pcap | wc -c)
	[[ $(find "$scratch/c" -type f | wc -l) == 3 && $bytes == 3000000 ]] ||
		fail "$bytes bytes in $(ls "$scratch/c")"
}

the_user_is_ordinary() {
	need_scratch 1000
	user_folder mine
	"${as_user[@]}" touch "$scratch/mine/x"
	[[ $("${as_user[@]}" id -u) != 0 ]] || fail "the user is root"
	if "${as_user[@]}" touch /etc/dps-test 2>/dev/null; then fail "the user writes to /etc"; fi
}

the_network_carries_both_families_and_goes() {
	local spaces

	spaces=$(
		shell_begin
		network 9000
		"${in_a[@]}" ping -c 1 -W 2 -M 'do' -s 8900 10.77.0.2 >/dev/null
		"${in_b[@]}" ping -c 1 -W 2 fd77::1 >/dev/null
		echo "${in_a[3]} ${in_b[3]}"
	)
	if ip netns list | grep -qE "${spaces// /|}"; then fail "$spaces are left"; fi
}

hugepages_are_given_back() {
	local before

	[[ -e $hugepages_file ]] || skip_case "this kernel has no hugepages of 2 MiB"
	before=$(<"$hugepages_file")
	(
		shell_begin
		need_hugepages 16
		(($(<"$hugepages_file") >= before + 8)) || fail "$(<"$hugepages_file") pages"
	)
	(($(<"$hugepages_file") == before)) || fail "$(<"$hugepages_file") pages instead of $before"
}

run_case a_case_passes_fails_or_is_skipped
run_case scratch_is_gone_afterwards
run_case what_is_started_ends
run_case somebody_else_with_the_same_number_is_left_alone
run_case an_interrupted_script_cleans_up
run_case trees_are_compared_by_name_content_and_time
run_case captures_rotate_to_the_total
run_case the_user_is_ordinary
run_case the_network_carries_both_families_and_goes
run_case hugepages_are_given_back
finish_cases
