/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/apps/exporter_bench.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the node, as far as a conversation knows it ---- */

struct dps_options options;
struct dps_lane_command commands[COMMANDS_MAX];
unsigned int commands_count;
uint32_t opened_path;
struct dps_live *live;
struct dps_loop loop;

void dps_node_command(struct dps_node *node, const struct dps_lane_command *command)
{
	(void)node;
	assert_true(commands_count < COMMANDS_MAX);
	commands[commands_count++] = *command;
}

void dps_node_read_snapshot(struct dps_node *node, struct dps_lane_snapshot *snapshot)
{
	(void)node;
	memset(snapshot, 0, sizeof(*snapshot));
}

uint32_t dps_node_lanes_count(const struct dps_node *node)
{
	(void)node;
	return 1;
}

void dps_node_read_lane(struct dps_node *node, uint32_t index, struct dps_lane_snapshot *snapshot)
{
	(void)index;
	dps_node_read_snapshot(node, snapshot);
}

bool dps_node_read_channel(struct dps_node *node, uint32_t channel, uint32_t generation,
			   struct dps_channel_state *state)
{
	(void)node;
	(void)channel;
	(void)generation;
	(void)state;
	return false;
}

uint32_t dps_node_queues(const struct dps_node *node)
{
	(void)node;
	return DPS_MESSAGE_QUEUES_NONE;
}

uint32_t dps_node_chunk_bytes(const struct dps_node *node)
{
	(void)node;
	return 65536;
}

const struct dps_options *dps_node_options(const struct dps_node *node)
{
	(void)node;
	return &options;
}

struct dps_live *dps_node_live(struct dps_node *node)
{
	(void)node;
	return live;
}

struct dps_worker *dps_node_worker(struct dps_node *node)
{
	(void)node;
	return NULL;
}

struct dps_loop *dps_node_loop(struct dps_node *node)
{
	(void)node;
	return &loop;
}

uint64_t dps_node_now_ns(struct dps_node *node)
{
	(void)node;
	return DPS_NS_PER_S;
}

int dps_node_reserve_path(struct dps_node *node, uint32_t stripes, uint64_t *connection_id)
{
	(void)node;
	(void)stripes;
	(void)connection_id;
	return -1;
}

static struct dps_peer_trust trust; /* in the clear: paths have no keys */
static const struct dps_exporter_peer peer = { .trust = &trust };

const char *dps_node_seal_name(const struct dps_node *node)
{
	(void)node;
	return "clear";
}

int dps_node_open_path(struct dps_node *node, uint32_t path, const struct dps_message_hello *hello,
		       const struct dps_socket_address *peer, const struct dps_peer_keys *keys)
{
	assert_non_null(keys->trust);
	(void)node;
	(void)hello;
	(void)peer;
	opened_path = path;
	return 0;
}

void dps_node_fill_hello(struct dps_node *node, uint32_t path, struct dps_message_hello *hello,
			 enum dps_role role, uint64_t connection_id, uint64_t epoch)
{
	(void)node;
	(void)path;
	(void)hello;
	(void)role;
	(void)connection_id;
	(void)epoch;
}

void dps_node_set_listener(struct dps_node *node, const struct dps_node_listener *listener)
{
	(void)node;
	(void)listener;
}

int dps_node_turn(struct dps_node *node, uint64_t until_ns)
{
	(void)node;
	(void)until_ns;
	return -1;
}

void dps_node_stop(struct dps_node *node, uint32_t reason)
{
	(void)node;
	(void)reason;
}

/* ---- an exporter in the middle of a transfer ---- */

int set_up(void **state)
{
	const struct dps_socket_address nowhere = { .bytes = 0 };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_exporter *exporter = &fixture->exporter;
	int ends[2];

	options = (struct dps_options){ .reconnect_timeout_ns = 30 * DPS_NS_PER_S };
	dps_clock_init_real(&fixture->clock);
	assert_int_equal(dps_loop_init(&loop, &fixture->clock, NULL), 0);
	exporter->options = &options;
	exporter->parked_at_ns = exporter->detached_at_ns = DPS_NEVER_NS;
	exporter->epoch = EPOCH;
	exporter->export.number = 1;
	exporter->export.is_live = true;
	exporter->dialer.fd = -1;
	commands_count = 0;
	opened_path = 0;
	exporter->path = PATH;
	exporter->has_path = exporter->is_path_said = exporter->is_path_open = true;
	exporter->export.link = &exporter->link;
	exporter->export.report = &exporter->report;
	strcpy(exporter->peer_name, "collector");
	exporter->peer = &peer;
	dps_report_init(&exporter->report, stdout, stderr, false, true);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	fixture->collector = ends[1];
	exporter->link.on_message = dps_exporter_on_message;
	exporter->link.on_closed = dps_exporter_on_closed;
	exporter->link.context = exporter;
	assert_int_equal(dps_peer_link_open(&exporter->link, &loop,
					    dps_socket_create_tcp(ends[0], &nowhere)),
			 0);
	dps_exporter_enter(exporter, DPS_EXPORTER_MOVING, DPS_NEVER_NS);
	*state = fixture;
	return 0;
}

int tear_down(void **state)
{
	struct fixture *fixture = *state;

	dps_peer_link_close(&fixture->exporter.link);
	close(fixture->collector);
	dps_loop_fini(&loop);
	free(fixture);
	return 0;
}
