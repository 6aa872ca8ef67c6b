/* SPDX-License-Identifier: BSD-3-Clause */
/* What to send next: bytes that were lost, then new ones, then the end if it is alone. */
#include "engine/stream.h"

static bool is_sending(const struct dps_stream *stream)
{
	uint8_t state = stream->halves[DPS_HALF_SEND].state;

	return state == DPS_STREAM_OPEN || state == DPS_STREAM_ENDING;
}

static bool has_missing(const struct dps_stream_sender *send)
{
	return send->missing.count > 0 || send->is_end_missing;
}

/* The end goes by itself when there is no byte left for it to go with. */
static bool has_bare_end(const struct dps_stream *stream)
{
	const struct dps_stream_sender *send = &stream->send;

	return stream->halves[DPS_HALF_SEND].state == DPS_STREAM_ENDING && !send->is_end_sent &&
	       send->sent == send->posted;
}

static bool has_new(const struct dps_stream_sender *send)
{
	return send->sent < dps_min_u64(send->posted, send->credit);
}

static bool has_any(const struct dps_stream *stream)
{
	return stream->is_used && is_sending(stream) &&
	       (has_missing(&stream->send) || has_new(&stream->send) || has_bare_end(stream));
}

void dps_stream_sendable(struct dps_streams *streams, struct dps_stream *stream)
{
	if (has_any(stream))
		dps_stream_enqueue(streams, stream, DPS_QUEUE_SEND);
	dps_stream_await(streams, stream);
}

void dps_stream_rewind(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_sender *send = &stream->send;

	send->sent = send->acknowledged;
	send->cursor = send->first;
	dps_ranges_clear(&send->missing);
	send->is_end_sent = send->is_end_missing = false;
	dps_stream_sendable(streams, stream);
}

/* From a segment on to the one that holds the byte at an offset, which there is. */
static uint32_t find_segment(const struct dps_streams *streams, uint32_t from, uint64_t offset)
{
	while (streams->segments[from].offset + streams->segments[from].bytes <= offset)
		from = streams->segments[from].next;
	return from;
}

/* Bytes from offset up to end at most, out of a segment that has the first of them. */
static void cut(struct dps_streams *streams, const struct dps_stream *stream, uint32_t index,
		uint64_t offset, uint64_t end, uint32_t bytes_max, struct dps_stream_slice *slice)
{
	struct dps_segment *segment = &streams->segments[index];
	uint64_t block_bytes = streams->config.block_bytes;
	uint64_t block_end = (offset & ~(block_bytes - 1)) + block_bytes;

	end = dps_min_u64(end, dps_min_u64(segment->offset + segment->bytes, block_end));
	*slice = (struct dps_stream_slice){
		.memory = segment->memory + (offset - segment->offset),
		.offset = offset,
		.number = stream->number,
		.bytes = (uint32_t)dps_min_u64(end - offset, bytes_max),
		.token = index,
	};
	segment->references++;
}

static bool is_end_at(const struct dps_stream *stream, uint64_t offset)
{
	return stream->halves[DPS_HALF_SEND].state == DPS_STREAM_ENDING &&
	       offset == stream->send.posted;
}

static void add_end(struct dps_stream *stream, struct dps_stream_slice *slice)
{
	slice->flags |= DPS_SLICE_END;
	stream->send.is_end_sent = stream->send.is_end_sent_max = true;
	stream->send.is_end_missing = false;
}

static void cut_end(struct dps_stream *stream, struct dps_stream_slice *slice)
{
	*slice = (struct dps_stream_slice){
		.offset = stream->send.posted,
		.number = stream->number,
		.token = DPS_STREAM_TOKEN_NONE,
		.flags = stream->send.is_end_sent_max ? DPS_SLICE_RESENT : 0,
	};
	add_end(stream, slice);
}

static void cut_missing(struct dps_streams *streams, struct dps_stream *stream, uint32_t bytes_max,
			struct dps_stream_slice *slice)
{
	struct dps_stream_sender *send = &stream->send;
	const struct dps_range *first = send->missing.items;

	if (send->missing.count == 0) {
		cut_end(stream, slice);
		return;
	}
	cut(streams, stream, find_segment(streams, send->first, first->start), first->start,
	    first->end, bytes_max, slice);
	dps_ranges_remove_below(&send->missing, slice->offset + slice->bytes);
	slice->flags |= DPS_SLICE_RESENT;
}

/* Whether all of the sends that end at or below an offset are told to be posted. */
static void tell_posted(struct dps_streams *streams, struct dps_segment *segment, uint64_t sent)
{
	if (!(segment->flags & DPS_SEGMENT_POSTED) || segment->offset + segment->bytes > sent)
		return;
	segment->flags &= (uint8_t)~DPS_SEGMENT_POSTED;
	segment->flags |= DPS_SEGMENT_IS_OUT;
	dps_segment_tell(streams, segment);
}

static void cut_new(struct dps_streams *streams, struct dps_stream *stream, uint32_t bytes_max,
		    struct dps_stream_slice *slice)
{
	struct dps_stream_sender *send = &stream->send;

	send->cursor = find_segment(streams, send->cursor, send->sent);
	cut(streams, stream, send->cursor, send->sent, send->credit, bytes_max, slice);
	if (send->sent < send->sent_max)
		slice->flags |= DPS_SLICE_RESENT;
	send->sent += slice->bytes;
	send->sent_max = dps_max_u64(send->sent_max, send->sent);
	if (send->sent == send->credit && send->sent < send->posted)
		slice->flags |= DPS_SLICE_BLOCKED;
	tell_posted(streams, &streams->segments[send->cursor], send->sent);
}

static void cut_next(struct dps_streams *streams, struct dps_stream *stream, uint32_t bytes_max,
		     struct dps_stream_slice *slice)
{
	if (has_missing(&stream->send))
		cut_missing(streams, stream, bytes_max, slice);
	else if (has_new(&stream->send))
		cut_new(streams, stream, bytes_max, slice);
	else
		cut_end(stream, slice);
	if (is_end_at(stream, slice->offset + slice->bytes))
		add_end(stream, slice);
}

/* It goes on with its turn, or the others have theirs first. */
static void end_slices(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_sender *send = &stream->send;

	if (send->turn_bytes > 0 && has_any(stream)) {
		dps_stream_enqueue_first(streams, stream, DPS_QUEUE_SEND);
		dps_stream_await(streams, stream);
	} else {
		send->turn_bytes = 0;
		dps_stream_sendable(streams, stream);
	}
}

/* What the last slice of a turn has beyond it is of the next: or two that fit badly would be had
 * for the price of one. */
static void begin_turn(struct dps_stream_sender *send, uint32_t slice_bytes_max)
{
	uint64_t turn_bytes = (uint64_t)send->weight * slice_bytes_max;

	send->turn_bytes = turn_bytes - dps_min_u64(send->owed_bytes, turn_bytes - 1);
	send->owed_bytes = 0;
}

static void pay(struct dps_stream_sender *send, uint32_t bytes)
{
	uint32_t price = bytes > 0 ? bytes : 1;

	if (price <= send->turn_bytes) {
		send->turn_bytes -= price;
		return;
	}
	send->owed_bytes = price - (uint32_t)send->turn_bytes;
	send->turn_bytes = 0;
}

/* Whether it has what is left of a turn, or the next one: the only one that waits has them all. */
static bool has_turn(const struct dps_streams *streams, struct dps_stream *stream,
		     uint32_t slice_bytes_max)
{
	struct dps_stream_sender *send = &stream->send;

	if (send->turn_bytes == 0 && streams->first[DPS_QUEUE_SEND] == DPS_STREAM_INDEX_NONE)
		begin_turn(send, slice_bytes_max);
	return send->turn_bytes > 0;
}

/* Slices of a stream that has one; returns how many. */
static unsigned int cut_slices(struct dps_streams *streams, struct dps_stream *stream,
			       struct dps_stream_slice *slices, unsigned int room,
			       uint32_t slice_bytes_max)
{
	struct dps_stream_sender *send = &stream->send;
	unsigned int count = 0;

	if (send->turn_bytes == 0)
		begin_turn(send, slice_bytes_max);
	do {
		cut_next(streams, stream, slice_bytes_max, &slices[count]);
		pay(send, slices[count++].bytes);
	} while (count < room && has_turn(streams, stream, slice_bytes_max) && has_any(stream));
	end_slices(streams, stream);
	return count;
}

bool dps_streams_has_slices(struct dps_streams *streams, uint64_t epoch)
{
	if (!streams->is_attached || epoch != streams->epoch)
		return false;
	while (streams->first[DPS_QUEUE_SEND] != DPS_STREAM_INDEX_NONE) {
		if (has_any(&streams->records[streams->first[DPS_QUEUE_SEND]]))
			return true;
		dps_stream_dequeue(streams, DPS_QUEUE_SEND);
	}
	return false;
}

unsigned int dps_streams_emit_slices(struct dps_streams *streams, uint64_t epoch,
				     struct dps_stream_slice *slices, unsigned int room,
				     uint32_t slice_bytes_max)
{
	unsigned int count = 0;

	DPS_ASSERT(slice_bytes_max > 0);
	if (!streams->is_attached || epoch != streams->epoch)
		return 0;
	while (count < room) {
		struct dps_stream *stream = dps_stream_dequeue(streams, DPS_QUEUE_SEND);

		if (stream == NULL)
			break;
		if (!has_any(stream))
			continue;
		count += cut_slices(streams, stream, &slices[count], room - count, slice_bytes_max);
	}
	return count;
}

void dps_streams_on_released(struct dps_streams *streams, uint32_t token)
{
	struct dps_segment *segment;
	struct dps_stream *stream;

	if (token == DPS_STREAM_TOKEN_NONE)
		return;
	DPS_ASSERT(token < streams->config.segments);
	segment = &streams->segments[token];
	DPS_ASSERT(segment->references > 0);
	if (--segment->references > 0)
		return;
	/* Its stream is still there: it has this segment. */
	stream = &streams->records[segment->handle.index];
	dps_stream_settle_sends(streams, stream);
	dps_stream_settle(streams, stream);
}

/* Where there is room for no more of them, the nearest is joined with what is between. */
static void note_missing(struct dps_ranges *missing, uint64_t start, uint64_t end)
{
	uint64_t nearest = UINT64_MAX, from = start, to = end;

	if (dps_ranges_add(missing, start, end) >= 0)
		return;
	for (uint32_t i = 0; i < missing->count; i++) {
		const struct dps_range *other = &missing->items[i];
		bool is_before = other->end < start;
		uint64_t gap = is_before ? start - other->end : other->start - end;

		if (gap >= nearest)
			continue;
		nearest = gap;
		from = is_before ? other->end : start;
		to = is_before ? end : other->start;
	}
	(void)dps_ranges_add(missing, from, to);
}

void dps_streams_on_missing(struct dps_streams *streams, uint64_t epoch,
			    const struct dps_stream_slice *slice)
{
	struct dps_stream *stream = dps_stream_numbered(streams, slice->number);
	struct dps_stream_sender *send;
	uint64_t start, end;

	if (!streams->is_attached || epoch != streams->epoch || stream == NULL ||
	    !is_sending(stream))
		return;
	send = &stream->send;
	start = dps_max_u64(slice->offset, send->acknowledged);
	end = dps_min_u64(slice->offset + slice->bytes, send->sent);
	if (slice->flags & DPS_SLICE_END && send->is_end_sent)
		send->is_end_missing = true;
	if (start < end)
		note_missing(&send->missing, start, end);
	dps_stream_sendable(streams, stream);
}
