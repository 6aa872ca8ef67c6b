/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making chunks: how far a channel may reach. For a sender it is reading ahead of what it sends,
 * when the window opens; for a receiver it is granting credit, each chunk of it against a free
 * slot.
 */
#include "engine/state.h"

enum {
	TURN_CHUNKS = 4,   /* one channel's share of a visit, so that a long queue moves on */
	READ_AHEAD_MS = 4, /* of the pacing rate */
};

/*
 * How many chunks a sender keeps read and unsent: enough for the disk, little enough for the cache.
 * Twice what is posted while one is read; a disk that is behind is waited for with all of them
 * posted, which doubles them, up to what the pace may need in some milliseconds.
 */
static uint32_t read_ahead_chunks(const struct dps_engine *engine,
				  const struct dps_channel *channel)
{
	const struct dps_path *path = &engine->paths[channel->path];
	uint64_t window = path->congestion.window_bytes;
	uint64_t rate = path->pacer.rate_bytes_per_s;
	uint64_t bytes = window;

	if (rate != UINT64_MAX)
		bytes = dps_min_u64(bytes,
				    dps_min_u64(rate, UINT64_C(1) << 40) / 1000 * READ_AHEAD_MS);
	return DPS_ENGINE_READ_AHEAD_CHUNKS_MIN +
	       (uint32_t)dps_min_u64(bytes >> engine->chunk_shift, 2 * channel->read_chunks);
}

/*
 * Whether it has its part of the slots: an equal one for each channel that holds some, and never
 * less than two.
 */
static bool has_fair_share(const struct dps_engine *engine, const struct dps_channel *channel)
{
	uint64_t sharers = engine->active_channels + (channel->chunks_count == 0);

	return channel->chunks_count >= 2 &&
	       (channel->chunks_count + UINT64_C(1)) * sharers > engine->limits.slots;
}

static uint64_t gap_bytes(const struct dps_channel *channel)
{
	return channel->gap_end -
	       dps_clamp_u64(channel->stored, channel->gap_start, channel->gap_end);
}

/* Nothing has to be kept on disk for what is skipped, or was done by an earlier connection. */
static void note_gap(struct dps_channel *channel, uint64_t start, uint64_t end)
{
	if (end - start <= gap_bytes(channel))
		return;
	channel->gap_start = start;
	channel->gap_end = end;
}

static uint64_t unstored_bytes(const struct dps_channel *channel)
{
	return (channel->made_offset - dps_min_u64(channel->stored, channel->made_offset) -
		gap_bytes(channel)) /
	       channel->stripes; /* the others hold the rest */
}

static bool may_make(const struct dps_engine *engine, const struct dps_channel *channel)
{
	uint64_t held_bytes = (uint64_t)channel->chunks_count << engine->chunk_shift;

	if (has_fair_share(engine, channel))
		return false;
	if (channel->is_sender)
		return channel->made_offset < channel->credit &&
		       channel->unsent_chunks < read_ahead_chunks(engine, channel);
	/* Credit is for what can be kept: in slots now, and on disk until it is stored; and for
	 * what the way can hold. */
	return held_bytes < channel->window_bytes && !dps_credit_is_full(engine, channel) &&
	       unstored_bytes(channel) < DPS_ENGINE_UNSTORED_BYTES_MAX + channel->window_bytes;
}

/* Moves make_extent to the first that reaches beyond made_offset. */
static struct dps_extent *first_beyond(struct dps_engine *engine, struct dps_channel *channel)
{
	while (channel->make_extent != DPS_EXTENT_NONE) {
		struct dps_extent *extent = &engine->extents.items[channel->make_extent];

		if (extent->end > channel->made_offset)
			return extent;
		channel->make_extent = extent->next;
	}
	return NULL;
}

/* Counts the bytes that a new chunk needs, and itself in the extents it touches. */
static void gather_pieces(struct dps_engine *engine, struct dps_chunk *chunk)
{
	uint32_t index = chunk->first_extent;
	bool has_skipped = false;

	while (index != DPS_EXTENT_NONE) {
		struct dps_extent *extent = &engine->extents.items[index];
		struct dps_piece piece = dps_piece_of(chunk, extent);

		if (extent->start >= chunk->end)
			break;
		if (piece.start < piece.end) {
			/* Empty files in front of it may be done, and gone, before the chunk is. */
			if (chunk->needed_bytes == 0) {
				chunk->first_extent = index;
				chunk->start = piece.start;
			}
			extent->pieces_pending++;
			chunk->needed_bytes += (uint32_t)(piece.end - piece.start);
			chunk->data_end = piece.end;
			has_skipped |= dps_piece_is_skipped(extent, &piece);
		}
		index = extent->next;
	}
	/* What is skipped already needs no data. */
	for (index = has_skipped ? chunk->first_extent : DPS_EXTENT_NONE; index != DPS_EXTENT_NONE;
	     index = engine->extents.items[index].next) {
		const struct dps_extent *extent = &engine->extents.items[index];
		struct dps_piece piece = dps_piece_of(chunk, extent);

		if (extent->start >= chunk->end)
			break;
		if (piece.start < piece.end && dps_piece_is_skipped(extent, &piece))
			dps_chunk_add_skipped(chunk, piece.start, piece.end,
					      dps_piece_fill_end(engine, chunk, extent));
	}
}

static void start_chunk(struct dps_engine *engine, struct dps_channel *channel, uint32_t index)
{
	struct dps_chunk *chunk = &engine->chunks.items[index];

	if (channel->chunks_count++ == 0)
		engine->active_channels++;
	if (channel->is_sender) {
		chunk->state = DPS_CHUNK_READING;
		dps_slots_reserve(&engine->slots);
		chunk->slot = dps_slots_take_reserved(&engine->slots);
		chunk->posted_before = channel->made_chunks++ - channel->unsent_chunks++;
		dps_chunk_queue_ios(engine, index);
		return;
	}
	chunk->state = DPS_CHUNK_RECEIVING;
	channel->promised_chunks++;
	dps_credit_pace_on_granted(&channel->credit_pace, chunk->needed_bytes - chunk->done_bytes,
				   engine->now_ns);
	dps_slots_reserve(&engine->slots);
	if (chunk->done_bytes == chunk->needed_bytes) /* all of it skipped: nothing will come */
		dps_chunk_complete(engine, index);
}

/* Steps over a stretch of a skipped file that fills whole chunks; true when it moved. */
static bool step_over_skipped(struct dps_engine *engine, struct dps_channel *channel,
			      const struct dps_extent *extent)
{
	uint64_t base = dps_round_down(extent->end, engine->limits.chunk_bytes);

	if (extent->skip_from > channel->made_offset || base <= channel->made_offset ||
	    extent->start > channel->made_offset)
		return false;
	note_gap(channel, channel->made_offset, base);
	channel->made_offset = base;
	return true;
}

/* Makes the next chunk; false when the channel can not go on now. Without a slot it starves. */
static bool make_one(struct dps_engine *engine, struct dps_channel *channel)
{
	struct dps_extent *extent = first_beyond(engine, channel);
	uint64_t number, start, end;
	uint32_t index;

	if (!extent || !may_make(engine, channel) ||
	    (!channel->is_sender && !dps_credit_is_ready(engine, channel)))
		return false;
	if (step_over_skipped(engine, channel, extent))
		return true;
	start = dps_max_u64(channel->made_offset, extent->start);
	number = dps_channel_next_own(channel, dps_chunk_number(engine, start));
	if (dps_chunk_base(engine, number) > start) {
		start = dps_chunk_base(engine, number);
		if (start >= extent->end) { /* what is left of it is all of other stripes */
			note_gap(channel, channel->made_offset, extent->end);
			channel->made_offset = extent->end;
			return true;
		}
	}
	end = dps_chunk_base(engine, number + 1);
	if (channel->announced_end < end) {
		if (!channel->is_last)
			return false; /* more files may share this chunk */
		end = channel->announced_end;
	}
	if (!dps_replay_ring_has_room(&channel->ring, number))
		return false;
	index = dps_channel_may_have_slot(engine, channel) ? dps_chunks_take(&engine->chunks)
							   : DPS_CHUNK_NONE;
	if (index == DPS_CHUNK_NONE) {
		dps_channel_starve(engine, channel);
		return false;
	}
	dps_channel_unfeed(engine, channel); /* a claim is for one slot */
	engine->chunks.items[index].channel = dps_channel_index(engine, channel);
	engine->chunks.items[index].start = start;
	engine->chunks.items[index].end = end;
	engine->chunks.items[index].first_extent = channel->make_extent;
	gather_pieces(engine, &engine->chunks.items[index]);
	note_gap(channel, channel->made_offset, start);
	channel->made_offset = end;
	if (engine->chunks.items[index].needed_bytes == 0) { /* empty files only */
		dps_chunks_give(&engine->chunks, index);
		return true;
	}
	dps_replay_ring_put(&channel->ring, number, index);
	start_chunk(engine, channel, index);
	return true;
}

/* Tells the sender of new credit when it is worth a packet, or when it has none left. */
static void report_credit(struct dps_engine *engine, struct dps_channel *channel)
{
	uint64_t moved = channel->made_offset - channel->reported_credit;

	if (moved == 0)
		return;
	dps_channel_report(engine, channel);
	if (moved >= channel->credit_window.window_bytes / 4 ||
	    channel->reported_credit <= channel->contiguous ||
	    channel->made_offset == channel->announced_end)
		engine->paths[channel->path].ack.is_now = true;
	dps_path_touch(engine, &engine->paths[channel->path]);
}

static void serve(struct dps_engine *engine, struct dps_channel *channel)
{
	unsigned int made = 0;

	while (made < TURN_CHUNKS && make_one(engine, channel))
		made++;
	if (!channel->is_sender)
		report_credit(engine, channel);
	dps_channel_settle(engine, channel);
	if (made == TURN_CHUNKS)
		dps_channel_want(engine, channel);
	dps_channel_unfeed(engine, channel);
	dps_channel_feed_starved(engine); /* what this one leaves, another may take */
	if (made > 0)
		dps_path_touch(engine, &engine->paths[channel->path]);
}

void dps_make_chunks(struct dps_engine *engine)
{
	/* Whoever still wants more goes behind; one round gives each its turn. */
	uint32_t last = engine->last_hungry;
	struct dps_channel *channel;

	while ((channel = dps_channel_take_hungry(engine))) {
		serve(engine, channel);
		if (dps_channel_index(engine, channel) == last)
			return;
	}
}
