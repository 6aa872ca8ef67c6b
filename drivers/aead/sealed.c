/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/aead/sealed.h"
#include "drivers/aead/secret_memory.h"
#include "engine/wire.h"
#include <dps/assert.h>

enum {
	SEND_KEYS = 2,	  /* of this phase and the next, which is made ahead */
	RECEIVE_KEYS = 3, /* and of the phase before: packets overtake each other */
};

#define FAILURES_MAX (UINT64_C(1) << 36)

struct dps_sealed {
	struct dps_seal seal;
	const struct dps_aead *aead;
	enum dps_aead_cipher cipher;

	struct dps_phase_secret send_secret; /* of the latest key that was made */
	struct dps_phase_key send_keys[SEND_KEYS];
	uint64_t send_phase;
	uint64_t next_number; /* no lower one is ever sealed */

	struct dps_phase_secret receive_secret;
	struct dps_phase_key receive_keys[RECEIVE_KEYS];
	uint64_t receive_phase; /* the highest that an authentic packet was of */
	uint64_t failures;
};

/* The key of the phase after the latest takes the place of one that is over. */
static int make_next(const struct dps_sealed *sealed, struct dps_phase_secret *secret,
		     struct dps_phase_key *keys, unsigned int keys_count)
{
	struct dps_phase_key *key;

	dps_phase_secret_advance(secret);
	key = &keys[secret->phase % keys_count];
	dps_phase_key_fini(key);
	return dps_phase_key_init(key, secret, sealed->aead, sealed->cipher);
}

static struct dps_phase_key *send_key(struct dps_sealed *sealed, uint64_t packet_number)
{
	uint64_t phase = dps_wire_key_phase(packet_number);
	struct dps_phase_key *key;

	/* A number twice would be a nonce twice, which gives the key away. */
	DPS_ASSERT(packet_number >= sealed->next_number);
	sealed->next_number = packet_number + 1;
	while (sealed->send_phase < phase) {
		int made = make_next(sealed, &sealed->send_secret, sealed->send_keys, SEND_KEYS);

		DPS_ASSERT(made == 0); /* out of memory, and nothing may leave unsealed */
		sealed->send_phase++;
	}
	key = &sealed->send_keys[phase % SEND_KEYS];
	DPS_ASSERT(key->is_there && key->phase == phase);
	return key;
}

static const uint8_t *make(struct dps_seal *seal, uint64_t packet_number, uint8_t *head,
			   size_t head_bytes, const uint8_t *body, size_t body_bytes, uint8_t *room)
{
	struct dps_sealed *sealed = seal->key;
	struct dps_phase_key *key = send_key(sealed, packet_number);
	struct dps_aead_packet packet = {
		.key = &key->key,
		.header = head,
		.header_bytes = DPS_HEADER_BYTES,
		.tag = head + DPS_HEADER_BYTES,
		.parts = { { head + DPS_ENVELOPE_BYTES, head + DPS_ENVELOPE_BYTES,
			     (uint32_t)(head_bytes - DPS_ENVELOPE_BYTES) },
			   { room, body, (uint32_t)body_bytes } },
	};

	DPS_ASSERT(head_bytes >= DPS_ENVELOPE_BYTES);
	DPS_ASSERT(body_bytes == 0 || (body && room));
	dps_phase_key_nonce(key, packet_number, packet.nonce);
	sealed->aead->seal(&packet, 1);
	return body_bytes > 0 ? room : NULL;
}

/* NULL for a phase that has no key: long over, or further than an honest sender can be. */
static struct dps_phase_key *receive_key(struct dps_sealed *sealed, uint64_t packet_number)
{
	uint64_t phase = dps_wire_key_phase(packet_number);
	struct dps_phase_key *key = &sealed->receive_keys[phase % RECEIVE_KEYS];

	return key->is_there && key->phase == phase ? key : NULL;
}

/* An authentic packet of the next phase: the key after it takes the place of the oldest. */
static void enter_phase(struct dps_sealed *sealed)
{
	sealed->receive_phase++;
	/* Without memory the phase after this one finds no key, and the path is lost by silence. */
	(void)make_next(sealed, &sealed->receive_secret, sealed->receive_keys, RECEIVE_KEYS);
}

static bool open(struct dps_seal *seal, uint64_t packet_number,
		 const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
		 void *to, const uint8_t *from, size_t bytes)
{
	struct dps_sealed *sealed = seal->key;
	struct dps_phase_key *key = receive_key(sealed, packet_number);
	struct dps_aead_packet packet = {
		.header = header,
		.header_bytes = DPS_HEADER_BYTES,
		.tag = (uint8_t *)(uintptr_t)tag,
		.parts = { { to, from, (uint32_t)bytes } },
	};

	DPS_ASSERT(to || bytes == 0);
	if (!key || sealed->failures >= FAILURES_MAX)
		return false;
	packet.key = &key->key;
	dps_phase_key_nonce(key, packet_number, packet.nonce);
	sealed->aead->open(&packet, 1);
	sealed->failures += !packet.is_good;
	if (packet.is_good && key->phase > sealed->receive_phase)
		enter_phase(sealed);
	return packet.is_good;
}

static void destroy(struct dps_seal *seal)
{
	dps_sealed_destroy(seal->key);
}

struct dps_sealed *dps_sealed_create(const struct dps_sealed_config *config)
{
	struct dps_sealed *sealed = dps_secret_create(sizeof(*sealed));

	if (!sealed)
		return NULL;
	sealed->seal =
		(struct dps_seal){ .make = make, .open = open, .destroy = destroy, .key = sealed };
	sealed->aead = config->aead;
	sealed->cipher = config->cipher;
	dps_phase_secret_init(&sealed->send_secret, config->send_secret);
	dps_phase_secret_init(&sealed->receive_secret, config->receive_secret);
	if (dps_phase_key_init(&sealed->send_keys[0], &sealed->send_secret, config->aead,
			       config->cipher) == 0 &&
	    make_next(sealed, &sealed->send_secret, sealed->send_keys, SEND_KEYS) == 0 &&
	    dps_phase_key_init(&sealed->receive_keys[0], &sealed->receive_secret, config->aead,
			       config->cipher) == 0 &&
	    make_next(sealed, &sealed->receive_secret, sealed->receive_keys, RECEIVE_KEYS) == 0)
		return sealed;
	dps_sealed_destroy(sealed);
	return NULL;
}

void dps_sealed_destroy(struct dps_sealed *sealed)
{
	if (!sealed)
		return;
	for (unsigned int i = 0; i < SEND_KEYS; i++)
		dps_phase_key_fini(&sealed->send_keys[i]);
	for (unsigned int i = 0; i < RECEIVE_KEYS; i++)
		dps_phase_key_fini(&sealed->receive_keys[i]);
	dps_secret_destroy(sealed, sizeof(*sealed));
}

struct dps_seal *dps_sealed_seal(struct dps_sealed *sealed)
{
	return &sealed->seal;
}
