/* SPDX-License-Identifier: BSD-3-Clause */
/* How halves of streams change and end, and what the end of the connection does to them. */
#include "engine/stream.h"

bool dps_stream_can(const struct dps_stream *stream, enum dps_stream_half half,
		    enum dps_stream_input input)
{
	return dps_stream_state_after(half, stream->halves[half].state, input) !=
	       DPS_STREAM_STATES_COUNT;
}

bool dps_stream_is_half_over(const struct dps_stream *stream, enum dps_stream_half half)
{
	uint8_t state = stream->halves[half].state;

	return state == DPS_STREAM_NONE || dps_stream_state_is_over(state);
}

static struct dps_error cause_of(enum dps_stream_state state, uint64_t value)
{
	struct dps_error cause = { 0 };

	if (state == DPS_STREAM_FINISHED)
		return cause;
	cause.error = dps_stream_state_error(DPS_HALF_SEND, state);
	if (state == DPS_STREAM_LOST)
		cause.reason = (uint32_t)value;
	else
		cause.code = value;
	return cause;
}

/*
 * The other side has to hear of it, unless it said it, or the connection is gone, or it never
 * heard of the stream.
 */
void dps_stream_say_end(struct dps_streams *streams, struct dps_stream *stream,
			enum dps_stream_half half)
{
	if (stream->number == DPS_STREAM_NUMBER_NONE)
		return;
	switch (stream->halves[half].state) {
	case DPS_STREAM_FINISHED:
		if (half == DPS_HALF_SEND)
			dps_stream_say(streams, stream, DPS_STREAM_SAYS_DONE);
		break;
	case DPS_STREAM_STOPPED:
		dps_stream_say(streams, stream,
			       half == DPS_HALF_SEND ? DPS_STREAM_SAYS_DONE : DPS_STREAM_SAYS_STOP);
		break;
	case DPS_STREAM_ABORTED:
		if (half == DPS_HALF_SEND)
			dps_stream_say(streams, stream, DPS_STREAM_SAYS_ABORT);
		break;
	case DPS_STREAM_CANCELLED:
	case DPS_STREAM_TIMED_OUT:
		dps_stream_say(streams, stream,
			       half == DPS_HALF_SEND ? DPS_STREAM_SAYS_ABORT
						     : DPS_STREAM_SAYS_STOP);
		break;
	default:
		break;
	}
}

static void on_over(struct dps_streams *streams, struct dps_stream *stream,
		    enum dps_stream_half half)
{
	uint8_t state = stream->halves[half].state;

	dps_stream_say_end(streams, stream, half);
	if (half == DPS_HALF_SEND) {
		dps_stream_settle_sends(streams, stream);
		return;
	}
	dps_stream_trim(streams, stream);
	if (state != DPS_STREAM_FINISHED)
		dps_stream_tell(streams, stream, DPS_STREAM_EVENT_RECEIVE_OVER);
}

static bool is_live(uint8_t state)
{
	return state != DPS_STREAM_NONE && !dps_stream_state_is_over(state);
}

bool dps_stream_enter(struct dps_streams *streams, struct dps_stream *stream,
		      enum dps_stream_half half, enum dps_stream_input input, uint64_t value)
{
	struct dps_stream_side *side = &stream->halves[half];
	enum dps_stream_state next = dps_stream_state_after(half, side->state, input);

	DPS_ASSERT(next != DPS_STREAM_STATES_COUNT);
	if (next == side->state)
		return false;
	streams->live_count += is_live((uint8_t)next);
	streams->live_count -= is_live(side->state);
	side->state = (uint8_t)next;
	if (dps_stream_state_is_over(next)) {
		side->cause = cause_of(next, value);
		on_over(streams, stream, half);
	}
	return true;
}

bool dps_stream_enter_both(struct dps_streams *streams, struct dps_stream *stream,
			   enum dps_stream_input input, uint64_t value)
{
	bool has_changed = false;

	for (unsigned int half = 0; half < DPS_HALVES_COUNT; half++)
		if (stream->halves[half].state != DPS_STREAM_NONE &&
		    dps_stream_can(stream, half, input))
			has_changed |= dps_stream_enter(streams, stream, half, input, value);
	return has_changed;
}

/* All of what is here up to its end is not lost: it is read as if nothing had happened. */
static void lose_halves(struct dps_streams *streams, struct dps_stream *stream, uint32_t reason)
{
	for (unsigned int half = 0; half < DPS_HALVES_COUNT; half++)
		if (stream->halves[half].state != DPS_STREAM_NONE &&
		    dps_stream_can(stream, half, DPS_INPUT_LOSE) &&
		    !(half == DPS_HALF_RECEIVE && dps_stream_has_all(stream)))
			dps_stream_enter(streams, stream, half, DPS_INPUT_LOSE, reason);
}

void dps_streams_lose(struct dps_streams *streams, uint32_t reason)
{
	if (streams->is_lost)
		return;
	streams->is_lost = true;
	streams->is_attached = false;
	streams->lost_reason = reason;
	for (uint32_t i = 0; i < streams->config.streams; i++) {
		struct dps_stream *stream = &streams->records[i];

		if (!stream->is_used)
			continue;
		lose_halves(streams, stream, reason);
		stream->say = 0;
		dps_stream_settle(streams, stream);
	}
}
