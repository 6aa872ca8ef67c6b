/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranges: an ordered set of numbers kept as half-open intervals in memory of the caller. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct dps_range {
	uint64_t start;
	uint64_t end; /* one past the last */
};

/*
 * Invariant: items ascend, do not overlap and do not touch; every start < end.
 * Used for packet numbers and for the bytes of a chunk.
 *
 * Owner: the lane.
 */
struct dps_ranges {
	struct dps_range *items;
	uint32_t count;
	uint32_t capacity;
};

void dps_ranges_init(struct dps_ranges *ranges, struct dps_range *items, uint32_t capacity);
void dps_ranges_clear(struct dps_ranges *ranges);

/*
 * Adds start..end and returns how many numbers were new, 0 for an empty or known interval.
 * Errors: -ENOSPC when it would take one interval more than there is room for; nothing changed.
 */
static inline int64_t dps_ranges_add(struct dps_ranges *ranges, uint64_t start, uint64_t end);

/* Forgets all numbers below floor. */
void dps_ranges_remove_below(struct dps_ranges *ranges, uint64_t floor);

/* Forgets the lowest interval, for sets that keep only the newest. */
void dps_ranges_remove_lowest(struct dps_ranges *ranges);

/* Whether every number of start..end is in the set (true for an empty interval). */
bool dps_ranges_has_all(const struct dps_ranges *ranges, uint64_t start, uint64_t end);

/* Whether any number of start..end is in the set. */
bool dps_ranges_has_any(const struct dps_ranges *ranges, uint64_t start, uint64_t end);

/* The first maximal gap within start..end: the numbers that are missing, or an empty range at end.
 */
struct dps_range dps_ranges_next_missing(const struct dps_ranges *ranges, uint64_t start,
					 uint64_t end);

/* The first number >= from that is not in the set. */
uint64_t dps_ranges_contiguous_end(const struct dps_ranges *ranges, uint64_t from);

/* inline definitions */

int64_t dps_ranges_add_anywhere(struct dps_ranges *ranges, uint64_t start, uint64_t end);

/* What arrives in order is the first interval, and then only moves the end of the last. */
static inline int64_t dps_ranges_add(struct dps_ranges *ranges, uint64_t start, uint64_t end)
{
	if (end <= start)
		return 0;
	if (ranges->count == 0 && ranges->capacity != 0)
		ranges->items[ranges->count++] = (struct dps_range){ start, end };
	else if (ranges->count != 0 && start == ranges->items[ranges->count - 1].end)
		ranges->items[ranges->count - 1].end = end;
	else
		return dps_ranges_add_anywhere(ranges, start, end);
	return (int64_t)(end - start);
}
