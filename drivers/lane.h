/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lane: one polling core's loop over one engine, one port and one disk. The same code runs on
 * real ports and under the simulator: it turns on three small interfaces and reads one clock.
 *
 * Owner: the thread that turns it. Others reach it through the mailbox (one sender) and the
 * outbox (one reader), and by reading its published snapshot.
 */
#pragma once
#include "drivers/clock.h"
#include "drivers/disk.h"
#include "drivers/lane_cycles.h"
#include "drivers/mailbox.h"
#include "drivers/port.h"
#include "drivers/seal/seal.h"
#include <dps/engine.h>
#include <stdatomic.h>

enum dps_lane_command_type {
	DPS_COMMAND_OPEN_PATH = 1, /* address, path config (remote is filled in by the lane) */
	DPS_COMMAND_CLOSE_PATH,
	DPS_COMMAND_WATCH_PATH, /* value: 1 the path is alone, its control connection lost; 0 not
				 */
	DPS_COMMAND_OPEN_CHANNEL,
	DPS_COMMAND_CLOSE_CHANNEL,
	DPS_COMMAND_SET_SHARE, /* share: of a receiver */
	DPS_COMMAND_ANNOUNCE,  /* extent; fd and is_direct name the file to the disk */
	DPS_COMMAND_ANNOUNCE_LAST,
	DPS_COMMAND_SKIP,
	DPS_COMMAND_STORED,
	DPS_COMMAND_WRITE_AGAIN, /* what found no space */
	DPS_COMMAND_LOOK,	 /* is answered by CHANNEL_STATE */
	DPS_COMMAND_RESEND,
	DPS_COMMAND_STOP, /* closes every path with value as reason; turns then find nothing to do
			   */
};

/* To a lane. Fields that a type does not name are not looked at. */
struct dps_lane_command {
	uint8_t type;
	bool is_direct; /* ANNOUNCE, RESEND: the descriptor was opened with O_DIRECT */
	int32_t fd;	/* ANNOUNCE, RESEND: stays open until FILE_CLOSED says so; -1 for none */
	uint32_t path;	/* from dps_lane_reserve_path; one that was lost meanwhile is left alone */
	uint32_t channel; /* index and generation from CHANNEL_OPENED: a younger channel with the */
	uint32_t generation; /* same index is left alone */
	uint32_t file_index;
	uint32_t value;	 /* CLOSE_PATH, STOP: enum dps_close_reason; WATCH_PATH: 0 or 1 */
	uint64_t offset; /* SKIP, STORED; RESEND: offset within the file */
	uint64_t cookie; /* OPEN_CHANNEL: comes back in CHANNEL_OPENED */
	union {
		struct {
			struct dps_path_config config;
			struct dps_address address;
			/* With keys, of this path alone; taken. NULL: the lane's, without. */
			struct dps_seal *seal;
		} open_path;
		struct dps_channel_config open_channel;
		struct {
			uint64_t window_bytes;
			uint64_t bytes_per_s; /* 0: as fast as it can */
		} share;
		struct dps_extent_config extent; /* extent.file is filled in by the lane */
	};
};

enum dps_lane_event_type {
	DPS_LANE_ENGINE = 1,	 /* what the engine said */
	DPS_LANE_CHANNEL_OPENED, /* engine.channel, engine.generation, cookie; or engine.error */
	DPS_LANE_PATH_FAILED, /* OPEN_PATH could not be done: engine.path, engine.error = -errno */
	DPS_LANE_CHANNEL_STATE, /* engine.channel, engine.generation; engine.offset = contiguous */
	DPS_LANE_FILE_CLOSED,	/* the lane is done with fd */
	DPS_LANE_REFUSED, /* ANNOUNCE or RESEND could not be done: engine.error, engine.file_index
			   */
	DPS_LANE_LINK,	  /* the port's link changed; engine.error = 1 up, 0 down */
	DPS_LANE_STOPPED,
};

struct dps_lane_event {
	uint8_t type;
	int32_t fd;
	uint64_t cookie;
	struct dps_event engine;
};

/* What anyone may read while the lane runs; published about every millisecond. */
struct dps_lane_snapshot {
	struct dps_engine_counters engine;
	struct dps_port_counters port;
	struct dps_disk_counters disk;
	uint64_t turns;
	uint64_t idle_turns;
	struct dps_lane_cycles cycles; /* of the periods that were metered */
	uint64_t metered_packets;      /* of data, sent or received in them */
	uint64_t slots;
	uint64_t free_slots;
	uint64_t free_slots_low; /* when there were least */
	struct dps_port_pool pools[DPS_PORT_POOLS_COUNT];
	uint64_t now_ns;
	uint64_t is_link_up;
	struct dps_path_state path;	  /* of the lowest open path */
	struct dps_channel_state channel; /* of the lowest open channel */
};

struct dps_lane;

struct dps_lane_config {
	struct dps_limits limits;
	struct dps_port *port;
	struct dps_disk *disk;
	struct dps_clock *clock;
	struct dps_seal *seal; /* of paths that have none of their own */
	uint8_t *slots;	       /* limits.slots * limits.chunk_bytes, known to port and disk */
	/*
	 * Where sealed bodies lie until the port has sent them; 0 and NULL: no path has keys, or
	 * the port has rooms of its own (reserve).
	 */
	uint8_t *rooms; /* rooms_count * room_bytes, known to the port */
	uint32_t rooms_count;
	uint32_t room_bytes; /* of the largest body */
	uint64_t seed;
	uint32_t index;
	uint32_t commands; /* mailbox room, a power of two */
	uint32_t events;   /* outbox room, a power of two */
};

/* Owns its memory. NULL when there is not enough. */
struct dps_lane *dps_lane_create(const struct dps_lane_config *config);
void dps_lane_destroy(struct dps_lane *lane);

/* One turn: take in what happened, then do what the engine asks. Never blocks; returns the work
 * done. */
unsigned int dps_lane_turn(struct dps_lane *lane);

/* When the next turn has something to do without anything arriving. For the lane's thread. */
uint64_t dps_lane_next_deadline_ns(const struct dps_lane *lane);

/*
 * A name for a path (of commands and events, not used again soon) and the connection id to give to
 * the peer; taken ahead of time by the lane, so that the control core does not wait for it.
 * Errors: -EAGAIN. Control core only.
 */
int dps_lane_reserve_path(struct dps_lane *lane, uint64_t *connection_id);

/* Sends a command; false when the mailbox is full. Control core only. */
bool dps_lane_command(struct dps_lane *lane, const struct dps_lane_command *command);

/* Takes events, at most room. Control core only. */
unsigned int dps_lane_take_events(struct dps_lane *lane, struct dps_lane_event *events,
				  unsigned int room);

/* A consistent copy of the last published snapshot. Any thread. */
void dps_lane_read_snapshot(struct dps_lane *lane, struct dps_lane_snapshot *snapshot);

/*
 * Called by the lane when there are events in the outbox, to ring the reader's bell: 200 us after
 * the last time at the soonest, and 2 ms after it when they are pieces alone and the outbox is not
 * half full.
 */
void dps_lane_set_bell(struct dps_lane *lane, void (*ring)(void *context), void *context);
