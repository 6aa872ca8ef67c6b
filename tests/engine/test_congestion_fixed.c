/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/congestion.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>

#define MS DPS_NS_PER_MS

static void set_up(struct dps_congestion *congestion)
{
	struct dps_congestion_config config = {
		.mode = DPS_CONGESTION_FIXED,
		.rate_bytes_per_s = 1250000000,
		.packet_bytes = 8248,
	};

	dps_congestion_init(congestion, &config, 0);
}

/* News every 10 ms from one moment to another, so many percent of it of losses. */
static void run(struct dps_congestion *congestion, uint64_t from_ms, uint64_t to_ms,
		uint64_t lost_percent)
{
	for (uint64_t ms = from_ms; ms < to_ms; ms += 10) {
		struct dps_congestion_ack ack = {
			.acked_bytes = 1000 * (100 - lost_percent),
			.now_ns = ms * MS,
		};

		if (ack.acked_bytes != 0)
			congestion->ops->on_acked(congestion, &ack);
		if (lost_percent != 0)
			congestion->ops->on_lost(congestion, 1000 * lost_percent, ms * MS, 0,
						 ms * MS);
	}
}

static bool is_broken(const struct dps_congestion *congestion, uint64_t at_ms)
{
	return congestion->ops->is_broken(congestion, at_ms * MS);
}

static void init__has_its_rate_and_no_window(void **state)
{
	struct dps_congestion congestion;

	(void)state;
	set_up(&congestion);
	assert_true(congestion.window_bytes == UINT64_MAX / 2);
	assert_int_equal(congestion.ops->pacing_rate_bytes_per_s(&congestion, 1), 1250000000);
	run(&congestion, 0, 3000, 50);
	congestion.ops->on_persistent(&congestion, 3000 * MS);
	congestion.ops->on_idle(&congestion, 3000 * MS);
	assert_true(congestion.window_bytes == UINT64_MAX / 2);
	assert_int_equal(congestion.ops->pacing_rate_bytes_per_s(&congestion, 1), 1250000000);
}

static void on_lost__counts_an_event_a_round_trip(void **state)
{
	struct dps_congestion congestion;

	(void)state;
	set_up(&congestion);
	congestion.ops->on_lost(&congestion, 8248, 10 * MS, 0, 20 * MS);
	congestion.ops->on_lost(&congestion, 8248, 19 * MS, 0, 25 * MS);
	assert_int_equal(congestion.events_count, 1);
	congestion.ops->on_lost(&congestion, 8248, 21 * MS, 0, 30 * MS);
	assert_int_equal(congestion.events_count, 2);
}

static void is_broken__after_5_s_of_more_than_20_percent(void **state)
{
	struct dps_congestion congestion;

	(void)state;
	set_up(&congestion);
	run(&congestion, 0, 60000, 20);
	assert_false(is_broken(&congestion, 60000));
	run(&congestion, 60000, 64900, 21);
	assert_false(is_broken(&congestion, 64900));
	run(&congestion, 64900, 66100, 21);
	assert_true(is_broken(&congestion, 66100));
}

static void is_broken__when_nothing_comes_through(void **state)
{
	struct dps_congestion congestion;

	(void)state;
	set_up(&congestion);
	run(&congestion, 0, 5600, 100);
	assert_true(is_broken(&congestion, 5600));
}

static void is_broken__not_when_a_good_interval_comes_between(void **state)
{
	struct dps_congestion congestion;

	(void)state;
	set_up(&congestion);
	run(&congestion, 0, 4500, 40);
	run(&congestion, 4500, 5500, 5);
	run(&congestion, 5500, 9500, 40);
	assert_false(is_broken(&congestion, 9500));
}

static void is_broken__not_by_time_that_only_passes(void **state)
{
	struct dps_congestion congestion;

	(void)state;
	set_up(&congestion);
	run(&congestion, 0, 1000, 40);
	assert_false(is_broken(&congestion, 3600000));
	run(&congestion, 3600000, 3601000, 40);
	assert_false(is_broken(&congestion, 3601000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__has_its_rate_and_no_window),
		cmocka_unit_test(on_lost__counts_an_event_a_round_trip),
		cmocka_unit_test(is_broken__after_5_s_of_more_than_20_percent),
		cmocka_unit_test(is_broken__when_nothing_comes_through),
		cmocka_unit_test(is_broken__not_when_a_good_interval_comes_between),
		cmocka_unit_test(is_broken__not_by_time_that_only_passes),
	};

	return cmocka_run_group_tests_name("congestion_fixed", tests, NULL, NULL);
}
