# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-3-Clause
# What the end-to-end scripts share. A script says in a comment how long it may take, with --full
# too, sources this, defines its cases as functions, and names them:
#
#   # seconds: 60 300
#   # alone: WHY     only where two cannot run at once, each in a network namespace of its own
#   source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#   one_file_over_udp() { ... fail "why" ... }
#   run_case one_file_over_udp
#   finish_cases
#
# Called with names as arguments, a script runs those cases only. Each case is a shell of its own
# with `set -e`, its own $scratch and its own clean-up; it fails through `fail` or any command that
# fails, and is skipped through `skip_case`. $DPS_BUILD is the build folder under test, and $DPS_FULL
# is set with --full.
set -euo pipefail
# shellcheck source=tools/shell.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../tools/shell.sh"

full=${DPS_FULL:-}

# ---- cases

cases_wanted=("$@")
cases_failed=0
case_process=

fail() {
	echo "failed: $*" >&2
	exit 1
}

skip_case() {
	echo "skip: $*" >&2
	exit 77
}

stop_case() {
	[[ -z $case_process ]] || { kill -TERM "$case_process" && wait "$case_process"; } 2>/dev/null
}

# run_case FUNCTION [ARG...]: named FUNCTION, or "FUNCTION ARG...".
run_case() {
	local name=$* log status=0

	if ((${#cases_wanted[@]} > 0)) && [[ " ${cases_wanted[*]} " != *" $1 "* ]]; then
		return 0
	fi
	log=$(mktemp)
	(
		shell_begin
		set -eE
		# No case ends without a word: what failed of itself is named.
		trap 'echo "failed: line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND" >&2' ERR
		"$@"
	) >"$log" 2>&1 &
	case_process=$!
	wait "$case_process" || status=$?
	case_process=
	case $status in
	0)
		grep '^note: ' "$log" || true
		echo "ok $name"
		;;
	77) echo "skip $name: $(sed -n 's/^skip: //p' "$log" | tail -n 1)" ;;
	*)
		# Indented, so that nothing in it counts as a verdict.
		sed 's/^/    /' "$log"
		echo "not ok $name: $(sed -n 's/^failed: //p' "$log" | head -n 1 | grep . ||
			echo "exit status $status")"
		cases_failed=$((cases_failed + 1))
		;;
	esac
	rm -f "$log"
}

finish_cases() {
	exit $((cases_failed > 0))
}

shell_begin
at_exit stop_case

# ---- what a case may need

need_root() {
	((EUID == 0)) || skip_case "needs root"
}

# A container, or a root that is no mount point, may keep even root from making and entering one.
need_namespaces() {
	local space=dps-$BASHPID-try is_there=no

	if ip netns add "$space" 2>/dev/null; then
		ip netns exec "$space" true 2>/dev/null && is_there=yes
		ip netns delete "$space" 2>/dev/null || true
	fi
	[[ $is_there == yes ]] || skip_case "no network namespace can be made here"
}

need_scratch() {
	scratch_make "$1" || skip_case "$scratch_why"
	# Where the ordinary user's key is; its home is none.
	user_folder user-state
	((EUID != 0)) || as_user+=("XDG_STATE_HOME=$scratch/user-state")
}

need_hugepages() {
	hugepages_take "$1" || skip_case "no hugepages: $hugepages_why"
}

# ---- an ordinary user: "${as_user[@]}" COMMAND...

as_user=()
if ((EUID == 0)); then
	# 8 MiB of locked memory is what Debian gives an ordinary user.
	as_user=(prlimit --memlock=8388608 setpriv --reuid=65534 --regid=65534 --clear-groups
		--bounding-set=-all --inh-caps=-all env -u XDG_RUNTIME_DIR -u XDG_STATE_HOME HOME=/nonexistent)
fi

# user_folder NAME: makes $scratch/NAME, which belongs to the ordinary user.
user_folder() {
	mkdir -p "$scratch/$1"
	((EUID != 0)) || chown 65534:65534 "$scratch/$1"
}

# The program under test where the ordinary user can run it: a clone in root's home is out of reach.
user_streamd() {
	if ((EUID == 0)) && ! "${as_user[@]}" test -x "$streamd"; then
		install -m 755 "$streamd" "$scratch/dpdk-streamd"
		streamd=$scratch/dpdk-streamd
	fi
}

# ---- two namespaces and a wire: "${in_a[@]}" COMMAND..., "${in_b[@]}" COMMAND...

in_a=()
in_b=()

# network MTU: the kernel has 10.77.0.1 and fd77::1 in a, .2 and ::2 in b, on the interface `wire`;
# the DPDK ports take other addresses of the same networks.
network() {
	local mtu=$1 side number=1 space

	need_root
	need_namespaces
	in_a=(ip netns exec "dps-$BASHPID-a")
	in_b=(ip netns exec "dps-$BASHPID-b")
	for side in a b; do
		space=dps-$BASHPID-$side
		ip netns add "$space"
		at_exit ip netns delete "$space"
		ip -n "$space" link set lo up
	done
	ip -n "dps-$BASHPID-a" link add wire mtu "$mtu" type veth \
		peer name wire mtu "$mtu" netns "dps-$BASHPID-b"
	for side in a b; do
		space=dps-$BASHPID-$side
		# What the kernel leaves to the wire's "hardware", a DPDK port would receive undone.
		ip netns exec "$space" ethtool -K wire tx off rx off tso off gso off gro off >/dev/null
		# The link-local address made from the MAC belongs to the DPDK port.
		ip -n "$space" link set wire addrgenmode none
		ip -n "$space" address add "10.77.0.$number/24" dev wire
		ip -n "$space" address add "fd77::$number/64" dev wire nodad
		ip -n "$space" link set wire up
		number=$((number + 1))
	done
	wait_for 5 network_is_up || fail "the wire between the namespaces did not come up"
}

network_is_up() {
	"${in_a[@]}" ping -c 1 -W 1 -q 10.77.0.2 >/dev/null 2>&1 &&
		"${in_a[@]}" ping -c 1 -W 1 -q fd77::2 >/dev/null 2>&1
}

# block_control VERDICT...: what happens from now on to packets of control connections to who listens in b. Resets get
# through, since those that a verdict makes are seen here, too.
block_control() {
	"${in_b[@]}" nft -f - <<-END
		add table inet cut
		add chain inet cut in { type filter hook input priority 0; }
		add chain inet cut out { type filter hook output priority 0; }
		add rule inet cut in tcp dport 7420 tcp flags & rst == 0 $*
		add rule inet cut out tcp sport 7420 tcp flags & rst == 0 $*
	END
}

mend_control() {
	"${in_b[@]}" nft delete table inet cut
}

# ---- captures

need_captures() {
	real_captures
	((${#captures[@]} > 0)) || skip_case "no captures in $captures_folder (set CAPTURES)"
}

# ---- what came out

# tree_list FOLDER: names, types, sizes and times to the second, NUL after each.
tree_list() {
	(cd "$1" && find . -mindepth 1 -name .dpdk-streamd -prune -o -mindepth 1 \
		\( -type d -printf '%P folder\0' -o -printf '%P %y %s %Ts\0' \) | LC_ALL=C sort -z)
}

# compare_trees WANTED GOT: same names, kinds, contents and times; any name a file can have.
compare_trees() {
	if ! cmp -s <(tree_list "$1") <(tree_list "$2"); then
		diff <(tree_list "$1" | tr '\0' '\n') <(tree_list "$2" | tr '\0' '\n') |
			head -n 20 || true
		fail "$2 does not hold what $1 does"
	fi
	diff -r -q --exclude=.dpdk-streamd "$1" "$2" || fail "files differ between $1 and $2"
}

# nothing_under FOLDER: no file stands under a final name.
nothing_under() {
	local found

	found=$(find "$1" -name .dpdk-streamd -prune -o -type f -print | head -n 5)
	[[ -z $found ]] || fail "files under their final names: $found"
}

# summary FILE FIELD: of the last line of --json output.
summary() {
	jq -er "select(.event == \"summary\") | .$2" "$1" ||
		fail "no field $2 in the summary of $1: $(tail -n 1 "$1")"
}

# event_count FILE EVENT
event_count() {
	jq -r 'select(.event == "'"$2"'") | .event' "$1" | wc -l
}

# ---- keys

# own_state FOLDER: a state folder by itself, with the key that programs without --state have. Of the
# ordinary user, if they run as such.
own_state() {
	local default=/var/lib

	((EUID == 0)) || default=${XDG_STATE_HOME:-$HOME/.local/state}
	"$streamd" keygen >/dev/null 2>&1
	install -d -m 700 "$1"
	install -m 600 "$default/dpdk-streamd/identity.pem" "$1/identity.pem"
}

# user_has_our_key: the ordinary user proves the same key as we do.
user_has_our_key() {
	own_state "$scratch/user-state/dpdk-streamd"
	((EUID != 0)) || chown -R 65534:65534 "$scratch/user-state/dpdk-streamd"
}

# ---- both programs

need_streamd() {
	grep -qs "executable('dpdk-streamd'" "$shell_top/apps/meson.build" ||
		skip_case "this tree has no dpdk-streamd"
	[[ -f $streamd && -x $streamd ]] || fail "$streamd is not there: tools/build makes it"
}

# A link says where each side runs, what its port is, and where the collector listens.
exporter_in=()
exporter_port=()
collector_in=()
collector_port=()
control=

# As an ordinary user: set exporter_in and collector_in to "${as_user[@]}", and make user_folder
# link for the socket.
link_memif() {
	mkdir -p "$scratch/link"
	exporter_port=(--port "memif:$scratch/link/memif.sock")
	collector_port=("${exporter_port[@]}")
	control=127.0.0.1:$(free_port)
}

# Two addresses, because both sides use the same UDP port.
link_udp() {
	exporter_port=(--port udp:127.0.0.1)
	collector_port=(--port udp:127.0.0.2)
	control=127.0.0.1:$(free_port)
}

# link_wire MTU FAMILY EXPORTER_KIND COLLECTOR_KIND: the two namespaces of `network`; FAMILY is 4 or 6
# and the kinds are af_packet, af_xdp or udp.
link_wire() {
	local net=10.77.0. length=24 side number=1

	network "$1"
	[[ $2 == 4 ]] || { net=fd77:: && length=64; }
	exporter_in=("${in_a[@]}")
	collector_in=("${in_b[@]}")
	exporter_port=(--port "$3:wire" --ip "${net}11/$length")
	collector_port=(--port "$4:wire" --ip "${net}12/$length")
	[[ $3 != udp ]] || exporter_port=(--port "udp:${net}1")
	[[ $4 != udp ]] || collector_port=(--port "udp:${net}2")
	control=${net}2:7420
	[[ $2 == 4 ]] || control="[${net}2]:7420"
	[[ $3 == af_xdp || $4 == af_xdp ]] || return 0
	# DPDK's program takes all that arrives, so the control connection has a wire of its own.
	ip -n "dps-$BASHPID-a" link add aside type veth peer name aside netns "dps-$BASHPID-b"
	for side in a b; do
		ip -n "dps-$BASHPID-$side" address add "10.78.0.$number/24" dev aside
		ip -n "dps-$BASHPID-$side" link set aside up
		number=$((number + 1))
	done
	control=10.78.0.2:7420
}

collector=()
exporter=()

# programs ARG...: composes both command lines for the link; the arguments are the exporter's. What the
# collector needs besides is added to "${collector[@]}".
programs() {
	collector=("${collector_in[@]}" "$streamd" collect --into "$scratch/into" --control "$control"
		"${collector_port[@]}" --once --json)
	exporter=("${exporter_in[@]}" "$streamd" export --to "$control" "${exporter_port[@]}" --json "$@")
}

# transfer SECONDS: runs "${collector[@]}" and "${exporter[@]}" to their ends. Their exit statuses are
# in $collected and $exported, their output in $scratch/{collector,exporter}.{out,err}.
transfer() {
	[[ -d $scratch/into ]] || user_folder into
	start collector "${collector[@]}"
	start exporter "${exporter[@]}"
	end_of exporter "$1" || fail_with "export is not done after $1 s"
	exported=$status
	end_of collector 15 || fail_with "collect goes on though export is done"
	collected=$status
}

# fail_with WHY: and the last words of both programs.
fail_with() {
	local name

	for name in exporter collector; do
		echo "---- $name"
		tail -n 15 "$scratch/$name.err" "$scratch/$name.out" 2>/dev/null || true
	done
	fail "$@"
}

expect_stored() {
	((exported == 0)) || fail_with "export exits with $exported"
	((collected == 0)) || fail_with "collect exits with $collected"
}

# What was sent again beyond what the impairment took or damaged stays within 3 % of the data.
# The impairment counts both directions, so acknowledgements that it took are taken off as well, though
# nothing is sent again for them: one in a hundred of far fewer packets.
expect_few_resent() {
	local sent resent impaired

	sent=$(summary "$scratch/exporter.out" data_packets)
	resent=$(summary "$scratch/exporter.out" retransmitted_packets)
	impaired=$(summary "$scratch/exporter.out" impaired_packets)
	((100 * (resent - impaired) <= 3 * sent)) ||
		fail_with "$resent packets of $sent were sent again, for $impaired impaired"
}

# Neither side needed more memory than was promised, however much it moved (not under sanitizers,
# whose own memory counts too).
expect_bounded_memory() {
	local name bytes

	[[ $build != *asan* ]] || return 0
	for name in exporter collector; do
		bytes=$(summary "$scratch/$name.out" peak_rss_bytes)
		((bytes <= 300 << 20)) || fail_with "the $name had $(human "$bytes") of memory"
	done
}

# note_figures WHAT: what the transfer came to, shown with the verdict.
note_figures() {
	jq -r --arg what "$1" --argjson collector "$(summary "$scratch/collector.out" peak_rss_bytes)" '
		def hundredths: . * 100 | round / 100;
		select(.event == "summary") | "note: \($what): \(.goodput_gbps | hundredths) Gb/s, " +
		"\(.retransmitted_packets) of \(.data_packets) packets sent again for " +
		"\(.impaired_packets) impaired, peak RSS \(.peak_rss_bytes / 1048576 | round) and " +
		"\($collector / 1048576 | round) MiB"' "$scratch/exporter.out"
}

# is_listening: the collector at $control, on this side of any network namespace.
is_listening() {
	(exec 3<>"/dev/tcp/127.0.0.1/${control##*:}") 2>/dev/null
}
