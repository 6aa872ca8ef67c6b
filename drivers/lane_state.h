/* SPDX-License-Identifier: BSD-3-Clause */
/* Lane state: what a lane holds, for the files that make it up (lane.c, lane_commands.c). */
#pragma once
#include "drivers/lane.h"
#include "engine/sequence.h"

enum {
	DPS_LANE_IOS = 512,	     /* reads and writes under way */
	DPS_LANE_FILES = 4096,	     /* open files: the disk's names are below this */
	DPS_LANE_RESERVED_PATHS = 4, /* connection ids made ahead */
	DPS_LANE_OUTBOX_SPARE = 4,   /* events one step may add beyond the engine's */
	DPS_LANE_PATH_BITS = 16,     /* of a path's name: its index; above them its life */
	DPS_LANE_PATH_LIVES = 1 << 15,
};

#define DPS_LANE_NO_REMOTE UINT32_MAX

/* A read or write that the disk has. */
struct dps_lane_io {
	uint64_t tag; /* the engine's */
	uint8_t *memory;
	uint32_t bytes;
	uint32_t next_free;
	bool is_write;
};

/* A file that the disk has a name for. */
struct dps_lane_file {
	int32_t fd;
	uint32_t channel;
	bool is_open;
	bool is_closing; /* its channel is gone; the disk may still be at it */
};

/* What the lane knows of a path of the engine. */
struct dps_lane_path {
	uint32_t remote;       /* the port's name, to be given back; DPS_LANE_NO_REMOTE for none */
	struct dps_seal *seal; /* with keys; NULL: the lane's */
	uint32_t life;	       /* how often it was reserved: an older name of it is nobody's */
	bool is_retiring; /* closed or lost; the remote goes when no packet bears it any more */
};

struct dps_lane_reservation {
	uint64_t connection_id;
	uint32_t path;
};

struct dps_lane {
	struct dps_lane_config config;
	struct dps_engine *engine;
	uint64_t now_ns;

	/* What was emitted and the port has not taken yet: nothing more is emitted until it has. */
	struct dps_outgoing outgoing[DPS_PORT_BURST];
	unsigned int outgoing_first;
	unsigned int outgoing_sealed; /* those from here on wait for room to be sealed into */
	unsigned int outgoing_count;

	uint32_t *free_rooms; /* a stack */
	uint32_t free_rooms_count;
	uint32_t sealed_count; /* paths that have a seal with keys */

	struct dps_disk_request requests[DPS_DISK_BURST];
	unsigned int requests_first;
	unsigned int requests_count;
	struct dps_lane_io ios[DPS_LANE_IOS];
	uint32_t free_io;
	uint32_t free_ios_count;

	struct dps_lane_file files[DPS_LANE_FILES];
	uint32_t closing_count;
	uint32_t *channel_paths;     /* the engine's, by channel */
	struct dps_lane_path *paths; /* by the engine's index */
	uint32_t retiring_count;     /* of the paths */
	bool has_passed_all;	     /* the engine has no event that was not said */

	struct dps_mailbox commands;	 /* from the control core */
	struct dps_mailbox events;	 /* to the control core */
	struct dps_mailbox reservations; /* to the control core */
	void (*ring)(void *context);
	void *ring_context;
	uint64_t rung_at_ns;
	bool is_ring_due;
	bool is_ring_pressing; /* not for pieces alone */
	bool is_link_up;
	bool is_stopping;

	struct dps_lane_meter meter;
	uint64_t metered_received_packets; /* of data, at the last step that was metered */
	uint64_t metered_sent_packets;
	struct dps_lane_snapshot snapshot; /* the lane's own */
	uint64_t published_at_ns;
	struct dps_sequence published_sequence;
	_Atomic uint64_t published[(sizeof(struct dps_lane_snapshot) + 7) / 8]; /* writer: lane */
};

/* Puts an event into the outbox, for which there is room. */
void dps_lane_say(struct dps_lane *lane, const struct dps_lane_event *event);

/* The steps of a turn after which the meter is read. */
enum dps_lane_step {
	DPS_LANE_BEGAN,
	DPS_LANE_COMMANDED,
	DPS_LANE_RECEIVED,
	DPS_LANE_REAPED,
	DPS_LANE_SENT,
	DPS_LANE_SUBMITTED,
};

/* While it is metered: books the time since the last step that had work. */
void dps_lane_meter_step(struct dps_lane *lane, enum dps_lane_step step, unsigned int work);

/* Shows others how things are. */
void dps_lane_publish(struct dps_lane *lane);

/* ---- lane_seal.c ---- */

/* False without memory. */
bool dps_lane_init_rooms(struct dps_lane *lane);

/* The port is done with so many bodies in what a token stands for: a slot, or a room. */
void dps_lane_give_back(struct dps_lane *lane, uint32_t token, uint32_t count);

/*
 * Seals what was emitted and is not sealed yet, as far as there is room; slots that were sealed
 * from are the engine's again. Each is sealed once, however often it is offered.
 */
void dps_lane_seal_burst(struct dps_lane *lane);

/* What was emitted and not taken will not be sent. */
void dps_lane_drop_unsent(struct dps_lane *lane);

struct dps_seal *dps_lane_seal_of(const struct dps_lane *lane, uint32_t path);

/* Takes a path's seal, for which the lane has rooms; NULL: nothing to do. */
void dps_lane_take_seal(struct dps_lane *lane, uint32_t path, struct dps_seal *seal);

/* The path has said its last word: its keys go. */
void dps_lane_drop_seal(struct dps_lane *lane, uint32_t path);

/* The name of a path of the engine, as others call it. */
uint32_t dps_lane_path_name(const struct dps_lane *lane, uint32_t index);

/* Gives back what the port calls by a name that no packet will bear any more. */
void dps_lane_release_remotes(struct dps_lane *lane);

/* Takes commands in as long as their answers have room; returns how many. */
unsigned int dps_lane_do_commands(struct dps_lane *lane);

/* The disk's name of a file is not used any more: says FILE_CLOSED. */
void dps_lane_close_file(struct dps_lane *lane, uint32_t file);

/* All files of a path's channels, or of one channel: closed when the disk is done. */
void dps_lane_abandon_channel(struct dps_lane *lane, uint32_t channel);
void dps_lane_abandon_path(struct dps_lane *lane, uint32_t index);
