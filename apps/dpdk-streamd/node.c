/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/node.h"
#include "apps/dpdk-streamd/node_snapshot.h"
#include "apps/dpdk-streamd/node_state.h"
#include "drivers/log/log.h"
#include <dps/assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	EVENTS_TURN = 64,
	STOP_MS = 1000,
	STATISTICS_MS = 100,
};

static void print_statistics(struct dps_node *node)
{
	struct dps_lane_snapshot snapshot;
	char text[DPS_STATISTICS_BYTES];
	char *line, *rest = text;

	dps_node_read_snapshot(node, &snapshot);
	dps_statistics_print(&snapshot, text);
	while ((line = strsep(&rest, "\n")) && line[0])
		dps_log("statistics", DPS_LOG_NOTICE, "%s", line);
}

static uint64_t statistics_due_ns(void *context)
{
	const struct dps_node *node = context;

	return node->statistics_at_ns;
}

static void write_statistics(void *context, uint64_t now_ns)
{
	struct dps_node *node = context;
	struct dps_lane_snapshot snapshot;

	if (now_ns < node->statistics_at_ns)
		return;
	node->statistics_at_ns = now_ns + STATISTICS_MS * DPS_NS_PER_MS;
	dps_node_read_snapshot(node, &snapshot);
	dps_statistics_write(&node->statistics, &snapshot);
}

static int open_statistics(struct dps_node *node, char *why)
{
	const char *path = node->options->stats_file;
	int result;

	if (!path)
		return 0;
	result = dps_statistics_open(&node->statistics, path);
	if (result < 0) {
		snprintf(why, DPS_NODE_WHY_BYTES, "--stats-file %s: %s", path, strerror(-result));
		return result;
	}
	node->statistics_timer = (struct dps_loop_timer){
		.next_deadline_ns = statistics_due_ns,
		.on_due = write_statistics,
		.context = node,
	};
	dps_loop_add_timer(&node->loop, &node->statistics_timer);
	return 0;
}

static void on_signal(void *context, int signal, uint64_t now_ns)
{
	struct dps_node *node = context;

	if (signal == SIGUSR1) {
		print_statistics(node);
		if (node->listener.on_statistics)
			node->listener.on_statistics(node->listener.context, now_ns);
		return;
	}
	if (signal == SIGHUP)
		return; /* nothing to reload without a configuration file */
	if (node->signals_count++ > 0) {
		fputs("dpdk-streamd: stopped at once by a second signal; what was staged stays\n",
		      stderr);
		_exit(128 + signal);
	}
	if (node->listener.on_stop)
		node->listener.on_stop(node->listener.context, signal, now_ns);
}

/* Paths and channels have their names here. */
static void say(void *context, const struct dps_lane_event *event, uint64_t now_ns)
{
	struct dps_node *node = context;

	if (node->listener.on_lane_event)
		node->listener.on_lane_event(node->listener.context, event, now_ns);
}

static void command_one(void *context, const struct dps_lane_command *command)
{
	dps_node_command_one(context, command);
}

static const struct dps_stripes_ops stripes_ops = { .command = command_one, .say = say };

static void on_event(struct dps_node *node, struct dps_node_lane *lane,
		     struct dps_lane_event *event, uint64_t now_ns)
{
	if (event->type == DPS_LANE_STOPPED) {
		lane->is_stopped = true;
		return;
	}
	if (event->type == DPS_LANE_PATH_FAILED ||
	    (event->type == DPS_LANE_ENGINE && event->engine.type == DPS_EVENT_PATH_LOST))
		dps_node_lane_forget_path(lane, event->engine.path);
	dps_node_lane_name_event(lane, event);
	if (!dps_stripes_on_event(&node->stripes, event, now_ns))
		say(node, event, now_ns);
}

static void take_events(struct dps_node *node, struct dps_node_lane *lane, uint64_t now_ns)
{
	struct dps_lane_event events[EVENTS_TURN];
	unsigned int count;

	do {
		count = dps_lane_take_events(lane->lane, events, EVENTS_TURN);
		for (unsigned int i = 0; i < count; i++)
			on_event(node, lane, &events[i], now_ns);
	} while (count == EVENTS_TURN);
}

static void on_wake(void *context, uint64_t now_ns)
{
	struct dps_node *node = context;

	dps_worker_reap(&node->worker, now_ns);
	for (uint32_t i = 0; i < node->lanes_count; i++)
		take_events(node, &node->lanes[i], now_ns);
}

static void ring(void *context)
{
	struct dps_node *node = context;

	dps_loop_wake(&node->loop);
}

static void destroy_lanes(struct dps_node *node)
{
	while (node->lanes_count > 0)
		dps_node_lane_destroy(&node->lanes[--node->lanes_count]);
}

static int create_lanes(struct dps_node *node, const struct dps_live_input *input,
			const struct dps_limits *limits, char *why)
{
	struct dps_node_lane_config config = {
		.options = node->options,
		.limits = *limits,
		.clock = &node->clock,
		.input = input,
		.ring = ring,
		.ring_context = node,
	};
	int result = 0;

	for (uint32_t i = 0; i < node->port.count; i++) {
		config.index = i;
		config.port = node->port.ports[i];
		result = dps_node_lane_create(&node->lanes[i], &config, why, DPS_NODE_WHY_BYTES);
		if (result < 0)
			break;
		node->lanes_count = i + 1;
	}
	return result;
}

static void join_lanes(struct dps_node *node)
{
	for (uint32_t i = 0; i < node->lanes_count; i++)
		dps_node_lane_ask_stop(&node->lanes[i]);
	for (uint32_t i = 0; i < node->lanes_count; i++)
		dps_node_lane_join(&node->lanes[i]);
}

static int launch_lanes(struct dps_node *node)
{
	int result = 0;

	for (uint32_t i = 0; i < node->lanes_count && result == 0; i++)
		result = dps_node_lane_launch(&node->lanes[i], node->port.has_eal);
	if (result < 0)
		join_lanes(node);
	return result;
}

static void close_disks(struct dps_node *node)
{
	for (uint32_t i = 0; i < node->lanes_count; i++)
		dps_node_lane_close_disk(&node->lanes[i]);
}

int dps_node_start(struct dps_node **made, const struct dps_options *options,
		   const struct dps_live_input *input, const char *program, char *why)
{
	struct dps_loop_signals signals = { .on_signal = on_signal };
	struct dps_limits limits;
	struct dps_node *node = calloc(1, sizeof(*node));
	int result;

	if (!node)
		return -ENOMEM;
	node->options = options;
	node->chunk_bytes = (uint32_t)options->chunk_bytes;
	dps_limits_init(&limits, options->ring_bytes, node->chunk_bytes);
	/* A stripe's chunks are as far apart as there are stripes. */
	for (uint64_t stripes = 1; stripes < options->lanes; stripes *= 2)
		limits.ring_chunks *= 2;
	dps_clock_init_real(&node->clock);
	signals.context = node;
	result = dps_loop_init(&node->loop, &node->clock, &signals);
	if (result < 0) {
		snprintf(why, DPS_NODE_WHY_BYTES, "the event loop cannot be made: %s",
			 strerror(-result));
		goto err_free;
	}
	result = dps_node_port_open(&node->port, options, program,
				    (size_t)limits.slots * limits.chunk_bytes +
					    2 * DPS_NODE_LANE_ROOMS_BYTES,
				    dps_node_now_ns(node), why, DPS_NODE_WHY_BYTES);
	if (result < 0)
		goto err_loop;
	result = create_lanes(node, input, &limits, why);
	if (result < 0)
		goto err_disk;
	result = open_statistics(node, why);
	if (result < 0)
		goto err_disk;
	result = dps_worker_start(&node->worker, &node->loop);
	if (result == 0)
		result = launch_lanes(node);
	if (result < 0) {
		snprintf(why, DPS_NODE_WHY_BYTES, "a thread cannot be started: %s",
			 strerror(-result));
		goto err_lane;
	}
	dps_stripes_init(&node->stripes, &stripes_ops, node, node->chunk_bytes);
	dps_loop_set_wake(&node->loop, on_wake, node);
	dps_node_add_alarm(node);
	*made = node;
	return 0;

err_lane:
	dps_worker_stop(&node->worker);
	dps_statistics_close(&node->statistics);
err_disk:
	close_disks(node);
	/* The ports give back what they hold to the lanes' engines: they go before the lanes. */
	dps_node_port_close(&node->port);
	destroy_lanes(node);
err_loop:
	dps_loop_fini(&node->loop);
err_free:
	free(node);
	return result;
}

void dps_node_set_listener(struct dps_node *node, const struct dps_node_listener *listener)
{
	node->listener = *listener;
}

static bool are_stopped(const struct dps_node *node)
{
	uint32_t i = 0;

	while (i < node->lanes_count && node->lanes[i].is_stopped)
		i++;
	return i == node->lanes_count;
}

void dps_node_stop(struct dps_node *node, uint32_t reason)
{
	uint64_t until_ns = dps_node_now_ns(node) + STOP_MS * DPS_NS_PER_MS;

	node->listener = (struct dps_node_listener){ 0 };
	dps_node_command(node, &(struct dps_lane_command){
				       .type = DPS_COMMAND_STOP,
				       .value = reason,
			       });
	while (!are_stopped(node) && dps_node_now_ns(node) < until_ns)
		if (dps_node_turn(node, until_ns) < 0)
			break;
	join_lanes(node);
	write_statistics(node, DPS_NEVER_NS - DPS_NS_PER_S);
	dps_statistics_close(&node->statistics);
	dps_worker_stop(&node->worker);
	close_disks(node);
	dps_node_port_close(&node->port);
	destroy_lanes(node);
	dps_stripes_fini(&node->stripes);
	dps_loop_fini(&node->loop);
	free(node);
}

int dps_node_turn(struct dps_node *node, uint64_t until_ns)
{
	uint64_t soon_ns = dps_node_now_ns(node) + DPS_NS_PER_MS;

	for (uint32_t i = 0; i < node->lanes_count; i++)
		if (!dps_node_lane_flush(&node->lanes[i]) && until_ns > soon_ns)
			until_ns = soon_ns;
	return dps_loop_turn(&node->loop, until_ns);
}

void dps_node_command_one(struct dps_node *node, const struct dps_lane_command *command)
{
	uint32_t index = dps_node_lane_of_command(command);
	struct dps_lane_command own = *command;

	DPS_ASSERT(index < node->lanes_count);
	dps_node_lane_unname(&own);
	if (command->type == DPS_COMMAND_CLOSE_PATH)
		dps_node_lane_forget_path(&node->lanes[index], command->path);
	dps_node_lane_command(&node->lanes[index], &own);
}

void dps_node_command(struct dps_node *node, const struct dps_lane_command *command)
{
	if (command->type == DPS_COMMAND_STOP)
		for (uint32_t i = 0; i < node->lanes_count; i++)
			dps_node_lane_command(&node->lanes[i], command);
	else if (!dps_stripes_on_command(&node->stripes, command))
		dps_node_command_one(node, command);
}

struct dps_loop *dps_node_loop(struct dps_node *node)
{
	return &node->loop;
}

struct dps_worker *dps_node_worker(struct dps_node *node)
{
	return &node->worker;
}

const struct dps_options *dps_node_options(const struct dps_node *node)
{
	return node->options;
}

uint64_t dps_node_now_ns(struct dps_node *node)
{
	return dps_clock_now_ns(&node->clock);
}

struct dps_live *dps_node_live(struct dps_node *node)
{
	return node->lanes[0].live;
}

void dps_node_read_snapshot(struct dps_node *node, struct dps_lane_snapshot *snapshot)
{
	struct dps_lane_snapshot one;

	dps_lane_read_snapshot(node->lanes[0].lane, snapshot);
	for (uint32_t i = 1; i < node->lanes_count; i++) {
		dps_lane_read_snapshot(node->lanes[i].lane, &one);
		dps_node_snapshot_add(snapshot, &one);
	}
}

static bool read_channel(struct dps_node *node, uint32_t channel, uint32_t generation,
			 struct dps_channel_state *state)
{
	uint32_t index = dps_node_lane_of_channel(channel);
	struct dps_lane_snapshot snapshot;

	DPS_ASSERT(index < node->lanes_count);
	dps_lane_read_snapshot(node->lanes[index].lane, &snapshot);
	*state = snapshot.channel;
	return state->generation == generation;
}

bool dps_node_read_channel(struct dps_node *node, uint32_t channel, uint32_t generation,
			   struct dps_channel_state *state)
{
	uint32_t names[DPS_STRIPES_MAX], generations[DPS_STRIPES_MAX];
	uint32_t count = dps_stripes_channel_members(&node->stripes, channel, generation, names,
						     generations);

	if (!read_channel(node, names[0], generations[0], state))
		return false;
	for (uint32_t i = 1; i < count; i++) {
		struct dps_channel_state more;

		if (!read_channel(node, names[i], generations[i], &more))
			return false;
		state->bytes_done += more.bytes_done;
		state->contiguous += more.contiguous;
		state->stored += more.stored;
		if (more.posted > state->posted)
			state->posted = more.posted;
	}
	return true;
}

uint32_t dps_node_lanes_count(const struct dps_node *node)
{
	return node->lanes_count;
}

void dps_node_read_lane(struct dps_node *node, uint32_t index, struct dps_lane_snapshot *snapshot)
{
	DPS_ASSERT(index < node->lanes_count);
	dps_lane_read_snapshot(node->lanes[index].lane, snapshot);
}

uint32_t dps_node_chunk_bytes(const struct dps_node *node)
{
	return node->chunk_bytes;
}
