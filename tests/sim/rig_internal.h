/* SPDX-License-Identifier: BSD-3-Clause */
/* Rig internal: what the rig's files ask of each other. */
#pragma once
#include "tests/sim/rig.h"

enum rig_message_type {
	RIG_MESSAGE_OPEN,	 /* a channel */
	RIG_MESSAGE_SKIP,	 /* the rest of a file, from an offset of the channel on */
	RIG_MESSAGE_GIVE_UP,	 /* the same, as this end's own wish */
	RIG_MESSAGE_CANCEL,	 /* a transfer */
	RIG_MESSAGE_RESEND,	 /* a piece of a file */
	RIG_MESSAGE_RETRY,	 /* the first piece in the transfer's queue, once more */
	RIG_MESSAGE_WRITE_AGAIN, /* what found no space */
	RIG_MESSAGE_DIAL,
	RIG_MESSAGE_LOST, /* an end notices that its connection is gone */
	RIG_MESSAGE_HELLO,
	RIG_MESSAGE_RESUME,
	RIG_MESSAGE_RESUMED,
	RIG_MESSAGE_ATTACH,
	RIG_MESSAGE_ATTACHED,
	RIG_MESSAGE_REFUSED, /* to attach */
	RIG_MESSAGE_STORED,
	RIG_MESSAGE_MORE, /* of a live source, so much by now */
	RIG_MESSAGE_HELD, /* ... is on disk */
	RIG_MESSAGE_OUT,  /* ... below is not there any more */
	RIG_MESSAGE_DONE,
	RIG_MESSAGE_STEP, /* the store has done what it was at */
};

/* What one end tells the other over the control connection, or itself a little later. */
struct rig_message {
	enum rig_message_type type;
	unsigned int transfer;
	unsigned int end; /* that gets it */
	uint32_t file;
	uint32_t bytes;
	uint64_t offset;
	unsigned int path;   /* of DIAL ... ATTACH ...; of others it is the transfer's */
	uint32_t connection; /* that carries it, or is lost; 0 for what an end tells itself */
	/* RETRY: of the sender; WRITE_AGAIN: of the receiver; STEP: the round; ATTACH: the epoch */
	uint32_t life;
};

/* ---- rig_control.c ---- */
void rig_control_run(struct dps_sim_node *node, uint64_t now_ns);
struct rig_host *rig_host_of(struct rig *rig, const struct rig_transfer *transfer,
			     unsigned int end);
void rig_command(struct rig_host *host, const struct dps_lane_command *command);
/* Over the control connection, which is slow but keeps its order; lost when there is none. */
void rig_tell(struct rig *rig, const struct rig_message *message);
void rig_tell_later(struct rig *rig, const struct rig_message *message, uint64_t delay_ns);
void rig_announce_more(struct rig *rig, struct rig_transfer *transfer, unsigned int end);
/* Closes a transfer's channel at one end, now or as soon as it is open. */
void rig_close(struct rig *rig, struct rig_transfer *transfer, unsigned int end);
void rig_open_channel(struct rig *rig, struct rig_transfer *transfer, unsigned int end);
/* Opens what an end has reserved, to the id that the other end has told. */
void rig_open_path(struct rig *rig, struct rig_path *path, unsigned int end);
/* Has the new path watched by what must hold of every run. */
void rig_check_path(struct rig *rig, struct rig_path *path);
bool rig_reserve_path(struct rig *rig, struct rig_path *path, unsigned int end);
/* Stops every lane; what they say of lost paths from now on is no failure. */
void rig_stop(struct rig *rig);

/* ---- rig_events.c ---- */
void rig_take_events(struct rig *rig, struct rig_host *host);
/* An end gives up the rest of a file, from an offset of the channel on, and tells the other. */
void rig_skip_everywhere(struct rig *rig, struct rig_transfer *transfer, unsigned int end,
			 uint32_t index, uint64_t from_offset);

/* ---- rig_link.c ---- */
void rig_advance_link(struct rig *rig, struct rig_path *path);
void rig_advance_resume(struct rig *rig, struct rig_transfer *transfer);
/* The exporter says once more which files it gave up: the collector may not have heard it. */
void rig_tell_skips(struct rig *rig, struct rig_transfer *transfer);
void rig_on_link_message(struct rig *rig, const struct rig_message *message);
/* The end's path is gone, and it lets go of the connection too. */
void rig_on_path_lost(struct rig *rig, struct rig_path *path, unsigned int end);
/* An end forgets connection and path; transfers wait. */
void rig_unlink(struct rig *rig, struct rig_path *path, unsigned int end, bool is_path_there);
void rig_dial_later(struct rig *rig, struct rig_path *path, uint64_t delay_ns);

/* ---- rig_attach.c ---- */
/* An end has noticed that its connection is gone; false when its path goes with it. */
bool rig_detach(struct rig *rig, struct rig_path *path, unsigned int end);
/* End 0 asks for its path on the connection that it has just made. */
void rig_attach(struct rig *rig, struct rig_path *path);
void rig_on_attach_message(struct rig *rig, const struct rig_message *message);
/* The path is not to be had: end 0 goes on as if it had just dialled. */
void rig_resume_instead(struct rig *rig, struct rig_path *path, bool is_path_there);

/* ---- rig_fault.c ---- */
void rig_strike(struct rig *rig);
/* Looks at data on the wire: what is durable is not sent again. */
void rig_watch_data(struct rig *rig, unsigned int direction, const uint8_t *bytes, uint32_t length);
uint32_t rig_file_at(const struct rig_transfer *transfer, uint64_t offset);
void rig_create_lane(struct rig *rig, struct rig_host *host);

/* ---- rig_journal.c ---- */
void rig_journal_init_file(struct rig_file *file, uint32_t chunk_bytes);
void rig_journal_fini_file(struct rig_file *file);
void rig_journal_on_piece(struct rig_transfer *transfer, unsigned int end,
			  const struct dps_event *event);
/* Of a stripe: whether the piece is one of its own, and whether it has all of those below. */
bool rig_is_own_piece(const struct rig_transfer *transfer, const struct rig_file *file,
		      uint32_t piece);
bool rig_has_own_pieces(const struct rig_transfer *transfer, const struct rig_file *file,
			const struct dps_ranges *ranges, uint64_t below);
/* Counts the first pieces that are written, or another stripe's. */
void rig_journal_lead(const struct rig_transfer *transfer, struct rig_file *file);
bool rig_is_complete(const struct rig_file *file);
bool rig_is_settled(const struct rig_file *file);
/* The collector decides where each file goes on, and drops what it has behind that. */
void rig_journal_go_on(struct rig *rig, struct rig_transfer *transfer);
/* An end's process is dead: what it had only in memory is gone. */
void rig_journal_forget(struct rig *rig, struct rig_transfer *transfer, unsigned int end);
/* At the end: what each piece of a whole file has is known at both ends, and the same. */
void rig_journal_check(struct rig *rig, const struct rig_transfer *transfer,
		       const struct rig_file *file);

/* ---- rig_live.c ---- */
void rig_live_announce(struct rig *rig, struct rig_transfer *transfer, unsigned int end);
void rig_live_on_stretch_done(struct rig *rig, struct rig_transfer *transfer, unsigned int end);
/* Reads what has come meanwhile. */
void rig_live_advance(struct rig *rig, struct rig_transfer *transfer);
void rig_live_say_held(struct rig *rig, struct rig_transfer *transfer);
void rig_live_say_again(struct rig *rig, struct rig_transfer *transfer, unsigned int end);
void rig_live_on_message(struct rig *rig, const struct rig_message *message);
/* Looks at data on the wire: it has come, and its first sending is of what is still there. */
void rig_live_watch(struct rig *rig, const struct rig_transfer *transfer, uint64_t offset,
		    uint64_t end, bool is_resent);

/* ---- rig_store.c ---- */
void rig_on_step(struct rig *rig, struct rig_transfer *transfer, uint32_t round);
/* The collector dies: what was under way has happened, or not. */
void rig_store_kill(struct rig *rig, struct rig_transfer *transfer);
void rig_finish_when_settled(struct rig *rig, struct rig_transfer *transfer);
/* Starts a checkpoint of every transfer when it is time. */
void rig_advance_checkpoints(struct rig *rig, uint64_t now_ns);
