/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "tests/support/cmocka.h"

static void init__same_seed_gives_the_same_numbers(void **state)
{
	struct dps_random a, b, c;
	unsigned int equal = 0;

	(void)state;
	dps_random_init(&a, 7);
	dps_random_init(&b, 7);
	dps_random_init(&c, 8);
	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t number = dps_random_next(&a);

		assert_int_equal(number, dps_random_next(&b));
		equal += number == dps_random_next(&c);
	}
	assert_int_equal(equal, 0);
}

static void below__stays_below_and_reaches_all(void **state)
{
	struct dps_random random;
	unsigned int seen[7] = { 0 };

	(void)state;
	dps_random_init(&random, 0);
	for (unsigned int i = 0; i < 7000; i++) {
		uint64_t number = dps_random_below(&random, 7);

		assert_in_range(number, 0, 6);
		seen[number]++;
	}
	for (unsigned int i = 0; i < 7; i++)
		assert_in_range(seen[i], 850, 1150);
}

static void chance__is_a_ratio(void **state)
{
	struct dps_random random;
	unsigned int hits = 0;

	(void)state;
	dps_random_init(&random, 1);
	for (unsigned int i = 0; i < 100000; i++)
		hits += dps_random_chance(&random, 1, 100);
	assert_in_range(hits, 850, 1150);
	assert_false(dps_random_chance(&random, 0, 1));
	assert_true(dps_random_chance(&random, 1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__same_seed_gives_the_same_numbers),
		cmocka_unit_test(below__stays_below_and_reaches_all),
		cmocka_unit_test(chance__is_a_ratio),
	};

	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
