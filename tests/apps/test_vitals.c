/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/vitals.h"
#include "tests/support/cmocka.h"

#define S DPS_NS_PER_S
#define IDLE_NS (60 * S)

static enum dps_watchdog_verdict judge(const struct dps_vitals *vitals, bool is_awaited,
				       uint64_t idle_ns, uint64_t now_ns)
{
	struct dps_transfer_snapshot snapshot;

	dps_vitals_fill(vitals, is_awaited, idle_ns, &snapshot);
	return dps_watchdog_judge(&snapshot, now_ns);
}

static void note__only_what_advances_is_progress(void **state)
{
	struct dps_vitals vitals;

	(void)state;
	dps_vitals_start(&vitals, 0);
	dps_vitals_note(&vitals, 10, false, 30 * S);
	dps_vitals_note(&vitals, 10, false, 50 * S);
	dps_vitals_note(&vitals, 9, false, 80 * S);
	assert_int_equal(judge(&vitals, true, IDLE_NS, 90 * S - 1), DPS_WATCHDOG_ALIVE);
	assert_int_equal(judge(&vitals, true, IDLE_NS, 90 * S), DPS_WATCHDOG_STALLED_PEER);
	dps_vitals_note(&vitals, 11, false, 90 * S);
	assert_int_equal(judge(&vitals, true, IDLE_NS, 90 * S), DPS_WATCHDOG_ALIVE);
}

static void note__our_own_time_is_not_the_peers(void **state)
{
	struct dps_vitals vitals;

	(void)state;
	dps_vitals_start(&vitals, 0);
	for (uint64_t now_s = 5; now_s <= 500; now_s += 5) {
		dps_vitals_note(&vitals, 0, true, now_s * S);
		assert_int_equal(judge(&vitals, true, IDLE_NS, now_s * S), DPS_WATCHDOG_ALIVE);
	}
	dps_vitals_note(&vitals, 0, false, 559 * S);
	assert_int_equal(judge(&vitals, true, IDLE_NS, 559 * S), DPS_WATCHDOG_ALIVE);
	assert_int_equal(judge(&vitals, true, IDLE_NS, 560 * S), DPS_WATCHDOG_STALLED_PEER);
}

static void fill__a_source_without_bytes_is_idle_and_not_stalled(void **state)
{
	struct dps_vitals vitals;

	(void)state;
	dps_vitals_start(&vitals, 0);
	assert_int_equal(judge(&vitals, false, IDLE_NS, 59 * S), DPS_WATCHDOG_ALIVE);
	assert_int_equal(judge(&vitals, false, IDLE_NS, 3600 * S), DPS_WATCHDOG_IDLE_SOURCE);
}

/* What is read once a tick may have moved right after that. */
static void fill__nobody_is_judged_by_less_than_two_ticks(void **state)
{
	struct dps_vitals vitals;

	(void)state;
	dps_vitals_start(&vitals, 0);
	assert_int_equal(judge(&vitals, true, S / 10, 2 * S - 1), DPS_WATCHDOG_ALIVE);
	assert_int_equal(judge(&vitals, true, S / 10, 2 * S), DPS_WATCHDOG_STALLED_PEER);
}

static void go_on__leaves_out_what_it_was_parked_and_is_no_progress(void **state)
{
	struct dps_vitals vitals;

	(void)state;
	dps_vitals_start(&vitals, 0);
	dps_vitals_note(&vitals, 100, false, 10 * S);
	dps_vitals_pause(&vitals, 40 * S);
	dps_vitals_pause(&vitals, 50 * S); /* still */
	dps_vitals_go_on(&vitals, 1040 * S);
	dps_vitals_go_on(&vitals, 1045 * S);
	/* Another channel counts from its own start, be it higher or lower. */
	dps_vitals_note(&vitals, 200, false, 1050 * S);
	assert_int_equal(judge(&vitals, true, IDLE_NS, 1070 * S - 1), DPS_WATCHDOG_ALIVE);
	assert_int_equal(judge(&vitals, true, IDLE_NS, 1070 * S), DPS_WATCHDOG_STALLED_PEER);
	dps_vitals_note(&vitals, 201, false, 1070 * S);
	assert_int_equal(judge(&vitals, true, IDLE_NS, 1070 * S), DPS_WATCHDOG_ALIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(note__only_what_advances_is_progress),
		cmocka_unit_test(note__our_own_time_is_not_the_peers),
		cmocka_unit_test(fill__a_source_without_bytes_is_idle_and_not_stalled),
		cmocka_unit_test(fill__nobody_is_judged_by_less_than_two_ticks),
		cmocka_unit_test(go_on__leaves_out_what_it_was_parked_and_is_no_progress),
	};

	return cmocka_run_group_tests_name("vitals", tests, NULL, NULL);
}
