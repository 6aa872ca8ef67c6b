/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watch: the registry of a control core's transfers of files, and the one watchdog over it.
 *
 * Owner: the control core. No other thread looks anything up here, so what is registered may be
 * freed as soon as it is not registered any more.
 */
#pragma once
#include <dps/watchdog.h>

struct dps_watch {
	struct dps_registry *registry;
	struct dps_watchdog watchdog;
};

/* For so many transfers at once. Errors: -ENOMEM. */
int dps_watch_init(struct dps_watch *watch, uint32_t transfers, const struct dps_watchdog_ops *ops,
		   uint64_t idle_ns, uint64_t now_ns);
void dps_watch_fini(struct dps_watch *watch);

/* What a verdict means for people, of a transfer that nothing ended; NULL for ALIVE and OVER. */
const char *dps_watch_text(enum dps_watchdog_verdict verdict);
