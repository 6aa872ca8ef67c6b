/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collect trust: which exporters a collector has a place for, and what becomes of those that it has
 * when their lines in authorized_peers are changed.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/collect_session.h"

/* Why there is no place for one more connection of a peer, as a sentence; NULL: there is. */
const char *dps_collect_busy_for(const struct dps_collect_session *sessions,
				 const struct dps_peer_standing *standing);

/* What a key may take, as it is now: holds for all of its connections and transfers. */
void dps_collect_apply_grant(struct dps_collect_context *context,
			     struct dps_collect_session *sessions,
			     const struct dps_peer_standing *standing, uint64_t now_ns);

/*
 * The file may be another one: connections of keys that are not trusted any more end, and what was
 * accepted over them is parked, for a time when they are trusted again.
 */
void dps_collect_judge_anew(struct dps_collect_context *context,
			    struct dps_collect_session *sessions, uint64_t now_ns);
