/* SPDX-License-Identifier: BSD-3-Clause */
/* Timers: one deadline per path, the earliest at hand; a binary heap in memory of the caller. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Owner: the lane. */
struct dps_timers {
	uint64_t *at_ns;     /* by id; DPS_NEVER_NS when not set */
	uint32_t *heap;	     /* ids, the earliest first */
	uint32_t *positions; /* by id: where in the heap, UINT32_MAX when not in it */
	uint32_t count;
	uint32_t capacity;
};

/* Bytes of 8-byte aligned memory for ids 0..capacity-1. */
size_t dps_timers_bytes(uint32_t capacity);
void dps_timers_init(struct dps_timers *timers, void *memory, uint32_t capacity);

/* Sets, moves, or (with DPS_NEVER_NS) clears the deadline of an id. */
void dps_timers_set(struct dps_timers *timers, uint32_t id, uint64_t at_ns);

/* The earliest deadline, DPS_NEVER_NS when none is set. */
uint64_t dps_timers_next_at_ns(const struct dps_timers *timers);

/* Takes out the id whose deadline is earliest and not after now_ns; UINT32_MAX when there is none.
 */
uint32_t dps_timers_take_due(struct dps_timers *timers, uint64_t now_ns);
