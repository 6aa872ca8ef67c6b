/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter report: progress, the lack of it, and the summary. */
#include "apps/dpdk-streamd/exporter_state.h"
#include "apps/dpdk-streamd/transfer_report.h"
#include "drivers/log/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void dps_exporter_report_progress(struct dps_exporter *exporter, uint64_t now_ns)
{
	struct dps_export *export = &exporter->export;
	struct dps_report_limit items[DPS_TRANSFER_LIMITS];
	struct dps_report_lane lanes[DPS_LANE_REPORT_MAX];
	struct dps_lane_snapshot snapshot;
	struct dps_report_progress progress = { .transfer = export->id };

	if ((!dps_exporter_is_moving(exporter) && !dps_exporter_is_parked(exporter)) ||
	    now_ns < dps_report_deadline_ns(&exporter->report))
		return;
	dps_node_read_snapshot(exporter->node, &snapshot);
	if (dps_exporter_is_parked(exporter)) {
		progress.is_parked = true;
		progress.parked_ns = now_ns - exporter->parked_at_ns;
		if (dps_backoff_next_at_ns(&exporter->backoff) > now_ns)
			progress.reconnect_ns = dps_backoff_next_at_ns(&exporter->backoff) - now_ns;
	}
	if (!progress.is_parked)
		dps_exporter_blocked_fill(&exporter->blocked, &progress, now_ns);
	progress.waits_for_source = exporter->verdict == DPS_WATCHDOG_IDLE_SOURCE;
	progress.bytes = dps_export_bytes_done(export);
	progress.bytes_total = export->bytes_total;
	progress.files = export->settled_count;
	progress.files_total = export->files_count;
	progress.data_packets = snapshot.engine.data_packets;
	progress.retransmitted_packets = snapshot.engine.retransmitted_packets;
	progress.limits = dps_transfer_limits(&snapshot, &exporter->last_snapshot, items);
	progress.lanes = dps_lane_report(exporter->node, &exporter->lanes_at_last, lanes);
	dps_report_on_progress(&exporter->report, &progress, now_ns);
	dps_lane_marks_set(&exporter->lanes_at_last, exporter->node);
	exporter->last_snapshot = snapshot;
}

void dps_exporter_summarize(struct dps_exporter *exporter)
{
	struct dps_export *export = &exporter->export;
	struct dps_report_limit items[DPS_TRANSFER_LIMITS];
	struct dps_report_lane lanes[DPS_LANE_REPORT_MAX];
	struct dps_lane_snapshot snapshot;
	struct dps_report_summary summary;

	/* However the run was cut short, it lasted until now. */
	if (exporter->ended_at_ns == 0)
		exporter->ended_at_ns = dps_node_now_ns(exporter->node);
	dps_node_read_snapshot(exporter->node, &snapshot);
	summary = (struct dps_report_summary){
		.files = export->files_stored + export->files_same,
		.files_failed = export->files_count - export->files_stored - export->files_same,
		.files_skipped =
			exporter->source ? dps_source_totals(exporter->source)->skipped : 0,
		.files_already_stored = export->files_same,
		.bytes = export->bytes_stored + export->bytes_same,
		.bytes_before = export->bytes_before + export->bytes_same,
		.duration_ns = exporter->started_at_ns
				       ? exporter->ended_at_ns - exporter->started_at_ns
				       : 0,
		.data_packets = snapshot.engine.data_packets,
		.retransmitted_packets = snapshot.engine.retransmitted_packets,
		.impaired_packets = snapshot.port.impaired_datagrams,
		.resent_bytes = export->bytes_resent,
		.peak_rss_bytes = dps_report_peak_rss_bytes(),
		.limits = dps_transfer_limits(&snapshot, NULL, items),
		.lanes = dps_lane_report(exporter->node, &exporter->lanes_at_start, lanes),
		.is_stored = exporter->status == 0 && exporter->is_done && exporter->peer_stores,
		.is_verified = exporter->status == 0 && exporter->is_done,
	};
	dps_report_clear_line(&exporter->report);
	dps_report_finish(&exporter->report, &summary);
	if (exporter->sentence[0])
		fprintf(stderr, "dpdk-streamd: %s\n", exporter->sentence);
}
