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

void dps_node_snapshot_add(struct dps_lane_snapshot *sum, const struct dps_lane_snapshot *lane)
{
	add(&sum->engine, &lane->engine, sizeof(sum->engine));
	add(&sum->port, &lane->port, sizeof(sum->port));
	add(&sum->disk, &lane->disk, sizeof(sum->disk));
	sum->turns += lane->turns;
	sum->idle_turns += lane->idle_turns;
	sum->free_slots += lane->free_slots;
	sum->is_link_up = sum->is_link_up && lane->is_link_up;
	if (lane->now_ns > sum->now_ns)
		sum->now_ns = lane->now_ns;
}
