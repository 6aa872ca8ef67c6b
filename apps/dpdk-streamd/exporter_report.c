/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter report: progress, the lack of it, and the summary. */
#include "apps/dpdk-streamd/exporter_state.h"
#include "apps/dpdk-streamd/transfer_report.h"
#include "drivers/log/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WATCH_MS = 250 };

/* One that said so, and then nothing at all, is not blocked but gone. */
static bool is_blocked(const struct dps_exporter *exporter, uint64_t now_ns)
{
	return exporter->blocked.why != DPS_BLOCKED_NOTHING &&
	       now_ns - exporter->blocked.said_at_ns < exporter->options->idle_timeout_ns;
}

/* Nothing advances: not the bytes, not the files, and no disk of ours is at work. */
void dps_exporter_watch_progress(struct dps_exporter *exporter, uint64_t now_ns)
{
	const struct dps_export *export = &exporter->export;
	struct dps_lane_snapshot snapshot;
	uint64_t done;

	if (exporter->state != DPS_EXPORTER_MOVING || now_ns < exporter->watch_at_ns)
		return;
	exporter->watch_at_ns = now_ns + WATCH_MS * DPS_NS_PER_MS;
	dps_node_read_snapshot(exporter->node, &snapshot);
	done = snapshot.channel.bytes_done + snapshot.channel.contiguous + snapshot.channel.stored +
	       export->settled_count + export->accepted_end;
	if (done != exporter->advanced_to || dps_export_has_jobs(export) ||
	    dps_export_waits_for_source(export) || is_blocked(exporter, now_ns)) {
		exporter->advanced_to = done;
		exporter->advanced_at_ns = now_ns;
	} else if (now_ns - exporter->advanced_at_ns > exporter->options->idle_timeout_ns) {
		dps_exporter_fail(exporter, DPS_EXIT_LOST,
				  "nothing advanced towards %s for %" PRIu64
				  " s (--idle-timeout); look at its disk and log; %s",
				  exporter->peer_name,
				  exporter->options->idle_timeout_ns / DPS_NS_PER_S,
				  export->live ? "a live source cannot be resumed"
					       : "the same command resumes");
		dps_exporter_leave_with(exporter, DPS_CODE_IDLE,
					"nothing advanced for the idle timeout");
	}
}

void dps_exporter_report_progress(struct dps_exporter *exporter, uint64_t now_ns)
{
	struct dps_export *export = &exporter->export;
	struct dps_report_limit items[DPS_TRANSFER_LIMITS];
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
	progress.bytes = dps_export_bytes_done(export);
	progress.bytes_total = export->bytes_total;
	progress.files = export->settled_count;
	progress.files_total = export->files_count;
	progress.data_packets = snapshot.engine.data_packets;
	progress.retransmitted_packets = snapshot.engine.retransmitted_packets;
	progress.limits = dps_transfer_limits(&snapshot, &exporter->last_snapshot, items);
	dps_report_on_progress(&exporter->report, &progress, now_ns);
	exporter->last_snapshot = snapshot;
}

void dps_exporter_summarize(struct dps_exporter *exporter)
{
	struct dps_export *export = &exporter->export;
	struct dps_report_limit items[DPS_TRANSFER_LIMITS];
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
		.duration_ns = exporter->started_at_ns
				       ? exporter->ended_at_ns - exporter->started_at_ns
				       : 0,
		.data_packets = snapshot.engine.data_packets,
		.retransmitted_packets = snapshot.engine.retransmitted_packets,
		.impaired_packets = snapshot.port.impaired_datagrams,
		.resent_bytes = export->bytes_resent,
		.peak_rss_bytes = dps_report_peak_rss_bytes(),
		.limits = dps_transfer_limits(&snapshot, NULL, items),
		.is_stored = exporter->status == 0 && exporter->is_done && exporter->peer_stores,
		.is_verified = exporter->status == 0 && exporter->is_done,
	};
	dps_report_clear_line(&exporter->report);
	dps_report_finish(&exporter->report, &summary);
	if (exporter->sentence[0])
		fprintf(stderr, "dpdk-streamd: %s\n", exporter->sentence);
}
