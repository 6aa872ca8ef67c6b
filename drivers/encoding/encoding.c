/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/encoding/encoding.h"
#include <string.h>

void dps_hex_encode(const uint8_t *bytes, size_t length, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*text++ = digits[bytes[i] >> 4];
		*text++ = digits[bytes[i] & 15];
	}
	*text = '\0';
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

bool dps_hex_decode(const char *text, uint8_t *bytes, size_t length)
{
	if (strlen(text) != 2 * length)
		return false;
	for (size_t i = 0; i < length; i++) {
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void dps_base64_encode(const uint8_t *bytes, size_t length, char *text)
{
	for (; length > 0; length -= length < 3 ? length : 3, bytes += 3) {
		uint32_t group = (uint32_t)bytes[0] << 16;

		if (length > 1)
			group |= (uint32_t)bytes[1] << 8;
		if (length > 2)
			group |= bytes[2];
		*text++ = base64_digits[group >> 18];
		*text++ = base64_digits[group >> 12 & 63];
		*text++ = length > 1 ? base64_digits[group >> 6 & 63] : '=';
		*text++ = length > 2 ? base64_digits[group & 63] : '=';
	}
	*text = '\0';
}

static int base64_value(char digit)
{
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 26;
	if (digit >= '0' && digit <= '9')
		return digit - '0' + 52;
	return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

/* Decodes four characters of which the last padding ones are '='; false for anything else. */
static bool decode_group(const char *text, unsigned int padding, uint8_t *bytes)
{
	uint32_t group = 0;

	for (unsigned int i = 0; i < 4; i++) {
		int value = i < 4 - padding ? base64_value(text[i]) : 0;

		if (value < 0)
			return false;
		group = group << 6 | (uint32_t)value;
	}
	/* Bits that no byte takes are zero, so that every name has one form. */
	if (group & ((UINT32_C(1) << 8 * padding) - 1))
		return false;
	for (unsigned int i = 0; i < 3 - padding; i++)
		bytes[i] = (uint8_t)(group >> (16 - 8 * i));
	return true;
}

ptrdiff_t dps_base64_decode(const char *text, size_t length, uint8_t *bytes)
{
	uint8_t *to = bytes;

	if (length % 4 != 0)
		return -1;
	for (size_t at = 0; at < length; at += 4) {
		unsigned int padding = 0;

		if (at + 4 == length)
			padding = text[at + 3] != '=' ? 0 : text[at + 2] != '=' ? 1 : 2;
		if (!decode_group(text + at, padding, to))
			return -1;
		to += 3 - padding;
	}
	return to - bytes;
}
