/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lane report: what each lane's time went to since a moment, as the reports want it.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/node.h"
#include "apps/dpdk-streamd/report.h"

enum { DPS_LANE_REPORT_MAX = 16 }; /* lanes beyond are left out */

/* How far the lanes' counters were at a moment; all zero: when they began. */
struct dps_lane_marks {
	struct {
		struct dps_lane_cycles cycles;
		uint64_t packets;
	} lanes[DPS_LANE_REPORT_MAX];
};

/* Notes how far they are now. */
void dps_lane_marks_set(struct dps_lane_marks *marks, struct dps_node *node);

/* What came since; the items are the caller's. */
struct dps_report_lanes dps_lane_report(struct dps_node *node, const struct dps_lane_marks *since,
					struct dps_report_lane items[DPS_LANE_REPORT_MAX]);
