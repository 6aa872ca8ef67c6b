/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "engine/rtt.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>

#define MS DPS_NS_PER_MS

static void init__is_a_guess_until_the_first_sample(void **state)
{
	struct dps_rtt rtt;

	(void)state;
	dps_rtt_init(&rtt, 100 * MS);
	assert_false(dps_rtt_is_measured(&rtt));
	assert_int_equal(rtt.smoothed_ns, 100 * MS);
	assert_int_equal(rtt.variation_ns, 50 * MS);
	dps_rtt_on_sample(&rtt, 8 * MS, 1 * MS, 5);
	assert_true(dps_rtt_is_measured(&rtt));
	assert_int_equal(rtt.latest_ns, 8 * MS);
	assert_int_equal(rtt.min_ns, 8 * MS);
	assert_int_equal(rtt.smoothed_ns, 8 * MS);
	assert_int_equal(rtt.variation_ns, 4 * MS);
}

static void on_sample__moves_by_an_eighth_and_a_quarter(void **state)
{
	struct dps_rtt rtt;

	(void)state;
	dps_rtt_init(&rtt, 100 * MS);
	dps_rtt_on_sample(&rtt, 8 * MS, 0, 1);
	dps_rtt_on_sample(&rtt, 16 * MS, 0, 2);
	assert_int_equal(rtt.smoothed_ns, 9 * MS);
	assert_int_equal(rtt.variation_ns, 5 * MS);
	assert_int_equal(rtt.min_ns, 8 * MS);
}

static void on_sample__subtracts_a_delay_only_down_to_the_minimum(void **state)
{
	struct dps_rtt rtt;

	(void)state;
	dps_rtt_init(&rtt, 100 * MS);
	dps_rtt_on_sample(&rtt, 8 * MS, 0, 1);
	dps_rtt_on_sample(&rtt, 24 * MS, 16 * MS, 2); /* 8 ms are left: the minimum */
	assert_int_equal(rtt.smoothed_ns, 8 * MS);
	dps_rtt_on_sample(&rtt, 24 * MS, 16 * MS + 1, 3); /* one too many: not believed */
	assert_int_equal(rtt.smoothed_ns, 10 * MS);
	assert_int_equal(rtt.latest_ns, 24 * MS);
	dps_rtt_on_sample(&rtt, 24 * MS, UINT64_MAX, 4);
	assert_int_equal(rtt.min_ns, 8 * MS);
}

static void on_sample__a_sample_is_never_zero(void **state)
{
	struct dps_rtt rtt;

	(void)state;
	dps_rtt_init(&rtt, 100 * MS);
	for (unsigned int i = 0; i < 100; i++)
		dps_rtt_on_sample(&rtt, 0, 0, i);
	assert_int_not_equal(rtt.smoothed_ns, 0);
	assert_int_not_equal(rtt.min_ns, 0);
}

static void on_sample__the_minimum_forgets_a_route_that_changed(void **state)
{
	struct dps_rtt rtt;
	uint64_t now_ns = 0, forgotten_at_ns = 0;

	(void)state;
	dps_rtt_init(&rtt, 100 * MS);
	for (; now_ns < 3 * DPS_NS_PER_S; now_ns += 10 * MS)
		dps_rtt_on_sample(&rtt, 5 * MS, 0, now_ns);
	for (; now_ns < 40 * DPS_NS_PER_S; now_ns += 10 * MS) {
		dps_rtt_on_sample(&rtt, 20 * MS, 0, now_ns);
		if (forgotten_at_ns == 0 && rtt.min_ns != 5 * MS)
			forgotten_at_ns = now_ns;
	}
	assert_int_equal(rtt.min_ns, 20 * MS);
	assert_in_range(forgotten_at_ns, 13 * DPS_NS_PER_S, 23 * DPS_NS_PER_S);
	assert_int_equal(rtt.smoothed_ns, 20 * MS);
}

static void on_sample__the_minimum_is_fresh_after_a_long_silence(void **state)
{
	struct dps_rtt rtt;

	(void)state;
	dps_rtt_init(&rtt, 100 * MS);
	dps_rtt_on_sample(&rtt, 5 * MS, 0, 1);
	dps_rtt_on_sample(&rtt, 20 * MS, 0, 3600 * DPS_NS_PER_S);
	assert_int_equal(rtt.min_ns, 20 * MS);
}

static void on_sample__the_minimum_covers_10_to_20_s(void **state)
{
	static uint64_t samples_ns[4000], at_ns[4000];
	struct dps_random random;
	struct dps_rtt rtt;
	uint64_t now_ns = 0;

	(void)state;
	dps_random_init(&random, 20260102);
	dps_rtt_init(&rtt, 100 * MS);
	for (unsigned int i = 0; i < 4000; i++) {
		uint64_t min10_ns = UINT64_MAX, min20_ns = UINT64_MAX;

		now_ns += dps_random_below(&random, 100 * MS);
		at_ns[i] = now_ns;
		samples_ns[i] = 1 * MS + dps_random_below(&random, 1000 * MS);
		dps_rtt_on_sample(&rtt, samples_ns[i], 0, now_ns);
		for (unsigned int j = 0; j <= i; j++) {
			uint64_t age_ns = now_ns - at_ns[j];

			if (age_ns < 10 * DPS_NS_PER_S && samples_ns[j] < min10_ns)
				min10_ns = samples_ns[j];
			if (age_ns <= 20 * DPS_NS_PER_S && samples_ns[j] < min20_ns)
				min20_ns = samples_ns[j];
		}
		assert_in_range(rtt.min_ns, min20_ns, min10_ns);
	}
}

static void probe_timeout__has_a_margin_and_a_floor(void **state)
{
	struct dps_rtt rtt;

	(void)state;
	dps_rtt_init(&rtt, 100 * MS);
	dps_rtt_on_sample(&rtt, 8 * MS, 0, 1);
	assert_int_equal(dps_rtt_probe_timeout_ns(&rtt, 2 * MS, 1 * MS), (8 + 16 + 2) * MS);
	for (unsigned int i = 0; i < 200; i++)
		dps_rtt_on_sample(&rtt, 8 * MS, 0, 2 + i);
	assert_int_equal(dps_rtt_probe_timeout_ns(&rtt, 0, 1 * MS), 8 * MS + 200000);
	assert_int_equal(dps_rtt_probe_timeout_ns(&rtt, 0, 50 * MS), 50 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__is_a_guess_until_the_first_sample),
		cmocka_unit_test(on_sample__moves_by_an_eighth_and_a_quarter),
		cmocka_unit_test(on_sample__subtracts_a_delay_only_down_to_the_minimum),
		cmocka_unit_test(on_sample__a_sample_is_never_zero),
		cmocka_unit_test(on_sample__the_minimum_forgets_a_route_that_changed),
		cmocka_unit_test(on_sample__the_minimum_is_fresh_after_a_long_silence),
		cmocka_unit_test(on_sample__the_minimum_covers_10_to_20_s),
		cmocka_unit_test(probe_timeout__has_a_margin_and_a_floor),
	};

	return cmocka_run_group_tests_name("rtt", tests, NULL, NULL);
}
