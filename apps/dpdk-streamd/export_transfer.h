/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Export transfer: one transfer as the exporter sees it: its files, in the order of their offsets,
 * from the offer until each is stored or failed.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/node.h"
#include "apps/dpdk-streamd/peer_link.h"
#include "apps/dpdk-streamd/piece_digests.h"
#include "apps/dpdk-streamd/report.h"
#include "drivers/store/source.h"
#include <dps/layout.h>

enum dps_export_state {
	DPS_EXPORT_WAITING,   /* not opened yet */
	DPS_EXPORT_COMPARING, /* the collector has one like it: is it the same? */
	DPS_EXPORT_OPENING,
	DPS_EXPORT_SENDING, /* open, announced to the lane */
	DPS_EXPORT_SENT,    /* read to its end and unchanged; its digest was told */
	DPS_EXPORT_STORED,
	DPS_EXPORT_SAME, /* was there already: nothing is sent */
	DPS_EXPORT_FAILED,
};

/* What a file needs while it is open. */
struct dps_export_file_work {
	struct dps_piece_digests digests;
	int fd;
	bool is_direct;
	bool is_lane_done; /* the descriptor is ours again */
	bool is_checking;
	bool is_checked;
};

struct dps_export_file {
	uint64_t offset; /* in the channel */
	struct dps_export_file_work *work;
	uint8_t state; /* enum dps_export_state */
};

struct dps_export_refetch;

struct dps_export {
	struct dps_node *node;
	struct dps_peer_link *link;
	struct dps_report *report;
	struct dps_source *source; /* NULL: generated */
	struct dps_transfer_id id;
	struct dps_layout layout;
	struct dps_export_file *files;
	uint32_t files_count;
	uint32_t offered_end;  /* files below were offered */
	uint32_t accepted_end; /* ... and accepted */
	uint32_t next_open;
	uint32_t open_count;	/* opened and not given back */
	uint32_t settled_count; /* stored, same or failed */
	uint32_t jobs_count;
	uint64_t bytes_total;
	uint64_t bytes_stored;
	uint64_t bytes_same;
	uint64_t files_stored;
	uint64_t files_same;
	uint64_t files_failed;
	int32_t *fd_files; /* by descriptor: which file, -1 for none */
	size_t fd_files_room;
	struct dps_export_refetch *refetches;
	uint64_t refetch_at_ns;
	uint32_t path;
	uint32_t channel;
	uint32_t generation;
	bool is_channel_wanted;
	bool has_channel;
	bool is_last_said;
	bool is_last_announced;
	bool is_over; /* nothing more is to be started */
};

/* Takes the source (NULL with --generate). Returns 0 or -errno. */
int dps_export_init(struct dps_export *export, struct dps_node *node, struct dps_source *source,
		    struct dps_peer_link *link, struct dps_report *report);
void dps_export_fini(struct dps_export *export);

/* Goes as far as it can: offers, opens, announces. Call once a turn. */
void dps_export_step(struct dps_export *export);

/* What the collector says of this transfer. False: it makes no sense, close with `protocol`. */
bool dps_export_on_message(struct dps_export *export, const struct dps_message *message);

void dps_export_on_lane_event(struct dps_export *export, const struct dps_lane_event *event,
			      uint64_t now_ns);

uint64_t dps_export_deadline_ns(const struct dps_export *export);
void dps_export_on_time(struct dps_export *export, uint64_t now_ns);

/* Files that are neither stored nor failed will not be stored: names each. */
void dps_export_fail_rest(struct dps_export *export, enum dps_control_code code, const char *text);

/* Starts nothing more; jobs under way still end. */
void dps_export_give_up(struct dps_export *export);
bool dps_export_has_jobs(const struct dps_export *export);

/* A file as messages and reports name it. */
void dps_export_describe(const struct dps_export *export, uint32_t index,
			 struct dps_message_file *file);
