/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/chunk.h"
#include <dps/assert.h>
#include <string.h>

size_t dps_chunks_bytes(uint32_t count)
{
	return (size_t)count * sizeof(struct dps_chunk);
}

void dps_chunks_init(struct dps_chunks *chunks, void *memory, uint32_t count)
{
	chunks->items = memory;
	chunks->count = count;
	chunks->free = DPS_CHUNK_NONE;
	chunks->free_count = 0;
	for (uint32_t i = count; i > 0; i--) {
		chunks->items[i - 1].state = DPS_CHUNK_READY;
		dps_chunks_give(chunks, i - 1);
	}
}

uint32_t dps_chunks_take(struct dps_chunks *chunks)
{
	uint32_t index = chunks->free;
	struct dps_chunk *chunk;

	if (index == DPS_CHUNK_NONE)
		return DPS_CHUNK_NONE;
	chunk = &chunks->items[index];
	chunks->free = chunk->next;
	chunks->free_count--;
	dps_ranges_init(&chunk->done, chunk->ranges, DPS_CHUNK_RANGES);
	/* The ranges need no clearing: their count says that there are none. */
	memset(&chunk->start, 0, sizeof(*chunk) - offsetof(struct dps_chunk, start));
	chunk->slot = UINT32_MAX;
	chunk->next = DPS_CHUNK_NONE;
	chunk->state = DPS_CHUNK_READING; /* not free: the taker says what it is */
	return index;
}

void dps_chunks_give(struct dps_chunks *chunks, uint32_t index)
{
	struct dps_chunk *chunk;

	DPS_ASSERT(index < chunks->count);
	chunk = &chunks->items[index];
	DPS_ASSERT(chunk->state != DPS_CHUNK_FREE);
	chunk->state = DPS_CHUNK_FREE;
	chunk->next = chunks->free;
	chunks->free = index;
	chunks->free_count++;
}

static int64_t add(struct dps_chunk *chunk, uint64_t start, uint64_t end, uint64_t fill_end,
		   uint32_t capacity)
{
	int64_t added;

	chunk->done.capacity = capacity;
	added = dps_ranges_add(&chunk->done, start, end);
	if (added < 0)
		return added;
	chunk->done_bytes += (uint32_t)added;
	DPS_ASSERT(chunk->done_bytes <= chunk->needed_bytes);
	/* Touches what was just added, so it needs no room. */
	if (fill_end > end)
		(void)dps_ranges_add(&chunk->done, end, fill_end);
	return added;
}

int64_t dps_chunk_add_done(struct dps_chunk *chunk, uint64_t start, uint64_t end, uint64_t fill_end)
{
	uint32_t count = chunk->done.count;

	return add(chunk, start, end, fill_end,
		   count > DPS_CHUNK_RANGES ? count : DPS_CHUNK_RANGES);
}

void dps_chunk_add_skipped(struct dps_chunk *chunk, uint64_t start, uint64_t end, uint64_t fill_end)
{
	int64_t added = add(chunk, start, end, fill_end, DPS_CHUNK_RANGES + DPS_CHUNK_RANGES_SPARE);

	DPS_ASSERT(added >= 0);
}
