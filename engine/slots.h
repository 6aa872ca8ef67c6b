/* SPDX-License-Identifier: BSD-3-Clause */
/* Slots: the lane's pool of chunk memory, last in first out so that it stays in the cache. */
#pragma once
#include <dps/assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DPS_SLOT_NONE UINT32_MAX

/*
 * Each slot counts its references: the chunk that owns it, packets of it that the port still
 * holds, reads and writes under way. It is free when the last is gone. Credit reserves slots
 * before they are needed, so that a packet within its credit always finds one.
 *
 * Invariant: reserved <= free_count.   Owner: the lane.
 */
struct dps_slots {
	uint8_t *memory;
	uint32_t *stack; /* the free ones, the warmest on top */
	uint32_t *references;
	uint32_t slot_bytes;
	uint32_t count;
	uint32_t free_count;
	uint32_t free_low; /* free_count when it was least */
	uint32_t reserved;
};

size_t dps_slots_bytes(uint32_t count);
void dps_slots_init(struct dps_slots *slots, void *memory, uint32_t count, uint8_t *slot_memory,
		    uint32_t slot_bytes);

/* Slots that are neither in use nor promised. */
uint32_t dps_slots_available(const struct dps_slots *slots);

/* Promises one slot; there must be one available. */
void dps_slots_reserve(struct dps_slots *slots);
void dps_slots_unreserve(struct dps_slots *slots);

/* Turns a promise into a slot with one reference. */
uint32_t dps_slots_take_reserved(struct dps_slots *slots);

/* The slot that a promise would turn into now. */
static inline uint32_t dps_slots_next(const struct dps_slots *slots)
{
	DPS_ASSERT(slots->free_count > 0);
	return slots->stack[slots->free_count - 1];
}

/* So many references more, of what lies in it. */
void dps_slots_hold(struct dps_slots *slots, uint32_t slot, uint32_t count);
/* So many less; true when the slot is free with that. */
bool dps_slots_drop(struct dps_slots *slots, uint32_t slot, uint32_t count);

static inline uint8_t *dps_slots_at(const struct dps_slots *slots, uint32_t slot)
{
	DPS_ASSERT(slot < slots->count);
	return slots->memory + (size_t)slot * slots->slot_bytes;
}
