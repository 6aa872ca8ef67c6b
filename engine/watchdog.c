/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/watchdog.h>

uint64_t dps_watchdog_tick_ns(uint64_t idle_ns)
{
	return dps_clamp_u64(idle_ns / 4, DPS_NS_PER_S, 5 * DPS_NS_PER_S);
}

/* Clocks of several threads may differ by a little: what is yet to come has lasted no time. */
static bool has_lasted(uint64_t since_ns, uint64_t for_ns, uint64_t now_ns)
{
	return now_ns >= since_ns && now_ns - since_ns >= for_ns;
}

static enum dps_watchdog_verdict judge_attached(const struct dps_transfer_snapshot *snapshot,
						uint64_t now_ns)
{
	uint64_t done =
		snapshot->release == DPS_RELEASE_STORED ? snapshot->stored : snapshot->acknowledged;
	uint64_t since_ns = dps_max_u64(snapshot->progress_at_ns, snapshot->busy_at_ns);

	if (done == snapshot->posted) {
		since_ns = dps_max_u64(snapshot->progress_at_ns, snapshot->posted_at_ns);
		return has_lasted(since_ns, snapshot->idle_ns, now_ns) ? DPS_WATCHDOG_IDLE_SOURCE
								       : DPS_WATCHDOG_ALIVE;
	}
	/* A peer that said it is blocked, and then nothing at all, is not blocked but gone. */
	if (snapshot->is_blocked && !has_lasted(snapshot->heard_at_ns, snapshot->idle_ns, now_ns))
		return DPS_WATCHDOG_BLOCKED_SINK;
	return has_lasted(since_ns, snapshot->idle_ns, now_ns) ? DPS_WATCHDOG_STALLED_PEER
							       : DPS_WATCHDOG_ALIVE;
}

enum dps_watchdog_verdict dps_watchdog_judge(const struct dps_transfer_snapshot *snapshot,
					     uint64_t now_ns)
{
	switch (snapshot->state) {
	case DPS_TRANSFER_ATTACHED:
		return judge_attached(snapshot, now_ns);
	case DPS_TRANSFER_PARKED:
		return has_lasted(snapshot->parked_at_ns, snapshot->reconnect_ns, now_ns)
			       ? DPS_WATCHDOG_RECONNECT_TIMEOUT
			       : DPS_WATCHDOG_PARKED;
	default:
		return DPS_WATCHDOG_OVER;
	}
}

const char *dps_watchdog_reason(const struct dps_transfer_snapshot *snapshot,
				enum dps_watchdog_verdict verdict)
{
	switch (verdict) {
	case DPS_WATCHDOG_RECONNECT_TIMEOUT:
		return DPS_REASON_RECONNECT_TIMEOUT;
	case DPS_WATCHDOG_STALLED_PEER:
		return DPS_REASON_PEER_STALLED;
	case DPS_WATCHDOG_IDLE_SOURCE:
		return snapshot->is_source_idle_ended ? DPS_REASON_SOURCE_IDLE : NULL;
	default:
		return NULL;
	}
}

static bool read_transfer(void *owner, struct dps_transfer_snapshot *snapshot, uint64_t now_ns)
{
	(void)now_ns;
	return dps_transfer_read(owner, snapshot);
}

static bool end_transfer(void *owner, const char *reason, uint64_t now_ns)
{
	(void)now_ns;
	return dps_transfer_cancel(owner, reason);
}

static const struct dps_watchdog_ops transfer_ops = { .read = read_transfer, .end = end_transfer };

void dps_watchdog_init(struct dps_watchdog *watchdog, struct dps_registry *registry,
		       uint64_t idle_ns, uint64_t now_ns)
{
	dps_watchdog_init_for(watchdog, registry, &transfer_ops, idle_ns, now_ns);
}

void dps_watchdog_init_for(struct dps_watchdog *watchdog, struct dps_registry *registry,
			   const struct dps_watchdog_ops *ops, uint64_t idle_ns, uint64_t now_ns)
{
	*watchdog = (struct dps_watchdog){
		.registry = registry,
		.ops = ops,
		.tick_ns = dps_watchdog_tick_ns(idle_ns),
	};
	watchdog->next_at_ns = now_ns + watchdog->tick_ns;
}

/* Whether there is something to tell of this transfer. */
static bool look_at(struct dps_watchdog *watchdog, struct dps_handle handle, uint64_t now_ns,
		    struct dps_watchdog_finding *finding)
{
	void *owner = dps_registry_get(watchdog->registry, handle, NULL);
	struct dps_transfer_snapshot snapshot;
	const char *reason;

	if (owner == NULL)
		return false;
	if (!watchdog->ops->read(owner, &snapshot, now_ns)) {
		watchdog->unread++;
		return false;
	}
	*finding = (struct dps_watchdog_finding){
		.handle = handle,
		.verdict = dps_watchdog_judge(&snapshot, now_ns),
	};
	reason = dps_watchdog_reason(&snapshot, finding->verdict);
	if (reason != NULL && watchdog->ops->end(owner, reason, now_ns)) {
		finding->is_ended = true;
		watchdog->ended++;
	}
	return finding->verdict != DPS_WATCHDOG_ALIVE && finding->verdict != DPS_WATCHDOG_OVER;
}

unsigned int dps_watchdog_on_tick(struct dps_watchdog *watchdog, uint64_t now_ns,
				  struct dps_watchdog_finding *findings, unsigned int room)
{
	struct dps_handle handle;
	unsigned int found = 0;

	DPS_ASSERT(room > 0);
	if (dps_registry_is_closed(watchdog->registry))
		watchdog->next_at_ns = DPS_NEVER_NS;
	if (now_ns < watchdog->next_at_ns)
		return 0;
	while (found < room) {
		if (dps_registry_snapshot(watchdog->registry, &watchdog->from, &handle, 1) == 0) {
			watchdog->from = 0;
			watchdog->next_at_ns = now_ns + watchdog->tick_ns;
			break;
		}
		found += look_at(watchdog, handle, now_ns, &findings[found]);
	}
	return found;
}
