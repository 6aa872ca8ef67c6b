#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Keys: made, shown, kept, and refused when others can read them.
# seconds: 60 60
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

key_is_made_once() {
	local first

	prepare
	says 2 "make it with keygen" "$streamd" fingerprint --state "$scratch/state"
	says 0 "a new key is in $scratch/state/identity.pem" "$streamd" keygen --state "$scratch/state"
	first=$(<"$scratch/out")
	[[ $first =~ ^sha256:[0-9a-f]{64}$ ]] || fail "\"$first\" is no fingerprint"
	[[ $(stat -c %a "$scratch/state") == 700 && $(stat -c %a "$scratch/state/identity.pem") == 600 ]] ||
		fail "others can read the key: $(ls -la "$scratch/state")"
	says 0 "there is a key already" "$streamd" keygen --state "$scratch/state"
	[[ $(<"$scratch/out") == "$first" ]] || fail "keygen has replaced a key"
	"$streamd" fingerprint --state "$scratch/state" >"$scratch/out"
	[[ $(<"$scratch/out") == "$first" ]] || fail "fingerprint shows another key"
	"$streamd" keygen --state "$scratch/other" >"$scratch/out" 2>/dev/null
	[[ $(<"$scratch/out") != "$first" ]] || fail "two folders have one key"
}

key_that_others_can_read() {
	prepare
	"$streamd" keygen --state "$scratch/state" >/dev/null 2>&1
	chmod 644 "$scratch/state/identity.pem"
	says 2 "chmod 600" "$streamd" fingerprint --state "$scratch/state"
	says 2 "chmod 600" "$streamd" keygen --state "$scratch/state"
	echo damage >"$scratch/state/identity.pem"
	chmod 600 "$scratch/state/identity.pem"
	says 2 "no Ed25519 key" "$streamd" keygen --state "$scratch/state"
	[[ $(<"$scratch/state/identity.pem") == damage ]] || fail "a damaged key was replaced"
}

no_place_for_a_key() {
	prepare
	: >"$scratch/file"
	says 2 "name another with --state" "$streamd" keygen --state "$scratch/file"
}

run_case key_is_made_once
run_case key_that_others_can_read
run_case no_place_for_a_key
finish_cases
