/* SPDX-License-Identifier: BSD-3-Clause */
/* AEAD: AES-GCM over packets, by whichever library does it; encrypts while it copies. */
#pragma once
#include <dps/datagram.h>
#include <dps/engine.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_aead_cipher {
	DPS_AEAD_AES_128_GCM,
	DPS_AEAD_AES_256_GCM,
	DPS_AEAD_CIPHERS_COUNT,
};

enum dps_aead_sizes {
	DPS_AEAD_SECRET_BYTES_MAX = 32,
	DPS_AEAD_NONCE_BYTES = 12,
	DPS_AEAD_TAG_BYTES = 16,
	DPS_AEAD_PARTS = 2, /* of a packet: what follows its header in one piece, and its body */
	DPS_AEAD_KEY_MEMORY_BYTES = 1280,
};

/*
 * A key as its back end holds it: expanded, with room for the work on one packet. Belongs in secret
 * memory (secret_memory.h), never on a heap that others may read. One thread at a time.
 */
struct dps_aead_key {
	const struct dps_aead *aead;
	enum dps_aead_cipher cipher;
	alignas(64) uint8_t memory[DPS_AEAD_KEY_MEMORY_BYTES];
};

/* Bytes that are encrypted or decrypted on their way; to equal to from is in place. */
struct dps_aead_part {
	uint8_t *to;
	const uint8_t *from;
	uint32_t bytes; /* 0: there is no such part */
};

/* One packet of a burst. */
struct dps_aead_packet {
	const uint8_t *header; /* authenticated, not encrypted */
	uint32_t header_bytes;
	uint8_t nonce[DPS_AEAD_NONCE_BYTES];
	uint8_t *tag;				    /* written by seal, read by open */
	struct dps_aead_part parts[DPS_AEAD_PARTS]; /* best the first alone */
};

/* A back end. Stateless but for its keys: any thread may use it, each with keys of its own. */
struct dps_aead {
	const char *name;
	/* These three are for dps_aead_key_init, _change and _fini; change takes no memory. */
	int (*init)(struct dps_aead_key *key);
	void (*change)(struct dps_aead_key *key, const uint8_t *secret);
	void (*fini)(struct dps_aead_key *key);
	/* Encrypts every part to its place and writes the tag of each packet of a burst. */
	void (*seal)(struct dps_aead_key *key, struct dps_aead_packet *packets, unsigned int count);
	/*
	 * Decrypts every part to its place, packet after packet up to the first whose tag does not
	 * fit (compared in constant time), and returns how many do. What the parts of that one were
	 * written to means nothing; what is behind it was not touched.
	 */
	unsigned int (*open)(struct dps_aead_key *key, struct dps_aead_packet *packets,
			     unsigned int count);
	/*
	 * As seal and open, for packets as a lane has them, all of the key's phase, nonces made
	 * from its initial vector (key_schedule.h); body becomes room, and what is in head stays
	 * there. NULL, both: they are described and go the other way.
	 */
	void (*seal_burst)(struct dps_aead_key *key, const uint8_t iv[DPS_AEAD_NONCE_BYTES],
			   struct dps_outgoing *outgoing, unsigned int count);
	/* count of them, from number first on */
	unsigned int (*open_run)(struct dps_aead_key *key, const uint8_t iv[DPS_AEAD_NONCE_BYTES],
				 const struct dps_run_placement *run,
				 const struct dps_incoming *incoming, unsigned int first,
				 unsigned int count);
};

/* All the memory that the key will ever need; it is none yet. 0 or -ENOMEM. */
int dps_aead_key_init(struct dps_aead_key *key, const struct dps_aead *aead,
		      enum dps_aead_cipher cipher);

/* Makes it the key of secret (dps_aead_secret_bytes of the cipher), and no more what it was. */
void dps_aead_key_change(struct dps_aead_key *key, const uint8_t *secret);

/* Leaves nothing of the key behind. */
void dps_aead_key_fini(struct dps_aead_key *key);

size_t dps_aead_secret_bytes(enum dps_aead_cipher cipher);

/* "aes-128-gcm", as on the control connection; NULL and false for what is none. */
const char *dps_aead_cipher_name(enum dps_aead_cipher cipher);
bool dps_aead_cipher_from_name(const char *name, enum dps_aead_cipher *cipher);

/* NULL when the processor, or the library, cannot do it. */
const struct dps_aead *dps_aead_ipsec_mb(void);
const struct dps_aead *dps_aead_openssl(void);
