/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/lane_cycles.h"

void dps_lane_meter_start(struct dps_lane_meter *meter, uint64_t packets, uint64_t ticks)
{
	meter->packets_at = packets;
	meter->read_at = ticks;
	meter->is_on = true;
}

void dps_lane_meter_book(struct dps_lane_meter *meter, enum dps_lane_stage stage, uint64_t ticks)
{
	meter->cycles.spent[stage] += ticks - meter->read_at;
	meter->read_at = ticks;
}

void dps_lane_meter_next(struct dps_lane_meter *meter, uint64_t packets, uint64_t ticks)
{
	if (meter->is_on) {
		dps_lane_meter_book(meter, dps_lane_meter_between(meter), ticks);
		meter->packets += packets - meter->packets_at;
		meter->is_on = false;
	}
	if (++meter->periods % DPS_LANE_METER_PERIODS == 0)
		dps_lane_meter_start(meter, packets, ticks);
}

const char *dps_lane_stage_name(enum dps_lane_stage stage)
{
	static const char *const names[DPS_STAGES_COUNT] = {
		[DPS_STAGE_RX] = "rx",	   [DPS_STAGE_ACK] = "ack",	[DPS_STAGE_TX] = "tx",
		[DPS_STAGE_DISK] = "disk", [DPS_STAGE_OTHER] = "other", [DPS_STAGE_IDLE] = "idle",
	};

	return names[stage];
}

uint64_t dps_lane_cycles_busy(const struct dps_lane_cycles *cycles)
{
	uint64_t busy = 0;

	for (unsigned int i = 0; i < DPS_STAGES_COUNT; i++)
		if (i != DPS_STAGE_IDLE)
			busy += cycles->spent[i];
	return busy;
}

void dps_lane_cycles_add(struct dps_lane_cycles *sum, const struct dps_lane_cycles *more)
{
	for (unsigned int i = 0; i < DPS_STAGES_COUNT; i++)
		sum->spent[i] += more->spent[i];
}

struct dps_lane_cycles dps_lane_cycles_since(const struct dps_lane_cycles *now,
					     const struct dps_lane_cycles *then)
{
	struct dps_lane_cycles since;

	for (unsigned int i = 0; i < DPS_STAGES_COUNT; i++)
		since.spent[i] = now->spent[i] - then->spent[i];
	return since;
}
