/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/fingerprint.h"
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "sha256:"

enum { PREFIX_LENGTH = sizeof(PREFIX) - 1 };

void dps_fingerprint_make(struct dps_fingerprint *fingerprint, const uint8_t *public_key,
			  size_t bytes)
{
	SHA256(public_key, bytes, fingerprint->bytes);
}

bool dps_fingerprint_is_equal(const struct dps_fingerprint *one,
			      const struct dps_fingerprint *other)
{
	return CRYPTO_memcmp(one->bytes, other->bytes, sizeof(one->bytes)) == 0;
}

void dps_fingerprint_format(const struct dps_fingerprint *fingerprint,
			    char text[DPS_FINGERPRINT_TEXT_BYTES])
{
	memcpy(text, PREFIX, sizeof(PREFIX));
	for (unsigned int i = 0; i < DPS_FINGERPRINT_BYTES; i++)
		snprintf(text + PREFIX_LENGTH + (size_t)2 * i, 3, "%02x", fingerprint->bytes[i]);
}

static int digit_of(char letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	letter |= 0x20;
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

bool dps_fingerprint_parse(struct dps_fingerprint *fingerprint, const char *text, size_t bytes)
{
	if (bytes != DPS_FINGERPRINT_LENGTH || memcmp(text, PREFIX, PREFIX_LENGTH) != 0)
		return false;
	for (unsigned int i = 0; i < DPS_FINGERPRINT_BYTES; i++) {
		int high = digit_of(text[PREFIX_LENGTH + 2 * i]);
		int low = digit_of(text[PREFIX_LENGTH + 2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		fingerprint->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
