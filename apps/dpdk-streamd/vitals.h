/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Vitals: since when a transfer of files makes no progress, and whose turn it is, from what is read
 * of it now and then; for a watchdog to judge by. Time that it was parked is left out.
 *
 * Owner: the control core.
 */
#pragma once
#include <dps/watchdog.h>

struct dps_vitals {
	uint64_t done; /* a measure of what is done: only what advances it is progress */
	uint64_t progress_at_ns;
	uint64_t ours_at_ns; /* when it was last not the peer's turn: the peer's time since then */
	uint64_t paused_at_ns; /* DPS_NEVER_NS: it is not */
	bool is_rebased;       /* the measure begins anew: what is read next is no progress */
};

/* It begins. */
void dps_vitals_start(struct dps_vitals *vitals, uint64_t now_ns);

/* How much is done now. is_ours: we are at work, and the peer waits for us. */
void dps_vitals_note(struct dps_vitals *vitals, uint64_t done, bool is_ours, uint64_t now_ns);

void dps_vitals_pause(struct dps_vitals *vitals, uint64_t now_ns);
void dps_vitals_go_on(struct dps_vitals *vitals, uint64_t now_ns);

/* What a watchdog is to see of a transfer that is attached; is_awaited: something waits for the
 * peer, otherwise it is the source that has nothing. */
void dps_vitals_fill(const struct dps_vitals *vitals, bool is_awaited, uint64_t idle_ns,
		     struct dps_transfer_snapshot *snapshot);
