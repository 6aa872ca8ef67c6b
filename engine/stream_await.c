/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who waits for a word of the far side, and asks for it when none comes: an acknowledgement that
 * was not heard would else be the last, as what it told of has all arrived.
 */
#include "engine/stream.h"

enum {
	LOOKS_MAX = 64, /* of one call: the others are looked at in the next */
	ASKS_DOUBLINGS = 7,
};

static bool is_awaiting(const struct dps_stream *stream)
{
	const struct dps_stream_sender *send = &stream->send;
	uint8_t state = stream->halves[DPS_HALF_SEND].state;

	if (!stream->is_used || (state != DPS_STREAM_OPEN && state != DPS_STREAM_ENDING))
		return false;
	return send->acknowledged < send->sent || send->is_end_sent || send->sent < send->posted;
}

void dps_stream_await(struct dps_streams *streams, struct dps_stream *stream)
{
	if (is_awaiting(stream))
		dps_stream_enqueue(streams, stream, DPS_QUEUE_AWAIT);
}

bool dps_streams_is_awaiting(const struct dps_streams *streams, uint64_t epoch)
{
	return streams->is_attached && epoch == streams->epoch &&
	       streams->first[DPS_QUEUE_AWAIT] != DPS_STREAM_INDEX_NONE;
}

/* It has something to send, or has heard something: it waits for nobody. */
static bool has_moved(const struct dps_stream_sender *send)
{
	return send->missing.count > 0 || send->is_end_missing ||
	       send->sent < dps_min_u64(send->posted, send->credit) ||
	       send->acknowledged != send->asked_acknowledged || send->credit != send->asked_credit;
}

/* Twice as many looks between two asks each time. */
static bool is_ask_due(struct dps_stream_sender *send)
{
	if (has_moved(send)) {
		send->asked_acknowledged = send->acknowledged;
		send->asked_credit = send->credit;
		send->asks_count = send->asks_wait = 0;
		return false;
	}
	if (send->asks_wait > 0) {
		send->asks_wait--;
		return false;
	}
	send->asks_wait = (uint8_t)((1u << send->asks_count) - 1);
	if (send->asks_count < ASKS_DOUBLINGS)
		send->asks_count++;
	return true;
}

unsigned int dps_streams_emit_asks(struct dps_streams *streams, uint64_t epoch, uint32_t *numbers,
				   unsigned int room)
{
	uint32_t first_back = DPS_STREAM_INDEX_NONE;
	unsigned int count = 0;

	if (!dps_streams_is_awaiting(streams, epoch))
		return 0;
	for (unsigned int looks = 0; looks < LOOKS_MAX && count < room; looks++) {
		uint32_t index = streams->first[DPS_QUEUE_AWAIT];
		struct dps_stream *stream;

		if (index == DPS_STREAM_INDEX_NONE || index == first_back)
			break;
		stream = dps_stream_dequeue(streams, DPS_QUEUE_AWAIT);
		if (!is_awaiting(stream))
			continue;
		if (is_ask_due(&stream->send))
			numbers[count++] = stream->number;
		if (first_back == DPS_STREAM_INDEX_NONE)
			first_back = index;
		dps_stream_enqueue(streams, stream, DPS_QUEUE_AWAIT);
	}
	return count;
}
