/* SPDX-License-Identifier: BSD-3-Clause */
/* Encoding: bytes as text: hexadecimal and base64 (RFC 4648 section 4), strict when decoding. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes 2 * length lower-case digits and a NUL. */
void dps_hex_encode(const uint8_t *bytes, size_t length, char *text);

/* Whether text is exactly 2 * length digits of either case; fills bytes if so. */
bool dps_hex_decode(const char *text, uint8_t *bytes, size_t length);

/* Characters of length bytes in base64, without the NUL. */
static inline size_t dps_base64_bytes(size_t length)
{
	return (length + 2) / 3 * 4;
}

/* Writes dps_base64_bytes(length) characters and a NUL. */
void dps_base64_encode(const uint8_t *bytes, size_t length, char *text);

/*
 * Decodes length characters into bytes, which has room for length / 4 * 3. Returns how many bytes
 * came out, or -1 for text that dps_base64_encode does not write.
 */
ptrdiff_t dps_base64_decode(const char *text, size_t length, uint8_t *bytes);
