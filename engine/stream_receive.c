/* SPDX-License-Identifier: BSD-3-Clause */
/* A slice came: whether it is wanted, where it goes, and what it completes. */
#include "engine/stream.h"
#include <string.h>

bool dps_stream_has_all(const struct dps_stream *stream)
{
	return stream->receive.contiguous == stream->receive.end;
}

static bool drop(uint64_t *counter)
{
	(*counter)++;
	return false;
}

/* The end is where it was said to be, and behind everything that has come. */
static bool fits_end(const struct dps_stream_receiver *receive, uint64_t end, bool is_end)
{
	if (receive->end != UINT64_MAX)
		return is_end ? end == receive->end : end <= receive->end;
	return !is_end || end >= receive->highest;
}

static bool judge(struct dps_streams *streams, const struct dps_stream *stream,
		  const struct dps_stream_slice *slice)
{
	const struct dps_stream_receiver *receive = &stream->receive;
	uint64_t end = slice->offset + slice->bytes;
	bool is_end = (slice->flags & DPS_SLICE_END) != 0;

	/* An end by itself, too: what lies before it may all be sent once it is known. */
	if (slice->offset > DPS_OFFSET_MAX ||
	    (end > receive->granted << streams->block_shift && end > receive->highest))
		return drop(&streams->counters.dropped_credit);
	if (slice->bytes == 0 && !is_end)
		return drop(&streams->counters.dropped_layout);
	if (slice->bytes > 0 &&
	    slice->offset >> streams->block_shift != (end - 1) >> streams->block_shift)
		return drop(&streams->counters.dropped_layout);
	if (!fits_end(receive, end, is_end))
		return drop(&streams->counters.dropped_layout);
	return true;
}

static bool is_open(const struct dps_stream *stream)
{
	uint8_t state = stream->halves[DPS_HALF_RECEIVE].state;

	return state == DPS_STREAM_OPEN || state == DPS_STREAM_ENDING;
}

/* Where a block's bytes lie; of one that nothing has come of yet (NULL), where they will. */
static uint8_t *memory_of(const struct dps_streams *streams, const struct dps_stream_block *block)
{
	return block != NULL ? dps_stream_block_at(streams, block)
			     : dps_slots_at(&streams->receive_blocks,
					    dps_slots_next(&streams->receive_blocks));
}

/* Only bytes that nobody has vouched for may be overwritten before the slice is known to be good.
 */
static void find_place(struct dps_streams *streams, const struct dps_stream *stream,
		       struct dps_stream_placement *placement)
{
	uint64_t number = placement->offset >> streams->block_shift;
	uint64_t end = placement->offset + placement->bytes;
	uint64_t into = placement->offset & (streams->config.block_bytes - 1);
	const struct dps_stream_block *block;

	placement->to = streams->scratch;
	placement->is_scratch = true;
	if (placement->bytes == 0 || placement->offset < stream->receive.contiguous)
		return;
	block = dps_stream_block_find(streams, placement->stream, number);
	if (block != NULL && dps_ranges_has_any(&block->arrived, placement->offset, end))
		return;
	placement->to = memory_of(streams, block) + into;
	placement->is_scratch = false;
}

bool dps_streams_place(struct dps_streams *streams, uint64_t epoch,
		       const struct dps_stream_slice *slice, struct dps_stream_placement *placement)
{
	struct dps_stream *stream;

	if (!streams->is_attached || epoch != streams->epoch)
		return drop(&streams->counters.dropped_epoch);
	stream = dps_stream_numbered(streams, slice->number);
	if (stream == NULL ||
	    !(is_open(stream) || stream->halves[DPS_HALF_RECEIVE].state == DPS_STREAM_FINISHED))
		return drop(&streams->counters.dropped_number);
	if (!judge(streams, stream, slice))
		return false;
	*placement = (struct dps_stream_placement){
		.offset = slice->offset,
		.stream = dps_stream_index(streams, stream),
		.bytes = slice->bytes,
		.flags = slice->flags,
	};
	find_place(streams, stream, placement);
	return true;
}

uint64_t dps_stream_gap(const struct dps_streams *streams, uint32_t index, uint64_t offset,
			uint8_t **to)
{
	const struct dps_stream *stream = &streams->records[index];
	const struct dps_stream_receiver *receive = &stream->receive;
	uint64_t number = offset >> streams->block_shift;
	uint64_t into = offset & (streams->config.block_bytes - 1);
	uint64_t end = dps_min_u64((number + 1) << streams->block_shift, receive->end);
	const struct dps_stream_block *block;

	if (!is_open(stream) || number >= receive->granted || offset < receive->contiguous ||
	    offset >= end)
		return 0;
	block = dps_stream_block_find(streams, index, number);
	if (block != NULL) {
		struct dps_range gap = dps_ranges_next_missing(&block->arrived, offset, end);

		if (gap.start != offset || block->arrived.count == DPS_STREAM_BLOCK_GAPS_MAX)
			return 0;
		end = gap.end;
	}
	*to = memory_of(streams, block) + into;
	return end - offset;
}

/* Takes over from scratch what is missing of it. */
static void take_over(struct dps_streams *streams, const struct dps_stream_block *block,
		      const struct dps_stream_placement *placement)
{
	uint64_t at = placement->offset, end = at + placement->bytes;
	uint64_t base = block->number << streams->block_shift;
	uint8_t *memory = dps_stream_block_at(streams, block);

	for (;;) {
		struct dps_range gap = dps_ranges_next_missing(&block->arrived, at, end);

		if (gap.start >= gap.end)
			return;
		memcpy(memory + (gap.start - base), placement->to + (gap.start - placement->offset),
		       (size_t)(gap.end - gap.start));
		at = gap.end;
	}
}

/* Returns how many bytes were new; below 0 when there are too many gaps to keep it. */
static int64_t take_bytes(struct dps_streams *streams, struct dps_stream *stream,
			  const struct dps_stream_placement *placement)
{
	uint64_t number = placement->offset >> streams->block_shift;
	uint64_t end = placement->offset + placement->bytes;
	struct dps_stream_block *block;

	if (end <= stream->receive.contiguous)
		return 0;
	block = dps_stream_block_find(streams, placement->stream, number);
	if (block == NULL)
		block = dps_stream_block_take(streams, stream, number);
	if (placement->is_scratch)
		take_over(streams, block, placement);
	return dps_ranges_add(&block->arrived, placement->offset, end);
}

static void advance(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_receiver *receive = &stream->receive;
	uint32_t index = dps_stream_index(streams, stream);

	for (;;) {
		const struct dps_stream_block *block = dps_stream_block_find(
			streams, index, receive->contiguous >> streams->block_shift);
		uint64_t end;

		if (block == NULL)
			return;
		end = dps_ranges_contiguous_end(&block->arrived, receive->contiguous);
		if (end == receive->contiguous)
			return;
		receive->contiguous = end;
	}
}

static void take_end(struct dps_streams *streams, struct dps_stream *stream, uint64_t end)
{
	if (stream->receive.end != UINT64_MAX)
		return;
	stream->receive.end = end;
	dps_stream_enter(streams, stream, DPS_HALF_RECEIVE, DPS_INPUT_END, 0);
	dps_stream_trim(streams, stream);
}

bool dps_streams_commit(struct dps_streams *streams, const struct dps_stream_placement *placement,
			bool is_good, uint64_t now_ns)
{
	struct dps_stream *stream = &streams->records[placement->stream];
	struct dps_stream_receiver *receive = &stream->receive;
	uint64_t end = placement->offset + placement->bytes, before = receive->contiguous;
	bool had_all = dps_stream_has_all(stream);
	int64_t added = 0;

	if (!is_good)
		return drop(&streams->counters.dropped_seal);
	dps_stream_report(streams, stream);
	if (is_open(stream) && placement->bytes > 0)
		added = take_bytes(streams, stream, placement);
	if (added < 0)
		return drop(&streams->counters.dropped_full);
	streams->counters.duplicates += added == 0 && placement->bytes > 0;
	receive->highest = dps_max_u64(receive->highest, end);
	if (dps_credit_window_on_data(&receive->window, end, (uint64_t)added,
				      placement->flags & DPS_SLICE_BLOCKED, now_ns))
		dps_stream_grant(streams, stream);
	advance(streams, stream);
	if (placement->flags & DPS_SLICE_END)
		take_end(streams, stream, end);
	if (receive->contiguous > before || dps_stream_has_all(stream) != had_all)
		dps_stream_tell(streams, stream, DPS_STREAM_EVENT_READABLE);
	return true;
}
