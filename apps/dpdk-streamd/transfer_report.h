/* SPDX-License-Identifier: BSD-3-Clause */
/* Transfer report: what a lane's snapshot says of a run, as the reports want it. */
#pragma once
#include "apps/dpdk-streamd/report.h"
#include "drivers/lane.h"

enum { DPS_TRANSFER_LIMITS = DPS_LIMITS_COUNT };

/* Names and times of what limited the lane since an earlier snapshot (NULL: since its start). */
struct dps_report_limits dps_transfer_limits(const struct dps_lane_snapshot *snapshot,
					     const struct dps_lane_snapshot *since,
					     struct dps_report_limit items[DPS_TRANSFER_LIMITS]);
