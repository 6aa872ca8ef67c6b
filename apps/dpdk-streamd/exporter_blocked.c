/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/exporter_blocked.h"

static const char *const texts[DPS_BLOCKED_COUNT] = {
	[DPS_BLOCKED_SPACE] = "the collector's disk is full",
	[DPS_BLOCKED_DISK] = "the collector's disk is slow or hangs",
	[DPS_BLOCKED_SINK] = "whoever reads at the collector does not",
	[DPS_BLOCKED_SOURCE] = "the collector waits for a source",
	[DPS_BLOCKED_OTHER] = "the collector waits",
};

bool dps_exporter_blocked_note(struct dps_exporter_blocked *blocked, uint32_t why, uint64_t now_ns)
{
	bool is_new = why != blocked->why;

	if (is_new && blocked->why == DPS_BLOCKED_NOTHING)
		blocked->since_ns = now_ns;
	blocked->why = why;
	blocked->said_at_ns = now_ns;
	return is_new;
}

uint64_t dps_exporter_blocked_ns(const struct dps_exporter_blocked *blocked, uint64_t now_ns)
{
	return blocked->why == DPS_BLOCKED_NOTHING ? 0 : now_ns - blocked->since_ns;
}

const char *dps_exporter_blocked_text(const struct dps_exporter_blocked *blocked)
{
	return blocked->why == DPS_BLOCKED_NOTHING ? "nothing" : texts[blocked->why];
}

void dps_exporter_blocked_fill(const struct dps_exporter_blocked *blocked,
			       struct dps_report_progress *progress, uint64_t now_ns)
{
	if (blocked->why == DPS_BLOCKED_NOTHING)
		return;
	progress->blocked = dps_blocked_why_name(blocked->why);
	progress->blocked_by = dps_exporter_blocked_text(blocked);
	progress->blocked_ns = dps_exporter_blocked_ns(blocked, now_ns);
}
