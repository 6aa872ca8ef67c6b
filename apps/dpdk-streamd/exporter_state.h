/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter state: one run of the exporter, for the files that make it up. */
#pragma once
#include "apps/dpdk-streamd/export_transfer.h"
#include "apps/dpdk-streamd/exporter.h"
#include "apps/dpdk-streamd/exporter_blocked.h"
#include "apps/dpdk-streamd/lane_report.h"
#include "apps/dpdk-streamd/vitals.h"
#include "apps/dpdk-streamd/watch.h"
#include "drivers/control/dialer.h"
#include <dps/backoff.h>

enum {
	DPS_EXIT_NOT_ALL = 1,
	DPS_EXIT_LOST = 3,
	DPS_EXIT_REFUSED = 4,
	DPS_EXPORTER_SENTENCE_BYTES = 1536,
	DPS_EXPORTER_REASON_BYTES = 512,
};

enum dps_exporter_state {
	DPS_EXPORTER_DIALING,
	DPS_EXPORTER_GREETING, /* our hello is said, theirs is not in */
	DPS_EXPORTER_PROBING,  /* does the data path carry packets? */
	DPS_EXPORTER_MOVING,
	DPS_EXPORTER_DETACHED,	/* the control connection was lost, data go on; dials again */
	DPS_EXPORTER_ATTACHING, /* asked for the path on another connection */
	DPS_EXPORTER_PARKED,	/* the connection was lost; the collector is dialled again */
	DPS_EXPORTER_RESUMING,	/* it was asked to go on: resumed and an open path are waited for */
	DPS_EXPORTER_LEAVING,	/* the last message is said */
	DPS_EXPORTER_ENDED,
};

/* A path that is reserved and not open. */
struct dps_exporter_path {
	uint32_t path;
	uint64_t connection_id;
	uint64_t epoch;
	bool is_there;
	bool is_said;
};

/* Owner: the control core. */
struct dps_exporter {
	struct dps_node *node;
	const struct dps_options *options;
	struct dps_report report;
	struct dps_loop_timer timer;
	const struct dps_exporter_peer *peer;
	struct dps_dialer dialer;
	struct dps_loop_source dialer_source;
	struct dps_peer_link link;
	struct dps_source *source;
	struct dps_export export;
	struct dps_socket_address peer_address;
	char peer_name[DPS_ENDPOINT_TEXT_BYTES];
	struct dps_lane_snapshot last_snapshot;
	struct dps_lane_marks lanes_at_start; /* of the transfer */
	struct dps_lane_marks lanes_at_last;  /* report of progress */
	struct dps_watch watch;
	struct dps_vitals vitals;
	enum dps_watchdog_verdict verdict; /* as of the last tick */

	struct dps_exporter_blocked blocked; /* as the collector says */

	struct dps_backoff backoff; /* between attempts to reach it again */
	uint64_t parked_at_ns;	    /* DPS_NEVER_NS: not; until resumed and the path is open */
	uint64_t parked_until_ns;   /* it is given up */
	uint64_t bytes_resent_told;
	char lost_why[DPS_EXPORTER_REASON_BYTES];
	char failed_why[DPS_EXPORTER_REASON_BYTES]; /* the last attempt */

	uint64_t detached_at_ns;	/* DPS_NEVER_NS: not; until attached, or parked */
	uint64_t detached_until_ns;	/* it is given up */
	struct dps_exporter_path spare; /* of the next connection, if the path is not to be had */
	struct dps_message_hello peer_hello; /* of this connection; without its strings */

	int stop_signal;	/* of a live source; 0: none */
	uint64_t stop_until_ns; /* what was read may be brought to the collector ... */
	uint64_t stop_end_ns;	/* ... and all is to be over */

	enum dps_exporter_state state;
	uint32_t path;
	uint64_t connection_id;
	uint64_t epoch;	      /* of the path */
	uint64_t deadline_ns; /* of the state */
	uint64_t started_at_ns;
	uint64_t ended_at_ns;
	bool has_path;	   /* reserved, or open */
	bool is_path_said; /* the collector knows its id: no other connection may use it */
	bool is_path_open; /* it carries packets */
	bool is_path_shut; /* the collector closed it, and is about to say why */
	uint32_t shut_reason;
	bool is_dialing;
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

/* ---- exporter_dial.c ---- */
void dps_exporter_step_dialer(struct dps_exporter *exporter, uint64_t now_ns);
/* Reserves a path and starts to dial, when it is time to. False: try again in a moment. */
bool dps_exporter_dial(struct dps_exporter *exporter, uint64_t now_ns);
/* When it is to be dialled again after a loss; DPS_NEVER_NS while that is not to be. */
uint64_t dps_exporter_redial_at_ns(const struct dps_exporter *exporter);
/* When dialling has something to do; DPS_NEVER_NS for never. */
uint64_t dps_exporter_dial_deadline_ns(const struct dps_exporter *exporter);

/* ---- exporter_attach.c ---- */
/* Whether its data path goes on without a control connection. */
bool dps_exporter_is_detached(const struct dps_exporter *exporter);
/* Whether data flow, with a control connection or without. */
bool dps_exporter_is_moving(const struct dps_exporter *exporter);
/* Whether the path may outlive the control connection that was just lost. */
bool dps_exporter_can_detach(const struct dps_exporter *exporter);
/* The control connection is lost, or one more attempt at another failed; why as for park. */
void dps_exporter_detach(struct dps_exporter *exporter, uint64_t now_ns, const char *why, ...)
	__attribute__((format(printf, 3, 4)));
/* Forgets what it was without, because the path is gone, too, or is another's. */
void dps_exporter_end_detached(struct dps_exporter *exporter);
/* Asks the collector that just said hello for the path. */
void dps_exporter_attach(struct dps_exporter *exporter, const struct dps_message_hello *hello,
			 uint64_t now_ns);
void dps_exporter_on_attached(struct dps_exporter *exporter, uint64_t now_ns);
/* The path is not to be had, or lost meanwhile: resumes, on the connection that there is. */
void dps_exporter_resume_instead(struct dps_exporter *exporter, const char *why, uint64_t now_ns);
void dps_exporter_give_up_detached(struct dps_exporter *exporter, uint64_t now_ns);

/* ---- exporter_park.c ---- */
/* Something was lost, for this reason: the first time since it all went well. */
void dps_exporter_begin_loss(struct dps_exporter *exporter, const char *why, uint64_t now_ns);
/* What was dialled is given up, and the next attempt waits for its pause. */
void dps_exporter_wait_to_dial(struct dps_exporter *exporter, uint64_t now_ns);
/* It was lost since then, and time is over: it could not "go on", or what else was tried. */
void dps_exporter_fail_loss(struct dps_exporter *exporter, const char *what, uint64_t since_ns,
			    uint64_t now_ns);
/* When waiting from now on is over. */
uint64_t dps_exporter_until_ns(const struct dps_exporter *exporter, uint64_t now_ns);
void dps_exporter_begin_park(struct dps_exporter *exporter, const char *why, uint64_t now_ns);
/* Tells the collector that the path is over, if it knows it. */
void dps_exporter_close_path(struct dps_exporter *exporter);
bool dps_exporter_is_parked(const struct dps_exporter *exporter);
/* Whether a transfer is under way that can wait for another connection. */
bool dps_exporter_can_park(const struct dps_exporter *exporter);
/*
 * What there was of a connection is over, and it is to be tried again. Says a last message first,
 * NULL for none; why becomes part of a sentence.
 */
void dps_exporter_park(struct dps_exporter *exporter, const struct dps_message *message,
		       uint64_t now_ns, const char *why, ...) __attribute__((format(printf, 4, 5)));
/* As above, with an error to say. */
void dps_exporter_park_with(struct dps_exporter *exporter, enum dps_control_code code,
			    const char *why, uint64_t now_ns);
/* Asks the collector that just said hello to go on. */
void dps_exporter_resume(struct dps_exporter *exporter, uint64_t now_ns);
/* An earlier run of the same command was parked, as it were: asks to go on with its transfer. */
void dps_exporter_continue(struct dps_exporter *exporter, uint64_t now_ns);
/* It is there: it has as long as it goes on saying something. */
void dps_exporter_wait_for_resumed(struct dps_exporter *exporter, uint64_t now_ns);
/* It answered, or the path opened: goes on when both have come. */
void dps_exporter_go_on(struct dps_exporter *exporter, uint64_t now_ns);
/* It does not know the transfer any more, and is offered a new one. */
void dps_exporter_begin_anew(struct dps_exporter *exporter, uint64_t now_ns);
void dps_exporter_give_up_parked(struct dps_exporter *exporter, uint64_t now_ns);

/* ---- exporter_talk.c: what the collector says ---- */
void dps_exporter_say_hello(struct dps_exporter *exporter);
/* Opens the path that our hello named, with keys of this connection. False: it has ended. */
bool dps_exporter_open_path(struct dps_exporter *exporter, const struct dps_message_hello *hello);
void dps_exporter_on_message(void *context, const struct dps_message *message, uint64_t now_ns);
void dps_exporter_on_closed(void *context, const char *why, uint64_t now_ns);
/* Another exporter has the transfer now, and one of them is enough. */
void dps_exporter_on_taken_over(struct dps_exporter *exporter);

/* ---- exporter_path.c: what the lane says ---- */
void dps_exporter_on_lane_event(void *context, const struct dps_lane_event *event, uint64_t now_ns);
void dps_exporter_on_path_lost(struct dps_exporter *exporter, uint32_t reason, uint64_t now_ns);

/* ---- exporter_stop.c ---- */
void dps_exporter_on_stop(void *context, int signal, uint64_t now_ns);
/* Whether a signal is why its live source is not whole. */
bool dps_exporter_was_stopped(const struct dps_exporter *exporter);
void dps_exporter_explain_stop(struct dps_exporter *exporter);
/* Gives up a live source that could not be brought to the collector in time. */
void dps_exporter_step_stop(struct dps_exporter *exporter, uint64_t now_ns);
/* When that has to look; DPS_NEVER_NS for never. */
uint64_t dps_exporter_stop_deadline_ns(const struct dps_exporter *exporter);

/* ---- exporter_trust.c ---- */
void dps_exporter_on_trust_changed(void *context, uint64_t now_ns);

/* ---- exporter_report.c ---- */
void dps_exporter_report_progress(struct dps_exporter *exporter, uint64_t now_ns);
void dps_exporter_summarize(struct dps_exporter *exporter);

/* ---- exporter_watch.c ---- */
/* Errors: -ENOMEM. */
int dps_exporter_start_watch(struct dps_exporter *exporter, uint64_t now_ns);
/* Ends a run whose collector moves nothing for the idle timeout; once a tick. */
void dps_exporter_step_watch(struct dps_exporter *exporter, uint64_t now_ns);
uint64_t dps_exporter_watch_deadline_ns(const struct dps_exporter *exporter);
