/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/noting_aead.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

struct use {
	uint8_t secret[16];
	uint8_t nonce[DPS_AEAD_NONCE_BYTES];
};

static struct use uses[NOTING_USES_MAX];
static unsigned int uses_count;
static unsigned int keys_count; /* not given back yet */
static unsigned int changes_count;

enum { SECRET_AT = 512 }; /* behind what the real one keeps in the key's memory */

static int note_init(struct dps_aead_key *key)
{
	keys_count++;
	return dps_aead_openssl()->init(key);
}

static void note_change(struct dps_aead_key *key, const uint8_t *secret)
{
	changes_count++;
	memcpy(key->memory + SECRET_AT, secret, 16);
	dps_aead_openssl()->change(key, secret);
}

static void note_fini(struct dps_aead_key *key)
{
	keys_count--;
	dps_aead_openssl()->fini(key);
}

static void note_seal(struct dps_aead_key *key, struct dps_aead_packet *packets, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct use *use = &uses[uses_count++];

		assert_true(uses_count <= NOTING_USES_MAX);
		memcpy(use->secret, key->memory + SECRET_AT, sizeof(use->secret));
		memcpy(use->nonce, packets[i].nonce, sizeof(use->nonce));
	}
	dps_aead_openssl()->seal(key, packets, count);
}

static unsigned int note_open(struct dps_aead_key *key, struct dps_aead_packet *packets,
			      unsigned int count)
{
	return dps_aead_openssl()->open(key, packets, count);
}

const struct dps_aead noting = {
	.name = "noting",
	.init = note_init,
	.change = note_change,
	.fini = note_fini,
	.seal = note_seal,
	.open = note_open,
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct use));
}

void noting_assert_no_nonce_twice(void)
{
	qsort(uses, uses_count, sizeof(uses[0]), compare);
	for (unsigned int i = 1; i < uses_count; i++)
		assert_memory_not_equal(&uses[i - 1], &uses[i], sizeof(uses[0]));
}

int noting_begin(void **state)
{
	(void)state;
	uses_count = keys_count = changes_count = 0;
	return 0;
}

int noting_end(void **state)
{
	(void)state;
	return keys_count == 0 ? 0 : -1;
}

unsigned int noting_uses(void)
{
	return uses_count;
}

unsigned int noting_keys(void)
{
	return keys_count;
}

unsigned int noting_changes(void)
{
	return changes_count;
}

void sealed_ends_open(struct sealed_ends *ends, const struct dps_aead *aead, uint8_t seed)
{
	const uint8_t forth[DPS_KEY_SECRET_BYTES] = { seed, 1 };
	const uint8_t back[DPS_KEY_SECRET_BYTES] = { seed, 2 };

	ends->one = dps_sealed_create(&(struct dps_sealed_config){
		.aead = aead, .send_secret = forth, .receive_secret = back });
	ends->other = dps_sealed_create(&(struct dps_sealed_config){
		.aead = aead, .send_secret = back, .receive_secret = forth });
	assert_non_null(ends->one);
	assert_non_null(ends->other);
	ends->a = dps_sealed_seal(ends->one);
	ends->b = dps_sealed_seal(ends->other);
}

void sealed_ends_close(struct sealed_ends *ends)
{
	dps_sealed_destroy(ends->one);
	dps_sealed_destroy(ends->other);
}
