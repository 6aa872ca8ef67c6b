/* SPDX-License-Identifier: BSD-3-Clause */
/* Collect summary: the figures of one incoming transfer for the report. */
#pragma once
#include "apps/dpdk-streamd/intake.h"

void dps_collect_report_progress(const struct dps_intake *intake, uint64_t now_ns);

/* Why a transfer did not store all, in one sentence (DPS_MESSAGE_TEXT_BYTES_MAX). */
void dps_collect_explain_end(const struct dps_intake *intake, char *text);

/* The last word about a transfer, to the report and to the log. NULL: there was none. */
void dps_collect_report_end(struct dps_collect_context *context, const struct dps_intake *intake);
