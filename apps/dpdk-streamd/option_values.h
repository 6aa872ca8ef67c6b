/* SPDX-License-Identifier: BSD-3-Clause */
/* Option values: how users write sizes, rates, times and lists; each reader takes whole texts only.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* What each takes, for messages. */
#define DPS_SIZE_FORM "bytes, or a number with K, M or G (1024, 1024^2, 1024^3 bytes), as in 64M"
#define DPS_RATE_FORM                                                                              \
	"bits per second, or a number with k, M or G (1000, 1000^2, 1000^3), as in 9.5G"
#define DPS_TIME_FORM "a number with us, ms, s, m, h or d, as in 30s"

/*
 * Decimals are welcome as long as the result is whole: 1.5K, 2.5G, 0.2ms. False for anything else
 * and for what does not fit.
 */
bool dps_size_parse(const char *text, uint64_t *bytes);
bool dps_rate_parse(const char *text, uint64_t *bits_per_s);
bool dps_time_parse(const char *text, uint64_t *ns);

/* Decimal digits only. */
bool dps_number_parse(const char *text, uint64_t *number);

/* BYTES[:SEED]; seed stays as it is when there is none. */
bool dps_generate_parse(const char *text, uint64_t *bytes, uint64_t *seed);

/* Whether text is a list of CPUs: 2,4-6. */
bool dps_cores_is_valid(const char *text);

/* Whether a file can have this name: no folder, not . or .., 1 to 255 bytes. */
bool dps_file_name_is_valid(const char *text);
