/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/name.h"
#include <dps/assert.h>
#include <stdint.h>
#include <string.h>

static const char *part_refusal(const char *part, size_t part_bytes)
{
	if (part_bytes == 0)
		return "has an empty part";
	if (part_bytes == 1 && part[0] == '.')
		return "has a part that is `.`";
	if (part_bytes == 2 && part[0] == '.' && part[1] == '.')
		return "has a part that is `..`";
	if (part_bytes > DPS_NAME_PART_BYTES_MAX)
		return "has a part longer than 255 bytes";
	return NULL;
}

const char *dps_name_refusal(const char *name, size_t name_bytes)
{
	size_t start = 0;

	if (name_bytes == 0)
		return "is empty";
	if (name_bytes > DPS_NAME_BYTES_MAX)
		return "is longer than 4095 bytes";
	if (memchr(name, '\0', name_bytes) != NULL)
		return "holds a NUL byte";
	if (name[0] == '/')
		return "is absolute";
	for (size_t i = 0; i <= name_bytes; i++) {
		const char *refusal;

		if (i < name_bytes && name[i] != '/')
			continue;
		refusal = part_refusal(name + start, i - start);
		if (refusal != NULL)
			return refusal;
		start = i + 1;
	}
	return NULL;
}

bool dps_name_is_within(const char *name, size_t name_bytes, const char *prefix,
			size_t prefix_bytes)
{
	return name_bytes >= prefix_bytes && memcmp(name, prefix, prefix_bytes) == 0 &&
	       (name_bytes == prefix_bytes || name[prefix_bytes] == '/');
}

/* How many bytes of well-formed UTF-8 (RFC 3629) begin here; 0 when they are not, or control. */
static size_t printable_bytes(const uint8_t *at, size_t bytes)
{
	size_t length = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (at[0] < 0x20 || at[0] == 0x7f || at[0] == '\\')
		return 0;
	if ((at[0] >= 0x80 && at[0] < 0xc2) || at[0] > 0xf4 || length > bytes)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, past U+10FFFF; and the C1 controls, which terminals obey. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] >= 0xa0) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] >= 0x90) ||
	    (at[0] == 0xc2 && at[1] < 0xa0))
		return 0;
	return length;
}

const char *dps_name_show(const char *name, size_t name_bytes, char *text, size_t text_bytes)
{
	static const char digits[] = "0123456789abcdef";
	size_t done = 0;
	size_t i = 0;

	DPS_ASSERT(text_bytes > 0);
	while (i < name_bytes) {
		const uint8_t *at = (const uint8_t *)name + i;
		size_t whole = printable_bytes(at, name_bytes - i);
		size_t needed = whole > 0 ? whole : 4;

		if (needed >= text_bytes - done)
			break;
		if (whole > 0) {
			memcpy(text + done, at, whole);
		} else {
			text[done] = '\\';
			text[done + 1] = 'x';
			text[done + 2] = digits[at[0] >> 4];
			text[done + 3] = digits[at[0] & 15];
		}
		done += needed;
		i += whole > 0 ? whole : 1;
	}
	text[done] = '\0';
	return text;
}
