/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/node.h"
#include "apps/dpdk-streamd/node_port.h"
#include "apps/dpdk-streamd/statistics.h"
#include "apps/version.h"
#include "drivers/discard/discard.h"
#include "drivers/ethdev/eal_lane.h"
#include "drivers/file_disk/file_disk.h"
#include "drivers/generate/generate.h"
#include "drivers/lane_loop.h"
#include "drivers/log/log.h"
#include "drivers/udp/sockaddr.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	DISK_DEPTH = 512,
	DISK_FILES = 4096,
	COMMANDS = 1024,
	EVENTS = 4096,
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
	struct dps_disk *disk;
	struct dps_live *live; /* what the disk reads from; NULL but for a live source */
	struct dps_seal seal;
	struct dps_lane *lane;
	struct dps_lane_loop lane_loop;
	pthread_t lane_thread;
	bool has_lane_thread;
	struct dps_worker worker;
	uint32_t chunk_bytes;
	int signals_count;
	bool is_stopped;

	struct dps_statistics_file statistics; /* --stats-file */
	struct dps_loop_timer statistics_timer;
	uint64_t statistics_at_ns;

	struct dps_lane_command *backlog; /* what the mailbox had no room for, in order */
	size_t backlog_first;
	size_t backlog_count;
	size_t backlog_room;
};

static void print_statistics(struct dps_node *node)
{
	struct dps_lane_snapshot snapshot;
	char text[DPS_STATISTICS_BYTES];
	char *line, *rest = text;

	dps_lane_read_snapshot(node->lane, &snapshot);
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
	dps_lane_read_snapshot(node->lane, &snapshot);
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

static void take_events(struct dps_node *node, uint64_t now_ns)
{
	struct dps_lane_event events[EVENTS_TURN];
	unsigned int count;

	do {
		count = dps_lane_take_events(node->lane, events, EVENTS_TURN);
		for (unsigned int i = 0; i < count; i++) {
			if (events[i].type == DPS_LANE_STOPPED)
				node->is_stopped = true;
			else if (node->listener.on_lane_event)
				node->listener.on_lane_event(node->listener.context, &events[i],
							     now_ns);
		}
	} while (count == EVENTS_TURN);
}

static void on_wake(void *context, uint64_t now_ns)
{
	struct dps_node *node = context;

	dps_worker_reap(&node->worker, now_ns);
	take_events(node, now_ns);
}

static void ring(void *context)
{
	struct dps_node *node = context;

	dps_loop_wake(&node->loop);
}

static void run_lane(void *context)
{
	struct dps_node *node = context;

	dps_lane_loop_run(&node->lane_loop);
}

static void *run_lane_thread(void *context)
{
	run_lane(context);
	return NULL;
}

static int open_live(struct dps_node *node, const struct dps_live_input *input)
{
	const struct dps_live_config config = {
		.input = *input,
		.ring_bytes = node->options->live_ring_bytes,
		.chunk_bytes = node->chunk_bytes,
		.depth = DISK_DEPTH,
		.on_more = ring,
		.context = node,
	};
	int result = dps_live_open(&config, &node->live);

	if (result == 0)
		node->disk = dps_live_disk(node->live);
	return result;
}

static int open_disk(struct dps_node *node, const struct dps_live_input *input, uint8_t *slots,
		     size_t slots_bytes, char *why)
{
	const struct dps_options *options = node->options;
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

	if (options->is_discard)
		result = dps_discard_open(DISK_DEPTH, &node->disk);
	else if (input->fd >= 0)
		result = open_live(node, input);
	else if (options->has_generate)
		result = dps_generate_open(&generate, &node->disk);
	else
		result = dps_file_disk_open(&files, &node->disk, text);
	if (result < 0)
		snprintf(why, DPS_NODE_WHY_BYTES, "reading and writing files cannot be set up: %s",
			 strerror(-result));
	else if (text[0])
		dps_log("disk", DPS_LOG_NOTICE, "%s", text);
	return result;
}

/* The lane does not use it any more. */
static void close_disk(struct dps_node *node)
{
	node->disk->ops->close(node->disk);
	if (node->live)
		dps_live_close(node->live);
}

static int create_lane(struct dps_node *node, const struct dps_live_input *input,
		       const struct dps_limits *limits, char *why)
{
	size_t slots_bytes = (size_t)limits->slots * limits->chunk_bytes;
	struct dps_port *port = node->port.port;
	struct dps_lane_config config = {
		.limits = *limits,
		.port = port,
		.clock = &node->clock,
		.seal = &node->seal,
		.commands = COMMANDS,
		.events = EVENTS,
	};
	int result;

	config.slots = port->ops->allocate(port, slots_bytes);
	if (!config.slots) {
		snprintf(why, DPS_NODE_WHY_BYTES,
			 "not enough memory for %zu MiB of slots; lower --ring and --window",
			 slots_bytes >> 20);
		return -ENOMEM;
	}
	result = open_disk(node, input, config.slots, slots_bytes, why);
	if (result < 0)
		return result;
	config.disk = node->disk;
	dps_seal_init_clear(&node->seal);
	if (getrandom(&config.seed, sizeof(config.seed), 0) != sizeof(config.seed))
		config.seed = dps_node_now_ns(node);
	node->lane = dps_lane_create(&config);
	if (!node->lane) {
		snprintf(why, DPS_NODE_WHY_BYTES, "not enough memory for the lane");
		close_disk(node);
		return -ENOMEM;
	}
	dps_lane_set_bell(node->lane, ring, node);
	return 0;
}

static int launch_lane(struct dps_node *node)
{
	int result;

	node->lane_loop.lane = node->lane;
	node->lane_loop.clock = &node->clock;
	atomic_init(&node->lane_loop.must_stop, false);
	if (node->port.has_eal)
		return dps_eal_launch(0, run_lane, node);
	result = pthread_create(&node->lane_thread, NULL, run_lane_thread, node);
	node->has_lane_thread = result == 0;
	return -result;
}

static void join_lane(struct dps_node *node)
{
	atomic_store_explicit(&node->lane_loop.must_stop, true, memory_order_relaxed);
	if (node->port.has_eal)
		dps_eal_join();
	else if (node->has_lane_thread)
		pthread_join(node->lane_thread, NULL);
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
	result = create_lane(node, input, &limits, why);
	if (result < 0)
		goto err_port;
	result = open_statistics(node, why);
	if (result < 0)
		goto err_disk;
	result = dps_worker_start(&node->worker, &node->loop);
	if (result == 0)
		result = launch_lane(node);
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
	close_disk(node);
	dps_lane_destroy(node->lane);
err_port:
	dps_node_port_close(&node->port);
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

void dps_node_stop(struct dps_node *node, uint32_t reason)
{
	uint64_t until_ns = dps_node_now_ns(node) + STOP_MS * DPS_NS_PER_MS;

	node->listener = (struct dps_node_listener){ 0 };
	dps_node_command(node, &(struct dps_lane_command){
				       .type = DPS_COMMAND_STOP,
				       .value = reason,
			       });
	while (!node->is_stopped && dps_node_now_ns(node) < until_ns)
		if (dps_node_turn(node, until_ns) < 0)
			break;
	join_lane(node);
	write_statistics(node, DPS_NEVER_NS - DPS_NS_PER_S);
	dps_statistics_close(&node->statistics);
	dps_worker_stop(&node->worker);
	close_disk(node);
	/* The port gives back what it holds to the lane's engine: it goes before the lane. */
	dps_node_port_close(&node->port);
	dps_lane_destroy(node->lane);
	dps_loop_fini(&node->loop);
	free(node->backlog);
	free(node);
}

static void flush_backlog(struct dps_node *node)
{
	while (node->backlog_count > 0 &&
	       dps_lane_command(node->lane, &node->backlog[node->backlog_first])) {
		node->backlog_first++;
		node->backlog_count--;
	}
	if (node->backlog_count == 0)
		node->backlog_first = 0;
}

int dps_node_turn(struct dps_node *node, uint64_t until_ns)
{
	uint64_t soon_ns = dps_node_now_ns(node) + DPS_NS_PER_MS;

	flush_backlog(node);
	if (node->backlog_count > 0 && until_ns > soon_ns)
		until_ns = soon_ns;
	return dps_loop_turn(&node->loop, until_ns);
}

void dps_node_command(struct dps_node *node, const struct dps_lane_command *command)
{
	flush_backlog(node);
	if (node->backlog_count == 0 && dps_lane_command(node->lane, command))
		return;
	if (node->backlog_first + node->backlog_count == node->backlog_room) {
		size_t room = node->backlog_room ? node->backlog_room * 2 : 256;
		void *backlog = realloc(node->backlog, room * sizeof(*node->backlog));

		if (!backlog) {
			dps_log("control", DPS_LOG_ERROR, "out of memory");
			abort();
		}
		node->backlog = backlog;
		node->backlog_room = room;
	}
	node->backlog[node->backlog_first + node->backlog_count++] = *command;
}

int dps_node_reserve_path(struct dps_node *node, uint64_t *connection_id)
{
	return dps_lane_reserve_path(node->lane, connection_id);
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
	return node->live;
}

void dps_node_read_snapshot(struct dps_node *node, struct dps_lane_snapshot *snapshot)
{
	dps_lane_read_snapshot(node->lane, snapshot);
}

uint32_t dps_node_chunk_bytes(const struct dps_node *node)
{
	return node->chunk_bytes;
}

void dps_node_fill_hello(struct dps_node *node, struct dps_message_hello *hello, enum dps_role role,
			 uint64_t connection_id, uint64_t epoch)
{
	static const char *const discards[] = { "discard" };
	const struct dps_port *port = node->port.port;

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
	};
	if (node->options->is_discard) {
		hello->features = discards;
		hello->features_count = 1;
	}
	hello->address.mtu = (uint16_t)(port->mtu < UINT16_MAX ? port->mtu : UINT16_MAX);
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

	*address = hello->address;
	if (address->family == DPS_ADDRESS_NONE) {
		/* It listens on all its addresses: one that works is where its control comes from.
		 */
		dps_sockaddr_decode(&peer->storage, address);
		address->udp_port = hello->address.udp_port;
		address->has_mac = hello->address.has_mac;
	}
	command.open_path.config = (struct dps_path_config){
		.remote_connection_id = hello->connection_id,
		.datagram_bytes = datagram_bytes(node->port.port, hello, address->family),
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
