/* SPDX-License-Identifier: BSD-3-Clause */
/* What the program does with a sending half: send, take back, finish, abort. */
#include "engine/stream.h"
#include <errno.h>
#include <string.h>

static struct dps_stream_side *side_of(struct dps_stream *stream)
{
	return &stream->halves[DPS_HALF_SEND];
}

/* ---- Posting. ---- */

static void copy_piece(struct dps_streams *streams, struct dps_stream *stream,
		       const uint8_t *memory, size_t bytes, bool is_new_send)
{
	struct dps_stream_sender *send = &stream->send;
	struct dps_slots *slots = &streams->send_blocks;
	struct dps_segment *last = NULL;
	uint32_t part;
	uint8_t *to;

	if (send->last != DPS_STREAM_INDEX_NONE && !is_new_send)
		last = &streams->segments[send->last];
	for (; bytes > 0; memory += part, bytes -= part) {
		bool is_fresh = dps_stream_fill_room(streams, send) == 0;

		if (is_fresh) {
			dps_slots_reserve(slots);
			send->fill_block = dps_slots_take_reserved(slots);
			send->fill_bytes = 0;
		}
		part = (uint32_t)dps_min_u64(bytes, dps_stream_fill_room(streams, send));
		to = dps_slots_at(slots, send->fill_block) + send->fill_bytes;
		memcpy(to, memory, part);
		send->fill_bytes += part;
		if (last != NULL && last->block == send->fill_block &&
		    last->memory + last->bytes == to) {
			last->bytes += part;
			send->posted += part;
			continue;
		}
		if (!is_fresh)
			dps_slots_hold(slots, send->fill_block, 1);
		last = dps_segment_append(streams, stream, to, part, send->fill_block);
	}
}

/* Copies without a word of their own are put together: a segment may hold many. */
static bool may_extend(const struct dps_streams *streams, const struct dps_stream_sender *send,
		       bool is_told)
{
	return !is_told && send->last != DPS_STREAM_INDEX_NONE &&
	       !(streams->segments[send->last].flags & DPS_SEGMENT_LAST);
}

static void post(struct dps_streams *streams, struct dps_stream *stream,
		 const struct dps_bytes *pieces, unsigned int count, uint32_t flags)
{
	bool is_told = (flags & (DPS_SEND_TELL | DPS_SEND_BORROW)) != 0;
	bool is_new_send = !may_extend(streams, &stream->send, is_told);

	for (unsigned int i = 0; i < count; i++) {
		if (pieces[i].bytes == 0)
			continue;
		if (flags & DPS_SEND_BORROW)
			dps_segment_append(streams, stream, pieces[i].memory,
					   (uint32_t)pieces[i].bytes, DPS_SLOT_NONE);
		else
			copy_piece(streams, stream, pieces[i].memory, pieces[i].bytes, is_new_send);
		is_new_send = false;
	}
}

static void mark_last(struct dps_streams *streams, struct dps_stream *stream, uint64_t bytes,
		      uint32_t flags, uint64_t cookie)
{
	struct dps_segment *last;

	if (!(flags & (DPS_SEND_TELL | DPS_SEND_BORROW)))
		return;
	last = bytes == 0 ? dps_segment_append(streams, stream, NULL, 0, DPS_SLOT_NONE)
			  : &streams->segments[stream->send.last];
	last->flags |= DPS_SEGMENT_LAST;
	last->flags |= flags & DPS_SEND_POSTED ? DPS_SEGMENT_POSTED : 0;
	last->cookie = cookie;
	last->send_bytes = bytes;
}

/* Whether the pieces make sense, and what they need. */
static int measure(const struct dps_streams *streams, const struct dps_stream *stream,
		   const struct dps_bytes *pieces, unsigned int count, uint32_t flags,
		   struct dps_send_need *need)
{
	uint64_t bytes = 0, segments = 0;

	if (count > DPS_SEND_PIECES_MAX || (pieces == NULL && count > 0))
		return -DPS_ERROR_INVALID;
	for (unsigned int i = 0; i < count; i++) {
		if (pieces[i].memory == NULL && pieces[i].bytes > 0)
			return -DPS_ERROR_INVALID;
		if (pieces[i].bytes > UINT32_MAX)
			return -DPS_ERROR_TOO_LONG;
		bytes += pieces[i].bytes;
		segments += pieces[i].bytes > 0;
	}
	*need = dps_send_need_of_copy(streams, &stream->send, bytes);
	if (flags & DPS_SEND_BORROW)
		*need = (struct dps_send_need){ bytes, segments, 0, 0 };
	if (bytes == 0 && (flags & (DPS_SEND_TELL | DPS_SEND_BORROW)))
		need->segments = 1;
	return 0;
}

int dps_stream_send(struct dps_streams *streams, struct dps_handle handle,
		    const struct dps_bytes *pieces, unsigned int count, uint32_t flags,
		    uint64_t cookie)
{
	const uint32_t known = DPS_SEND_BORROW | DPS_SEND_TELL | DPS_SEND_POSTED | DPS_SEND_FINISH;
	struct dps_stream *stream;
	struct dps_send_need need;
	int error = dps_stream_find(streams, handle, &stream);

	flags |= flags & DPS_SEND_POSTED ? DPS_SEND_TELL : 0;
	if (error == 0)
		error = dps_stream_send_error(stream);
	if (error == 0 && (flags & ~known))
		error = -DPS_ERROR_INVALID;
	if (error == 0)
		error = measure(streams, stream, pieces, count, flags, &need);
	if (error == 0 && (need.bytes > 0 || need.segments > 0))
		error = dps_stream_find_room(streams, stream, &need);
	if (error != 0)
		return error;
	post(streams, stream, pieces, count, flags);
	mark_last(streams, stream, need.bytes, flags, cookie);
	dps_stream_flight_take(streams, stream, need.bytes);
	dps_stream_want_nothing(streams, stream);
	if (flags & DPS_SEND_FINISH)
		dps_stream_finish(streams, handle);
	dps_stream_settle_sends(streams, stream);
	dps_stream_sendable(streams, stream);
	return 0;
}

/* ---- Taking back. ---- */

/* The last segment of the send with this cookie; NONE when there is none. */
static uint32_t find_send(const struct dps_streams *streams, const struct dps_stream *stream,
			  uint64_t cookie)
{
	uint32_t index = stream->send.first;

	while (index != DPS_STREAM_INDEX_NONE &&
	       !(streams->segments[index].flags & DPS_SEGMENT_LAST &&
		 streams->segments[index].cookie == cookie))
		index = streams->segments[index].next;
	return index;
}

/* The segment in front of the first one with bytes from an offset on; NONE when that is first. */
static uint32_t find_before(const struct dps_streams *streams, const struct dps_stream *stream,
			    uint64_t offset)
{
	uint32_t index = stream->send.first, before = DPS_STREAM_INDEX_NONE;

	while (streams->segments[index].offset < offset || streams->segments[index].bytes == 0) {
		before = index;
		index = streams->segments[index].next;
	}
	return before;
}

static void move_up(struct dps_streams *streams, struct dps_stream *stream, uint32_t index,
		    uint64_t bytes)
{
	for (; index != DPS_STREAM_INDEX_NONE; index = streams->segments[index].next)
		streams->segments[index].offset -= bytes;
	stream->send.posted -= bytes;
}

int dps_stream_cancel_send(struct dps_streams *streams, struct dps_handle handle, uint64_t cookie)
{
	const struct dps_error cancelled = { .error = -DPS_ERROR_CANCELLED };
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);
	uint32_t before, last, behind, index;
	uint64_t bytes, start;

	if (error != 0)
		return error;
	last = find_send(streams, stream, cookie);
	if (last == DPS_STREAM_INDEX_NONE)
		return -DPS_ERROR_UNKNOWN;
	bytes = streams->segments[last].send_bytes;
	start = streams->segments[last].offset + streams->segments[last].bytes - bytes;
	if (bytes == 0 || start < stream->send.sent_max ||
	    dps_stream_is_half_over(stream, DPS_HALF_SEND))
		return -DPS_ERROR_ALREADY;
	behind = streams->segments[last].next;
	before = find_before(streams, stream, start);
	do {
		index = before == DPS_STREAM_INDEX_NONE ? stream->send.first
							: streams->segments[before].next;
		dps_segment_drop(streams, stream, before, &cancelled);
	} while (index != last);
	move_up(streams, stream, behind, bytes);
	dps_streams_wake_waiting(streams);
	dps_stream_wake(streams, stream);
	dps_stream_sendable(streams, stream);
	return 0;
}

/* ---- The rest. ---- */

int dps_stream_set_window(struct dps_streams *streams, struct dps_handle handle,
			  uint64_t window_bytes)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);

	if (error != 0)
		return error;
	if (window_bytes == 0)
		return -DPS_ERROR_INVALID;
	stream->send.window_bytes = window_bytes;
	dps_stream_wake(streams, stream);
	return 0;
}

int dps_stream_set_weight(struct dps_streams *streams, struct dps_handle handle, uint32_t weight)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);

	if (error != 0)
		return error;
	if (weight == 0 || weight > DPS_STREAM_WEIGHT_MAX)
		return -DPS_ERROR_INVALID;
	stream->send.weight = weight;
	return 0;
}

int dps_stream_finish(struct dps_streams *streams, struct dps_handle handle)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);

	if (error == 0)
		error = dps_stream_send_error(stream);
	if (error == -DPS_ERROR_FINISHED)
		return 0;
	if (error != 0)
		return error;
	stream->is_end_said = true;
	dps_stream_want_nothing(streams, stream);
	if (side_of(stream)->state == DPS_STREAM_OPEN)
		dps_stream_enter(streams, stream, DPS_HALF_SEND, DPS_INPUT_END, 0);
	dps_stream_sendable(streams, stream);
	return 0;
}

int dps_stream_end(struct dps_streams *streams, struct dps_handle handle, uint64_t deadline_ns,
		   uint64_t now_ns)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);

	if (error == 0)
		error = dps_stream_finish(streams, handle);
	if (error != 0 || stream->halves[DPS_HALF_SEND].state == DPS_STREAM_FINISHED)
		return error;
	return now_ns >= deadline_ns ? -ETIMEDOUT : -DPS_ERROR_FULL;
}

int dps_stream_abort(struct dps_streams *streams, struct dps_handle handle, uint64_t code)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);
	uint8_t state;

	if (error != 0)
		return error;
	if (code > DPS_CODE_MAX)
		return -DPS_ERROR_INVALID;
	state = side_of(stream)->state;
	if (state == DPS_STREAM_ABORTED)
		return 0;
	if (dps_stream_is_half_over(stream, DPS_HALF_SEND))
		return dps_stream_state_error(DPS_HALF_SEND, state);
	dps_stream_enter(streams, stream, DPS_HALF_SEND, DPS_INPUT_ABORT, code);
	return 0;
}
