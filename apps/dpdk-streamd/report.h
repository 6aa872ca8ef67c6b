/* SPDX-License-Identifier: BSD-3-Clause */
/* Report: what a run tells while it goes on and at its end, as JSON lines or for people. */
#pragma once
#include "drivers/lane_cycles.h"
#include <dps/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define DPS_REPORT_UNKNOWN UINT64_MAX		  /* a total that is not known yet */
#define DPS_REPORT_INTERVAL_NS (1 * DPS_NS_PER_S) /* between two reports of progress */

/* How long something kept the transfer from being faster; only the proportions count. */
struct dps_report_limit {
	const char *name; /* "disk", "credit", ... */
	uint64_t ns;
};

struct dps_report_limits {
	const struct dps_report_limit *items;
	unsigned int count;
};

/* How many of a pool's buffers were free when there were least. */
struct dps_report_pool {
	const char *name; /* "slots", "rx", ... */
	uint64_t count;
	uint64_t free_low; /* since the process began */
};

enum { DPS_REPORT_POOLS_MAX = 4 };

/* What a lane's time went to, as far as it was metered. */
struct dps_report_lane {
	struct dps_lane_cycles cycles;
	uint64_t packets; /* of data, sent or received meanwhile */
	struct dps_report_pool pools[DPS_REPORT_POOLS_MAX];
	unsigned int pools_count;
};

struct dps_report_lanes {
	const struct dps_report_lane *items;
	unsigned int count;
};

struct dps_report_hello {
	const char *peer; /* address of its control connection */
	const char *software;
	const char *role; /* the peer's: export or collect */
	const char *seal;
	uint32_t version; /* spoken from now on */
	uint32_t payload_bytes;
};

struct dps_report_offer {
	struct dps_transfer_id transfer;
	uint64_t files; /* DPS_REPORT_UNKNOWN */
	uint64_t bytes; /* DPS_REPORT_UNKNOWN */
};

struct dps_report_file {
	struct dps_transfer_id transfer;
	uint32_t file; /* index in its transfer */
	const char *path;
	uint32_t path_bytes;
	uint64_t bytes;
	const struct dps_digest *digest; /* NULL: not known */
	bool was_stored;		 /* already, before this transfer: nothing was sent */
	const char *code;		 /* failed: the word for it ... */
	const char *text;		 /* ... and a sentence */
};

/* The connection of a transfer is lost; it waits for another one. */
struct dps_report_parked {
	struct dps_transfer_id transfer;
	const char *reason;
	uint64_t bytes; /* that need not come again, as far as is known */
};

struct dps_report_resumed {
	struct dps_transfer_id transfer;
	uint64_t from_bytes;   /* that need not come again */
	uint64_t resent_bytes; /* sent before and sent again; DPS_REPORT_UNKNOWN: not said */
	uint64_t parked_ns;
};

struct dps_report_blocked {
	struct dps_transfer_id transfer;
	const char *why; /* a word of the protocol; NULL: it goes on */
	uint64_t blocked_ns;
};

/* A control connection was lost whose data path goes on; another one has taken its place. */
struct dps_report_attached {
	struct dps_transfer_id transfer;
	uint64_t lost_ns; /* for so long there was none */
};

struct dps_report_progress {
	struct dps_transfer_id transfer;
	uint64_t bytes;	      /* done: acknowledged or written */
	uint64_t bytes_total; /* DPS_REPORT_UNKNOWN */
	uint64_t files;
	uint64_t files_total; /* DPS_REPORT_UNKNOWN */
	uint64_t data_packets;
	uint64_t retransmitted_packets;
	struct dps_report_limits limits; /* since the last report */
	struct dps_report_lanes lanes;	 /* since the last report */
	bool is_parked;			 /* bytes is where it goes on */
	uint64_t parked_ns;		 /* so far */
	uint64_t reconnect_ns;		 /* until the next attempt; 0: it is under way */
	bool is_awaited;		 /* parked, and the other side is who comes back ... */
	uint64_t awaited_ns;		 /* ... for so long; DPS_NEVER_NS: until it does */
	const char *blocked;		 /* why, as in dps_report_blocked; NULL: it is not */
	const char *blocked_by;		 /* the same in words */
	uint64_t blocked_ns;
	bool waits_for_source;
};

struct dps_report_summary {
	uint64_t files; /* stored, or stored already */
	uint64_t files_failed;
	uint64_t files_skipped; /* symlinks and special files that stayed behind */
	uint64_t files_already_stored;
	uint64_t bytes;	       /* of files */
	uint64_t bytes_before; /* ... that did not come in this run: no part of its rate */
	uint64_t duration_ns;  /* from the offer to the end */
	uint64_t data_packets;
	uint64_t retransmitted_packets;
	uint64_t impaired_packets;
	uint64_t resent_bytes; /* sent before and sent again because of resumes */
	uint64_t peak_rss_bytes;
	struct dps_report_limits limits; /* of the whole transfer */
	struct dps_report_lanes lanes;	 /* since the transfer began */
	bool is_stored;			 /* all that was asked for */
	bool is_verified;
};

/*
 * Results and JSON go to out, the progress line to err, and only if that is a terminal. A reader
 * that went away is noted in has_failed and written to no more (SIGPIPE is ignored elsewhere).
 *
 * Owner: control core. Nothing is kept of what is passed in.
 */
struct dps_report {
	FILE *out;
	FILE *err;
	bool is_json;
	bool is_quiet;
	bool is_terminal;
	bool is_line_shown; /* the cursor stands behind a progress line */
	bool has_failed;
	unsigned int columns; /* of the terminal */
	uint64_t started_at_ns;
	uint64_t due_at_ns; /* the next report of progress */
	uint64_t sampled_at_ns;
	uint64_t sampled_bytes;
	uint64_t
		before_bytes; /* that no rate has in it; modulo 2^64, as it may be less than none */
	double rate_bytes_per_s; /* now, smoothed over a few samples */
};

void dps_report_init(struct dps_report *report, FILE *out, FILE *err, bool is_json, bool is_quiet);

/* Events as they happen; each is one line with --json and nothing without. */
void dps_report_on_hello(struct dps_report *report, const struct dps_report_hello *hello);
void dps_report_on_offer(struct dps_report *report, const struct dps_report_offer *offer);
void dps_report_on_accepted(struct dps_report *report, const struct dps_report_offer *offer);
void dps_report_on_file_stored(struct dps_report *report, const struct dps_report_file *file);
void dps_report_on_file_failed(struct dps_report *report, const struct dps_report_file *file);
void dps_report_on_parked(struct dps_report *report, const struct dps_report_parked *parked);
void dps_report_on_blocked(struct dps_report *report, const struct dps_report_blocked *blocked);
void dps_report_on_resumed(struct dps_report *report, const struct dps_report_resumed *resumed);
void dps_report_on_control_lost(struct dps_report *report, const struct dps_report_parked *lost);
void dps_report_on_attached(struct dps_report *report, const struct dps_report_attached *attached);

/* Bytes begin to move: rates count from here, progress is due one interval later. */
void dps_report_start(struct dps_report *report, uint64_t now_ns);

/* It goes on from there: what is below was moved before, or comes again, and is in no rate. */
void dps_report_go_on_from(struct dps_report *report, uint64_t bytes);

/* When progress is due; DPS_NEVER_NS before start and when nobody wants it. */
uint64_t dps_report_deadline_ns(const struct dps_report *report);

/* Reports progress if it is due. */
void dps_report_on_progress(struct dps_report *report, const struct dps_report_progress *progress,
			    uint64_t now_ns);

/* Takes the progress line away, before something else is written to the terminal. */
void dps_report_clear_line(struct dps_report *report);

/* The last word: always one JSON object, or some lines for people unless quiet. */
void dps_report_finish(struct dps_report *report, const struct dps_report_summary *summary);

/* Most memory that the process had resident so far (VmHWM); 0 where the kernel does not say. */
uint64_t dps_report_peak_rss_bytes(void);
