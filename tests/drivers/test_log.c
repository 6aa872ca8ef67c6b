/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/log/log.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *file;
static char text[1 << 20];

/* A file of its own and the default levels; names that were given a level keep notice. */
static int begin(void **state)
{
	(void)state;
	file = tmpfile();
	if (file == NULL)
		return -1;
	dps_log_set_fd(fileno(file));
	return dps_log_set_level("notice");
}

static int end(void **state)
{
	(void)state;
	dps_log_set_fd(STDERR_FILENO);
	return fclose(file);
}

/* Everything that was written, after its time of day. */
static const char *written(void)
{
	ssize_t bytes = pread(fileno(file), text, sizeof(text) - 1, 0);

	assert_true(bytes >= 0);
	text[bytes] = '\0';
	return text;
}

static void log__writes_time_level_name_and_text(void **state)
{
	int hour, minute, second, ms, end_at = 0;

	(void)state;
	dps_log("udp", DPS_LOG_WARNING, "%s took %d of %d", "lo", 3, 4);
	assert_int_equal(
		sscanf(written(), "%2d:%2d:%2d.%3d%n", &hour, &minute, &second, &ms, &end_at), 4);
	assert_int_equal(end_at, 12);
	assert_string_equal(text + end_at, " warning udp: lo took 3 of 4\n");
}

static void log__shows_up_to_its_level(void **state)
{
	(void)state;
	assert_true(dps_log_is_on("any", DPS_LOG_NOTICE));
	assert_false(dps_log_is_on("any", DPS_LOG_INFO));
	dps_log("any", DPS_LOG_INFO, "hidden");
	assert_string_equal(written(), "");
	assert_int_equal(dps_log_set_level("error"), 0);
	assert_true(dps_log_is_on("any", DPS_LOG_ERROR));
	assert_false(dps_log_is_on("any", DPS_LOG_WARNING));
	assert_int_equal(dps_log_set_level("debug"), 0);
	dps_log("any", DPS_LOG_DEBUG, "shown");
	assert_non_null(strstr(written(), " debug any: shown\n"));
}

static void set_level__of_one_name_leaves_the_others(void **state)
{
	(void)state;
	assert_int_equal(dps_log_set_level("lane:debug"), 0);
	assert_true(dps_log_is_on("lane", DPS_LOG_DEBUG));
	assert_false(dps_log_is_on("lan", DPS_LOG_DEBUG));
	assert_false(dps_log_is_on("lanes", DPS_LOG_DEBUG));
	assert_int_equal(dps_log_set_level("error"), 0); /* for those without one of their own */
	assert_true(dps_log_is_on("lane", DPS_LOG_DEBUG));
	assert_int_equal(dps_log_set_level("lane:warning"), 0); /* the later one wins */
	assert_true(dps_log_is_on("lane", DPS_LOG_WARNING));
	assert_false(dps_log_is_on("lane", DPS_LOG_NOTICE));
}

static void set_level__refuses_what_it_does_not_know(void **state)
{
	static const char *const bad[] = {
		"",	     "loud",	    "Notice",
		"notice ",   ":notice",	    "lane:",
		"lane:loud", "lane:x:info", "a.name.that.is.far.too.long:info",
	};
	char name[32];
	int error = 0;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dps_log_set_level(bad[i]), -EINVAL);
	assert_false(dps_log_is_on("any", DPS_LOG_INFO));
	for (unsigned int i = 0; i <= DPS_LOG_NAMES_MAX && error == 0; i++) {
		snprintf(name, sizeof(name), "name%u:notice", i);
		error = dps_log_set_level(name);
	}
	assert_int_equal(error, -ENOSPC);
	assert_int_equal(dps_log_set_level("name0:debug"), 0);
}

static void log__keeps_to_one_line_of_its_length(void **state)
{
	static char longer[3000];

	(void)state;
	dps_log("any", DPS_LOG_ERROR, "a\nname\twith \x1b[31m and \x7f but ü");
	assert_string_equal(written() + 12, " error any: a?name?with ?[31m and ? but ü\n");
	memset(longer, 'x', sizeof(longer) - 1);
	dps_log("any", DPS_LOG_ERROR, "%s", longer);
	written();
	assert_int_equal(strlen(strchr(text, '\n') + 1), DPS_LOG_LINE_BYTES - 1);
	assert_string_equal(text + strlen(text) - 5, "x...\n");
}

static void limit__grants_one_a_second_and_counts_the_rest(void **state)
{
	struct dps_log_limit limit = { 0 };
	uint32_t suppressed = 7;

	(void)state;
	assert_true(dps_log_limit_take(&limit, 5000000000, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_false(dps_log_limit_take(&limit, 5000000000, &suppressed));
	assert_false(dps_log_limit_take(&limit, 5999999999, &suppressed));
	assert_true(dps_log_limit_take(&limit, 6000000000, &suppressed));
	assert_int_equal(suppressed, 2);
	assert_true(dps_log_limit_take(&limit, 9000000000, &suppressed));
	assert_int_equal(suppressed, 0);
}

static void limited__says_how_many_it_did_not_say(void **state)
{
	struct dps_log_limit limit = { 0 };

	(void)state;
	limit.suppressed_count = 41;
	dps_log_within(&limit, "any", DPS_LOG_ERROR, "lost %s", "one");
	assert_string_equal(written() + 12, " error any: lost one (and 41 more)\n");
	for (unsigned int i = 0; i < 100; i++)
		dps_log_within(&limit, "any", DPS_LOG_DEBUG, "hidden ones do not count");
	assert_int_equal(limit.suppressed_count, 0);
	for (unsigned int i = 0; i < 3; i++)
		dps_log_limited("any", DPS_LOG_ERROR, "first");
	dps_log_limited("any", DPS_LOG_ERROR, "second place");
	assert_non_null(strstr(written(), "first\n"));
	assert_non_null(strstr(written(), "second place\n"));
}

static void once__is_said_once_from_each_place(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		dps_log_once("any", DPS_LOG_ERROR, "round %u", i);
		dps_log_once("any", DPS_LOG_ERROR, "and %u", i);
	}
	written();
	assert_non_null(strstr(text, "round 0\n"));
	assert_non_null(strstr(text, "and 0\n"));
	assert_null(strstr(text, " 1\n"));
	assert_null(strstr(text, " 2\n"));
}

static void *speak(void *context)
{
	for (unsigned int i = 0; i < 500; i++)
		dps_log("thread", DPS_LOG_ERROR, "%s", (const char *)context);
	return NULL;
}

static void log__keeps_lines_of_several_threads_whole(void **state)
{
	static char words[4][64];
	pthread_t threads[4];
	unsigned int counts[4] = { 0 };
	char *rest;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		memset(words[i], (int)('a' + i), sizeof(words[i]) - 1);
		assert_int_equal(pthread_create(&threads[i], NULL, speak, words[i]), 0);
	}
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	written();
	rest = text;
	for (char *line = strsep(&rest, "\n"); rest != NULL; line = strsep(&rest, "\n")) {
		const char *word = strstr(line, " error thread: ");

		assert_ptr_equal(word, line + 12);
		word += strlen(" error thread: ");
		assert_in_range(*word, 'a', 'd');
		assert_string_equal(word, words[*word - 'a']);
		counts[*word - 'a']++;
	}
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(counts[i], 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(log__writes_time_level_name_and_text, begin, end),
		cmocka_unit_test_setup_teardown(log__shows_up_to_its_level, begin, end),
		cmocka_unit_test_setup_teardown(set_level__of_one_name_leaves_the_others, begin,
						end),
		cmocka_unit_test_setup_teardown(set_level__refuses_what_it_does_not_know, begin,
						end),
		cmocka_unit_test_setup_teardown(log__keeps_to_one_line_of_its_length, begin, end),
		cmocka_unit_test_setup_teardown(limit__grants_one_a_second_and_counts_the_rest,
						begin, end),
		cmocka_unit_test_setup_teardown(limited__says_how_many_it_did_not_say, begin, end),
		cmocka_unit_test_setup_teardown(once__is_said_once_from_each_place, begin, end),
		cmocka_unit_test_setup_teardown(log__keeps_lines_of_several_threads_whole, begin,
						end),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
