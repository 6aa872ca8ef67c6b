/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/grant.h"
#include <string.h>

/* ---- numbers, as users write them everywhere here ---- */

static bool read_number(const char *text, size_t bytes, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < bytes; i++)
		if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(text[i] - '0'), number))
			return false;
	return bytes > 0 && *number > 0;
}

/* Digits and perhaps one of three letters, each for a factor more than the one before. */
static bool read_scaled(const char *text, size_t bytes, const char letters[3], uint64_t factor,
			uint64_t *number)
{
	const char *letter = bytes > 0 ? memchr(letters, text[bytes - 1], 3) : NULL;
	unsigned int factors = letter ? (unsigned int)(letter - letters) + 1 : 0;

	if (!read_number(text, bytes - (letter != NULL), number))
		return false;
	while (factors-- > 0)
		if (__builtin_mul_overflow(*number, factor, number))
			return false;
	return true;
}

/* ---- folders ---- */

static bool is_name(const char *text, size_t bytes)
{
	return bytes > 0 && !(bytes == 1 && text[0] == '.') &&
	       !(bytes == 2 && text[0] == '.' && text[1] == '.');
}

/* Names between single slashes: nothing that leaves the folder it is looked up in. */
static bool is_beneath(const char *text, size_t bytes)
{
	const char *end = text + bytes, *slash;

	while ((slash = memchr(text, '/', (size_t)(end - text)))) {
		if (!is_name(text, (size_t)(slash - text)))
			return false;
		text = slash + 1;
	}
	return is_name(text, (size_t)(end - text));
}

static const char *read_into(struct dps_grant *grant, const char *text, size_t bytes)
{
	if (grant->into[0])
		return "into= is there twice";
	if (bytes >= sizeof(grant->into) || memchr(text, '\0', bytes) || !is_beneath(text, bytes))
		return "into= takes a folder beneath the collector's own, as in lab/probe-3, "
		       "without . and .. and shorter than 256";
	memcpy(grant->into, text, bytes);
	grant->into[bytes] = '\0';
	return NULL;
}

/* ---- options ---- */

static const char *read_rate(struct dps_grant *grant, const char *text, size_t bytes)
{
	if (grant->rate_bits_per_s > 0)
		return "rate= is there twice";
	if (!read_scaled(text, bytes, "kMG", 1000, &grant->rate_bits_per_s) ||
	    grant->rate_bits_per_s < DPS_GRANT_RATE_MIN)
		return "rate= takes bits per second, at least 1M, as in 500M or 2G";
	return NULL;
}

static const char *read_bytes(uint64_t *to, const char *text, size_t bytes, const char *twice)
{
	if (*to > 0)
		return twice;
	if (!read_scaled(text, bytes, "KMG", 1024, to))
		return "bytes= and memory= take a number above 0, or one with K, M or G, as in "
		       "500G";
	return NULL;
}

static const char *read_count(uint64_t *to, const char *text, size_t bytes, const char *twice)
{
	if (*to > 0)
		return twice;
	if (!read_number(text, bytes, to))
		return "files= and transfers= take a number above 0";
	return NULL;
}

/* Steps over a name with its `=`; false when it is another. */
static bool take_name(const char **text, size_t *bytes, const char *name)
{
	size_t length = strlen(name);

	if (*bytes < length || memcmp(*text, name, length) != 0)
		return false;
	*text += length;
	*bytes -= length;
	return true;
}

const char *dps_grant_read_option(struct dps_grant *grant, const char *text, size_t bytes)
{
	if (take_name(&text, &bytes, "into="))
		return read_into(grant, text, bytes);
	if (take_name(&text, &bytes, "rate="))
		return read_rate(grant, text, bytes);
	if (take_name(&text, &bytes, "bytes="))
		return read_bytes(&grant->bytes, text, bytes, "bytes= is there twice");
	if (take_name(&text, &bytes, "memory="))
		return read_bytes(&grant->memory_bytes, text, bytes, "memory= is there twice");
	if (take_name(&text, &bytes, "files="))
		return read_count(&grant->files, text, bytes, "files= is there twice");
	if (take_name(&text, &bytes, "transfers="))
		return read_count(&grant->transfers, text, bytes, "transfers= is there twice");
	return "behind the name only may=, into=, rate=, bytes=, files=, transfers= and memory= "
	       "can stand";
}

/* ---- of two ---- */

bool dps_grant_is_limited(const struct dps_grant *grant)
{
	return grant->into[0] || grant->rate_bits_per_s > 0 || grant->bytes > 0 ||
	       grant->files > 0 || grant->transfers > 0 || grant->memory_bytes > 0;
}

static void lower(uint64_t *limit, uint64_t other)
{
	if (*limit == 0 || (other > 0 && other < *limit))
		*limit = other;
}

bool dps_grant_narrow(struct dps_grant *grant, const struct dps_grant *other)
{
	if (grant->into[0] && other->into[0] && strcmp(grant->into, other->into) != 0)
		return false;
	if (!grant->into[0])
		memcpy(grant->into, other->into, sizeof(grant->into));
	lower(&grant->rate_bits_per_s, other->rate_bits_per_s);
	lower(&grant->bytes, other->bytes);
	lower(&grant->files, other->files);
	lower(&grant->transfers, other->transfers);
	lower(&grant->memory_bytes, other->memory_bytes);
	return true;
}

bool dps_grant_is_equal(const struct dps_grant *one, const struct dps_grant *other)
{
	return strcmp(one->into, other->into) == 0 &&
	       one->rate_bits_per_s == other->rate_bits_per_s && one->bytes == other->bytes &&
	       one->files == other->files && one->transfers == other->transfers &&
	       one->memory_bytes == other->memory_bytes;
}
