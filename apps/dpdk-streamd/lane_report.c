/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/lane_report.h"

static uint32_t count_of(const struct dps_node *node)
{
	uint32_t count = dps_node_lanes_count(node);

	return count < DPS_LANE_REPORT_MAX ? count : DPS_LANE_REPORT_MAX;
}

void dps_lane_marks_set(struct dps_lane_marks *marks, struct dps_node *node)
{
	struct dps_lane_snapshot snapshot;

	for (uint32_t i = 0; i < count_of(node); i++) {
		dps_node_read_lane(node, i, &snapshot);
		marks->lanes[i].cycles = snapshot.cycles;
		marks->lanes[i].packets = snapshot.metered_packets;
	}
}

static void fill_pools(struct dps_report_lane *lane, const struct dps_lane_snapshot *snapshot)
{
	static const char *const names[DPS_PORT_POOLS_COUNT] = {
		[DPS_PORT_POOL_RX] = "rx",
		[DPS_PORT_POOL_HEAD] = "head",
		[DPS_PORT_POOL_BODY] = "body",
	};

	lane->pools[0] = (struct dps_report_pool){
		.name = "slots",
		.count = snapshot->slots,
		.free_low = snapshot->free_slots_low,
	};
	lane->pools_count = 1;
	for (unsigned int i = 0; i < DPS_PORT_POOLS_COUNT; i++)
		if (snapshot->pools[i].count > 0)
			lane->pools[lane->pools_count++] = (struct dps_report_pool){
				.name = names[i],
				.count = snapshot->pools[i].count,
				.free_low = snapshot->pools[i].free_low,
			};
}

struct dps_report_lanes dps_lane_report(struct dps_node *node, const struct dps_lane_marks *since,
					struct dps_report_lane items[DPS_LANE_REPORT_MAX])
{
	struct dps_lane_snapshot snapshot;
	uint32_t count = count_of(node);

	for (uint32_t i = 0; i < count; i++) {
		dps_node_read_lane(node, i, &snapshot);
		items[i].cycles = dps_lane_cycles_since(&snapshot.cycles, &since->lanes[i].cycles);
		items[i].packets = snapshot.metered_packets - since->lanes[i].packets;
		fill_pools(&items[i], &snapshot);
	}
	return (struct dps_report_lanes){ .items = items, .count = count };
}
