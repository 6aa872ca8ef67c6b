/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "engine/ranges.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <string.h>

enum { CAPACITY = 64, SPAN = 256 };

struct fixture {
	struct dps_range items[CAPACITY];
	struct dps_ranges ranges;
};

static void set_up(struct fixture *fixture, uint32_t capacity)
{
	dps_ranges_init(&fixture->ranges, fixture->items, capacity);
}

static void assert_items(const struct dps_ranges *ranges, uint32_t count,
			 const struct dps_range *expected)
{
	assert_int_equal(ranges->count, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(ranges->items[i].start, expected[i].start);
		assert_int_equal(ranges->items[i].end, expected[i].end);
	}
}

#define ASSERT_ITEMS(ranges, ...)                                                                  \
	assert_items(ranges,                                                                       \
		     sizeof((struct dps_range[]){ __VA_ARGS__ }) / sizeof(struct dps_range),       \
		     (struct dps_range[]){ __VA_ARGS__ })

static void clear__leaves_an_empty_set(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, CAPACITY);
	dps_ranges_add(&f.ranges, 3, 5);
	dps_ranges_clear(&f.ranges);
	assert_int_equal(f.ranges.count, 0);
	assert_false(dps_ranges_has_any(&f.ranges, 0, UINT64_MAX));
	assert_int_equal(dps_ranges_add(&f.ranges, 3, 5), 2);
}

static void add__joins_what_touches_or_overlaps(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, CAPACITY);
	assert_int_equal(dps_ranges_add(&f.ranges, 10, 20), 10);
	assert_int_equal(dps_ranges_add(&f.ranges, 20, 30), 10);
	ASSERT_ITEMS(&f.ranges, { 10, 30 });
	assert_int_equal(dps_ranges_add(&f.ranges, 5, 10), 5);
	ASSERT_ITEMS(&f.ranges, { 5, 30 });
	assert_int_equal(dps_ranges_add(&f.ranges, 40, 50), 10);
	assert_int_equal(dps_ranges_add(&f.ranges, 60, 70), 10);
	ASSERT_ITEMS(&f.ranges, { 5, 30 }, { 40, 50 }, { 60, 70 });
	assert_int_equal(dps_ranges_add(&f.ranges, 25, 65), 20);
	ASSERT_ITEMS(&f.ranges, { 5, 70 });
}

static void add__counts_only_what_is_new(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, CAPACITY);
	assert_int_equal(dps_ranges_add(&f.ranges, 10, 20), 10);
	assert_int_equal(dps_ranges_add(&f.ranges, 10, 20), 0);
	assert_int_equal(dps_ranges_add(&f.ranges, 12, 13), 0);
	assert_int_equal(dps_ranges_add(&f.ranges, 20, 20), 0);
	assert_int_equal(dps_ranges_add(&f.ranges, 30, 25), 0);
	assert_int_equal(dps_ranges_add(&f.ranges, 5, 25), 10);
	ASSERT_ITEMS(&f.ranges, { 5, 25 });
}

static void add__refuses_one_interval_too_many_and_changes_nothing(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, 2);
	dps_ranges_add(&f.ranges, 10, 20);
	dps_ranges_add(&f.ranges, 30, 40);
	assert_int_equal(dps_ranges_add(&f.ranges, 0, 5), -ENOSPC);
	assert_int_equal(dps_ranges_add(&f.ranges, 50, 60), -ENOSPC);
	assert_int_equal(dps_ranges_add(&f.ranges, 22, 28), -ENOSPC);
	ASSERT_ITEMS(&f.ranges, { 10, 20 }, { 30, 40 });
	assert_int_equal(dps_ranges_add(&f.ranges, 40, 45), 5); /* extends, needs no room */
	assert_int_equal(dps_ranges_add(&f.ranges, 20, 30), 10);
	ASSERT_ITEMS(&f.ranges, { 10, 45 });
}

static void add__takes_the_largest_numbers(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, CAPACITY);
	assert_int_equal(dps_ranges_add(&f.ranges, UINT64_MAX - 1, UINT64_MAX), 1);
	assert_int_equal(dps_ranges_add(&f.ranges, 0, 1), 1);
	assert_int_equal(dps_ranges_add(&f.ranges, 0, INT64_MAX), INT64_MAX - 1);
	assert_true(dps_ranges_has_all(&f.ranges, UINT64_MAX - 1, UINT64_MAX));
	ASSERT_ITEMS(&f.ranges, { 0, INT64_MAX }, { UINT64_MAX - 1, UINT64_MAX });
}

static void remove_below__cuts_through_an_interval(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, CAPACITY);
	dps_ranges_add(&f.ranges, 10, 20);
	dps_ranges_add(&f.ranges, 30, 40);
	dps_ranges_remove_below(&f.ranges, 0);
	dps_ranges_remove_below(&f.ranges, 10);
	ASSERT_ITEMS(&f.ranges, { 10, 20 }, { 30, 40 });
	dps_ranges_remove_below(&f.ranges, 15);
	ASSERT_ITEMS(&f.ranges, { 15, 20 }, { 30, 40 });
	dps_ranges_remove_below(&f.ranges, 20);
	ASSERT_ITEMS(&f.ranges, { 30, 40 });
	dps_ranges_remove_below(&f.ranges, 100);
	assert_int_equal(f.ranges.count, 0);
}

static void remove_lowest__keeps_the_newest(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, CAPACITY);
	dps_ranges_add(&f.ranges, 10, 20);
	dps_ranges_add(&f.ranges, 30, 40);
	dps_ranges_remove_lowest(&f.ranges);
	ASSERT_ITEMS(&f.ranges, { 30, 40 });
}

static void next_missing__walks_the_gaps(void **state)
{
	struct fixture f;
	struct dps_range gap;

	(void)state;
	set_up(&f, CAPACITY);
	dps_ranges_add(&f.ranges, 10, 20);
	dps_ranges_add(&f.ranges, 30, 40);
	gap = dps_ranges_next_missing(&f.ranges, 0, 50);
	assert_true(gap.start == 0 && gap.end == 10);
	gap = dps_ranges_next_missing(&f.ranges, 10, 50);
	assert_true(gap.start == 20 && gap.end == 30);
	gap = dps_ranges_next_missing(&f.ranges, 25, 28);
	assert_true(gap.start == 25 && gap.end == 28);
	gap = dps_ranges_next_missing(&f.ranges, 30, 50);
	assert_true(gap.start == 40 && gap.end == 50);
	gap = dps_ranges_next_missing(&f.ranges, 30, 40);
	assert_true(gap.start == 40 && gap.end == 40);
}

/* The model: one bit a number. */

static int64_t model_add(bool *has, uint64_t start, uint64_t end)
{
	int64_t fresh = 0;

	for (uint64_t i = start; i < end; i++) {
		fresh += !has[i];
		has[i] = true;
	}
	return fresh;
}

static void assert_same(const struct dps_ranges *ranges, const bool *has)
{
	uint32_t at = 0;

	for (uint64_t i = 0; i < SPAN;) {
		uint64_t end = i;

		while (end < SPAN && has[end])
			end++;
		if (end == i) {
			i++;
			continue;
		}
		assert_true(at < ranges->count);
		assert_int_equal(ranges->items[at].start, i);
		assert_int_equal(ranges->items[at].end, end);
		at++;
		i = end;
	}
	assert_int_equal(at, ranges->count);
}

static void ask_the_same(const struct dps_ranges *ranges, const bool *has, uint64_t start,
			 uint64_t end)
{
	struct dps_range gap = dps_ranges_next_missing(ranges, start, end);
	uint64_t missing = start, missing_end, contiguous = start;
	bool all = true, any = false;

	for (uint64_t i = start; i < end; i++) {
		all = all && has[i];
		any = any || has[i];
	}
	assert_int_equal(dps_ranges_has_all(ranges, start, end), all);
	assert_int_equal(dps_ranges_has_any(ranges, start, end), any);
	while (missing < end && has[missing])
		missing++;
	for (missing_end = missing; missing_end < end && !has[missing_end];)
		missing_end++;
	assert_int_equal(gap.start, missing);
	assert_int_equal(gap.end, missing_end);
	while (contiguous < SPAN && has[contiguous])
		contiguous++;
	assert_int_equal(dps_ranges_contiguous_end(ranges, start), contiguous);
}

static void ranges__agree_with_a_bitmap(void **state)
{
	struct fixture f;
	struct dps_random random;
	bool has[SPAN + 1] = { false };
	unsigned int refusals = 0;

	(void)state;
	set_up(&f, 16); /* little enough to be full at times */
	dps_random_init(&random, 20260101);
	for (unsigned int i = 0; i < 100000; i++) {
		uint64_t start = dps_random_below(&random, SPAN);
		uint64_t length =
			dps_random_below(&random, dps_random_chance(&random, 1, 8) ? 40 : 4);
		uint64_t end = start + length < SPAN ? start + length : SPAN;
		uint64_t choice = dps_random_below(&random, 400);

		if (choice == 0) {
			dps_ranges_clear(&f.ranges);
			memset(has, 0, sizeof(has));
		} else if (choice < 10) {
			dps_ranges_remove_below(&f.ranges, start / 2);
			memset(has, 0, start / 2);
		} else if (choice < 60 && f.ranges.count != 0) {
			memset(has, 0, f.ranges.items[0].end);
			dps_ranges_remove_lowest(&f.ranges);
		} else {
			int64_t fresh = dps_ranges_add(&f.ranges, start, end);

			if (fresh >= 0) {
				assert_int_equal(fresh, model_add(has, start, end));
			} else {
				assert_int_equal(fresh, -ENOSPC);
				assert_int_equal(f.ranges.count, 16);
				refusals++;
			}
		}
		assert_same(&f.ranges, has);
		ask_the_same(&f.ranges, has, start, end);
	}
	assert_in_range(refusals, 100, 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clear__leaves_an_empty_set),
		cmocka_unit_test(add__joins_what_touches_or_overlaps),
		cmocka_unit_test(add__counts_only_what_is_new),
		cmocka_unit_test(add__refuses_one_interval_too_many_and_changes_nothing),
		cmocka_unit_test(add__takes_the_largest_numbers),
		cmocka_unit_test(remove_below__cuts_through_an_interval),
		cmocka_unit_test(remove_lowest__keeps_the_newest),
		cmocka_unit_test(next_missing__walks_the_gaps),
		cmocka_unit_test(ranges__agree_with_a_bitmap),
	};

	return cmocka_run_group_tests_name("ranges", tests, NULL, NULL);
}
