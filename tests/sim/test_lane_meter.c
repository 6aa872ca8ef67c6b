/* SPDX-License-Identifier: BSD-3-Clause */
/* What a lane books its time to. */
#include "drivers/lane_state.h"
#include "drivers/ticks.h"
#include "tests/sim/lane_world.h"

/* Probes of a path's size are padded, and yet no data. */
static void meter__books_probes_with_acknowledgements(void **state)
{
	struct lane_world world;
	struct dps_lane_snapshot snapshot;

	(void)state;
	lane_world_create(&world);
	lane_world_turn(&world, 0);
	lane_world_open_path(&world, lane_world_reserve(&world));
	for (unsigned int i = 0; i < 100; i++) {
		dps_lane_meter_start(&world.lane->meter, 0,
				     dps_ticks_now()); /* no period is left out */
		lane_world_turn(&world, DPS_NS_PER_MS / 10);
	}
	dps_lane_read_snapshot(world.lane, &snapshot);
	assert_true(snapshot.engine.probes_sent > 0);
	assert_true(snapshot.cycles.spent[DPS_STAGE_ACK] > 0);
	assert_int_equal(snapshot.cycles.spent[DPS_STAGE_TX], 0);
	assert_int_equal(snapshot.cycles.spent[DPS_STAGE_RX], 0);
	lane_world_destroy(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(meter__books_probes_with_acknowledgements),
	};

	return cmocka_run_group_tests_name("lane meter", tests, NULL, NULL);
}
