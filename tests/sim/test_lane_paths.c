/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths of a lane that come and go: what they hold is given back, and old names are nobody's. */
#include "drivers/lane.h"
#include "drivers/sim/sim_disk.h"
#include "drivers/sim/sim_port.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>

enum {
	ROUNDS = 3 * DPS_SIM_PORT_REMOTES,
	SILENCE_MS = 10,
};

struct world {
	struct dps_sim sim;
	struct dps_sim_link link;
	struct dps_sim_port ports[2];
	struct dps_sim_disk disk;
	struct dps_seal seal;
	struct dps_lane *lane;
};

static void create(struct world *world)
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
		.events = 64,
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

static void destroy(struct world *world)
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

static void turn(struct world *world, unsigned int ms)
{
	assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + ms * DPS_NS_PER_MS));
	dps_lane_turn(world->lane);
}

static uint32_t reserve(struct world *world)
{
	uint64_t id;
	int path = dps_lane_reserve_path(world->lane, &id);

	assert_true(path >= 0);
	return (uint32_t)path;
}

static void open_path(struct world *world, uint32_t path)
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
				.silence_ns = SILENCE_MS * DPS_NS_PER_MS,
			},
			.address = world->ports[1].port.local,
		},
	};

	assert_true(dps_lane_command(world->lane, &open));
}

static void close_path(struct world *world, uint32_t path)
{
	const struct dps_lane_command close = { .type = DPS_COMMAND_CLOSE_PATH, .path = path };

	assert_true(dps_lane_command(world->lane, &close));
}

/* How many events of a kind wait; all are taken. */
static unsigned int take(struct world *world, uint8_t type, uint32_t path)
{
	struct dps_lane_event event;
	unsigned int count = 0;

	while (dps_lane_take_events(world->lane, &event, 1) == 1)
		count += event.type == type && event.engine.path == path;
	return count;
}

static void close__gives_the_remote_back(void **state)
{
	struct world world;

	(void)state;
	create(&world);
	turn(&world, 1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint32_t path = reserve(&world);

		open_path(&world, path);
		turn(&world, 1);
		close_path(&world, path);
		turn(&world, 1);
		turn(&world, 1);
		assert_int_equal(take(&world, DPS_LANE_PATH_FAILED, path), 0);
	}
	for (unsigned int i = 0; i < DPS_SIM_PORT_REMOTES; i++)
		assert_false(world.ports[0].has_remote[i]);
	destroy(&world);
}

static void silence__gives_the_remote_back(void **state)
{
	struct world world;

	(void)state;
	create(&world);
	turn(&world, 1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint32_t path = reserve(&world);

		open_path(&world, path);
		turn(&world, 1);
		turn(&world, SILENCE_MS + 1);
		assert_int_equal(take(&world, DPS_LANE_ENGINE, path), 1);
		turn(&world, 1);
	}
	for (unsigned int i = 0; i < DPS_SIM_PORT_REMOTES; i++)
		assert_false(world.ports[0].has_remote[i]);
	destroy(&world);
}

/* Who has not heard yet that a path is lost closes it, when its place is another's already. */
static void close__of_a_lost_path_leaves_the_next_alone(void **state)
{
	struct world world;
	uint32_t lost, next;

	(void)state;
	create(&world);
	turn(&world, 1);
	lost = reserve(&world);
	open_path(&world, lost);
	turn(&world, 1);
	turn(&world, SILENCE_MS + 1);
	turn(&world, 1);
	next = reserve(&world);
	assert_int_not_equal(lost, next);
	close_path(&world, lost);
	open_path(&world, next);
	turn(&world, 1);
	assert_int_equal(take(&world, DPS_LANE_PATH_FAILED, next), 0);
	close_path(&world, lost);
	turn(&world, SILENCE_MS + 1);
	assert_int_equal(take(&world, DPS_LANE_ENGINE, next), 1); /* it was open, and is lost */
	destroy(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close__gives_the_remote_back),
		cmocka_unit_test(silence__gives_the_remote_back),
		cmocka_unit_test(close__of_a_lost_path_leaves_the_next_alone),
	};

	return cmocka_run_group_tests_name("lane paths", tests, NULL, NULL);
}
