/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Intake: one transfer as the collector sees it, from its offer until every file is stored, was
 * there already, or failed. intake.c is its life; intake_offer.c what the exporter offers,
 * intake_flow.c the files that data come for, intake_grow.c one whose size nobody knows yet,
 * intake_files.c what is said of them, intake_lane.c what the lane does for them, intake_store.c
 * how they get to disk, intake_space.c a disk that is full, intake_park.c how it waits
 * without a connection, intake_resume.c how it goes on with another, intake_attach.c how its path
 * outlives a connection.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/checkpoint.h"
#include "apps/dpdk-streamd/collect_context.h"
#include "apps/dpdk-streamd/file_opening.h"
#include "apps/dpdk-streamd/file_past.h"
#include "apps/dpdk-streamd/intake_space.h"
#include "apps/dpdk-streamd/intake_watch.h"
#include "apps/dpdk-streamd/manifest.h"
#include "apps/dpdk-streamd/name_table.h"
#include "apps/dpdk-streamd/peer_link.h"
#include "apps/dpdk-streamd/piece_digests.h"
#include "apps/dpdk-streamd/transfer_owner.h"
#include <dps/layout.h>

#define DPS_INTAKE_ALL_MANIFESTS_BYTES_MAX (UINT64_C(1) << 30)

enum dps_intake_limits {
	DPS_INTAKE_FILES_MAX = 1000000,
	DPS_INTAKE_MANIFEST_BYTES_MAX = 256 << 20, /* names and all */
	DPS_INTAKE_NAMES_MAX = 2000000,		   /* of files and the folders above them */
};

/* What a file needs while data come for it and until it has its name; also a folder to be made. */
struct dps_intake_open {
	struct dps_intake_open *next;
	struct dps_intake_open *previous;
	struct dps_intake *intake;
	struct dps_staged_file staged;
	uint64_t offset;	 /* in the channel */
	uint64_t received_bytes; /* of the file, by this connection and those before */
	uint32_t file;
	uint64_t announced_bytes; /* of the file, on this channel */
	uint64_t checked_bytes;	  /* of the file: on disk when the checkpoint under way is */
	uint64_t held_bytes;	  /* ... and as the exporter was told, if the file grows */
	bool grows;		  /* it had no size when it was offered */
	uint32_t in_lane;	  /* stretches announced, and not done; one, unless it grows */
	uint32_t lane_fds;	  /* how often the lane has the descriptor */
	bool has_wanted;	  /* the exporter said what it read */
	bool has_past;		  /* some of it came before this life, or for another transfer */
	bool is_verified; /* by an earlier life of the collector: digest is what it has to be */
	bool is_journalled;
	bool is_ready; /* complete and verified, or failed: for the next checkpoint */
	bool is_dirty; /* has data that no checkpoint has seen */
	struct dps_digest wanted;
	struct dps_digest digest; /* of what came, once it is whole */
	struct dps_piece_digests pieces;
};

enum dps_intake_state {
	DPS_INTAKE_LOADING, /* the store thread reads what the journal knows of it */
	DPS_INTAKE_OFFERED, /* nothing accepted yet */
	DPS_INTAKE_ACTIVE,
	DPS_INTAKE_LEAVING, /* refused, cancelled or complete: waits for jobs and descriptors */
	DPS_INTAKE_GONE,
};

/* Whether it is known what an exporter that has forgotten it had sent before. */
enum dps_intake_search {
	DPS_INTAKE_UNSEARCHED,
	DPS_INTAKE_ASKS_FOR_WAY, /* what waits in memory is put away first */
	DPS_INTAKE_SEARCHING,	 /* the store thread looks */
	DPS_INTAKE_SEARCHED,
};

/* A file of which the beginning may be here. */
struct dps_intake_match {
	struct dps_adoption_file *from;
	uint32_t file;
	enum {
		DPS_INTAKE_ASKED,
		DPS_INTAKE_AGREED, /* it is to be adopted with the next checkpoint */
		DPS_INTAKE_MOVING,
	} state;
};

enum dps_intake_channel {
	DPS_INTAKE_CHANNEL_NONE,
	DPS_INTAKE_CHANNEL_OPENING,
	DPS_INTAKE_CHANNEL_OPEN,
	DPS_INTAKE_CHANNEL_CLOSED,
};

struct dps_offer_check;

/* A piece that the exporter was asked for once more and that has not come. */
struct dps_intake_refetch {
	uint64_t offset; /* in the channel */
	uint32_t bytes;
	uint32_t file;
};

/* An exporter that wants to go on with a transfer; answered when the old connection has let go. */
struct dps_intake_wish {
	struct dps_peer_link *link; /* NULL: nobody asks */
	uint32_t path;
	uint32_t number; /* of the channel */
	uint32_t files;	 /* that the exporter has offered, or would */
	uint64_t at_ns;
};

struct dps_intake {
	struct dps_intake *next; /* in the collector's list */
	struct dps_collect_context *context;
	struct dps_peer_link *link; /* NULL when its connection is gone */
	struct dps_transfer_id id;
	struct dps_handle handle; /* in the registry */
	uint64_t serial;
	char peer[DPS_ENDPOINT_TEXT_BYTES];
	struct dps_peer_standing standing; /* of its exporter: who else may go on with it is none */
	uint32_t path;
	uint32_t number; /* of the channel, as the exporter chose it */
	enum dps_intake_state state;
	bool was_accepted;
	bool was_cancelled;		/* by the exporter: nothing is kept */
	bool is_complete;		/* done was said */
	bool comes_again;		/* put away, for the exporter to go on with at once */
	enum dps_control_code end_code; /* why it did not come to its end */
	char end_text[DPS_MESSAGE_TEXT_BYTES_MAX];

	/* Parked: accepted, and its connection is gone. */
	bool is_parked;
	bool makes_room;  /* for others; it waits no longer */
	bool makes_way;	  /* ... for one of its own exporter, which has forgotten this one */
	bool was_resumed; /* or attached: what is said may have been said before */
	uint64_t parked_at_ns;
	struct dps_intake_wish wish;
	struct dps_intake_refetch *refetches;
	uint32_t refetches_count;
	uint32_t refetches_room;
	struct dps_intake_open *next_again; /* to be announced on this channel, with what follows */

	/* What is offered. */
	struct dps_manifest manifest;
	struct dps_name_table names;
	struct dps_offer_check *checks; /* the first at the examiner, others behind it */
	struct dps_offer_check *last_check;
	bool is_checking;
	atomic_bool must_stop;	 /* writer: control core; asks the examiner to give up */
	uint64_t manifest_bytes; /* our part of the context's */
	uint32_t offered_end;	 /* files below were offered */
	bool has_last;
	uint64_t total_files; /* DPS_NUMBER_NONE until known */
	uint64_t total_bytes;
	uint64_t promised_bytes; /* our part of the context's */
	uint64_t charged_files;	 /* our part of what its key may have here (intake_quota.h) */
	uint64_t charged_bytes;
	uint64_t charged_growth;     /* of that, for the first file while nobody knew its size */
	uint64_t share_window_bytes; /* as the lane was told; 0: it was not */
	uint64_t share_bytes_per_s;
	bool has_grown;	      /* its file had no size when it was offered, and may have one */
	uint64_t grown_bytes; /* of the file that grows: what there is of it by now */
	bool has_part;	      /* it failed, and what came of it was left for who wants it */
	bool is_skip_due;     /* the exporter gave it up: it is opened first, to be left so */
	enum dps_control_code skip_code;
	char skip_text[DPS_MESSAGE_TEXT_BYTES_MAX];

	/* What data come for. */
	struct dps_layout layout;
	uint32_t next_file; /* files below are placed, opened or given up */
	enum dps_intake_channel channel_state;
	uint32_t channel;
	uint32_t generation;
	uint64_t close_channel_at_ns;
	bool is_last_announced;
	struct dps_intake_open *opens; /* in the order they were opened */
	struct dps_intake_open *last_open;
	uint32_t opens_count;
	uint32_t in_lane_count;
	uint32_t lane_fds_count;
	struct dps_file_opening *opening;
	bool is_opening; /* at the worker */

	/* What gets to disk. */
	struct dps_staging_folder folder;
	struct dps_checkpoint checkpoint;
	bool is_checkpointing;
	struct dps_intake_space space;
	/* In the journal. Where there is none, nothing is kept beyond this process. */
	int64_t created_at_s;
	bool is_journalled;		    /* something of it is there */
	bool is_kept;			    /* it leaves, and what came of it stays for later */
	bool is_put_away;		    /* the last checkpoint was made */
	uint32_t new_batches;		    /* of the manifest that are not there */
	struct dps_journal_change *changes; /* of files, for the next commit */
	uint32_t changes_count;
	uint32_t changes_room;
	uint64_t checkpoint_at_ns; /* when the last one began */
	uint64_t dirty_bytes;
	uint32_t ready_count;	  /* whole, or failed and to be dropped */
	uint64_t written;	  /* every byte of the channel below was written */
	uint64_t written_checked; /* ... when the checkpoint under way began */
	uint64_t stored;	  /* what the lane was told */
	uint64_t batch_number;

	/* What was here before. */
	enum dps_intake_search search;
	struct dps_adoption *adoption;	  /* NULL: nothing */
	struct dps_intake_match *matches; /* in no order */
	uint32_t matches_count;
	uint32_t matches_room;
	uint32_t agreed_count;
	bool must_reconnect; /* what the exporter was told is not so */
	uint64_t files_adopted;
	uint64_t bytes_adopted;
	uint64_t files_begun_over; /* what was here was not of them */

	/* How it goes. */
	uint32_t held_count;  /* files of which the exporter is to say whether they are the same */
	bool is_peer_blocked; /* the exporter says that it waits for something */
	uint64_t heard_at_ns; /* a message of the exporter */
	uint64_t contiguous;  /* of the channel, as the lane was asked last */
	struct dps_vitals vitals;
	enum dps_watchdog_verdict verdict; /* as of the last tick, and the one before it */
	enum dps_watchdog_verdict verdict_before;
	uint64_t started_at_ns;
	uint64_t ended_at_ns;
	struct dps_lane_marks lanes_at_start;
	uint64_t files_stored;
	uint64_t files_same;
	uint64_t files_failed;
	uint64_t bytes_received; /* whole pieces, verified */
	uint64_t bytes_stored;	 /* or there already */
	uint64_t bytes_same;
	uint64_t bytes_before; /* came in an earlier run */
	char first_failure[DPS_MESSAGE_TEXT_BYTES_MAX];
};

/* ---- its life: intake.c ---- */

/* NULL without memory. The link is borrowed until dps_intake_lose_link(). */
struct dps_intake *dps_intake_create(struct dps_collect_context *context,
				     struct dps_peer_link *link, uint32_t path,
				     const struct dps_message_offer *offer, uint64_t now_ns);

/* Only when it is gone. */
void dps_intake_destroy(struct dps_intake *intake);

/*
 * What the exporter says of this transfer. NULL, or what is wrong with it in a sentence: then the
 * connection ends with `protocol`.
 */
const char *dps_intake_on_message(struct dps_intake *intake, const struct dps_message *message,
				  uint64_t now_ns);

/* Goes as far as it can. Call once a turn. */
void dps_intake_step(struct dps_intake *intake, uint64_t now_ns);
uint64_t dps_intake_deadline_ns(const struct dps_intake *intake);

/* Gives it up; the exporter is told (cancel, or refuse when nothing was accepted yet). */
void dps_intake_cancel(struct dps_intake *intake, enum dps_control_code code, const char *text,
		       uint64_t now_ns);

/* The control connection is gone, or not to be used any more: what was accepted is parked. */
void dps_intake_lose_link(struct dps_intake *intake, enum dps_control_code code, const char *why,
			  uint64_t now_ns);

/*
 * The control connection is gone and the path goes on: data are taken as before, and what is said
 * goes nowhere until another link is attached. The old link is still lent until then.
 */
void dps_intake_lose_control(struct dps_intake *intake, const char *why);
void dps_intake_attach(struct dps_intake *intake, struct dps_peer_link *link, uint64_t now_ns);
/* Says once more all that the exporter may not have heard, and where it is. */
void dps_intake_say_attached(struct dps_intake *intake, uint64_t now_ns);

/* Whether it came to its end with every file stored, or there already. */
bool dps_intake_is_stored(const struct dps_intake *intake);

/*
 * One that only the journal knows, for an exporter that wants to go on with it: it is read, and
 * then parked.
 */
struct dps_intake *dps_intake_load(struct dps_collect_context *context,
				   const struct dps_transfer_id *id,
				   const struct dps_intake_wish *wish, uint64_t now_ns);

/*
 * An exporter wants to go on with it; the link is borrowed as in dps_intake_create. It must be
 * parked, or just being loaded, with nobody else asking. The exporter is answered, or refused, in a
 * later step.
 */
void dps_intake_wish(struct dps_intake *intake, const struct dps_intake_wish *wish);

/* How many bytes are kept of it: they need not come again. */
uint64_t dps_intake_kept_bytes(const struct dps_intake *intake);

/* ---- for the files that make it up ---- */

void dps_intake_say(struct dps_intake *intake, const struct dps_message *message);

/*
 * Ends without its goal; what was said to the exporter about it, its caller said. What was accepted
 * is kept in the journal and the staging folder, unless it was the exporter that gave it up.
 */
void dps_intake_leave(struct dps_intake *intake, enum dps_control_code code, const char *text,
		      uint64_t now_ns);

/* An error of the file system as messages name it. */
enum dps_control_code dps_intake_code_of(int error);
void dps_intake_release_promise(struct dps_intake *intake, uint64_t bytes);

/* The end of a file that cannot be stored; says so to the exporter and to the user. */
void dps_intake_fail_file(struct dps_intake *intake, uint32_t file, enum dps_control_code code,
			  const char *text);
/* The same without a word to the exporter, who said it. */
void dps_intake_give_up_file(struct dps_intake *intake, uint32_t file, enum dps_control_code code,
			     const char *text);
/* The disk or its file system failed for one file: the file's end, or the transfer's if it is full.
 */
void dps_intake_fail_disk(struct dps_intake *intake, uint32_t file, int error, uint64_t now_ns);
/* A file is under its name, or was already. digest may be NULL. */
void dps_intake_settle_file(struct dps_intake *intake, uint32_t file, enum dps_manifest_state state,
			    const struct dps_digest *digest);

/* One that is LOADING, with nothing, for who is at the link; NULL without memory. */
struct dps_intake *dps_intake_make(struct dps_collect_context *context,
				   const struct dps_transfer_id *id,
				   const struct dps_peer_link *link, uint64_t now_ns);

/* Whose it is, as the journal has it. */
void dps_intake_format_owner(const struct dps_intake *intake, char owner[DPS_TRANSFER_OWNER_BYTES]);

/* It came to its end; without an exporter, all the same. */
void dps_intake_complete(struct dps_intake *intake, uint64_t now_ns);
void dps_intake_say_done(struct dps_intake *intake);
bool dps_intake_has_everything(const struct dps_intake *intake);

void dps_intake_promise(struct dps_intake *intake, uint64_t bytes);
void dps_intake_count_memory(struct dps_intake *intake, uint64_t bytes);

/* intake_journal.c */
/* What became of a file; index, state and what belongs to it. */
void dps_intake_note_change(struct dps_intake *intake, const struct dps_journal_change *change);
/* What the next commit is about; taken, and after it given up or taken back. */
void dps_intake_fill_journal(struct dps_intake *intake, struct dps_checkpoint *checkpoint);
void dps_intake_on_journalled(struct dps_intake *intake, struct dps_checkpoint *checkpoint);

/* intake_adopt.c */
/* Looks for what is here of its files, before the first offer is checked. */
void dps_intake_step_search(struct dps_intake *intake, uint64_t now_ns);
uint64_t dps_intake_search_deadline_ns(const struct dps_intake *intake);
/* Notes which of the files may be here in part; before they are checked. */
void dps_intake_match(struct dps_intake *intake, struct dps_offer_check *check);
/* Asks about those that are neither refused nor there as a whole. */
void dps_intake_ask_partial(struct dps_intake *intake, struct dps_offer_check *check);
bool dps_intake_is_asked_about(const struct dps_intake *intake, uint32_t file);
/* False: that was not asked. */
bool dps_intake_on_match_answered(struct dps_intake *intake, uint32_t file, bool is_same);
/* Those that nobody has answered, over another connection. */
void dps_intake_ask_again(struct dps_intake *intake);
/* The connection is gone: nobody will answer. */
void dps_intake_drop_asked(struct dps_intake *intake);
void dps_intake_fill_moves(struct dps_intake *intake, struct dps_checkpoint *checkpoint);
void dps_intake_on_moved(struct dps_intake *intake, struct dps_checkpoint *checkpoint);
/* Lets go of what nobody adopts. */
void dps_intake_end_adoption(struct dps_intake *intake);
/* Its digest is another than the exporter's, and its first pieces were not sent to this life. */
void dps_intake_begin_over(struct dps_intake_open *open);
/* Ends the connection so that the exporter hears anew what is here. */
void dps_intake_reconnect(struct dps_intake *intake, uint64_t now_ns);

/* intake_park.c */
void dps_intake_step_parked(struct dps_intake *intake, uint64_t now_ns);
uint64_t dps_intake_parked_deadline_ns(const struct dps_intake *intake);

/* intake_attach.c */
void dps_intake_note_refetch(struct dps_intake *intake, const struct dps_event *event);
/* It came, or nobody waits for it. */
void dps_intake_forget_refetch(struct dps_intake *intake, uint64_t offset);
void dps_intake_say_refetch(struct dps_intake *intake, uint64_t offset, uint32_t bytes);

/* intake_resume.c */
/* What became of files that ended, and which are still to be compared. */
void dps_intake_say_settled(struct dps_intake *intake);
void dps_intake_refuse_wish(struct dps_intake *intake, enum dps_control_code code,
			    const char *text);
void dps_intake_resume(struct dps_intake *intake, uint64_t now_ns);
/* Announces files that were open before; false when some have to wait. */
bool dps_intake_announce_again(struct dps_intake *intake);

/* intake_offer.c */
void dps_intake_push_check(struct dps_intake *intake);
void dps_intake_drop_checks(struct dps_intake *intake);
/* How many files the examiner is at. */
uint32_t dps_intake_checked_files(const struct dps_intake *intake);
const char *dps_intake_offer(struct dps_intake *intake, const struct dps_message_offer *offer,
			     bool is_first, uint64_t now_ns);
const char *dps_intake_on_last(struct dps_intake *intake, const struct dps_message_totals *last);
const char *dps_intake_on_same(struct dps_intake *intake, const struct dps_message_ranges *ranges,
			       bool is_same, uint64_t now_ns);

/* intake_flow.c */
void dps_intake_flow(struct dps_intake *intake, uint64_t now_ns);
/* Whether the lane may be told of so many more files. */
bool dps_intake_has_lane_room(const struct dps_intake *intake, uint32_t count);
void dps_intake_free_open(struct dps_intake_open *open);

/* intake_grow.c */
/*
 * Whether its only file comes as it grows. Others without a size wait for it: a file's place
 * depends on those before.
 */
bool dps_intake_is_growing(const struct dps_intake *intake);
const char *dps_intake_on_file_more(struct dps_intake *intake,
				    const struct dps_message_file_size *more, uint64_t now_ns);
const char *dps_intake_on_file_end(struct dps_intake *intake,
				   const struct dps_message_file_size *end, uint64_t now_ns);
/* Announces what there is of a file, and is not announced. */
void dps_intake_announce_more(struct dps_intake_open *open);
/* Whether all that there is of it by now has come, and it is not its end. */
bool dps_intake_waits_for_source(const struct dps_intake *intake);
/*
 * Whether what came of a file that failed, or was given up, stays in the staging folder: of one
 * that grows, since it may be nowhere else.
 */
bool dps_intake_keeps_part(const struct dps_intake_open *open);
/*
 * The exporter gives it up, and what came of it is not open: true when it waits for that, since
 * only what is open can be cut to what came.
 */
bool dps_intake_skips_later(struct dps_intake *intake, const struct dps_message_file_error *skip);
/* It is open now. */
void dps_intake_skip_late(struct dps_intake_open *open);
/* "; what came of it stays in ...", or "" when nothing does. Returns text. */
const char *dps_intake_say_part(const struct dps_intake *intake, char *text, size_t room);

/* Tells the exporter what it need not keep any more of a file that grows. */
void dps_intake_say_held(struct dps_intake_open *open, uint64_t bytes);

/* intake_files.c */
const char *dps_intake_on_digest(struct dps_intake *intake, const struct dps_message_items *digest);
const char *dps_intake_on_skip(struct dps_intake *intake,
			       const struct dps_message_file_error *skip);
/* Nothing is awaited of it any more, perhaps: then it is ready. */
void dps_intake_settle_open(struct dps_intake_open *open);

/* intake_lane.c */
void dps_intake_open_channel(struct dps_intake *intake);
void dps_intake_close_channel(struct dps_intake *intake);
void dps_intake_on_channel_opened(struct dps_intake *intake, const struct dps_lane_event *event,
				  uint64_t now_ns);
/*
 * A file up to this end, from the first byte on that is not there, nor announced; and all are
 * announced, if they are.
 */
void dps_intake_announce(struct dps_intake_open *open, uint64_t end_bytes);
void dps_intake_announce_last(struct dps_intake *intake);
/* The rest of a file will not be kept. */
void dps_intake_skip_open(struct dps_intake_open *open);
void dps_intake_on_event(struct dps_intake *intake, const struct dps_event *event, uint64_t now_ns);
/* The lane is done with the descriptor; error is not 0 when it never took it. */
void dps_intake_on_fd_back(struct dps_intake_open *open, int error, uint64_t now_ns);
/* Nothing will be read or written any more for so many of its stretches. */
void dps_intake_leave_lane(struct dps_intake_open *open, uint32_t count);

/* intake_store.c */
void dps_intake_store(struct dps_intake *intake, uint64_t now_ns);
/* Whether a checkpoint would find something to do. */
bool dps_intake_has_unstored(const struct dps_intake *intake);
/* Closes and removes what is staged; true when nothing is left. */
bool dps_intake_clean_up(struct dps_intake *intake, uint64_t now_ns);
uint64_t dps_intake_store_deadline_ns(const struct dps_intake *intake);
