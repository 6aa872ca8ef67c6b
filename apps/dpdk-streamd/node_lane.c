/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/node_lane.h"
#include "drivers/ethdev/eal_lane.h"
#include "drivers/file_disk/file_disk.h"
#include "drivers/generate/generate.h"
#include "drivers/log/log.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	DISK_DEPTH = 512,
	DISK_FILES = 4096,
	COMMANDS = 1024,
	EVENTS = 4096,
};

/* ---- its disk ---- */

static int open_live(struct dps_node_lane *self, const struct dps_node_lane_config *config)
{
	const struct dps_live_config live = {
		.input = *config->input,
		.ring_bytes = config->options->live_ring_bytes,
		.chunk_bytes = config->limits.chunk_bytes,
		.depth = DISK_DEPTH,
		.on_more = config->ring,
		.context = config->ring_context,
	};
	int result = dps_live_open(&live, &self->live);

	if (result == 0)
		self->disk = dps_live_disk(self->live);
	return result;
}

static int open_disk(struct dps_node_lane *self, const struct dps_node_lane_config *config,
		     uint8_t *slots, char *why, size_t why_bytes)
{
	const struct dps_options *options = config->options;
	const size_t slots_bytes = (size_t)config->limits.slots * config->limits.chunk_bytes;
	const struct dps_file_disk_config files = {
		.memory = slots,
		.memory_bytes = slots_bytes,
		.depth = DISK_DEPTH,
		.files_max = DISK_FILES,
	};
	const struct dps_generate_config generate = {
		.memory = slots,
		.memory_bytes = slots_bytes,
		.depth = DISK_DEPTH,
		.seed = options->generate_seed,
	};
	char text[DPS_FILE_DISK_SENTENCE_BYTES] = "";
	int result;

	if (options->is_discard || (config->input->fd >= 0 && config->index > 0))
		result = dps_discard_open(DISK_DEPTH, &self->disk);
	else if (config->input->fd >= 0)
		result = open_live(self, config);
	else if (options->has_generate)
		result = dps_generate_open(&generate, &self->disk);
	else
		result = dps_file_disk_open(&files, &self->disk, text);
	if (result < 0)
		snprintf(why, why_bytes, "reading and writing files cannot be set up: %s",
			 strerror(-result));
	else if (text[0] && config->index == 0)
		dps_log("disk", DPS_LOG_NOTICE, "%s", text);
	return result;
}

void dps_node_lane_close_disk(struct dps_node_lane *self)
{
	if (self->disk)
		self->disk->ops->close(self->disk);
	if (self->live)
		dps_live_close(self->live);
	self->disk = NULL;
	self->live = NULL;
}

/* ---- its life ---- */

/* A power of two, so that none lies across the end of a hugepage. */
static uint32_t room_bytes_of(const struct dps_port *port)
{
	uint32_t bytes = 2048;

	while (bytes < port->mtu && bytes < DPS_PAYLOAD_BYTES_MAX)
		bytes *= 2;
	return bytes;
}

/*
 * Memory for what is encrypted and not yet sent, where the port has none of its own for that; what
 * is clear is sent from where it lies.
 */
static int add_rooms(const struct dps_node_lane_config *config, struct dps_lane_config *lane,
		     char *why, size_t why_bytes)
{
	struct dps_port *port = config->port;

	if (config->options->is_clear || port->ops->reserve)
		return 0;
	lane->room_bytes = room_bytes_of(port);
	lane->rooms_count = DPS_NODE_LANE_ROOMS_BYTES / lane->room_bytes;
	lane->rooms = port->ops->allocate(port, DPS_NODE_LANE_ROOMS_BYTES);
	if (lane->rooms)
		return 0;
	snprintf(why, why_bytes,
		 "not enough memory for packets on their way; lower --ring and --window");
	return -ENOMEM;
}

int dps_node_lane_create(struct dps_node_lane *self, const struct dps_node_lane_config *config,
			 char *why, size_t why_bytes)
{
	size_t slots_bytes = (size_t)config->limits.slots * config->limits.chunk_bytes;
	struct dps_lane_config lane = {
		.limits = config->limits,
		.port = config->port,
		.clock = config->clock,
		.seal = &self->seal,
		.index = config->index,
		.commands = COMMANDS,
		.events = EVENTS,
	};
	int result;

	memset(self, 0, sizeof(*self));
	self->port = config->port;
	self->index = config->index;
	lane.slots = config->port->ops->allocate(config->port, slots_bytes);
	if (!lane.slots) {
		snprintf(why, why_bytes,
			 "not enough memory for %zu MiB of slots a lane; lower --ring and --window",
			 slots_bytes >> 20);
		return -ENOMEM;
	}
	result = add_rooms(config, &lane, why, why_bytes);
	if (result < 0)
		return result;
	result = open_disk(self, config, lane.slots, why, why_bytes);
	if (result < 0)
		return result;
	lane.disk = self->disk;
	dps_seal_init_clear(&self->seal);
	if (getrandom(&lane.seed, sizeof(lane.seed), 0) != sizeof(lane.seed))
		lane.seed = dps_clock_now_ns(config->clock);
	self->lane = dps_lane_create(&lane);
	if (!self->lane) {
		snprintf(why, why_bytes, "not enough memory for the lane");
		dps_node_lane_close_disk(self);
		return -ENOMEM;
	}
	dps_lane_set_bell(self->lane, config->ring, config->ring_context);
	self->loop.lane = self->lane;
	self->loop.clock = config->clock;
	atomic_init(&self->loop.must_stop, false);
	return 0;
}

static void run(void *context)
{
	struct dps_node_lane *self = context;

	dps_lane_loop_run(&self->loop);
}

static void *run_thread(void *context)
{
	run(context);
	return NULL;
}

int dps_node_lane_launch(struct dps_node_lane *self, bool has_eal)
{
	int result;

	if (has_eal) {
		result = dps_eal_launch(self->index, run, self);
		self->is_on_lcore = result == 0;
		return result;
	}
	result = pthread_create(&self->thread, NULL, run_thread, self);
	self->has_thread = result == 0;
	return -result;
}

void dps_node_lane_ask_stop(struct dps_node_lane *self)
{
	atomic_store_explicit(&self->loop.must_stop, true, memory_order_relaxed);
}

void dps_node_lane_join(struct dps_node_lane *self)
{
	if (self->is_on_lcore)
		dps_eal_join(); /* all of them: each was asked */
	else if (self->has_thread)
		pthread_join(self->thread, NULL);
	self->is_on_lcore = self->has_thread = false;
}

void dps_node_lane_destroy(struct dps_node_lane *self)
{
	if (self->lane)
		dps_lane_destroy(self->lane);
	free(self->backlog);
	free(self->paths);
}

/* ---- commands ---- */

static void *grow(void *items, size_t count, size_t item_bytes)
{
	void *grown = realloc(items, count * item_bytes);

	if (!grown) {
		dps_log("control", DPS_LOG_ERROR, "out of memory");
		abort();
	}
	return grown;
}

bool dps_node_lane_flush(struct dps_node_lane *self)
{
	while (self->backlog_count > 0 &&
	       dps_lane_command(self->lane, &self->backlog[self->backlog_first])) {
		self->backlog_first++;
		self->backlog_count--;
	}
	if (self->backlog_count == 0)
		self->backlog_first = 0;
	return self->backlog_count == 0;
}

void dps_node_lane_command(struct dps_node_lane *self, const struct dps_lane_command *command)
{
	if (dps_node_lane_flush(self) && dps_lane_command(self->lane, command))
		return;
	if (self->backlog_first + self->backlog_count == self->backlog_room) {
		self->backlog_room = self->backlog_room ? self->backlog_room * 2 : 256;
		self->backlog = grow(self->backlog, self->backlog_room, sizeof(*self->backlog));
	}
	self->backlog[self->backlog_first + self->backlog_count++] = *command;
}

/* ---- paths ---- */

static uint32_t own_path(uint32_t path)
{
	return path & ~((DPS_NODE_LANES_MAX - 1u) << DPS_NODE_PATH_LANE_SHIFT);
}

int dps_node_lane_reserve_path(struct dps_node_lane *self, uint64_t *connection_id)
{
	int path = dps_lane_reserve_path(self->lane, connection_id);

	if (path < 0)
		return path;
	if (self->paths_count == self->paths_room) {
		self->paths_room = self->paths_room ? self->paths_room * 2 : 16;
		self->paths = grow(self->paths, self->paths_room, sizeof(*self->paths));
	}
	self->paths[self->paths_count++] = (struct dps_node_path){
		.connection_id = *connection_id,
		.name = (uint32_t)path,
		.udp_port = self->port->local.udp_port,
	};
	return (int)((uint32_t)path | self->index << DPS_NODE_PATH_LANE_SHIFT);
}

struct dps_node_path *dps_node_lane_find_path(struct dps_node_lane *self, uint32_t name)
{
	for (uint32_t i = 0; i < self->paths_count; i++)
		if (self->paths[i].name == own_path(name))
			return &self->paths[i];
	return NULL;
}

void dps_node_lane_forget_path(struct dps_node_lane *self, uint32_t name)
{
	struct dps_node_path *path = dps_node_lane_find_path(self, name);

	if (path)
		*path = self->paths[--self->paths_count];
}

/* ---- names ---- */

void dps_node_lane_name_event(const struct dps_node_lane *self, struct dps_lane_event *event)
{
	event->engine.path |= self->index << DPS_NODE_PATH_LANE_SHIFT;
	event->engine.channel |= self->index << DPS_NODE_CHANNEL_LANE_SHIFT;
}

void dps_node_lane_unname(struct dps_lane_command *command)
{
	command->path = own_path(command->path);
	command->channel &= (1u << DPS_NODE_CHANNEL_LANE_SHIFT) - 1;
	if (command->type == DPS_COMMAND_OPEN_CHANNEL)
		command->open_channel.path = own_path(command->open_channel.path);
}

uint32_t dps_node_lane_of_command(const struct dps_lane_command *command)
{
	switch (command->type) {
	case DPS_COMMAND_OPEN_PATH:
	case DPS_COMMAND_CLOSE_PATH:
	case DPS_COMMAND_WATCH_PATH:
		return dps_node_lane_of_path(command->path);
	case DPS_COMMAND_OPEN_CHANNEL:
		return dps_node_lane_of_path(command->open_channel.path);
	default:
		return dps_node_lane_of_channel(command->channel);
	}
}
