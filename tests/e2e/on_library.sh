#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# dpdk-streamd with the engine of libdpdk-stream, as others get it: of that, only what is public can
# be called. It is linked so, and moves captures beside the one that is linked as usual.
# seconds: 60
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
on_library=$build/tests/apps/dpdk-streamd-on-library

prepare() {
	need_streamd
	[[ $(jq -r '.[] | select(.name == "b_sanitize").value' \
		"$build/meson-info/intro-buildoptions.json") == none ]] ||
		skip_case "two copies of the drivers are not linked with sanitizers"
	[[ -x $on_library ]] || fail "$on_library is not there: tools/build makes it"
	need_scratch $((160 << 20))
	mkdir "$scratch/from"
	make_capture "$scratch/from/one.pcap" $((32 << 20))
	make_capture "$scratch/from/small.pcap" 5000
}

# names FILE: those that whoever is linked to it can call.
names() {
	nm -g --defined-only -f posix "$1" | awk 'NF >= 2 { print $1 }' | LC_ALL=C sort -u
}

# What drivers share of it besides, check-calls names, too: functions of numbers.
only_public_names_of_the_engine_are_in_it() {
	local engine public strays

	prepare
	public=$(sed -nE 's/^\s*(dps_[a-z0-9_]+);$/\1/p' "$shell_top/include/dpdk-stream.map" | LC_ALL=C sort -u)
	engine=$(comm -12 <(names "$on_library") <(names "$build/engine/libdps-engine.a"))
	[[ -n $(comm -12 <(echo "$engine") <(echo "$public")) ]] || fail "it has no engine"
	strays=$(comm -23 <(echo "$engine") <(echo "$public") |
		grep -vE '^dps_(random|steering)_|^dps_toeplitz$' || true)
	[[ -z $strays ]] || fail "it took more of the engine than is public: ${strays//$'\n'/ }"
}

expect_crossed() {
	expect_stored
	[[ $(summary "$scratch/exporter.out" verified) == true ]] || fail_with "nothing was verified"
	compare_trees "$scratch/from" "$scratch/into"
}

# files_cross LINK EXPORTER COLLECTOR: each `usual` or `on_library`.
files_cross() {
	local usual=$streamd i

	prepare
	"link_$1"
	programs --impair loss=0.01,reorder=0.01,seed=1 "$scratch"/from/*
	[[ $2 == usual ]] || for i in "${!exporter[@]}"; do
		[[ ${exporter[i]} != "$usual" ]] || exporter[i]=$on_library
	done
	[[ $3 == usual ]] || for i in "${!collector[@]}"; do
		[[ ${collector[i]} != "$usual" ]] || collector[i]=$on_library
	done
	transfer 60
	expect_crossed
}

run_case only_public_names_of_the_engine_are_in_it
run_case files_cross udp on_library usual
run_case files_cross udp usual on_library
run_case files_cross memif on_library on_library
finish_cases
