/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <dps/backoff.h>

#define MS DPS_NS_PER_MS
#define CAP (5 * DPS_NS_PER_S)
#define STABLE (30 * DPS_NS_PER_S)

/* One failure at now; the wait it costs. */
static uint64_t fail_at(struct dps_backoff *backoff, uint64_t now_ns)
{
	dps_backoff_on_failure(backoff, now_ns);
	return dps_backoff_next_at_ns(backoff) - now_ns;
}

static void assert_wait(uint64_t wait_ns, uint64_t low_ns, uint64_t high_ns)
{
	assert_in_range(wait_ns, low_ns, high_ns);
}

static void init__the_first_try_is_at_once(void **state)
{
	struct dps_backoff backoff;

	(void)state;
	dps_backoff_init(&backoff, CAP, STABLE, 1);
	assert_int_equal(dps_backoff_next_at_ns(&backoff), 0);
}

static void init__a_cap_below_the_floor_is_the_floor(void **state)
{
	struct dps_backoff backoff;

	(void)state;
	dps_backoff_init(&backoff, 0, STABLE, 1);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(fail_at(&backoff, i), DPS_BACKOFF_FLOOR_NS);
}

static void on_failure__steps_are_fibonacci_up_to_the_cap(void **state)
{
	static const uint64_t steps_ms[] = { 100,  100,	 200,  300,  500,  800, 1300,
					     2100, 3400, 5000, 5000, 5000, 5000 };

	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct dps_backoff backoff;
		uint64_t now_ns = seed;

		dps_backoff_init(&backoff, CAP, STABLE, seed);
		for (unsigned int i = 0; i < sizeof(steps_ms) / sizeof(*steps_ms); i++) {
			uint64_t low_ns = steps_ms[i] * MS * 3 / 4;
			uint64_t high_ns = steps_ms[i] * MS * 5 / 4;

			assert_wait(fail_at(&backoff, now_ns),
				    low_ns < 100 * MS ? 100 * MS : low_ns,
				    high_ns > CAP ? CAP : high_ns);
			now_ns = dps_backoff_next_at_ns(&backoff);
		}
	}
}

/* Every part of the range is drawn, at the cap too: those who wait together spread out. */
static void on_failure__the_jitter_fills_its_range(void **state)
{
	unsigned int in_tenth[10] = { 0 };
	uint64_t low_ns = CAP / 4 * 3;
	struct dps_backoff backoff;

	(void)state;
	dps_backoff_init(&backoff, CAP, STABLE, 1);
	for (unsigned int i = 0; i < 12; i++)
		fail_at(&backoff, 0);
	for (unsigned int i = 0; i < 1000; i++)
		in_tenth[(fail_at(&backoff, 0) - low_ns) * 10 / (CAP - low_ns + 1)]++;
	for (unsigned int i = 0; i < 10; i++)
		assert_in_range(in_tenth[i], 60, 140);
}

static void on_failure__the_same_seed_gives_the_same_waits(void **state)
{
	struct dps_backoff one, same, other;
	unsigned int differ_count = 0;

	(void)state;
	dps_backoff_init(&one, CAP, STABLE, 7);
	dps_backoff_init(&same, CAP, STABLE, 7);
	dps_backoff_init(&other, CAP, STABLE, 8);
	for (unsigned int i = 0; i < 20; i++) {
		uint64_t wait_ns = fail_at(&one, i);

		assert_int_equal(fail_at(&same, i), wait_ns);
		differ_count += fail_at(&other, i) != wait_ns;
	}
	assert_true(differ_count > 15);
}

static void on_failure__after_a_stable_time_it_starts_again(void **state)
{
	struct dps_backoff backoff;

	(void)state;
	dps_backoff_init(&backoff, CAP, STABLE, 1);
	for (unsigned int i = 0; i < 8; i++)
		fail_at(&backoff, 0);
	dps_backoff_on_success(&backoff, 1000 * MS);
	assert_wait(fail_at(&backoff, 1000 * MS + STABLE), 100 * MS, 125 * MS);
	assert_wait(fail_at(&backoff, 1000 * MS + STABLE), 100 * MS, 125 * MS);
	assert_wait(fail_at(&backoff, 1000 * MS + STABLE), 150 * MS, 250 * MS);
}

static void on_failure__a_short_success_forgives_nothing(void **state)
{
	struct dps_backoff backoff;

	(void)state;
	dps_backoff_init(&backoff, CAP, STABLE, 1);
	for (unsigned int i = 0; i < 6; i++)
		fail_at(&backoff, 0);
	dps_backoff_on_success(&backoff, 1000 * MS);
	assert_wait(fail_at(&backoff, 1000 * MS + STABLE - 1), 975 * MS, 1625 * MS);
	/* The success is used up: later failures do not count from it. */
	assert_wait(fail_at(&backoff, 1000 * MS + 2 * STABLE), 1575 * MS, 2625 * MS);
}

static void on_failure__nothing_overflows(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 3);
	for (unsigned int run = 0; run < 200; run++) {
		struct dps_backoff backoff;
		uint64_t cap_ns = run == 0 ? UINT64_MAX : dps_random_next(&random);
		uint64_t before_ns = 0;

		dps_backoff_init(&backoff, cap_ns, STABLE, run);
		for (unsigned int i = 0; i < 200; i++) {
			uint64_t wait_ns = fail_at(&backoff, 0);

			assert_wait(wait_ns, DPS_BACKOFF_FLOOR_NS, cap_ns);
			/* After the first two a step is at least 5/3 of the last, or the cap. */
			if (i > 2)
				assert_true(wait_ns >= before_ns / 4 * 3);
			before_ns = wait_ns;
		}
		assert_true(before_ns >= cap_ns / 4 * 3);
		dps_backoff_on_failure(&backoff, UINT64_MAX - 1);
		assert_int_equal(dps_backoff_next_at_ns(&backoff), UINT64_MAX);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__the_first_try_is_at_once),
		cmocka_unit_test(init__a_cap_below_the_floor_is_the_floor),
		cmocka_unit_test(on_failure__steps_are_fibonacci_up_to_the_cap),
		cmocka_unit_test(on_failure__the_jitter_fills_its_range),
		cmocka_unit_test(on_failure__the_same_seed_gives_the_same_waits),
		cmocka_unit_test(on_failure__after_a_stable_time_it_starts_again),
		cmocka_unit_test(on_failure__a_short_success_forgives_nothing),
		cmocka_unit_test(on_failure__nothing_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
