/* SPDX-License-Identifier: BSD-3-Clause */
/* Collector state: one run of the collector, for the files that make it up. */
#pragma once
#include "apps/dpdk-streamd/collect_session.h"
#include "apps/dpdk-streamd/collect_store.h"
#include "drivers/control/listener.h"
#include "drivers/control/lobby.h"

/* The exit status. */
enum {
	DPS_COLLECTOR_STORED = 0,
	DPS_COLLECTOR_NOT_STORED = 1,
	DPS_COLLECTOR_USAGE = 2,
	DPS_COLLECTOR_SIGNAL = 128, /* and its number */
};

/* Owner: the control core. */
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

/* ---- collector.c ---- */
/* Says why there is nothing to run; the exit status. */
int dps_collector_fail_start(const char *why);

/* ---- collector_sessions.c ---- */
/* DPS_COLLECTOR_STORED, or the exit status: it has been said why. */
int dps_collector_open_listener(struct dps_collector *collector);
void dps_collector_close_listener(struct dps_collector *collector);
void dps_collector_open_lobby(struct dps_collector *collector);
/* authorized_peers, or a file of an authority, is another one. */
void dps_collector_on_trust_changed(void *context, uint64_t now_ns);
/* Lets each go on, and forgets those that are over. */
void dps_collector_step_sessions(struct dps_collector *collector, uint64_t now_ns);
/* NULL: none has that path. */
struct dps_collect_session *dps_collector_session_of_path(struct dps_collector *collector,
							  uint32_t path);

/* ---- collector_lane.c ---- */
void dps_collector_on_lane_event(void *context, const struct dps_lane_event *event,
				 uint64_t now_ns);
