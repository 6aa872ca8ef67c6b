/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stream: an ordered sequence of bytes that a program sends to a peer, one way or both ways, with
 * an end that the other side can tell from a failure.
 *
 * Each way is a half, with a life of its own:
 *
 *   none ─▶ waiting ─▶ opening ─▶ open ─▶ ending ─▶ finished
 *                 │          │       │         │
 *                 └──────────┴───────┴─────────┴──▶ aborted, stopped, lost,
 *                                                   refused, cancelled, timed out
 *
 * The states of the right-hand side are ends. What ended a half first stays what ended it, and
 * what says so says it with its code or reason for as long as the stream has a handle.
 */
#pragma once

/* Of one half of a stream. */
enum dps_stream_state {
	DPS_STREAM_NONE,    /* the stream has no such half */
	DPS_STREAM_WAITING, /* as many are open as the peer allows; waits for its turn */
	DPS_STREAM_OPENING, /* the far side was asked and has not answered; or we were */
	DPS_STREAM_OPEN,
	DPS_STREAM_ENDING,    /* the end is said, or has arrived; not all before it was taken yet */
	DPS_STREAM_FINISHED,  /* everything and the end arrived at the far side, or was read here */
	DPS_STREAM_ABORTED,   /* the sending side gave it up; code */
	DPS_STREAM_STOPPED,   /* the receiving side did; code */
	DPS_STREAM_LOST,      /* the connection is gone for good; reason */
	DPS_STREAM_REFUSED,   /* the far side would not have it; code */
	DPS_STREAM_CANCELLED, /* given up by who asked for it, before the answer */
	DPS_STREAM_TIMED_OUT, /* not answered in time */
	DPS_STREAM_STATES_COUNT,
};
