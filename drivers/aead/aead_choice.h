/* SPDX-License-Identifier: BSD-3-Clause */
/* AEAD choice: which back end this process uses, found out at its start. */
#pragma once
#include "drivers/aead/aead.h"
#include "drivers/clock.h"

enum { DPS_AEAD_SENTENCE_BYTES = 256 };

/*
 * Every back end that is there gives the known answers or is out; of the others the one that seals
 * large packets fastest, measured for a few milliseconds each. Takes at most 50 ms of the clock.
 * The sentence says what was chosen and why, or what is wrong when it returns NULL: then there is
 * no encryption to be had.
 */
const struct dps_aead *dps_aead_choose(struct dps_clock *clock, enum dps_aead_cipher cipher,
				       char sentence[DPS_AEAD_SENTENCE_BYTES]);

/* The same among those given (NULL ones are left out), for tests. */
const struct dps_aead *dps_aead_choose_of(const struct dps_aead *const *candidates,
					  unsigned int count, struct dps_clock *clock,
					  enum dps_aead_cipher cipher,
					  char sentence[DPS_AEAD_SENTENCE_BYTES]);
