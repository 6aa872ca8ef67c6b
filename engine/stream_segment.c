/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments: the bytes of streams that are not acknowledged, and what becomes of each send. */
#include "engine/stream.h"

void dps_segments_init(struct dps_streams *streams)
{
	uint32_t count = streams->config.segments;

	for (uint32_t i = 0; i < count; i++)
		streams->segments[i].next = i + 1 < count ? i + 1 : DPS_STREAM_INDEX_NONE;
	streams->first_free_segment = 0;
	streams->free_segments = count;
	streams->first_told = streams->last_told = DPS_STREAM_INDEX_NONE;
}

static uint32_t index_of(const struct dps_streams *streams, const struct dps_segment *segment)
{
	return (uint32_t)(segment - streams->segments);
}

struct dps_segment *dps_segment_append(struct dps_streams *streams, struct dps_stream *stream,
				       const uint8_t *memory, uint32_t bytes, uint32_t block)
{
	struct dps_stream_sender *send = &stream->send;
	uint32_t index = streams->first_free_segment;
	struct dps_segment *segment;

	DPS_ASSERT(index != DPS_STREAM_INDEX_NONE);
	segment = &streams->segments[index];
	streams->first_free_segment = segment->next;
	streams->free_segments--;
	*segment = (struct dps_segment){
		.memory = memory,
		.offset = send->posted,
		.handle = dps_stream_handle(streams, stream),
		.bytes = bytes,
		.block = block,
		.next = DPS_STREAM_INDEX_NONE,
		.next_told = DPS_STREAM_INDEX_NONE,
	};
	send->posted += bytes;
	if (send->first == DPS_STREAM_INDEX_NONE)
		send->first = index;
	else
		streams->segments[send->last].next = index;
	send->last = index;
	if (send->cursor == DPS_STREAM_INDEX_NONE)
		send->cursor = index;
	return segment;
}

void dps_segment_free(struct dps_streams *streams, struct dps_segment *segment)
{
	segment->next = streams->first_free_segment;
	streams->first_free_segment = index_of(streams, segment);
	streams->free_segments++;
}

void dps_segment_tell(struct dps_streams *streams, struct dps_segment *segment)
{
	uint32_t index = index_of(streams, segment);

	if (segment->flags & DPS_SEGMENT_IN_TOLD)
		return;
	segment->flags |= DPS_SEGMENT_IN_TOLD;
	segment->next_told = DPS_STREAM_INDEX_NONE;
	if (streams->first_told == DPS_STREAM_INDEX_NONE)
		streams->first_told = index;
	else
		streams->segments[streams->last_told].next_told = index;
	streams->last_told = index;
}

/* How much of start..end lies below an offset. */
static uint64_t part_below(uint64_t start, uint64_t end, uint64_t offset)
{
	return dps_clamp_u64(offset, start, end) - start;
}

static void set_outcome(const struct dps_stream *stream, struct dps_segment *segment,
			const struct dps_error *cause)
{
	uint64_t end = segment->offset + segment->bytes, start = end - segment->send_bytes;

	segment->posted_bytes = part_below(start, end, stream->send.sent_max);
	segment->delivered_bytes = part_below(start, end, stream->send.acknowledged);
	if (segment->delivered_bytes < segment->send_bytes || cause->error == -DPS_ERROR_CANCELLED)
		segment->cause = *cause;
	segment->flags |= DPS_SEGMENT_IS_DONE;
}

static void drop_block(struct dps_streams *streams, struct dps_stream *stream,
		       const struct dps_segment *segment)
{
	if (segment->block == DPS_SLOT_NONE)
		return;
	if (dps_slots_drop(&streams->send_blocks, segment->block, 1) &&
	    stream->send.fill_block == segment->block)
		stream->send.fill_block = DPS_SLOT_NONE;
}

/* It is out of its stream's list: tells its outcome, if it is to be told. */
static void dismiss(struct dps_streams *streams, struct dps_stream *stream,
		    struct dps_segment *segment, const struct dps_error *cause)
{
	drop_block(streams, stream, segment);
	if (!(segment->flags & DPS_SEGMENT_LAST)) {
		dps_segment_free(streams, segment);
		return;
	}
	set_outcome(stream, segment, cause);
	dps_segment_tell(streams, segment);
}

static uint64_t unacknowledged(const struct dps_stream_sender *send,
			       const struct dps_segment *segment)
{
	uint64_t end = segment->offset + segment->bytes;

	return end - dps_clamp_u64(send->acknowledged, segment->offset, end);
}

void dps_segment_drop(struct dps_streams *streams, struct dps_stream *stream, uint32_t before,
		      const struct dps_error *cause)
{
	struct dps_stream_sender *send = &stream->send;
	uint32_t *link =
		before == DPS_STREAM_INDEX_NONE ? &send->first : &streams->segments[before].next;
	uint32_t index = *link;
	struct dps_segment *segment = &streams->segments[index];

	DPS_ASSERT(segment->references == 0);
	dps_stream_flight_give(streams, unacknowledged(send, segment));
	*link = segment->next;
	if (send->last == index)
		send->last = before;
	if (send->cursor == index)
		send->cursor = segment->next;
	dismiss(streams, stream, segment, cause);
}

void dps_stream_settle_sends(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_sender *send = &stream->send;
	bool is_over = dps_stream_is_half_over(stream, DPS_HALF_SEND);
	const struct dps_error *cause = &stream->halves[DPS_HALF_SEND].cause;
	bool has_freed = false;

	if (is_over)
		dps_stream_want_nothing(streams, stream);
	while (send->first != DPS_STREAM_INDEX_NONE) {
		const struct dps_segment *segment = &streams->segments[send->first];

		if (segment->references > 0 ||
		    (!is_over && segment->offset + segment->bytes > send->acknowledged))
			break;
		dps_segment_drop(streams, stream, DPS_STREAM_INDEX_NONE, cause);
		has_freed = true;
	}
	if (has_freed)
		dps_streams_wake_waiting(streams);
	/* The last word about a half comes behind those about its sends. */
	if (is_over && send->first == DPS_STREAM_INDEX_NONE && !send->is_over_told &&
	    stream->halves[DPS_HALF_SEND].state != DPS_STREAM_NONE) {
		send->is_over_told = true;
		dps_stream_tell(streams, stream, DPS_STREAM_EVENT_SEND_OVER);
	}
}
