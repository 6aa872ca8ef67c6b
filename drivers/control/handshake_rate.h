/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handshake rate: how often one address may begin a handshake, which costs us two signatures and a
 * key agreement before we know who it is. An address has room for a burst, which comes back with
 * time (the generic cell rate algorithm, ITU-T I.371).
 *
 * Owner: who keeps it. Time is an argument, and does not go back.
 */
#pragma once
#include <stdint.h>

enum dps_handshake_rate_limits {
	DPS_HANDSHAKES_PER_S = 20,
	DPS_HANDSHAKES_BURST = 40,
	DPS_HANDSHAKE_ADDRESSES = 256, /* that are remembered; a full burst for the others */
	DPS_HANDSHAKE_ADDRESS_BYTES = 16,
};

struct dps_handshake_address {
	uint8_t address[DPS_HANDSHAKE_ADDRESS_BYTES];
	uint64_t whole_at_ns; /* when its burst is whole again */
};

struct dps_handshake_rate {
	struct dps_handshake_address addresses[DPS_HANDSHAKE_ADDRESSES];
};

/* Nobody has begun any. */
void dps_handshake_rate_init(struct dps_handshake_rate *rate);

/*
 * Whether the address may begin one now: 0, and it counts. Otherwise the moment, later than now,
 * when it may ask again. When too many addresses are known, the one is forgotten whose burst will
 * be whole first.
 */
uint64_t dps_handshake_rate_take(struct dps_handshake_rate *rate,
				 const uint8_t address[DPS_HANDSHAKE_ADDRESS_BYTES],
				 uint64_t now_ns);
