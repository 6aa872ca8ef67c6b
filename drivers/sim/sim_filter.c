/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_filter.h"
#include <dps/assert.h>

static bool is_new_credit(struct dps_sim_drops *drops, unsigned int direction, const uint8_t *body,
			  uint32_t bytes)
{
	struct dps_ack ack;
	bool is_new = false;

	if (dps_ack_decode(body, bytes, &ack) != 0)
		return false;
	for (uint16_t i = 0; i < ack.channels_count; i++) {
		uint64_t *seen = drops->credits[direction];

		DPS_ASSERT(ack.channels[i].channel < DPS_SIM_DROPS_CHANNELS);
		seen += ack.channels[i].channel;
		if (ack.channels[i].credit > *seen) {
			*seen = ack.channels[i].credit;
			is_new = true;
		}
	}
	return is_new;
}

bool dps_sim_drops_filter(void *context, unsigned int direction, uint8_t *bytes, uint32_t length)
{
	struct dps_sim_drops *drops = context;
	struct dps_header header;
	bool is_dropped = false;

	if (dps_header_decode(bytes, length, &header) != 0)
		return false;
	if (drops->next[direction][header.type] > 0) {
		drops->next[direction][header.type]--;
		is_dropped = true;
	} else if (header.type == DPS_PACKET_ACK && drops->loses_new_credit) {
		is_dropped = is_new_credit(drops, direction, bytes + DPS_ENVELOPE_BYTES,
					   header.payload_bytes);
	}
	drops->dropped += is_dropped;
	return is_dropped;
}
