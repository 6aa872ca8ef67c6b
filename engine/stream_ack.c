/* SPDX-License-Identifier: BSD-3-Clause */
/* What the receiver says of a stream, and what of it is believed. */
#include "engine/stream.h"

/* Never past what was handed over: what is claimed beyond it is counted. */
static void take_offsets(struct dps_streams *streams, struct dps_stream *stream,
			 const struct dps_stream_ack *ack)
{
	struct dps_stream_sender *send = &stream->send;
	uint64_t contiguous = ack->contiguous;

	if (contiguous > send->sent_max || ack->credit > DPS_OFFSET_MAX) {
		contiguous = dps_min_u64(contiguous, send->sent_max);
		streams->counters.anomalies++;
	}
	if (contiguous > send->acknowledged) {
		dps_stream_flight_give(streams, contiguous - send->acknowledged);
		send->acknowledged = contiguous;
	}
	dps_ranges_remove_below(&send->missing, send->acknowledged);
	send->credit = dps_max_u64(send->credit, dps_min_u64(ack->credit, DPS_OFFSET_MAX));
	if (send->sent < send->acknowledged) {
		/* It came in an earlier epoch after all. */
		send->sent = send->acknowledged;
		send->cursor = send->first;
	}
}

/* The end comes behind everything, and only when it was sent. */
static void take_end(struct dps_streams *streams, struct dps_stream *stream)
{
	const struct dps_stream_sender *send = &stream->send;

	if (stream->halves[DPS_HALF_SEND].state != DPS_STREAM_ENDING || !send->is_end_sent_max ||
	    send->acknowledged != send->posted) {
		streams->counters.anomalies++;
		return;
	}
	dps_stream_enter(streams, stream, DPS_HALF_SEND, DPS_INPUT_DONE, 0);
}

/* Its owner has gone and never said the end: the far side must not take this for all of it. */
static void end_lingering(struct dps_streams *streams, struct dps_stream *stream)
{
	const struct dps_stream_sender *send = &stream->send;

	if (send->is_lingering && !stream->is_end_said && send->acknowledged == send->posted)
		dps_stream_enter(streams, stream, DPS_HALF_SEND, DPS_INPUT_ABORT, DPS_CODE_DROPPED);
}

void dps_streams_on_ack(struct dps_streams *streams, uint64_t epoch,
			const struct dps_stream_ack *ack)
{
	struct dps_stream *stream;
	uint8_t state;

	if (!streams->is_attached || epoch != streams->epoch) {
		streams->counters.dropped_epoch++;
		return;
	}
	stream = dps_stream_numbered(streams, ack->number);
	if (stream == NULL) {
		streams->counters.dropped_number++;
		return;
	}
	state = stream->halves[DPS_HALF_SEND].state;
	if (state == DPS_STREAM_OPENING && stream->is_ours) {
		/* What it says here is ahead of its acceptance, which goes another way. */
		stream->send.credit =
			dps_max_u64(stream->send.credit, dps_min_u64(ack->credit, DPS_OFFSET_MAX));
		return;
	}
	if (state != DPS_STREAM_OPEN && state != DPS_STREAM_ENDING) {
		/* Late, or of a stream that it did not accept yet: that would be a lie. */
		streams->counters.anomalies +=
			state == DPS_STREAM_NONE || state == DPS_STREAM_WAITING;
		return;
	}
	take_offsets(streams, stream, ack);
	dps_stream_settle_sends(streams, stream);
	if (ack->has_end)
		take_end(streams, stream);
	else
		end_lingering(streams, stream);
	dps_stream_wake(streams, stream);
	dps_stream_sendable(streams, stream);
	dps_stream_settle(streams, stream);
}
