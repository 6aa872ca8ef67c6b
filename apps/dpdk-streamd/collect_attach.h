/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collect attach: a session whose control connection is lost while its path goes on, and the
 * connection that takes its place.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/collect_session.h"

/*
 * The connection is gone, why says how. True when its path stays, and with it the transfers: they
 * wait for another connection. Otherwise the session ends as before.
 */
bool dps_collect_detach(struct dps_collect_session *session, const char *why, uint64_t now_ns);

/* Of one that is DETACHED; once a turn. */
void dps_collect_step_detached(struct dps_collect_session *session, uint64_t now_ns);

/* Its path is gone as well (enum dps_close_reason): its transfers park. */
void dps_collect_lose_detached(struct dps_collect_session *session, uint32_t reason,
			       uint64_t now_ns);

/*
 * An exporter's new connection wants to have a path that goes on, with all its transfers. Answered
 * at once; NULL, or what is wrong in a sentence: then the connection ends with `protocol`.
 */
const char *dps_collect_on_attach(struct dps_collect_session *session,
				  const struct dps_message_attach *attach, uint64_t now_ns);
