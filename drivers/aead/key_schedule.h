/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Key schedule: from what TLS exports to the key and nonce of a packet (docs/protocol.md, "Keys").
 * A key is of one path, one direction and one phase of it, and so of one epoch; a packet number is
 * used once in that; so no nonce is used twice under a key.
 */
#pragma once
#include "drivers/aead/aead.h"
#include "engine/bits.h"
#include <string.h>

enum dps_key_sizes {
	DPS_KEY_SECRET_BYTES = 32,
	DPS_KEY_CONTEXT_BYTES = 17,
};

/* RFC 5705: begins with EXPERIMENTAL, as it is registered with nobody. */
#define DPS_KEY_EXPORTER_LABEL "EXPERIMENTAL dpdk-stream data"

/* What a direction of a path is known by; both ends have it from the two hellos. */
struct dps_key_context {
	uint64_t epoch;		/* of the exporter's hello */
	uint64_t connection_id; /* that the packets of the direction carry */
	bool is_from_exporter;	/* who sends them */
};

/* The context value of the exporter: epoch, connection id, 1 or 0; big-endian. */
void dps_key_context_encode(const struct dps_key_context *context,
			    uint8_t bytes[DPS_KEY_CONTEXT_BYTES]);

/* The secret of a phase, from which those of later phases follow and those of earlier ones do not.
 * Belongs in secret memory. */
struct dps_phase_secret {
	uint64_t phase;
	uint8_t bytes[DPS_KEY_SECRET_BYTES];
};

/* Phase 0: what TLS exported for the label and the context. */
void dps_phase_secret_init(struct dps_phase_secret *secret,
			   const uint8_t exported[DPS_KEY_SECRET_BYTES]);

/* The next phase; the secret of this one is gone. */
void dps_phase_secret_advance(struct dps_phase_secret *secret);

/* What the packets of one phase are sealed with. */
struct dps_phase_key {
	uint64_t phase;
	bool is_there; /* it was made since init */
	uint8_t iv[DPS_AEAD_NONCE_BYTES];
	struct dps_aead_key key;
};

/* All the memory that the keys made in its place will be kept in. Returns 0 or -ENOMEM. */
int dps_phase_key_init(struct dps_phase_key *key, const struct dps_aead *aead,
		       enum dps_aead_cipher cipher);

/* Makes the key of the secret's phase; the one that was in its place is gone. */
void dps_phase_key_make(struct dps_phase_key *key, const struct dps_phase_secret *secret);

/* Nothing for zeros. */
void dps_phase_key_fini(struct dps_phase_key *key);

/* RFC 8446 section 5.3: the initial vector, and in its last eight bytes the number, by exclusive
 * or.
 */
static inline void dps_phase_key_nonce(const struct dps_phase_key *key, uint64_t packet_number,
				       uint8_t nonce[DPS_AEAD_NONCE_BYTES])
{
	memcpy(nonce, key->iv, 4);
	dps_store_be64(nonce + 4, dps_load_be64(key->iv + 4) ^ packet_number);
}

/*
 * HKDF-Expand-Label (RFC 8446 section 7.1) over SHA-256 with "dps1 " for "tls13 " and an empty
 * context; bytes is at most 32.
 */
void dps_key_expand(const uint8_t secret[DPS_KEY_SECRET_BYTES], const char *label, uint8_t *to,
		    size_t bytes);

/*
 * HKDF-Expand (RFC 5869 section 2.3) over SHA-256, by OpenSSL. That takes memory from the heap for
 * as long as it is at it: a lane does it once in a phase of 2^22 packets. Ends the process when
 * there is none.
 */
void dps_key_hkdf_expand(const uint8_t *secret, size_t secret_bytes, const uint8_t *info,
			 size_t info_bytes, uint8_t *to, size_t bytes);
