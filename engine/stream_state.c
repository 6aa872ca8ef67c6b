/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/stream_state.h"
#include <dps/assert.h>

/* One more than the state, so that what is left out cannot come. */
#define TO(state) (DPS_STREAM_##state + 1)
#define ON(input) [DPS_INPUT_##input]

/* What has ended stays what it is: whatever else was on its way comes too late. */
#define OVER(state)                                                                                \
	{                                                                                          \
		ON(ACCEPT) = TO(state), ON(REFUSE) = TO(state), ON(EXPIRE) = TO(state),            \
		ON(CANCEL) = TO(state), ON(END) = TO(state), ON(DONE) = TO(state),                 \
		ON(ABORT) = TO(state), ON(STOP) = TO(state), ON(LOSE) = TO(state),                 \
		ON(FREE) = TO(NONE),                                                               \
	}

/* The whole life of a half. */
static const uint8_t after[DPS_STREAM_STATES_COUNT][DPS_INPUTS_COUNT] = {
	[DPS_STREAM_NONE] = { ON(OPEN) = TO(WAITING), ON(ASK) = TO(OPENING) },
	[DPS_STREAM_WAITING] = {
		ON(ASK) = TO(OPENING), ON(REFUSE) = TO(REFUSED), ON(EXPIRE) = TO(TIMED_OUT),
		ON(CANCEL) = TO(CANCELLED), ON(ABORT) = TO(ABORTED), ON(STOP) = TO(STOPPED),
		ON(LOSE) = TO(LOST),
	},
	[DPS_STREAM_OPENING] = {
		ON(ACCEPT) = TO(OPEN), ON(REFUSE) = TO(REFUSED), ON(EXPIRE) = TO(TIMED_OUT),
		ON(CANCEL) = TO(CANCELLED), ON(ABORT) = TO(ABORTED), ON(STOP) = TO(STOPPED),
		ON(LOSE) = TO(LOST),
	},
	[DPS_STREAM_OPEN] = {
		ON(END) = TO(ENDING), ON(ABORT) = TO(ABORTED), ON(STOP) = TO(STOPPED),
		ON(LOSE) = TO(LOST),
	},
	[DPS_STREAM_ENDING] = {
		ON(DONE) = TO(FINISHED), ON(ABORT) = TO(ABORTED), ON(STOP) = TO(STOPPED),
		ON(LOSE) = TO(LOST),
	},
	[DPS_STREAM_FINISHED] = OVER(FINISHED),
	[DPS_STREAM_ABORTED] = OVER(ABORTED),
	[DPS_STREAM_STOPPED] = OVER(STOPPED),
	[DPS_STREAM_LOST] = OVER(LOST),
	[DPS_STREAM_REFUSED] = OVER(REFUSED),
	[DPS_STREAM_CANCELLED] = OVER(CANCELLED),
	[DPS_STREAM_TIMED_OUT] = OVER(TIMED_OUT),
};

/* The other side has not heard of one that waits for its turn, and cannot give it up. */
static bool is_of_other_side(enum dps_stream_half half, enum dps_stream_input input)
{
	return input == (half == DPS_HALF_SEND ? DPS_INPUT_STOP : DPS_INPUT_ABORT);
}

enum dps_stream_state dps_stream_state_after(enum dps_stream_half half, enum dps_stream_state state,
					     enum dps_stream_input input)
{
	uint8_t next;

	DPS_ASSERT(half < DPS_HALVES_COUNT && state < DPS_STREAM_STATES_COUNT &&
		   input < DPS_INPUTS_COUNT);
	if (state == DPS_STREAM_WAITING && is_of_other_side(half, input))
		return DPS_STREAM_STATES_COUNT;
	next = after[state][input];
	return next == 0 ? DPS_STREAM_STATES_COUNT : (enum dps_stream_state)(next - 1);
}

bool dps_stream_state_is_over(enum dps_stream_state state)
{
	return state >= DPS_STREAM_FINISHED;
}

/* A sender that said its end is finished for who wants to send; a reader goes on to the end. */
int dps_stream_state_error(enum dps_stream_half half, enum dps_stream_state state)
{
	static const int errors[DPS_STREAM_STATES_COUNT] = {
		[DPS_STREAM_NONE] = -DPS_ERROR_CLOSED,
		[DPS_STREAM_FINISHED] = -DPS_ERROR_FINISHED,
		[DPS_STREAM_ABORTED] = -DPS_ERROR_ABORTED,
		[DPS_STREAM_STOPPED] = -DPS_ERROR_STOPPED,
		[DPS_STREAM_LOST] = -DPS_ERROR_LOST,
		[DPS_STREAM_REFUSED] = -DPS_ERROR_REFUSED,
		[DPS_STREAM_CANCELLED] = -DPS_ERROR_CANCELLED,
		[DPS_STREAM_TIMED_OUT] = -DPS_ERROR_TIMEOUT,
	};

	DPS_ASSERT(half < DPS_HALVES_COUNT && state < DPS_STREAM_STATES_COUNT);
	if (half == DPS_HALF_SEND && state == DPS_STREAM_ENDING)
		return -DPS_ERROR_FINISHED;
	if (half == DPS_HALF_RECEIVE && state == DPS_STREAM_FINISHED)
		return 0;
	return errors[state];
}
