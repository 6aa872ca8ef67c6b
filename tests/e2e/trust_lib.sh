# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-3-Clause
# What the scripts about keys share: two users, each with a state folder and a key of its own.
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

prepare() {
	need_streamd
	need_scratch $((64 << 20))
}

# says STATUS SENTENCE COMMAND...: it ends so, and its last line on standard error has the sentence.
says() {
	local wanted=$1 sentence=$2 status=0

	shift 2
	"$@" >"$scratch/out" 2>"$scratch/err" || status=$?
	((status == wanted)) || fail "$* ends with $status: $(tail -n 2 "$scratch/err")"
	tail -n 1 "$scratch/err" | grep -qF -- "$sentence" ||
		fail "no \"$sentence\" in: $(tail -n 1 "$scratch/err")"
}

# ---- two users: each side has a state folder of its own

# prepare_two [LINK...]
prepare_two() {
	prepare
	if (($# > 0)); then "$@"; else link_udp; fi
	mkdir "$scratch/into"
	head -c 300000 /dev/urandom >"$scratch/x.pcap"
	exporter_key=$("$streamd" keygen --state "$scratch/exporter-state" 2>/dev/null)
	collector_key=$("$streamd" keygen --state "$scratch/collector-state" 2>/dev/null)
}

start_collector() {
	start collector "${collector_in[@]}" "$streamd" collect --into "$scratch/into" --control "$control" \
		"${collector_port[@]}" --state "$scratch/collector-state" "$@"
	wait_for 10 grep -q 'listening on' "$scratch/collector.err" ||
		fail "the collector does not listen: $(<"$scratch/collector.err")"
}

# exports STATUS SENTENCE [OPTION...]: refused, it says why in its last line. Sets took_ms.
exports() {
	local wanted=$1 sentence=$2 before

	shift 2
	before=$(now_ms)
	start exporter "${exporter_in[@]}" "$streamd" export --to "$control" \
		"${exporter_port[@]}" -q --state "$scratch/exporter-state" "$@" "$scratch/x.pcap"
	end_of exporter 20 || fail_with "the exporter does not end"
	took_ms=$(($(now_ms) - before))
	((status == wanted)) || fail_with "the exporter ends with $status"
	[[ -z $sentence ]] || tail -n 1 "$scratch/exporter.err" | grep -qF -- "$sentence" ||
		fail_with "no \"$sentence\" in its last line"
}

# at_once COMMAND...: sets took_ms, and is over within a second, start and all. A machine that is busy
# may slow it, but not each time.
at_once() {
	local try

	for try in {1..20}; do
		"$@"
		((took_ms >= 1000)) || break
	done
	echo "note: $took_ms ms: $*" | cut -c1-100
	((took_ms < 1000)) || fail "not over within a second, $try times: $*"
}

# refused SENTENCE LOGGED [OPTION...]: at once, and the collector's log says so too. It does that once a
# second, so others may have been in the way.
refused() {
	local sentence=$1 logged=$2

	shift 2
	at_once exports 4 "$sentence" "$@"
	[[ -z $logged ]] || wait_for 20 is_logged "$logged" exports 4 "$sentence" "$@"
}

# is_logged SENTENCE COMMAND...: by the collector; if not, COMMAND is run once more.
is_logged() {
	local sentence=$1

	shift
	grep -qF -- "$sentence" "$scratch/collector.err" || {
		"$@"
		grep -qF -- "$sentence" "$scratch/collector.err"
	}
}

stored() {
	exports 0 ''
	cmp "$scratch/x.pcap" "$scratch/into/x.pcap" || fail "what is stored is not what was sent"
}
