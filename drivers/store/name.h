/* SPDX-License-Identifier: BSD-3-Clause */
/* Name: what a file of a transfer is called: bytes with slashes, relative, not always UTF-8. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum dps_name_limits {
	DPS_NAME_BYTES_MAX = 4095, /* PATH_MAX without its NUL */
	DPS_NAME_PART_BYTES_MAX = 255,
	/* Room for dps_name_show() to show any name whole. */
	DPS_NAME_SHOWN_BYTES = 4 * DPS_NAME_BYTES_MAX + 1,
};

/*
 * NULL when a peer may call a file so; otherwise what is wrong with it, to follow the shown name
 * in a sentence ("has an empty part"). Refused: nothing at all, absolute, parts that are empty,
 * `.` or `..`, NUL bytes, too long. Looks at the bytes only. Any thread.
 */
const char *dps_name_refusal(const char *name, size_t name_bytes);

/* Whether name is within (or is) the folder called prefix. Any thread. */
bool dps_name_is_within(const char *name, size_t name_bytes, const char *prefix,
			size_t prefix_bytes);

/*
 * Writes the name for people and terminals into text, always ended: UTF-8 as it is, control
 * characters, backslashes and other bytes as \xNN. Cut to what fits. Returns text. Any thread.
 */
const char *dps_name_show(const char *name, size_t name_bytes, char *text, size_t text_bytes);
