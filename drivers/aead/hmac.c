/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls by which OpenSSL hashes in memory that is given to it; it calls them deprecated. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "drivers/aead/hmac.h"
#include <dps/assert.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <string.h>

enum {
	INNER = 0x36,
	OUTER = 0x5c,
};

_Static_assert(DPS_HMAC_BYTES == SHA256_DIGEST_LENGTH, "it is a hash");

/* One of the two hashes: of the key, padded and masked, and of bytes. */
static void hash(const uint8_t padded[SHA256_CBLOCK], uint8_t mask, const uint8_t *bytes,
		 size_t count, uint8_t to[DPS_HMAC_BYTES])
{
	uint8_t block[SHA256_CBLOCK];
	SHA256_CTX context;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = padded[i] ^ mask;
	SHA256_Init(&context);
	SHA256_Update(&context, block, sizeof(block));
	SHA256_Update(&context, bytes, count);
	SHA256_Final(to, &context);
	OPENSSL_cleanse(block, sizeof(block));
	OPENSSL_cleanse(&context, sizeof(context));
}

void dps_hmac_sha256(const uint8_t *key, size_t key_bytes, const uint8_t *bytes, size_t count,
		     uint8_t to[DPS_HMAC_BYTES])
{
	uint8_t padded[SHA256_CBLOCK] = { 0 }, inner[DPS_HMAC_BYTES];

	DPS_ASSERT(key_bytes <= sizeof(padded));
	memcpy(padded, key, key_bytes);
	hash(padded, INNER, bytes, count, inner);
	hash(padded, OUTER, inner, sizeof(inner), to);
	OPENSSL_cleanse(padded, sizeof(padded));
	OPENSSL_cleanse(inner, sizeof(inner));
}
