/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include <dps/version.h>
#include <stdio.h>

static void version__is_the_same_number_in_all_forms(void **state)
{
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "%d.%d.%d", DPS_VERSION_MAJOR, DPS_VERSION_MINOR,
		 DPS_VERSION_PATCH);
	assert_string_equal(text, DPS_VERSION_TEXT);
	assert_string_equal(dps_version_text(), DPS_VERSION_TEXT);
	assert_int_equal(dps_version(), DPS_VERSION_NUMBER);
}

static void version__numbers_compare_as_versions_do(void **state)
{
	(void)state;
	assert_true(DPS_VERSION_NUMBER_OF(0, 10, 0) > DPS_VERSION_NUMBER_OF(0, 9, 200));
	assert_true(DPS_VERSION_NUMBER_OF(1, 0, 0) > DPS_VERSION_NUMBER_OF(0, 255, 255));
	assert_true(DPS_VERSION_NUMBER_OF(0, 1, 1) > DPS_VERSION_NUMBER_OF(0, 1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version__is_the_same_number_in_all_forms),
		cmocka_unit_test(version__numbers_compare_as_versions_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
