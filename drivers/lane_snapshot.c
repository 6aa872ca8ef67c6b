/* SPDX-License-Identifier: BSD-3-Clause */
/* Lane snapshot: what a lane shows of itself, and how others read it while it runs. */
#include "drivers/lane_state.h"
#include "drivers/ticks.h"
#include <string.h>

void dps_lane_publish(struct dps_lane *lane)
{
	struct dps_lane_snapshot *snapshot = &lane->snapshot;
	uint64_t words[sizeof(lane->published) / sizeof(lane->published[0])] = { 0 };

	lane->published_at_ns = lane->now_ns;
	dps_engine_read_counters(lane->engine, &snapshot->engine);
	snapshot->port = lane->config.port->counters;
	snapshot->disk = lane->config.disk->counters;
	snapshot->slots = lane->config.limits.slots;
	snapshot->free_slots = dps_engine_free_slots(lane->engine);
	snapshot->free_slots_low = dps_engine_free_slots_low(lane->engine);
	snapshot->cycles = lane->meter.cycles;
	snapshot->metered_packets = lane->meter.packets;
	memcpy(snapshot->pools, lane->config.port->pools, sizeof(snapshot->pools));
	snapshot->now_ns = lane->now_ns;
	snapshot->is_link_up = lane->is_link_up;
	for (uint32_t i = 0; i < lane->config.limits.paths; i++)
		if (dps_engine_read_path(lane->engine, i, &snapshot->path) == 0)
			break;
	for (uint32_t i = 0; i < lane->config.limits.channels; i++)
		if (dps_engine_read_channel(lane->engine, i, &snapshot->channel) == 0)
			break;
	memcpy(words, snapshot, sizeof(*snapshot));
	dps_sequence_change(&lane->published_sequence);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		dps_sequence_put(&lane->published[i], words[i]);
	dps_sequence_done(&lane->published_sequence);
	dps_lane_meter_next(&lane->meter,
			    dps_engine_data_packets_sent(lane->engine) +
				    dps_engine_data_packets_received(lane->engine),
			    dps_ticks_now());
}

void dps_lane_read_snapshot(struct dps_lane *lane, struct dps_lane_snapshot *snapshot)
{
	uint64_t words[sizeof(lane->published) / sizeof(lane->published[0])];
	uint32_t begun;

	do {
		begun = dps_sequence_begin(&lane->published_sequence);
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			words[i] = dps_sequence_get(&lane->published[i]);
	} while (!dps_sequence_is_whole(&lane->published_sequence, begun));
	memcpy(snapshot, words, sizeof(*snapshot));
}
