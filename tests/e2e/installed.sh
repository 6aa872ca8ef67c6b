#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The library as it is installed: headers that stand alone, both forms with just the names that the
# headers declare, what pkg-config says of them, manual pages.
# seconds: 120
# shellcheck source=tests/e2e/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/installed_lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/installed_lib.sh"
top=$shell_top

begin() {
	need_scratch 400000000
	library_install
}

all_headers_are_there() {
	begin
	diff <(cd "$top/include/dps" && ls ./*.h) <(cd "$installed/include/dps" && ls ./*.h) >&2 ||
		fail "not all headers are installed, or others"
}

headers_compile_alone() {
	local header strict=(-Wall -Wextra -Wpedantic -Werror -fsyntax-only)

	begin
	library_flags --cflags
	for header in "$installed"/include/dps/*.h; do
		printf '#include <dps/%s>\n' "${header##*/}" >alone.c
		"${CC:-cc}" -std=c11 "${strict[@]}" "${flags[@]}" alone.c || fail "$header as C11"
		"${CXX:-c++}" -x c++ -std=c++17 "${strict[@]}" "${flags[@]}" alone.c ||
			fail "$header as C++17"
	done
}

names_are_those_of_the_headers() {
	begin
	"$top/tools/checks/check-exports" "$top" "$LD_LIBRARY_PATH"/libdpdk-stream{,-ethdev}.{so,a}
}

# A library that lacks a function, and one that shows another, are told.
other_names_are_noticed() {
	begin
	"$top/tools/checks/declared" "$top" |
		awk '$1 != "ethdev.h" { print "void " $2 "(void) {}" }' >all.c
	"${CC:-cc}" -shared -fPIC -o all.so all.c
	"$top/tools/checks/check-exports" "$top" all.so
	sed 1d all.c >fewer.c
	"${CC:-cc}" -shared -fPIC -o fewer.so fewer.c
	! "$top/tools/checks/check-exports" "$top" fewer.so || fail "a function that lacks is not seen"
	{ cat all.c && echo 'void dps_wire_decode(void) {}'; } >more.c
	"${CC:-cc}" -shared -fPIC -o more.so more.c
	! "$top/tools/checks/check-exports" "$top" more.so || fail "a name of our own is not seen"
	# A function of one library is another's stray.
	cp all.so libdpdk-stream-ethdev.so
	! "$top/tools/checks/check-exports" "$top" libdpdk-stream-ethdev.so ||
		fail "the libraries are not told apart"
}

write_version() {
	cat >version.c <<'END'
#include <dps/version.h>
#include <stdio.h>

int main(void)
{
	printf("%s\n", dps_version_text());
	return dps_version() != DPS_VERSION_NUMBER;
}
END
}

a_program_links_either_form() {
	local version

	begin
	write_version
	library_compile shared version.c
	library_compile_static static version.c
	version=$(pkg-config --modversion dpdk-stream)
	[[ $(./shared) == "$version" ]] || fail "pkg-config says $version, the library $(./shared)"
	[[ $(LD_LIBRARY_PATH='' ./static) == "$version" ]] || fail "the archive is of another version"
	readelf -d shared | grep -q "NEEDED.*libdpdk-stream.so.${version%.*}\]" ||
		fail "$(readelf -d shared | grep NEEDED)"
	! readelf -d static | grep -q 'NEEDED.*dpdk-stream' || fail "the archive was not taken"
}

nothing_of_dpdk_is_needed() {
	begin
	write_version
	library_compile_static static version.c -Wl,--no-as-needed
	! readelf -d "$LD_LIBRARY_PATH/libdpdk-stream.so" static | grep 'NEEDED.*librte_' ||
		fail "DPDK is needed"
	! pkg-config --static --libs dpdk-stream | grep -e '-lrte_' || fail "DPDK is asked for"
}

# They are the ports of who has DPDK, with both libraries as archives, too.
ports_over_dpdk_are_another_library() {
	local dpdk

	begin
	library='dpdk-stream-ethdev'
	cat >ports.c <<'END'
#include <dps/ethdev.h>
#include <stdio.h>

int main(void)
{
	struct dps_endpoint_config config;
	struct dps_endpoint *endpoint;
	char why[DPS_ENDPOINT_WHY_BYTES];

	dps_endpoint_config_init(&config);
	config.state = "state";
	config.port = "memif:";
	config.ports = dps_ethdev_ports();
	return dps_endpoint_open(&endpoint, &config, why) == 0 || puts(why) < 0;
}
END
	library_compile shared ports.c
	# DPDK itself is shared in either case.
	read -ra dpdk < <(pkg-config --libs libdpdk)
	library='dpdk-stream'
	library_compile_static static ports.c -l:libdpdk-stream-ethdev.a "${dpdk[@]}"
	[[ $(./shared) == *memif:* ]] || fail "it says $(./shared)"
	[[ $(./static) == "$(./shared)" ]] || fail "the archive says $(./static)"
	readelf -d shared | grep -q 'NEEDED.*libdpdk-stream-ethdev.so' ||
		fail "$(readelf -d shared | grep NEEDED)"
	! readelf -d static | grep -q 'NEEDED.*dpdk-stream' || fail "the archives were not taken"
	readelf -d "$LD_LIBRARY_PATH/libdpdk-stream-ethdev.so" | grep -q 'NEEDED.*librte_' ||
		fail "it is not this library that has DPDK"
}

# Once in a process, with what its endpoints need, and with arguments and a log of the program's.
a_program_starts_dpdk() {
	begin
	cat >start.c <<'END'
#include <dps/ethdev.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static unsigned int lines;

static void on_log(void *context, int level, const char *line)
{
	(void)context, (void)level, (void)line;
	lines++;
}

int main(void)
{
	struct dps_endpoint_config one, other;
	const struct dps_endpoint_config *const both[] = { &one, &other };
	char debug[] = "--log-level=8";
	char *arguments[] = { debug };
	struct dps_ethdev_start start = { .endpoints = both,
					  .endpoints_count = 2,
					  .arguments = arguments,
					  .arguments_count = 1,
					  .on_log = on_log };
	char why[DPS_ENDPOINT_WHY_BYTES];

	dps_endpoint_config_init(&one);
	dps_endpoint_config_init(&other);
	one.port = "smoke:signals";
	if (dps_ethdev_start(&start, why) != -EINVAL || strstr(why, one.port) == NULL)
		return 1;
	one.port = "memif:./socket";
	other.port = NULL;
	if (dps_ethdev_start(&start, NULL) != -EINVAL || dps_ethdev_start(NULL, why) != -EINVAL)
		return 6;
	other.port = "udp";
	start.endpoints_count = DPS_ETHDEV_ENDPOINTS_MAX + 1;
	if (dps_ethdev_start(&start, why) != -EINVAL)
		return 2;
	start.endpoints_count = 2;
	if (dps_ethdev_start(&start, why) != 0)
		return fprintf(stderr, "%s\n", why), 3;
	if (lines == 0)
		return 4;
	if (dps_ethdev_start(&start, why) != -EALREADY)
		return 5;
	dps_ethdev_stop();
	return 0;
}
END
	library='dpdk-stream-ethdev'
	library_compile start start.c
	./start
}

# By taking the address of each: none is lost to another language's names, and none is in a header
# alone.
cpp_can_call_every_function() {
	begin
	{
		for header in "$installed"/include/dps/*.h; do
			echo "#include <dps/${header##*/}>"
		done
		echo 'using any = void (*)();'
		echo 'extern const any all[] = {'
		"$top/tools/checks/declared" "$top" | awk '{ print "reinterpret_cast<any>(&" $2 ")," }'
		echo '};'
		echo 'int main() { for (any each : all) if (each == nullptr) return 1; return 0; }'
	} >all.cc
	library='dpdk-stream-ethdev'
	library_flags --cflags --libs
	"${CXX:-c++}" -std=c++17 -Wall -Wextra -Werror -o all all.cc "${flags[@]}"
	./all
}

# What a failed assertion does is the program's to say, if it wants to.
a_program_has_its_own_panic() {
	begin
	cat >panic.c <<'END'
#include <dps/assert.h>
#include <dps/permits.h>
#include <dps/stream.h>
#include <stdio.h>
#include <stdlib.h>

void dps_panic(const char *condition, const char *file, int line)
{
	(void)condition, (void)file, (void)line;
	puts("mine");
	exit(0);
}

int main(void)
{
	struct dps_error error = { 0 };
	char text[1];

	/* No room at all is our mistake. */
	dps_error_write(&error, text, 0);
	return 1;
}
END
	library_compile shared panic.c
	library_compile_static static panic.c
	[[ $(./shared) == mine && $(./static) == mine ]] || fail "the library's own was called"
}

# As a reader types them.
lines_of_the_pages_link() {
	local line count=0

	begin
	write_version
	mv version.c program.c
	while read -r line; do
		rm -f program
		bash -ec "$line" || fail "$line"
		[[ -x program ]] || fail "nothing came of: $line"
		count=$((count + 1))
	done < <(grep -h '^cc -o program program.c' "$top/docs/man/libdpdk-stream.3.scd" "$top/docs/library.md")
	((count >= 4)) || fail "$count lines are there"
	# The second is the archive's.
	bash -ec "$(grep -m 1 -e '^cc.*--static' "$top/docs/man/libdpdk-stream.3.scd")"
	! readelf -d program | grep -q 'NEEDED.*dpdk-stream' || fail "the archive was not taken"
}

pages_are_there() {
	local page

	begin
	[[ -n $(find "$installed" -path '*man3*' -name 'libdpdk-stream.3') ]] || {
		command -v scdoc >/dev/null || skip_case "scdoc is not installed"
		fail "no manual page"
	}
	for page in "$top"/docs/man/*.scd; do
		page=${page##*/}
		grep -q '^\.TH' "$installed/share/man/man3/${page%.scd}" || fail "${page%.scd}"
	done
}

run_case all_headers_are_there
run_case headers_compile_alone
run_case names_are_those_of_the_headers
run_case other_names_are_noticed
run_case a_program_links_either_form
run_case nothing_of_dpdk_is_needed
run_case ports_over_dpdk_are_another_library
run_case a_program_starts_dpdk
run_case cpp_can_call_every_function
run_case a_program_has_its_own_panic
run_case lines_of_the_pages_link
run_case pages_are_there
finish_cases
