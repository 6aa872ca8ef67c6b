/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Astray: packets that come to another lane's queue. What a NIC hashes by is often not to be known;
 * so its peer tries one source port after another until they come right.
 */
#include "engine/state.h"

enum {
	INTERVAL_MS = 10, /* ... and four round trips: what was under way is not held against it */
	ATTEMPTS_MAX = 128, /* of 16 queues the right one is missed once in 4,000 times */
};

void dps_engine_on_astray(struct dps_engine *engine, uint32_t index, uint64_t now_ns)
{
	struct dps_path *path = &engine->paths[index];

	if (path->state < DPS_PATH_PROBING || now_ns < path->astray_at_ns ||
	    path->astray_count == ATTEMPTS_MAX)
		return;
	path->astray_count++;
	path->astray_at_ns =
		now_ns + dps_max_u64(INTERVAL_MS * DPS_NS_PER_MS, 4 * path->rtt.smoothed_ns);
	path->is_astray_owed = path->is_ping_owed = true;
	dps_path_touch(engine, path);
}

bool dps_engine_take_turn(struct dps_engine *engine, uint32_t *remote)
{
	uint32_t index = engine->turn_path;

	if (index == DPS_PATH_NONE)
		return false;
	engine->turn_path = DPS_PATH_NONE;
	*remote = engine->paths[index].config.remote;
	return engine->paths[index].state >= DPS_PATH_PROBING;
}
