# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: BSD-3-Clause
# What the scripts share that use the library as a program elsewhere does: from an installed copy,
# by what pkg-config says, in a folder that has nothing of this tree.

# library_install: puts a copy into $scratch/root; PKG_CONFIG_PATH then leads there, and $installed
# is its prefix.
library_install() {
	[[ -w $build/meson-logs ]] || skip_case "$build belongs to somebody else"
	[[ $(jq -r '.[] | select(.name == "b_sanitize").value' \
		"$build/meson-info/intro-buildoptions.json") == none ]] ||
		skip_case "programs elsewhere are not built with our sanitizers"
	meson install -C "$build" --no-rebuild --quiet --destdir "$scratch/root"
	PKG_CONFIG_PATH=$(dirname "$(find "$scratch/root" -name dpdk-stream.pc)")
	export PKG_CONFIG_PATH
	installed=$(pkg-config --variable=prefix dpdk-stream)
	LD_LIBRARY_PATH=$(pkg-config --variable=libdir dpdk-stream)
	export LD_LIBRARY_PATH
	mkdir "$scratch/elsewhere"
	cd "$scratch/elsewhere" || fail "no folder"
}

# What programs are linked to: dpdk-stream, or dpdk-stream-ethdev, which brings the other.
library='dpdk-stream'

# library_flags PKG_CONFIG_ARG...: puts what pkg-config prints into the array $flags.
library_flags() {
	read -ra flags < <(pkg-config "$@" "$library")
}

# library_compile OUTPUT SOURCE [ARG...]: as docs/library.md says it.
library_compile() {
	local output=$1 source=$2

	shift 2
	library_flags --cflags --libs
	"${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -o "$output" "$source" "$@" "${flags[@]}"
}

# library_compile_static OUTPUT SOURCE [ARG...]: with the archive, and what it needs besides.
library_compile_static() {
	local output=$1 source=$2

	shift 2
	library_flags --static --cflags --libs
	flags=("${flags[@]/#-ldpdk-stream/-l:libdpdk-stream.a}")
	"${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -o "$output" "$source" "$@" "${flags[@]}"
}
