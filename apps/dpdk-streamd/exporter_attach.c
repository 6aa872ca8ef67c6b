/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exporter attach: the control connection is lost and the data path is not. Data go on, and another
 * connection is attached to the path; when that cannot be had, the transfer parks and resumes.
 */
#include "apps/dpdk-streamd/exporter_state.h"
#include "drivers/log/log.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
	FINISH_S = 1,  /* what the collector may take to close as well */
	ANSWER_S = 10, /* ... and to answer */
};

bool dps_exporter_is_detached(const struct dps_exporter *exporter)
{
	return exporter->detached_at_ns != DPS_NEVER_NS;
}

bool dps_exporter_is_moving(const struct dps_exporter *exporter)
{
	return exporter->state == DPS_EXPORTER_MOVING ||
	       (dps_exporter_is_detached(exporter) && exporter->state < DPS_EXPORTER_LEAVING);
}

bool dps_exporter_can_detach(const struct dps_exporter *exporter)
{
	/* What the link itself broke off would be said again on another one. */
	return dps_exporter_is_moving(exporter) && exporter->is_path_open &&
	       !exporter->is_path_shut && exporter->export.accepted_end > 0 &&
	       !exporter->link.is_finishing;
}

static void watch_path(const struct dps_exporter *exporter, bool is_alone)
{
	dps_node_command(exporter->node, &(struct dps_lane_command){
						 .type = DPS_COMMAND_WATCH_PATH,
						 .path = exporter->path,
						 .value = is_alone,
					 });
}

/* The collector may have an id of it: then it is nobody's any more. */
static void drop_spare(struct dps_exporter *exporter)
{
	struct dps_exporter_path *spare = &exporter->spare;

	if (!spare->is_there || !spare->is_said)
		return;
	spare->is_there = false;
	dps_node_command(exporter->node, &(struct dps_lane_command){
						 .type = DPS_COMMAND_CLOSE_PATH,
						 .path = spare->path,
						 .value = DPS_CLOSE_SUPERSEDED,
					 });
}

static void begin(struct dps_exporter *exporter, const char *why, uint64_t now_ns)
{
	const struct dps_report_parked lost = {
		.transfer = exporter->export.id,
		.reason = why,
		.bytes = dps_export_bytes_done(&exporter->export),
	};

	dps_exporter_begin_loss(exporter, why, now_ns);
	exporter->detached_at_ns = now_ns;
	exporter->detached_until_ns = dps_exporter_until_ns(exporter, now_ns);
	watch_path(exporter, true);
	dps_report_clear_line(&exporter->report);
	dps_log("export", DPS_LOG_NOTICE, "%s: data go on, connecting again", why);
	dps_report_on_control_lost(&exporter->report, &lost);
}

void dps_exporter_detach(struct dps_exporter *exporter, uint64_t now_ns, const char *format, ...)
{
	char why[DPS_EXPORTER_REASON_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	if (dps_exporter_is_detached(exporter)) {
		snprintf(exporter->failed_why, sizeof(exporter->failed_why), "%s", why);
		dps_log("export", DPS_LOG_INFO, "still without a control connection: %s", why);
	} else {
		begin(exporter, why, now_ns);
	}
	dps_export_detach(&exporter->export);
	drop_spare(exporter);
	dps_exporter_wait_to_dial(exporter, now_ns);
	/* Before the link is told: its end may be heard in the same call. */
	dps_exporter_enter(exporter, DPS_EXPORTER_DETACHED, exporter->detached_until_ns);
	dps_peer_link_finish(&exporter->link, NULL, now_ns + FINISH_S * DPS_NS_PER_S);
	if (now_ns >= exporter->detached_until_ns)
		dps_exporter_give_up_detached(exporter, now_ns);
}

void dps_exporter_end_detached(struct dps_exporter *exporter)
{
	drop_spare(exporter);
	exporter->detached_at_ns = DPS_NEVER_NS;
}

void dps_exporter_give_up_detached(struct dps_exporter *exporter, uint64_t now_ns)
{
	dps_exporter_fail_loss(exporter, "connect again", exporter->detached_at_ns, now_ns);
	dps_exporter_leave(exporter, NULL);
}

/* ---- another connection ---- */

void dps_exporter_attach(struct dps_exporter *exporter, const struct dps_message_hello *hello,
			 uint64_t now_ns)
{
	exporter->peer_hello = *hello;
	exporter->peer_hello.features = NULL;
	exporter->peer_hello.features_count = 0;
	exporter->peer_hello.software = exporter->peer_hello.seal = NULL;
	dps_exporter_enter(exporter, DPS_EXPORTER_ATTACHING, now_ns + ANSWER_S * DPS_NS_PER_S);
	dps_export_attach(&exporter->export, exporter->epoch);
}

void dps_exporter_on_attached(struct dps_exporter *exporter, uint64_t now_ns)
{
	const struct dps_report_attached attached = {
		.transfer = exporter->export.id,
		.lost_ns = now_ns - exporter->detached_at_ns,
	};

	dps_exporter_end_detached(exporter);
	watch_path(exporter, false);
	dps_vitals_go_on(&exporter->vitals, now_ns);
	dps_backoff_on_success(&exporter->backoff, now_ns);
	dps_report_clear_line(&exporter->report);
	dps_log("export", DPS_LOG_NOTICE, "connected to %s again after %" PRIu64 " ms",
		exporter->peer_name, attached.lost_ns / DPS_NS_PER_MS);
	dps_report_on_attached(&exporter->report, &attached);
	dps_exporter_enter(exporter, DPS_EXPORTER_MOVING, DPS_NEVER_NS);
}

void dps_exporter_resume_instead(struct dps_exporter *exporter, const char *why, uint64_t now_ns)
{
	const struct dps_exporter_path spare = exporter->spare;

	dps_exporter_begin_park(exporter, why, now_ns);
	dps_export_park(&exporter->export);
	dps_exporter_close_path(exporter);
	exporter->spare.is_there = false;
	dps_exporter_end_detached(exporter);
	exporter->path = spare.path;
	exporter->connection_id = spare.connection_id;
	exporter->epoch = spare.epoch;
	exporter->has_path = exporter->is_path_said = true;
	exporter->is_path_open = false;
	if (dps_exporter_open_path(exporter, &exporter->peer_hello))
		dps_exporter_resume(exporter, now_ns);
}
