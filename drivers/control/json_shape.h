/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON shape: refuses JSON that would cost far more memory than its length, before it is parsed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_json_limits {
	DPS_JSON_DEPTH_MAX = 8,
	DPS_JSON_CONTAINERS_MAX = 16384, /* objects and arrays */
	DPS_JSON_VALUES_MAX = 131072,	 /* of any kind, keys not counted */
};

/* Whether the bytes, if they are JSON at all, stay within the limits. */
bool dps_json_is_small(const uint8_t *bytes, size_t length);
