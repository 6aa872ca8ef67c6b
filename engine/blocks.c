/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/blocks.h"
#include "engine/bits.h"
#include <dps/assert.h>

size_t dps_blocks_bytes(uint32_t count)
{
	return count * (sizeof(uint32_t) + (size_t)DPS_BLOCK_BYTES);
}

void dps_blocks_init(struct dps_blocks *blocks, void *memory, uint32_t count)
{
	DPS_ASSERT(count > 0 && count < DPS_BLOCK_NONE);
	*blocks = (struct dps_blocks){
		.memory = memory,
		.next = (uint32_t *)(void *)((uint8_t *)memory + count * (size_t)DPS_BLOCK_BYTES),
		.count = count,
		.free_count = count,
	};
	/* In order: chains that are taken from a fresh pool lie in one piece. */
	for (uint32_t i = 0; i < count; i++)
		blocks->next[i] = i + 1 < count ? i + 1 : DPS_BLOCK_NONE;
}

uint32_t dps_blocks_for(uint32_t bytes)
{
	return bytes == 0 ? 1 : (bytes - 1) / DPS_BLOCK_BYTES + 1;
}

uint32_t dps_blocks_take(struct dps_blocks *blocks, uint32_t bytes)
{
	uint32_t needed = dps_blocks_for(bytes), first = blocks->free, last = first;

	if (needed > blocks->free_count)
		return DPS_BLOCK_NONE;
	for (uint32_t i = 1; i < needed; i++)
		last = blocks->next[last];
	blocks->free = blocks->next[last];
	blocks->free_count -= needed;
	blocks->next[last] = DPS_BLOCK_NONE;
	return first;
}

void dps_blocks_give(struct dps_blocks *blocks, uint32_t first)
{
	uint32_t last = first, given = 1;

	DPS_ASSERT(first < blocks->count);
	for (; blocks->next[last] != DPS_BLOCK_NONE; given++)
		last = blocks->next[last];
	DPS_ASSERT(given <= blocks->count - blocks->free_count);
	blocks->next[last] = blocks->free;
	blocks->free = first;
	blocks->free_count += given;
}

uint32_t dps_blocks_run(const struct dps_blocks *blocks, struct dps_block_cursor *cursor,
			uint32_t bytes_max, uint8_t **memory)
{
	uint32_t bytes = 0;

	if (bytes_max == 0)
		return 0;
	if (cursor->at == DPS_BLOCK_BYTES)
		*cursor = (struct dps_block_cursor){ .block = blocks->next[cursor->block] };
	DPS_ASSERT(cursor->block < blocks->count);
	*memory = blocks->memory + (size_t)cursor->block * DPS_BLOCK_BYTES + cursor->at;
	for (;;) {
		uint32_t part =
			(uint32_t)dps_min_u64(DPS_BLOCK_BYTES - cursor->at, bytes_max - bytes);

		bytes += part;
		cursor->at += part;
		if (bytes == bytes_max || blocks->next[cursor->block] != cursor->block + 1)
			return bytes;
		*cursor = (struct dps_block_cursor){ .block = cursor->block + 1 };
	}
}

void dps_blocks_put(const struct dps_blocks *blocks, struct dps_block_cursor *cursor,
		    const uint8_t *bytes, uint32_t length)
{
	while (length > 0) {
		uint8_t *memory;
		uint32_t run = dps_blocks_run(blocks, cursor, length, &memory);

		memcpy(memory, bytes, run);
		bytes += run;
		length -= run;
	}
}

void dps_blocks_get(const struct dps_blocks *blocks, struct dps_block_cursor *cursor,
		    uint8_t *bytes, uint32_t length)
{
	while (length > 0) {
		uint8_t *memory;
		uint32_t run = dps_blocks_run(blocks, cursor, length, &memory);

		memcpy(bytes, memory, run);
		bytes += run;
		length -= run;
	}
}

struct dps_block_cursor dps_blocks_seek(const struct dps_blocks *blocks, uint32_t first,
					uint32_t offset)
{
	struct dps_block_cursor cursor = { .block = first };

	for (; offset > DPS_BLOCK_BYTES; offset -= DPS_BLOCK_BYTES)
		cursor.block = blocks->next[cursor.block];
	cursor.at = offset;
	return cursor;
}
