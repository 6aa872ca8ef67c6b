/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/fingerprint.h"
#include "drivers/encoding/encoding.h"
#include <openssl/crypto.h>
#include <openssl/sha.h>
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
	dps_hex_encode(fingerprint->bytes, DPS_FINGERPRINT_BYTES, text + PREFIX_LENGTH);
}

bool dps_fingerprint_parse(struct dps_fingerprint *fingerprint, const char *text, size_t bytes)
{
	char digits[DPS_FINGERPRINT_LENGTH - PREFIX_LENGTH + 1];

	if (bytes != DPS_FINGERPRINT_LENGTH || memcmp(text, PREFIX, PREFIX_LENGTH) != 0)
		return false;
	memcpy(digits, text + PREFIX_LENGTH, sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = '\0';
	return dps_hex_decode(digits, fingerprint->bytes, DPS_FINGERPRINT_BYTES);
}
