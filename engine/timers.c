/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/timers.h"
#include <dps/assert.h>
#include <dps/types.h>

size_t dps_timers_bytes(uint32_t capacity)
{
	return capacity * (sizeof(uint64_t) + sizeof(uint32_t) +
			   sizeof(uint32_t)); /* at_ns, heap, positions */
}

void dps_timers_init(struct dps_timers *timers, void *memory, uint32_t capacity)
{
	DPS_ASSERT(capacity < UINT32_MAX);
	timers->at_ns = memory;
	timers->heap = (uint32_t *)(void *)(timers->at_ns + capacity);
	timers->positions = timers->heap + capacity;
	timers->count = 0;
	timers->capacity = capacity;
	for (uint32_t id = 0; id < capacity; id++) {
		timers->at_ns[id] = DPS_NEVER_NS;
		timers->positions[id] = UINT32_MAX;
	}
}

static uint64_t at_position(const struct dps_timers *timers, uint32_t position)
{
	return timers->at_ns[timers->heap[position]];
}

static void put(struct dps_timers *timers, uint32_t position, uint32_t id)
{
	timers->heap[position] = id;
	timers->positions[id] = position;
}

/* Moves an id from its position towards the root until its parent is not later. */
static void move_up(struct dps_timers *timers, uint32_t position)
{
	uint32_t id = timers->heap[position];

	while (position != 0) {
		uint32_t parent = (position - 1) / 2;

		if (at_position(timers, parent) <= timers->at_ns[id])
			break;
		put(timers, position, timers->heap[parent]);
		position = parent;
	}
	put(timers, position, id);
}

/* Moves an id from its position towards the leaves until its children are not earlier. */
static void move_down(struct dps_timers *timers, uint32_t position)
{
	uint32_t id = timers->heap[position];

	for (;;) {
		uint32_t child = 2 * position + 1;

		if (child >= timers->count)
			break;
		if (child + 1 < timers->count &&
		    at_position(timers, child + 1) < at_position(timers, child))
			child++;
		if (timers->at_ns[id] <= at_position(timers, child))
			break;
		put(timers, position, timers->heap[child]);
		position = child;
	}
	put(timers, position, id);
}

static void move(struct dps_timers *timers, uint32_t position)
{
	uint32_t id = timers->heap[position];

	move_up(timers, position);
	move_down(timers, timers->positions[id]);
}

/* The last id of the heap fills the place of the one that goes. */
static void take_out(struct dps_timers *timers, uint32_t position)
{
	timers->positions[timers->heap[position]] = UINT32_MAX;
	timers->count--;
	if (position == timers->count)
		return;
	put(timers, position, timers->heap[timers->count]);
	move(timers, position);
}

void dps_timers_set(struct dps_timers *timers, uint32_t id, uint64_t at_ns)
{
	DPS_ASSERT(id < timers->capacity);
	if (at_ns == timers->at_ns[id])
		return;
	timers->at_ns[id] = at_ns;
	if (at_ns == DPS_NEVER_NS) {
		take_out(timers, timers->positions[id]);
		return;
	}
	if (timers->positions[id] == UINT32_MAX)
		put(timers, timers->count++, id);
	if (timers->count > 1) /* most lanes have one path */
		move(timers, timers->positions[id]);
}

uint64_t dps_timers_next_at_ns(const struct dps_timers *timers)
{
	return timers->count != 0 ? at_position(timers, 0) : DPS_NEVER_NS;
}

uint32_t dps_timers_take_due(struct dps_timers *timers, uint64_t now_ns)
{
	uint32_t id;

	if (timers->count == 0 || at_position(timers, 0) > now_ns)
		return UINT32_MAX;
	id = timers->heap[0];
	dps_timers_set(timers, id, DPS_NEVER_NS);
	return id;
}
