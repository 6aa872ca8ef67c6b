/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/aead/aead.h"
#include <dps/assert.h>
#include <string.h>

static const char *const names[DPS_AEAD_CIPHERS_COUNT] = {
	[DPS_AEAD_AES_128_GCM] = "aes-128-gcm",
	[DPS_AEAD_AES_256_GCM] = "aes-256-gcm",
};

size_t dps_aead_secret_bytes(enum dps_aead_cipher cipher)
{
	DPS_ASSERT(cipher < DPS_AEAD_CIPHERS_COUNT);
	return cipher == DPS_AEAD_AES_128_GCM ? 16 : 32;
}

int dps_aead_key_init(struct dps_aead_key *key, const struct dps_aead *aead,
		      enum dps_aead_cipher cipher)
{
	key->aead = aead;
	key->cipher = cipher;
	return aead->init(key);
}

void dps_aead_key_change(struct dps_aead_key *key, const uint8_t *secret)
{
	key->aead->change(key, secret);
}

void dps_aead_key_fini(struct dps_aead_key *key)
{
	key->aead->fini(key);
	key->aead = NULL;
}

const char *dps_aead_cipher_name(enum dps_aead_cipher cipher)
{
	return cipher < DPS_AEAD_CIPHERS_COUNT ? names[cipher] : NULL;
}

bool dps_aead_cipher_from_name(const char *name, enum dps_aead_cipher *cipher)
{
	for (unsigned int i = 0; i < DPS_AEAD_CIPHERS_COUNT; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*cipher = (enum dps_aead_cipher)i;
		return true;
	}
	return false;
}
