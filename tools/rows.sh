# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Rows: commands run one after the other, each with a name and a time bound, counted into one
# verdict. Sourced by tools/test. A row's output goes to a file of its own under $rows_logs and is
# shown when something in it failed.
#
#   row NAME SECONDS COMMAND...         one verdict: exit 0 passed, 77 skipped, else failed
#   lines NAME SECONDS COMMAND...       prints `ok WHAT`, `not ok WHAT: WHY`, `skip WHAT: WHY`
#   suites NAME SECONDS FOLDER ARG...   `meson test` in a build folder, one verdict per program
#   finish                              the last line, and the exit status
#
# Any row may print `note: ...`, which is shown though the row passed. With $rows_budget, a run that takes
# more seconds than that ends with what took longest.

rows_logs=
rows_passed=0
rows_failed=0
rows_skipped=0
rows_skips=()
rows_failures=()
rows_running=
rows_verdict= # of the last row: ok, FAIL, skip
rows_began=$SECONDS
rows_budget=

# rows_begin FOLDER: where the logs go.
rows_begin() {
	rows_logs=$1
	rm -rf "$rows_logs"
	mkdir -p "$rows_logs"
	rows_began=$SECONDS
	trap 'rows_interrupted 130' INT
	trap 'rows_interrupted 143' TERM
}

# What was interrupted gets the time its bound gives to clean up, then everything ends.
rows_interrupted() {
	trap '' INT TERM
	if [[ -n $rows_running ]]; then
		kill -TERM "$rows_running" 2>/dev/null || true
		wait "$rows_running" 2>/dev/null || true
	fi
	echo
	echo "interrupted after $rows_passed passed, $rows_failed failed, $rows_skipped skipped"
	exit "$1"
}

# rows_run LOG SECONDS COMMAND...: timeout leads a process group of its own, so that what a
# command leaves behind can be ended with it.
rows_run() {
	local log=$1 seconds=$2 status=0

	shift 2
	timeout --kill-after=20 "$seconds" "$@" >"$log" 2>&1 </dev/null &
	rows_running=$!
	wait "$rows_running" || status=$?
	kill -KILL -- "-$rows_running" 2>/dev/null || true
	rows_running=
	((status != 124 && status != 137)) || echo "ran longer than its bound of $seconds s" >>"$log"
	return "$status"
}

# rows_time SECONDS NAME: so long it took.
rows_time() {
	echo "$1 $2" >>"$rows_logs/times"
}

rows_log() {
	echo "$rows_logs/${1//[^A-Za-z0-9._-]/_}.log"
}

# rows_tally NAME LOG STATUS STARTED: counts the lines of a finished row and says how it went.
rows_tally() {
	local name=$1 log=$2 status=$3 started=$4
	local passed failed skipped line

	passed=$(grep -c '^ok ' "$log" || true)
	failed=$(grep -c '^not ok ' "$log" || true)
	skipped=$(grep -c '^skip ' "$log" || true)
	if ((status != 0 && failed == 0)); then
		echo "not ok $name: exit status $status" >>"$log"
		failed=1
	elif ((passed + failed + skipped == 0)); then
		echo "not ok $name: it ran nothing" >>"$log"
		failed=1
	fi
	rows_verdict=ok
	((failed == 0)) || rows_verdict=FAIL
	((passed + failed > 0)) || rows_verdict=skip
	while read -r line; do
		rows_skips+=("$name: ${line#skip }")
	done < <(grep '^skip ' "$log" || true)
	while read -r line; do
		rows_failures+=("$name: ${line#not ok }")
	done < <(grep '^not ok ' "$log" || true)
	rows_passed=$((rows_passed + passed))
	rows_failed=$((rows_failed + failed))
	rows_skipped=$((rows_skipped + skipped))

	printf '%-4s  %-34s %4d s  %d passed' "$rows_verdict" "$name" $((SECONDS - started)) "$passed"
	((failed == 0)) || printf ', %d failed' "$failed"
	((skipped == 0)) || printf ', %d skipped' "$skipped"
	echo
	sed -n 's/^note: /      note: /p' "$log"
	# Before the log, of which whoever shows this output may keep only the beginning.
	sed -n 's/^not ok /      not ok: /p' "$log"
	if ((failed > 0)); then
		echo "---- the end of $log"
		{ grep -v "^ok " "$log" || true; } | tail -n 60
		echo "----"
	fi
}

row() {
	local name=$1 seconds=$2 log status=0 started=$SECONDS why

	shift 2
	log=$(rows_log "$name")
	rows_run "$log" "$seconds" "$@" || status=$?
	# Only the verdict counts here, whatever the command printed.
	sed -i -E 's/^(ok|not ok|skip) /  &/' "$log"
	case $status in
	0) echo "ok $name" >>"$log" ;;
	77)
		why=$(sed -n 's/^ *skip:* *//p' "$log" | tail -n 1)
		echo "skip $name: ${why:-it gives no reason}" >>"$log"
		status=0
		;;
	esac
	rows_time $((SECONDS - started)) "$name"
	rows_tally "$name" "$log" "$status" "$started"
}

lines() {
	local name=$1 seconds=$2 log status=0 started=$SECONDS

	shift 2
	log=$(rows_log "$name")
	rows_run "$log" "$seconds" "$@" || status=$?
	rows_time $((SECONDS - started)) "$name"
	rows_tally "$name" "$log" "$status" "$started"
}

# How long each program took, with the name of its row.
rows_durations='"\(.duration | floor) \($row): \(.name | sub("^[^:]*:"; "") | sub(" / "; "/"))"'

# One line per program out of meson's log, after the output of those that failed. cmocka's own
# skips inside a program that passed are skips of ours too; the reason is the line before.
rows_meson='
	def name: (.name | sub("^[^:]*:"; "") | sub(" / "; "/"));
	def reason: [(.stdout // "") | scan("(?m)^skip:? *(.*)$") | .[0]] | last // "it gives no reason";
	def inner: [(.stdout // "") | scan("(?m)^\\[  SKIPPED \\] ([A-Za-z_0-9]+)$") | .[0]] | unique[];
	def said: (.stdout // "") + "\n" + (.stderr // "");
	def broken: [said | scan("(?m)^\\[  FAILED  \\] ([A-Za-z_0-9]+)$") | .[0]]
		| unique | if length > 0 then " in " + join(", ") else "" end;
	def where: [said | scan("(?m)\\[   LINE   \\] --- ([^ ]+:[0-9]+):") | .[0] | sub("^.*/"; "")]
		| unique | if length > 0 then " at " + join(", ") else "" end;
	def sanitizer: [said | scan("(?m)(?:SUMMARY: [A-Za-z]+Sanitizer|runtime error): .*$")][0] // ""
		| if . == "" then "" else " (" + . + ")" end;
	((.stdout // "") | scan("(?m)^note: .*$")),
	if .result == "OK" then "ok \(name)", (. as $t | inner | "skip \($t | name)/\(.): \($t | reason)")
	elif .result == "SKIP" then "skip \(name): \(reason)"
	else
		"==== \(name)\n\(.stdout // "")\(.stderr // "")",
		"not ok \(name): \(.result | ascii_downcase), exit status \(.returncode)\(broken)\(where)\(sanitizer)"
	end'

suites() {
	local name=$1 seconds=$2 folder=$3 log json status=0 started=$SECONDS

	shift 3
	log=$(rows_log "$name")
	json=$folder/meson-logs/rows.json
	rm -f "$json"
	rows_run "$log.meson" "$seconds" \
		meson test -C "$folder" --no-rebuild --quiet --logbase rows "$@" || status=$?
	if [[ -s $json ]] && jq -r "$rows_meson" "$json" >"$log" 2>>"$log.meson"; then
		# Meson's status says no more than the programs do, but for a run that was cut off.
		((status == 124 || status == 137)) || status=0
		jq -r --arg row "$name" "$rows_durations" "$json" >>"$rows_logs/times"
	else
		cp "$log.meson" "$log"
	fi
	rows_tally "$name" "$log" "$status" "$started"
}

# rows_tell_longest SECONDS: when that is more than was to be.
rows_tell_longest() {
	((${rows_budget:-0} > 0 && $1 > rows_budget)) || return 0
	echo "warning: longer than its budget of $((rows_budget / 60)) min $((rows_budget % 60)) s; longest were:"
	sort -rn "$rows_logs/times" | head -n 5 | sed -E 's/^([0-9]+) (.*)/         \1 s  \2/'
}

finish() {
	local took=$((SECONDS - rows_began))

	echo
	((${#rows_skips[@]} == 0)) || printf 'skipped  %s\n' "${rows_skips[@]}"
	((${#rows_failures[@]} == 0)) || printf 'FAILED   %s\n' "${rows_failures[@]}"
	rows_tell_longest "$took"
	echo "took $((took / 60)) min $((took % 60)) s, logs in $rows_logs"
	echo "$rows_passed passed, $rows_failed failed, $rows_skipped skipped"
	((rows_failed == 0 && rows_passed > 0))
}
