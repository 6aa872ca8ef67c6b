/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/option_values.h"
#include <dps/types.h>
#include <limits.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t scale;
};

static const struct unit sizes[] = {
	{ "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { NULL, 0 },
};

static const struct unit rates[] = {
	{ "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 }, { NULL, 0 },
};

static const struct unit times[] = {
	{ "us", DPS_NS_PER_US },
	{ "ms", DPS_NS_PER_MS },
	{ "s", DPS_NS_PER_S },
	{ "m", 60 * DPS_NS_PER_S },
	{ "h", 3600 * DPS_NS_PER_S },
	{ "d", 86400 * DPS_NS_PER_S },
	{ NULL, 0 },
};

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* Reads digits, at least one, and moves text behind them. */
static bool read_digits(const char **text, uint64_t *number)
{
	if (!is_digit(**text))
		return false;
	for (*number = 0; is_digit(**text); ++*text)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(**text - '0'), number))
			return false;
	return true;
}

/* fraction / divisor of scale, when that is whole. A divisor of 10^9 fits with every scale here. */
static bool scale_fraction(uint64_t fraction, uint64_t divisor, uint64_t scale, uint64_t *value)
{
	__extension__ const unsigned __int128 product = (unsigned __int128)fraction * scale;

	*value = (uint64_t)(product / divisor);
	return product % divisor == 0;
}

static bool read_scaled(const char *text, const struct unit *units, uint64_t *value)
{
	uint64_t whole, fraction = 0, divisor = 1;

	if (!read_digits(&text, &whole))
		return false;
	if (*text == '.') {
		text++;
		if (!is_digit(*text))
			return false;
		for (; is_digit(*text); text++) {
			fraction = fraction * 10 + (uint64_t)(*text - '0');
			divisor *= 10;
			if (divisor > 1000000000)
				return false;
		}
	}
	while (units->name && strcmp(units->name, text) != 0)
		units++;
	return units->name && scale_fraction(fraction, divisor, units->scale, &fraction) &&
	       !__builtin_mul_overflow(whole, units->scale, &whole) &&
	       !__builtin_add_overflow(whole, fraction, value);
}

bool dps_size_parse(const char *text, uint64_t *bytes)
{
	return read_scaled(text, sizes, bytes);
}

bool dps_rate_parse(const char *text, uint64_t *bits_per_s)
{
	return read_scaled(text, rates, bits_per_s);
}

bool dps_time_parse(const char *text, uint64_t *ns)
{
	if (strcmp(text, "0") == 0) {
		*ns = 0;
		return true;
	}
	return read_scaled(text, times, ns);
}

bool dps_number_parse(const char *text, uint64_t *number)
{
	return read_digits(&text, number) && *text == '\0';
}

bool dps_generate_parse(const char *text, uint64_t *bytes, uint64_t *seed)
{
	const char *colon = strchr(text, ':');
	char size[32];
	size_t length;

	if (!colon)
		return dps_size_parse(text, bytes);
	length = (size_t)(colon - text);
	if (length >= sizeof(size))
		return false;
	memcpy(size, text, length);
	size[length] = '\0';
	return dps_size_parse(size, bytes) && dps_number_parse(colon + 1, seed);
}

bool dps_cores_is_valid(const char *text)
{
	for (;; text++) {
		uint64_t first, last;

		if (!read_digits(&text, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!read_digits(&text, &last))
				return false;
		}
		if (first > last || last > UINT16_MAX)
			return false;
		if (*text != ',')
			return *text == '\0';
	}
}

bool dps_file_name_is_valid(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length <= NAME_MAX && !strchr(text, '/') && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}
