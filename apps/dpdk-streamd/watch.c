/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/watch.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

enum { LINE_BYTES = 64 };

int dps_watch_init(struct dps_watch *watch, uint32_t transfers, const struct dps_watchdog_ops *ops,
		   uint64_t idle_ns, uint64_t now_ns)
{
	size_t bytes = (dps_registry_bytes(transfers) + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
	void *memory = aligned_alloc(LINE_BYTES, bytes);
	uint64_t seed;

	watch->registry = NULL;
	if (!memory)
		return -ENOMEM;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = now_ns;
	watch->registry = dps_registry_init(memory, transfers, seed);
	dps_watchdog_init_for(&watch->watchdog, watch->registry, ops, idle_ns, now_ns);
	return 0;
}

void dps_watch_fini(struct dps_watch *watch)
{
	free(watch->registry);
	watch->registry = NULL;
}

const char *dps_watch_text(enum dps_watchdog_verdict verdict)
{
	switch (verdict) {
	case DPS_WATCHDOG_PARKED:
	case DPS_WATCHDOG_RECONNECT_TIMEOUT:
		return "is parked";
	case DPS_WATCHDOG_IDLE_SOURCE:
		return "waits for its source";
	case DPS_WATCHDOG_BLOCKED_SINK:
		return "is blocked, the peer says why";
	case DPS_WATCHDOG_STALLED_PEER:
		return "is stalled";
	default:
		return NULL;
	}
}
