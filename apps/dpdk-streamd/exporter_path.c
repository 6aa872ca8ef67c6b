/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter path: what the lane says of the data path, and what becomes of it. */
#include "apps/dpdk-streamd/exporter_state.h"
#include "drivers/log/log.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	WORD_S = 2, /* how much later than a packet its reason may come over TCP */
};

static void explain_path(const struct dps_exporter *exporter, uint32_t reason,
			 char text[DPS_EXPORTER_REASON_BYTES])
{
	if (!exporter->is_path_open)
		snprintf(text, DPS_EXPORTER_REASON_BYTES,
			 "the data path is dead: no packet gets through between %s and %s though "
			 "the control connection works; look for a firewall, and that both ports "
			 "are on one network",
			 exporter->options->port, exporter->peer_name);
	else if (reason == DPS_CLOSE_LOSS)
		snprintf(text, DPS_EXPORTER_REASON_BYTES,
			 "more than a fifth of the packets was lost for five seconds; lower --rate "
			 "or look at the way");
	else if (reason == DPS_CLOSE_IDLE || reason == DPS_CLOSE_UNREACHABLE)
		snprintf(text, DPS_EXPORTER_REASON_BYTES,
			 "the data path to %s went silent; look at the way", exporter->peer_name);
	else
		snprintf(text, DPS_EXPORTER_REASON_BYTES, "%s closed the data path",
			 exporter->peer_name);
}

/* Not what the lane itself finds out. */
static bool is_peers_reason(uint32_t reason)
{
	return reason != DPS_CLOSE_IDLE && reason != DPS_CLOSE_UNREACHABLE &&
	       reason != DPS_CLOSE_LOSS;
}

/*
 * Whoever closes the path on purpose says why on the control connection, which the packet may have
 * overtaken. Who parks before that was heard takes back what another exporter has just taken over.
 */
static bool waits_for_word(struct dps_exporter *exporter, uint32_t reason, uint64_t now_ns)
{
	if (exporter->state != DPS_EXPORTER_MOVING || exporter->is_path_shut ||
	    !is_peers_reason(reason) || !exporter->link.is_open || exporter->link.is_finishing)
		return false;
	exporter->is_path_shut = true;
	exporter->shut_reason = reason;
	exporter->deadline_ns = now_ns + WORD_S * DPS_NS_PER_S;
	return true;
}

void dps_exporter_on_path_lost(struct dps_exporter *exporter, uint32_t reason, uint64_t now_ns)
{
	char text[DPS_EXPORTER_REASON_BYTES];

	if (waits_for_word(exporter, reason, now_ns))
		return;
	if (dps_exporter_is_detached(exporter) && reason == DPS_CLOSE_SUPERSEDED) {
		dps_exporter_on_taken_over(exporter); /* there is no connection to say so */
		return;
	}
	explain_path(exporter, reason, text);
	if (exporter->state == DPS_EXPORTER_ATTACHING) {
		dps_exporter_resume_instead(exporter, text, now_ns);
		return;
	}
	if (dps_exporter_can_park(exporter)) {
		dps_exporter_park_with(exporter, DPS_CODE_UNREACHABLE, text, now_ns);
		return;
	}
	dps_exporter_fail(exporter, DPS_EXIT_LOST, "%s, then run the same command again", text);
	dps_exporter_leave_with(exporter, DPS_CODE_UNREACHABLE, text);
}

static void on_path_open(struct dps_exporter *exporter, uint32_t payload_bytes, uint64_t now_ns)
{
	const struct dps_report_offer offer = {
		.transfer = exporter->export.id,
		.files = exporter->export.files_count,
		.bytes = exporter->export.bytes_total,
	};

	dps_log("export", DPS_LOG_INFO, "the data path is open, %" PRIu32 " bytes a packet",
		payload_bytes);
	exporter->is_path_open = true;
	dps_exporter_go_on(exporter, now_ns);
	if (exporter->state != DPS_EXPORTER_PROBING)
		return;
	exporter->started_at_ns = now_ns;
	if (!exporter->export.is_from_mirror)
		dps_export_start(&exporter->export, exporter->path);
	dps_report_on_offer(&exporter->report, &offer);
	dps_report_start(&exporter->report, now_ns);
	dps_lane_marks_set(&exporter->lanes_at_start, exporter->node);
	exporter->lanes_at_last = exporter->lanes_at_start;
	dps_vitals_start(&exporter->vitals, now_ns);
	if (exporter->export.is_from_mirror) {
		dps_exporter_continue(exporter, now_ns);
		return;
	}
	dps_exporter_enter(exporter, DPS_EXPORTER_MOVING, DPS_NEVER_NS);
}

static void on_path_failed(struct dps_exporter *exporter, int error, uint64_t now_ns)
{
	char text[DPS_EXPORTER_REASON_BYTES];

	snprintf(
		text, sizeof(text), "%s cannot send to %s: %s", exporter->options->port,
		exporter->peer_name,
		error == -ENETUNREACH ? "its address is not in the subnet of --ip"
		: error == -EAFNOSUPPORT
			? "one side has IPv4, the other IPv6; give both the same kind with --ip or "
			  "udp:ADDR"
			: strerror(-error));
	if (dps_exporter_can_park(exporter)) {
		dps_exporter_park_with(exporter, DPS_CODE_UNREACHABLE, text, now_ns);
		return;
	}
	dps_exporter_fail(exporter, DPS_EXIT_LOST, "%s", text);
	dps_exporter_leave_with(exporter, DPS_CODE_UNREACHABLE, text);
}

static bool is_path_event(const struct dps_lane_event *event)
{
	return event->type == DPS_LANE_PATH_FAILED ||
	       (event->type == DPS_LANE_ENGINE && (event->engine.type == DPS_EVENT_PATH_OPEN ||
						   event->engine.type == DPS_EVENT_PATH_LOST));
}

static void on_path_event(struct dps_exporter *exporter, const struct dps_lane_event *event,
			  uint64_t now_ns)
{
	/* Of the path before this one, or of one that is not needed any more. */
	if (!exporter->has_path || !exporter->is_path_said ||
	    event->engine.path != exporter->path || exporter->state >= DPS_EXPORTER_LEAVING)
		return;
	if (event->type == DPS_LANE_PATH_FAILED)
		on_path_failed(exporter, event->engine.error, now_ns);
	else if (event->engine.type == DPS_EVENT_PATH_OPEN)
		on_path_open(exporter, event->engine.bytes, now_ns);
	else
		dps_exporter_on_path_lost(exporter, (uint32_t)event->engine.error, now_ns);
}

void dps_exporter_on_lane_event(void *context, const struct dps_lane_event *event, uint64_t now_ns)
{
	struct dps_exporter *exporter = context;

	if (is_path_event(event))
		on_path_event(exporter, event, now_ns);
	else
		dps_export_on_lane_event(&exporter->export, event, now_ns);
}
