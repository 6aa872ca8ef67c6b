/* SPDX-License-Identifier: BSD-3-Clause */
/* Rig internal: what the rig's files ask of each other. */
#pragma once
#include "tests/sim/rig.h"

enum rig_message_type {
	RIG_MESSAGE_OPEN,    /* a channel */
	RIG_MESSAGE_SKIP,    /* the rest of a file, from an offset of the channel on */
	RIG_MESSAGE_GIVE_UP, /* the same, as this end's own wish */
	RIG_MESSAGE_CANCEL,  /* a transfer */
	RIG_MESSAGE_RESEND,  /* a piece of a file */
	RIG_MESSAGE_RETRY,   /* the first piece in the transfer's queue, once more */
};

/* What one end tells the other over the control connection, or itself a little later. */
struct rig_message {
	enum rig_message_type type;
	unsigned int transfer;
	unsigned int end; /* that gets it */
	uint32_t file;
	uint32_t bytes;
	uint64_t offset;
};

/* ---- rig_control.c ---- */
void rig_control_run(struct dps_sim_node *node, uint64_t now_ns);
struct rig_host *rig_host_of(struct rig *rig, const struct rig_transfer *transfer,
			     unsigned int end);
void rig_command(struct rig_host *host, const struct dps_lane_command *command);
/* Over the control connection, which is slow but keeps its order. */
void rig_tell(struct rig *rig, const struct rig_message *message);
void rig_tell_later(struct rig *rig, const struct rig_message *message, uint64_t delay_ns);
void rig_announce_more(struct rig *rig, struct rig_transfer *transfer, unsigned int end);
/* Closes a transfer's channel at one end, now or as soon as it is open. */
void rig_close(struct rig *rig, struct rig_transfer *transfer, unsigned int end);
/* Stops every lane; what they say of lost paths from now on is no failure. */
void rig_stop(struct rig *rig);

/* ---- rig_events.c ---- */
void rig_take_events(struct rig *rig, struct rig_host *host);
/* An end gives up the rest of a file, from an offset of the channel on, and tells the other. */
void rig_skip_everywhere(struct rig *rig, struct rig_transfer *transfer, unsigned int end,
			 uint32_t index, uint64_t from_offset);

/* ---- rig_store.c ---- */
/* Starts a checkpoint of every transfer when it is time. */
void rig_advance_checkpoints(struct rig *rig, uint64_t now_ns);
