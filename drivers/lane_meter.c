/* SPDX-License-Identifier: BSD-3-Clause */
/* Lane meter: which stage the time of a turn's steps belongs to. */
#include "drivers/lane_state.h"
#include "drivers/ticks.h"

/* Data, if any came; what comes without is acknowledgements. */
static enum dps_lane_stage stage_of_received(struct dps_lane *lane)
{
	uint64_t packets = dps_engine_data_packets_received(lane->engine);
	bool is_data = packets != lane->metered_data_packets;

	lane->metered_data_packets = packets;
	return is_data ? DPS_STAGE_RX : DPS_STAGE_ACK;
}

/* The last stands for its burst: data go out behind what else there is to say. */
static enum dps_lane_stage stage_of_sent(const struct dps_lane *lane)
{
	return lane->outgoing[lane->outgoing_count - 1].body ? DPS_STAGE_TX : DPS_STAGE_ACK;
}

__attribute__((noinline, cold)) void dps_lane_meter_step(struct dps_lane *lane,
							 enum dps_lane_step step, unsigned int work)
{
	enum dps_lane_stage stage = DPS_STAGE_OTHER;

	if (work == 0)
		return;
	if (step == DPS_LANE_BEGAN)
		stage = dps_lane_meter_between(&lane->meter);
	else if (step == DPS_LANE_RECEIVED)
		stage = stage_of_received(lane);
	else if (step == DPS_LANE_SENT)
		stage = stage_of_sent(lane);
	else if (step != DPS_LANE_COMMANDED)
		stage = DPS_STAGE_DISK;
	dps_lane_meter_book(&lane->meter, stage, dps_ticks_now());
}
