/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/slots.h"
#include <dps/assert.h>
#include <string.h>

size_t dps_slots_bytes(uint32_t count)
{
	return (size_t)count * 2 * sizeof(uint32_t);
}

void dps_slots_init(struct dps_slots *slots, void *memory, uint32_t count, uint8_t *slot_memory,
		    uint32_t slot_bytes)
{
	slots->memory = slot_memory;
	slots->stack = memory;
	slots->references = slots->stack + count;
	slots->slot_bytes = slot_bytes;
	slots->count = count;
	slots->free_count = slots->free_low = count;
	slots->reserved = 0;
	memset(slots->references, 0, (size_t)count * sizeof(uint32_t));
	for (uint32_t i = 0; i < count; i++)
		slots->stack[i] = count - 1 - i;
}

uint32_t dps_slots_available(const struct dps_slots *slots)
{
	DPS_ASSERT(slots->reserved <= slots->free_count);
	return slots->free_count - slots->reserved;
}

void dps_slots_reserve(struct dps_slots *slots)
{
	DPS_ASSERT(dps_slots_available(slots) > 0);
	slots->reserved++;
}

void dps_slots_unreserve(struct dps_slots *slots)
{
	DPS_ASSERT(slots->reserved > 0);
	slots->reserved--;
}

uint32_t dps_slots_take_reserved(struct dps_slots *slots)
{
	uint32_t slot;

	dps_slots_unreserve(slots);
	DPS_ASSERT(slots->free_count > 0);
	slot = slots->stack[--slots->free_count];
	if (slots->free_count < slots->free_low)
		slots->free_low = slots->free_count;
	DPS_ASSERT(slots->references[slot] == 0);
	slots->references[slot] = 1;
	return slot;
}

void dps_slots_hold(struct dps_slots *slots, uint32_t slot, uint32_t count)
{
	DPS_ASSERT(slot < slots->count && slots->references[slot] > 0);
	slots->references[slot] += count;
}

bool dps_slots_drop(struct dps_slots *slots, uint32_t slot, uint32_t count)
{
	DPS_ASSERT(slot < slots->count && slots->references[slot] >= count && count > 0);
	slots->references[slot] -= count;
	if (slots->references[slot] > 0)
		return false;
	slots->stack[slots->free_count++] = slot;
	return true;
}
