/* SPDX-License-Identifier: BSD-3-Clause */
/* Story: two hosts, one transfer, and helpers to tell what befalls it. */
#pragma once
#include "tests/sim/rig.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_BYTES = 64 << 10,
	WINDOW_BYTES = 1 << 20,
	MTU = 1500,
	SEED = 5,
};

/* A story starts with these and changes what it is about. */
struct setting {
	struct rig_config config;
	struct rig_host_config hosts[2]; /* 0 sends to 1 */
	uint64_t window_bytes;
};

static inline void setting_init(struct setting *setting)
{
	rig_config_init(&setting->config, 1);
	for (unsigned int i = 0; i < 2; i++) {
		setting->config.ways[i].bits_per_s = UINT64_C(1000000000);
		rig_host_config_init(&setting->hosts[i], i, MTU, WINDOW_BYTES, CHUNK_BYTES);
		setting->hosts[i].limits.paths = RIG_PATHS;
		setting->hosts[i].limits.channels = RIG_TRANSFERS;
		setting->hosts[i].limits.extents = 256;
		setting->hosts[i].limits.sent_packets = 1024;
	}
	setting->window_bytes = WINDOW_BYTES;
}

static inline struct rig *begin(const struct setting *setting)
{
	const struct rig_transfer_config transfer = {
		.number = 1,
		.window_bytes = setting->window_bytes,
		.content_seed = SEED,
		.announced_max = 64,
	};
	struct rig *rig = rig_create(&setting->config);

	rig_add_host(rig, &setting->hosts[0]);
	rig_add_host(rig, &setting->hosts[1]);
	rig_add_path(rig, 0, 1);
	rig_add_transfer(rig, &transfer);
	return rig;
}

static inline void add_file(struct rig *rig, uint64_t bytes)
{
	rig_add_file(rig, 0, bytes, bytes, NULL);
}

static inline void end_within(struct rig *rig, uint64_t ms)
{
	rig_run(rig, rig->config.start_ns + ms * DPS_NS_PER_MS);
	rig_finish(rig);
	if (rig->sim.failure[0] != '\0')
		dps_sim_trace_print(&rig->sim.trace, stderr, 60);
	assert_string_equal(rig->sim.failure, "");
}

static inline void counters_of(struct rig *rig, unsigned int host,
			       struct dps_engine_counters *counters)
{
	struct dps_lane_snapshot snapshot;

	dps_lane_read_snapshot(rig->hosts[host].lane, &snapshot);
	*counters = snapshot.engine;
}
