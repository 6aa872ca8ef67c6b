/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/aead/key_schedule.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

enum {
	INFO_BYTES_MAX = 96,
	LABEL_BYTES_MAX = 32,
};

#define LABEL_PREFIX "dps1 "

void dps_key_context_encode(const struct dps_key_context *context,
			    uint8_t bytes[DPS_KEY_CONTEXT_BYTES])
{
	dps_store_be64(bytes, context->epoch);
	dps_store_be64(bytes + 8, context->connection_id);
	bytes[16] = context->is_from_exporter;
}

/* OpenSSL copies the secret for this long, and clears what it frees. */
static bool derive(EVP_KDF_CTX *context, const uint8_t *secret, size_t secret_bytes,
		   const uint8_t *info, size_t info_bytes, uint8_t *to, size_t bytes)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (uint8_t *)(uintptr_t)secret,
						  secret_bytes),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (uint8_t *)(uintptr_t)info,
						  info_bytes),
		OSSL_PARAM_construct_end(),
	};

	return context && EVP_KDF_derive(context, to, bytes, params) == 1;
}

void dps_key_hkdf_expand(const uint8_t *secret, size_t secret_bytes, const uint8_t *info,
			 size_t info_bytes, uint8_t *to, size_t bytes)
{
	EVP_KDF *kind = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kind);
	bool is_made = derive(context, secret, secret_bytes, info, info_bytes, to, bytes);

	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kind);
	/* For want of memory; with the key before, or none, nothing may leave. */
	DPS_ASSERT(is_made);
}

void dps_key_expand(const uint8_t secret[DPS_KEY_SECRET_BYTES], const char *label, uint8_t *to,
		    size_t bytes)
{
	uint8_t info[INFO_BYTES_MAX];
	size_t prefix_bytes = strlen(LABEL_PREFIX), label_bytes = strlen(label);
	size_t count = 0;

	DPS_ASSERT(label_bytes <= LABEL_BYTES_MAX);
	info[count++] = 0;
	info[count++] = (uint8_t)bytes;
	info[count++] = (uint8_t)(prefix_bytes + label_bytes);
	memcpy(info + count, LABEL_PREFIX, prefix_bytes);
	count += prefix_bytes;
	memcpy(info + count, label, label_bytes);
	count += label_bytes;
	info[count++] = 0; /* no context */
	dps_key_hkdf_expand(secret, DPS_KEY_SECRET_BYTES, info, count, to, bytes);
}

void dps_phase_secret_init(struct dps_phase_secret *secret,
			   const uint8_t exported[DPS_KEY_SECRET_BYTES])
{
	secret->phase = 0;
	memcpy(secret->bytes, exported, sizeof(secret->bytes));
}

void dps_phase_secret_advance(struct dps_phase_secret *secret)
{
	uint8_t next[DPS_KEY_SECRET_BYTES];

	dps_key_expand(secret->bytes, "next", next, sizeof(next));
	memcpy(secret->bytes, next, sizeof(secret->bytes));
	OPENSSL_cleanse(next, sizeof(next));
	secret->phase++;
}

int dps_phase_key_init(struct dps_phase_key *key, const struct dps_aead *aead,
		       enum dps_aead_cipher cipher)
{
	key->is_there = false;
	return dps_aead_key_init(&key->key, aead, cipher);
}

void dps_phase_key_make(struct dps_phase_key *key, const struct dps_phase_secret *secret)
{
	uint8_t bytes[DPS_AEAD_SECRET_BYTES_MAX];

	dps_key_expand(secret->bytes, "key", bytes, dps_aead_secret_bytes(key->key.cipher));
	dps_key_expand(secret->bytes, "iv", key->iv, sizeof(key->iv));
	dps_aead_key_change(&key->key, bytes);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	key->phase = secret->phase;
	key->is_there = true;
}

void dps_phase_key_fini(struct dps_phase_key *key)
{
	if (!key->key.aead)
		return;
	dps_aead_key_fini(&key->key);
	OPENSSL_cleanse(key->iv, sizeof(key->iv));
	key->is_there = false;
}
