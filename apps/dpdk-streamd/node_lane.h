/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Node lane: one lane of a process with its disk, its slots, its thread, and the commands that wait
 * for room in its mailbox. Its paths and channels have names that say which lane they are of.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/options.h"
#include "drivers/discard/discard.h"
#include "drivers/lane.h"
#include "drivers/lane_loop.h"
#include "drivers/live/live.h"
#include <pthread.h>

enum dps_node_lane_limits {
	DPS_NODE_LANES_MAX = 16,
	DPS_NODE_LANE_ROOMS_BYTES = 4 << 20, /* for what is encrypted and not yet sent */
	/* A path's name: the lane's own, whose index stays below 4096, and the lane above that. */
	DPS_NODE_PATH_LANE_SHIFT = 12,
	/* A channel's: its index, and the lane. */
	DPS_NODE_CHANNEL_LANE_SHIFT = 24,
};

struct dps_node_lane_config {
	const struct dps_options *options;
	struct dps_limits limits;
	struct dps_port *port; /* borrowed */
	struct dps_clock *clock;
	uint32_t index;
	const struct dps_live_input *input; /* the first lane's; its fd is taken, -1: none */
	void (*ring)(void *context);	    /* there is something to hear */
	void *ring_context;
};

/* A path that was reserved, and not closed or lost. */
struct dps_node_path {
	uint64_t connection_id;
	uint32_t name;	   /* the lane's */
	uint16_t udp_port; /* ours, where its packets come to */
};

struct dps_node_lane {
	struct dps_port *port;
	struct dps_disk *disk;
	struct dps_live *live; /* what the disk reads from; NULL but for a live source */
	struct dps_seal seal;
	struct dps_lane *lane;
	struct dps_lane_loop loop;
	pthread_t thread;
	uint32_t index;
	bool is_on_lcore;
	bool has_thread;
	bool is_stopped;

	struct dps_node_path *paths;
	uint32_t paths_count;
	uint32_t paths_room;

	struct dps_lane_command *backlog; /* what the mailbox had no room for, in order */
	size_t backlog_first;
	size_t backlog_count;
	size_t backlog_room;
};

/* Returns 0, or -errno with a sentence in why. */
int dps_node_lane_create(struct dps_node_lane *self, const struct dps_node_lane_config *config,
			 char *why, size_t why_bytes);
/* It runs on an lcore of EAL, or on a thread of its own. Returns 0 or -errno. */
int dps_node_lane_launch(struct dps_node_lane *self, bool has_eal);
void dps_node_lane_ask_stop(struct dps_node_lane *self);
void dps_node_lane_join(struct dps_node_lane *self);
/* Nobody turns it any more. The port gives back what it holds: it is closed between the two. */
void dps_node_lane_close_disk(struct dps_node_lane *self);
void dps_node_lane_destroy(struct dps_node_lane *self);

/* With the lane's own names. Never refused: what the mailbox does not take waits in order. */
void dps_node_lane_command(struct dps_node_lane *self, const struct dps_lane_command *command);
/* True when nothing waits. */
bool dps_node_lane_flush(struct dps_node_lane *self);

/* Returns the path's name among all lanes, or -EAGAIN. */
int dps_node_lane_reserve_path(struct dps_node_lane *self, uint64_t *connection_id);
/* NULL when it was closed or lost. */
struct dps_node_path *dps_node_lane_find_path(struct dps_node_lane *self, uint32_t name);
void dps_node_lane_forget_path(struct dps_node_lane *self, uint32_t name);

static inline uint32_t dps_node_lane_of_path(uint32_t path)
{
	return path >> DPS_NODE_PATH_LANE_SHIFT & (DPS_NODE_LANES_MAX - 1);
}

static inline uint32_t dps_node_lane_of_channel(uint32_t channel)
{
	return channel >> DPS_NODE_CHANNEL_LANE_SHIFT;
}

/* From the lane's names to those among all lanes, and back. */
void dps_node_lane_name_event(const struct dps_node_lane *self, struct dps_lane_event *event);
void dps_node_lane_unname(struct dps_lane_command *command);
/* Which lane a command is for; not of STOP, which is for all. */
uint32_t dps_node_lane_of_command(const struct dps_lane_command *command);
