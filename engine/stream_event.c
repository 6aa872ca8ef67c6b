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

static struct dps_stream_event take_event(const struct dps_streams *streams,
					  struct dps_stream *stream)
{
	struct dps_stream_event event = { .handle = dps_stream_handle(streams, stream) };

	while (!(stream->tell & 1u << event.type))
		event.type++;
	stream->tell &= (uint8_t) ~(1u << event.type);
	if (event.type == DPS_STREAM_EVENT_ARRIVED)
		event.value = stream->tag;
	else if (event.type == DPS_STREAM_EVENT_SEND_OVER)
		event.cause = stream->halves[DPS_HALF_SEND].cause;
	else if (event.type == DPS_STREAM_EVENT_RECEIVE_OVER)
		event.cause = stream->halves[DPS_HALF_RECEIVE].cause;
	return event;
}

unsigned int dps_streams_emit_events(struct dps_streams *streams, struct dps_stream_event *events,
				     unsigned int room)
{
	unsigned int count = 0;

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
