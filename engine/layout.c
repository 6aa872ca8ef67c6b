/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/layout.h>
#include <dps/types.h>
#include <errno.h>

void dps_layout_init(struct dps_layout *layout, uint32_t chunk_bytes)
{
	DPS_ASSERT(dps_is_power_of_two(chunk_bytes) && chunk_bytes >= DPS_PAGE_BYTES);
	layout->chunk_bytes = chunk_bytes;
	layout->next_offset = 0;
}

/* min(chunk, the size rounded up to a power of two, at least a page). */
static uint64_t alignment_of(uint64_t size_bytes, uint32_t chunk_bytes)
{
	uint64_t alignment = DPS_PAGE_BYTES;

	while (alignment < size_bytes && alignment < chunk_bytes)
		alignment *= 2;
	return alignment;
}

int dps_layout_place(struct dps_layout *layout, uint64_t size_bytes, uint64_t *offset)
{
	uint64_t start = layout->next_offset;

	/* An empty file needs no place, and padding in front of it would never be received. */
	if (size_bytes != 0)
		start = dps_round_up(start, alignment_of(size_bytes, layout->chunk_bytes));
	if (start > DPS_OFFSET_MAX || size_bytes > DPS_OFFSET_MAX - start)
		return -EFBIG;
	layout->next_offset = start + size_bytes;
	*offset = start;
	return 0;
}
