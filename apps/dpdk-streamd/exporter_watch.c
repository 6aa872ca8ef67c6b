/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter watch: what the watchdog sees of the transfer, and what becomes of its verdicts. */
#include "apps/dpdk-streamd/exporter_state.h"
#include "drivers/log/log.h"
#include <dps/assert.h>
#include <inttypes.h>

/* Bytes and files, each as far as the collector has acknowledged it: only what is new counts. */
static uint64_t measure(const struct dps_exporter *exporter)
{
	const struct dps_export *export = &exporter->export;
	struct dps_channel_state channel;

	dps_export_read_channel(export, &channel);
	return channel.bytes_done + channel.contiguous + channel.stored + export->settled_count +
	       export->accepted_end;
}

/* Parked, it has a time of its own, which is that state's (exporter_park.c). */
static bool read_exporter(void *owner, struct dps_transfer_snapshot *snapshot, uint64_t now_ns)
{
	struct dps_exporter *exporter = owner;
	const struct dps_export *export = &exporter->export;
	bool is_source_idle = dps_export_waits_for_source(export);

	if (exporter->state == DPS_EXPORTER_MOVING)
		dps_vitals_note(&exporter->vitals, measure(exporter), dps_export_has_jobs(export),
				now_ns);
	dps_vitals_fill(&exporter->vitals, !is_source_idle, exporter->options->idle_timeout_ns,
			snapshot);
	snapshot->is_blocked = exporter->blocked.why != DPS_BLOCKED_NOTHING;
	snapshot->heard_at_ns = exporter->blocked.said_at_ns;
	if (dps_exporter_is_parked(exporter)) {
		snapshot->state = DPS_TRANSFER_PARKED;
		snapshot->parked_at_ns = exporter->parked_at_ns;
	} else if (exporter->state != DPS_EXPORTER_MOVING) {
		snapshot->state = DPS_TRANSFER_FINISHED; /* not begun, or over */
	}
	return true;
}

static bool end_exporter(void *owner, const char *reason, uint64_t now_ns)
{
	struct dps_exporter *exporter = owner;

	(void)reason;
	(void)now_ns;
	if (exporter->state != DPS_EXPORTER_MOVING)
		return false;
	dps_exporter_fail(exporter, DPS_EXIT_LOST,
			  "nothing advanced towards %s for %" PRIu64
			  " s (--idle-timeout); look at its disk and log; %s",
			  exporter->peer_name, exporter->options->idle_timeout_ns / DPS_NS_PER_S,
			  exporter->export.live ? "a live source cannot be resumed"
						: "the same command resumes");
	dps_exporter_leave_with(exporter, DPS_CODE_IDLE, "nothing advanced for the idle timeout");
	return true;
}

int dps_exporter_start_watch(struct dps_exporter *exporter, uint64_t now_ns)
{
	static const struct dps_watchdog_ops ops = { .read = read_exporter, .end = end_exporter };
	struct dps_handle handle;
	int result = dps_watch_init(&exporter->watch, 1, &ops, exporter->options->idle_timeout_ns,
				    now_ns);

	if (result < 0)
		return result;
	dps_vitals_start(&exporter->vitals, now_ns);
	/* Of this run, whichever id it goes on under. */
	result = dps_registry_register(exporter->watch.registry, &exporter->export.id, exporter,
				       &handle);
	DPS_ASSERT(result == 0);
	return 0;
}

void dps_exporter_step_watch(struct dps_exporter *exporter, uint64_t now_ns)
{
	enum dps_watchdog_verdict verdict = DPS_WATCHDOG_ALIVE;
	struct dps_watchdog_finding finding;

	if (now_ns < exporter->watch.watchdog.next_at_ns)
		return;
	if (dps_watchdog_on_tick(&exporter->watch.watchdog, now_ns, &finding, 1) > 0) {
		verdict = finding.verdict;
		(void)dps_watchdog_on_tick(&exporter->watch.watchdog, now_ns, &finding, 1);
	}
	if (verdict != exporter->verdict && dps_watch_text(verdict))
		dps_log("export", DPS_LOG_INFO, "the transfer %s", dps_watch_text(verdict));
	exporter->verdict = verdict;
}

uint64_t dps_exporter_watch_deadline_ns(const struct dps_exporter *exporter)
{
	return exporter->watch.watchdog.next_at_ns;
}
