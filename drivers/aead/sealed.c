/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/aead/sealed.h"
#include "drivers/aead/secret_memory.h"
#include "engine/wire.h"
#include <dps/assert.h>

enum {
	SEND_KEYS = 2,	  /* of this phase and the next, which is made ahead */
	RECEIVE_KEYS = 3, /* and of the phase before: packets overtake each other */
	BURST = DPS_EMIT_PACKETS_MAX,
};

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
static void make_next(struct dps_phase_secret *secret, struct dps_phase_key *keys,
		      unsigned int keys_count)
{
	dps_phase_secret_advance(secret);
	dps_phase_key_make(&keys[secret->phase % keys_count], secret);
}

static struct dps_phase_key *send_key(struct dps_sealed *sealed, uint64_t packet_number)
{
	uint64_t phase = dps_wire_key_phase(packet_number);
	struct dps_phase_key *key;

	for (; sealed->send_phase < phase; sealed->send_phase++)
		make_next(&sealed->send_secret, sealed->send_keys, SEND_KEYS);
	key = &sealed->send_keys[phase % SEND_KEYS];
	DPS_ASSERT(key->is_there && key->phase == phase);
	return key;
}

static inline void describe(struct dps_aead_packet *packet, const struct dps_phase_key *key,
			    const struct dps_outgoing *outgoing)
{
	uint8_t *head = outgoing->head, *inside = head + DPS_ENVELOPE_BYTES;
	uint32_t inside_bytes = outgoing->head_bytes - DPS_ENVELOPE_BYTES;
	struct dps_aead_part *part = packet->parts;

	DPS_ASSERT(outgoing->head_bytes >= DPS_ENVELOPE_BYTES);
	DPS_ASSERT(outgoing->room || outgoing->body_bytes == 0);
	packet->header = head;
	packet->header_bytes = DPS_HEADER_BYTES;
	packet->tag = head + DPS_HEADER_BYTES;
	dps_phase_key_nonce(key, outgoing->packet_number, packet->nonce);
	packet->parts[1].bytes = 0;
	/* Most packets have their payload in one piece. */
	if (inside_bytes > 0)
		*part++ = (struct dps_aead_part){ inside, inside, inside_bytes };
	if (inside_bytes == 0 || outgoing->body_bytes > 0)
		*part = (struct dps_aead_part){ outgoing->room, outgoing->body,
						outgoing->body_bytes };
}

static void seal_described(struct dps_sealed *sealed, struct dps_phase_key *key,
			   struct dps_outgoing *outgoing, unsigned int count)
{
	struct dps_aead_packet packets[BURST];

	for (unsigned int i = 0; i < count; i++) {
		describe(&packets[i], key, &outgoing[i]);
		outgoing[i].body = outgoing[i].room;
	}
	sealed->aead->seal(&key->key, packets, count);
}

/*
 * The number after the last. A number twice would be a nonce twice, which gives the key away. Each
 * is looked at by itself, in steps of four since this is of every packet.
 */
static uint64_t check_numbers(const struct dps_outgoing *outgoing, unsigned int count,
			      uint64_t next)
{
	uint64_t last = outgoing[0].packet_number;

	DPS_ASSERT(last >= next);
#pragma GCC unroll 4
	for (unsigned int i = 1; i < count; i++) {
		DPS_ASSERT(outgoing[i].packet_number > last);
		last = outgoing[i].packet_number;
	}
	return last + 1;
}

/* The first of count that are of one phase; returns how many. */
static unsigned int make_phase(struct dps_sealed *sealed, struct dps_outgoing *outgoing,
			       unsigned int count)
{
	struct dps_phase_key *key = send_key(sealed, outgoing->packet_number);
	uint64_t end = dps_wire_first_of_phase(key->phase + 1);

	count = count < BURST ? count : BURST;
	while (outgoing[count - 1].packet_number >= end) /* the first is not */
		count--;
	sealed->next_number = check_numbers(outgoing, count, sealed->next_number);
	if (sealed->aead->seal_burst)
		sealed->aead->seal_burst(&key->key, key->iv, outgoing, count);
	else
		seal_described(sealed, key, outgoing, count);
	return count;
}

static void make(struct dps_seal *seal, struct dps_outgoing *outgoing, unsigned int count)
{
	for (unsigned int done = 0; done < count;)
		done += make_phase(seal->key, outgoing + done, count - done);
}

/* NULL for a phase that has no key: long over, or further than an honest sender can be. */
static struct dps_phase_key *receive_key(struct dps_sealed *sealed, uint64_t packet_number)
{
	uint64_t phase = dps_wire_key_phase(packet_number);
	struct dps_phase_key *key = &sealed->receive_keys[phase % RECEIVE_KEYS];

	return key->is_there && key->phase == phase ? key : NULL;
}

/* So many of a phase were good, up to the first bad one. An authentic packet of the next phase
 * makes the key after it, in the place of the oldest. */
static inline unsigned int note_opened(struct dps_sealed *sealed, const struct dps_phase_key *key,
				       unsigned int good, unsigned int count)
{
	sealed->failures += good < count;
	if (good > 0 && key->phase > sealed->receive_phase) {
		sealed->receive_phase++;
		make_next(&sealed->receive_secret, sealed->receive_keys, RECEIVE_KEYS);
	}
	return good;
}

static inline void describe_received(struct dps_aead_packet *packet,
				     const struct dps_phase_key *key, uint64_t packet_number,
				     const uint8_t *header, const uint8_t *tag, void *to,
				     const uint8_t *from, uint32_t bytes)
{
	packet->header = header;
	packet->header_bytes = DPS_HEADER_BYTES;
	packet->tag = (uint8_t *)(uintptr_t)tag;
	packet->parts[0] = (struct dps_aead_part){ to, from, bytes };
	packet->parts[1].bytes = 0;
	dps_phase_key_nonce(key, packet_number, packet->nonce);
}

static bool open(struct dps_seal *seal, uint64_t packet_number,
		 const uint8_t header[DPS_HEADER_BYTES], const uint8_t tag[DPS_SEAL_BYTES],
		 void *to, const uint8_t *from, size_t bytes)
{
	struct dps_sealed *sealed = seal->key;
	struct dps_phase_key *key = receive_key(sealed, packet_number);
	struct dps_aead_packet packet;

	DPS_ASSERT(to || bytes == 0);
	if (!key || sealed->failures >= DPS_BAD_SEALS_MAX)
		return false;
	describe_received(&packet, key, packet_number, header, tag, to, from, (uint32_t)bytes);
	return note_opened(sealed, key, sealed->aead->open(&key->key, &packet, 1), 1) == 1;
}

static unsigned int open_described(struct dps_sealed *sealed, struct dps_phase_key *key,
				   const struct dps_run_placement *run,
				   const struct dps_incoming *incoming, unsigned int first,
				   unsigned int count)
{
	struct dps_aead_packet packets[DPS_RUN_PACKETS_MAX];
	uint8_t *to = run->to + (size_t)first * run->payload_bytes;

	for (unsigned int i = 0; i < count; i++) {
		const uint8_t *bytes = incoming[first + i].bytes;

		describe_received(&packets[i], key, run->packet_number + first + i,
				  run->headers[first + i], bytes + DPS_HEADER_BYTES, to,
				  bytes + DPS_ENVELOPE_BYTES, run->payload_bytes);
		to += run->payload_bytes;
	}
	return sealed->aead->open(&key->key, packets, count);
}

/* Those of a run from the first on that are of one phase; *count becomes how many these are. */
static unsigned int open_phase(struct dps_sealed *sealed, const struct dps_run_placement *run,
			       const struct dps_incoming *incoming, unsigned int first,
			       unsigned int *count)
{
	uint64_t number = run->packet_number + first, of_phase;
	struct dps_phase_key *key = receive_key(sealed, number);
	unsigned int good;

	if (!key || sealed->failures >= DPS_BAD_SEALS_MAX)
		return 0;
	of_phase = dps_wire_first_of_phase(key->phase + 1) - number;
	*count = run->count - first < of_phase ? run->count - first : (unsigned int)of_phase;
	if (sealed->aead->open_run)
		good = sealed->aead->open_run(&key->key, key->iv, run, incoming, first, *count);
	else
		good = open_described(sealed, key, run, incoming, first, *count);
	return note_opened(sealed, key, good, *count);
}

static unsigned int open_run(struct dps_seal *seal, const struct dps_run_placement *run,
			     const struct dps_incoming *incoming)
{
	unsigned int good = 0, of_phase = 0, opened = 0;

	for (; good < run->count && opened == of_phase; good += opened) {
		of_phase = 1; /* at least, when there is no key */
		opened = open_phase(seal->key, run, incoming, good, &of_phase);
	}
	return good;
}

static void destroy(struct dps_seal *seal)
{
	dps_sealed_destroy(seal->key);
}

static bool init_keys(struct dps_sealed *sealed, struct dps_phase_key *keys,
		      unsigned int keys_count)
{
	for (unsigned int i = 0; i < keys_count; i++)
		if (dps_phase_key_init(&keys[i], sealed->aead, sealed->cipher) < 0)
			return false;
	return true;
}

/* The first two phases: the second is ready ahead. */
static void begin_keys(struct dps_phase_secret *secret, const uint8_t *exported,
		       struct dps_phase_key *keys, unsigned int keys_count)
{
	dps_phase_secret_init(secret, exported);
	dps_phase_key_make(&keys[0], secret);
	make_next(secret, keys, keys_count);
}

struct dps_sealed *dps_sealed_create(const struct dps_sealed_config *config)
{
	struct dps_sealed *sealed = dps_secret_create(sizeof(*sealed));

	if (!sealed)
		return NULL;
	sealed->seal = (struct dps_seal){
		.make = make, .open = open, .open_run = open_run, .destroy = destroy, .key = sealed
	};
	sealed->aead = config->aead;
	sealed->cipher = config->cipher;
	if (!init_keys(sealed, sealed->send_keys, SEND_KEYS) ||
	    !init_keys(sealed, sealed->receive_keys, RECEIVE_KEYS)) {
		dps_sealed_destroy(sealed);
		return NULL;
	}
	begin_keys(&sealed->send_secret, config->send_secret, sealed->send_keys, SEND_KEYS);
	begin_keys(&sealed->receive_secret, config->receive_secret, sealed->receive_keys,
		   RECEIVE_KEYS);
	return sealed;
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
