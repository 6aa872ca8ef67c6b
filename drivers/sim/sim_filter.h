/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim filter: losses on purpose, by what a packet is, for stories. */
#pragma once
#include "drivers/sim/sim_link.h"
#include "engine/wire.h"

enum { DPS_SIM_DROPS_CHANNELS = 64 };

/* Zeroed it loses nothing; the fields may be changed at any time. */
struct dps_sim_drops {
	uint32_t next[2][DPS_PACKET_TYPES_COUNT]; /* by direction and type: loses so many more */
	/* Loses each ACK that says a higher credit of some channel than any before, and so was new.
	 */
	bool loses_new_credit;
	uint64_t credits[2][DPS_SIM_DROPS_CHANNELS]; /* highest seen, by channel number */
	uint64_t dropped;
};

/* For dps_sim_link.filter, with a struct dps_sim_drops as context. */
bool dps_sim_drops_filter(void *drops, unsigned int direction, uint8_t *bytes, uint32_t length);
