/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/vitals.h"

void dps_vitals_start(struct dps_vitals *vitals, uint64_t now_ns)
{
	*vitals = (struct dps_vitals){
		.progress_at_ns = now_ns,
		.ours_at_ns = now_ns,
		.paused_at_ns = DPS_NEVER_NS,
	};
}

void dps_vitals_note(struct dps_vitals *vitals, uint64_t done, bool is_ours, uint64_t now_ns)
{
	if (is_ours)
		vitals->ours_at_ns = now_ns;
	if (vitals->is_rebased) {
		vitals->done = done;
		vitals->is_rebased = false;
	}
	if (done <= vitals->done)
		return;
	vitals->done = done;
	vitals->progress_at_ns = now_ns;
}

void dps_vitals_pause(struct dps_vitals *vitals, uint64_t now_ns)
{
	if (vitals->paused_at_ns == DPS_NEVER_NS)
		vitals->paused_at_ns = now_ns;
}

void dps_vitals_go_on(struct dps_vitals *vitals, uint64_t now_ns)
{
	uint64_t paused_ns;

	if (vitals->paused_at_ns == DPS_NEVER_NS)
		return;
	paused_ns = now_ns - vitals->paused_at_ns;
	vitals->progress_at_ns += paused_ns;
	vitals->ours_at_ns += paused_ns;
	vitals->paused_at_ns = DPS_NEVER_NS;
	vitals->is_rebased = true; /* a resume shows that the peer lives, not that it takes bytes */
}

void dps_vitals_fill(const struct dps_vitals *vitals, bool is_awaited, uint64_t idle_ns,
		     struct dps_transfer_snapshot *snapshot)
{
	uint64_t two_ticks_ns = 2 * dps_watchdog_tick_ns(idle_ns);

	*snapshot = (struct dps_transfer_snapshot){
		.state = DPS_TRANSFER_ATTACHED,
		.release = DPS_RELEASE_RECEIVED,
		/* What is read once a tick may have moved after that. */
		.idle_ns = idle_ns > two_ticks_ns ? idle_ns : two_ticks_ns,
		.reconnect_ns = UINT64_MAX,
		.posted = vitals->done + is_awaited,
		.acknowledged = vitals->done,
		.stored = vitals->done,
		.posted_at_ns = vitals->ours_at_ns,
		.busy_at_ns = vitals->ours_at_ns,
		.progress_at_ns = vitals->progress_at_ns,
	};
}
