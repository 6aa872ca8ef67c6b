/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/options.h"
#include "apps/dpdk-streamd/option_table.h"
#include <dps/limits.h>
#include <dps/types.h>
#include <stdlib.h>
#include <string.h>

static const char *const command_names[] = {
	[DPS_COMMAND_EXPORT] = "export",
	[DPS_COMMAND_COLLECT] = "collect",
	[DPS_COMMAND_KEYGEN] = "keygen",
	[DPS_COMMAND_FINGERPRINT] = "fingerprint",
};

/* The words being read. */
struct parser {
	struct dps_option_reader reader;
	char *const *words;
	unsigned int words_count;
	unsigned int next;
	uint64_t given; /* by index in the table */
};

static bool set_defaults(struct parser *parser)
{
	memset(parser->reader.options, 0, sizeof(*parser->reader.options));
	parser->reader.options->generate_seed = 1;
	for (const struct dps_option *option = dps_option_table; option->name; option++)
		if (option->initial && !dps_option_read(&parser->reader, option, option->initial))
			return false;
	return true;
}

static const struct dps_option *find_option(const char *name, size_t length)
{
	const struct dps_option *option = dps_option_table;

	while (option->name &&
	       (strncmp(option->name, name, length) != 0 || option->name[length] != '\0'))
		option++;
	return option->name ? option : NULL;
}

static const struct dps_option *find_letter(char letter)
{
	const struct dps_option *option = dps_option_table;

	while (option->name && option->letter != letter)
		option++;
	return option->name ? option : NULL;
}

/* The option of a word, and its value if it stands behind "=", else NULL. */
static const struct dps_option *find_word(const char *word, const char **value)
{
	const char *equals = strchr(word, '=');

	*value = NULL;
	if (word[1] != '-')
		return word[2] == '\0' ? find_letter(word[1]) : NULL;
	if (!equals)
		return find_option(word + 2, strlen(word + 2));
	*value = equals + 1;
	return find_option(word + 2, (size_t)(equals - word) - 2);
}

/* Whose option it is, for who gave it to another command. */
static const char *owner_of(const struct dps_option *option)
{
	switch (option->commands & DPS_OPTION_BOTH) {
	case DPS_OPTION_EXPORT:
		return "export";
	case DPS_OPTION_COLLECT:
		return "collect";
	default:
		return "export and collect";
	}
}

static bool read_option(struct parser *parser, const char *word)
{
	const char *command = command_names[parser->reader.options->command];
	const char *value;
	const struct dps_option *option = find_word(word, &value);

	if (!option)
		return dps_option_fail(&parser->reader,
				       "%s has no option %s; dpdk-streamd %s --help lists them",
				       command, word, command);
	if (!(option->commands & 1u << parser->reader.options->command))
		return dps_option_fail(&parser->reader, "--%s is an option of %s, not of %s",
				       option->name, owner_of(option), command);
	if (option->kind == DPS_OPTION_LATER)
		return dps_option_read(&parser->reader, option, value);
	if (!option->argument && value)
		return dps_option_fail(&parser->reader, "--%s takes no value", option->name);
	if (option->argument && !value) {
		if (parser->next == parser->words_count)
			return dps_option_fail(&parser->reader, "--%s needs a value: --%s %s",
					       option->name, option->name, option->argument);
		value = parser->words[parser->next++];
	}
	parser->given |= UINT64_C(1) << (option - dps_option_table);
	return dps_option_read(&parser->reader, option, value);
}

static bool is_given(const struct parser *parser, const char *name)
{
	const struct dps_option *option = find_option(name, strlen(name));

	return parser->given & UINT64_C(1) << (option - dps_option_table);
}

static bool check_required(struct parser *parser)
{
	const char *command = command_names[parser->reader.options->command];

	for (const struct dps_option *option = dps_option_table; option->name; option++)
		if (option->required & 1u << parser->reader.options->command &&
		    !is_given(parser, option->name))
			return dps_option_fail(&parser->reader, "%s needs --%s %s (%s)", command,
					       option->name, option->argument, option->help);
	return true;
}

static bool takes_place_of_files(const struct dps_options *options)
{
	return options->has_generate || options->exec;
}

static bool check_export(struct parser *parser)
{
	struct dps_options *options = parser->reader.options;

	for (unsigned int i = 0; i < options->paths_count; i++) {
		if (options->paths[i][0] == '\0')
			return dps_option_fail(&parser->reader, "an empty PATH names no file");
		options->reads_stdin |= strcmp(options->paths[i], "-") == 0;
	}
	if (options->has_generate && options->exec)
		return dps_option_fail(&parser->reader,
				       "--generate and --exec cannot be sent together");
	if (takes_place_of_files(options) && options->paths_count > 0)
		return dps_option_fail(&parser->reader, "%s takes the place of files: leave out %s",
				       options->exec ? "--exec" : "--generate", options->paths[0]);
	if (!takes_place_of_files(options) && options->paths_count == 0)
		return dps_option_fail(&parser->reader, "export needs at least one PATH to send");
	if (options->reads_stdin && options->paths_count > 1)
		return dps_option_fail(&parser->reader,
				       "`-` (standard input) cannot be sent together with files");
	if ((options->reads_stdin || options->exec) && !options->name)
		return dps_option_fail(&parser->reader, "%s needs --name NAME for the collector",
				       options->exec ? "--exec" : "`-` (standard input)");
	if (options->name && options->paths_count > 1)
		return dps_option_fail(
			&parser->reader,
			"--name is for `-` (standard input), one FIFO, --exec and --generate; "
			"files keep their names");
	return true;
}

static bool check_collect(struct parser *parser)
{
	struct dps_options *options = parser->reader.options;

	if (options->paths_count > 0)
		return dps_option_fail(&parser->reader,
				       "collect takes no PATH: \"%s\" is one too many",
				       options->paths[0]);
	if (!options->into && !options->is_discard)
		return dps_option_fail(&parser->reader,
				       "collect needs --into DIR for the files (or --discard)");
	if (options->verifies_disk && options->is_discard)
		return dps_option_fail(&parser->reader,
				       "--discard stores nothing that --verify disk could read");
	return true;
}

static bool is_udp(const char *port)
{
	return strcmp(port, "udp") == 0 || strncmp(port, "udp:", 4) == 0;
}

static bool check_both(struct parser *parser)
{
	struct dps_options *options = parser->reader.options;
	uint64_t ring_bytes_min = options->window_bytes + options->chunk_bytes + DPS_ENVELOPE_BYTES;

	if (options->cc == DPS_CC_FIXED && options->rate_bits_per_s == 0)
		return dps_option_fail(
			&parser->reader,
			"--cc fixed needs the rate to keep to: add --rate, as in --rate 9.5G");
	if (options->window_bytes < 2 * options->chunk_bytes)
		return dps_option_fail(
			&parser->reader,
			"--window must hold two chunks at least: make --window larger or "
			"--chunk smaller");
	if (is_udp(options->port) && options->ip)
		return dps_option_fail(
			&parser->reader,
			"--ip is for DPDK ports; write --port udp:ADDR for one address of "
			"this machine");
	if (is_udp(options->port) && options->vlan)
		return dps_option_fail(&parser->reader,
				       "--vlan is for DPDK ports; with udp the kernel tags");
	options->live_ring_bytes =
		is_given(parser, "ring") ? options->ring_bytes : DPS_RING_BYTES_LIVE_DEFAULT;
	if (options->live_ring_bytes < ring_bytes_min)
		options->live_ring_bytes = ring_bytes_min;
	if (options->ring_bytes < ring_bytes_min)
		options->ring_bytes = ring_bytes_min;
	return true;
}

static bool read_words(struct parser *parser)
{
	struct dps_options *options = parser->reader.options;
	bool is_behind = false; /* a second `--`: only paths follow */

	while (parser->next < parser->words_count) {
		char *word = parser->words[parser->next++];

		if (!is_behind && strcmp(word, "--") == 0) {
			is_behind = true;
		} else if (is_behind || word[0] != '-' || word[1] == '\0') {
			options->paths[options->paths_count++] = word;
		} else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			options->help_of = options->command;
			options->command = DPS_COMMAND_HELP;
			return true;
		} else if (!read_option(parser, word)) {
			return false;
		}
	}
	return true;
}

static bool read_command(struct parser *parser)
{
	struct dps_options *options = parser->reader.options;
	const char *word;

	if (parser->words_count == 0)
		return dps_option_fail(
			&parser->reader,
			"what is to be done? Write export or collect; --help explains");
	word = parser->words[parser->next++];
	options->help_of = DPS_COMMAND_HELP;
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		options->command = DPS_COMMAND_HELP;
	else if (strcmp(word, "--version") == 0)
		options->command = DPS_COMMAND_VERSION;
	else if (strcmp(word, "export") == 0)
		options->command = DPS_COMMAND_EXPORT;
	else if (strcmp(word, "collect") == 0)
		options->command = DPS_COMMAND_COLLECT;
	else if (strcmp(word, "keygen") == 0)
		options->command = DPS_COMMAND_KEYGEN;
	else if (strcmp(word, "fingerprint") == 0)
		options->command = DPS_COMMAND_FINGERPRINT;
	else if (word[0] == '-')
		return dps_option_fail(&parser->reader,
				       "%s stands in front of the command: write export or collect "
				       "first (EAL arguments end with --)",
				       word);
	else if (strcmp(word, "run") == 0)
		return dps_option_fail(&parser->reader, "%s is not in this version", word);
	else
		return dps_option_fail(&parser->reader,
				       "\"%s\" is no command: write export or collect", word);
	return true;
}

static bool is_our_own(const char *word)
{
	return word[0] != '-' || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
	       strcmp(word, "--version") == 0;
}

/* `A -- B`: A is EAL's. Its arguments begin with a dash, our command does not. */
static void split_eal(struct parser *parser, int argc, char *const *argv)
{
	parser->words = argv + 1;
	parser->words_count = argc > 1 ? (unsigned int)argc - 1 : 0;
	if (parser->words_count == 0 || is_our_own(argv[1]))
		return;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") != 0)
			continue;
		parser->reader.options->eal = argv + 1;
		parser->reader.options->eal_count = (unsigned int)i - 1;
		parser->words = argv + i + 1;
		parser->words_count = (unsigned int)(argc - i) - 1;
		return;
	}
}

static bool check_stripes(struct parser *parser)
{
	const struct dps_options *options = parser->reader.options;

	if (options->stripes > options->lanes)
		return dps_option_fail(
			&parser->reader, "--stripes %llu needs as many lanes: add --lanes %llu",
			(unsigned long long)options->stripes, (unsigned long long)options->stripes);
	return true;
}

/* EAL pins lanes with -l and --lcores; --cores does so without EAL arguments. */
static bool check_cores(struct parser *parser)
{
	const struct dps_options *options = parser->reader.options;

	for (unsigned int i = 0; options->cores && i < options->eal_count; i++)
		if (strncmp(options->eal[i], "-l", 2) == 0 ||
		    strncmp(options->eal[i], "--lcores", 8) == 0)
			return dps_option_fail(
				&parser->reader,
				"--cores and EAL's %s say the same thing twice: leave out "
				"one of them",
				options->eal[i]);
	return true;
}

static bool check_keys(struct parser *parser)
{
	const struct dps_options *options = parser->reader.options;

	if (options->paths_count > 0)
		return dps_option_fail(&parser->reader, "%s takes no PATH: \"%s\" is one too many",
				       command_names[options->command], options->paths[0]);
	return true;
}

static bool check_command(struct parser *parser)
{
	switch (parser->reader.options->command) {
	case DPS_COMMAND_EXPORT:
		return check_required(parser) && check_both(parser) && check_cores(parser) &&
		       check_stripes(parser) && check_export(parser);
	case DPS_COMMAND_COLLECT:
		return check_required(parser) && check_both(parser) && check_cores(parser) &&
		       check_stripes(parser) && check_collect(parser);
	case DPS_COMMAND_KEYGEN:
	case DPS_COMMAND_FINGERPRINT:
		return check_keys(parser);
	default:
		return true;
	}
}

bool dps_options_parse(struct dps_options *options, int argc, char *const *argv,
		       char error[DPS_OPTIONS_ERROR_BYTES])
{
	struct parser parser = { .reader = { options, error } };

	error[0] = '\0';
	if (!set_defaults(&parser))
		return false;
	split_eal(&parser, argc, argv);
	if (!read_command(&parser))
		return false;
	if (options->command == DPS_COMMAND_HELP || options->command == DPS_COMMAND_VERSION)
		return true;
	options->paths = calloc(parser.words_count, sizeof(*options->paths));
	if (!options->paths)
		return dps_option_fail(&parser.reader, "no memory for the command line");
	if (read_words(&parser) && check_command(&parser))
		return true;
	dps_options_fini(options);
	return false;
}

void dps_options_fini(struct dps_options *options)
{
	free(options->paths);
	options->paths = NULL;
	options->paths_count = 0;
}
