/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter park: a transfer whose connection was lost waits here for another one. */
#include "apps/dpdk-streamd/exporter_state.h"
#include "drivers/log/log.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>

enum {
	BACKOFF_CAP_S = 5,
	BACKOFF_STABLE_S = 10, /* a connection that held so long was a good one */
	FINISH_S = 1,	       /* what the collector may take to close as well */
	ANSWER_S = 10,	       /* ... and to say something about a resume */
};

bool dps_exporter_is_parked(const struct dps_exporter *exporter)
{
	return exporter->parked_at_ns != DPS_NEVER_NS;
}

bool dps_exporter_can_park(const struct dps_exporter *exporter)
{
	return dps_exporter_is_moving(exporter) || dps_exporter_is_parked(exporter);
}

void dps_exporter_close_path(struct dps_exporter *exporter)
{
	if (!exporter->has_path || !exporter->is_path_said)
		return; /* nobody knows its id: the next connection may have it */
	exporter->has_path = exporter->is_path_said = exporter->is_path_open = false;
	exporter->is_path_shut = false;
	dps_node_command(exporter->node, &(struct dps_lane_command){
						 .type = DPS_COMMAND_CLOSE_PATH,
						 .path = exporter->path,
						 .value = DPS_CLOSE_SUPERSEDED,
					 });
}

uint64_t dps_exporter_until_ns(const struct dps_exporter *exporter, uint64_t now_ns)
{
	uint64_t timeout_ns = exporter->options->reconnect_timeout_ns;

	return timeout_ns < DPS_NEVER_NS - now_ns ? now_ns + timeout_ns : DPS_NEVER_NS;
}

static void init_backoff(struct dps_exporter *exporter, uint64_t now_ns)
{
	uint64_t seed;

	if (exporter->backoff.cap_ns != 0)
		return;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = now_ns;
	dps_backoff_init(&exporter->backoff, BACKOFF_CAP_S * DPS_NS_PER_S,
			 BACKOFF_STABLE_S * DPS_NS_PER_S, seed);
}

void dps_exporter_begin_loss(struct dps_exporter *exporter, const char *why, uint64_t now_ns)
{
	init_backoff(exporter, now_ns);
	dps_vitals_pause(&exporter->vitals, now_ns);
	snprintf(exporter->lost_why, sizeof(exporter->lost_why), "%s", why);
	exporter->failed_why[0] = '\0';
}

static void stop_dialing(struct dps_exporter *exporter)
{
	dps_loop_remove(dps_node_loop(exporter->node), &exporter->dialer_source);
	dps_dialer_fini(&exporter->dialer);
	exporter->is_dialing = false;
}

void dps_exporter_wait_to_dial(struct dps_exporter *exporter, uint64_t now_ns)
{
	exporter->blocked.why = DPS_BLOCKED_NOTHING; /* as far as it has said on the next one */
	stop_dialing(exporter);
	dps_backoff_on_failure(&exporter->backoff, now_ns);
}

void dps_exporter_fail_loss(struct dps_exporter *exporter, const char *what, uint64_t since_ns,
			    uint64_t now_ns)
{
	uint64_t tenths = (now_ns - since_ns) / (DPS_NS_PER_S / 10);

	dps_exporter_fail(exporter, DPS_EXIT_LOST,
			  "%s, and could not %s within %" PRIu64 ".%" PRIu64
			  " s (--reconnect-timeout)%s%s; %s",
			  exporter->lost_why, what, tenths / 10, tenths % 10,
			  exporter->failed_why[0] ? ": " : "", exporter->failed_why,
			  exporter->export.live
				  ? "what was read of a live source is lost, no command resumes it"
				  : "the same command resumes");
}

static void start_waiting(struct dps_exporter *exporter, const char *why, uint64_t now_ns)
{
	dps_exporter_begin_loss(exporter, why, now_ns);
	exporter->parked_at_ns = now_ns;
	exporter->parked_until_ns = dps_exporter_until_ns(exporter, now_ns);
}

void dps_exporter_continue(struct dps_exporter *exporter, uint64_t now_ns)
{
	dps_log("export", DPS_LOG_NOTICE, "goes on with the transfer of an earlier run");
	start_waiting(exporter, "the transfer of an earlier run was found", now_ns);
	dps_exporter_resume(exporter, now_ns);
}

/* The first loss after the transfer moved. */
void dps_exporter_begin_park(struct dps_exporter *exporter, const char *why, uint64_t now_ns)
{
	const struct dps_report_parked parked = {
		.transfer = exporter->export.id,
		.reason = why,
		.bytes = dps_export_bytes_done(&exporter->export),
	};

	start_waiting(exporter, why, now_ns);
	dps_report_clear_line(&exporter->report);
	dps_log("export", DPS_LOG_NOTICE, "parked: %s; trying to go on", why);
	dps_report_on_parked(&exporter->report, &parked);
}

void dps_exporter_give_up_parked(struct dps_exporter *exporter, uint64_t now_ns)
{
	dps_exporter_fail_loss(exporter, "go on", exporter->parked_at_ns, now_ns);
	dps_exporter_leave_with(exporter, DPS_CODE_UNREACHABLE,
				"the exporter could not go on in time");
}

static void park(struct dps_exporter *exporter, const struct dps_message *message, const char *why,
		 uint64_t now_ns)
{
	if (exporter->state >= DPS_EXPORTER_LEAVING)
		return;
	if (dps_exporter_is_parked(exporter)) {
		snprintf(exporter->failed_why, sizeof(exporter->failed_why), "%s", why);
		dps_log("export", DPS_LOG_INFO, "still parked: %s", why);
	} else {
		dps_exporter_begin_park(exporter, why, now_ns);
	}
	dps_exporter_end_detached(exporter);
	dps_export_park(&exporter->export);
	dps_exporter_close_path(exporter);
	dps_exporter_wait_to_dial(exporter, now_ns);
	/* Before the link is told: its end may be heard in the same call. */
	dps_exporter_enter(exporter, DPS_EXPORTER_PARKED, exporter->parked_until_ns);
	dps_peer_link_finish(&exporter->link, message, now_ns + FINISH_S * DPS_NS_PER_S);
	if (now_ns >= exporter->parked_until_ns)
		dps_exporter_give_up_parked(exporter, now_ns);
}

void dps_exporter_park(struct dps_exporter *exporter, const struct dps_message *message,
		       uint64_t now_ns, const char *format, ...)
{
	char why[DPS_EXPORTER_REASON_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	park(exporter, message, why, now_ns);
}

void dps_exporter_park_with(struct dps_exporter *exporter, enum dps_control_code code,
			    const char *why, uint64_t now_ns)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_ERROR,
		.error = { .code = code, .text = why },
	};

	park(exporter, &message, why, now_ns);
}

void dps_exporter_wait_for_resumed(struct dps_exporter *exporter, uint64_t now_ns)
{
	uint64_t answer_ns = now_ns + ANSWER_S * DPS_NS_PER_S;

	dps_exporter_enter(exporter, DPS_EXPORTER_RESUMING,
			   answer_ns > exporter->parked_until_ns ? answer_ns
								 : exporter->parked_until_ns);
}

void dps_exporter_resume(struct dps_exporter *exporter, uint64_t now_ns)
{
	dps_exporter_wait_for_resumed(exporter, now_ns);
	dps_export_resume(&exporter->export, exporter->path);
}

void dps_exporter_go_on(struct dps_exporter *exporter, uint64_t now_ns)
{
	struct dps_report_resumed resumed = {
		.transfer = exporter->export.id,
		.from_bytes = exporter->export.bytes_held + exporter->export.bytes_same,
		.parked_ns = now_ns - exporter->parked_at_ns,
	};

	if (exporter->state != DPS_EXPORTER_RESUMING || !exporter->is_path_open ||
	    exporter->export.is_resuming)
		return;
	resumed.resent_bytes = exporter->export.bytes_resent - exporter->bytes_resent_told;
	exporter->bytes_resent_told = exporter->export.bytes_resent;
	exporter->parked_at_ns = DPS_NEVER_NS;
	dps_vitals_go_on(&exporter->vitals, now_ns);
	dps_backoff_on_success(&exporter->backoff, now_ns);
	dps_report_clear_line(&exporter->report);
	dps_log("export", DPS_LOG_NOTICE, "goes on with %s after %" PRIu64 " ms",
		exporter->peer_name, resumed.parked_ns / DPS_NS_PER_MS);
	dps_report_on_resumed(&exporter->report, &resumed);
	dps_report_go_on_from(&exporter->report, resumed.from_bytes);
	dps_exporter_enter(exporter, DPS_EXPORTER_MOVING, DPS_NEVER_NS);
}

void dps_exporter_begin_anew(struct dps_exporter *exporter, uint64_t now_ns)
{
	struct dps_export *export = &exporter->export;

	dps_log("export", DPS_LOG_NOTICE,
		"%s has nothing of this transfer to go on with: it is offered anew",
		exporter->peer_name);
	dps_export_begin_anew(export);
	dps_report_on_offer(&exporter->report, &(struct dps_report_offer){
						       .transfer = export->id,
						       .files = export->files_count,
						       .bytes = export->bytes_total,
					       });
	dps_exporter_go_on(exporter, now_ns);
}
