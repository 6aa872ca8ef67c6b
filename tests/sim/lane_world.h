/* SPDX-License-Identifier: BSD-3-Clause */
/* Lane world: one lane on a simulated link, with a disk; nobody is at the other end. */
#pragma once
#include "drivers/lane.h"
#include "drivers/sim/sim_disk.h"
#include "drivers/sim/sim_port.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>

enum {
	LANE_WORLD_EVENTS = 64,
	LANE_WORLD_SILENCE_MS = 10, /* of a path, until it is lost */
};

struct lane_world {
	struct dps_sim sim;
	struct dps_sim_link link;
	struct dps_sim_port ports[2];
	struct dps_sim_disk disk;
	struct dps_seal seal;
	struct dps_lane *lane;
};

static inline void lane_world_create(struct lane_world *world)
{
	const struct dps_sim_way_config way = { .delay_ns = DPS_NS_PER_MS };
	const char *names[2] = { "way 0>1", "way 1>0" };
	struct dps_lane_config config = {
		.port = &world->ports[0].port,
		.disk = &world->disk.disk,
		.clock = &world->sim.clock,
		.seal = &world->seal,
		.seed = 1,
		.commands = 16,
		.events = LANE_WORLD_EVENTS,
	};

	dps_limits_init(&config.limits, 1 << 20, 1 << 16);
	config.limits.paths = 1;
	dps_sim_init(&world->sim, 1, DPS_NS_PER_S);
	dps_sim_link_init(&world->link, &world->sim, &way, names);
	dps_sim_port_open(&world->ports[0], &world->link, 0, "port 0", &dps_sim_port_plain);
	dps_sim_port_open(&world->ports[1], &world->link, 1, "port 1", &dps_sim_port_plain);
	dps_sim_disk_open(&world->disk, &world->sim, "disk", &dps_sim_disk_plain);
	dps_seal_init_clear(&world->seal);
	config.slots = world->ports[0].port.ops->allocate(
		&world->ports[0].port, (size_t)config.limits.slots * config.limits.chunk_bytes);
	world->lane = dps_lane_create(&config);
	assert_non_null(world->lane);
}

static inline void lane_world_destroy(struct lane_world *world)
{
	assert_string_equal(world->sim.failure, "");
	world->disk.disk.ops->close(&world->disk.disk);
	for (unsigned int i = 0; i < 2; i++)
		world->ports[i].port.ops->close(&world->ports[i].port);
	dps_lane_destroy(world->lane);
	dps_sim_link_fini(&world->link);
	dps_sim_fini(&world->sim);
	dps_sim_disk_fini(&world->disk);
}

/* Time passes, and the lane has a turn. */
static inline void lane_world_turn(struct lane_world *world, uint64_t after_ns)
{
	assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + after_ns));
	dps_lane_turn(world->lane);
}

static inline uint32_t lane_world_reserve(struct lane_world *world)
{
	uint64_t id;
	int path = dps_lane_reserve_path(world->lane, &id);

	assert_true(path >= 0);
	return (uint32_t)path;
}

static inline void lane_world_open_path(struct lane_world *world, uint32_t path)
{
	const struct dps_lane_command open = {
		.type = DPS_COMMAND_OPEN_PATH,
		.path = path,
		.open_path = {
			.config = {
				.remote_connection_id = 1,
				.datagram_bytes = 1472,
				.rate_bytes_per_s = UINT64_MAX,
				.probe_floor_ns = DPS_NS_PER_MS,
				.silence_ns = LANE_WORLD_SILENCE_MS * DPS_NS_PER_MS,
			},
			.address = world->ports[1].port.local,
		},
	};

	assert_true(dps_lane_command(world->lane, &open));
}
