/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Seals with keys in a world: derived, changed by phase and used as on real lanes, but the cipher
 * is no cipher. It copies, so that who watches the link can read on, and its tag is a hash over
 * key, nonce, header and payload. It remembers every key with every nonce, and none may come twice:
 * across paths, directions, phases, connections, resumes and lives of a host.
 */
#include "drivers/aead/sealed.h"
#include "drivers/digest/digest.h"
#include "tests/sim/rig.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	SECRET_BYTES = 16,
	ROOMS = 64,
	NONCES_FIRST = 1 << 16,
	PHASES_AGAIN = 8, /* what is of a later one has no key at its receiver either */
};

/* Of this run: hashes of key and nonce, in an open table that is at most half full. */
static uint64_t *nonces;
static size_t nonces_room, nonces_count;

/* Whether it was not there before. */
static bool insert(uint64_t hash)
{
	size_t at = hash & (nonces_room - 1);

	while (nonces[at] != 0 && nonces[at] != hash)
		at = (at + 1) & (nonces_room - 1);
	if (nonces[at] == hash)
		return false;
	nonces[at] = hash;
	return true;
}

static void grow(void)
{
	uint64_t *old = nonces;
	size_t old_room = nonces_room;

	nonces_room = old_room ? old_room * 2 : NONCES_FIRST;
	nonces = calloc(nonces_room, sizeof(*nonces));
	DPS_ASSERT(nonces != NULL);
	for (size_t i = 0; i < old_room; i++)
		if (old[i] != 0)
			insert(old[i]);
	free(old);
}

static void use_nonce(const struct dps_aead_key *key, const struct dps_aead_packet *packet)
{
	uint8_t bytes[SECRET_BYTES + DPS_AEAD_NONCE_BYTES];
	bool is_new;

	memcpy(bytes, key->memory, SECRET_BYTES);
	memcpy(bytes + SECRET_BYTES, packet->nonce, DPS_AEAD_NONCE_BYTES);
	if (2 * nonces_count >= nonces_room)
		grow();
	is_new = insert(dps_digest_short_of(bytes, sizeof(bytes)) | 1);
	nonces_count++;
	DPS_ASSERT(is_new && "a nonce is used once under a key");
}

static int init(struct dps_aead_key *key)
{
	(void)key;
	return 0;
}

static void change(struct dps_aead_key *key, const uint8_t *secret)
{
	memcpy(key->memory, secret, SECRET_BYTES);
}

static void fini(struct dps_aead_key *key)
{
	memset(key->memory, 0, SECRET_BYTES);
}

/* Copies the parts, and gives the tag of what was read. */
static struct dps_digest pass(const struct dps_aead_key *key, const struct dps_aead_packet *packet)
{
	static uint8_t
		all[SECRET_BYTES + DPS_AEAD_NONCE_BYTES + DPS_HEADER_BYTES + DPS_PAYLOAD_BYTES_MAX];
	size_t count = 0;

	memcpy(all, key->memory, SECRET_BYTES);
	memcpy(all + SECRET_BYTES, packet->nonce, DPS_AEAD_NONCE_BYTES);
	count = SECRET_BYTES + DPS_AEAD_NONCE_BYTES;
	memcpy(all + count, packet->header, packet->header_bytes);
	count += packet->header_bytes;
	for (unsigned int i = 0; i < DPS_AEAD_PARTS; i++) {
		const struct dps_aead_part *part = &packet->parts[i];

		if (part->bytes == 0)
			continue;
		memcpy(all + count, part->from, part->bytes);
		if (part->to != part->from)
			memcpy(part->to, part->from, part->bytes);
		count += part->bytes;
	}
	DPS_ASSERT(count <= sizeof(all));
	return dps_digest_of(all, count);
}

static void seal(struct dps_aead_key *key, struct dps_aead_packet *packets, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct dps_digest tag;

		use_nonce(key, &packets[i]);
		tag = pass(key, &packets[i]);
		memcpy(packets[i].tag, &tag, DPS_AEAD_TAG_BYTES);
	}
}

static unsigned int open(struct dps_aead_key *key, struct dps_aead_packet *packets,
			 unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct dps_digest tag = pass(key, &packets[i]);

		/* Not the tags: a fuzzer that watches comparisons would learn to forge. */
		if (dps_digest_short_of(packets[i].tag, DPS_AEAD_TAG_BYTES) !=
		    dps_digest_short_of(&tag, DPS_AEAD_TAG_BYTES))
			return i;
	}
	return count;
}

static const struct dps_aead transparent = {
	.name = "transparent",
	.init = init,
	.change = change,
	.fini = fini,
	.seal = seal,
	.open = open,
};

void rig_forget_nonces(void)
{
	free(nonces);
	nonces = NULL;
	nonces_room = nonces_count = 0;
}

size_t rig_nonces_count(void)
{
	return nonces_count;
}

void rig_add_rooms(struct rig_host *host, struct dps_lane_config *lane)
{
	struct dps_port *port = &host->port.port;

	lane->room_bytes = DPS_PAYLOAD_BYTES_MAX;
	lane->rooms_count = ROOMS;
	lane->rooms = port->ops->allocate(port, (size_t)ROOMS * DPS_PAYLOAD_BYTES_MAX);
	DPS_ASSERT(lane->rooms != NULL);
}

/*
 * What TLS would export of this connection. To be harder than it is, every connection of a run
 * exports the same, whoever has it: only the context keeps paths, directions, epochs and lives
 * apart.
 */
static void export_secret(const struct rig *rig, const struct rig_path *path, unsigned int sender,
			  uint8_t secret[DPS_KEY_SECRET_BYTES])
{
	const uint64_t master[4] = { rig->config.seed };
	const struct dps_key_context context = { 1, path->ids[!sender], sender == 0 };
	uint8_t bytes[DPS_KEY_CONTEXT_BYTES];

	dps_key_context_encode(&context, bytes);
	dps_key_hkdf_expand((const uint8_t *)master, sizeof(master), bytes, sizeof(bytes), secret,
			    DPS_KEY_SECRET_BYTES);
}

void rig_seal_again(const struct rig *rig, const struct rig_path *path, unsigned int end,
		    uint8_t *bytes, uint32_t length)
{
	struct dps_aead_packet packet = {
		.header = bytes,
		.header_bytes = DPS_HEADER_BYTES,
		.parts = { { bytes + DPS_ENVELOPE_BYTES, bytes + DPS_ENVELOPE_BYTES,
			     length - DPS_ENVELOPE_BYTES } },
	};
	uint8_t exported[DPS_KEY_SECRET_BYTES];
	struct dps_phase_secret secret;
	struct dps_phase_key key = { 0 };
	struct dps_header header;
	struct dps_digest tag;

	if (!rig->is_sealed || dps_header_decode(bytes, length, &header) != 0 ||
	    dps_wire_key_phase(header.packet_number) > PHASES_AGAIN)
		return;
	export_secret(rig, path, end, exported);
	dps_phase_secret_init(&secret, exported);
	while (secret.phase < dps_wire_key_phase(header.packet_number))
		dps_phase_secret_advance(&secret);
	DPS_ASSERT(dps_phase_key_init(&key, &transparent, DPS_AEAD_AES_128_GCM) == 0);
	dps_phase_key_make(&key, &secret);
	dps_phase_key_nonce(&key, header.packet_number, packet.nonce);
	tag = pass(&key.key, &packet);
	memcpy(bytes + DPS_HEADER_BYTES, &tag, DPS_AEAD_TAG_BYTES);
	dps_phase_key_fini(&key);
}

struct dps_seal *rig_make_seal(const struct rig *rig, const struct rig_path *path, unsigned int end)
{
	uint8_t send_secret[DPS_KEY_SECRET_BYTES], receive_secret[DPS_KEY_SECRET_BYTES];
	struct dps_sealed *sealed;

	if (!rig->is_sealed)
		return NULL;
	export_secret(rig, path, end, send_secret);
	export_secret(rig, path, !end, receive_secret);
	sealed = dps_sealed_create(&(struct dps_sealed_config){
		.aead = &transparent,
		.send_secret = send_secret,
		.receive_secret = receive_secret,
	});
	DPS_ASSERT(sealed != NULL);
	return dps_sealed_seal(sealed);
}
