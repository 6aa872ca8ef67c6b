/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Export transfer: one transfer as the exporter sees it: its files, in the order of their offsets,
 * from the offer until each is stored or failed, over any number of connections.
 *
 * A connection goes live when the collector may hear of files, and is over when it is parked.
 * What is known of a file outlives it: its place, the digests of what was read of it, the digest
 * of all of it. Descriptors do not: they go back to be closed, and the file is opened again.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/export_list.h"
#include "apps/dpdk-streamd/mirror.h"
#include "apps/dpdk-streamd/node.h"
#include "apps/dpdk-streamd/peer_link.h"
#include "apps/dpdk-streamd/piece_digests.h"
#include "apps/dpdk-streamd/report.h"
#include "drivers/store/source.h"
#include <dps/layout.h>

enum { DPS_EXPORT_TROUBLE_BYTES = 512 };

enum dps_export_state {
	DPS_EXPORT_WAITING,   /* not opened yet */
	DPS_EXPORT_COMPARING, /* the collector has one like it: is it the same? */
	DPS_EXPORT_OPENING,
	DPS_EXPORT_SENDING, /* announced to the lane, or wholly held without a digest */
	DPS_EXPORT_SENT,    /* read to its end and unchanged; its digest was told */
	DPS_EXPORT_STORED,
	DPS_EXPORT_SAME, /* was there already: nothing is sent */
	DPS_EXPORT_FAILED,
};

struct dps_export_job;

/* An open file: the lane reads it. Goes when the lane and the check are done with it. */
struct dps_export_work {
	uint32_t file;
	int fd;
	bool is_direct;
	bool is_lane_done; /* the descriptor is ours again */
	bool is_checking;
	bool is_checked;
	bool is_orphan; /* of an earlier connection: the file knows it no more */
};

struct dps_export_file {
	uint64_t offset;	  /* in the channel */
	uint64_t from_bytes;	  /* the collector holds what is before; less is known of none */
	struct dps_digest digest; /* of the whole file, once is_known */
	struct dps_digest head;	  /* once has_head */
	struct dps_piece_digests *digests; /* from its start, until is_known */
	union {
		struct dps_export_work *work;	/* while it is open */
		struct dps_export_job *compare; /* while state is COMPARING */
	};
	int error;     /* of a file that failed here and not there: -errno of reading it */
	uint8_t state; /* enum dps_export_state */
	bool is_known;
	bool has_head;
	bool is_head_due;  /* an earlier run read it: is it still the same file? */
	bool is_said;	   /* its digest, on this connection */
	bool is_dirty;	   /* on the way to the mirror */
	bool is_skip_owed; /* it failed here, and the collector has not heard it */
	bool was_stored;   /* told as stored before the transfer was begun anew */
};

struct dps_export_refetch;

struct dps_export {
	struct dps_node *node;
	struct dps_peer_link *link;
	struct dps_report *report;
	struct dps_source *source; /* NULL: generated, or live */
	struct dps_live *live;	   /* NULL: not live */
	struct dps_export_list list;
	struct dps_mirror *mirror; /* NULL: none is kept */
	struct dps_transfer_id id;
	struct dps_layout layout;
	struct dps_export_file *files;
	uint32_t files_count;
	uint32_t offered_end;  /* files below were offered */
	uint32_t accepted_end; /* ... and accepted */
	uint32_t next_open;
	uint32_t next_fill;
	uint32_t open_count;	/* opened and not given back */
	uint32_t opening_count; /* of this connection */
	uint32_t settled_count; /* stored, same or failed */
	uint32_t jobs_count;
	uint32_t mirror_jobs_count;
	uint32_t past_count;	/* files that the mirror had */
	uint32_t partial_count; /* files whose heads are read for the collector */
	uint32_t *dirty;	/* files of which the mirror does not know all */
	uint32_t dirty_count;
	uint32_t dirty_room;
	uint64_t dirty_bytes;
	uint64_t mirror_at_ns; /* when it is written next */
	uint64_t bytes_total;
	uint64_t bytes_stored;
	uint64_t bytes_same;
	uint64_t bytes_held;	/* by the collector when this connection went live */
	uint64_t bytes_before;	/* ... already when this run first went on */
	uint64_t bytes_adopted; /* ... from a transfer that nobody here remembers */
	uint64_t bytes_resent;
	uint64_t sent_end; /* of the channel's offsets, over all connections before this one */
	uint64_t files_stored;
	uint64_t files_same;
	uint64_t files_failed;
	struct dps_export_work **works; /* by descriptor */
	size_t works_room;
	struct dps_export_refetch *refetches;
	/* Live: */
	uint64_t announced_bytes; /* on this connection ... */
	uint64_t told_bytes;	  /* ... to the collector */
	uint64_t held_bytes;	  /* ... and on its disk */
	uint32_t stretches_count; /* announced, and not acknowledged to their end */
	bool is_end_said;
	char live_trouble[DPS_EXPORT_TROUBLE_BYTES]; /* why it failed */
	uint64_t refetch_at_ns;
	uint64_t connection; /* counts them; tells late answers of the lane and of jobs apart */
	uint32_t path;
	uint32_t number; /* of the channel, on this connection; one that was refused is not used
			    again */
	uint32_t channel;
	uint32_t generation;
	bool is_channel_wanted;
	bool has_channel;
	bool is_live;	     /* what is said reaches the collector */
	bool was_live;	     /* on any connection of this run */
	bool is_detached;    /* the path goes on, and what is said reaches nobody */
	bool must_say_again; /* attached: what the collector may not have heard */
	bool is_attaching;   /* another connection asked for the path and has no answer */
	bool is_resuming;    /* it was asked to go on and has not said resumed */
	bool is_resumed;     /* the collector knows the transfer: what follows is offered as more */
	bool is_from_mirror; /* an earlier run began it */
	bool is_mirrored;    /* the mirror has the list of files */
	bool was_accepted;   /* some of it, once: told */
	bool is_filling;
	bool is_last_said;
	bool is_last_announced;
	bool is_over; /* nothing more is to be started */
};

/*
 * Takes the source (NULL with --generate), and goes on with what the mirror (may be NULL) has
 * found. Returns 0 or -errno.
 */
int dps_export_init(struct dps_export *export, struct dps_node *node, struct dps_source *source,
		    struct dps_mirror *mirror, struct dps_peer_link *link,
		    struct dps_report *report);
void dps_export_fini(struct dps_export *export);

/* ---- connections (export_resume.c) ---- */

/* The first one. */
void dps_export_start(struct dps_export *export, uint32_t path);
/* The connection is lost. May be called again. */
void dps_export_park(struct dps_export *export);
/* Asks the collector to go on, over a path that may still be opening. */
void dps_export_resume(struct dps_export *export, uint32_t path);
/* The connection is lost, and data go on over the path (export_attach.c). */
void dps_export_detach(struct dps_export *export);
/* Asks the collector for the path of this epoch to be this connection's. */
void dps_export_attach(struct dps_export *export, uint64_t epoch);
/* The collector does not know it, or not any more: its files are offered anew under a new id. */
void dps_export_begin_anew(struct dps_export *export);

/* Goes as far as it can: offers, opens, announces. Call once a turn. */
void dps_export_step(struct dps_export *export);

/* What the collector says of this transfer. False: it makes no sense, close with `protocol`. */
bool dps_export_on_message(struct dps_export *export, const struct dps_message *message);

void dps_export_on_lane_event(struct dps_export *export, const struct dps_lane_event *event,
			      uint64_t now_ns);

uint64_t dps_export_deadline_ns(const struct dps_export *export);
void dps_export_on_time(struct dps_export *export, uint64_t now_ns);

/* How far it is on this connection, as far as the lane has told; else nothing. */
void dps_export_read_channel(const struct dps_export *export, struct dps_channel_state *state);

/* Bytes of files that need not be sent any more, as far as the lane has told. */
uint64_t dps_export_bytes_done(const struct dps_export *export);

/* Files that are neither stored nor failed will not be stored: names each. */
void dps_export_fail_rest(struct dps_export *export, enum dps_control_code code, const char *text);

/* ---- the mirror (export_mirror.c) ---- */

/* Writes what is not there yet. Last words, after which the transfer is left alone, too. */
void dps_export_mirror_flush(struct dps_export *export);
/* It is done, or can never be: the same command begins anew. */
void dps_export_mirror_forget(struct dps_export *export);

/* How much of a live source has come so far. */
uint64_t dps_export_live_bytes(const struct dps_export *export);
/* Whether it is the turn of who writes a live source. */
bool dps_export_waits_for_source(const struct dps_export *export);

/* Starts nothing more; jobs under way still end. */
void dps_export_give_up(struct dps_export *export);
/* Whether disks are at work for it; the mirror is not, as it moves nothing. */
bool dps_export_has_jobs(const struct dps_export *export);

/* A file as messages and reports name it. */
void dps_export_describe(const struct dps_export *export, uint32_t index,
			 struct dps_message_file *file);
