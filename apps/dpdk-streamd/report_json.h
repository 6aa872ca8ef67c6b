/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Report JSON: what a run tells to programs, an object a line; for a report with --json. The events
 * of report.h are written here, too.
 */
#pragma once
#include "apps/dpdk-streamd/report_text.h"

void dps_report_json_progress(struct dps_report *report, const struct dps_report_progress *progress,
			      const struct dps_report_rates *rates);
void dps_report_json_summary(struct dps_report *report, const struct dps_report_summary *summary);
