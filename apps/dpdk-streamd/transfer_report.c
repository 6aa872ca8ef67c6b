/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/transfer_report.h"

struct dps_report_limits dps_transfer_limits(const struct dps_lane_snapshot *snapshot,
					     const struct dps_lane_snapshot *since,
					     struct dps_report_limit items[DPS_TRANSFER_LIMITS])
{
	static const char *const names[DPS_LIMITS_COUNT] = {
		[DPS_LIMIT_SOURCE] = "source", [DPS_LIMIT_DISK] = "disk",
		[DPS_LIMIT_CREDIT] = "credit", [DPS_LIMIT_WINDOW] = "congestion window",
		[DPS_LIMIT_PACING] = "pacing", [DPS_LIMIT_NIC] = "nic",
		[DPS_LIMIT_CPU] = "cpu",
	};

	for (unsigned int i = 0; i < DPS_LIMITS_COUNT; i++) {
		items[i].name = names[i];
		items[i].ns =
			snapshot->engine.limited_ns[i] - (since ? since->engine.limited_ns[i] : 0);
	}
	return (struct dps_report_limits){ .items = items, .count = DPS_LIMITS_COUNT };
}
