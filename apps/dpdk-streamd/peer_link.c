/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/peer_link.h"
#include "drivers/log/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum {
	MESSAGES_TURN = 64,    /* of one peer before others have their turn ... */
	BYTES_TURN = 64 << 10, /* ... or so much of them: a long one takes longer to be read */
	FULL_BYTES = 2 << 20,
};

struct dps_peer_link_frame {
	struct dps_peer_link_frame *next;
	size_t length;
	char *body;
};

static void drop_frames(struct dps_peer_link *link)
{
	while (link->first) {
		struct dps_peer_link_frame *frame = link->first;

		link->first = frame->next;
		free(frame->body);
		free(frame);
	}
	link->last = NULL;
}

void dps_peer_link_close(struct dps_peer_link *link)
{
	if (!link->is_open)
		return;
	link->is_open = false;
	dps_loop_remove(link->loop, &link->source);
	dps_connection_fini(&link->connection);
	drop_frames(link);
}

static void end(struct dps_peer_link *link, const char *why, uint64_t now_ns)
{
	char text[sizeof(link->connection.why)];

	snprintf(text, sizeof(text), "%s", why);
	dps_peer_link_close(link);
	link->on_closed(link->context, text, now_ns);
}

static void break_off(struct dps_peer_link *link, enum dps_control_code code, const char *text,
		      uint64_t now_ns)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_ERROR,
		.error = { .code = code, .text = text },
	};

	dps_log("control", DPS_LOG_WARNING, "%s: %s", link->connection.socket->peer, text);
	dps_peer_link_finish(link, &message, now_ns + DPS_NS_PER_S);
}

static void on_frame(struct dps_peer_link *link, const uint8_t *body, size_t length,
		     uint64_t now_ns)
{
	char error[DPS_MESSAGE_ERROR_BYTES];
	struct dps_message message;
	enum dps_control_code code = dps_message_decode(&message, body, length, error);

	if (code != DPS_CODE_NONE) {
		/* What is wrong with it is why the connection ends. */
		snprintf(link->connection.why, sizeof(link->connection.why), "%.*s",
			 (int)sizeof(link->connection.why) - 1, error);
		break_off(link, code, error, now_ns);
		return;
	}
	if (message.type == DPS_MESSAGE_UNKNOWN)
		link->unknown_messages++;
	else if (!link->is_finishing)
		link->on_message(link->context, &message, now_ns);
	dps_message_fini(&message);
}

static bool is_held_back(const struct dps_peer_link *link)
{
	return link->holds_back && !link->is_finishing && dps_peer_link_is_full(link);
}

static void read_messages(struct dps_peer_link *link, uint64_t now_ns)
{
	size_t bytes = 0;

	for (unsigned int i = 0;
	     i < MESSAGES_TURN && bytes < BYTES_TURN && link->is_open && !is_held_back(link); i++) {
		const uint8_t *body;
		size_t length;

		switch (dps_connection_next(&link->connection, &body, &length)) {
		case DPS_CONNECTION_IDLE:
			dps_connection_watch(&link->connection, now_ns);
			return;
		case DPS_CONNECTION_FRAME:
			bytes += length;
			on_frame(link, body, length, now_ns);
			break;
		case DPS_CONNECTION_BROKEN:
			break_off(link, DPS_CODE_PROTOCOL, link->connection.why, now_ns);
			break;
		case DPS_CONNECTION_CLOSED:
			end(link, link->connection.why, now_ns);
			return;
		}
	}
}

static void on_ready(void *context, uint32_t events, uint64_t now_ns)
{
	struct dps_peer_link *link = context;

	(void)events;
	dps_peer_link_flush(link);
	read_messages(link, now_ns);
	if (link->is_open)
		dps_peer_link_flush(link);
}

int dps_peer_link_open(struct dps_peer_link *link, struct dps_loop *loop, struct dps_socket *socket)
{
	int result;

	dps_connection_init(&link->connection, socket);
	link->loop = loop;
	link->source = (struct dps_loop_source){
		.fd = socket->fd,
		.wants = dps_connection_wants(&link->connection),
		.on_ready = on_ready,
		.context = link,
	};
	link->first = link->last = NULL;
	link->is_open = true;
	link->is_finishing = false;
	result = dps_loop_add(loop, &link->source);
	if (result < 0)
		dps_peer_link_close(link);
	return result;
}

static void keep(struct dps_peer_link *link, char *body, size_t length)
{
	struct dps_peer_link_frame *frame = malloc(sizeof(*frame));

	if (!frame)
		abort();
	*frame = (struct dps_peer_link_frame){ .length = length, .body = body };
	if (link->last)
		link->last->next = frame;
	else
		link->first = frame;
	link->last = frame;
}

void dps_peer_link_say(struct dps_peer_link *link, const struct dps_message *message)
{
	size_t length;
	char *body;

	if (!link->is_open || link->is_finishing)
		return;
	body = dps_message_encode(message, &length);
	if (!body)
		abort(); /* out of memory: nothing that could be said would be true */
	if (link->first || dps_connection_send(&link->connection, body, length) == -ENOBUFS) {
		keep(link, body, length);
		return;
	}
	free(body);
}

bool dps_peer_link_is_full(const struct dps_peer_link *link)
{
	return link->first || dps_frame_queue_bytes(&link->connection.outgoing) > FULL_BYTES;
}

/* Its end is told all the same. */
static uint32_t wants_of(const struct dps_peer_link *link)
{
	return is_held_back(link) ? EPOLLOUT : dps_connection_wants(&link->connection);
}

void dps_peer_link_flush(struct dps_peer_link *link)
{
	if (!link->is_open)
		return;
	dps_connection_flush(&link->connection);
	while (link->first && dps_connection_send(&link->connection, link->first->body,
						  link->first->length) != -ENOBUFS) {
		struct dps_peer_link_frame *frame = link->first;

		link->first = frame->next;
		if (!link->first)
			link->last = NULL;
		free(frame->body);
		free(frame);
	}
	dps_connection_flush(&link->connection);
	dps_loop_want(link->loop, &link->source, wants_of(link));
}

void dps_peer_link_finish(struct dps_peer_link *link, const struct dps_message *message,
			  uint64_t until_ns)
{
	size_t length = 0;
	char *body = NULL;

	if (!link->is_open || link->is_finishing)
		return;
	link->is_finishing = true;
	if (message)
		body = dps_message_encode(message, &length);
	dps_connection_finish(&link->connection, body, length, until_ns);
	free(body);
	dps_peer_link_flush(link);
}

uint64_t dps_peer_link_deadline_ns(const struct dps_peer_link *link)
{
	if (!link->is_open)
		return DPS_NEVER_NS;
	return link->connection.has_more && !is_held_back(link)
		       ? 0
		       : dps_connection_deadline_ns(&link->connection);
}

void dps_peer_link_on_time(struct dps_peer_link *link, uint64_t now_ns)
{
	if (!link->is_open)
		return;
	dps_connection_on_time(&link->connection, now_ns);
	read_messages(link, now_ns);
	if (link->is_open)
		dps_peer_link_flush(link);
}
