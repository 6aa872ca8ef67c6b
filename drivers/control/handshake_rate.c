/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/handshake_rate.h"
#include <dps/types.h>
#include <string.h>

#define ONE_NS (DPS_NS_PER_S / DPS_HANDSHAKES_PER_S)
#define BURST_NS (DPS_HANDSHAKES_BURST * ONE_NS)

void dps_handshake_rate_init(struct dps_handshake_rate *rate)
{
	memset(rate, 0, sizeof(*rate));
}

/* Its place, or that of the one which is missed least. */
static struct dps_handshake_address *place_of(struct dps_handshake_rate *rate,
					      const uint8_t *address)
{
	struct dps_handshake_address *least = rate->addresses;

	for (unsigned int i = 0; i < DPS_HANDSHAKE_ADDRESSES; i++) {
		struct dps_handshake_address *place = &rate->addresses[i];

		if (memcmp(place->address, address, DPS_HANDSHAKE_ADDRESS_BYTES) == 0)
			return place;
		if (place->whole_at_ns < least->whole_at_ns)
			least = place;
	}
	memcpy(least->address, address, DPS_HANDSHAKE_ADDRESS_BYTES);
	least->whole_at_ns = 0;
	return least;
}

uint64_t dps_handshake_rate_take(struct dps_handshake_rate *rate,
				 const uint8_t address[DPS_HANDSHAKE_ADDRESS_BYTES],
				 uint64_t now_ns)
{
	struct dps_handshake_address *place = place_of(rate, address);
	uint64_t whole_at_ns = place->whole_at_ns > now_ns ? place->whole_at_ns : now_ns;

	if (whole_at_ns + ONE_NS > now_ns + BURST_NS)
		return whole_at_ns + ONE_NS - BURST_NS;
	place->whole_at_ns = whole_at_ns + ONE_NS;
	return 0;
}
