/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Intake watch: transfers that come in, as a watchdog sees them.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/vitals.h"
#include "apps/dpdk-streamd/watch.h"

struct dps_collect_context;
struct dps_intake;

extern const struct dps_watchdog_ops dps_intake_watch_ops;

/* How far bytes have come without a gap, by the lane's answer to DPS_COMMAND_LOOK. */
void dps_intake_on_channel_state(struct dps_intake *intake, uint64_t contiguous, uint64_t now_ns);

/* Looks at all transfers once a tick: ends those whose exporter moves nothing for --idle-timeout.
 */
void dps_intake_watch_all(struct dps_collect_context *context, uint64_t now_ns);
