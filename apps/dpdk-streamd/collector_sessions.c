/* SPDX-License-Identifier: BSD-3-Clause */
/* Who connects, proves a key, and is served until the end. */
#include "apps/dpdk-streamd/collect_trust.h"
#include "apps/dpdk-streamd/collector_state.h"
#include "drivers/log/log.h"
#include "drivers/store/name.h"
#include <string.h>

static void on_listener(void *context, uint32_t events, uint64_t now_ns)
{
	struct dps_collector *collector = context;
	struct dps_socket *socket;

	(void)events;
	while ((socket = dps_listener_accept(&collector->listener, now_ns)))
		dps_lobby_admit(&collector->lobby, socket, now_ns);
}

int dps_collector_open_listener(struct dps_collector *collector)
{
	const struct dps_options *options = collector->context.options;
	struct dps_listener *listener = &collector->listener;
	char error[DPS_ENDPOINT_ERROR_BYTES], address[DPS_ENDPOINT_TEXT_BYTES], shown[512];

	if (dps_listener_open(listener, &options->control, error) < 0)
		return dps_collector_fail_start(error);
	collector->listener_source = (struct dps_loop_source){
		.fd = listener->fd,
		.wants = dps_listener_wants(listener, 0),
		.on_ready = on_listener,
		.context = collector,
	};
	if (dps_loop_add(dps_node_loop(collector->context.node), &collector->listener_source) < 0) {
		dps_listener_close(listener);
		return dps_collector_fail_start("the control port cannot be watched");
	}
	dps_socket_address_format(&listener->local, address);
	dps_log("collect", DPS_LOG_NOTICE, "listening on %s, collecting into %s", address,
		options->is_discard ? "nothing (--discard)"
				    : dps_name_show(options->into, strlen(options->into), shown,
						    sizeof(shown)));
	return DPS_COLLECTOR_STORED;
}

void dps_collector_close_listener(struct dps_collector *collector)
{
	dps_loop_remove(dps_node_loop(collector->context.node), &collector->listener_source);
	dps_listener_close(&collector->listener);
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

void dps_collector_on_trust_changed(void *context, uint64_t now_ns)
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

void dps_collector_open_lobby(struct dps_collector *collector)
{
	const struct dps_lobby_config config = {
		.loop = dps_node_loop(collector->context.node),
		.tls = collector->context.trust->credentials.tls,
		.on_entered = on_entered,
		.on_left = on_left,
		.context = collector,
	};

	dps_lobby_init(&collector->lobby, &config);
}

void dps_collector_step_sessions(struct dps_collector *collector, uint64_t now_ns)
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

struct dps_collect_session *dps_collector_session_of_path(struct dps_collector *collector,
							  uint32_t path)
{
	struct dps_collect_session *session = collector->sessions;

	while (session && !(session->has_path && session->path == path))
		session = session->next;
	return session;
}
