/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/exporter.h"
#include "apps/dpdk-streamd/confinement.h"
#include "apps/dpdk-streamd/exporter_state.h"
#include "drivers/log/log.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LEAVE_S = 3,
	JOBS_S = 2, /* what the disk may take to give up */
};

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void dps_exporter_enter(struct dps_exporter *exporter, enum dps_exporter_state state,
			uint64_t deadline_ns)
{
	exporter->state = state;
	exporter->deadline_ns = deadline_ns;
}

void dps_exporter_fail(struct dps_exporter *exporter, int status, const char *format, ...)
{
	va_list arguments;

	if (exporter->status != 0)
		return; /* the first reason is the reason */
	exporter->status = status;
	va_start(arguments, format);
	vsnprintf(exporter->sentence, sizeof(exporter->sentence), format, arguments);
	va_end(arguments);
}

/* Ends the conversation; message may be NULL. */
void dps_exporter_leave(struct dps_exporter *exporter, const struct dps_message *message)
{
	uint64_t until_ns = dps_node_now_ns(exporter->node) + LEAVE_S * DPS_NS_PER_S;

	if (exporter->state >= DPS_EXPORTER_LEAVING)
		return;
	if (exporter->stop_signal)
		until_ns = earliest(until_ns, exporter->stop_end_ns);
	dps_export_give_up(&exporter->export);
	if (exporter->ended_at_ns == 0)
		exporter->ended_at_ns = dps_node_now_ns(exporter->node);
	/* Parked, what is left of a connection has said its last word. */
	if (exporter->state == DPS_EXPORTER_PARKED || exporter->state == DPS_EXPORTER_DETACHED)
		dps_peer_link_close(&exporter->link);
	if (!exporter->link.is_open) {
		dps_exporter_enter(exporter, DPS_EXPORTER_ENDED, DPS_NEVER_NS);
		return;
	}
	dps_exporter_enter(exporter, DPS_EXPORTER_LEAVING, until_ns);
	dps_peer_link_finish(&exporter->link, message, until_ns);
}

void dps_exporter_leave_with(struct dps_exporter *exporter, enum dps_control_code code,
			     const char *text)
{
	const struct dps_message message = {
		.type = DPS_MESSAGE_ERROR,
		.error = { .code = code, .text = text },
	};

	dps_exporter_leave(exporter, &message);
}

/* ---- time ---- */

static uint64_t next_deadline_ns(void *context)
{
	struct dps_exporter *exporter = context;
	uint64_t at_ns = exporter->deadline_ns;

	at_ns = earliest(at_ns, dps_exporter_dial_deadline_ns(exporter));
	at_ns = earliest(at_ns, dps_peer_link_deadline_ns(&exporter->link));
	at_ns = earliest(at_ns, dps_exporter_stop_deadline_ns(exporter));
	if (dps_exporter_is_moving(exporter) || dps_exporter_is_parked(exporter))
		at_ns = earliest(at_ns, dps_report_deadline_ns(&exporter->report));
	if (exporter->state == DPS_EXPORTER_MOVING)
		at_ns = earliest(at_ns, dps_exporter_watch_deadline_ns(exporter));
	if (dps_exporter_is_moving(exporter))
		at_ns = earliest(at_ns, dps_export_deadline_ns(&exporter->export));
	return at_ns;
}

static void on_deadline(struct dps_exporter *exporter, uint64_t now_ns)
{
	switch (exporter->state) {
	case DPS_EXPORTER_PARKED:
		dps_exporter_give_up_parked(exporter, now_ns);
		break;
	case DPS_EXPORTER_DETACHED:
		dps_exporter_give_up_detached(exporter, now_ns);
		break;
	case DPS_EXPORTER_ATTACHING:
	case DPS_EXPORTER_RESUMING:
		dps_exporter_park(exporter, NULL, now_ns, "%s does not go on with the transfer",
				  exporter->peer_name);
		break;
	case DPS_EXPORTER_GREETING:
		if (dps_exporter_is_detached(exporter)) {
			dps_exporter_detach(exporter, now_ns, "%s says no hello",
					    exporter->peer_name);
			break;
		}
		if (dps_exporter_is_parked(exporter)) {
			dps_exporter_park(exporter, NULL, now_ns, "%s says no hello",
					  exporter->peer_name);
			break;
		}
		dps_exporter_fail(exporter, DPS_EXIT_LOST, "%s does not answer as a collector does",
				  exporter->peer_name);
		dps_exporter_leave(exporter, NULL);
		break;
	case DPS_EXPORTER_PROBING:
		dps_exporter_on_path_lost(exporter, DPS_CLOSE_UNREACHABLE, now_ns);
		break;
	case DPS_EXPORTER_MOVING: /* it closed the data path, and says nothing about it */
		dps_exporter_on_path_lost(exporter, exporter->shut_reason, now_ns);
		break;
	case DPS_EXPORTER_LEAVING:
		dps_peer_link_close(&exporter->link);
		dps_exporter_enter(exporter, DPS_EXPORTER_ENDED, DPS_NEVER_NS);
		break;
	default:
		break;
	}
}

static void on_due(void *context, uint64_t now_ns)
{
	struct dps_exporter *exporter = context;

	dps_peer_link_on_time(&exporter->link, now_ns);
	if (now_ns >= dps_exporter_dial_deadline_ns(exporter))
		dps_exporter_step_dialer(exporter, now_ns);
	if (dps_exporter_is_moving(exporter))
		dps_export_on_time(&exporter->export, now_ns);
	dps_exporter_report_progress(exporter, now_ns);
	dps_exporter_step_watch(exporter, now_ns);
	dps_exporter_step_stop(exporter, now_ns);
	if (now_ns >= exporter->deadline_ns)
		on_deadline(exporter, now_ns);
}

/* ---- the whole ---- */

static void run(struct dps_exporter *exporter)
{
	while (exporter->state != DPS_EXPORTER_ENDED) {
		uint64_t now_ns = dps_node_now_ns(exporter->node);
		bool has_path = dps_exporter_dial(exporter, now_ns);

		if (dps_exporter_is_moving(exporter) || exporter->state == DPS_EXPORTER_RESUMING)
			dps_export_step(&exporter->export);
		dps_peer_link_flush(&exporter->link);
		if (exporter->state == DPS_EXPORTER_ENDED)
			break;
		if (dps_node_turn(exporter->node, has_path ? dps_exporter_redial_at_ns(exporter)
							   : now_ns + DPS_NS_PER_MS) < 0) {
			dps_exporter_fail(exporter, DPS_EXIT_LOST, "the event loop failed");
			break;
		}
	}
}

static void confine(struct dps_exporter *exporter)
{
	char why[DPS_NODE_WHY_BYTES];

	if (dps_confine(exporter->node, NULL, why) == 0)
		return;
	dps_exporter_fail(exporter, DPS_EXIT_NOT_ALL, "%s", why);
	dps_exporter_enter(exporter, DPS_EXPORTER_ENDED, DPS_NEVER_NS);
}

/* Jobs that are at the disk refer to the transfer: it stays until they are done. */
static void wait_for_jobs(struct dps_exporter *exporter)
{
	uint64_t until_ns = dps_node_now_ns(exporter->node) + JOBS_S * DPS_NS_PER_S;

	atomic_store_explicit(&dps_node_worker(exporter->node)->is_hurried, true,
			      memory_order_relaxed);
	if (exporter->is_done)
		dps_export_mirror_forget(&exporter->export);
	else
		dps_export_mirror_flush(&exporter->export);
	while ((dps_export_has_jobs(&exporter->export) || exporter->export.mirror_jobs_count > 0) &&
	       dps_node_now_ns(exporter->node) < until_ns)
		if (dps_node_turn(exporter->node, until_ns) < 0)
			return;
}

int dps_exporter_find_peer(const struct dps_options *options, struct dps_exporter_peer *peer)
{
	char error[DPS_ENDPOINT_ERROR_BYTES];

	peer->count =
		dps_endpoint_resolve(&options->to, DPS_ENDPOINT_CONNECT, peer->addresses, error);
	if (peer->count > 0)
		return 0;
	fprintf(stderr, "dpdk-streamd: %s; see --to\n", error);
	return DPS_EXIT_LOST;
}

int dps_exporter_run(struct dps_node *node, const struct dps_exporter_input *input,
		     struct dps_mirror *mirror, const struct dps_exporter_peer *peer)
{
	struct dps_source *source = input->source;
	const struct dps_options *options = dps_node_options(node);
	struct dps_exporter *exporter = calloc(1, sizeof(*exporter));
	int status;

	if (!exporter)
		abort();
	exporter->node = node;
	exporter->options = options;
	exporter->source = source;
	dps_report_init(&exporter->report, stdout, stderr, options->is_json, options->is_quiet);
	dps_socket_address_format(&peer->addresses[0], exporter->peer_name);
	if (dps_export_init(&exporter->export, node, source, mirror, &exporter->link,
			    &exporter->report) < 0 ||
	    dps_exporter_start_watch(exporter, dps_node_now_ns(node)) < 0) {
		fprintf(stderr, "dpdk-streamd: not enough memory for the list of files\n");
		dps_node_stop(node, DPS_CLOSE_CANCELLED);
		dps_export_fini(&exporter->export);
		dps_watch_fini(&exporter->watch);
		free(exporter);
		return DPS_EXIT_NOT_ALL;
	}
	dps_node_set_listener(node, &(struct dps_node_listener){
					    .on_lane_event = dps_exporter_on_lane_event,
					    .on_stop = dps_exporter_on_stop,
					    .context = exporter,
				    });
	exporter->timer = (struct dps_loop_timer){
		.next_deadline_ns = next_deadline_ns,
		.on_due = on_due,
		.context = exporter,
	};
	dps_loop_add_timer(dps_node_loop(node), &exporter->timer);
	if (exporter->export.live)
		dps_log("export", DPS_LOG_NOTICE,
			"a live source is read once: this run can go on with it after a lost "
			"connection, another run cannot");
	exporter->peer = peer;
	exporter->parked_at_ns = exporter->detached_at_ns = DPS_NEVER_NS;
	dps_dialer_init(&exporter->dialer, peer->addresses, peer->count,
			dps_node_now_ns(node) + options->connect_timeout_ns, dps_node_now_ns(node));
	dps_exporter_enter(exporter, DPS_EXPORTER_DIALING, DPS_NEVER_NS);
	dps_peer_trust_watch(peer->trust, dps_node_loop(node), dps_exporter_on_trust_changed,
			     exporter);
	confine(exporter);
	run(exporter);
	dps_peer_trust_unwatch(peer->trust);
	if (source && dps_source_totals(source)->failed > 0)
		dps_exporter_fail(exporter, DPS_EXIT_NOT_ALL,
				  "%" PRIu64 " folders could not be read, each named above",
				  dps_source_totals(source)->failed);
	wait_for_jobs(exporter);
	dps_exporter_summarize(exporter);
	status = exporter->status;
	dps_loop_remove(dps_node_loop(node), &exporter->dialer_source);
	dps_loop_remove_timer(dps_node_loop(node), &exporter->timer);
	dps_dialer_fini(&exporter->dialer);
	dps_peer_link_close(&exporter->link);
	dps_node_stop(node, exporter->is_done ? DPS_CLOSE_DONE : DPS_CLOSE_CANCELLED);
	dps_export_fini(&exporter->export);
	dps_watch_fini(&exporter->watch);
	free(exporter);
	return status;
}
