/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/extent.h"
#include <dps/assert.h>
#include <string.h>

size_t dps_extents_bytes(uint32_t count)
{
	return (size_t)count * sizeof(struct dps_extent);
}

void dps_extents_init(struct dps_extents *extents, void *memory, uint32_t count)
{
	extents->items = memory;
	extents->count = count;
	extents->free = DPS_EXTENT_NONE;
	extents->free_count = 0;
	for (uint32_t i = count; i > 0; i--)
		dps_extents_give(extents, i - 1);
}

uint32_t dps_extents_take(struct dps_extents *extents)
{
	uint32_t index = extents->free;

	if (index == DPS_EXTENT_NONE)
		return DPS_EXTENT_NONE;
	extents->free = extents->items[index].next;
	extents->free_count--;
	memset(&extents->items[index], 0, sizeof(extents->items[index]));
	extents->items[index].next = DPS_EXTENT_NONE;
	return index;
}

void dps_extents_give(struct dps_extents *extents, uint32_t index)
{
	DPS_ASSERT(index < extents->count);
	extents->items[index].next = extents->free;
	extents->free = index;
	extents->free_count++;
	DPS_ASSERT(extents->free_count <= extents->count);
}
