/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/seal_alarm.h"
#include "drivers/log/log.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>
#include <string.h>
#include <unistd.h>

static void take__says_the_first_at_once_and_the_rest_together(void **state)
{
	struct dps_seal_alarm alarm = { 0 };
	uint64_t said = 0, lines = 0;

	(void)state;
	assert_int_equal(dps_seal_alarm_take(&alarm, 0, DPS_NS_PER_S), 0);
	assert_int_equal(dps_seal_alarm_take(&alarm, 3, 2 * DPS_NS_PER_S), 3);
	/* A flood of an hour. */
	for (uint64_t s = 3; s < 3603; s++) {
		uint64_t count = dps_seal_alarm_take(&alarm, s * 1000000, s * DPS_NS_PER_S);

		said += count;
		lines += count > 0;
	}
	assert_in_range(lines, 359, 361);
	assert_true(said + 3 >= UINT64_C(3590) * 1000000);
	/* It is over: nothing is said again. */
	said = dps_seal_alarm_take(&alarm, UINT64_C(3602) * 1000000, 4000 * DPS_NS_PER_S);
	assert_true(said < 11000000);
	assert_int_equal(dps_seal_alarm_take(&alarm, UINT64_C(3602) * 1000000, 5000 * DPS_NS_PER_S),
			 0);
}

static void say__tells_a_forger_from_a_bad_cable(void **state)
{
	char text[4096] = "";
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	dps_log_set_fd(ends[1]);
	dps_seal_alarm_say(41, true);
	dps_seal_alarm_say(42, false);
	dps_log_set_fd(STDERR_FILENO);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "warning lane: 41 packets were forged"));
	assert_non_null(strstr(text, "warning lane: 42 packets were damaged"));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take__says_the_first_at_once_and_the_rest_together),
		cmocka_unit_test(say__tells_a_forger_from_a_bad_cable),
	};

	return cmocka_run_group_tests_name("seal_alarm", tests, NULL, NULL);
}
