/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/impair/options.h"
#include <dps/types.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TIME_NS_MAX (24 * 3600 * DPS_NS_PER_S)

/* Steps over the digits at *text; false when there are none or they pass max. */
static bool read_number(const char **text, uint64_t max, uint64_t *number)
{
	const char *at = *text;

	*number = 0;
	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (*number > (max - digit) / 10)
			return false;
		*number = *number * 10 + digit;
	}
	if (at == *text)
		return false;
	*text = at;
	return true;
}

/* A decimal fraction, exact: no float decides how a run goes. */
static bool read_fraction(const char *text, uint32_t *fraction)
{
	uint32_t unit = DPS_IMPAIR_ALWAYS;
	uint64_t number = 0;

	if (*text != '.' && !read_number(&text, 1, &number))
		return false;
	*fraction = (uint32_t)number * unit;
	if (*text == '.') {
		text++;
		if (*text == '\0')
			return false;
		for (; *text >= '0' && *text <= '9'; text++) {
			unit /= 10;
			if (unit == 0)
				return false;
			*fraction += (uint32_t)(*text - '0') * unit;
		}
	}
	return *text == '\0' && *fraction <= DPS_IMPAIR_ALWAYS;
}

/* Steps over a time. */
static bool read_time(const char **text, uint64_t *time_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "us", DPS_NS_PER_US },    { "ms", DPS_NS_PER_MS },	  { "s", DPS_NS_PER_S },
		{ "m", 60 * DPS_NS_PER_S }, { "h", 3600 * DPS_NS_PER_S },
	};
	uint64_t number;

	if (!read_number(text, TIME_NS_MAX, &number))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t bytes = strspn(*text, "abcdefghijklmnopqrstuvwxyz");

		if (bytes != strlen(units[i].name) || memcmp(*text, units[i].name, bytes) != 0)
			continue;
		if (number > TIME_NS_MAX / units[i].ns)
			return false;
		*time_ns = number * units[i].ns;
		*text += bytes;
		return true;
	}
	return false;
}

static bool read_whole_time(const char *text, uint64_t *time_ns)
{
	return read_time(&text, time_ns) && *text == '\0';
}

static bool read_blackout(const char *text, struct dps_impair_options *options)
{
	return read_time(&text, &options->blackout_start_ns) && *text++ == '+' &&
	       read_whole_time(text, &options->blackout_ns);
}

static bool read_seed(const char *text, uint64_t *seed)
{
	return read_number(&text, UINT64_MAX, seed) && *text == '\0';
}

enum key { LOSS, DUP, REORDER, CORRUPT, DELAY, BLACKOUT, HOLD, SEED, KEYS_COUNT };

static const char *const keys[KEYS_COUNT] = {
	[LOSS] = "loss",   [DUP] = "dup",	    [REORDER] = "reorder", [CORRUPT] = "corrupt",
	[DELAY] = "delay", [BLACKOUT] = "blackout", [HOLD] = "hold",	   [SEED] = "seed",
};

/* NULL when the value is good, else what it should be. */
static const char *read_value(enum key key, const char *value, struct dps_impair_options *options)
{
	static const char fraction[] = "a fraction from 0 to 1 such as 0.01";
	static const char time[] = "a time such as 200us, 5ms, 2s or 1m, at most 24h";

	switch (key) {
	case LOSS:
		return read_fraction(value, &options->loss) ? NULL : fraction;
	case DUP:
		return read_fraction(value, &options->dup) ? NULL : fraction;
	case REORDER:
		return read_fraction(value, &options->reorder) ? NULL : fraction;
	case CORRUPT:
		return read_fraction(value, &options->corrupt) ? NULL : fraction;
	case DELAY:
		return read_whole_time(value, &options->delay_ns) ? NULL : time;
	case BLACKOUT:
		return read_blackout(value, options)
			       ? NULL
			       : "START+LENGTH, two times such as 2s+500ms, each at most 24h";
	case HOLD:
		return read_whole_time(value, &options->hold_ns) ? NULL : time;
	default:
		return read_seed(value, &options->seed) ? NULL : "a whole number below 2^64";
	}
}

static enum key find_key(const char *name)
{
	unsigned int key = 0;

	while (key < KEYS_COUNT && strcmp(keys[key], name) != 0)
		key++;
	return (enum key)key;
}

int dps_impair_parse(const char *text, struct dps_impair_options *options, char *error,
		     size_t error_bytes)
{
	bool is_given[KEYS_COUNT] = { false };

	*options = (struct dps_impair_options){ .seed = 1 };
	for (;;) {
		size_t bytes = strcspn(text, ",");
		char word[64], *value;
		const char *wanted;
		enum key key;

		snprintf(word, sizeof(word), "%.*s", bytes < sizeof(word) ? (int)bytes : 63, text);
		value = strchr(word, '=');
		if (value != NULL)
			*value++ = '\0';
		key = find_key(word);
		if (key == KEYS_COUNT || value == NULL || bytes >= sizeof(word)) {
			snprintf(error, error_bytes,
				 "--impair does not know \"%s\"; write loss=P, dup=P, reorder=P, "
				 "corrupt=P, delay=T, blackout=START+LENGTH, hold=T or seed=N, "
				 "separated by commas",
				 word);
			return -EINVAL;
		}
		if (is_given[key]) {
			snprintf(error, error_bytes, "--impair has %s twice; give it once", word);
			return -EINVAL;
		}
		is_given[key] = true;
		wanted = read_value(key, value, options);
		if (wanted != NULL) {
			snprintf(error, error_bytes, "--impair %s=%s is not %s", word, value,
				 wanted);
			return -EINVAL;
		}
		if (text[bytes] == '\0')
			return 0;
		text += bytes + 1;
	}
}
