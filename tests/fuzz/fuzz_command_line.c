/* SPDX-License-Identifier: BSD-3-Clause */
/* Command line: words that end with a newline, as a shell would hand them over. */
#include "apps/dpdk-streamd/options.h"
#include "tests/fuzz/fuzz.h"
#include <dps/assert.h>
#include <dps/limits.h>
#include <dps/types.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64 };

/* What is promised of options that were taken. */
static void check(const struct dps_options *options, char *const *words, unsigned int count)
{
	if (options->command != DPS_COMMAND_EXPORT && options->command != DPS_COMMAND_COLLECT)
		return;
	DPS_ASSERT(options->port && options->port[0]);
	DPS_ASSERT(options->chunk_bytes >= DPS_PAGE_BYTES &&
		   (options->chunk_bytes & (options->chunk_bytes - 1)) == 0);
	DPS_ASSERT(options->window_bytes > 0 && options->window_bytes <= DPS_OFFSET_MAX);
	DPS_ASSERT(options->ring_bytes >= options->window_bytes + options->chunk_bytes);
	DPS_ASSERT(options->lanes >= 1 && options->stripes >= 1);
	DPS_ASSERT(options->log_levels_count <= DPS_OPTIONS_LOG_LEVELS_MAX);
	DPS_ASSERT(options->peer_keys_count <= DPS_OPTIONS_PEER_KEYS_MAX);
	DPS_ASSERT(options->cc != DPS_CC_FIXED || options->rate_bits_per_s > 0);
	DPS_ASSERT(options->paths_count <= count);
	DPS_ASSERT(options->eal_count <= count);
	for (unsigned int i = 0; i < options->paths_count; i++) {
		bool is_there = false;

		for (unsigned int j = 0; j < count; j++)
			is_there |= options->paths[i] == words[j];
		DPS_ASSERT(is_there);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[DPS_OPTIONS_ERROR_BYTES] = "";
	char *words[WORDS_MAX + 1] = { NULL };
	char program[] = "dpdk-streamd";
	struct dps_options options;
	unsigned int count = 1;
	char *text = malloc(size + 1);

	DPS_ASSERT(text);
	memcpy(text, data, size);
	text[size] = '\0';
	words[0] = program;
	for (char *at = text; count < WORDS_MAX && at < text + size; at += strlen(at) + 1) {
		char *end = strchr(at, '\n');

		if (end)
			*end = '\0';
		words[count++] = at;
	}
	if (dps_options_parse(&options, (int)count, words, error)) {
		check(&options, words, count);
		dps_options_fini(&options);
	} else {
		DPS_ASSERT(error[0] && memchr(error, '\0', sizeof(error)));
	}
	free(text);
	return 0;
}
