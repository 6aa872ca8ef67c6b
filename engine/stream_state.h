/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stream state: the life of one half of a stream, sending or receiving, as a table: in which state
 * what may happen, and what comes of it. Nothing else decides a state.
 */
#pragma once
#include <dps/error.h>
#include <dps/stream.h>
#include <stdbool.h>
#include <stdint.h>

enum dps_stream_half {
	DPS_HALF_SEND,
	DPS_HALF_RECEIVE,
	DPS_HALVES_COUNT,
};

/* What happens to a half; the same words at both ends of a stream. */
enum dps_stream_input {
	DPS_INPUT_OPEN,	  /* we want it */
	DPS_INPUT_ASK,	  /* its number is known and the peer is asked, or asks us */
	DPS_INPUT_ACCEPT, /* the asked side took it */
	DPS_INPUT_REFUSE, /* ... or did not, or will not be asked */
	DPS_INPUT_EXPIRE, /* no answer in time */
	DPS_INPUT_CANCEL, /* given up by who asked, before the answer */
	DPS_INPUT_END,	  /* where it ends is known: finish here, or the end arrived */
	DPS_INPUT_DONE,	  /* everything up to the end was delivered, or read */
	DPS_INPUT_ABORT,  /* the sending side gives it up */
	DPS_INPUT_STOP,	  /* the receiving side does */
	DPS_INPUT_LOSE,	  /* the connection is gone for good */
	DPS_INPUT_FREE,	  /* nobody knows of it any more */
	DPS_INPUTS_COUNT,
};

/* What an input makes of a state; DPS_STREAM_STATES_COUNT: it cannot come in this state. */
enum dps_stream_state dps_stream_state_after(enum dps_stream_half half, enum dps_stream_state state,
					     enum dps_stream_input input);

/* Whether the half has ended. Only FREE leads out of such a state. */
bool dps_stream_state_is_over(enum dps_stream_state state);

/* What a call is told that wants to send, or to read, in this state; 0 when it may. */
int dps_stream_state_error(enum dps_stream_half half, enum dps_stream_state state);
