/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/name.h"
#include "tests/support/cmocka.h"
#include <string.h>

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *name;
	size_t bytes;
} good[] = {
	{ BYTES("a") },
	{ BYTES("a/b/c.pcap") },
	{ BYTES("...") },
	{ BYTES("..a/b..") },
	{ BYTES(".hidden/.x") },
	{ BYTES("with space/and\nnewline") },
	{ BYTES("gr\xc3\xbc\xc3\x9f.pcap") },
	{ BYTES("\xff\xfe/\x80") },
	{ BYTES("a\\..\\b") },
	{ BYTES("-rf") },
};

static const struct {
	const char *name;
	size_t bytes;
	const char *refusal;
} hostile[] = {
	{ BYTES(""), "is empty" },
	{ BYTES("/"), "is absolute" },
	{ BYTES("/etc/passwd"), "is absolute" },
	{ BYTES("//a"), "is absolute" },
	{ BYTES("."), "has a part that is `.`" },
	{ BYTES("./a"), "has a part that is `.`" },
	{ BYTES("a/."), "has a part that is `.`" },
	{ BYTES(".."), "has a part that is `..`" },
	{ BYTES("../a"), "has a part that is `..`" },
	{ BYTES("a/../../b"), "has a part that is `..`" },
	{ BYTES("a/.."), "has a part that is `..`" },
	{ BYTES("a//b"), "has an empty part" },
	{ BYTES("a/"), "has an empty part" },
	{ BYTES("a\0b"), "holds a NUL byte" },
	{ BYTES("a\0/../b"), "holds a NUL byte" },
	{ BYTES("\0"), "holds a NUL byte" },
};

static void refusal__none_for_what_a_file_may_be_called(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (dps_name_refusal(good[i].name, good[i].bytes) != NULL)
			fail_msg("%s: %s", good[i].name,
				 dps_name_refusal(good[i].name, good[i].bytes));
}

static void refusal__says_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		const char *refusal = dps_name_refusal(hostile[i].name, hostile[i].bytes);

		if (refusal == NULL)
			fail_msg("taken: %s", hostile[i].name);
		assert_string_equal(refusal, hostile[i].refusal);
	}
}

static void refusal__knows_the_longest_name_and_part(void **state)
{
	char name[DPS_NAME_BYTES_MAX + 1];

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_null(dps_name_refusal(name, 255));
	assert_string_equal(dps_name_refusal(name, 256), "has a part longer than 255 bytes");
	for (size_t i = 255; i < sizeof(name); i += 256)
		name[i] = '/';
	assert_null(dps_name_refusal(name, DPS_NAME_BYTES_MAX));
	name[4095] = 'x';
	assert_string_equal(dps_name_refusal(name, DPS_NAME_BYTES_MAX + 1),
			    "is longer than 4095 bytes");
}

static void is_within__needs_whole_parts(void **state)
{
	(void)state;
	assert_true(dps_name_is_within(BYTES(".dpdk-streamd"), BYTES(".dpdk-streamd")));
	assert_true(dps_name_is_within(BYTES(".dpdk-streamd/x"), BYTES(".dpdk-streamd")));
	assert_false(dps_name_is_within(BYTES(".dpdk-streamd2"), BYTES(".dpdk-streamd")));
	assert_false(dps_name_is_within(BYTES(".dpdk"), BYTES(".dpdk-streamd")));
	assert_false(dps_name_is_within(BYTES("a/.dpdk-streamd"), BYTES(".dpdk-streamd")));
}

static void show__keeps_utf8_and_escapes_the_rest(void **state)
{
	char text[DPS_NAME_SHOWN_BYTES];

	(void)state;
	assert_string_equal(dps_name_show(BYTES("gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7"), text, 100),
			    "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa7");
	assert_string_equal(dps_name_show(BYTES("a\x1b[2J\n\\"), text, 100), "a\\x1b[2J\\x0a\\x5c");
	/* C1 control, lone continuation, overlong slash, surrogate, cut short. */
	assert_string_equal(dps_name_show(BYTES("\xc2\x9b"), text, 100), "\\xc2\\x9b");
	assert_string_equal(dps_name_show(BYTES("\x80|"), text, 100), "\\x80|");
	assert_string_equal(dps_name_show(BYTES("\xc0\xaf"), text, 100), "\\xc0\\xaf");
	assert_string_equal(dps_name_show(BYTES("\xed\xa0\x80"), text, 100), "\\xed\\xa0\\x80");
	assert_string_equal(dps_name_show(BYTES("\xe2\x82"), text, 100), "\\xe2\\x82");
	assert_string_equal(dps_name_show(BYTES(""), text, 100), "");
}

static void show__cuts_between_characters(void **state)
{
	char text[8];

	(void)state;
	assert_string_equal(dps_name_show(BYTES("abcdefghij"), text, 8), "abcdefg");
	assert_string_equal(dps_name_show(BYTES("abcd\xff"), text, 8), "abcd");
	assert_string_equal(dps_name_show(BYTES("abcdef\xc3\xbc"), text, 8), "abcdef");
	assert_string_equal(dps_name_show(BYTES("abc"), text, 1), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusal__none_for_what_a_file_may_be_called),
		cmocka_unit_test(refusal__says_what_is_wrong),
		cmocka_unit_test(refusal__knows_the_longest_name_and_part),
		cmocka_unit_test(is_within__needs_whole_parts),
		cmocka_unit_test(show__keeps_utf8_and_escapes_the_rest),
		cmocka_unit_test(show__cuts_between_characters),
	};

	return cmocka_run_group_tests_name("name", tests, NULL, NULL);
}
