/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter state: one run of the exporter, for the files that make it up. */
#pragma once
#include "apps/dpdk-streamd/export_transfer.h"
#include "drivers/control/dialer.h"

enum {
	DPS_EXIT_NOT_ALL = 1,
	DPS_EXIT_LOST = 3,
	DPS_EXIT_REFUSED = 4,
	DPS_EXPORTER_SENTENCE_BYTES = 1536,
};

enum dps_exporter_state {
	DPS_EXPORTER_DIALING,
	DPS_EXPORTER_GREETING, /* our hello is said, theirs is not in */
	DPS_EXPORTER_PROBING,  /* does the data path carry packets? */
	DPS_EXPORTER_MOVING,
	DPS_EXPORTER_LEAVING, /* the last message is said */
	DPS_EXPORTER_ENDED,
};

/* Owner: the control core. */
struct dps_exporter {
	struct dps_node *node;
	const struct dps_options *options;
	struct dps_report report;
	struct dps_loop_timer timer;
	struct dps_dialer dialer;
	struct dps_loop_source dialer_source;
	struct dps_peer_link link;
	struct dps_source *source;
	struct dps_export export;
	struct dps_socket_address peer_address;
	char peer_name[DPS_ENDPOINT_TEXT_BYTES];
	struct dps_lane_snapshot last_snapshot;
	uint64_t advanced_to;	 /* a measure of what is done ... */
	uint64_t advanced_at_ns; /* ... and when it last changed */
	uint64_t watch_at_ns;
	enum dps_exporter_state state;
	uint32_t path;
	uint64_t connection_id;
	uint64_t deadline_ns; /* of the state */
	uint64_t started_at_ns;
	uint64_t ended_at_ns;
	bool has_path;
	bool peer_stores; /* it keeps what it gets: no --discard */
	bool is_done;
	int status;
	char sentence[DPS_EXPORTER_SENTENCE_BYTES]; /* why it failed */
};

/* ---- exporter.c ---- */
void dps_exporter_enter(struct dps_exporter *exporter, enum dps_exporter_state state,
			uint64_t deadline_ns);
/* Notes why the run fails, and with which exit status; the first reason stays. */
void dps_exporter_fail(struct dps_exporter *exporter, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Ends the conversation with a last message, NULL for none. */
void dps_exporter_leave(struct dps_exporter *exporter, const struct dps_message *message);
void dps_exporter_leave_with(struct dps_exporter *exporter, enum dps_control_code code,
			     const char *text);

/* ---- exporter_talk.c: what the collector and the lane say ---- */
void dps_exporter_say_hello(struct dps_exporter *exporter);
void dps_exporter_on_message(void *context, const struct dps_message *message, uint64_t now_ns);
void dps_exporter_on_closed(void *context, const char *why, uint64_t now_ns);
void dps_exporter_on_lane_event(void *context, const struct dps_lane_event *event, uint64_t now_ns);
void dps_exporter_on_path_lost(struct dps_exporter *exporter, uint32_t reason);
void dps_exporter_on_stop(void *context, int signal, uint64_t now_ns);

/* ---- exporter_report.c ---- */
void dps_exporter_report_progress(struct dps_exporter *exporter, uint64_t now_ns);
/* Ends a run that does not advance for the idle timeout. */
void dps_exporter_watch_progress(struct dps_exporter *exporter, uint64_t now_ns);
void dps_exporter_summarize(struct dps_exporter *exporter);
