/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/lane_cycles.h"
#include "tests/support/cmocka.h"
#include <string.h>

static uint64_t sum(const struct dps_lane_cycles *cycles)
{
	return dps_lane_cycles_busy(cycles) + cycles->spent[DPS_STAGE_IDLE];
}

static void book__gives_each_stage_the_time_since_the_last_reading(void **state)
{
	struct dps_lane_meter meter = { 0 };

	(void)state;
	dps_lane_meter_start(&meter, 0, 1000);
	dps_lane_meter_book(&meter, dps_lane_meter_between(&meter), 1000);
	dps_lane_meter_book(&meter, DPS_STAGE_RX, 1300);
	dps_lane_meter_book(&meter, DPS_STAGE_DISK, 1310);
	dps_lane_meter_book(&meter, DPS_STAGE_ACK, 1350);
	dps_lane_meter_book(&meter, DPS_STAGE_DISK, 1355);
	assert_int_equal(meter.cycles.spent[DPS_STAGE_RX], 300);
	assert_int_equal(meter.cycles.spent[DPS_STAGE_DISK], 15);
	assert_int_equal(meter.cycles.spent[DPS_STAGE_ACK], 40);
	assert_int_equal(sum(&meter.cycles), 355);
}

static void book__of_a_turns_begin_gives_the_time_before_to_what_the_last_one_was(void **state)
{
	struct dps_lane_meter meter = { 0 };

	(void)state;
	dps_lane_meter_start(&meter, 0, 0);
	dps_lane_meter_book(&meter, dps_lane_meter_between(&meter),
			    7); /* before the first turn nothing was done */
	dps_lane_meter_book(&meter, DPS_STAGE_TX, 107);
	meter.had_work = true;
	dps_lane_meter_book(&meter, dps_lane_meter_between(&meter), 120);
	assert_int_equal(meter.cycles.spent[DPS_STAGE_OTHER], 13);
	assert_int_equal(meter.cycles.spent[DPS_STAGE_IDLE], 7);
	/* A turn without work, and what was slept after it, are idle altogether. */
	meter.had_work = false;
	dps_lane_meter_book(&meter, dps_lane_meter_between(&meter), 5120);
	assert_int_equal(meter.cycles.spent[DPS_STAGE_IDLE], 5007);
	assert_int_equal(dps_lane_cycles_busy(&meter.cycles), 113);
	assert_int_equal(sum(&meter.cycles), 5120);
}

static void start__leaves_out_a_pause(void **state)
{
	struct dps_lane_meter meter = { 0 };

	(void)state;
	dps_lane_meter_start(&meter, 0, 0);
	dps_lane_meter_book(&meter, dps_lane_meter_between(&meter), 0);
	dps_lane_meter_book(&meter, DPS_STAGE_TX, 100);
	meter.had_work = true;
	dps_lane_meter_start(&meter, 0, 9000);
	dps_lane_meter_book(&meter, dps_lane_meter_between(&meter), 9010);
	assert_int_equal(sum(&meter.cycles), 110);
	assert_int_equal(meter.cycles.spent[DPS_STAGE_OTHER], 10);
}

/* Any order of stages, counters that wrap on the way: what is booked is what passed. */
static void book__loses_and_invents_nothing(void **state)
{
	struct dps_lane_meter meter = { 0 };
	uint64_t start = UINT64_MAX - 100000, ticks = start, random = 42;

	(void)state;
	dps_lane_meter_start(&meter, 0, ticks);
	for (unsigned int turn = 0; turn < 10000; turn++) {
		unsigned int work = 0;

		random = random * 6364136223846793005u + 1442695040888963407u;
		ticks += random >> 60;
		dps_lane_meter_book(&meter, dps_lane_meter_between(&meter), ticks);
		for (unsigned int stage = 0; stage < DPS_STAGE_IDLE; stage++) {
			if ((random >> (20 + stage) & 3) != 0)
				continue;
			ticks += random >> (30 + stage) & 1023;
			work++;
			dps_lane_meter_book(&meter, stage, ticks);
		}
		meter.had_work = work > 0;
	}
	assert_int_equal(sum(&meter.cycles), ticks - start);
	for (unsigned int stage = 0; stage < DPS_STAGES_COUNT; stage++)
		assert_true(meter.cycles.spent[stage] > 0);
}

static void next__meters_one_period_in_some(void **state)
{
	struct dps_lane_meter meter = { 0 };
	uint64_t ticks = 0, packets = 0;

	(void)state;
	dps_lane_meter_start(&meter, packets, ticks);
	for (unsigned int period = 0; period < 3 * DPS_LANE_METER_PERIODS; period++) {
		assert_int_equal(meter.is_on, period % DPS_LANE_METER_PERIODS == 0);
		ticks += 1000;
		packets += 10;
		if (meter.is_on) {
			dps_lane_meter_book(&meter, DPS_STAGE_RX, ticks);
			meter.had_work = true;
		}
		dps_lane_meter_next(&meter, packets, ticks + 5);
	}
	/* The packets and the time of the same periods. */
	assert_int_equal(meter.packets, 30);
	assert_int_equal(meter.cycles.spent[DPS_STAGE_RX], 3 * 1000 - 2 * 5);
	assert_int_equal(meter.cycles.spent[DPS_STAGE_OTHER], 3 * 5);
	assert_int_equal(sum(&meter.cycles), meter.cycles.spent[DPS_STAGE_RX] + 3 * 5);
}

static void since__and_add__are_stage_by_stage(void **state)
{
	struct dps_lane_cycles then = { { 1, 2, 3, 4, 5, 6 } };
	struct dps_lane_cycles now = { { 11, 22, 33, 44, 55, 66 } };
	struct dps_lane_cycles since = dps_lane_cycles_since(&now, &then);

	(void)state;
	for (unsigned int i = 0; i < DPS_STAGES_COUNT; i++)
		assert_int_equal(since.spent[i], now.spent[i] - then.spent[i]);
	dps_lane_cycles_add(&since, &then);
	assert_memory_equal(&since, &now, sizeof(now));
}

static void stage_name__is_one_of_each(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < DPS_STAGES_COUNT; i++) {
		assert_non_null(dps_lane_stage_name(i));
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(dps_lane_stage_name(i), dps_lane_stage_name(k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(book__gives_each_stage_the_time_since_the_last_reading),
		cmocka_unit_test(
			book__of_a_turns_begin_gives_the_time_before_to_what_the_last_one_was),
		cmocka_unit_test(start__leaves_out_a_pause),
		cmocka_unit_test(book__loses_and_invents_nothing),
		cmocka_unit_test(next__meters_one_period_in_some),
		cmocka_unit_test(since__and_add__are_stage_by_stage),
		cmocka_unit_test(stage_name__is_one_of_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
