/* SPDX-License-Identifier: BSD-3-Clause */
/* The arguments that EAL gets; EAL itself is started by the other tests. */
#include "drivers/ethdev/eal.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static struct dps_eal_arguments arguments;
static char why[256];

/* All arguments, each between two bars. */
static const char *build(const struct dps_eal_config *config, bool has_hugepages)
{
	static char text[8192];
	size_t used = 0;

	assert_int_equal(
		dps_eal_build(&arguments, config, has_hugepages, "prefix", why, sizeof(why)), 0);
	assert_null(arguments.items[arguments.count]);
	for (unsigned int i = 0; i < arguments.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "|%s",
					 arguments.items[i]);
	snprintf(text + used, sizeof(text) - used, "|");
	return text;
}

static struct dps_port_name parse(const char *text)
{
	struct dps_port_name name;

	assert_int_equal(dps_port_name_parse(&name, text, why, sizeof(why)), 0);
	return name;
}

static void expect(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		return;
	print_error("no \"%s\" in:\n", part);
	fail_msg("%s", text);
}

static void expect_none(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		return;
	print_error("\"%s\" in:\n", part);
	fail_msg("%s", text);
}

static void build__works_without_hugepages(void **state)
{
	struct dps_port_name port = parse("memif:/tmp/x");
	struct dps_eal_config config = {
		.program = "p",
		.ports = &port,
		.ports_count = 1,
		.memory_bytes = 100 << 20,
		.lanes_count = 2,
	};
	const char *text = build(&config, false);
	unsigned int mib = 0;

	(void)state;
	expect(text, "|--no-huge|--no-shconf|--single-file-segments|-m|");
	expect_none(text, "--in-memory");
	expect(text, "|--iova-mode=va|");
	expect(text, "|--no-pci|");
	expect(text, "|--file-prefix=prefix|");
	expect(text, "|0@(");
	expect(text, ",2@(");
	expect_none(text, ",3@(");
	assert_int_equal(sscanf(strstr(text, "|-m|"), "|-m|%u|", &mib), 1);
	assert_in_range(mib, 100 + 64, 400);
}

static void build__uses_hugepages_and_one_file_for_memif(void **state)
{
	struct dps_port_name memif = parse("memif:/tmp/x"), iface = parse("af_packet:eth0");
	struct dps_eal_config config = { .program = "p", .ports = &memif, .ports_count = 1 };
	const char *text = build(&config, true);

	(void)state;
	expect(text, "|--in-memory|--single-file-segments|-m|");
	expect_none(text, "--no-huge");
	config.ports = &iface;
	text = build(&config, true);
	expect_none(text, "--single-file-segments");
}

static void build__allows_only_the_pci_devices_of_ports(void **state)
{
	struct dps_port_name ports[2] = { parse("pci:3b:00.0"), parse("pci:0001:af:00.1") };
	struct dps_eal_config config = { .program = "p", .ports = ports, .ports_count = 2 };
	const char *text = build(&config, true);

	(void)state;
	expect(text, "|-a|0000:3b:00.0|-a|0001:af:00.1|");
	expect_none(text, "--no-pci");
	expect_none(text, "--iova-mode");
}

/* Each group is the user's as soon as they speak of it, and no other group is. */
static void build__leaves_to_the_user_what_the_user_sets(void **state)
{
	struct dps_port_name port = parse("memif:/tmp/x");
	struct dps_eal_config config = { .program = "p", .ports = &port, .ports_count = 1 };
	char *memory[] = { "--socket-mem=1024,0" };
	char *short_memory[] = { "-m512" };
	char *cores[] = { "-l", "0-1" };
	char *devices[] = { "-a", "0000:01:00.0" };
	char *prefix[] = { "--file-prefix", "x" };
	char *vdev[] = { "--vdev", "net_null0", "--main-lcore=0" };
	const char *text;

	(void)state;
	config.user = memory;
	config.user_count = 1;
	text = build(&config, false);
	expect(text, "|p|--socket-mem=1024,0|--lcores|");
	expect_none(text, "--no-huge");
	config.user = short_memory;
	expect_none(build(&config, false), "--no-huge");
	config.user = cores;
	config.user_count = 2;
	text = build(&config, false);
	expect(text, "|p|-l|0-1|--no-huge|");
	expect_none(text, "--lcores");
	config.user = devices;
	expect_none(build(&config, false), "--no-pci");
	config.user = prefix;
	expect_none(build(&config, false), "--file-prefix=");
	config.user = vdev;
	config.user_count = 3;
	text = build(&config, false);
	expect(text, "|--no-huge|");
	expect(text, "|--lcores|");
	expect(text, "|--no-pci|");
}

static void build__pins_lanes_to_cores(void **state)
{
	struct dps_eal_config config = { .program = "p", .lanes_count = 3 };
	char cores[32], expected[64];
	cpu_set_t set;
	int cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	snprintf(cores, sizeof(cores), "%d", cpu);
	config.cores = cores;
	snprintf(expected, sizeof(expected), ",1@%d,2@%d,3@%d|", cpu, cpu, cpu);
	expect(build(&config, false), expected);
}

static void build__refuses_cores_that_are_not_there(void **state)
{
	static const char *const bad[] = {
		"", "x", "1-", "-1", "3-1", "1,", "1,,2", "0x1", "1023"
	};
	struct dps_eal_config config = { .program = "p", .lanes_count = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		config.cores = bad[i];
		why[0] = '\0';
		assert_int_equal(
			dps_eal_build(&arguments, &config, false, "prefix", why, sizeof(why)),
			-EINVAL);
		assert_non_null(strstr(why, "--cores"));
	}
}

static void build__refuses_more_than_it_holds(void **state)
{
	static char *many[DPS_EAL_ARGUMENTS_MAX + 1];
	struct dps_eal_config config = { .program = "p", .user = many };

	(void)state;
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		many[i] = "--log-level=1";
	config.user_count = DPS_EAL_ARGUMENTS_MAX + 1;
	assert_int_equal(dps_eal_build(&arguments, &config, false, "prefix", why, sizeof(why)),
			 -E2BIG);
	config.user_count = DPS_EAL_ARGUMENTS_MAX - 1;
	assert_int_equal(dps_eal_build(&arguments, &config, false, "prefix", why, sizeof(why)),
			 -E2BIG);
	config.user_count = 40;
	assert_int_equal(dps_eal_build(&arguments, &config, false, "prefix", why, sizeof(why)), 0);
}

static void try_hugepages__knows_what_cannot_be(void **state)
{
	(void)state;
	assert_false(dps_eal_try_hugepages((size_t)1 << 50));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(build__works_without_hugepages),
		cmocka_unit_test(build__uses_hugepages_and_one_file_for_memif),
		cmocka_unit_test(build__allows_only_the_pci_devices_of_ports),
		cmocka_unit_test(build__leaves_to_the_user_what_the_user_sets),
		cmocka_unit_test(build__pins_lanes_to_cores),
		cmocka_unit_test(build__refuses_cores_that_are_not_there),
		cmocka_unit_test(build__refuses_more_than_it_holds),
		cmocka_unit_test(try_hugepages__knows_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
