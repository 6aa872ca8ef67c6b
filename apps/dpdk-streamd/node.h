/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Node: what one process runs on: the control core's loop, its lanes, each with port and disk on a
 * thread of its own, and the worker. Made once, by main; export and collect compose on it. Paths
 * and channels have names of their own here, which no two lanes share.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/options.h"
#include "apps/dpdk-streamd/peer_trust.h"
#include "apps/dpdk-streamd/worker.h"
#include "drivers/control/loop.h"
#include "drivers/control/message.h"
#include "drivers/digest/digest.h"
#include "drivers/lane.h"
#include "drivers/live/live.h"

enum { DPS_NODE_WHY_BYTES = 1024 };

/* What a role wants to hear. */
struct dps_node_listener {
	void (*on_lane_event)(void *context, const struct dps_lane_event *event, uint64_t now_ns);
	/* SIGINT or SIGTERM, the first one; a second ends the process at once. */
	void (*on_stop)(void *context, int signal, uint64_t now_ns);
	/* SIGUSR1, after the lane's counters were printed: the role's own. May be NULL. */
	void (*on_statistics)(void *context, uint64_t now_ns);
	void *context;
};

struct dps_node;

/*
 * input: a live source, whose descriptor is taken and read from now on; without one its fd is -1.
 * Returns 0, or -errno with a sentence in why (DPS_NODE_WHY_BYTES).
 */
int dps_node_start(struct dps_node **node, const struct dps_options *options,
		   const struct dps_live_input *input, const char *program, char *why);
void dps_node_set_listener(struct dps_node *node, const struct dps_node_listener *listener);

/* Stops worker and lanes, closes ports and disks. Sends CLOSE on open paths first. */
void dps_node_stop(struct dps_node *node, uint32_t reason);

/* One turn of the loop, until something happens or the moment comes. 0 or -errno. */
int dps_node_turn(struct dps_node *node, uint64_t until_ns);

struct dps_loop *dps_node_loop(struct dps_node *node);
struct dps_worker *dps_node_worker(struct dps_node *node);
const struct dps_options *dps_node_options(const struct dps_node *node);
uint64_t dps_node_now_ns(struct dps_node *node);

/* Sends a command to the lane that its path or channel is of; never refused: what the mailbox does
 * not take waits in order. */
void dps_node_command(struct dps_node *node, const struct dps_lane_command *command);

/*
 * A path on the lane that has the fewest, and the connection id for the peer; with stripes, as many
 * on as many lanes, which have one name and are opened, closed and lost as one. There are at most
 * as many as there are lanes. -EAGAIN: none just now, try next turn.
 */
int dps_node_reserve_path(struct dps_node *node, uint32_t stripes, uint64_t *connection_id);

/* The live source, whose news wake the loop; NULL for none. */
struct dps_live *dps_node_live(struct dps_node *node);

/* All lanes together; path and channel are the first lane's. */
void dps_node_read_snapshot(struct dps_node *node, struct dps_lane_snapshot *snapshot);

/* How many lanes there are, and what one of them has published. */
uint32_t dps_node_lanes_count(const struct dps_node *node);
void dps_node_read_lane(struct dps_node *node, uint32_t index, struct dps_lane_snapshot *snapshot);

/*
 * How far a channel is that is the only one of its lane, as an exporter's are. False when the lane
 * has not told.
 */
bool dps_node_read_channel(struct dps_node *node, uint32_t channel, uint32_t generation,
			   struct dps_channel_state *state);

/*
 * Sees to it that packets of a reserved path, which come from the address in a peer's hello, will
 * come to its lane's queue, by the UDP port that our hello will name. Before that.
 */
void dps_node_steer_path(struct dps_node *node, uint32_t path,
			 const struct dps_message_hello *hello);

/* Our side's hello: address, connection id, sizes. Strings are lent. */
void dps_node_fill_hello(struct dps_node *node, uint32_t path, struct dps_message_hello *hello,
			 enum dps_role role, uint64_t connection_id, uint64_t epoch);

/*
 * Opens a reserved path towards what a peer's hello said; peer is its control socket's address.
 * Each stripe has keys of its own. Returns 0, or -errno when keys cannot be made: nothing is
 * opened.
 */
int dps_node_open_path(struct dps_node *node, uint32_t path, const struct dps_message_hello *hello,
		       const struct dps_socket_address *peer, const struct dps_peer_keys *keys);

/* What packets carry, as hello has it: "clear", or a cipher. */
const char *dps_node_seal_name(const struct dps_node *node);

/* How many queue pairs the port has, if they face the peer's one by one; else as hello has NONE. */
uint32_t dps_node_queues(const struct dps_node *node);

/* The lanes' chunk size, what a window and the channels' reads and writes go by. */
uint32_t dps_node_chunk_bytes(const struct dps_node *node);
