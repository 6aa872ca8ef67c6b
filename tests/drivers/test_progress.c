/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/file_disk/progress.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <string.h>

static _Alignas(4096) uint8_t memory[16384];

static struct dps_progress started(uint32_t bytes, bool is_write, bool is_direct)
{
	struct dps_disk_request request = { .memory = memory,
					    .bytes = bytes,
					    .is_write = is_write };
	struct dps_progress progress;

	dps_progress_start(&progress, &request, is_direct);
	return progress;
}

static void start__zeroes_behind_the_tail_of_a_direct_write_only(void **state)
{
	(void)state;
	memset(memory, 0xee, sizeof(memory));
	(void)started(5000, false, true);
	(void)started(5000, true, false);
	assert_int_equal(memory[5000], 0xee);
	(void)started(5000, true, true);
	assert_int_equal(memory[4999], 0xee);
	for (unsigned int i = 5000; i < 8192; i++)
		assert_int_equal(memory[i], 0);
	assert_int_equal(memory[8192], 0xee);
}

static void start__asks_for_whole_pages_of_direct_files(void **state)
{
	(void)state;
	assert_int_equal(started(5000, false, true).asked_bytes, 8192);
	assert_int_equal(started(4096, true, true).asked_bytes, 4096);
	assert_int_equal(started(5000, false, false).asked_bytes, 5000);
	assert_int_equal(started(0, true, true).asked_bytes, 0);
}

/* Up to six answers of the kernel; after each the leg that must follow, or the result. */
struct story {
	const char *name;
	uint32_t bytes;
	bool is_write;
	bool is_direct;
	struct {
		int32_t answer;
		uint32_t leg_bytes;
	} legs[6];
	unsigned int legs_count; /* of those the last ends the request */
	int64_t result;
};

static const struct story stories[] = {
	{ "all at once", 5000, false, false, { { 5000, 0 } }, 1, 5000 },
	{ "nothing to do", 0, true, true, { { 0, 0 } }, 1, 0 },
	{ "empty file", 5000, false, true, { { 0, 0 } }, 1, 0 },
	{ "direct read of a tail", 5000, false, true, { { 5000, 0 } }, 1, 5000 },
	{ "direct read of a tail of a grown file", 5000, false, true, { { 8192, 0 } }, 1, 5000 },
	{ "short read, then the end", 5000, false, false, { { 1000, 1000 }, { 0, 0 } }, 2, 1000 },
	{ "short reads continued",
	  5000,
	  false,
	  false,
	  { { 1000, 1000 }, { 1, 1001 }, { 3999, 0 } },
	  3,
	  5000 },
	{ "direct short read ends when the broken page brings no more",
	  9000,
	  false,
	  true,
	  { { 5000, 4096 }, { 904, 0 } },
	  2,
	  5000 },
	{ "direct short read inside a page goes on",
	  9000,
	  false,
	  true,
	  { { 4608, 4096 }, { 1024, 4096 }, { 4904, 0 } },
	  3,
	  9000 },
	{ "direct short read on a page", 9000, false, true, { { 8192, 8192 }, { 0, 0 } }, 2, 8192 },
	{ "error", 5000, false, true, { { -EIO, 0 } }, 1, -EIO },
	{ "error after a short read", 5000, false, false, { { 7, 7 }, { -EIO, 0 } }, 2, -EIO },
	{ "interrupted",
	  5000,
	  true,
	  false,
	  { { -EINTR, 0 }, { -EAGAIN, 0 }, { 5000, 0 } },
	  3,
	  5000 },
	{ "short writes continued", 5000, true, false, { { 1, 1 }, { 4999, 0 } }, 2, 5000 },
	{ "direct write of a tail", 5000, true, true, { { 8192, 0 } }, 1, 5000 },
	{ "direct short write repeats its broken page",
	  5000,
	  true,
	  true,
	  { { 4608, 4096 }, { 4096, 0 } },
	  2,
	  5000 },
	{ "disk full in the middle",
	  5000,
	  true,
	  true,
	  { { 4096, 4096 }, { -ENOSPC, 0 } },
	  2,
	  -ENOSPC },
};

static void on_answer__goes_on_until_all_or_the_end(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		const struct story *story = &stories[i];
		struct dps_progress progress =
			started(story->bytes, story->is_write, story->is_direct);
		int64_t result = INT64_MIN;
		unsigned int leg = 0;

		for (; leg + 1 < story->legs_count; leg++) {
			if (dps_progress_on_answer(&progress, story->legs[leg].answer, &result))
				fail_msg("%s: ended at leg %u", story->name, leg);
			if (progress.leg_bytes != story->legs[leg].leg_bytes)
				fail_msg("%s: leg %u starts at %u", story->name, leg,
					 progress.leg_bytes);
		}
		if (!dps_progress_on_answer(&progress, story->legs[leg].answer, &result))
			fail_msg("%s: did not end", story->name);
		if (result != story->result)
			fail_msg("%s: result %lld", story->name, (long long)result);
	}
}

static void on_answer__gives_up_on_what_never_moves(void **state)
{
	struct dps_progress direct_write = started(5000, true, true);
	struct dps_progress read = started(5000, false, false);
	unsigned int answers = 1;
	int64_t result;

	(void)state;
	while (!dps_progress_on_answer(&direct_write, 512, &result))
		answers++;
	assert_int_equal(result, -EIO);
	assert_int_equal(answers, DPS_PROGRESS_STALLS_MAX);
	answers = 1;
	while (!dps_progress_on_answer(&read, -EAGAIN, &result))
		answers++;
	assert_int_equal(result, -EAGAIN);
	assert_int_equal(answers, DPS_PROGRESS_STALLS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start__zeroes_behind_the_tail_of_a_direct_write_only),
		cmocka_unit_test(start__asks_for_whole_pages_of_direct_files),
		cmocka_unit_test(on_answer__goes_on_until_all_or_the_end),
		cmocka_unit_test(on_answer__gives_up_on_what_never_moves),
	};

	return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
