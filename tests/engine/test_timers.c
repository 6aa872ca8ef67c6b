/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "engine/timers.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>

enum { CAPACITY = 61 };

static uint64_t memory[2 * CAPACITY];

static void set_up(struct dps_timers *timers)
{
	assert_true(dps_timers_bytes(CAPACITY) <= sizeof(memory));
	dps_timers_init(timers, memory, CAPACITY);
}

static void init__nothing_is_due(void **state)
{
	struct dps_timers timers;

	(void)state;
	set_up(&timers);
	assert_true(dps_timers_next_at_ns(&timers) == DPS_NEVER_NS);
	assert_int_equal(dps_timers_take_due(&timers, DPS_NEVER_NS), UINT32_MAX);
}

static void set__moves_and_clears_a_deadline(void **state)
{
	struct dps_timers timers;

	(void)state;
	set_up(&timers);
	dps_timers_set(&timers, 3, 300);
	dps_timers_set(&timers, 1, 100);
	dps_timers_set(&timers, 2, 200);
	assert_int_equal(dps_timers_next_at_ns(&timers), 100);
	dps_timers_set(&timers, 1, 400);
	assert_int_equal(dps_timers_next_at_ns(&timers), 200);
	dps_timers_set(&timers, 2, DPS_NEVER_NS);
	dps_timers_set(&timers, 2, DPS_NEVER_NS);
	assert_int_equal(dps_timers_next_at_ns(&timers), 300);
	dps_timers_set(&timers, 1, 50);
	assert_int_equal(dps_timers_next_at_ns(&timers), 50);
}

static void take_due__takes_the_earliest_once_and_none_early(void **state)
{
	struct dps_timers timers;

	(void)state;
	set_up(&timers);
	dps_timers_set(&timers, 7, 300);
	dps_timers_set(&timers, 8, 100);
	assert_int_equal(dps_timers_take_due(&timers, 99), UINT32_MAX);
	assert_int_equal(dps_timers_take_due(&timers, 300), 8);
	assert_int_equal(dps_timers_take_due(&timers, 300), 7);
	assert_int_equal(dps_timers_take_due(&timers, 300), UINT32_MAX);
	dps_timers_set(&timers, 8, 0); /* may be set again, in the past too */
	assert_int_equal(dps_timers_take_due(&timers, 300), 8);
}

static uint64_t earliest(const uint64_t *model)
{
	uint64_t at_ns = DPS_NEVER_NS;

	for (unsigned int i = 0; i < CAPACITY; i++)
		at_ns = model[i] < at_ns ? model[i] : at_ns;
	return at_ns;
}

static void timers__agree_with_a_search_through_all(void **state)
{
	uint64_t model[CAPACITY], now_ns = 0;
	struct dps_random random;
	struct dps_timers timers;
	unsigned int taken = 0;

	(void)state;
	set_up(&timers);
	for (unsigned int i = 0; i < CAPACITY; i++)
		model[i] = DPS_NEVER_NS;
	dps_random_init(&random, 20260108);
	for (unsigned int i = 0; i < 200000; i++) {
		uint32_t id = (uint32_t)dps_random_below(&random, CAPACITY);

		if (dps_random_chance(&random, 1, 3)) {
			now_ns += dps_random_below(&random, 20);
			id = dps_timers_take_due(&timers, now_ns);
			assert_int_equal(id != UINT32_MAX, earliest(model) <= now_ns);
			if (id != UINT32_MAX) {
				assert_int_equal(model[id], earliest(model));
				model[id] = DPS_NEVER_NS;
				taken++;
			}
		} else {
			model[id] = dps_random_chance(&random, 1, 8)
					    ? DPS_NEVER_NS
					    : now_ns + dps_random_below(&random, 1000);
			dps_timers_set(&timers, id, model[id]);
		}
		assert_int_equal(dps_timers_next_at_ns(&timers), earliest(model));
	}
	assert_true(taken > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__nothing_is_due),
		cmocka_unit_test(set__moves_and_clears_a_deadline),
		cmocka_unit_test(take_due__takes_the_earliest_once_and_none_early),
		cmocka_unit_test(timers__agree_with_a_search_through_all),
	};

	return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
