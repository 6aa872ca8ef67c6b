/* SPDX-License-Identifier: BSD-3-Clause */
/* AES-GCM by OpenSSL: everywhere, with whatever the processor has. */
#include "drivers/aead/aead.h"
#include <dps/assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

/* A context a direction: one that changes it would expand the key anew for each packet. */
struct contexts {
	EVP_CIPHER_CTX *seal;
	EVP_CIPHER_CTX *open;
};

static struct contexts *contexts_of(struct dps_aead_key *key)
{
	return (struct contexts *)key->memory;
}

static void fini(struct dps_aead_key *key)
{
	/* OpenSSL clears what it frees. */
	EVP_CIPHER_CTX_free(contexts_of(key)->seal);
	EVP_CIPHER_CTX_free(contexts_of(key)->open);
	*contexts_of(key) = (struct contexts){ 0 };
}

static int init(struct dps_aead_key *key)
{
	const EVP_CIPHER *kind =
		key->cipher == DPS_AEAD_AES_128_GCM ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
	struct contexts *contexts = contexts_of(key);

	*contexts = (struct contexts){ EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_new() };
	if (contexts->seal && contexts->open &&
	    EVP_EncryptInit_ex(contexts->seal, kind, NULL, NULL, NULL) == 1 &&
	    EVP_DecryptInit_ex(contexts->open, kind, NULL, NULL, NULL) == 1)
		return 0;
	fini(key);
	return -ENOMEM;
}

/* Into what the contexts have already: with a cipher chosen nothing is taken from the heap. */
static void change(struct dps_aead_key *key, const uint8_t *secret)
{
	const struct contexts *contexts = contexts_of(key);
	int ok = EVP_EncryptInit_ex(contexts->seal, NULL, NULL, secret, NULL) == 1 &&
		 EVP_DecryptInit_ex(contexts->open, NULL, NULL, secret, NULL) == 1;

	DPS_ASSERT(ok);
}

/* With what was set up none of the calls can fail; if one does, nothing may leave. */
static void seal_one(EVP_CIPHER_CTX *context, struct dps_aead_packet *packet)
{
	int bytes, ok;

	ok = EVP_EncryptInit_ex(context, NULL, NULL, NULL, packet->nonce) == 1 &&
	     EVP_EncryptUpdate(context, NULL, &bytes, packet->header, (int)packet->header_bytes) ==
		     1;
	for (unsigned int i = 0; i < DPS_AEAD_PARTS; i++) {
		const struct dps_aead_part *part = &packet->parts[i];

		if (part->bytes > 0)
			ok = ok && EVP_EncryptUpdate(context, part->to, &bytes, part->from,
						     (int)part->bytes) == 1;
	}
	ok = ok && EVP_EncryptFinal_ex(context, packet->tag, &bytes) == 1 &&
	     EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, DPS_AEAD_TAG_BYTES, packet->tag) ==
		     1;
	DPS_ASSERT(ok);
}

static bool open_one(EVP_CIPHER_CTX *context, struct dps_aead_packet *packet)
{
	uint8_t none[DPS_AEAD_TAG_BYTES];
	int bytes, ok;

	ok = EVP_DecryptInit_ex(context, NULL, NULL, NULL, packet->nonce) == 1 &&
	     EVP_DecryptUpdate(context, NULL, &bytes, packet->header, (int)packet->header_bytes) ==
		     1;
	for (unsigned int i = 0; i < DPS_AEAD_PARTS; i++) {
		const struct dps_aead_part *part = &packet->parts[i];

		if (part->bytes > 0)
			ok = ok && EVP_DecryptUpdate(context, part->to, &bytes, part->from,
						     (int)part->bytes) == 1;
	}
	ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, DPS_AEAD_TAG_BYTES,
				       packet->tag) == 1;
	/* It compares in constant time (CRYPTO_memcmp). */
	return ok && EVP_DecryptFinal_ex(context, none, &bytes) == 1;
}

static void seal(struct dps_aead_key *key, struct dps_aead_packet *packets, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		seal_one(contexts_of(key)->seal, &packets[i]);
}

static unsigned int open(struct dps_aead_key *key, struct dps_aead_packet *packets,
			 unsigned int count)
{
	unsigned int i = 0;

	while (i < count && open_one(contexts_of(key)->open, &packets[i]))
		i++;
	return i;
}

static const struct dps_aead openssl = {
	.name = "OpenSSL",
	.init = init,
	.change = change,
	.fini = fini,
	.seal = seal,
	.open = open,
};

const struct dps_aead *dps_aead_openssl(void)
{
	return &openssl;
}
