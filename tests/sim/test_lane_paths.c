/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths of a lane that come and go: what they hold is given back, and old names are nobody's. */
#include "tests/sim/lane_world.h"

enum {
	ROUNDS = 3 * DPS_SIM_PORT_REMOTES,
};

static void turn(struct lane_world *world, unsigned int ms)
{
	lane_world_turn(world, ms * DPS_NS_PER_MS);
}

static void close_path(struct lane_world *world, uint32_t path)
{
	const struct dps_lane_command close = { .type = DPS_COMMAND_CLOSE_PATH, .path = path };

	assert_true(dps_lane_command(world->lane, &close));
}

/* How many events of a kind wait; all are taken. */
static unsigned int take(struct lane_world *world, uint8_t type, uint32_t path)
{
	struct dps_lane_event event;
	unsigned int count = 0;

	while (dps_lane_take_events(world->lane, &event, 1) == 1)
		count += event.type == type && event.engine.path == path;
	return count;
}

static void close__gives_the_remote_back(void **state)
{
	struct lane_world world;

	(void)state;
	lane_world_create(&world);
	turn(&world, 1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint32_t path = lane_world_reserve(&world);

		lane_world_open_path(&world, path);
		turn(&world, 1);
		close_path(&world, path);
		turn(&world, 1);
		turn(&world, 1);
		assert_int_equal(take(&world, DPS_LANE_PATH_FAILED, path), 0);
	}
	for (unsigned int i = 0; i < DPS_SIM_PORT_REMOTES; i++)
		assert_false(world.ports[0].has_remote[i]);
	lane_world_destroy(&world);
}

static void silence__gives_the_remote_back(void **state)
{
	struct lane_world world;

	(void)state;
	lane_world_create(&world);
	turn(&world, 1);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint32_t path = lane_world_reserve(&world);

		lane_world_open_path(&world, path);
		turn(&world, 1);
		turn(&world, LANE_WORLD_SILENCE_MS + 1);
		assert_int_equal(take(&world, DPS_LANE_ENGINE, path), 1);
		turn(&world, 1);
	}
	for (unsigned int i = 0; i < DPS_SIM_PORT_REMOTES; i++)
		assert_false(world.ports[0].has_remote[i]);
	lane_world_destroy(&world);
}

/* Who has not heard yet that a path is lost closes it, when its place is another's already. */
static void close__of_a_lost_path_leaves_the_next_alone(void **state)
{
	struct lane_world world;
	uint32_t lost, next;

	(void)state;
	lane_world_create(&world);
	turn(&world, 1);
	lost = lane_world_reserve(&world);
	lane_world_open_path(&world, lost);
	turn(&world, 1);
	turn(&world, LANE_WORLD_SILENCE_MS + 1);
	turn(&world, 1);
	next = lane_world_reserve(&world);
	assert_int_not_equal(lost, next);
	close_path(&world, lost);
	lane_world_open_path(&world, next);
	turn(&world, 1);
	assert_int_equal(take(&world, DPS_LANE_PATH_FAILED, next), 0);
	close_path(&world, lost);
	turn(&world, LANE_WORLD_SILENCE_MS + 1);
	assert_int_equal(take(&world, DPS_LANE_ENGINE, next), 1); /* it was open, and is lost */
	lane_world_destroy(&world);
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
