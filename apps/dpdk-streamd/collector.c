/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collector.h"
#include "apps/dpdk-streamd/collect_summary.h"
#include "apps/dpdk-streamd/collector_state.h"
#include "apps/dpdk-streamd/confinement.h"
#include "apps/dpdk-streamd/intake.h"
#include "apps/dpdk-streamd/intake_share.h"
#include "drivers/log/log.h"
#include <stdio.h>
#include <stdlib.h>

enum { STOP_MS = 4000 }; /* to leave within 5 s of a signal */

/* ---- transfers ---- */

/* With --once this was the one. */
static void end_once(struct dps_collector *collector, const struct dps_intake *intake,
		     uint64_t now_ns)
{
	if (dps_intake_is_stored(intake)) {
		collector->status = DPS_COLLECTOR_STORED;
		collector->sentence[0] = '\0'; /* it ended well after a signal */
	} else {
		if (collector->status == DPS_COLLECTOR_STORED)
			collector->status = DPS_COLLECTOR_NOT_STORED;
		if (!collector->sentence[0])
			dps_collect_explain_end(intake, collector->sentence);
	}
	if (!collector->context.is_stopping)
		collector->stop_until_ns = now_ns + STOP_MS * DPS_NS_PER_MS;
	collector->context.is_stopping = true;
}

static void end_transfer(struct dps_collector *collector, struct dps_intake *intake,
			 uint64_t now_ns)
{
	if (collector->shown == intake)
		collector->shown = NULL;
	/* Its exporter comes again, or has begun anew: that one's end counts. */
	if (intake->was_accepted && !intake->comes_again && !intake->makes_way) {
		dps_collect_report_end(&collector->context, intake);
		if (collector->ended_count++ == 0 && collector->context.options->is_once)
			end_once(collector, intake, now_ns);
	}
	if (intake->is_kept)
		dps_collect_store_bound(&collector->store, &intake->standing);
	dps_intake_destroy(intake);
}

static void step_transfers(struct dps_collector *collector, uint64_t now_ns)
{
	struct dps_intake **link = &collector->context.intakes;

	while (*link) {
		struct dps_intake *intake = *link;

		dps_intake_step(intake, now_ns);
		if (intake->state != DPS_INTAKE_GONE) {
			link = &intake->next;
			continue;
		}
		*link = intake->next;
		collector->context.intakes_count--;
		end_transfer(collector, intake, now_ns);
	}
}

/* The report follows one transfer at a time: the first that moves, or else the first that is
 * parked. */
static const struct dps_intake *choose_shown(const struct dps_collector *collector)
{
	const struct dps_intake *parked = NULL, *shown = collector->shown;

	if (shown && shown->state == DPS_INTAKE_ACTIVE && !shown->is_parked)
		return shown;
	for (const struct dps_intake *intake = collector->context.intakes; intake;
	     intake = intake->next) {
		if (intake->state == DPS_INTAKE_ACTIVE && !intake->is_parked)
			return intake;
		if (intake->state == DPS_INTAKE_ACTIVE && (!parked || intake == shown))
			parked = intake;
	}
	return parked;
}

static void report_progress(struct dps_collector *collector, uint64_t now_ns)
{
	const struct dps_intake *intake = choose_shown(collector);

	if (intake && intake != collector->shown) {
		dps_report_start(&collector->report, now_ns);
		dps_report_go_on_from(&collector->report,
				      intake->was_resumed ? dps_intake_kept_bytes(intake) : 0);
		dps_lane_marks_set(&collector->context.lanes_at_last, collector->context.node);
	}
	collector->shown = intake;
	if (intake)
		dps_collect_report_progress(intake, now_ns);
}

/* ---- signals ---- */

/* Whether --once had what it waits for: a transfer that ended, and maybe still lets go. */
static bool has_transfer(const struct dps_collector *collector)
{
	const struct dps_intake *intake = collector->context.intakes;

	while (intake &&
	       !(intake->was_accepted && intake->state >= DPS_INTAKE_LEAVING && !intake->makes_way))
		intake = intake->next;
	return intake || collector->ended_count > 0;
}

static void on_stop(void *context, int signal, uint64_t now_ns)
{
	struct dps_collector *collector = context;

	if (collector->context.is_stopping)
		return;
	dps_report_clear_line(&collector->report);
	dps_log("collect", DPS_LOG_NOTICE, "stopping");
	if (collector->context.options->is_once && !has_transfer(collector)) {
		collector->status = DPS_COLLECTOR_SIGNAL + signal;
		snprintf(collector->sentence, sizeof(collector->sentence),
			 "stopped by a signal before a transfer had ended; run the same command "
			 "again");
	}
	collector->context.is_stopping = true;
	collector->stop_until_ns = now_ns + STOP_MS * DPS_NS_PER_MS;
}

static void on_statistics(void *context, uint64_t now_ns)
{
	struct dps_collector *collector = context;
	struct dps_lane_snapshot snapshot;

	(void)now_ns;
	dps_node_read_snapshot(collector->context.node, &snapshot);
	dps_report_clear_line(&collector->report);
	dps_log("collect", DPS_LOG_NOTICE,
		"connections %u, transfers %u, packets received %llu, of them again %llu, "
		"damaged %llu, written %llu MiB",
		collector->sessions_count, collector->context.intakes_count,
		(unsigned long long)snapshot.engine.data_packets_received,
		(unsigned long long)snapshot.engine.duplicate_packets,
		(unsigned long long)snapshot.engine.dropped_seal,
		(unsigned long long)(snapshot.disk.write_bytes >> 20));
}

/* ---- the run ---- */

int dps_collector_fail_start(const char *why)
{
	fprintf(stderr, "dpdk-streamd: %s\n", why);
	return DPS_COLLECTOR_USAGE;
}

static uint64_t next_deadline_ns(const struct dps_collector *collector, uint64_t now_ns)
{
	uint64_t at_ns = dps_listener_deadline_ns(&collector->listener, now_ns);
	uint64_t other_ns = dps_report_deadline_ns(&collector->report);

	if (collector->shown && other_ns < at_ns)
		at_ns = other_ns;
	other_ns = dps_collect_store_deadline_ns(&collector->store);
	at_ns = other_ns < at_ns ? other_ns : at_ns;
	other_ns = collector->context.watch.watchdog.next_at_ns;
	if (collector->context.intakes && other_ns < at_ns)
		at_ns = other_ns;
	if (collector->context.is_stopping && collector->stop_until_ns < at_ns)
		at_ns = collector->stop_until_ns;
	for (const struct dps_collect_session *session = collector->sessions; session;
	     session = session->next) {
		other_ns = dps_collect_session_deadline_ns(session);
		at_ns = other_ns < at_ns ? other_ns : at_ns;
	}
	for (const struct dps_intake *intake = collector->context.intakes; intake;
	     intake = intake->next) {
		other_ns = dps_intake_deadline_ns(intake);
		at_ns = other_ns < at_ns ? other_ns : at_ns;
	}
	return at_ns;
}

static bool is_over(const struct dps_collector *collector, uint64_t now_ns)
{
	if (!collector->context.is_stopping)
		return false;
	return (!collector->context.intakes && !collector->sessions) ||
	       now_ns >= collector->stop_until_ns;
}

static void serve(struct dps_collector *collector)
{
	struct dps_node *node = collector->context.node;
	struct dps_loop *loop = dps_node_loop(node);
	uint64_t now_ns = dps_node_now_ns(node);

	while (!is_over(collector, now_ns)) {
		if (dps_node_turn(node, next_deadline_ns(collector, now_ns)) < 0) {
			dps_log("collect", DPS_LOG_ERROR, "the event loop failed");
			collector->status = DPS_COLLECTOR_NOT_STORED;
			return;
		}
		now_ns = dps_node_now_ns(node);
		dps_worker_reap(&collector->examiner, now_ns);
		step_transfers(collector, now_ns);
		dps_intake_share_all(&collector->context);
		dps_intake_watch_all(&collector->context, now_ns);
		dps_collect_store_step(&collector->store, &collector->context, now_ns);
		dps_collector_step_sessions(collector, now_ns);
		report_progress(collector, now_ns);
		dps_loop_want(loop, &collector->listener_source,
			      collector->context.is_stopping
				      ? 0
				      : dps_listener_wants(&collector->listener, now_ns));
	}
}

/* What is under way when time is up ends here. */
static void hang_up(struct dps_collector *collector)
{
	uint64_t now_ns = dps_node_now_ns(collector->context.node);

	while (collector->sessions) {
		struct dps_collect_session *session = collector->sessions;

		collector->sessions = session->next;
		dps_collect_session_end(session, DPS_CODE_SHUTTING_DOWN,
					"the collector is stopping", now_ns);
		dps_collect_session_destroy(session);
	}
	if (collector->context.intakes)
		dps_log("collect", DPS_LOG_WARNING,
			"the disk did not let go in time: staged files of %u transfers are left",
			collector->context.intakes_count);
}

/* Listens and serves; the node's worker may still have jobs afterwards. */
static void run(struct dps_collector *collector)
{
	struct dps_node *node = collector->context.node;
	const struct dps_node_listener listener = {
		.on_lane_event = dps_collector_on_lane_event,
		.on_stop = on_stop,
		.on_statistics = on_statistics,
		.context = collector,
	};
	char sentence[DPS_JOURNAL_SENTENCE_BYTES], why[DPS_NODE_WHY_BYTES];

	if (dps_collect_store_open(&collector->store, &collector->context, dps_node_now_ns(node),
				   sentence) < 0) {
		collector->status = dps_collector_fail_start(sentence);
		return;
	}
	if (dps_worker_start(&collector->examiner, dps_node_loop(node)) < 0) {
		collector->status = dps_collector_fail_start("a thread cannot be started");
		return;
	}
	collector->status = dps_collector_open_listener(collector);
	if (collector->status != DPS_COLLECTOR_STORED)
		return;
	dps_peer_trust_watch(collector->context.trust, dps_node_loop(node),
			     dps_collector_on_trust_changed, collector);
	if (dps_confine(node, &collector->examiner, why) < 0) {
		collector->status = dps_collector_fail_start(why);
		dps_peer_trust_unwatch(collector->context.trust);
		dps_collector_close_listener(collector);
		return;
	}
	dps_collector_open_lobby(collector);
	dps_node_set_listener(node, &listener);
	serve(collector);
	dps_peer_trust_unwatch(collector->context.trust);
	dps_lobby_fini(&collector->lobby);
	hang_up(collector);
	if (collector->ended_count == 0)
		dps_collect_report_end(&collector->context, NULL);
	if (collector->sentence[0])
		fprintf(stderr, "dpdk-streamd: %s\n", collector->sentence);
	dps_collector_close_listener(collector);
}

int dps_collector_run(struct dps_node *node, struct dps_peer_trust *trust)
{
	const struct dps_options *options = dps_node_options(node);
	struct dps_collector *collector = calloc(1, sizeof(*collector));
	int status;

	if (!collector)
		abort(); /* out of memory */
	collector->context = (struct dps_collect_context){
		.node = node,
		.trust = trust,
		.options = options,
		.store = dps_node_worker(node),
		.examiner = &collector->examiner,
		.report = &collector->report,
		.chunk_bytes = dps_node_chunk_bytes(node),
		.next_serial = 1,
	};
	if (dps_watch_init(&collector->context.watch, DPS_COLLECT_TRANSFERS_MAX,
			   &dps_intake_watch_ops, options->idle_timeout_ns,
			   dps_node_now_ns(node)) < 0)
		abort(); /* out of memory */
	dps_collect_context_set_budgets(&collector->context);
	dps_report_init(&collector->report, stdout, stderr, options->is_json, options->is_quiet);
	run(collector);
	status = collector->status;
	dps_worker_stop(&collector->examiner);
	dps_node_stop(node, DPS_CLOSE_SHUTDOWN);
	/* Nobody works for us any more. What time did not suffice for is left to the exit. */
	dps_collect_store_close(&collector->store);
	free(collector->context.by_fd);
	dps_watch_fini(&collector->context.watch);
	free(collector);
	return status;
}
