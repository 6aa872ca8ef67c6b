/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Greeting: what the two ends of a connection tell each other first, in 64 bytes: where the
 * packets of its path are to go, and which life of a program this is (docs/protocol.md, 13).
 */
#pragma once
#include "drivers/control/socket.h"
#include <dps/types.h>

enum dps_greeting_sizes {
	DPS_GREETING_BYTES = 64,
	DPS_GREETING_VERSION = 1,
};

/* On the wire, so never renumbered. */
enum dps_greeting_seal {
	DPS_GREETING_CLEAR = 0,
	DPS_GREETING_AES_128_GCM = 1,
};

struct dps_greeting {
	uint64_t instance;	/* of what its sender remembers of the receiver; not 0 */
	uint64_t connection_id; /* that packets to its sender carry */
	struct dps_address address;
	uint32_t payload_bytes; /* of one packet, at most */
	uint8_t seal;		/* enum dps_greeting_seal */
};

void dps_greeting_encode(const struct dps_greeting *greeting, uint8_t bytes[DPS_GREETING_BYTES]);

/* NULL: it is one. Otherwise what is wrong with it, a sentence. */
const char *dps_greeting_decode(struct dps_greeting *greeting,
				const uint8_t bytes[DPS_GREETING_BYTES]);
