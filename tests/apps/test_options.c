/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/option_values.h"
#include "apps/dpdk-streamd/options.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

enum {
	WORDS_MAX = 64,
};

/* Cuts a line at its spaces, in place; "''" is an empty word. */
static int split(char *line, char **words)
{
	int count = 0;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
		assert_true(count < WORDS_MAX - 1);
		words[count++] = strcmp(word, "''") == 0 ? word + 2 : word;
	}
	words[count] = NULL;
	return count;
}

struct parsed {
	struct dps_options options;
	char error[DPS_OPTIONS_ERROR_BYTES];
	char line[4096];
	char *words[WORDS_MAX];
};

static bool parse(struct parsed *parsed, const char *line)
{
	int count;

	assert_true(strlen(line) < sizeof(parsed->line) - 20);
	strcpy(parsed->line, "dpdk-streamd ");
	strcat(parsed->line, line);
	count = split(parsed->line, parsed->words);
	return dps_options_parse(&parsed->options, count, parsed->words, parsed->error);
}

static void parse_good(struct parsed *parsed, const char *line)
{
	if (!parse(parsed, line))
		fail_msg("%s: %s", line, parsed->error);
}

#define EXPORT "export --to 10.0.0.2 --port udp "
#define COLLECT "collect --into d --control :7420 --port udp "

static void parse__gives_the_defaults_of_the_interface(void **state)
{
	struct parsed parsed;
	const struct dps_options *options = &parsed.options;

	(void)state;
	parse_good(&parsed, EXPORT "a b");
	assert_int_equal(options->command, DPS_COMMAND_EXPORT);
	assert_string_equal(options->to.host, "10.0.0.2");
	assert_int_equal(options->to.port, 7420);
	assert_string_equal(options->port, "udp");
	assert_null(options->ip);
	assert_int_equal(options->cc, DPS_CC_FAIR);
	assert_int_equal(options->rate_bits_per_s, 0);
	assert_int_equal(options->mtu, 0);
	assert_int_equal(options->window_bytes, 64 << 20);
	assert_int_equal(options->ring_bytes, (64 << 20) + (256 << 10) + 56);
	assert_int_equal(options->chunk_bytes, 256 << 10);
	assert_int_equal(options->lanes, 1);
	assert_int_equal(options->stripes, 1);
	assert_int_equal(options->vlan, 0);
	assert_true(options->connect_timeout_ns == UINT64_C(30000000000));
	assert_true(options->reconnect_timeout_ns == UINT64_C(30000000000));
	assert_true(options->idle_timeout_ns == UINT64_C(60000000000));
	assert_true(options->grace_ns == UINT64_C(5000000000));
	assert_int_equal(options->log_levels_count, 0);
	assert_int_equal(options->paths_count, 2);
	assert_string_equal(options->paths[0], "a");
	assert_string_equal(options->paths[1], "b");
	assert_int_equal(options->eal_count, 0);
	assert_false(options->reads_stdin || options->is_new || options->has_generate ||
		     options->is_clear || options->trusts_on_first_use || options->is_json ||
		     options->is_quiet || options->is_once || options->may_overwrite ||
		     options->is_discard);
	dps_options_fini(&parsed.options);
}

static void parse__reads_every_option_of_export(void **state)
{
	struct parsed parsed;
	const struct dps_options *options = &parsed.options;

	(void)state;
	parse_good(
		&parsed,
		"export --to [::1]:99 --port memif:/tmp/s --ip 192.0.2.1/24 --cc fixed --rate 9.5G "
		"--mtu 1500 --window 8M --ring 32M --chunk 64K --lanes 4 --stripes 4 --vlan 7 "
		"--connect-timeout 100ms --reconnect-timeout forever --idle-timeout 1.5m --grace 0 "
		"--state /s --clear --trust-on-first-use --json -q --log-level debug "
		"--log-level lane:info --stats-file f --impair loss=0.01 --cores 2,4-6 --new "
		"--generate 10G:7 --name big");
	assert_string_equal(options->to.host, "::1");
	assert_int_equal(options->to.port, 99);
	assert_string_equal(options->port, "memif:/tmp/s");
	assert_string_equal(options->ip, "192.0.2.1/24");
	assert_int_equal(options->cc, DPS_CC_FIXED);
	assert_true(options->rate_bits_per_s == UINT64_C(9500000000));
	assert_int_equal(options->mtu, 1500);
	assert_int_equal(options->window_bytes, 8 << 20);
	assert_int_equal(options->ring_bytes, 32 << 20);
	assert_int_equal(options->chunk_bytes, 64 << 10);
	assert_int_equal(options->vlan, 7);
	assert_int_equal(options->connect_timeout_ns, 100000000);
	assert_true(options->reconnect_timeout_ns == DPS_FOREVER_NS);
	assert_true(options->idle_timeout_ns == UINT64_C(90000000000));
	assert_int_equal(options->grace_ns, 0);
	assert_string_equal(options->state, "/s");
	assert_true(options->is_clear && options->trusts_on_first_use && options->is_json &&
		    options->is_quiet && options->is_new && options->has_generate);
	assert_int_equal(options->log_levels_count, 2);
	assert_string_equal(options->log_levels[0], "debug");
	assert_string_equal(options->log_levels[1], "lane:info");
	assert_string_equal(options->stats_file, "f");
	assert_string_equal(options->impair, "loss=0.01");
	assert_string_equal(options->cores, "2,4-6");
	assert_true(options->generate_bytes == UINT64_C(10) << 30);
	assert_int_equal(options->generate_seed, 7);
	assert_string_equal(options->name, "big");
	dps_options_fini(&parsed.options);
}

static void parse__reads_every_option_of_collect(void **state)
{
	struct parsed parsed;
	const struct dps_options *options = &parsed.options;

	(void)state;
	parse_good(&parsed,
		   "collect --into d --control [::]:1 --port=af_packet:eth0 --once --overwrite "
		   "--stage s --discard");
	assert_int_equal(options->command, DPS_COMMAND_COLLECT);
	assert_string_equal(options->into, "d");
	assert_string_equal(options->control.host, "::");
	assert_int_equal(options->control.port, 1);
	assert_string_equal(options->port, "af_packet:eth0");
	assert_true(options->is_once && options->may_overwrite && options->is_discard);
	assert_string_equal(options->stage, "s");
	assert_false(options->verifies_disk);
	dps_options_fini(&parsed.options);
	parse_good(&parsed, COLLECT "--verify=disk");
	assert_true(options->verifies_disk);
	dps_options_fini(&parsed.options);
	parse_good(&parsed, "collect --control :7420 --port udp --discard");
	assert_null(options->into);
	dps_options_fini(&parsed.options);
}

static void parse__gives_eal_what_stands_to_the_left(void **state)
{
	struct parsed parsed;

	(void)state;
	parse_good(&parsed, "-l 0,1 --no-huge -- " EXPORT "-- -x --port");
	assert_int_equal(parsed.options.eal_count, 3);
	assert_string_equal(parsed.options.eal[0], "-l");
	assert_string_equal(parsed.options.eal[2], "--no-huge");
	assert_int_equal(parsed.options.paths_count, 2);
	assert_string_equal(parsed.options.paths[0], "-x");
	assert_string_equal(parsed.options.paths[1], "--port");
	dps_options_fini(&parsed.options);

	parse_good(&parsed, "-- " EXPORT "a");
	assert_int_equal(parsed.options.eal_count, 0);
	dps_options_fini(&parsed.options);
	parse_good(&parsed, EXPORT "-- -x");
	assert_int_equal(parsed.options.eal_count, 0);
	assert_string_equal(parsed.options.paths[0], "-x");
	dps_options_fini(&parsed.options);
}

static void parse__takes_standard_input_with_a_name(void **state)
{
	struct parsed parsed;

	(void)state;
	parse_good(&parsed, EXPORT "- --name live.pcap");
	assert_true(parsed.options.reads_stdin);
	assert_string_equal(parsed.options.name, "live.pcap");
	dps_options_fini(&parsed.options);
}

/* Whether it is one is for who opens it. */
static void parse__takes_a_fifo_with_a_name(void **state)
{
	struct parsed parsed;

	(void)state;
	parse_good(&parsed, EXPORT "fifo --name live.pcap");
	assert_false(parsed.options.reads_stdin);
	assert_int_equal(parsed.options.paths_count, 1);
	assert_string_equal(parsed.options.name, "live.pcap");
	dps_options_fini(&parsed.options);
}

static void parse__takes_a_command_with_a_name(void **state)
{
	struct parsed parsed;

	(void)state;
	parse_good(&parsed, EXPORT "--exec make-packets --name live.pcap");
	assert_string_equal(parsed.options.exec, "make-packets");
	assert_int_equal(parsed.options.paths_count, 0);
	dps_options_fini(&parsed.options);
}

static void parse__knows_help_and_version(void **state)
{
	static const struct {
		const char *line;
		enum dps_command command, help_of;
	} cases[] = {
		{ "--help", DPS_COMMAND_HELP, DPS_COMMAND_HELP },
		{ "-h", DPS_COMMAND_HELP, DPS_COMMAND_HELP },
		{ "--version", DPS_COMMAND_VERSION, DPS_COMMAND_HELP },
		{ "-l 0 -- --version", DPS_COMMAND_VERSION, DPS_COMMAND_HELP },
		{ "export --help", DPS_COMMAND_HELP, DPS_COMMAND_EXPORT },
		{ "collect --into d -h", DPS_COMMAND_HELP, DPS_COMMAND_COLLECT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed parsed;

		parse_good(&parsed, cases[i].line);
		assert_int_equal(parsed.options.command, cases[i].command);
		assert_int_equal(parsed.options.help_of, cases[i].help_of);
		dps_options_fini(&parsed.options);
	}
}

static void parse__explains_every_bad_line(void **state)
{
	static const char *const cases[][2] = {
		{ "", "Write export or collect" },
		{ "exprot", "\"exprot\" is no command" },
		{ "run --config f", "run is not in this version" },
		{ "keygen --port udp", "--port is an option of export and collect, not of keygen" },
		{ "fingerprint x", "fingerprint takes no PATH: \"x\" is one too many" },
		{ "keygen --nonsense", "keygen has no option --nonsense" },
		{ "--json export", "stands in front of the command" },
		{ "-l 0,1 export", "stands in front of the command" },
		{ "export", "export needs --to ADDR[:PORT]" },
		{ "export --to h a", "export needs --port PORT" },
		{ "collect", "collect needs --control [ADDR]:PORT" },
		{ "collect --control :1 --port udp", "collect needs --into DIR" },
		{ EXPORT, "at least one PATH" },
		{ EXPORT "''", "an empty PATH" },
		{ EXPORT "a -", "cannot be sent together" },
		{ EXPORT "-", "needs --name NAME" },
		{ EXPORT "a b --name c", "--name is for" },
		{ EXPORT "--exec true", "--exec needs --name NAME" },
		{ EXPORT "a --exec true --name b", "--exec takes the place of files: leave out a" },
		{ EXPORT "--exec true --generate 1M --name b", "cannot be sent together" },
		{ EXPORT "- --name a/b", "--name does not take \"a/b\"" },
		{ EXPORT "- --name ..", "--name does not take \"..\"" },
		{ EXPORT "a --generate 1G", "takes the place of files: leave out a" },
		{ EXPORT "--generate 1Q", "--generate does not take \"1Q\"" },
		{ EXPORT "--generate 1G:", "--generate does not take" },
		{ EXPORT "--generate 1G:x", "--generate does not take" },
		{ EXPORT "--generate 99999999999G", "--generate does not take" },
		{ COLLECT "a", "collect takes no PATH: \"a\"" },
		{ EXPORT "a --frobnicate", "export has no option --frobnicate" },
		{ EXPORT "a --frobnicate=7", "export has no option --frobnicate=7" },
		{ EXPORT "a --por udp", "export has no option --por" },
		{ EXPORT "a -x", "export has no option -x" },
		{ EXPORT "a -qq", "export has no option -qq" },
		{ EXPORT "a --once", "--once is an option of collect, not of export" },
		{ COLLECT "--new", "--new is an option of export, not of collect" },
		{ EXPORT "a --json=yes", "--json takes no value" },
		{ EXPORT "a --rate", "--rate needs a value: --rate RATE" },
		{ EXPORT "a --state=", "--state needs DIR, not an empty text" },
		{ EXPORT "a --state ''", "--state needs DIR, not an empty text" },
		{ EXPORT "a --peer-key sha256:00",
		  "--peer-key does not take \"sha256:00\": write sha256: and 64 hex" },
		{ EXPORT "a --cc delay", "--cc delay is not in this version" },
		{ EXPORT "a --cc bbr", "--cc does not take \"bbr\": write fair or fixed" },
		{ EXPORT "a --cc fixed", "add --rate" },
		{ EXPORT "a --verify disk", "--verify is an option of collect, not of export" },
		{ COLLECT "--verify tape",
		  "--verify does not take \"tape\": write digests or disk" },
		{ COLLECT "--verify=disk --discard", "--discard stores nothing" },
		{ EXPORT "a --rate 10g", "--rate does not take \"10g\": write bits per second" },
		{ EXPORT "a --rate 10K", "--rate does not take" },
		{ EXPORT "a --rate 0", "--rate 0 is too small" },
		{ EXPORT "a --rate 1.2", "--rate does not take" },
		{ EXPORT "a --rate 99999G", "--rate 99999G is too large" },
		{ EXPORT "a --rate -1", "--rate does not take \"-1\"" },
		{ EXPORT "a --mtu 1279", "--mtu 1279 is too small" },
		{ EXPORT "a --mtu 65535", "--mtu 65535 is too large" },
		{ EXPORT "a --mtu 9k", "--mtu does not take \"9k\": write a whole number" },
		{ EXPORT "a --mtu 18446744073709551617", "--mtu does not take" },
		{ EXPORT "a --window 64MB", "--window does not take \"64MB\": write bytes" },
		{ EXPORT "a --window 64m", "--window does not take" },
		{ EXPORT "a --window .5M", "--window does not take" },
		{ EXPORT "a --window 1.M", "--window does not take" },
		{ EXPORT "a --window 0x10", "--window does not take" },
		{ EXPORT "a --window 17179869184G", "--window does not take" },
		{ EXPORT "a --window 64K", "--window must hold two chunks" },
		{ EXPORT "a --window 1K", "--window 1K is too small" },
		{ EXPORT "a --chunk 96K", "--chunk 96K is not a power of two" },
		{ EXPORT "a --chunk 2K", "--chunk 2K is too small" },
		{ EXPORT "a --chunk 2M", "--chunk 2M is too large" },
		{ EXPORT "a --lanes 17", "--lanes 17 is too large" },
		{ EXPORT "a --lanes 0", "--lanes 0 is too small" },
		{ EXPORT "a --stripes 4", "--stripes 4 needs as many lanes: add --lanes 4" },
		{ EXPORT "a --vlan 7", "--vlan is for DPDK ports" },
		{ EXPORT "a --vlan 4095", "--vlan 4095 is too large" },
		{ EXPORT "a --vlan 0", "--vlan 0 is too small" },
		{ EXPORT "a --ip 10.0.0.1/24", "--ip is for DPDK ports" },
		{ EXPORT "a --connect-timeout 30", "--connect-timeout does not take \"30\"" },
		{ EXPORT "a --connect-timeout forever", "--connect-timeout does not take" },
		{ EXPORT "a --connect-timeout 366d", "--connect-timeout 366d is too large" },
		{ EXPORT "a --reconnect-timeout ever", "write forever, or a number with us" },
		{ EXPORT "a --idle-timeout 1ms", "--idle-timeout 1ms is too small" },
		{ EXPORT "a --log-level loud", "--log-level does not take \"loud\"" },
		{ EXPORT "a --log-level lane:", "--log-level does not take \"lane:\"" },
		{ EXPORT "a --log-level :info", "--log-level does not take \":info\"" },
		{ EXPORT "a --cores 1,", "--cores does not take \"1,\"" },
		{ EXPORT "a --cores 4-2", "--cores does not take" },
		{ EXPORT "a --cores all", "--cores does not take" },
		{ "-l 0 -- " EXPORT "a --cores 1",
		  "--cores and EAL's -l say the same thing twice" },
		{ "export --to ::1 --port udp a", "--to: address \"::1\" has several colons" },
		{ "export --to :80 --port udp a", "--to: address \":80\" does not say which host" },
		{ "collect --into d --port udp --control :x",
		  "--control: address \":x\" has a port" },
	};
	struct parsed parsed;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse(&parsed, cases[i][0]))
			fail_msg("taken: %s", cases[i][0]);
		if (!strstr(parsed.error, cases[i][1]) || strchr(parsed.error, '\n'))
			fail_msg("%s\nis answered: %s\nexpected: %s", cases[i][0], parsed.error,
				 cases[i][1]);
		assert_null(parsed.options.paths);
	}
}

static void parse__limits_log_settings(void **state)
{
	struct parsed parsed;
	char line[1024] = EXPORT "a";

	(void)state;
	for (unsigned int i = 0; i < DPS_OPTIONS_LOG_LEVELS_MAX + 1; i++)
		strcat(line, " --log-level=a:info");
	assert_false(parse(&parsed, line));
	assert_string_equal(parsed.error, "--log-level is there too often");
}

static void values__are_exact(void **state)
{
	uint64_t value;

	(void)state;
	assert_true(dps_size_parse("1.5K", &value));
	assert_int_equal(value, 1536);
	assert_true(dps_size_parse("0", &value));
	assert_int_equal(value, 0);
	assert_false(dps_size_parse("1.0001K", &value));
	assert_false(dps_size_parse("", &value));
	assert_false(dps_size_parse("K", &value));
	assert_false(dps_size_parse("1 K", &value));
	assert_true(dps_size_parse("17179869183G", &value));
	assert_false(dps_size_parse("17179869184G", &value));
	assert_true(dps_rate_parse("0.000000001G", &value));
	assert_int_equal(value, 1);
	assert_false(dps_rate_parse("0.0000000001G", &value));
	assert_true(dps_time_parse("0.000000001s", &value));
	assert_int_equal(value, 1);
	assert_true(dps_time_parse("213503.5d", &value));
	assert_true(value == UINT64_C(18446702400000000000));
	assert_false(dps_time_parse("213504d", &value));
	assert_false(dps_time_parse("1", &value));
	assert_true(dps_number_parse("18446744073709551615", &value));
	assert_false(dps_number_parse("18446744073709551616", &value));
}

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void parse__takes_peer_keys_up_to_a_limit(void **state)
{
	char line[2048] = "export --to h --port udp a";
	struct parsed parsed;

	(void)state;
	for (unsigned int i = 0; i < DPS_OPTIONS_PEER_KEYS_MAX; i++)
		strcat(line, " --peer-key sha256:" HEX);
	parse_good(&parsed, line);
	assert_int_equal(parsed.options.peer_keys_count, DPS_OPTIONS_PEER_KEYS_MAX);
	assert_int_equal(parsed.options.peer_keys[1].bytes[31], 0x1f);
	dps_options_fini(&parsed.options);
	strcat(line, " --peer-key sha256:" HEX);
	assert_false(parse(&parsed, line));
	assert_non_null(strstr(parsed.error, "--peer-key is there too often"));
}

static void parse__knows_the_commands_of_keys(void **state)
{
	struct parsed parsed;

	(void)state;
	parse_good(&parsed, "keygen --state /s");
	assert_int_equal(parsed.options.command, DPS_COMMAND_KEYGEN);
	assert_string_equal(parsed.options.state, "/s");
	dps_options_fini(&parsed.options);
	parse_good(&parsed, "fingerprint");
	assert_int_equal(parsed.options.command, DPS_COMMAND_FINGERPRINT);
	assert_null(parsed.options.state);
	dps_options_fini(&parsed.options);
}

static void print_help__shows_defaults_and_no_later_options(void **state)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	(void)state;
	assert_non_null(file);
	dps_options_print_help(file, DPS_COMMAND_EXPORT);
	fclose(file);
	assert_non_null(strstr(text, "export --to ADDR[:PORT] --port PORT [options] PATH..."));
	assert_non_null(strstr(text, "--window SIZE"));
	assert_non_null(strstr(text, "(default 64M)"));
	assert_non_null(strstr(text, "-q, --quiet"));
	assert_null(strstr(text, "--into"));
	assert_null(strstr(text, "--config"));
	assert_non_null(strstr(text, "--peer-key sha256:HEX"));
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_true(strcspn(line, "\n") <= 100);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__gives_the_defaults_of_the_interface),
		cmocka_unit_test(parse__reads_every_option_of_export),
		cmocka_unit_test(parse__reads_every_option_of_collect),
		cmocka_unit_test(parse__gives_eal_what_stands_to_the_left),
		cmocka_unit_test(parse__takes_standard_input_with_a_name),
		cmocka_unit_test(parse__takes_a_fifo_with_a_name),
		cmocka_unit_test(parse__takes_peer_keys_up_to_a_limit),
		cmocka_unit_test(parse__knows_the_commands_of_keys),
		cmocka_unit_test(parse__takes_a_command_with_a_name),
		cmocka_unit_test(parse__knows_help_and_version),
		cmocka_unit_test(parse__explains_every_bad_line),
		cmocka_unit_test(parse__limits_log_settings),
		cmocka_unit_test(values__are_exact),
		cmocka_unit_test(print_help__shows_defaults_and_no_later_options),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
