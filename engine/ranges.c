/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/ranges.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>
#include <string.h>

/* The first interval that ends after a number; count when there is none. */
static uint32_t find_end_after(const struct dps_ranges *ranges, uint64_t number)
{
	uint32_t low = 0, high = ranges->count;

	/* Most questions are about the newest numbers. */
	if (high != 0 && ranges->items[high - 1].start <= number)
		return ranges->items[high - 1].end > number ? high - 1 : high;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (ranges->items[middle].end > number)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void remove_items(struct dps_ranges *ranges, uint32_t first, uint32_t items_count)
{
	if (items_count == 0)
		return;
	memmove(ranges->items + first, ranges->items + first + items_count,
		(ranges->count - first - items_count) * sizeof(*ranges->items));
	ranges->count -= items_count;
}

void dps_ranges_init(struct dps_ranges *ranges, struct dps_range *items, uint32_t capacity)
{
	DPS_ASSERT(items != NULL || capacity == 0);
	ranges->items = items;
	ranges->count = 0;
	ranges->capacity = capacity;
}

void dps_ranges_clear(struct dps_ranges *ranges)
{
	ranges->count = 0;
}

static int64_t insert(struct dps_ranges *ranges, uint32_t at, uint64_t start, uint64_t end)
{
	if (ranges->count == ranges->capacity)
		return -ENOSPC;
	memmove(ranges->items + at + 1, ranges->items + at,
		(ranges->count - at) * sizeof(*ranges->items));
	ranges->items[at] = (struct dps_range){ .start = start, .end = end };
	ranges->count++;
	return (int64_t)(end - start);
}

int64_t dps_ranges_add_anywhere(struct dps_ranges *ranges, uint64_t start, uint64_t end)
{
	struct dps_range *items = ranges->items;
	uint64_t known = 0;
	uint32_t first, next;

	if (end <= start)
		return 0;
	DPS_ASSERT(end - start <= INT64_MAX);
	/* From first to before next: every interval that overlaps start..end or touches it. */
	first = start == 0 ? 0 : find_end_after(ranges, start - 1);
	for (next = first; next < ranges->count && items[next].start <= end; next++) {
		uint64_t from = dps_max_u64(items[next].start, start);
		uint64_t to = dps_min_u64(items[next].end, end);

		known += to > from ? to - from : 0;
	}
	if (next == first)
		return insert(ranges, first, start, end);
	items[first].start = dps_min_u64(items[first].start, start);
	items[first].end = dps_max_u64(items[next - 1].end, end);
	remove_items(ranges, first + 1, next - first - 1);
	return (int64_t)(end - start - known);
}

void dps_ranges_remove_below(struct dps_ranges *ranges, uint64_t floor)
{
	uint32_t first = floor == 0 ? 0 : find_end_after(ranges, floor);

	remove_items(ranges, 0, first);
	if (ranges->count != 0 && ranges->items[0].start < floor)
		ranges->items[0].start = floor;
}

void dps_ranges_remove_lowest(struct dps_ranges *ranges)
{
	DPS_ASSERT(ranges->count != 0);
	remove_items(ranges, 0, 1);
}

bool dps_ranges_has_all(const struct dps_ranges *ranges, uint64_t start, uint64_t end)
{
	uint32_t at;

	if (end <= start)
		return true;
	at = find_end_after(ranges, start);
	return at < ranges->count && ranges->items[at].start <= start &&
	       ranges->items[at].end >= end;
}

bool dps_ranges_has_any(const struct dps_ranges *ranges, uint64_t start, uint64_t end)
{
	uint32_t at;

	if (end <= start)
		return false;
	at = find_end_after(ranges, start);
	return at < ranges->count && ranges->items[at].start < end;
}

struct dps_range dps_ranges_next_missing(const struct dps_ranges *ranges, uint64_t start,
					 uint64_t end)
{
	struct dps_range gap = { .start = end, .end = end };
	uint32_t at = find_end_after(ranges, start);

	if (at < ranges->count && ranges->items[at].start <= start)
		start = ranges->items[at++].end;
	if (start >= end)
		return gap;
	gap.start = start;
	if (at < ranges->count)
		gap.end = dps_min_u64(ranges->items[at].start, end);
	return gap;
}

uint64_t dps_ranges_contiguous_end(const struct dps_ranges *ranges, uint64_t from)
{
	uint32_t at = find_end_after(ranges, from);

	if (at < ranges->count && ranges->items[at].start <= from)
		return ranges->items[at].end;
	return from;
}
