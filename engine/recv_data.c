/* SPDX-License-Identifier: BSD-3-Clause */
/* A data packet came: where its bytes belong, and what they complete. */
#include "engine/state.h"
#include <errno.h>
#include <string.h>

static uint32_t find_channel(struct dps_engine *engine, struct dps_path *path, uint32_t number)
{
	uint32_t index = path->last_channel;

	if (index != DPS_CHANNEL_NONE && engine->channels[index].number == number)
		return index;
	index = dps_channel_table_find(&engine->table, engine->channels, path->index, false,
				       number);
	if (index != DPS_CHANNEL_NONE)
		path->last_channel = index;
	return index;
}

static uint32_t data_bytes(const struct dps_placement *placement)
{
	uint32_t digest = placement->flags & DPS_PACKET_DIGEST ? DPS_DIGEST_BYTES : 0;

	return placement->payload_bytes > digest ? placement->payload_bytes - digest : 0;
}

/* Whether start..end is a legal part of one piece: ends it exactly if it brings the digest. */
static bool fits_piece(const struct dps_engine *engine, const struct dps_chunk *chunk,
		       const struct dps_placement *placement, uint64_t end)
{
	uint32_t index = dps_extent_find(engine, chunk, placement->offset);
	struct dps_piece piece;

	if (index == DPS_EXTENT_NONE)
		return false;
	piece = dps_piece_of(chunk, &engine->extents.items[index]);
	return end <= piece.end &&
	       (end == piece.end) == ((placement->flags & DPS_PACKET_DIGEST) != 0);
}

/* Not another stripe's. */
static bool is_own(const struct dps_engine *engine, const struct dps_channel *channel,
		   uint64_t offset)
{
	uint64_t number = dps_chunk_number(engine, offset);

	return dps_channel_next_own(channel, number) == number;
}

static void use_scratch(struct dps_engine *engine, struct dps_placement *placement)
{
	placement->to = engine->scratch;
	placement->is_scratch = true;
}

bool dps_place_data(struct dps_engine *engine, struct dps_path *path,
		    struct dps_placement *placement)
{
	uint32_t bytes = data_bytes(placement);
	uint64_t end = placement->offset + bytes;
	struct dps_channel *channel;
	struct dps_chunk *chunk;
	uint32_t index = find_channel(engine, path, placement->channel);

	if (index == DPS_CHANNEL_NONE) {
		engine->counters.dropped_channel++;
		return false;
	}
	channel = &engine->channels[index];
	placement->channel = index;
	if (bytes == 0 || placement->offset > DPS_OFFSET_MAX || end > channel->made_offset) {
		engine->counters.dropped_credit++;
		return false;
	}
	placement->chunk =
		dps_replay_ring_at(&channel->ring, dps_chunk_number(engine, placement->offset));
	use_scratch(engine, placement);
	if (placement->chunk == DPS_CHUNK_NONE && !is_own(engine, channel, placement->offset)) {
		engine->counters.dropped_layout++;
		return false;
	}
	if (placement->chunk == DPS_CHUNK_NONE)
		return true; /* had and written long ago: only its number is news */
	chunk = &engine->chunks.items[placement->chunk];
	if (!fits_piece(engine, chunk, placement, end)) {
		engine->counters.dropped_layout++;
		return false;
	}
	if (chunk->state != DPS_CHUNK_RECEIVING)
		/* Bytes of a piece that is asked for again have to wait until the others are
		 * written. */
		return dps_ranges_has_all(&chunk->done, placement->offset, end);
	/*
	 * Only bytes that nobody has vouched for may be overwritten before the seal is checked. The
	 * digest stands in front of its data, so that packet goes through scratch too.
	 */
	if (!(placement->flags & DPS_PACKET_DIGEST) &&
	    !dps_ranges_has_any(&chunk->done, placement->offset, end)) {
		/* Taken when the packet turns out good. */
		uint32_t slot =
			chunk->slot != DPS_SLOT_NONE ? chunk->slot : dps_slots_next(&engine->slots);

		placement->to = dps_slots_at(&engine->slots, slot) +
				(placement->offset & (engine->limits.chunk_bytes - 1));
		placement->is_scratch = false;
	}
	return true;
}

/* The extent whose piece a packet with a digest ends. */
static struct dps_extent *extent_of(struct dps_engine *engine, const struct dps_chunk *chunk,
				    const struct dps_placement *placement)
{
	return &engine->extents.items[dps_extent_find(engine, chunk, placement->offset)];
}

/* Takes over from scratch what is missing of it. */
static void take_over(struct dps_engine *engine, struct dps_chunk *chunk, uint64_t start,
		      uint64_t end, const uint8_t *from)
{
	uint8_t *slot = dps_slots_at(&engine->slots, chunk->slot);
	uint64_t at = start;

	for (;;) {
		struct dps_range gap = dps_ranges_next_missing(&chunk->done, at, end);

		if (gap.start >= gap.end)
			return;
		memcpy(slot + (gap.start & (engine->limits.chunk_bytes - 1)),
		       from + (gap.start - start), (size_t)(gap.end - gap.start));
		at = gap.end;
	}
}

void dps_chunk_take_slot(struct dps_engine *engine, struct dps_chunk *chunk)
{
	chunk->slot = dps_slots_take_reserved(&engine->slots);
	engine->channels[chunk->channel].promised_chunks--;
}

bool dps_recv_data(struct dps_engine *engine, struct dps_path *path,
		   const struct dps_placement *placement)
{
	uint64_t start = placement->offset, end = start + data_bytes(placement);
	uint64_t fill_end = end;
	struct dps_channel *channel = &engine->channels[placement->channel];
	struct dps_chunk *chunk;
	bool is_first;
	int64_t added;

	engine->counters.data_packets_received++;
	dps_channel_report(engine, channel);
	if (placement->chunk == DPS_CHUNK_NONE ||
	    engine->chunks.items[placement->chunk].state != DPS_CHUNK_RECEIVING) {
		engine->counters.duplicate_packets++;
		path->ack.is_now = true; /* the sender seems to miss our word of it */
		return true;
	}
	chunk = &engine->chunks.items[placement->chunk];
	if (chunk->slot == DPS_SLOT_NONE)
		dps_chunk_take_slot(engine, chunk);
	if (placement->is_scratch) {
		uint32_t skip = placement->flags & DPS_PACKET_DIGEST ? DPS_DIGEST_BYTES : 0;

		take_over(engine, chunk, start, end, placement->to + skip);
		if (skip) {
			struct dps_extent *extent = extent_of(engine, chunk, placement);

			memcpy(&dps_piece_state_of(engine, chunk, extent)->digest, placement->to,
			       DPS_DIGEST_BYTES);
			fill_end = dps_piece_fill_end(engine, chunk, extent);
		}
	}
	is_first = chunk->done_bytes == 0;
	added = dps_chunk_add_done(chunk, start, end, fill_end);
	if (added < 0)
		return false;
	dps_credit_on_data(engine, channel, end, (uint64_t)added, is_first,
			   placement->flags & DPS_PACKET_BLOCKED);
	if (added == 0)
		engine->counters.duplicate_packets++;
	if (chunk->done_bytes == chunk->needed_bytes)
		dps_chunk_complete(engine, placement->chunk);
	return true;
}
