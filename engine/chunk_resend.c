/* SPDX-License-Identifier: BSD-3-Clause */
/* Resend: a piece that arrived with a wrong digest is read and sent again, beside the ring. */
#include "engine/state.h"
#include <errno.h>

static bool is_valid(const struct dps_engine *engine, const struct dps_channel *channel,
		     const struct dps_extent_config *piece, uint64_t file_offset)
{
	return piece->bytes > 0 && piece->bytes <= engine->limits.chunk_bytes &&
	       piece->offset % DPS_PAGE_BYTES == 0 && file_offset % DPS_PAGE_BYTES == 0 &&
	       piece->offset < DPS_OFFSET_MAX &&
	       dps_chunk_number(engine, piece->offset) ==
		       dps_chunk_number(engine, piece->offset + piece->bytes - 1) &&
	       piece->offset + piece->bytes <= channel->send_offset;
}

int dps_engine_resend(struct dps_engine *engine, uint32_t channel_index,
		      const struct dps_extent_config *piece, uint64_t file_offset)
{
	struct dps_channel *channel;
	struct dps_extent *extent;
	struct dps_chunk *chunk;
	uint32_t index, extent_index;

	if (channel_index >= engine->limits.channels || !engine->channels[channel_index].is_open)
		return -ENOENT;
	channel = &engine->channels[channel_index];
	if (!channel->is_sender || !is_valid(engine, channel, piece, file_offset))
		return -EINVAL;
	/* One at a time, and only when the acknowledgements of the first sending are in. */
	if (channel->extra_chunk != DPS_CHUNK_NONE ||
	    dps_chunk_find(engine, channel, piece->offset) != DPS_CHUNK_NONE ||
	    dps_slots_available(&engine->slots) == 0 || engine->chunks.free_count == 0)
		return -EAGAIN;
	extent_index = dps_extents_take(&engine->extents);
	if (extent_index == DPS_EXTENT_NONE)
		return -EAGAIN;
	extent = &engine->extents.items[extent_index];
	extent->start = piece->offset;
	extent->end = extent->skip_from = piece->offset + piece->bytes;
	extent->file_start = file_offset;
	extent->file_index = piece->file_index;
	extent->file = piece->file;
	index = dps_chunks_take(&engine->chunks);
	chunk = &engine->chunks.items[index];
	chunk->channel = channel_index;
	chunk->start = extent->start;
	chunk->end = chunk->data_end = extent->end;
	chunk->first_extent = extent_index;
	chunk->needed_bytes = (uint32_t)piece->bytes;
	chunk->is_extra = true;
	chunk->state = DPS_CHUNK_READING;
	dps_slots_reserve(&engine->slots);
	chunk->slot = dps_slots_take_reserved(&engine->slots);
	channel->extra_chunk = index;
	if (channel->chunks_count++ == 0)
		engine->active_channels++;
	dps_chunk_queue_ios(engine, index);
	return 0;
}
