/* SPDX-License-Identifier: BSD-3-Clause */
/* What the program is told. What waits to be told is a bit of the stream: nothing overflows. */
#include "engine/stream.h"

void dps_stream_tell(struct dps_streams *streams, struct dps_stream *stream,
		     enum dps_stream_event_type type)
{
	if (!stream->is_held)
		return;
	stream->tell |= (uint8_t)(1u << type);
	dps_stream_enqueue(streams, stream, DPS_QUEUE_TELL);
}

static struct dps_stream_event take_event(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_event event = { .handle = dps_stream_handle(streams, stream) };

	while (!(stream->tell & 1u << event.type))
		event.type++;
	stream->tell &= (uint8_t) ~(1u << event.type);
	if (event.type == DPS_STREAM_EVENT_ARRIVED)
		event.value = stream->tag;
	else if (event.type == DPS_STREAM_EVENT_WRITABLE)
		dps_stream_on_writable_told(streams, stream);
	else if (event.type == DPS_STREAM_EVENT_SEND_OVER)
		event.cause = stream->halves[DPS_HALF_SEND].cause;
	else if (event.type == DPS_STREAM_EVENT_RECEIVE_OVER)
		event.cause = stream->halves[DPS_HALF_RECEIVE].cause;
	return event;
}

static uint8_t outcome_of(const struct dps_segment *segment)
{
	switch (segment->cause.error) {
	case 0:
		return DPS_STREAM_EVENT_DELIVERED;
	case -DPS_ERROR_LOST:
		return DPS_STREAM_EVENT_LOST;
	default:
		return DPS_STREAM_EVENT_CANCELLED;
	}
}

static struct dps_stream_event event_of(const struct dps_segment *segment)
{
	return (struct dps_stream_event){
		.handle = segment->handle,
		.value = segment->cookie,
		.bytes = segment->send_bytes,
		.posted_bytes = segment->send_bytes,
	};
}

/* One event of the first segment that has any; false when none has. */
static bool take_send_event(struct dps_streams *streams, struct dps_stream_event *event)
{
	struct dps_segment *segment;

	if (streams->first_told == DPS_STREAM_INDEX_NONE)
		return false;
	segment = &streams->segments[streams->first_told];
	*event = event_of(segment);
	if (segment->flags & DPS_SEGMENT_IS_OUT) {
		segment->flags &= (uint8_t)~DPS_SEGMENT_IS_OUT;
		event->type = DPS_STREAM_EVENT_POSTED;
		if (segment->flags & DPS_SEGMENT_IS_DONE)
			return true;
	} else {
		event->type = outcome_of(segment);
		event->cause = segment->cause;
		event->posted_bytes = segment->posted_bytes;
		event->delivered_bytes = segment->delivered_bytes;
	}
	streams->first_told = segment->next_told;
	segment->flags &= (uint8_t)~DPS_SEGMENT_IN_TOLD;
	if (segment->flags & DPS_SEGMENT_IS_DONE) {
		dps_segment_free(streams, segment);
		dps_streams_wake_waiting(streams);
	}
	return true;
}

bool dps_streams_has_events(const struct dps_streams *streams)
{
	return streams->first_told != DPS_STREAM_INDEX_NONE ||
	       streams->first[DPS_QUEUE_TELL] != DPS_STREAM_INDEX_NONE;
}

unsigned int dps_streams_emit_events(struct dps_streams *streams, struct dps_stream_event *events,
				     unsigned int room)
{
	unsigned int count = 0;

	if (streams == NULL || events == NULL)
		return 0;
	dps_owner_take(&streams->owner);
	if (!dps_owner_is_here(streams->owner))
		return 0;
	dps_streams_begin_round(streams);
	/* First what became of sends: that a half is over is told behind it. */
	while (count < room && take_send_event(streams, &events[count]))
		count++;
	while (count < room) {
		struct dps_stream *stream = dps_stream_dequeue(streams, DPS_QUEUE_TELL);

		if (stream == NULL)
			break;
		while (stream->tell != 0 && count < room)
			events[count++] = take_event(streams, stream);
		if (stream->tell != 0)
			dps_stream_enqueue(streams, stream, DPS_QUEUE_TELL);
	}
	return count;
}
