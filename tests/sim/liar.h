/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Liar: a peer that has its keys and says what it likes. Some of what its lane sends is changed
 * and sealed again: data of other places, numbers and channels, credit that it has no memory for,
 * acknowledgements of what did not come or was never sent. Nothing is owed to it; what it must not
 * do is harm anyone else. Its path is left out of what the rig asks of transfers.
 *
 * Owner: the world.
 */
#pragma once
#include "tests/sim/rig.h"

struct liar {
	struct rig *rig;
	unsigned int path;
	unsigned int end; /* of the path, that lies */
	uint32_t one_in;  /* of its packets */
	struct dps_random random;
	uint64_t lies_count;
};

/* From now on one packet in so many of this end is a lie; 0 for none, to compare with. */
void liar_init(struct liar *liar, struct rig *rig, unsigned int path, unsigned int end,
	       uint32_t one_in);

/* A datagram is about to leave; it may be changed. */
void liar_see(struct liar *liar, unsigned int direction, uint8_t *bytes, uint32_t length);
