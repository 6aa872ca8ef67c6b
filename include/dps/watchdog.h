/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watchdog: looks at every transfer of a registry now and then, says which of them wait and for
 * what, and ends those that wait in vain. One per control core.
 *
 * A transfer makes progress when an acknowledgement moves it; one that repeats what is known shows
 * only that the peer is alive. Parked transfers have a time of their own (reconnect_ns) and are
 * never judged by idle_ns, and neither is one whose peer says that its sink takes nothing.
 *
 * Owner: the control core. Reads transfers as any thread may, and cancels.
 */
#pragma once
#include <dps/registry.h>
#include <dps/transfer.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dps_watchdog_verdict {
	DPS_WATCHDOG_ALIVE,
	DPS_WATCHDOG_PARKED,		/* within its reconnect time */
	DPS_WATCHDOG_RECONNECT_TIMEOUT, /* beyond it: ended, `reconnect_timeout` */
	DPS_WATCHDOG_IDLE_SOURCE,	/* everything posted is done, and nothing new for idle_ns:
					   ended only if so configured, `source_idle` */
	DPS_WATCHDOG_BLOCKED_SINK,	/* the peer is alive and says that its sink takes nothing */
	DPS_WATCHDOG_STALLED_PEER,	/* bytes wait for the peer, who moved nothing for idle_ns:
					   ended, `peer_stalled` */
	DPS_WATCHDOG_OVER,		/* finished or cancelled already */
};

/* Idle time / 4, but at least 1 s and at most 5 s. */
uint64_t dps_watchdog_tick_ns(uint64_t idle_ns);

/* What to think of a transfer that looks like this. */
enum dps_watchdog_verdict dps_watchdog_judge(const struct dps_transfer_snapshot *snapshot,
					     uint64_t now_ns);

/* The reason that a verdict ends a transfer with, NULL when it does not. */
const char *dps_watchdog_reason(const struct dps_transfer_snapshot *snapshot,
				enum dps_watchdog_verdict verdict);

/* What else than struct dps_transfer a registry may lead to. */
struct dps_watchdog_ops {
	/*
	 * As dps_transfer_read: false when it cannot be had now. Of the snapshot, judge looks at
	 * state, is_blocked, is_source_idle_ended, release, idle_ns, reconnect_ns, posted,
	 * acknowledged, stored, and the times; nothing else need be filled in.
	 */
	bool (*read)(void *owner, struct dps_transfer_snapshot *snapshot, uint64_t now_ns);
	/* Ends it for a reason (DPS_REASON_…); false when it has ended already. */
	bool (*end)(void *owner, const char *reason, uint64_t now_ns);
};

struct dps_watchdog {
	struct dps_registry *registry;
	const struct dps_watchdog_ops *ops;
	uint64_t tick_ns;
	uint64_t next_at_ns; /* DPS_NEVER_NS once the registry is closed */
	uint64_t ended;	     /* transfers it cancelled */
	uint64_t unread;     /* snapshots that could not be had, and so waited a tick */
	uint32_t from;	     /* where a look that ran out of room goes on */
};

/*
 * idle_ns: the shortest that its transfers are configured with. The registry leads to
 * struct dps_transfer, or with init_for to what the ops take.
 */
void dps_watchdog_init(struct dps_watchdog *watchdog, struct dps_registry *registry,
		       uint64_t idle_ns, uint64_t now_ns);
void dps_watchdog_init_for(struct dps_watchdog *watchdog, struct dps_registry *registry,
			   const struct dps_watchdog_ops *ops, uint64_t idle_ns, uint64_t now_ns);

struct dps_watchdog_finding {
	struct dps_handle handle;
	enum dps_watchdog_verdict verdict;
	bool is_ended; /* by this watchdog, now */
};

/*
 * Looks, when it is time to, and tells of transfers that wait: at most room findings, not zero. As
 * many as room: call again, for the rest of this tick.
 */
unsigned int dps_watchdog_on_tick(struct dps_watchdog *watchdog, uint64_t now_ns,
				  struct dps_watchdog_finding *findings, unsigned int room);

#ifdef __cplusplus
}
#endif
