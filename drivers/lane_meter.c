/* SPDX-License-Identifier: BSD-3-Clause */
/* Lane meter: which stage the time of a turn's steps belongs to. */
#include "drivers/lane_state.h"
#include "drivers/ticks.h"

/* What carries no data, though it may be padded, is acknowledgements and probes. */
static enum dps_lane_stage stage_of(uint64_t data_packets, uint64_t *metered,
				    enum dps_lane_stage data)
{
	bool is_data = data_packets != *metered;

	*metered = data_packets;
	return is_data ? data : DPS_STAGE_ACK;
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
		stage = stage_of(dps_engine_data_packets_received(lane->engine),
				 &lane->metered_received_packets, DPS_STAGE_RX);
	else if (step == DPS_LANE_SENT)
		stage = stage_of(dps_engine_data_packets_sent(lane->engine),
				 &lane->metered_sent_packets, DPS_STAGE_TX);
	else if (step != DPS_LANE_COMMANDED)
		stage = DPS_STAGE_DISK;
	dps_lane_meter_book(&lane->meter, stage, dps_ticks_now());
}
