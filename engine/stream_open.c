/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, accepting, refusing and closing streams. */
#include "engine/stream.h"
#include <errno.h>

static void ask(struct dps_streams *streams, struct dps_stream *stream)
{
	dps_stream_enter_both(streams, stream, DPS_INPUT_ASK, 0);
	dps_stream_number(streams, stream,
			  2 * streams->opened++ + (streams->config.is_dialer ? 0 : 1));
	dps_stream_say(streams, stream, DPS_STREAM_SAYS_OPEN);
	/* A half may have been given up while it waited. */
	for (unsigned int half = 0; half < DPS_HALVES_COUNT; half++)
		dps_stream_say_end(streams, stream, half);
}

static bool is_waiting(const struct dps_stream *stream)
{
	return stream->halves[DPS_HALF_SEND].state == DPS_STREAM_WAITING ||
	       stream->halves[DPS_HALF_RECEIVE].state == DPS_STREAM_WAITING;
}

void dps_streams_take_turns(struct dps_streams *streams)
{
	while (streams->opened < streams->opened_max && !streams->is_lost) {
		struct dps_stream *stream = dps_stream_dequeue(streams, DPS_QUEUE_TURN);

		if (stream == NULL)
			return;
		if (stream->is_used && is_waiting(stream))
			ask(streams, stream);
	}
}

/* A turn is there, and nobody waits for it who came before. */
static bool has_turn(const struct dps_streams *streams)
{
	return streams->opened < streams->opened_max &&
	       streams->first[DPS_QUEUE_TURN] == DPS_STREAM_INDEX_NONE;
}

int dps_stream_open(struct dps_streams *streams, const struct dps_stream_options *options,
		    struct dps_handle *handle)
{
	const uint32_t known = DPS_STREAM_BOTH_WAYS | DPS_STREAM_NO_WAIT;
	struct dps_stream *stream;
	int error = dps_streams_may_call(streams);

	if (error != 0)
		return error;
	if (options == NULL || handle == NULL || options->flags & ~known ||
	    options->weight > DPS_STREAM_WEIGHT_MAX)
		return -DPS_ERROR_INVALID;
	if (streams->is_lost)
		return -DPS_ERROR_LOST;
	if (streams->is_shut)
		return -DPS_ERROR_SHUTTING_DOWN;
	if (streams->ours_count == streams->config.streams - streams->config.peer_streams)
		return -DPS_ERROR_NO_ROOM;
	if ((options->flags & DPS_STREAM_NO_WAIT) && !has_turn(streams))
		return -DPS_ERROR_LIMIT;
	stream = dps_stream_make(streams, true, options->tag);
	if (options->window_bytes > 0)
		stream->send.window_bytes = options->window_bytes;
	if (options->weight > 0)
		stream->send.weight = options->weight;
	dps_stream_enter(streams, stream, DPS_HALF_SEND, DPS_INPUT_OPEN, 0);
	stream->is_both_ways = (options->flags & DPS_STREAM_BOTH_WAYS) != 0;
	if (stream->is_both_ways)
		dps_stream_enter(streams, stream, DPS_HALF_RECEIVE, DPS_INPUT_OPEN, 0);
	dps_timers_set(&streams->timers, dps_stream_index(streams, stream),
		       options->open_deadline_ns);
	dps_stream_enqueue(streams, stream, DPS_QUEUE_TURN);
	dps_streams_take_turns(streams);
	streams->counters.opened++;
	*handle = dps_stream_handle(streams, stream);
	return 0;
}

void dps_stream_on_accepted(struct dps_streams *streams, struct dps_stream *stream)
{
	struct dps_stream_side *send = &stream->halves[DPS_HALF_SEND];

	if (!dps_stream_enter_both(streams, stream, DPS_INPUT_ACCEPT, 0))
		return;
	dps_timers_set(&streams->timers, dps_stream_index(streams, stream), DPS_NEVER_NS);
	if (stream->is_ours)
		dps_stream_tell(streams, stream, DPS_STREAM_EVENT_OPENED);
	if (send->state == DPS_STREAM_OPEN && stream->is_end_said)
		dps_stream_enter(streams, stream, DPS_HALF_SEND, DPS_INPUT_END, 0);
	dps_stream_sendable(streams, stream);
	dps_stream_grant(streams, stream);
}

/* Whether the program may answer; its receiving half is the one that every arrival has. */
static int may_answer(const struct dps_stream *stream)
{
	const struct dps_stream_side *receive = &stream->halves[DPS_HALF_RECEIVE];
	const struct dps_stream_side *send = &stream->halves[DPS_HALF_SEND];

	if (stream->is_ours)
		return -DPS_ERROR_INVALID;
	if (receive->state == DPS_STREAM_OPENING || send->state == DPS_STREAM_OPENING)
		return 0;
	return receive->cause.error != 0 ? receive->cause.error : -DPS_ERROR_ALREADY;
}

int dps_stream_accept(struct dps_streams *streams, struct dps_handle handle)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);

	if (error == 0)
		error = may_answer(stream);
	if (error != 0)
		return error;
	dps_stream_say(streams, stream, DPS_STREAM_SAYS_ACCEPT);
	dps_stream_on_accepted(streams, stream);
	return 0;
}

void dps_stream_turn_away(struct dps_streams *streams, struct dps_stream *stream, uint64_t code)
{
	stream->is_held = false;
	dps_stream_enter_both(streams, stream, DPS_INPUT_REFUSE, code);
	dps_stream_say(streams, stream, DPS_STREAM_SAYS_REFUSE);
	stream->tell = 0;
	stream->is_peer_done = true;
	dps_stream_settle(streams, stream);
}

int dps_stream_refuse(struct dps_streams *streams, struct dps_handle handle, uint64_t code)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);

	if (error == 0)
		error = may_answer(stream);
	if (error != 0)
		return error;
	if (code > DPS_CODE_MAX)
		return -DPS_ERROR_INVALID;
	dps_stream_turn_away(streams, stream, code);
	return 0;
}

/* The far side has not heard of it, and will not. */
static void give_up_turn(struct dps_streams *streams, struct dps_stream *stream)
{
	dps_timers_set(&streams->timers, dps_stream_index(streams, stream), DPS_NEVER_NS);
	stream->is_peer_done = true;
	dps_stream_enter_both(streams, stream, DPS_INPUT_REFUSE, DPS_CODE_SHUTTING_DOWN);
	dps_stream_settle(streams, stream);
}

/* Its program has said all there is, and counts on it. */
static bool is_all_said(const struct dps_stream *stream)
{
	return stream->is_end_said || stream->send.is_lingering;
}

/* What has arrived already is the program's to answer. */
void dps_streams_shut(struct dps_streams *streams, bool is_ours)
{
	streams->is_shut = true;
	if (is_ours)
		streams->refusal = DPS_CODE_SHUTTING_DOWN;
	for (uint32_t i = 0; i < streams->config.streams; i++) {
		struct dps_stream *stream = &streams->records[i];

		if (stream->is_used && is_waiting(stream) && !(is_ours && is_all_said(stream)))
			give_up_turn(streams, stream);
	}
}

/* Before the answer, with nothing to send, there is nothing to linger for. */
static void close_early(struct dps_streams *streams, struct dps_stream *stream)
{
	if (stream->number == DPS_STREAM_NUMBER_NONE)
		stream->is_peer_done = true;
	dps_stream_enter_both(streams, stream, DPS_INPUT_CANCEL, DPS_CODE_DROPPED);
}

static bool has_something_to_linger_for(const struct dps_stream *stream)
{
	return !dps_stream_is_half_over(stream, DPS_HALF_SEND) &&
	       (stream->is_end_said || stream->send.posted > stream->send.acknowledged);
}

int dps_stream_close(struct dps_streams *streams, struct dps_handle handle,
		     enum dps_stream_close how)
{
	struct dps_stream *stream;
	int error = dps_stream_find(streams, handle, &stream);

	if (error != 0)
		return error;
	if (how != DPS_STREAM_LINGER && how != DPS_STREAM_DROP)
		return -DPS_ERROR_INVALID;
	if (!stream->is_ours && may_answer(stream) == 0) {
		dps_stream_turn_away(streams, stream, DPS_CODE_DROPPED);
		return 0;
	}
	stream->is_held = false;
	stream->tell = 0;
	dps_stream_want_nothing(streams, stream);
	stream->receive.released = stream->receive.read;
	stream->send.is_lingering = how == DPS_STREAM_LINGER && has_something_to_linger_for(stream);
	if (!stream->send.is_lingering)
		close_early(streams, stream);
	if (!dps_stream_is_half_over(stream, DPS_HALF_RECEIVE))
		dps_stream_enter(streams, stream, DPS_HALF_RECEIVE, DPS_INPUT_STOP,
				 DPS_CODE_DROPPED);
	dps_stream_trim(streams, stream);
	if (!dps_stream_is_half_over(stream, DPS_HALF_SEND) && !stream->send.is_lingering)
		dps_stream_enter(streams, stream, DPS_HALF_SEND, DPS_INPUT_ABORT, DPS_CODE_DROPPED);
	dps_stream_settle(streams, stream);
	return 0;
}

uint64_t dps_streams_next_deadline_ns(const struct dps_streams *streams)
{
	return dps_timers_next_at_ns(&streams->timers);
}

void dps_streams_on_deadline(struct dps_streams *streams, uint64_t now_ns)
{
	for (;;) {
		uint32_t index = dps_timers_take_due(&streams->timers, now_ns);
		struct dps_stream *stream;

		if (index == UINT32_MAX)
			return;
		stream = &streams->records[index];
		if (stream->number == DPS_STREAM_NUMBER_NONE)
			stream->is_peer_done = true;
		dps_stream_enter_both(streams, stream, DPS_INPUT_EXPIRE, DPS_CODE_TIMEOUT);
		dps_stream_settle(streams, stream);
	}
}
