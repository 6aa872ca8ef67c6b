/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/option_table.h"
#include <string.h>

enum {
	HELP_COLUMN = 34,
	HELP_WIDTH = 62,
};

/* Breaks text at spaces, every line but the first indented. */
static void print_wrapped(FILE *file, const char *text)
{
	while (strlen(text) > HELP_WIDTH) {
		size_t cut = HELP_WIDTH;

		while (cut > 0 && text[cut] != ' ')
			cut--;
		if (cut == 0)
			break;
		fprintf(file, "%.*s\n%*s", (int)cut, text, HELP_COLUMN, "");
		text += cut + 1;
	}
	fprintf(file, "%s\n", text);
}

static void print_option(FILE *file, const struct dps_option *option)
{
	char left[64], right[512], letter[8] = "";
	int length;

	if (option->letter)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	length = snprintf(left, sizeof(left), "  %s--%s", letter, option->name);
	if (option->argument)
		snprintf(left + length, sizeof(left) - (size_t)length, " %s", option->argument);
	length = snprintf(right, sizeof(right), "%s", option->help);
	if (option->initial)
		snprintf(right + length, sizeof(right) - (size_t)length, " (default %s)",
			 option->initial);
	fprintf(file, "%-*s", HELP_COLUMN - 1, left);
	if (strlen(left) >= HELP_COLUMN - 1)
		fprintf(file, "\n%*s", HELP_COLUMN - 1, "");
	fputc(' ', file);
	print_wrapped(file, right);
}

static void print_options(FILE *file, const char *title, unsigned int commands)
{
	fprintf(file, "\n%s\n", title);
	for (const struct dps_option *option = dps_option_table; option->name; option++)
		if ((option->commands & DPS_OPTION_BOTH) == commands &&
		    option->kind != DPS_OPTION_LATER)
			print_option(file, option);
}

void dps_options_print_help(FILE *file, enum dps_command of)
{
	fputs("Usage:\n", file);
	if (of != DPS_COMMAND_COLLECT)
		fputs("  dpdk-streamd [EAL ARGS --] export --to ADDR[:PORT] --port PORT [options] "
		      "PATH...\n",
		      file);
	if (of != DPS_COMMAND_EXPORT)
		fputs("  dpdk-streamd [EAL ARGS --] collect --into DIR --control [ADDR]:PORT "
		      "--port PORT [options]\n",
		      file);
	fputs("  dpdk-streamd keygen | fingerprint [--state DIR]\n"
	      "  dpdk-streamd --help | --version\n",
	      file);
	if (of != DPS_COMMAND_COLLECT)
		print_options(file, "Options of export:", DPS_OPTION_EXPORT);
	if (of != DPS_COMMAND_EXPORT)
		print_options(file, "Options of collect:", DPS_OPTION_COLLECT);
	print_options(file, "Options of both:", DPS_OPTION_BOTH);
	if (of != DPS_COMMAND_COLLECT)
		fputs("\nA live source is `-` (standard input), a FIFO as the only PATH, or "
		      "--exec, each "
		      "with --name.\n"
		      "A pipe ends alike for a program that is done and for one that was killed; "
		      "so --exec is\n"
		      "the way to be sure: the exit status of the command counts. Without it a "
		      "pcap "
		      "or pcapng\n"
		      "has to end behind a whole packet, and of other data an end of file is the "
		      "end. What\n"
		      "failed gets no name; what came of it the collector keeps for "
		      "--keep-partial, and says\n"
		      "where. A signal ends --exec's command with SIGTERM and reads it to its end, "
		      "and reads a\n"
		      "pipe no further; what was read is sent and stored within --grace. A second "
		      "signal ends\n"
		      "at once.\n",
		      file);
	fputs("\nUnits: SIZE in bytes, or with K, M, G (1024, 1024^2, 1024^3);\n"
	      "       RATE in bit/s, or with k, M, G (1000, 1000^2, 1000^3);\n"
	      "       TIME with us, ms, s, m, h or d.\n"
	      "Exit status: 0 stored and verified; 1 something was not; 2 usage; 3 peer lost or "
	      "not\n"
	      "       reached; 4 refused by the peer; 130, 143 stopped by a signal.\n",
	      file);
}
