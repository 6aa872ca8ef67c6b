# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-3-Clause
# What the demo and the end-to-end tests share: clean-up, scratch space, processes with deadlines,
# hugepages lent and given back. Sourced, under `set -euo pipefail`.

shell_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${DPS_BUILD:-$shell_top/build}
streamd=$build/apps/dpdk-streamd

# ---- clean-up

exit_commands=()

# at_exit COMMAND...: runs it when this shell ends, however it ends; last come, first served.
at_exit() {
	exit_commands+=("$(printf '%q ' "$@")")
}

run_exit_commands() {
	local i

	set +e
	trap '' INT TERM HUP
	for ((i = ${#exit_commands[@]} - 1; i >= 0; i--)); do
		eval "${exit_commands[i]}"
	done
	exit_commands=()
}

# In a subshell once more: it inherits neither the traps nor the duties of its parent.
shell_begin() {
	exit_commands=()
	trap run_exit_commands EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# ---- time

now_ms() {
	local now=${EPOCHREALTIME//[.,]/}

	echo $((now / 1000))
}

# wait_for SECONDS COMMAND...: true as soon as the command is, false when the time is over.
wait_for() {
	local deadline

	deadline=$(($(now_ms) + $1 * 1000))
	shift
	until "$@"; do
		(($(now_ms) < deadline)) || return 1
		sleep 0.05
	done
}

# ---- scratch space

scratch=

# human BYTES: in GiB or MiB.
human() {
	if (($1 >= 1 << 30)); then
		awk -v b="$1" 'BEGIN { printf "%.1f GiB\n", b / 2^30 }'
	else
		echo "$((($1 + (1 << 20) - 1) >> 20)) MiB"
	fi
}

# Also where something inside is not writable.
remove_folder() {
	rm -rf "$1" 2>/dev/null || { chmod -R u+rwX "$1" && rm -rf "$1"; }
}

# scratch_make BYTES: makes $scratch, a folder with so much room that is gone at exit. False, with
# the numbers in $scratch_why, when there is too little; 512 MiB are left to others in any case.
scratch_make() {
	local base=${TMPDIR:-/var/tmp} free

	free=$(df --output=avail -B1 "$base" | tail -n 1)
	scratch_why="$base has $(human "$free") free, $(human "$1") and 512 MiB to spare are needed (another place: TMPDIR)"
	((free >= $1 + (512 << 20))) || return 1
	scratch=$(mktemp -d "$base/dpdk-streamd.XXXXXX")
	at_exit remove_folder "$scratch"
	# Processes of another user pass through it to the folders that are theirs.
	chmod 711 "$scratch"
}

# ---- processes, by name

declare -A process_ids=()

# When each began: a number that one of ours had may be somebody else's by now, who is not to be ended.
declare -A process_births=()

# birth_of ID: puts into $birth when that process began, in ticks of the kernel; false when there is none.
birth_of() {
	local line fields

	birth=
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -ra fields <<<"${line##*) }"
	birth=${fields[19]}
}

# started NAME: the process that was just put into the background goes by this name, and ends with us.
started() {
	local birth

	process_ids[$1]=$!
	birth_of "$!" || true
	process_births[$!]=$birth
	at_exit stop_process "$!"
}

# start NAME COMMAND...: in the background, its output in $scratch/NAME.out and NAME.err. The
# command is a program, not a shell function, so that signals reach it.
start() {
	local name=$1

	shift
	[[ $(type -t "$1") == file ]] || {
		echo "start: $1 is not a program" >&2
		return 1
	}
	# Emptied here: what is behind the & may be later than the first look at what an earlier one said.
	: >"$scratch/$name.out" 2>"$scratch/$name.err"
	"$@" >"$scratch/$name.out" 2>"$scratch/$name.err" </dev/null &
	started "$name"
}

is_gone() {
	local birth

	birth_of "$1" || return 0
	[[ ${process_births[$1]-$birth} != "$birth" ]]
}

is_running() {
	! is_gone "${process_ids[$1]}"
}

# send SIGNAL NAME: false when it has ended.
send() {
	! is_gone "${process_ids[$2]}" && kill "-$1" "${process_ids[$2]}"
}

# end_of NAME SECONDS: waits for it and puts its exit status into $status; false when it still
# runs then.
end_of() {
	wait_for "$2" is_gone "${process_ids[$1]}" || return 1
	status=0
	wait "${process_ids[$1]}" || status=$?
}

# TERM, six seconds, KILL: the programs promise to be gone after five.
stop_process() {
	is_gone "$1" && return 0
	kill -TERM "$1" 2>/dev/null || true
	wait_for 6 is_gone "$1" || is_gone "$1" || kill -KILL "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# free_port: a TCP port nobody listens on (python3 comes with meson).
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# ---- hugepages of 2 MiB

hugepages_file=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
hugepages_why=

# hugepages_add COUNT: changes their number by COUNT, one caller at a time; all or nothing.
hugepages_add() (
	exec {lock}<"$hugepages_file"
	flock "$lock"
	before=$(<"$hugepages_file")
	echo $((before + $1)) >"$hugepages_file"
	if (($(<"$hugepages_file") < before + $1)); then
		echo "$before" >"$hugepages_file"
		exit 1
	fi
)

# hugepages_take MIB: reserves them until exit. False, and $hugepages_why, when that is not allowed
# or they are not there.
hugepages_take() {
	local pages=$((($1 + 1) / 2)) available

	if [[ ! -e $hugepages_file ]]; then
		hugepages_why="this kernel has no hugepages of 2 MiB"
		return 1
	fi
	if [[ ! -w $hugepages_file ]]; then
		hugepages_why="only root may reserve them"
		return 1
	fi
	available=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
	if ((available < $1 + 1024)); then
		hugepages_why="$available MiB of memory are too little to set $1 MiB aside"
		return 1
	fi
	if ! hugepages_add "$pages" 2>/dev/null; then
		hugepages_why="the kernel does not find $pages free pages of 2 MiB"
		return 1
	fi
	at_exit hugepages_add "-$pages"
}

# ---- captures

# real_captures: puts their names into captures=(); none is not an error.
captures=()
captures_folder=${CAPTURES:-$shell_top/../shared/captures}
make_pcap=$build/tests/support/make_pcap
real_captures() {
	local file

	captures=()
	for file in "$captures_folder"/*.pcap "$captures_folder"/*.pcapng; do
		[[ ! -f $file ]] || captures+=("$file")
	done
}

# make_capture FILE BYTES [SEED]: out of real packets where there are any; .pcap or .pcapng.
make_capture() {
	real_captures
	"$make_pcap" "$1" "$2" "${3:-1}" "${captures[@]}"
}

# make_captures FOLDER TOTAL EACH: rotated files, the last one as short as it comes.
make_captures() {
	local folder=$1 left=$2 each=$3 n=0

	mkdir -p "$folder"
	while ((left > 0)); do
		((each <= left)) || each=$left
		# The least a capture can have.
		((each >= 4096)) || each=4096
		make_capture "$folder/capture-$(printf %05d "$n").pcap" "$each" "$n"
		left=$((left - each))
		n=$((n + 1))
	done
}
