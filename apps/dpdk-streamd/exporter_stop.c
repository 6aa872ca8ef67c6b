/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exporter stop: what a first signal comes to. Files are read again by the next run. What was read
 * of a live source is nowhere else: it is brought to the collector's disk first, as far as --grace
 * lasts, and only then given up.
 */
#include "apps/dpdk-streamd/exporter_state.h"
#include "drivers/log/log.h"

enum {
	STOPPED = 128, /* plus the signal */
	LAST_PART = 4, /* of --grace: one in so many is for the last words */
};

static double mebibytes(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

bool dps_exporter_was_stopped(const struct dps_exporter *exporter)
{
	return exporter->stop_signal != 0 && exporter->export.files[0].error < 0;
}

void dps_exporter_explain_stop(struct dps_exporter *exporter)
{
	dps_exporter_fail(exporter, STOPPED + exporter->stop_signal,
			  "stopped by a signal before the source had ended; what is read once "
			  "cannot be resumed; of %.1f MiB that were read the collector has %.1f, "
			  "keeps them for its --keep-partial, and says where",
			  mebibytes(dps_export_live_bytes(&exporter->export)),
			  mebibytes(exporter->export.held_bytes));
}

static void leave_live(struct dps_exporter *exporter)
{
	const struct dps_message cancel = {
		.type = DPS_MESSAGE_CANCEL,
		.cancel = { .channel = exporter->export.number,
			    .code = DPS_CODE_CANCELLED,
			    .text = "the exporter of a live source was stopped" },
	};

	dps_exporter_explain_stop(exporter);
	if (exporter->export.is_live)
		dps_exporter_leave(exporter, &cancel);
	else /* nothing was offered on this connection */
		dps_exporter_leave_with(exporter, DPS_CODE_SHUTTING_DOWN, cancel.cancel.text);
}

static void stop_live(struct dps_exporter *exporter, int signal, uint64_t now_ns)
{
	uint64_t grace_ns = exporter->options->grace_ns;

	exporter->stop_signal = signal;
	exporter->stop_end_ns = now_ns + grace_ns;
	exporter->stop_until_ns = exporter->stop_end_ns - grace_ns / LAST_PART;
	dps_live_stop(exporter->export.live);
	if (!exporter->export.was_accepted) {
		leave_live(exporter);
		return;
	}
	dps_report_clear_line(&exporter->report);
	dps_log("export", DPS_LOG_NOTICE,
		"stopped by a signal: what was read is brought to the collector first, within "
		"--grace; a second signal ends at once");
}

void dps_exporter_on_stop(void *context, int signal, uint64_t now_ns)
{
	struct dps_exporter *exporter = context;

	if (exporter->state >= DPS_EXPORTER_LEAVING)
		return; /* how it ended is known already */
	if (exporter->export.live) {
		stop_live(exporter, signal, now_ns);
		return;
	}
	dps_exporter_fail(exporter, STOPPED + signal,
			  "stopped by a signal; the same command resumes");
	dps_exporter_leave_with(exporter, DPS_CODE_SHUTTING_DOWN, "the exporter was stopped");
}

uint64_t dps_exporter_stop_deadline_ns(const struct dps_exporter *exporter)
{
	return exporter->stop_signal && exporter->state < DPS_EXPORTER_LEAVING
		       ? exporter->stop_until_ns
		       : DPS_NEVER_NS;
}

void dps_exporter_step_stop(struct dps_exporter *exporter, uint64_t now_ns)
{
	if (now_ns >= dps_exporter_stop_deadline_ns(exporter))
		leave_live(exporter);
}
