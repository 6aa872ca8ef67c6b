/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunks that found no space: a write that failed because the disk is full is made again later, out
 * of the slot that holds its bytes. Credit waits by itself meanwhile, as the slot is not free.
 */
#include "engine/state.h"
#include <errno.h>

bool dps_io_found_no_space(int64_t result)
{
	return result == -ENOSPC || result == -EDQUOT;
}

bool dps_chunk_waits_for_space(struct dps_engine *engine, uint32_t index)
{
	struct dps_chunk *chunk = &engine->chunks.items[index];

	if (!chunk->lacks_space)
		return false;
	/* It was asked for while others of its writes were under way. */
	if (chunk->is_written_again)
		dps_chunk_write_again(engine, index);
	return true;
}

void dps_chunk_write_again(struct dps_engine *engine, uint32_t index)
{
	struct dps_chunk *chunk = &engine->chunks.items[index];

	if (chunk->ios_count > 0 || chunk->is_queued) {
		chunk->is_written_again = true;
		return;
	}
	dps_chunk_queue_ios(engine, index);
}

int dps_engine_write_again(struct dps_engine *engine, uint32_t channel, uint64_t now_ns)
{
	if (channel >= engine->limits.channels || !engine->channels[channel].is_open)
		return -ENOENT;
	engine->now_ns = now_ns;
	for (uint32_t i = 0; i < engine->chunks.count; i++) {
		struct dps_chunk *chunk = &engine->chunks.items[i];

		if (chunk->state == DPS_CHUNK_WRITING && chunk->lacks_space && !chunk->is_orphan &&
		    chunk->channel == channel)
			dps_chunk_write_again(engine, i);
	}
	return 0;
}
