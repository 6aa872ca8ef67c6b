/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/node.h"
#include "apps/dpdk-streamd/node_lane.h"
#include "apps/dpdk-streamd/node_port.h"
#include "apps/dpdk-streamd/node_snapshot.h"
#include "apps/dpdk-streamd/statistics.h"
#include "apps/version.h"
#include "drivers/ethdev/ethdev_port.h"
#include "drivers/log/log.h"
#include "drivers/udp/sockaddr.h"
#include <dps/assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	EVENTS_TURN = 64,
	SHARED_CORE_PROBE_FLOOR_MS = 5,
	OWN_CORE_PROBE_FLOOR_MS = 1,
	STOP_MS = 1000,
	STATISTICS_MS = 100,
	SILENCE_S_MIN = 1,
	SILENCE_S_MAX = 30,
};

struct dps_node {
	const struct dps_options *options;
	struct dps_node_listener listener;
	struct dps_clock clock;
	struct dps_loop loop;
	struct dps_node_port port;
	struct dps_node_lane lanes[DPS_NODE_LANES_MAX];
	uint32_t lanes_count;
	struct dps_worker worker;
	uint32_t chunk_bytes;
	int signals_count;

	struct dps_statistics_file statistics; /* --stats-file */
	struct dps_loop_timer statistics_timer;
	uint64_t statistics_at_ns;
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
	if (node->listener.on_lane_event)
		node->listener.on_lane_event(node->listener.context, event, now_ns);
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
	dps_clock_init_real(&node->clock);
	signals.context = node;
	result = dps_loop_init(&node->loop, &node->clock, &signals);
	if (result < 0) {
		snprintf(why, DPS_NODE_WHY_BYTES, "the event loop cannot be made: %s",
			 strerror(-result));
		goto err_free;
	}
	result = dps_node_port_open(&node->port, options, program,
				    (size_t)limits.slots * limits.chunk_bytes,
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
	dps_loop_set_wake(&node->loop, on_wake, node);
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

void dps_node_command(struct dps_node *node, const struct dps_lane_command *command)
{
	uint32_t index = dps_node_lane_of_command(command);
	struct dps_lane_command own = *command;

	dps_node_lane_unname(&own);
	if (command->type == DPS_COMMAND_STOP) {
		for (uint32_t i = 0; i < node->lanes_count; i++)
			dps_node_lane_command(&node->lanes[i], &own);
		return;
	}
	DPS_ASSERT(index < node->lanes_count);
	if (command->type == DPS_COMMAND_CLOSE_PATH)
		dps_node_lane_forget_path(&node->lanes[index], command->path);
	dps_node_lane_command(&node->lanes[index], &own);
}

/* Where the fewest paths are. A live source is one lane's. */
static struct dps_node_lane *least_loaded(struct dps_node *node)
{
	struct dps_node_lane *best = &node->lanes[0];

	for (uint32_t i = 1; i < node->lanes_count && !best->live; i++)
		if (node->lanes[i].paths_count < best->paths_count)
			best = &node->lanes[i];
	return best;
}

int dps_node_reserve_path(struct dps_node *node, uint64_t *connection_id)
{
	struct dps_node_lane *lane = least_loaded(node);
	int path = dps_node_lane_reserve_path(lane, connection_id);

	if (path >= 0 && node->lanes_count > 1)
		dps_log("lane", DPS_LOG_INFO, "lane %u has a path more, %u now", lane->index,
			lane->paths_count);
	return path;
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

bool dps_node_read_channel(struct dps_node *node, uint32_t channel, uint32_t generation,
			   struct dps_channel_state *state)
{
	uint32_t index = dps_node_lane_of_channel(channel);
	struct dps_lane_snapshot snapshot;

	DPS_ASSERT(index < node->lanes_count);
	dps_lane_read_snapshot(node->lanes[index].lane, &snapshot);
	*state = snapshot.channel;
	return state->generation == generation;
}

uint32_t dps_node_chunk_bytes(const struct dps_node *node)
{
	return node->chunk_bytes;
}

uint32_t dps_node_queues(const struct dps_node *node)
{
	return node->port.faces_peer ? node->port.count : DPS_MESSAGE_QUEUES_NONE;
}

static const struct dps_port *port_of(const struct dps_node *node, uint32_t path)
{
	uint32_t index = dps_node_lane_of_path(path);

	DPS_ASSERT(index < node->lanes_count);
	return node->lanes[index].port;
}

void dps_node_fill_hello(struct dps_node *node, uint32_t path, struct dps_message_hello *hello,
			 enum dps_role role, uint64_t connection_id, uint64_t epoch)
{
	static const char *const discards[] = { "discard" };
	const struct dps_port *port = port_of(node, path);
	const struct dps_node_path *own;

	*hello = (struct dps_message_hello){
		.version_min = DPS_MESSAGE_VERSION,
		.version_max = DPS_MESSAGE_VERSION,
		.role = role,
		.software = "dpdk-streamd " DPS_VERSION,
		.seal = "clear",
		.epoch = epoch,
		.connection_id = connection_id,
		.window_bytes = node->options->window_bytes,
		.address = port->local,
		.chunk_bytes = node->chunk_bytes,
		.payload_bytes = DPS_PAYLOAD_BYTES_MAX,
		.queues = dps_node_queues(node),
	};
	if (node->options->is_discard) {
		hello->features = discards;
		hello->features_count = 1;
	}
	own = dps_node_lane_find_path(&node->lanes[dps_node_lane_of_path(path)], path);
	if (own)
		hello->address.udp_port = own->udp_port;
	hello->address.mtu = (uint16_t)(port->mtu < UINT16_MAX ? port->mtu : UINT16_MAX);
}

void dps_node_steer_path(struct dps_node *node, uint32_t path,
			 const struct dps_message_hello *hello)
{
	struct dps_node_lane *lane = &node->lanes[dps_node_lane_of_path(path)];
	struct dps_node_path *own = dps_node_lane_find_path(lane, path);
	const struct dps_port *bare = node->port.bare[lane->index];

	if (own && bare && hello->address.family != DPS_ADDRESS_NONE)
		own->udp_port = dps_ethdev_choose_port(bare, &hello->address);
}

static uint32_t datagram_bytes(const struct dps_port *port, const struct dps_message_hello *hello,
			       uint8_t family)
{
	uint32_t mtu = port->mtu, bytes;

	if (hello->address.mtu != 0 && hello->address.mtu < mtu)
		mtu = hello->address.mtu;
	bytes = dps_port_datagram_bytes(mtu, family);
	if (bytes > hello->payload_bytes + DPS_ENVELOPE_BYTES)
		bytes = hello->payload_bytes + DPS_ENVELOPE_BYTES;
	return bytes;
}

/* A way that is dead for so long is tried anew, however long the peer is waited for. */
static uint64_t silence_ns(const struct dps_options *options)
{
	const uint64_t min_ns = SILENCE_S_MIN * DPS_NS_PER_S, max_ns = SILENCE_S_MAX * DPS_NS_PER_S;

	if (options->reconnect_timeout_ns < min_ns)
		return min_ns;
	return options->reconnect_timeout_ns < max_ns ? options->reconnect_timeout_ns : max_ns;
}

void dps_node_open_path(struct dps_node *node, uint32_t path, const struct dps_message_hello *hello,
			const struct dps_socket_address *peer)
{
	const struct dps_options *options = node->options;
	struct dps_lane_command command = { .type = DPS_COMMAND_OPEN_PATH, .path = path };
	struct dps_address *address = &command.open_path.address;
	const struct dps_node_path *own =
		dps_node_lane_find_path(&node->lanes[dps_node_lane_of_path(path)], path);

	*address = hello->address;
	if (address->family == DPS_ADDRESS_NONE) {
		/* It listens on all its addresses: one that works is where its control comes from.
		 */
		dps_sockaddr_decode(&peer->storage, address);
		address->udp_port = hello->address.udp_port;
		address->has_mac = hello->address.has_mac;
	}
	address->from_udp_port = own ? own->udp_port : 0;
	command.open_path.config = (struct dps_path_config){
		.remote_connection_id = hello->connection_id,
		.datagram_bytes = datagram_bytes(port_of(node, path), hello, address->family),
		.congestion_mode = options->cc == DPS_CC_FIXED,
		.rate_bytes_per_s =
			options->rate_bits_per_s ? options->rate_bits_per_s / 8 : UINT64_MAX,
		.probe_floor_ns =
			(options->cores ? OWN_CORE_PROBE_FLOOR_MS : SHARED_CORE_PROBE_FLOOR_MS) *
			DPS_NS_PER_MS,
		.silence_ns = silence_ns(options),
	};
	dps_node_command(node, &command);
}
