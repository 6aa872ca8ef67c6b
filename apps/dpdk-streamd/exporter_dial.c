/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter dial: reaching the collector, at first and again after it was lost. */
#include "apps/dpdk-streamd/exporter_state.h"
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

static void fail_memory(struct dps_exporter *exporter)
{
	dps_exporter_fail(exporter, DPS_EXIT_LOST, "no memory for a connection");
	dps_exporter_enter(exporter, DPS_EXPORTER_ENDED, DPS_NEVER_NS);
}

static void on_connected(struct dps_exporter *exporter, struct dps_socket *socket)
{
	socket = dps_peer_trust_dial(exporter->peer->trust, socket, &exporter->options->to);
	if (!socket) {
		fail_memory(exporter);
		return;
	}
	exporter->peer_address = socket->peer_address;
	snprintf(exporter->peer_name, sizeof(exporter->peer_name), "%s", socket->peer);
	exporter->link.on_message = dps_exporter_on_message;
	exporter->link.on_closed = dps_exporter_on_closed;
	exporter->link.context = exporter;
	if (dps_peer_link_open(&exporter->link, dps_node_loop(exporter->node), socket) < 0) {
		fail_memory(exporter);
		return;
	}
	dps_exporter_say_hello(exporter);
}

static void on_ready(void *context, uint32_t events, uint64_t now_ns)
{
	(void)events;
	dps_exporter_step_dialer(context, now_ns);
}

/* Each address was tried once; how long to wait until the next round is the backoff's to say. */
static bool is_round_over(const struct dps_exporter *exporter)
{
	return (dps_exporter_is_parked(exporter) || dps_exporter_is_detached(exporter)) &&
	       exporter->dialer.fd < 0;
}

static void end_round(struct dps_exporter *exporter, uint64_t now_ns)
{
	int error = exporter->dialer.last_error;
	const char *why = error ? strerror(error) : "connection timed out";

	if (dps_exporter_is_detached(exporter))
		dps_exporter_detach(exporter, now_ns, "no answer from %s (%s)", exporter->peer_name,
				    why);
	else
		dps_exporter_park(exporter, NULL, now_ns, "no answer from %s (%s)",
				  exporter->peer_name, why);
}

void dps_exporter_step_dialer(struct dps_exporter *exporter, uint64_t now_ns)
{
	struct dps_loop *loop = dps_node_loop(exporter->node);
	char why[DPS_ENDPOINT_ERROR_BYTES];
	struct dps_socket *socket;
	enum dps_dialer_event event;

	/* The descriptor changes with each attempt: out of the loop before, in again after. */
	dps_loop_remove(loop, &exporter->dialer_source);
	event = dps_dialer_step(&exporter->dialer, &socket, now_ns);
	if (event == DPS_DIALER_CONNECTED) {
		exporter->is_dialing = false;
		on_connected(exporter, socket);
	} else if (is_round_over(exporter)) {
		end_round(exporter, now_ns);
	} else if (event == DPS_DIALER_FAILED) {
		dps_dialer_explain(&exporter->dialer, why, now_ns);
		dps_exporter_fail(exporter, DPS_EXIT_LOST, "%s", why);
		dps_exporter_enter(exporter, DPS_EXPORTER_ENDED, DPS_NEVER_NS);
	} else if (exporter->dialer.fd >= 0) {
		exporter->dialer_source = (struct dps_loop_source){
			.fd = exporter->dialer.fd,
			.wants = EPOLLOUT,
			.on_ready = on_ready,
			.context = exporter,
		};
		(void)dps_loop_add(loop, &exporter->dialer_source);
	}
}

uint64_t dps_exporter_dial_deadline_ns(const struct dps_exporter *exporter)
{
	return exporter->is_dialing ? dps_dialer_deadline_ns(&exporter->dialer) : DPS_NEVER_NS;
}

/* Beside the path that goes on: it may not be to be had. */
static bool reserve_spare(struct dps_exporter *exporter)
{
	struct dps_exporter_path *spare = &exporter->spare;
	int path;

	if (spare->is_there)
		return true;
	path = dps_node_reserve_path(exporter->node, (uint32_t)exporter->options->stripes,
				     &spare->connection_id);
	spare->is_there = path >= 0;
	spare->path = (uint32_t)path;
	spare->is_said = false;
	return spare->is_there;
}

/* The lane makes connection ids ahead; right after the start there may be none yet. */
static bool reserve_path(struct dps_exporter *exporter)
{
	int path;

	if (dps_exporter_is_detached(exporter))
		return reserve_spare(exporter);
	if (exporter->has_path)
		return true;
	path = dps_node_reserve_path(exporter->node, (uint32_t)exporter->options->stripes,
				     &exporter->connection_id);
	if (path < 0)
		return false;
	exporter->path = (uint32_t)path;
	exporter->has_path = true;
	exporter->is_path_said = exporter->is_path_open = false;
	return true;
}

uint64_t dps_exporter_redial_at_ns(const struct dps_exporter *exporter)
{
	bool dials_again =
		exporter->state == DPS_EXPORTER_PARKED || exporter->state == DPS_EXPORTER_DETACHED;

	if (!dials_again || exporter->is_dialing || exporter->link.is_open)
		return DPS_NEVER_NS;
	return dps_backoff_next_at_ns(&exporter->backoff);
}

bool dps_exporter_dial(struct dps_exporter *exporter, uint64_t now_ns)
{
	bool is_first = exporter->state == DPS_EXPORTER_DIALING && !exporter->is_dialing;

	if (!is_first && now_ns < dps_exporter_redial_at_ns(exporter))
		return true;
	if (!reserve_path(exporter))
		return false;
	if (!is_first)
		dps_dialer_init(&exporter->dialer, exporter->peer->addresses, exporter->peer->count,
				DPS_NEVER_NS, now_ns);
	exporter->is_dialing = true;
	dps_exporter_step_dialer(exporter, now_ns);
	return true;
}
