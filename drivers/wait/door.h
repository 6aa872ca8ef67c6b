/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door: how a thread of a program uses the streams of a lane (<dps/stream.h>), which only the lane
 * may touch. It hands calls in, which the lane makes in its turn, and events out. A call may wait:
 * the lane asks it again each turn, and the thread sleeps until it is done. One thread does for any
 * number of streams: it takes events when a descriptor is readable, in whatever loop it has.
 *
 * One program thread and one lane to a door. Nothing is locked; a system call is made where
 * somebody sleeps or is told, never for a packet.
 */
#pragma once
#include "drivers/clock.h"
#include "drivers/mailbox.h"
#include <dps/stream.h>
#include <stdbool.h>
#include <stdint.h>

enum { DPS_DOOR_CALLS = 64, DPS_DOOR_EVENTS = 256 };

/*
 * What the lane is to do. Returns whether it is done; if not it is asked again in the next turn.
 * Runs on the lane: it must neither wait nor take long.
 */
typedef bool dps_door_run(struct dps_streams *streams, void *argument, uint64_t now_ns);

struct dps_door_call {
	dps_door_run *run;
	void *argument;
	bool is_waited_for;
};

struct dps_door {
	struct dps_clock *clock;
	struct dps_mailbox calls;  /* pushes: the program */
	struct dps_mailbox events; /* pushes: the lane */
	struct dps_door_call call_places[DPS_DOOR_CALLS];
	struct dps_stream_event event_places[DPS_DOOR_EVENTS];
	struct dps_door_call current; /* not done yet. Owner: the lane */
	bool has_current;
	int event_fd; /* readable: events were handed out */
	int done_fd;  /* readable: the call that is waited for is done */
};

/* The clock is that of the lane's now_ns. Errors: -errno of eventfd. */
int dps_door_init(struct dps_door *door, struct dps_clock *clock);

/* When the program does not wait in it, and the lane has made its last turn. */
void dps_door_fini(struct dps_door *door);

/* The lane, once a turn: makes the calls that were handed in, and hands out events. */
void dps_door_on_turn(struct dps_door *door, struct dps_streams *streams, uint64_t now_ns);

/* ---- The program's thread. ---- */

/* Hands a call in and goes on; argument is lent until it was done. Errors: -EAGAIN too many. */
int dps_door_post(struct dps_door *door, dps_door_run *run, void *argument);

/* Hands a call in and sleeps until it is done. It comes behind those that were posted. */
void dps_door_wait(struct dps_door *door, dps_door_run *run, void *argument);

/* Readable while there may be events. Clear, take them all, then poll. */
int dps_door_event_fd(const struct dps_door *door);
void dps_door_clear_event(struct dps_door *door);

/* At most room of them; returns how many. */
unsigned int dps_door_take_events(struct dps_door *door, struct dps_stream_event *events,
				  unsigned int room);

/* Sleeps until there is one. Errors: -ETIMEDOUT. */
int dps_door_wait_event(struct dps_door *door, struct dps_stream_event *event,
			uint64_t deadline_ns);

/* ---- Calls that wait, made of those of <dps/stream.h>; errors as there. ---- */

/* Until the far side has accepted. The deadline is that of the options. */
int dps_door_open(struct dps_door *door, const struct dps_stream_options *options,
		  struct dps_handle *handle);

/*
 * Sends a copy of so many bytes, and returns when it is clear to send as many again: not when the
 * far side has them. 0: they are sent. Errors: what ended the stream, perhaps of an earlier write;
 * -ETIMEDOUT nothing was sent by the deadline, and the stream goes on.
 */
int dps_door_write(struct dps_door *door, struct dps_handle handle, const void *memory,
		   size_t bytes, uint64_t deadline_ns);

/* Says finish, and returns when all that was written, and the end, is at the far side. */
int dps_door_end(struct dps_door *door, struct dps_handle handle, uint64_t deadline_ns);

/*
 * Copies what has arrived, at least a byte and at most so many; returns how many, 0 at the end.
 * Errors: what ended the stream; -ETIMEDOUT.
 */
int dps_door_read(struct dps_door *door, struct dps_handle handle, void *memory, size_t bytes,
		  uint64_t deadline_ns);

/* Any of the calls of <dps/stream.h> that never wait may go through dps_door_wait. This is close.
 */
int dps_door_close(struct dps_door *door, struct dps_handle handle, enum dps_stream_close how);
