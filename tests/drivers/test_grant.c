/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/grant.h"
#include "tests/support/cmocka.h"
#include <stdio.h>
#include <string.h>

static const char *read_option(struct dps_grant *grant, const char *text)
{
	return dps_grant_read_option(grant, text, strlen(text));
}

static void read_option__takes_what_users_write(void **state)
{
	struct dps_grant grant = { 0 };

	(void)state;
	assert_false(dps_grant_is_limited(&grant));
	assert_null(read_option(&grant, "into=probe"));
	assert_null(read_option(&grant, "rate=1000k"));
	assert_null(read_option(&grant, "bytes=1"));
	assert_null(read_option(&grant, "files=18446744073709551615"));
	assert_null(read_option(&grant, "transfers=256"));
	assert_null(read_option(&grant, "memory=3K"));
	assert_string_equal(grant.into, "probe");
	assert_int_equal(grant.rate_bits_per_s, DPS_GRANT_RATE_MIN);
	assert_int_equal(grant.bytes, 1);
	assert_int_equal(grant.files, UINT64_MAX);
	assert_int_equal(grant.transfers, 256);
	assert_int_equal(grant.memory_bytes, 3 << 10);
	assert_true(dps_grant_is_limited(&grant));
}

static void read_option__takes_nothing_else(void **state)
{
	static const char *const wrong[] = {
		"",
		"into",
		"into=",
		"into=/srv",
		"into=..",
		"into=.",
		"into=a/../../b",
		"into=a//b",
		"into=a/",
		"into=a/./b",
		"rate=",
		"rate=0",
		"rate=G",
		"rate=999k",
		"rate=-1M",
		"rate=1.5G",
		"rate=1T",
		"rate=1K",
		"bytes=0",
		"bytes=",
		"bytes=1k",
		"bytes=18446744073709551616",
		"bytes=18446744073709551615K",
		"bytes=0x10",
		"bytes= 1",
		"memory=0",
		"files=0",
		"files=1K",
		"transfers=-1",
		"transfers=",
		"Bytes=1",
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct dps_grant grant = { 0 };

		assert_non_null(read_option(&grant, wrong[i]));
	}
}

static void read_option__takes_each_once(void **state)
{
	static const char *const options[] = { "into=a",  "rate=1M",	 "bytes=1",
					       "files=1", "transfers=1", "memory=1" };
	struct dps_grant grant = { 0 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		assert_null(read_option(&grant, options[i]));
		assert_non_null(strstr(read_option(&grant, options[i]), "twice"));
	}
}

static void read_option__bounds_the_folder(void **state)
{
	char text[5 + DPS_GRANT_INTO_BYTES + 1];
	struct dps_grant grant = { 0 };

	(void)state;
	memset(text, 'f', sizeof(text));
	memcpy(text, "into=", 5);
	assert_non_null(dps_grant_read_option(&grant, text, 5 + DPS_GRANT_INTO_BYTES));
	assert_null(dps_grant_read_option(&grant, text, 5 + DPS_GRANT_INTO_BYTES - 1));
	assert_int_equal(strlen(grant.into), DPS_GRANT_INTO_BYTES - 1);
	assert_non_null(dps_grant_read_option(&(struct dps_grant){ 0 }, "into=a\0b", 8));
}

static void narrow__takes_the_lower_of_two(void **state)
{
	struct dps_grant one = { .into = "a", .bytes = 5, .files = 7 };
	const struct dps_grant other = { .bytes = 6, .files = 3, .transfers = 2 };
	const struct dps_grant both = { .into = "a", .bytes = 5, .files = 3, .transfers = 2 };
	const struct dps_grant elsewhere = { .into = "b" };
	struct dps_grant reverse = other;

	(void)state;
	assert_true(dps_grant_narrow(&reverse, &one));
	assert_true(dps_grant_narrow(&one, &other));
	assert_true(dps_grant_is_equal(&one, &both));
	assert_true(dps_grant_is_equal(&reverse, &both));
	assert_false(dps_grant_narrow(&one, &elsewhere));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_option__takes_what_users_write),
		cmocka_unit_test(read_option__takes_nothing_else),
		cmocka_unit_test(read_option__takes_each_once),
		cmocka_unit_test(read_option__bounds_the_folder),
		cmocka_unit_test(narrow__takes_the_lower_of_two),
	};

	return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
