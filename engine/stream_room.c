/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a send fits, its own window and what all streams share; and who is told when it does. */
#include "engine/stream.h"
#include <errno.h>

/* What one who wants to send is told; the cause of the end says no more than its error does. */
int dps_stream_send_error(const struct dps_stream *stream)
{
	if (stream->is_end_said && !dps_stream_is_half_over(stream, DPS_HALF_SEND))
		return -DPS_ERROR_FINISHED;
	return dps_stream_state_error(DPS_HALF_SEND, stream->halves[DPS_HALF_SEND].state);
}

static bool is_clear(const struct dps_stream_sender *send, uint64_t bytes)
{
	return dps_fits_limit(send->posted - send->acknowledged, bytes, send->window_bytes);
}

uint64_t dps_stream_fill_room(const struct dps_streams *streams,
			      const struct dps_stream_sender *send)
{
	return send->fill_block == DPS_SLOT_NONE ? 0
						 : streams->config.block_bytes - send->fill_bytes;
}

static uint64_t blocks_for(uint64_t bytes, uint64_t block_bytes)
{
	return bytes / block_bytes + (bytes % block_bytes != 0);
}

struct dps_send_need dps_send_need_of_copy(const struct dps_streams *streams,
					   const struct dps_stream_sender *send, uint64_t bytes)
{
	uint64_t room = dps_min_u64(dps_stream_fill_room(streams, send), bytes);
	uint64_t block_bytes = streams->config.block_bytes;
	uint64_t blocks = blocks_for(bytes - room, block_bytes);

	return (struct dps_send_need){ bytes, blocks + (room > 0), blocks,
				       blocks_for(bytes, block_bytes) };
}

static bool is_there(const struct dps_streams *streams, uint64_t segments, uint64_t blocks)
{
	return segments <= streams->free_segments &&
	       blocks <= dps_slots_available(&streams->send_blocks);
}

/* It was told so, or nobody waits who came before. */
static bool has_turn(struct dps_streams *streams, const struct dps_stream *stream, uint64_t bytes)
{
	uint32_t first = streams->first[DPS_QUEUE_ROOM];

	return first == DPS_STREAM_INDEX_NONE || first == dps_stream_index(streams, stream) ||
	       dps_stream_is_promised(streams, stream, bytes);
}

int dps_stream_find_room(struct dps_streams *streams, struct dps_stream *stream,
			 const struct dps_send_need *need)
{
	struct dps_stream_sender *send = &stream->send;

	if (need->bytes > UINT32_MAX || need->bytes > DPS_OFFSET_MAX - send->posted ||
	    need->segments > streams->config.segments ||
	    need->blocks_alone > streams->config.send_blocks)
		return -DPS_ERROR_TOO_LONG;
	if (is_clear(send, need->bytes) && is_there(streams, need->segments, need->blocks) &&
	    dps_stream_flight_fits(streams, stream, need->bytes) &&
	    has_turn(streams, stream, need->bytes) &&
	    dps_stream_flight_fits_beside(streams, stream, need->bytes))
		return 0;
	/* What it was told fits is not what it asks for. */
	dps_stream_unpromise(streams, stream);
	send->is_wanting = true;
	send->wanted_bytes = need->bytes;
	send->wanted_segments = (uint32_t)need->segments;
	send->wanted_blocks = (uint32_t)need->blocks;
	/* Room that was there meanwhile, and was not told yet, is not what this one waits for. */
	stream->tell &= (uint8_t) ~(1u << DPS_STREAM_EVENT_WRITABLE);
	/* What was kept for it is another's now; and its own window may be all it waits for. */
	dps_stream_enqueue(streams, stream, DPS_QUEUE_ROOM);
	dps_streams_wake_waiting(streams);
	return -DPS_ERROR_FULL;
}

/* Whether it does not stand in the way of those behind it in the queue. */
static bool try_wake(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_sender *send = &stream->send;

	if (!stream->is_used || !send->is_wanting)
		return true;
	if (dps_stream_send_error(stream) != 0) {
		send->is_wanting = false;
		return true;
	}
	/* Its own window is in the way: an acknowledgement wakes it. */
	if (!is_clear(send, send->wanted_bytes))
		return true;
	if (!is_there(streams, send->wanted_segments, send->wanted_blocks) ||
	    !dps_stream_flight_fits(streams, stream, send->wanted_bytes)) {
		dps_stream_flight_stand_in_line(streams, false);
		return false;
	}
	/* Last what peers share: who stands in their line waits for nothing else. */
	if (!dps_stream_flight_fits_beside(streams, stream, send->wanted_bytes)) {
		dps_stream_flight_stand_in_line(streams, true);
		return false;
	}
	send->is_wanting = false;
	dps_stream_promise(streams, stream);
	dps_stream_tell(streams, stream, DPS_STREAM_EVENT_WRITABLE);
	return true;
}

void dps_streams_wake_own(struct dps_streams *streams)
{
	/* In their order: who needs much is not overtaken for ever by those who need little. */
	while (streams->first[DPS_QUEUE_ROOM] != DPS_STREAM_INDEX_NONE) {
		struct dps_stream *stream = &streams->records[streams->first[DPS_QUEUE_ROOM]];

		if (!try_wake(streams, stream))
			return;
		dps_stream_dequeue(streams, DPS_QUEUE_ROOM);
	}
	dps_stream_flight_stand_in_line(streams, false);
}

void dps_streams_wake_waiting(struct dps_streams *streams)
{
	dps_streams_wake_own(streams);
	dps_stream_flight_wake_others(streams);
}

void dps_stream_wake(struct dps_streams *streams, struct dps_stream *stream)
{
	if (stream->send.is_wanting)
		dps_stream_enqueue(streams, stream, DPS_QUEUE_ROOM);
	dps_streams_wake_waiting(streams);
}

void dps_stream_want_nothing(struct dps_streams *streams, struct dps_stream *stream)
{
	if (!stream->send.is_wanting && !stream->send.is_promised)
		return;
	stream->send.is_wanting = false;
	dps_stream_unpromise(streams, stream);
	dps_streams_wake_waiting(streams);
}

int dps_stream_has_room(struct dps_streams *streams, struct dps_handle handle, uint64_t bytes,
			uint64_t deadline_ns, uint64_t now_ns)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);
	struct dps_send_need need;

	if (error == 0)
		error = dps_stream_send_error(stream);
	if (error != 0 || bytes == 0)
		return error;
	need = dps_send_need_of_copy(streams, &stream->send, bytes);
	error = dps_stream_find_room(streams, stream, &need);
	return error == -DPS_ERROR_FULL && now_ns >= deadline_ns ? -ETIMEDOUT : error;
}
