/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/node_snapshot.h"
#include <assert.h>
#include <string.h>

/* Counters are structs of nothing but u64. */
static void add(void *sum, const void *more, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
		uint64_t a, b;

		memcpy(&a, (const char *)sum + at, sizeof(a));
		memcpy(&b, (const char *)more + at, sizeof(b));
		a += b;
		memcpy((char *)sum + at, &a, sizeof(a));
	}
}

static_assert(sizeof(struct dps_engine_counters) % sizeof(uint64_t) == 0, "u64 alone");
static_assert(sizeof(struct dps_port_counters) % sizeof(uint64_t) == 0, "u64 alone");
static_assert(sizeof(struct dps_disk_counters) % sizeof(uint64_t) == 0, "u64 alone");

static void keep_least(struct dps_port_pool *least, const struct dps_port_pool *more)
{
	if (more->free_low < least->free_low)
		*least = *more;
}

void dps_node_snapshot_add(struct dps_lane_snapshot *sum, const struct dps_lane_snapshot *lane)
{
	add(&sum->engine, &lane->engine, sizeof(sum->engine));
	add(&sum->port, &lane->port, sizeof(sum->port));
	add(&sum->disk, &lane->disk, sizeof(sum->disk));
	sum->turns += lane->turns;
	sum->idle_turns += lane->idle_turns;
	dps_lane_cycles_add(&sum->cycles, &lane->cycles);
	sum->metered_packets += lane->metered_packets;
	sum->slots += lane->slots;
	sum->free_slots += lane->free_slots;
	/* How little was left is told of the lane that had least. */
	if (lane->free_slots_low < sum->free_slots_low)
		sum->free_slots_low = lane->free_slots_low;
	for (unsigned int i = 0; i < DPS_PORT_POOLS_COUNT; i++)
		keep_least(&sum->pools[i], &lane->pools[i]);
	sum->is_link_up = sum->is_link_up && lane->is_link_up;
	if (lane->now_ns > sum->now_ns)
		sum->now_ns = lane->now_ns;
}
