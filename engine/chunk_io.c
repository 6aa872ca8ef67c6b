/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunk I/O: the pieces of a chunk to and from their files, and the end of a chunk. */
#include "engine/state.h"
#include <errno.h>
#include <string.h>

struct dps_piece dps_piece_of(const struct dps_chunk *chunk, const struct dps_extent *extent)
{
	return (struct dps_piece){
		.start = dps_max_u64(chunk->start, extent->start),
		.end = dps_min_u64(chunk->end, extent->end),
	};
}

uint64_t dps_piece_fill_end(const struct dps_engine *engine, const struct dps_chunk *chunk,
			    const struct dps_extent *extent)
{
	for (uint32_t i = extent->next; i != DPS_EXTENT_NONE; i = engine->extents.items[i].next) {
		const struct dps_extent *next = &engine->extents.items[i];

		if (next->start >= chunk->end)
			break;
		if (next->start < next->end)
			return next->start;
	}
	return chunk->end;
}

bool dps_piece_is_skipped(const struct dps_extent *extent, const struct dps_piece *piece)
{
	return piece->start >= extent->skip_from;
}

bool dps_extent_is_large(const struct dps_engine *engine, const struct dps_extent *extent)
{
	return dps_chunk_number(engine, extent->start) != dps_chunk_number(engine, extent->end - 1);
}

struct dps_piece_state *dps_piece_state_of(struct dps_engine *engine, struct dps_chunk *chunk,
					   struct dps_extent *extent)
{
	return dps_extent_is_large(engine, extent) ? &chunk->piece : &extent->piece;
}

uint32_t dps_chunk_find(const struct dps_engine *engine, const struct dps_channel *channel,
			uint64_t offset)
{
	uint32_t index = dps_replay_ring_at(&channel->ring, dps_chunk_number(engine, offset));

	if (index == DPS_CHUNK_NONE && channel->extra_chunk != DPS_CHUNK_NONE) {
		const struct dps_chunk *extra = &engine->chunks.items[channel->extra_chunk];

		if (offset >= extra->start && offset < extra->end)
			return channel->extra_chunk;
	}
	return index;
}

uint32_t dps_extent_find(const struct dps_engine *engine, const struct dps_chunk *chunk,
			 uint64_t offset)
{
	uint32_t index = chunk->first_extent;

	while (index != DPS_EXTENT_NONE) {
		const struct dps_extent *extent = &engine->extents.items[index];

		if (offset < extent->start)
			return DPS_EXTENT_NONE;
		if (offset < extent->end)
			return index;
		index = extent->next;
	}
	return DPS_EXTENT_NONE;
}

void dps_slot_drop(struct dps_engine *engine, uint32_t slot)
{
	if (dps_slots_drop(&engine->slots, slot, 1))
		dps_channel_feed_starved(engine);
}

void dps_chunk_queue_ios(struct dps_engine *engine, uint32_t chunk_index)
{
	struct dps_chunk *chunk = &engine->chunks.items[chunk_index];

	DPS_ASSERT(!chunk->is_queued);
	chunk->is_queued = true;
	chunk->lacks_space = chunk->is_written_again = false;
	chunk->io_extent = chunk->first_extent;
	chunk->next = DPS_CHUNK_NONE;
	if (engine->last_io == DPS_CHUNK_NONE)
		engine->first_io = chunk_index;
	else
		engine->chunks.items[engine->last_io].next = chunk_index;
	engine->last_io = chunk_index;
}

void dps_chunk_complete(struct dps_engine *engine, uint32_t index)
{
	struct dps_chunk *chunk = &engine->chunks.items[index];

	DPS_ASSERT(chunk->state == DPS_CHUNK_RECEIVING);
	dps_run_forget(engine);
	for (uint32_t i = chunk->has_wanted ? chunk->first_extent : DPS_EXTENT_NONE;
	     i != DPS_EXTENT_NONE && engine->extents.items[i].start < chunk->end;
	     i = engine->extents.items[i].next)
		dps_piece_state_of(engine, chunk, &engine->extents.items[i])->is_wanted = false;
	chunk->has_wanted = false;
	chunk->state = DPS_CHUNK_WRITING;
	dps_chunk_queue_ios(engine, index);
}

static void give_memory(struct dps_engine *engine, struct dps_chunk *chunk)
{
	if (chunk->slot != DPS_SLOT_NONE) {
		dps_slot_drop(engine, chunk->slot);
	} else {
		dps_slots_unreserve(&engine->slots);
		dps_channel_feed_starved(engine);
	}
	chunk->slot = DPS_SLOT_NONE;
}

/* Takes a chunk out of its channel; its slot may still be held by the port. */
static void leave_channel(struct dps_engine *engine, struct dps_channel *channel, uint32_t index)
{
	struct dps_chunk *chunk = &engine->chunks.items[index];

	if (chunk->is_extra) {
		channel->extra_chunk = DPS_CHUNK_NONE;
		dps_extents_give(&engine->extents, chunk->first_extent);
	} else {
		dps_replay_ring_remove(&channel->ring, dps_chunk_number(engine, chunk->start));
	}
	if (!channel->is_sender && chunk->slot == DPS_SLOT_NONE)
		channel->promised_chunks--;
	DPS_ASSERT(channel->chunks_count > 0);
	if (--channel->chunks_count == 0)
		engine->active_channels--;
}

/* The files of a chunk have one piece less to wait for. */
static void count_pieces(struct dps_engine *engine, struct dps_channel *channel,
			 const struct dps_chunk *chunk)
{
	for (uint32_t i = chunk->first_extent; i != DPS_EXTENT_NONE;
	     i = engine->extents.items[i].next) {
		struct dps_extent *extent = &engine->extents.items[i];
		struct dps_piece piece = dps_piece_of(chunk, extent);

		if (extent->start >= chunk->end)
			break;
		if (piece.start >= piece.end)
			continue;
		DPS_ASSERT(extent->pieces_pending > 0);
		extent->pieces_pending--;
		if (!dps_piece_is_skipped(extent, &piece))
			channel->bytes_done += piece.end - piece.start;
	}
}

static void say_resent(struct dps_engine *engine, const struct dps_chunk *chunk)
{
	const struct dps_extent *extent = &engine->extents.items[chunk->first_extent];

	dps_engine_push_event(engine,
			      &(struct dps_event){
				      .type = DPS_EVENT_RESENT,
				      .path = engine->channels[chunk->channel].path,
				      .channel = chunk->channel,
				      .generation = engine->channels[chunk->channel].generation,
				      .file_index = extent->file_index,
				      .file = extent->file,
				      .offset = extent->start,
				      .bytes = chunk->needed_bytes,
			      });
}

void dps_chunk_finish(struct dps_engine *engine, uint32_t index)
{
	struct dps_chunk *chunk = &engine->chunks.items[index];
	struct dps_channel *channel = &engine->channels[chunk->channel];

	DPS_ASSERT(chunk->ios_count == 0 && !chunk->is_queued);
	DPS_ASSERT(chunk->done_bytes == chunk->needed_bytes);
	if (chunk->is_extra)
		say_resent(engine, chunk);
	else
		count_pieces(engine, channel, chunk);
	if (!channel->is_sender)
		dps_channel_advance_contiguous(engine, channel);
	else if (!chunk->is_extra && chunk->end > channel->send_offset)
		channel->unsent_chunks--;
	leave_channel(engine, channel, index);
	give_memory(engine, chunk);
	dps_chunks_give(&engine->chunks, index);
	dps_channel_settle(engine, channel);
	dps_channel_want(engine, channel);
	/* A sender may have waited for this chunk, which then needed not be sent. */
	dps_channel_sendable(engine, channel);
}

void dps_chunk_discard(struct dps_engine *engine, uint32_t index)
{
	struct dps_chunk *chunk = &engine->chunks.items[index];

	dps_run_forget(engine);
	leave_channel(engine, &engine->channels[chunk->channel], index);
	chunk->is_orphan = true;
	if (chunk->ios_count > 0 || chunk->is_queued)
		return; /* its memory is being read or written, or is in the queue */
	give_memory(engine, chunk);
	dps_chunks_give(&engine->chunks, index);
}

/* An orphan whose last read or write has come back. */
static void bury(struct dps_engine *engine, uint32_t index)
{
	struct dps_chunk *chunk = &engine->chunks.items[index];

	if (chunk->ios_count > 0 || chunk->is_queued)
		return;
	give_memory(engine, chunk);
	dps_chunks_give(&engine->chunks, index);
}

/* How far the channel came while a chunk of it was read; what was longer once is forgotten slowly.
 */
static void note_read(struct dps_channel *channel, const struct dps_chunk *chunk)
{
	uint32_t posted = channel->made_chunks - channel->unsent_chunks - chunk->posted_before;

	if (posted < channel->read_chunks)
		posted = channel->read_chunks - (channel->read_chunks - posted + 7) / 8;
	channel->read_chunks = posted;
}

/* What remains when all reads or writes of a chunk have come back. */
static void on_chunk_settled(struct dps_engine *engine, uint32_t index)
{
	struct dps_chunk *chunk = &engine->chunks.items[index];
	struct dps_channel *channel = &engine->channels[chunk->channel];

	if (chunk->ios_count > 0 || chunk->is_queued)
		return;
	if (chunk->state == DPS_CHUNK_READING) {
		chunk->state = DPS_CHUNK_READY;
		if (!chunk->is_extra)
			note_read(channel, chunk);
		if (chunk->done_bytes == chunk->needed_bytes)
			dps_chunk_finish(engine, index);
		else
			dps_channel_sendable(engine, channel);
	} else if (chunk->done_bytes < chunk->needed_bytes) {
		chunk->state = DPS_CHUNK_RECEIVING; /* a piece has to come again */
		chunk->lacks_space = false;	    /* and the others are written with it */
	} else if (!dps_chunk_waits_for_space(engine, index)) {
		dps_chunk_finish(engine, index);
	}
}

/* Emits the I/O of one chunk as far as there is room; true when all of it is out. */
static bool emit_chunk(struct dps_engine *engine, uint32_t index, struct dps_io *ios,
		       unsigned int room, unsigned int *count)
{
	struct dps_chunk *chunk = &engine->chunks.items[index];
	uint64_t base = dps_round_down(chunk->start, engine->limits.chunk_bytes);
	bool is_write = chunk->state == DPS_CHUNK_WRITING;

	while (chunk->io_extent != DPS_EXTENT_NONE) {
		struct dps_extent *extent = &engine->extents.items[chunk->io_extent];
		struct dps_piece piece = dps_piece_of(chunk, extent);
		struct dps_io *io = &ios[*count];

		if (extent->start >= chunk->end)
			break;
		if (piece.start < piece.end && !dps_piece_is_skipped(extent, &piece) &&
		    !(is_write && dps_piece_state_of(engine, chunk, extent)->is_written)) {
			if (*count == room)
				return false;
			io->memory =
				dps_slots_at(&engine->slots, chunk->slot) + (piece.start - base);
			io->file_offset = extent->file_start + (piece.start - extent->start);
			io->tag = (uint64_t)index << 32 | chunk->io_extent;
			io->bytes = (uint32_t)(piece.end - piece.start);
			io->file = extent->file;
			io->is_write = is_write;
			io->digest = dps_piece_state_of(engine, chunk, extent)->digest;
			chunk->ios_count++;
			(*count)++;
		}
		chunk->io_extent = extent->next;
	}
	return true;
}

unsigned int dps_engine_emit_ios(struct dps_engine *engine, struct dps_io *ios, unsigned int room)
{
	unsigned int count = 0;

	dps_make_chunks(engine);
	while (engine->first_io != DPS_CHUNK_NONE) {
		uint32_t index = engine->first_io;
		struct dps_chunk *chunk = &engine->chunks.items[index];

		if (!chunk->is_orphan && !emit_chunk(engine, index, ios, room, &count))
			break;
		engine->first_io = chunk->next;
		if (engine->first_io == DPS_CHUNK_NONE)
			engine->last_io = DPS_CHUNK_NONE;
		chunk->is_queued = false;
		if (chunk->is_orphan)
			bury(engine, index);
		else
			on_chunk_settled(engine, index);
	}
	return count;
}

static void say_piece(struct dps_engine *engine, const struct dps_chunk *chunk,
		      const struct dps_extent *extent, uint8_t type, int64_t error,
		      const struct dps_digest *digest)
{
	const struct dps_channel *channel = &engine->channels[chunk->channel];
	struct dps_piece piece = dps_piece_of(chunk, extent);
	struct dps_event event = {
		.type = type,
		.path = channel->path,
		.channel = chunk->channel,
		.generation = channel->generation,
		.file_index = extent->file_index,
		.bytes = (uint32_t)(piece.end - piece.start),
		.error = (int32_t)error,
		.offset = piece.start,
		.written = dps_channel_written(engine, channel),
	};

	if (digest) {
		event.digest = *digest;
		event.offset = extent->file_start + (piece.start - extent->start);
	}
	dps_engine_push_event(engine, &event);
}

static void fail_piece(struct dps_engine *engine, struct dps_chunk *chunk, uint32_t extent_index,
		       int64_t error)
{
	struct dps_extent *extent = &engine->extents.items[extent_index];
	struct dps_piece piece = dps_piece_of(chunk, extent);

	if (dps_piece_is_skipped(extent, &piece))
		return; /* said already */
	say_piece(engine, chunk, extent, DPS_EVENT_FILE_FAILED, error, NULL);
	if (chunk->is_extra) {
		dps_chunk_add_skipped(chunk, piece.start, piece.end,
				      dps_piece_fill_end(engine, chunk, extent));
		return;
	}
	dps_channel_skip(engine, &engine->channels[chunk->channel], extent_index, piece.start);
}

/* Receives again what is wanted of a chunk; all else of it is here, or will not come. */
static void want_again(struct dps_engine *engine, struct dps_chunk *chunk)
{
	chunk->has_wanted = true;
	dps_ranges_clear(&chunk->done);
	chunk->done_bytes = 0;
	for (uint32_t i = chunk->first_extent; i != DPS_EXTENT_NONE;
	     i = engine->extents.items[i].next) {
		struct dps_extent *extent = &engine->extents.items[i];
		struct dps_piece piece = dps_piece_of(chunk, extent);

		if (extent->start >= chunk->end)
			break;
		if (piece.start < piece.end &&
		    (dps_piece_is_skipped(extent, &piece) ||
		     !dps_piece_state_of(engine, chunk, extent)->is_wanted))
			dps_chunk_add_skipped(chunk, piece.start, piece.end,
					      dps_piece_fill_end(engine, chunk, extent));
	}
}

/* The bytes do not match their digest: forget them, and ask for them again. */
static void refetch_piece(struct dps_engine *engine, struct dps_chunk *chunk, uint32_t extent_index)
{
	struct dps_extent *bad = &engine->extents.items[extent_index];
	struct dps_piece piece = dps_piece_of(chunk, bad);
	struct dps_piece_state *piece_state = dps_piece_state_of(engine, chunk, bad);

	engine->counters.digest_mismatches++;
	if (dps_piece_is_skipped(bad, &piece))
		return; /* nobody wants it any more */
	if (piece_state->refetches++ >= DPS_CHUNK_REFETCHES_MAX) {
		fail_piece(engine, chunk, extent_index, -EBADMSG);
		return;
	}
	piece_state->is_wanted = true;
	want_again(engine, chunk);
	say_piece(engine, chunk, bad, DPS_EVENT_REFETCH, 0, NULL);
}

static void send_again(struct dps_engine *engine, struct dps_chunk *chunk)
{
	const struct dps_channel *channel = &engine->channels[chunk->channel];
	struct dps_path *path = &engine->paths[channel->path];

	chunk->first_number = path->sent.next_number;
	dps_repair_queue_bytes(path, chunk->channel, channel->generation, chunk->start,
			       chunk->needed_bytes);
}

static void on_piece_read(struct dps_engine *engine, struct dps_chunk *chunk, uint32_t extent_index,
			  int64_t result, const struct dps_digest *digest)
{
	struct dps_extent *extent = &engine->extents.items[extent_index];
	struct dps_piece piece = dps_piece_of(chunk, extent);

	if (result != (int64_t)(piece.end - piece.start)) {
		/* The file ends before its size: it was cut while we read it. */
		fail_piece(engine, chunk, extent_index, result < 0 ? result : -ENODATA);
		return;
	}
	dps_piece_state_of(engine, chunk, extent)->digest = *digest;
	if (chunk->is_extra)
		send_again(engine, chunk);
	else
		say_piece(engine, chunk, extent, DPS_EVENT_PIECE, 0, digest);
}

static void on_piece_written(struct dps_engine *engine, struct dps_chunk *chunk,
			     uint32_t extent_index, int64_t result)
{
	struct dps_extent *extent = &engine->extents.items[extent_index];
	struct dps_piece piece = dps_piece_of(chunk, extent);

	if (result == -EBADMSG) {
		refetch_piece(engine, chunk, extent_index);
	} else if (dps_io_found_no_space(result)) {
		chunk->lacks_space = true;
		say_piece(engine, chunk, extent, DPS_EVENT_NO_SPACE, result, NULL);
	} else if (result != (int64_t)(piece.end - piece.start)) {
		fail_piece(engine, chunk, extent_index, result < 0 ? result : -EIO);
	} else {
		dps_piece_state_of(engine, chunk, extent)->is_written = true;
		say_piece(engine, chunk, extent, DPS_EVENT_PIECE, 0,
			  &dps_piece_state_of(engine, chunk, extent)->digest);
	}
}

void dps_engine_on_io(struct dps_engine *engine, uint64_t tag, int64_t result,
		      const struct dps_digest *digest, uint64_t now_ns)
{
	uint32_t chunk_index = (uint32_t)(tag >> 32);
	uint32_t extent_index = (uint32_t)tag;
	struct dps_chunk *chunk;

	DPS_ASSERT(chunk_index < engine->chunks.count && extent_index < engine->extents.count);
	engine->now_ns = now_ns;
	chunk = &engine->chunks.items[chunk_index];
	DPS_ASSERT(chunk->ios_count > 0);
	chunk->ios_count--;
	if (chunk->is_orphan) {
		bury(engine, chunk_index);
		return;
	}
	if (chunk->state == DPS_CHUNK_READING)
		on_piece_read(engine, chunk, extent_index, result, digest);
	else
		on_piece_written(engine, chunk, extent_index, result);
	on_chunk_settled(engine, chunk_index);
}
