/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exporter blocked: what the collector says of itself when it is alive and takes nothing.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/report.h"
#include "drivers/control/message.h"
#include <stdbool.h>
#include <stdint.h>

struct dps_exporter_blocked {
	uint32_t why; /* enum dps_blocked_why: NOTHING when it takes what comes */
	uint64_t since_ns;
	uint64_t said_at_ns; /* it is said again while it lasts */
};

/* It says so; for another reason than before when it gives true. */
bool dps_exporter_blocked_note(struct dps_exporter_blocked *blocked, uint32_t why, uint64_t now_ns);

/* How long it has lasted; 0 when it is not blocked. */
uint64_t dps_exporter_blocked_ns(const struct dps_exporter_blocked *blocked, uint64_t now_ns);

/* In words, to follow `blocked: `. */
const char *dps_exporter_blocked_text(const struct dps_exporter_blocked *blocked);

void dps_exporter_blocked_fill(const struct dps_exporter_blocked *blocked,
			       struct dps_report_progress *progress, uint64_t now_ns);
