/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peer link: the control connection to one peer, as messages in both directions, in the loop. What
 * does not fit its queue now waits here in order, so that saying something never fails.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/peer_standing.h"
#include "drivers/control/connection.h"
#include "drivers/control/loop.h"
#include "drivers/control/message.h"

struct dps_peer_link_frame;

struct dps_peer_link {
	struct dps_connection connection;
	struct dps_peer_standing standing; /* of who is at the other end; zeros where nobody asks */
	struct dps_loop *loop;
	struct dps_loop_source source;
	/* A message is lent for the call; a handler may end the link. */
	void (*on_message)(void *context, const struct dps_message *message, uint64_t now_ns);
	/* Once: the connection is over, why says how. */
	void (*on_closed)(void *context, const char *why, uint64_t now_ns);
	void *context;
	struct dps_peer_link_frame *first; /* waiting for room in the queue */
	struct dps_peer_link_frame *last;
	uint64_t unknown_messages;
	/*
	 * While the peer does not read what it is told, nothing more of it is read: what it could
	 * make us keep is bounded. On one side of a connection only, or both might wait.
	 */
	bool holds_back;
	bool is_open;
	bool is_finishing;
};

/* Takes the socket and joins the loop. Returns 0 or -errno, the socket closed. */
int dps_peer_link_open(struct dps_peer_link *link, struct dps_loop *loop,
		       struct dps_socket *socket);
void dps_peer_link_close(struct dps_peer_link *link);

/* Queues a message. Written at the end of the turn, by dps_peer_link_flush. */
void dps_peer_link_say(struct dps_peer_link *link, const struct dps_message *message);

/* How many bytes wait beyond the connection's own queue: hold back long lists while any do. */
bool dps_peer_link_is_full(const struct dps_peer_link *link);

void dps_peer_link_flush(struct dps_peer_link *link);

/* Says a last message (NULL: none), waits for the peer to close as well until the moment. */
void dps_peer_link_finish(struct dps_peer_link *link, const struct dps_message *message,
			  uint64_t until_ns);

/* For the owner's timer. */
uint64_t dps_peer_link_deadline_ns(const struct dps_peer_link *link);
void dps_peer_link_on_time(struct dps_peer_link *link, uint64_t now_ns);
