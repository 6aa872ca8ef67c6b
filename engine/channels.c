/* SPDX-License-Identifier: BSD-3-Clause */
/* Channels: commands on them, and the order in which their files are announced and done. */
#include "engine/state.h"
#include <errno.h>
#include <string.h>

uint32_t dps_channel_index(const struct dps_engine *engine, const struct dps_channel *channel)
{
	return (uint32_t)(channel - engine->channels);
}

static struct dps_channel *find_open(struct dps_engine *engine, uint32_t index)
{
	if (index >= engine->limits.channels || !engine->channels[index].is_open)
		return NULL;
	return &engine->channels[index];
}

void dps_channel_sendable(struct dps_engine *engine, struct dps_channel *channel)
{
	struct dps_path *path = &engine->paths[channel->path];
	uint32_t index = dps_channel_index(engine, channel);

	dps_path_touch(engine, path);
	if (channel->is_sendable || !channel->is_sender)
		return;
	channel->is_sendable = true;
	channel->is_brief = channel->announced_end - channel->send_offset <
			    (uint64_t)DPS_ENGINE_QUANTUM_BYTES * channel->stripes;
	path->brief_count += channel->is_brief;
	channel->next_sendable = DPS_CHANNEL_NONE;
	if (path->last_sendable == DPS_CHANNEL_NONE)
		path->first_sendable = index;
	else
		engine->channels[path->last_sendable].next_sendable = index;
	path->last_sendable = index;
}

void dps_channel_report(struct dps_engine *engine, struct dps_channel *channel)
{
	struct dps_path *path = &engine->paths[channel->path];
	uint32_t index = dps_channel_index(engine, channel);

	if (channel->is_dirty)
		return;
	channel->is_dirty = true;
	channel->next_dirty = DPS_CHANNEL_NONE;
	if (path->last_dirty == DPS_CHANNEL_NONE)
		path->first_dirty = index;
	else
		engine->channels[path->last_dirty].next_dirty = index;
	path->last_dirty = index;
}

/* Takes an index out of a singly linked queue; these are short and this is rare. */
#define UNLINK(engine_, first_, last_, member_, index_)                                            \
	do {                                                                                       \
		uint32_t *link_ = &(first_);                                                       \
		uint32_t previous_ = DPS_CHANNEL_NONE;                                             \
		while (*link_ != (index_)) {                                                       \
			DPS_ASSERT(*link_ != DPS_CHANNEL_NONE);                                    \
			previous_ = *link_;                                                        \
			link_ = &(engine_)->channels[*link_].member_;                              \
		}                                                                                  \
		*link_ = (engine_)->channels[index_].member_;                                      \
		if ((last_) == (index_))                                                           \
			(last_) = previous_;                                                       \
	} while (0)

static void link_to_path(struct dps_engine *engine, struct dps_path *path, uint32_t index)
{
	struct dps_channel *channel = &engine->channels[index];

	if (path->first_channel == DPS_CHANNEL_NONE) {
		channel->next_in_path = channel->previous_in_path = index;
		path->first_channel = path->report_channel = index;
	} else {
		struct dps_channel *first = &engine->channels[path->first_channel];

		channel->next_in_path = path->first_channel;
		channel->previous_in_path = first->previous_in_path;
		engine->channels[first->previous_in_path].next_in_path = index;
		first->previous_in_path = index;
	}
}

static void unlink_from_path(struct dps_engine *engine, struct dps_path *path, uint32_t index)
{
	struct dps_channel *channel = &engine->channels[index];
	uint32_t next = channel->next_in_path == index ? DPS_CHANNEL_NONE : channel->next_in_path;

	engine->channels[channel->next_in_path].previous_in_path = channel->previous_in_path;
	engine->channels[channel->previous_in_path].next_in_path = channel->next_in_path;
	if (path->first_channel == index)
		path->first_channel = next;
	if (path->report_channel == index)
		path->report_channel = next;
	if (path->last_channel == index)
		path->last_channel = DPS_CHANNEL_NONE;
	if (path->blocked_channel == index)
		path->blocked_channel = DPS_CHANNEL_NONE;
}

int dps_engine_open_channel(struct dps_engine *engine, const struct dps_channel_config *config)
{
	struct dps_channel *channel;
	uint32_t index = 0, generation;
	uint32_t *ring;

	if (config->path >= engine->limits.paths || config->window_bytes == 0 ||
	    (config->stripe > 0 && config->stripe >= config->stripes))
		return -EINVAL;
	if (engine->paths[config->path].state != DPS_PATH_PROBING &&
	    engine->paths[config->path].state != DPS_PATH_OPEN)
		return -ENOENT;
	if (dps_channel_table_find(&engine->table, engine->channels, config->path,
				   config->is_sender, config->number) != DPS_CHANNEL_NONE)
		return -EEXIST;
	while (index < engine->limits.channels && engine->channels[index].is_open)
		index++;
	if (index == engine->limits.channels)
		return -ENOSPC;
	channel = &engine->channels[index];
	generation = channel->generation + 1;
	ring = channel->ring.chunks;
	memset(channel, 0, sizeof(*channel));
	dps_replay_ring_init(&channel->ring, ring, engine->limits.ring_chunks);
	channel->generation = generation;
	channel->path = config->path;
	channel->number = config->number;
	channel->is_sender = config->is_sender;
	channel->window_bytes = config->window_bytes;
	channel->stripe = config->stripe;
	channel->stripes = config->stripes > 0 ? config->stripes : 1;
	channel->first_extent = channel->last_extent = DPS_EXTENT_NONE;
	channel->make_extent = channel->send_extent = DPS_EXTENT_NONE;
	channel->extra_chunk = DPS_CHUNK_NONE;
	channel->is_open = true;
	dps_credit_open(engine, channel);
	dps_channel_table_add(&engine->table, engine->channels, index);
	link_to_path(engine, &engine->paths[config->path], index);
	engine->senders_count += channel->is_sender;
	return (int)index;
}

static void free_extents(struct dps_engine *engine, struct dps_channel *channel)
{
	while (channel->first_extent != DPS_EXTENT_NONE) {
		uint32_t index = channel->first_extent;

		channel->first_extent = engine->extents.items[index].next;
		dps_extents_give(&engine->extents, index);
	}
}

void dps_channel_close(struct dps_engine *engine, struct dps_channel *channel)
{
	struct dps_path *path = &engine->paths[channel->path];
	uint32_t index = dps_channel_index(engine, channel);

	for (uint32_t i = 0; i < engine->chunks.count; i++)
		if (engine->chunks.items[i].state != DPS_CHUNK_FREE &&
		    !engine->chunks.items[i].is_orphan && engine->chunks.items[i].channel == index)
			dps_chunk_discard(engine, i);
	DPS_ASSERT(channel->chunks_count == 0);
	free_extents(engine, channel);
	dps_channel_forget_hunger(engine, channel);
	if (channel->is_sendable) {
		UNLINK(engine, path->first_sendable, path->last_sendable, next_sendable, index);
		path->brief_count -= channel->is_brief;
		path->send_quantum = 0;
	}
	if (channel->is_dirty)
		UNLINK(engine, path->first_dirty, path->last_dirty, next_dirty, index);
	unlink_from_path(engine, path, index);
	dps_channel_table_remove(&engine->table, engine->channels, index);
	engine->senders_count -= channel->is_sender;
	channel->is_open = channel->is_dirty = channel->is_sendable = false;
	dps_channel_feed_starved(engine); /* a slot may have been on its way to this one */
}

void dps_engine_close_channel(struct dps_engine *engine, uint32_t index)
{
	struct dps_channel *channel = find_open(engine, index);

	if (channel)
		dps_channel_close(engine, channel);
}

uint64_t dps_channel_written(const struct dps_engine *engine, const struct dps_channel *channel)
{
	if (channel->ring.floor == channel->ring.head)
		return channel->made_offset;
	return dps_min_u64(dps_chunk_base(engine, channel->ring.floor), channel->made_offset);
}

static void say_file_done(struct dps_engine *engine, const struct dps_channel *channel,
			  const struct dps_extent *extent)
{
	dps_engine_push_event(engine,
			      &(struct dps_event){
				      .type = DPS_EVENT_FILE_DONE,
				      .path = channel->path,
				      .channel = dps_channel_index(engine, channel),
				      .generation = channel->generation,
				      .file_index = extent->file_index,
				      .file = extent->file,
				      .error = extent->skip_from < extent->end ? -ECANCELED : 0,
				      .written = dps_channel_written(engine, channel),
			      });
}

void dps_channel_settle_all(struct dps_engine *engine, struct dps_channel *channel)
{
	while (channel->first_extent != DPS_EXTENT_NONE) {
		uint32_t index = channel->first_extent;
		struct dps_extent *extent = &engine->extents.items[index];

		if (extent->pieces_pending > 0 || channel->made_offset < extent->end)
			return;
		say_file_done(engine, channel, extent);
		if (channel->send_extent == index)
			channel->send_extent = extent->next;
		if (channel->make_extent == index)
			channel->make_extent = extent->next;
		channel->first_extent = extent->next;
		if (channel->last_extent == index)
			channel->last_extent = DPS_EXTENT_NONE;
		dps_extents_give(&engine->extents, index);
	}
	if (!channel->is_last || channel->is_reported)
		return;
	channel->is_reported = true;
	dps_engine_push_event(engine, &(struct dps_event){
					      .type = DPS_EVENT_CHANNEL_DONE,
					      .path = channel->path,
					      .channel = dps_channel_index(engine, channel),
					      .generation = channel->generation,
					      .offset = channel->announced_end,
				      });
}

int dps_engine_announce(struct dps_engine *engine, uint32_t channel_index,
			const struct dps_extent_config *config)
{
	struct dps_channel *channel = find_open(engine, channel_index);
	struct dps_extent *extent;
	uint32_t index;

	if (!channel)
		return -ENOENT;
	if (channel->is_last || (config->bytes > 0 && config->offset % DPS_PAGE_BYTES != 0) ||
	    config->offset < channel->announced_end || config->offset > DPS_OFFSET_MAX ||
	    config->bytes > DPS_OFFSET_MAX - config->offset ||
	    config->file_offset % engine->limits.chunk_bytes != 0 ||
	    (config->file_offset > 0 && config->offset % engine->limits.chunk_bytes != 0))
		return -EINVAL;
	/* A small file never straddles a chunk, a large one starts on one. */
	if (config->bytes > 0 && config->offset % engine->limits.chunk_bytes != 0 &&
	    dps_chunk_number(engine, config->offset) !=
		    dps_chunk_number(engine, config->offset + config->bytes - 1))
		return -EINVAL;
	index = dps_extents_take(&engine->extents);
	if (index == DPS_EXTENT_NONE)
		return -EAGAIN;
	extent = &engine->extents.items[index];
	extent->start = config->offset;
	extent->end = extent->skip_from = config->offset + config->bytes;
	extent->file_start = config->file_offset;
	extent->file_index = config->file_index;
	extent->file = config->file;
	if (channel->last_extent == DPS_EXTENT_NONE)
		channel->first_extent = index;
	else
		engine->extents.items[channel->last_extent].next = index;
	channel->last_extent = index;
	if (channel->make_extent == DPS_EXTENT_NONE)
		channel->make_extent = index;
	if (channel->send_extent == DPS_EXTENT_NONE)
		channel->send_extent = index;
	channel->announced_end = extent->end;
	dps_channel_want(engine, channel);
	dps_channel_sendable(engine, channel); /* which has it ask for credit */
	return 0;
}

int dps_engine_announce_last(struct dps_engine *engine, uint32_t channel_index)
{
	struct dps_channel *channel = find_open(engine, channel_index);

	if (!channel)
		return -ENOENT;
	channel->is_last = true;
	dps_channel_want(engine, channel);
	dps_path_touch(engine, &engine->paths[channel->path]);
	return 0;
}

/* Counts the skipped piece of a chunk as done without data. */
static void skip_in_chunk(struct dps_engine *engine, uint32_t chunk_index,
			  const struct dps_extent *extent)
{
	struct dps_chunk *chunk = &engine->chunks.items[chunk_index];
	struct dps_piece piece = dps_piece_of(chunk, extent);

	if (piece.start >= piece.end || piece.start < extent->skip_from)
		return;
	dps_run_forget(engine);
	dps_chunk_add_skipped(chunk, piece.start, piece.end,
			      dps_piece_fill_end(engine, chunk, extent));
	if (chunk->done_bytes < chunk->needed_bytes)
		return;
	if (chunk->state == DPS_CHUNK_RECEIVING) {
		dps_chunk_complete(engine, chunk_index);
	} else if (chunk->state == DPS_CHUNK_READY) {
		dps_chunk_finish(engine, chunk_index);
	} else if (chunk->lacks_space) {
		dps_chunk_write_again(engine, chunk_index); /* perhaps it was what did not fit */
	}
}

void dps_channel_skip(struct dps_engine *engine, struct dps_channel *channel, uint32_t extent_index,
		      uint64_t from_offset)
{
	struct dps_extent *extent = &engine->extents.items[extent_index];
	uint64_t from = dps_round_down(from_offset, engine->limits.chunk_bytes);
	uint64_t last_number, end;

	from = dps_max_u64(from, extent->start);
	if (from >= extent->skip_from)
		return;
	extent->skip_from = from;
	end = extent->end; /* finishing the last chunk may free the extent */
	last_number = dps_min_u64(dps_chunk_number(engine, end - 1) + 1, channel->ring.head);
	for (uint64_t number = dps_max_u64(dps_chunk_number(engine, from), channel->ring.floor);
	     number < last_number; number++) {
		uint32_t chunk = dps_replay_ring_at(&channel->ring, number);

		if (chunk != DPS_CHUNK_NONE)
			skip_in_chunk(engine, chunk, extent);
	}
	dps_channel_want(engine, channel);
	dps_path_touch(engine, &engine->paths[channel->path]);
}

/* The first stretch of a file that is not skipped from there on already; DPS_EXTENT_NONE. */
static uint32_t find_unskipped(const struct dps_engine *engine, const struct dps_channel *channel,
			       uint32_t file_index, uint64_t from_offset)
{
	uint64_t from = dps_round_down(from_offset, engine->limits.chunk_bytes);
	uint32_t index = channel->first_extent;

	while (index != DPS_EXTENT_NONE) {
		const struct dps_extent *extent = &engine->extents.items[index];

		if (extent->file_index == file_index &&
		    dps_max_u64(from, extent->start) < extent->skip_from)
			return index;
		index = extent->next;
	}
	return DPS_EXTENT_NONE;
}

static bool has_extent(const struct dps_engine *engine, const struct dps_channel *channel,
		       uint32_t file_index)
{
	uint32_t index = channel->first_extent;

	while (index != DPS_EXTENT_NONE && engine->extents.items[index].file_index != file_index)
		index = engine->extents.items[index].next;
	return index != DPS_EXTENT_NONE;
}

int dps_engine_skip(struct dps_engine *engine, uint32_t channel_index, uint32_t file_index,
		    uint64_t from_offset, uint64_t now_ns)
{
	struct dps_channel *channel = find_open(engine, channel_index);
	uint32_t index;

	if (!channel)
		return -ENOENT;
	engine->now_ns = now_ns;
	if (!has_extent(engine, channel, file_index))
		return -ENOENT; /* done already, or not announced yet */
	/* Skipping one may end others: begin at the first again. */
	while ((index = find_unskipped(engine, channel, file_index, from_offset)) !=
	       DPS_EXTENT_NONE)
		dps_channel_skip(engine, channel, index, from_offset);
	return 0;
}

int dps_engine_mark_stored(struct dps_engine *engine, uint32_t channel_index, uint64_t offset)
{
	struct dps_channel *channel = find_open(engine, channel_index);

	if (!channel)
		return -ENOENT;
	if (channel->is_sender || offset > DPS_OFFSET_MAX)
		return -EINVAL;
	if (offset <= channel->stored)
		return 0;
	channel->stored = offset;
	dps_channel_want(engine, channel);
	dps_channel_report(engine, channel);
	engine->paths[channel->path].ack.is_now = true;
	dps_path_touch(engine, &engine->paths[channel->path]);
	return 0;
}

uint64_t dps_channel_next_held(const struct dps_engine *engine, const struct dps_channel *channel,
			       uint64_t offset)
{
	/* What is not held is done, padding or skipped, and may be as long as a file can be. */
	uint64_t number = dps_chunk_number(engine, offset);
	uint64_t next = dps_replay_ring_next(&channel->ring, number);

	if (next == number)
		return offset;
	return next == UINT64_MAX ? channel->made_offset : dps_chunk_base(engine, next);
}

void dps_channel_advance_contiguous(struct dps_engine *engine, struct dps_channel *channel)
{
	while (channel->contiguous < channel->made_offset) {
		uint64_t from = channel->contiguous;
		uint32_t index = dps_replay_ring_at(&channel->ring, dps_chunk_number(engine, from));
		const struct dps_chunk *chunk;

		if (index == DPS_CHUNK_NONE) {
			channel->contiguous = dps_channel_next_held(engine, channel, from);
			continue;
		}
		chunk = &engine->chunks.items[index];
		if (chunk->done_bytes < chunk->needed_bytes) {
			from = dps_max_u64(from, chunk->start); /* padding in front of it */
			channel->contiguous = dps_ranges_contiguous_end(&chunk->done, from);
			return;
		}
		channel->contiguous = chunk->end;
	}
}

int dps_engine_read_channel(const struct dps_engine *engine, uint32_t index,
			    struct dps_channel_state *state)
{
	const struct dps_channel *channel;

	if (index >= engine->limits.channels || !engine->channels[index].is_open)
		return -ENOENT;
	channel = &engine->channels[index];
	*state = (struct dps_channel_state){
		.posted = channel->is_sender ? channel->send_offset : 0,
		.credit = channel->is_sender ? channel->credit : channel->made_offset,
		.contiguous = channel->contiguous,
		.stored = channel->stored,
		.bytes_done = channel->bytes_done,
		.generation = channel->generation,
		.is_sender = channel->is_sender,
	};
	return 0;
}
