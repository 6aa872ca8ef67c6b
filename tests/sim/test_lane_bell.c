/* SPDX-License-Identifier: BSD-3-Clause */
/* The bell of a lane: how soon its reader is woken, and for what. */
#include "drivers/lane_state.h"
#include "tests/sim/lane_world.h"

enum { US = 1000 };

static void ring(void *context)
{
	(*(unsigned int *)context)++;
}

static void begin(struct lane_world *world, unsigned int *rings)
{
	lane_world_create(world);
	dps_lane_set_bell(world->lane, ring, rings);
	lane_world_turn(world, DPS_NS_PER_S / 2);
	*rings = 0;
}

/* The reader was woken just now. */
static void begin_woken(struct lane_world *world, unsigned int *rings)
{
	begin(world, rings);
	dps_lane_say(world->lane, &(struct dps_lane_event){ .type = DPS_LANE_LINK });
	lane_world_turn(world, 10 * DPS_NS_PER_MS);
	assert_int_equal(*rings, 1);
}

static void say(struct lane_world *world, uint8_t type)
{
	dps_lane_say(world->lane, &(struct dps_lane_event){ .type = DPS_LANE_ENGINE,
							    .engine = { .type = type } });
}

static void bell__does_not_ring_for_nothing(void **state)
{
	struct lane_world world;
	unsigned int rings = 0;

	(void)state;
	begin(&world, &rings);
	for (unsigned int i = 0; i < 10; i++)
		lane_world_turn(&world, DPS_NS_PER_MS);
	assert_int_equal(rings, 0);
	lane_world_destroy(&world);
}

static void bell__rings_soon_for_what_somebody_may_wait_for(void **state)
{
	struct lane_world world;
	unsigned int rings = 0;

	(void)state;
	begin_woken(&world, &rings);
	say(&world, DPS_EVENT_FILE_DONE);
	lane_world_turn(&world, 150 * US);
	assert_int_equal(rings, 1);
	lane_world_turn(&world, 60 * US);
	assert_int_equal(rings, 2);
	lane_world_destroy(&world);
}

static void bell__rings_for_pieces_in_crowds(void **state)
{
	struct lane_world world;
	unsigned int rings = 0;

	(void)state;
	begin_woken(&world, &rings);
	for (unsigned int i = 0; i < 9; i++) {
		say(&world, DPS_EVENT_PIECE);
		lane_world_turn(&world, 200 * US);
		assert_int_equal(rings, 1);
	}
	/* A lane that sleeps gets up for it. */
	assert_true(dps_lane_next_deadline_ns(world.lane) <= world.sim.now_ns + 200 * US);
	lane_world_turn(&world, 200 * US);
	assert_int_equal(rings, 2);
	lane_world_destroy(&world);
}

static void bell__rings_soon_for_pieces_with_something_else(void **state)
{
	struct lane_world world;
	unsigned int rings = 0;

	(void)state;
	begin_woken(&world, &rings);
	say(&world, DPS_EVENT_FILE_DONE);
	say(&world, DPS_EVENT_PIECE);
	lane_world_turn(&world, 210 * US);
	assert_int_equal(rings, 2);
	/* That one was rung for: pieces alone wait again. */
	say(&world, DPS_EVENT_PIECE);
	lane_world_turn(&world, 210 * US);
	assert_int_equal(rings, 2);
	lane_world_destroy(&world);
}

static void bell__rings_soon_when_the_outbox_fills(void **state)
{
	struct lane_world world;
	struct dps_lane_event event;
	unsigned int rings = 0;

	(void)state;
	begin_woken(&world, &rings);
	while (dps_lane_take_events(world.lane, &event, 1) > 0)
		;
	for (unsigned int i = 0; i < LANE_WORLD_EVENTS / 2 + 1; i++)
		say(&world, DPS_EVENT_PIECE);
	lane_world_turn(&world, 210 * US);
	assert_int_equal(rings, 2);
	lane_world_destroy(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bell__does_not_ring_for_nothing),
		cmocka_unit_test(bell__rings_soon_for_what_somebody_may_wait_for),
		cmocka_unit_test(bell__rings_for_pieces_in_crowds),
		cmocka_unit_test(bell__rings_soon_for_pieces_with_something_else),
		cmocka_unit_test(bell__rings_soon_when_the_outbox_fills),
	};

	return cmocka_run_group_tests_name("lane bell", tests, NULL, NULL);
}
