/* SPDX-License-Identifier: BSD-3-Clause */
/* Sealed: the seal of one path with keys: AES-GCM, a key for each direction and phase. */
#pragma once
#include "drivers/aead/key_schedule.h"
#include "drivers/seal/seal.h"

struct dps_sealed_config {
	const struct dps_aead *aead;
	enum dps_aead_cipher cipher;
	/* What TLS exported for each direction; borrowed. */
	const uint8_t *send_secret;
	const uint8_t *receive_secret;
};

/*
 * As a seal (dps_sealed_seal): make takes packet numbers that only rise, and needs a room for any
 * body; open needs a place for the payload (which may be where it is). Keys follow the packet
 * number by themselves, in memory that is there from the start; on the way in only packets that
 * were authentic move them, so a forger moves nothing and costs no derivation.
 *
 * After DPS_BAD_SEALS_MAX forged packets it opens nothing any more: far below what AES-GCM bears;
 * the engine has lost the path by then, and a resume has new keys.
 *
 * Owner: the lane of the path, after it was made.
 */
struct dps_sealed;

/* In secret memory of its own. NULL without memory. */
struct dps_sealed *dps_sealed_create(const struct dps_sealed_config *config);

/* Leaves nothing of the keys behind. Nothing for NULL. */
void dps_sealed_destroy(struct dps_sealed *sealed);

/* Lent; its destroy is dps_sealed_destroy. */
struct dps_seal *dps_sealed_seal(struct dps_sealed *sealed);
