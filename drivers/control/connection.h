/* SPDX-License-Identifier: BSD-3-Clause */
/* Connection: frames to and from one peer over a socket, and a clean end. */
#pragma once
#include "drivers/control/frame_buffer.h"
#include "drivers/control/frame_queue.h"
#include "drivers/control/socket.h"
#include <stdbool.h>

enum dps_connection_event {
	DPS_CONNECTION_IDLE,   /* nothing now */
	DPS_CONNECTION_FRAME,  /* a frame is lent until the next call */
	DPS_CONNECTION_BROKEN, /* what came cannot be a frame: say so in a last frame and finish */
	DPS_CONNECTION_CLOSED, /* nothing more will come or go; connection->why says why */
};

enum dps_connection_state {
	DPS_CONNECTION_OPEN,
	DPS_CONNECTION_FINISHING, /* writes out what is queued, ignores what comes, waits for the
				     end */
	DPS_CONNECTION_ENDED,
};

enum {
	DPS_CONNECTION_FRAME_SECONDS = 30
}; /* for a frame that has begun, however slowly it comes */

/* Owner: the loop's thread. */
struct dps_connection {
	struct dps_socket *socket; /* NULL once ended */
	enum dps_connection_state state;
	struct dps_frame_buffer incoming;
	struct dps_frame_queue outgoing;
	bool has_more;	      /* the last next did not say IDLE: call it again before waiting */
	bool is_write_closed; /* our side of the stream is shut, or failed */
	bool is_broken;	      /* it did not end as a peer ends it: between two frames */
	bool is_refused;      /* one side does not want the other; why says what to do */
	uint64_t finish_until_ns;
	uint64_t frame_until_ns; /* DPS_NEVER_NS: none has begun */
	uint64_t frame_begun;	 /* which: how many had been received */
	uint64_t frames_received;
	uint64_t frames_sent;
	char why[1024];
};

/* Takes the socket. */
void dps_connection_init(struct dps_connection *connection, struct dps_socket *socket);
void dps_connection_fini(struct dps_connection *connection);

/*
 * Queues a frame; flush writes it.
 * Errors: -ENOBUFS the queue is full, hold it back; -ENOMEM; -EPIPE finished, ended or failing.
 */
int dps_connection_send(struct dps_connection *connection, const void *body, size_t length);

/* Writes what the socket takes. Call after sending and when the descriptor is writable. */
void dps_connection_flush(struct dps_connection *connection);

/* What the peer sent, one event a call. Call when the descriptor is readable and while has_more. */
enum dps_connection_event dps_connection_next(struct dps_connection *connection,
					      const uint8_t **body, size_t *length);

/*
 * Call when next has said IDLE: a frame that has begun and does not end in time ends the
 * connection as a lost one.
 */
void dps_connection_watch(struct dps_connection *connection, uint64_t now_ns);

/*
 * Says goodbye: after what is queued and one last frame (body may be NULL) the peer reads the end
 * of the stream. What still comes is thrown away unread, so that no reset overtakes the last frame;
 * next says CLOSED when the peer has closed as well, on_time when that takes too long.
 */
void dps_connection_finish(struct dps_connection *connection, const void *body, size_t length,
			   uint64_t until_ns);

/* Ends a connection whose time is over: finishing, or in the middle of a frame. */
void dps_connection_on_time(struct dps_connection *connection, uint64_t now_ns);

/* When on_time is due, or DPS_NEVER_NS. */
uint64_t dps_connection_deadline_ns(const struct dps_connection *connection);

/* The epoll events to wait for now. */
uint32_t dps_connection_wants(const struct dps_connection *connection);
