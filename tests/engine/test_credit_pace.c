/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/credit_pace.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>

enum { MS = 1000000, CHUNK = 1 << 18 };

/* What is granted until a moment by who always wants more, looking every step_ns. */
static uint64_t granted(struct dps_credit_pace *pace, uint64_t *now_ns, uint64_t until_ns,
			uint64_t step_ns)
{
	uint64_t bytes = 0;

	for (; *now_ns < until_ns; *now_ns += step_ns)
		while (dps_credit_pace_is_ready(pace, *now_ns) && pace->bytes_per_s > 0) {
			dps_credit_pace_on_granted(pace, CHUNK, *now_ns);
			bytes += CHUNK;
		}
	return bytes;
}

static void is_ready__always_without_a_bound(void **state)
{
	struct dps_credit_pace pace = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(dps_credit_pace_is_ready(&pace, 0));
		dps_credit_pace_on_granted(&pace, UINT32_MAX, 0);
	}
}

static void on_granted__holds_the_rate_over_any_time(void **state)
{
	static const uint64_t rates[] = { 125000, 12500000, 1250000000 };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct dps_credit_pace pace = { 0 };
		uint64_t now_ns = 12345;

		dps_credit_pace_set(&pace, rates[i], CHUNK, now_ns);
		for (uint64_t second = 1; second <= 20; second++) {
			uint64_t bytes = granted(&pace, &now_ns, now_ns + DPS_NS_PER_S, MS / 10);

			assert_true(bytes <= rates[i] + rates[i] / 100 + CHUNK);
			assert_true(bytes + CHUNK + rates[i] / 100 >= rates[i]);
		}
	}
}

/* Who was away does not come back to all that it could have granted. */
static void on_granted__saves_little(void **state)
{
	struct dps_credit_pace pace = { 0 };
	uint64_t now_ns = 0;

	(void)state;
	dps_credit_pace_set(&pace, 100000000, CHUNK, 0);
	now_ns = 60 * DPS_NS_PER_S;
	assert_true(granted(&pace, &now_ns, now_ns + 1, 1) <= 100000000 / 100 + CHUNK);
}

static void set__lets_nobody_out_of_what_is_owed(void **state)
{
	struct dps_credit_pace pace = { 0 };
	uint64_t owed_until_ns;

	(void)state;
	dps_credit_pace_set(&pace, 125000, CHUNK, 0);
	assert_false(dps_credit_pace_is_ready(&pace, 2 * DPS_NS_PER_S));
	assert_true(dps_credit_pace_is_ready(&pace, 3 * DPS_NS_PER_S));
	dps_credit_pace_on_granted(&pace, CHUNK, 3 * DPS_NS_PER_S);
	owed_until_ns = pace.ready_at_ns;
	for (uint64_t i = 0; i < 100; i++)
		dps_credit_pace_set(&pace, 125000, CHUNK, 3 * DPS_NS_PER_S + i);
	assert_in_range(pace.ready_at_ns, owed_until_ns - MS, owed_until_ns + MS);
	/* At twice the rate it is paid in half the time. */
	dps_credit_pace_set(&pace, 250000, CHUNK, 3 * DPS_NS_PER_S);
	assert_in_range(pace.ready_at_ns - 3 * DPS_NS_PER_S,
			(owed_until_ns - 3 * DPS_NS_PER_S) / 2 - MS,
			(owed_until_ns - 3 * DPS_NS_PER_S) / 2 + MS);
	dps_credit_pace_set(&pace, 0, CHUNK, 3 * DPS_NS_PER_S);
	assert_true(dps_credit_pace_is_ready(&pace, 3 * DPS_NS_PER_S));
}

static void on_granted__does_not_wrap(void **state)
{
	struct dps_credit_pace pace = { 0 };

	(void)state;
	dps_credit_pace_set(&pace, 1, UINT32_MAX, DPS_NS_PER_S);
	assert_true(pace.ready_at_ns > UINT64_C(4000000000) * DPS_NS_PER_S);
	dps_credit_pace_set(&pace, UINT64_MAX, 0, DPS_NS_PER_S);
	assert_true(dps_credit_pace_is_ready(&pace, DPS_NS_PER_S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_ready__always_without_a_bound),
		cmocka_unit_test(on_granted__holds_the_rate_over_any_time),
		cmocka_unit_test(on_granted__saves_little),
		cmocka_unit_test(set__lets_nobody_out_of_what_is_owed),
		cmocka_unit_test(on_granted__does_not_wrap),
	};

	return cmocka_run_group_tests_name("credit_pace", tests, NULL, NULL);
}
