/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collect_summary.h"
#include "drivers/log/log.h"
#include <stdio.h>

static void fill_parked(const struct dps_intake *intake, struct dps_report_progress *progress,
			uint64_t now_ns)
{
	uint64_t until_ns = dps_intake_parked_deadline_ns(intake);

	progress->bytes = dps_intake_kept_bytes(intake);
	progress->is_parked = progress->is_awaited = true;
	progress->parked_ns = now_ns - intake->parked_at_ns;
	if (until_ns == DPS_NEVER_NS)
		progress->awaited_ns = DPS_NEVER_NS;
	else
		progress->awaited_ns = until_ns > now_ns ? until_ns - now_ns : 0;
}

void dps_collect_report_progress(const struct dps_intake *intake, uint64_t now_ns)
{
	struct dps_report_progress progress = {
		.transfer = intake->id,
		.bytes = intake->bytes_received + intake->bytes_same,
		.bytes_total = intake->total_bytes,
		.files = intake->manifest.settled_count,
		.files_total = intake->total_files,
	};
	struct dps_collect_context *context = intake->context;
	struct dps_report_lane lanes[DPS_LANE_REPORT_MAX];
	struct dps_lane_snapshot snapshot;

	if (now_ns < dps_report_deadline_ns(context->report))
		return;
	if (intake->is_parked)
		fill_parked(intake, &progress, now_ns);
	progress.waits_for_source = intake->verdict == DPS_WATCHDOG_IDLE_SOURCE;
	if (intake->space.lacks != 0) {
		progress.blocked = dps_blocked_why_name(DPS_BLOCKED_SPACE);
		progress.blocked_by = "the disk is full";
		progress.blocked_ns = now_ns - intake->space.since_ns;
	}
	dps_node_read_snapshot(context->node, &snapshot);
	progress.data_packets = snapshot.engine.data_packets_received;
	progress.retransmitted_packets = snapshot.engine.duplicate_packets;
	progress.lanes = dps_lane_report(context->node, &context->lanes_at_last, lanes);
	dps_report_on_progress(context->report, &progress, now_ns);
	dps_lane_marks_set(&context->lanes_at_last, context->node);
}

void dps_collect_explain_end(const struct dps_intake *intake, char *text)
{
	if (!intake->is_complete)
		snprintf(text, DPS_MESSAGE_TEXT_BYTES_MAX, "%s", intake->end_text);
	else
		snprintf(text, DPS_MESSAGE_TEXT_BYTES_MAX,
			 "%llu of %u files were not stored; the first: %.900s",
			 (unsigned long long)intake->files_failed, intake->manifest.count,
			 intake->first_failure);
}

static void log_end(const struct dps_intake *intake)
{
	char text[DPS_MESSAGE_TEXT_BYTES_MAX];

	if (!intake->is_complete)
		return; /* said when it happened */
	if (intake->files_failed > 0) {
		dps_collect_explain_end(intake, text);
		dps_log("collect", DPS_LOG_ERROR, "%s", text);
		return;
	}
	dps_log("collect", DPS_LOG_NOTICE,
		"%s a transfer of %s: files %llu, of them there already %llu, %.1f MiB",
		intake->context->staging ? "stored" : "verified and discarded", intake->peer,
		(unsigned long long)(intake->files_stored + intake->files_same),
		(unsigned long long)intake->files_same, (double)intake->bytes_stored / (1 << 20));
}

void dps_collect_report_end(struct dps_collect_context *context, const struct dps_intake *intake)
{
	static const struct dps_lane_marks from_the_start;
	struct dps_report_summary summary = { 0 };
	struct dps_report_lane lanes[DPS_LANE_REPORT_MAX];
	struct dps_lane_snapshot snapshot;

	dps_node_read_snapshot(context->node, &snapshot);
	summary.data_packets = snapshot.engine.data_packets_received;
	summary.retransmitted_packets = snapshot.engine.duplicate_packets;
	summary.impaired_packets = snapshot.port.impaired_datagrams;
	summary.peak_rss_bytes = dps_report_peak_rss_bytes();
	summary.lanes = dps_lane_report(context->node,
					intake ? &intake->lanes_at_start : &from_the_start, lanes);
	if (intake) {
		bool is_stored = dps_intake_is_stored(intake);

		summary.files = intake->files_stored + intake->files_same;
		summary.files_failed = intake->files_failed;
		summary.files_already_stored = intake->files_same;
		summary.bytes = intake->bytes_stored;
		summary.bytes_before = intake->bytes_before + intake->bytes_same;
		summary.duration_ns = intake->ended_at_ns - intake->started_at_ns;
		summary.is_stored = is_stored && context->staging;
		summary.is_verified = is_stored;
		log_end(intake);
	}
	dps_report_finish(context->report, &summary);
}
