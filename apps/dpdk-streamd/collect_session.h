/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collect session: one exporter's control connection, the path that belongs to it, and which of the
 * collector's transfers its messages are about.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/collect_context.h"
#include "apps/dpdk-streamd/peer_link.h"
#include "drivers/log/log.h"

enum dps_collect_session_limits {
	DPS_COLLECT_SESSIONS_MAX = 48, /* the lane has 64 paths; some are still closing */
	DPS_COLLECT_TRANSFERS_MAX = 256,
	DPS_COLLECT_NUMBERS_MAX = 1024, /* transfers of one connection, one after the other */
};

enum dps_collect_session_state {
	DPS_COLLECT_SESSION_GREETING, /* until its hello */
	DPS_COLLECT_SESSION_WAITING,  /* for the lane to have a path */
	DPS_COLLECT_SESSION_OPEN,
	DPS_COLLECT_SESSION_DETACHED,  /* the connection is lost, and data still come */
	DPS_COLLECT_SESSION_FINISHING, /* the last word is said */
	DPS_COLLECT_SESSION_CLOSED,
};

struct dps_collect_session {
	struct dps_collect_session *next;
	struct dps_collect_context *context;
	struct dps_peer_link link;
	enum dps_collect_session_state state;
	struct dps_socket_address address;
	char peer[DPS_ENDPOINT_TEXT_BYTES];
	struct dps_message_hello hello; /* the exporter's; without its strings */
	uint64_t deadline_ns;		/* of the state */
	uint64_t retry_at_ns;		/* of WAITING */
	uint64_t idle_at_ns; /* since when no transfer is under way, after there was one */
	uint64_t detached_at_ns;
	uint32_t path;
	bool has_path;
	uint32_t *numbers; /* of channels that were used */
	uint32_t numbers_count;
	struct dps_log_limit refusals; /* a peer that asks without end does not fill the log */
};

/*
 * Takes the socket. busy: why it is refused at once, as there are too many; NULL: it is not. NULL
 * without memory.
 */
struct dps_collect_session *dps_collect_session_create(struct dps_collect_context *context,
						       struct dps_socket *socket,
						       const struct dps_peer_standing *standing,
						       const char *busy, uint64_t now_ns);

/* Only when it is closed. */
void dps_collect_session_destroy(struct dps_collect_session *session);

/* Once a turn. */
void dps_collect_session_step(struct dps_collect_session *session, uint64_t now_ns);
uint64_t dps_collect_session_deadline_ns(const struct dps_collect_session *session);

/* The path is gone (enum dps_close_reason), or could not be opened (-errno). */
void dps_collect_session_on_path_lost(struct dps_collect_session *session, uint32_t reason,
				      uint64_t now_ns);
void dps_collect_session_on_path_failed(struct dps_collect_session *session, int error,
					uint64_t now_ns);

/* Ends it with an error; what is under way of it ends as well. */
void dps_collect_session_end(struct dps_collect_session *session, enum dps_control_code code,
			     const char *text, uint64_t now_ns);

/* Closes its path for a reason (enum dps_close_reason), if it has one. */
void dps_collect_session_close_path(struct dps_collect_session *session, uint32_t reason);

/* Whether a transfer of it is offered or under way. */
bool dps_collect_session_has_work(const struct dps_collect_session *session);
