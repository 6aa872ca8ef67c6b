/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/collector.h"
#include "apps/dpdk-streamd/collect_session.h"
#include "apps/dpdk-streamd/collect_store.h"
#include "apps/dpdk-streamd/collect_summary.h"
#include "apps/dpdk-streamd/collect_trust.h"
#include "apps/dpdk-streamd/confinement.h"
#include "apps/dpdk-streamd/intake.h"
#include "apps/dpdk-streamd/intake_share.h"
#include "drivers/control/listener.h"
#include "drivers/control/lobby.h"
#include "drivers/log/log.h"
#include "drivers/store/name.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STOP_MS = 4000, /* to leave within 5 s of a signal */
	STATUS_STORED = 0,
	STATUS_NOT_STORED = 1,
	STATUS_USAGE = 2,
	STATUS_SIGNAL = 128,
};

struct dps_collector {
	struct dps_collect_context context;
	struct dps_collect_store store;
	struct dps_worker examiner;
	struct dps_report report;
	struct dps_listener listener;
	struct dps_lobby lobby; /* who has proved no key yet */
	struct dps_loop_source listener_source;
	struct dps_collect_session *sessions;
	unsigned int sessions_count;
	const struct dps_intake *shown; /* whose progress is reported */
	uint64_t stop_until_ns;
	unsigned int ended_count; /* accepted transfers */
	int status;
	char sentence[DPS_MESSAGE_TEXT_BYTES_MAX]; /* why --once did not store all */
};

/* ---- sessions ---- */

static void on_listener(void *context, uint32_t events, uint64_t now_ns)
{
	struct dps_collector *collector = context;
	struct dps_socket *socket;

	(void)events;
	while ((socket = dps_listener_accept(&collector->listener, now_ns)))
		dps_lobby_admit(&collector->lobby, socket, now_ns);
}

static void on_entered(void *context, struct dps_socket *socket, uint64_t now_ns)
{
	struct dps_collector *collector = context;
	struct dps_collect_session *session = NULL;
	struct dps_peer_standing standing;
	char why[DPS_TLS_TEXT_BYTES];

	if (dps_peer_trust_stand(collector->context.trust, socket, &standing, why)) {
		dps_collect_apply_grant(&collector->context, collector->sessions, &standing,
					now_ns);
		session = dps_collect_session_create(
			&collector->context, socket, &standing,
			dps_collect_busy_for(collector->sessions, &standing), now_ns);
	} else { /* the file has changed since it was judged */
		dps_log_limited("collect", DPS_LOG_WARNING, "refused %s: %s", socket->peer, why);
		socket->ops->close(socket);
	}
	if (!session) {
		dps_listener_release(&collector->listener);
		return;
	}
	session->next = collector->sessions;
	collector->sessions = session;
	collector->sessions_count++;
}

static void on_trust_changed(void *context, uint64_t now_ns)
{
	struct dps_collector *collector = context;

	dps_collect_judge_anew(&collector->context, collector->sessions, now_ns);
}

static void on_left(void *context, const char *peer, const char *why, bool is_refused)
{
	struct dps_collector *collector = context;

	dps_listener_release(&collector->listener);
	if (!is_refused) {
		dps_log("collect", DPS_LOG_INFO, "%s proved no key: %s", peer, why);
		return;
	}
	dps_report_clear_line(&collector->report);
	dps_log_limited("collect", DPS_LOG_WARNING, "refused %s: %s", peer, why);
}

static void open_lobby(struct dps_collector *collector)
{
	const struct dps_lobby_config config = {
		.loop = dps_node_loop(collector->context.node),
		.tls = collector->context.trust->tls,
		.on_entered = on_entered,
		.on_left = on_left,
		.context = collector,
	};

	dps_lobby_init(&collector->lobby, &config);
}

static void step_sessions(struct dps_collector *collector, uint64_t now_ns)
{
	struct dps_collect_session **link = &collector->sessions;

	while (*link) {
		struct dps_collect_session *session = *link;

		if (collector->context.is_stopping && !dps_collect_session_has_work(session))
			dps_collect_session_end(session, DPS_CODE_SHUTTING_DOWN,
						"the collector is stopping; run the same "
						"command again when it is back",
						now_ns);
		dps_collect_session_step(session, now_ns);
		if (session->state != DPS_COLLECT_SESSION_CLOSED) {
			link = &session->next;
			continue;
		}
		*link = session->next;
		collector->sessions_count--;
		dps_collect_session_destroy(session);
		dps_listener_release(&collector->listener);
	}
}

static struct dps_collect_session *session_of_path(struct dps_collector *collector, uint32_t path)
{
	struct dps_collect_session *session = collector->sessions;

	while (session && !(session->has_path && session->path == path))
		session = session->next;
	return session;
}

/* ---- transfers ---- */

/* With --once this was the one. */
static void end_once(struct dps_collector *collector, const struct dps_intake *intake,
		     uint64_t now_ns)
{
	if (dps_intake_is_stored(intake)) {
		collector->status = STATUS_STORED;
		collector->sentence[0] = '\0'; /* it ended well after a signal */
	} else {
		if (collector->status == STATUS_STORED)
			collector->status = STATUS_NOT_STORED;
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

/* ---- what the lane says ---- */

static void on_engine_event(struct dps_collector *collector, const struct dps_event *event,
			    uint64_t now_ns)
{
	struct dps_collect_session *session;
	struct dps_intake *intake;

	if (event->type == DPS_EVENT_PATH_OPEN)
		return;
	if (event->type == DPS_EVENT_PATH_LOST) {
		session = session_of_path(collector, event->path);
		if (session)
			dps_collect_session_on_path_lost(session, (uint32_t)event->error, now_ns);
		return;
	}
	intake = dps_collect_context_of_channel(&collector->context, event);
	if (intake)
		dps_intake_on_event(intake, event, now_ns);
}

/* A file that the lane did not take. With --discard it has no descriptor to be known by. */
static void on_refused(struct dps_collector *collector, const struct dps_lane_event *event,
		       uint64_t now_ns)
{
	struct dps_intake_open *open = dps_collect_context_take_fd(&collector->context, event->fd);
	struct dps_intake *intake =
		dps_collect_context_of_channel(&collector->context, &event->engine);

	if (!open && intake && event->engine.file_index < intake->manifest.count)
		open = intake->manifest.files[event->engine.file_index].open;
	if (open)
		dps_intake_on_fd_back(open, event->engine.error, now_ns);
}

static void on_lane_event(void *context, const struct dps_lane_event *event, uint64_t now_ns)
{
	struct dps_collector *collector = context;
	struct dps_collect_session *session;
	struct dps_intake_open *open;
	struct dps_intake *intake;

	switch (event->type) {
	case DPS_LANE_ENGINE:
		on_engine_event(collector, &event->engine, now_ns);
		break;
	case DPS_LANE_CHANNEL_OPENED:
		intake = dps_collect_context_of_serial(&collector->context, event->cookie);
		if (intake)
			dps_intake_on_channel_opened(intake, event, now_ns);
		break;
	case DPS_LANE_CHANNEL_STATE:
		intake = dps_collect_context_of_channel(&collector->context, &event->engine);
		if (intake)
			dps_intake_on_channel_state(intake, event->engine.offset, now_ns);
		break;
	case DPS_LANE_PATH_FAILED:
		session = session_of_path(collector, event->engine.path);
		if (session)
			dps_collect_session_on_path_failed(session, event->engine.error, now_ns);
		break;
	case DPS_LANE_FILE_CLOSED:
		open = dps_collect_context_take_fd(&collector->context, event->fd);
		if (open)
			dps_intake_on_fd_back(open, 0, now_ns);
		break;
	case DPS_LANE_REFUSED:
		on_refused(collector, event, now_ns);
		break;
	default:
		break;
	}
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
		collector->status = STATUS_SIGNAL + signal;
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

static int fail_start(const char *why)
{
	fprintf(stderr, "dpdk-streamd: %s\n", why);
	return STATUS_USAGE;
}

static int open_listener(struct dps_collector *collector)
{
	const struct dps_options *options = collector->context.options;
	struct dps_listener *listener = &collector->listener;
	char error[DPS_ENDPOINT_ERROR_BYTES], address[DPS_ENDPOINT_TEXT_BYTES], shown[512];

	if (dps_listener_open(listener, &options->control, error) < 0)
		return fail_start(error);
	collector->listener_source = (struct dps_loop_source){
		.fd = listener->fd,
		.wants = dps_listener_wants(listener, 0),
		.on_ready = on_listener,
		.context = collector,
	};
	if (dps_loop_add(dps_node_loop(collector->context.node), &collector->listener_source) < 0) {
		dps_listener_close(listener);
		return fail_start("the control port cannot be watched");
	}
	dps_socket_address_format(&listener->local, address);
	dps_log("collect", DPS_LOG_NOTICE, "listening on %s, collecting into %s", address,
		options->is_discard ? "nothing (--discard)"
				    : dps_name_show(options->into, strlen(options->into), shown,
						    sizeof(shown)));
	return STATUS_STORED;
}

static void close_listener(struct dps_collector *collector)
{
	dps_loop_remove(dps_node_loop(collector->context.node), &collector->listener_source);
	dps_listener_close(&collector->listener);
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
			collector->status = STATUS_NOT_STORED;
			return;
		}
		now_ns = dps_node_now_ns(node);
		dps_worker_reap(&collector->examiner, now_ns);
		step_transfers(collector, now_ns);
		dps_intake_share_all(&collector->context);
		dps_intake_watch_all(&collector->context, now_ns);
		dps_collect_store_step(&collector->store, &collector->context, now_ns);
		step_sessions(collector, now_ns);
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
		.on_lane_event = on_lane_event,
		.on_stop = on_stop,
		.on_statistics = on_statistics,
		.context = collector,
	};
	char sentence[DPS_JOURNAL_SENTENCE_BYTES], why[DPS_NODE_WHY_BYTES];

	if (dps_collect_store_open(&collector->store, &collector->context, dps_node_now_ns(node),
				   sentence) < 0) {
		collector->status = fail_start(sentence);
		return;
	}
	if (dps_worker_start(&collector->examiner, dps_node_loop(node)) < 0) {
		collector->status = fail_start("a thread cannot be started");
		return;
	}
	collector->status = open_listener(collector);
	if (collector->status != STATUS_STORED)
		return;
	dps_peer_trust_watch(collector->context.trust, dps_node_loop(node), on_trust_changed,
			     collector);
	if (dps_confine(node, &collector->examiner, why) < 0) {
		collector->status = fail_start(why);
		dps_peer_trust_unwatch(collector->context.trust);
		close_listener(collector);
		return;
	}
	open_lobby(collector);
	dps_node_set_listener(node, &listener);
	serve(collector);
	dps_peer_trust_unwatch(collector->context.trust);
	dps_lobby_fini(&collector->lobby);
	hang_up(collector);
	if (collector->ended_count == 0)
		dps_collect_report_end(&collector->context, NULL);
	if (collector->sentence[0])
		fprintf(stderr, "dpdk-streamd: %s\n", collector->sentence);
	close_listener(collector);
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
