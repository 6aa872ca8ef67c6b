/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/connection.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	DISCARDED_READS_MAX = 16, /* per call, so that a peer that never stops does not hold us */
};

void dps_connection_init(struct dps_connection *connection, struct dps_socket *socket)
{
	memset(connection, 0, sizeof(*connection));
	connection->socket = socket;
	connection->state = DPS_CONNECTION_OPEN;
	connection->finish_until_ns = connection->frame_until_ns = DPS_NEVER_NS;
	dps_frame_buffer_init(&connection->incoming);
	dps_frame_queue_init(&connection->outgoing, DPS_FRAME_QUEUE_BYTES);
}

void dps_connection_fini(struct dps_connection *connection)
{
	if (connection->socket)
		connection->socket->ops->close(connection->socket);
	connection->socket = NULL;
	connection->state = DPS_CONNECTION_ENDED;
	dps_frame_buffer_fini(&connection->incoming);
	dps_frame_queue_fini(&connection->outgoing);
}

/* The first reason is the one that counts. */
static void note(struct dps_connection *connection, const char *why, int error)
{
	/* A refusal says more than the write that failed because of it. */
	if (error && connection->socket->is_refused && !connection->is_refused) {
		connection->is_refused = true;
		connection->why[0] = '\0';
	}
	if (connection->why[0])
		return;
	if (error && connection->socket->trouble)
		snprintf(connection->why, sizeof(connection->why), "%s",
			 connection->socket->trouble);
	else if (error)
		snprintf(connection->why, sizeof(connection->why), "%s %s: %s", why,
			 connection->socket->peer, strerror(error));
	else
		snprintf(connection->why, sizeof(connection->why), "%s", why);
}

static enum dps_connection_event end(struct dps_connection *connection)
{
	connection->state = DPS_CONNECTION_ENDED;
	connection->finish_until_ns = connection->frame_until_ns = DPS_NEVER_NS;
	if (connection->socket)
		connection->socket->ops->close(connection->socket);
	connection->socket = NULL;
	return DPS_CONNECTION_CLOSED;
}

int dps_connection_send(struct dps_connection *connection, const void *body, size_t length)
{
	int status;

	if (connection->state != DPS_CONNECTION_OPEN || connection->is_write_closed)
		return -EPIPE;
	status = dps_frame_queue_push(&connection->outgoing, body, length);
	connection->frames_sent += status == 0;
	return status;
}

/*
 * A peer that refused something may have closed while we were still writing: its last frame is
 * yet to be read, so a failed write is not the end of the connection, only of writing.
 */
static void fail_writing(struct dps_connection *connection, int error)
{
	const uint8_t *bytes;

	note(connection, "lost the control connection to", error);
	connection->is_write_closed = connection->is_broken = true;
	dps_frame_queue_consume(&connection->outgoing,
				dps_frame_queue_peek(&connection->outgoing, &bytes));
}

void dps_connection_flush(struct dps_connection *connection)
{
	const uint8_t *bytes;
	size_t length;
	int status;

	if (!connection->socket || connection->is_write_closed)
		return;
	while ((length = dps_frame_queue_peek(&connection->outgoing, &bytes)) > 0) {
		ssize_t count = connection->socket->ops->write(connection->socket, bytes, length);

		if (count == -EAGAIN)
			return;
		if (count < 0) {
			fail_writing(connection, (int)-count);
			return;
		}
		dps_frame_queue_consume(&connection->outgoing, (size_t)count);
	}
	if (connection->state != DPS_CONNECTION_FINISHING)
		return;
	status = connection->socket->ops->finish(connection->socket);
	connection->is_write_closed = status != -EAGAIN;
}

static enum dps_connection_event discard(struct dps_connection *connection)
{
	uint8_t bytes[4096];

	for (unsigned int i = 0; i < DISCARDED_READS_MAX; i++) {
		ssize_t count =
			connection->socket->ops->read(connection->socket, bytes, sizeof(bytes));

		if (count == -EAGAIN) {
			connection->has_more = false;
			return DPS_CONNECTION_IDLE;
		}
		if (count <= 0)
			return end(connection);
	}
	return DPS_CONNECTION_IDLE;
}

/* Reads once into the frame buffer; false when there is nothing to read now. */
static bool read_more(struct dps_connection *connection)
{
	size_t room;
	uint8_t *to = dps_frame_buffer_room(&connection->incoming, &room);
	ssize_t count;

	if (!to) {
		note(connection, "no memory for the control connection to", ENOMEM);
		dps_frame_buffer_ended(&connection->incoming);
		return true;
	}
	count = connection->socket->ops->read(connection->socket, to, room);
	if (count == -EAGAIN)
		return false;
	if (count > 0) {
		dps_frame_buffer_filled(&connection->incoming, (size_t)count);
		return true;
	}
	if (count < 0) {
		note(connection, "lost the control connection to", (int)-count);
		connection->is_broken = true;
	}
	dps_frame_buffer_ended(&connection->incoming);
	return true;
}

enum dps_connection_event dps_connection_next(struct dps_connection *connection,
					      const uint8_t **body, size_t *length)
{
	enum dps_frame_status status;

	connection->has_more = true;
	if (connection->state == DPS_CONNECTION_ENDED) {
		connection->has_more = false;
		return DPS_CONNECTION_CLOSED;
	}
	if (connection->state == DPS_CONNECTION_FINISHING)
		return discard(connection);
	while ((status = dps_frame_buffer_next(&connection->incoming, body, length)) ==
	       DPS_FRAME_NONE) {
		if (!read_more(connection)) {
			connection->has_more = false;
			return DPS_CONNECTION_IDLE;
		}
	}
	if (status == DPS_FRAME_READY) {
		connection->frames_received++;
		return DPS_CONNECTION_FRAME;
	}
	note(connection, dps_frame_status_text(status), 0);
	connection->is_broken |= status != DPS_FRAME_END;
	connection->has_more = false;
	if (status == DPS_FRAME_END || status == DPS_FRAME_TRUNCATED)
		return end(connection);
	return DPS_CONNECTION_BROKEN;
}

/* By the frame, not by the byte: who sends one now and then holds us up as well. */
void dps_connection_watch(struct dps_connection *connection, uint64_t now_ns)
{
	const struct dps_frame_buffer *incoming = &connection->incoming;

	if (connection->state != DPS_CONNECTION_OPEN || incoming->start == incoming->end) {
		connection->frame_until_ns = DPS_NEVER_NS;
		return;
	}
	if (connection->frame_until_ns != DPS_NEVER_NS &&
	    connection->frame_begun == connection->frames_received)
		return;
	connection->frame_begun = connection->frames_received;
	connection->frame_until_ns = now_ns + DPS_CONNECTION_FRAME_SECONDS * DPS_NS_PER_S;
}

void dps_connection_finish(struct dps_connection *connection, const void *body, size_t length,
			   uint64_t until_ns)
{
	if (connection->state != DPS_CONNECTION_OPEN)
		return;
	if (body && !connection->is_write_closed &&
	    dps_frame_queue_push_last(&connection->outgoing, body, length) == 0)
		connection->frames_sent++;
	note(connection, "finished", 0);
	connection->state = DPS_CONNECTION_FINISHING;
	connection->finish_until_ns = until_ns;
	connection->frame_until_ns = DPS_NEVER_NS;
	connection->has_more = true;
	dps_connection_flush(connection);
}

void dps_connection_on_time(struct dps_connection *connection, uint64_t now_ns)
{
	if (connection->state == DPS_CONNECTION_FINISHING && now_ns >= connection->finish_until_ns)
		end(connection);
	if (connection->state != DPS_CONNECTION_OPEN || now_ns < connection->frame_until_ns)
		return;
	/* It has come, and what came since was too much to see an end of. */
	if (connection->frame_begun != connection->frames_received) {
		connection->frame_until_ns = DPS_NEVER_NS;
		return;
	}
	note(connection, "the peer has stopped in the middle of a message", 0);
	connection->is_broken = true;
	end(connection);
}

uint64_t dps_connection_deadline_ns(const struct dps_connection *connection)
{
	return connection->frame_until_ns < connection->finish_until_ns
		       ? connection->frame_until_ns
		       : connection->finish_until_ns;
}

uint32_t dps_connection_wants(const struct dps_connection *connection)
{
	uint32_t events;

	if (!connection->socket)
		return 0;
	events = connection->socket->read_waits;
	if (!connection->is_write_closed && (dps_frame_queue_bytes(&connection->outgoing) > 0 ||
					     connection->state == DPS_CONNECTION_FINISHING))
		events |= connection->socket->write_waits;
	return events;
}
