/* SPDX-License-Identifier: BSD-3-Clause */
/* Node paths: on which lanes they are, where their packets come to, and what peers hear of them. */
#include "apps/dpdk-streamd/node_state.h"
#include "drivers/ethdev/ethdev_port.h"
#include "drivers/log/log.h"
#include "drivers/way/way.h"
#include <dps/assert.h>
#include <dps/version.h>
#include <errno.h>

enum {
	SHARED_CORE_PROBE_FLOOR_MS = 5,
	OWN_CORE_PROBE_FLOOR_MS = 1,
	SILENCE_S_MIN = 1,
	SILENCE_S_MAX = 30,
};

/* Where the fewest paths are. A live source is one lane's. */
static uint32_t least_loaded(const struct dps_node *node)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < node->lanes_count && !node->lanes[0].live; i++)
		if (node->lanes[i].paths_count < node->lanes[best].paths_count)
			best = i;
	return best;
}

/* As many as there are lanes free to reserve on, from the first; in names. */
static uint32_t reserve(struct dps_node *node, uint32_t stripes, uint32_t *names,
			uint64_t *connection_id)
{
	uint32_t first = least_loaded(node), count = 0;

	for (; count < stripes; count++) {
		struct dps_node_lane *lane = &node->lanes[(first + count) % node->lanes_count];
		uint64_t other;
		int path = dps_node_lane_reserve_path(lane, count == 0 ? connection_id : &other);

		if (path < 0)
			break;
		names[count] = (uint32_t)path;
	}
	return count;
}

int dps_node_reserve_path(struct dps_node *node, uint32_t stripes, uint64_t *connection_id)
{
	uint32_t names[DPS_NODE_LANES_MAX], count;

	if (stripes > node->lanes_count)
		stripes = node->lanes_count;
	if (node->lanes[0].live)
		stripes = 1;
	count = reserve(node, stripes, names, connection_id);
	if (count < stripes) {
		while (count > 0)
			dps_node_command_one(node, &(struct dps_lane_command){
							   .type = DPS_COMMAND_CLOSE_PATH,
							   .path = names[--count],
						   });
		return -EAGAIN;
	}
	for (uint32_t i = 0; i < count && node->lanes_count > 1; i++)
		dps_log("lane", DPS_LOG_INFO, "lane %u has a path more, %u now",
			dps_node_lane_of_path(names[i]),
			node->lanes[dps_node_lane_of_path(names[i])].paths_count);
	if (stripes > 1)
		dps_stripes_add_path(&node->stripes, names, stripes);
	return (int)names[0];
}

uint32_t dps_node_queues(const struct dps_node *node)
{
	return node->port.faces_peer ? node->port.count : DPS_MESSAGE_QUEUES_NONE;
}

/* NULL when it was closed or lost. */
static struct dps_node_path *find_path(struct dps_node *node, uint32_t path)
{
	return dps_node_lane_find_path(&node->lanes[dps_node_lane_of_path(path)], path);
}

static const struct dps_port *port_of(const struct dps_node *node, uint32_t path)
{
	uint32_t index = dps_node_lane_of_path(path);

	DPS_ASSERT(index < node->lanes_count);
	return node->lanes[index].port;
}

const char *dps_node_seal_name(const struct dps_node *node)
{
	return node->options->is_clear ? "clear" : dps_aead_cipher_name(node->options->cipher);
}

void dps_node_fill_hello(struct dps_node *node, uint32_t path, struct dps_message_hello *hello,
			 enum dps_role role, uint64_t connection_id, uint64_t epoch)
{
	static const char *const discards[] = { "discard" };
	const struct dps_port *port = port_of(node, path);
	uint32_t names[DPS_STRIPES_MAX];
	uint32_t count = dps_stripes_path_members(&node->stripes, path, names);

	*hello = (struct dps_message_hello){
		.version_min = DPS_MESSAGE_VERSION,
		.version_max = DPS_MESSAGE_VERSION,
		.role = role,
		.software = "dpdk-streamd " DPS_VERSION_TEXT,
		.seal = dps_node_seal_name(node),
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
	for (uint32_t i = 0; i < count; i++) {
		const struct dps_node_path *own = find_path(node, names[i]);

		if (own && i == 0)
			hello->address.udp_port = own->udp_port;
		else if (own)
			hello->more_paths.items[hello->more_paths.count++] =
				(struct dps_message_way){ .connection_id = own->connection_id,
							  .udp_port = own->udp_port };
	}
	hello->address.mtu = (uint16_t)(port->mtu < UINT16_MAX ? port->mtu : UINT16_MAX);
}

void dps_node_steer_path(struct dps_node *node, uint32_t path,
			 const struct dps_message_hello *hello)
{
	uint32_t names[DPS_STRIPES_MAX];
	uint32_t count = dps_stripes_path_members(&node->stripes, path, names);

	for (uint32_t i = 0; i < count && i <= hello->more_paths.count; i++) {
		const struct dps_port *bare = node->port.bare[dps_node_lane_of_path(names[i])];
		struct dps_node_path *own = find_path(node, names[i]);
		struct dps_address from = hello->address;

		if (i > 0)
			from.udp_port = hello->more_paths.items[i - 1].udp_port;
		if (own && bare && from.family != DPS_ADDRESS_NONE)
			own->udp_port = dps_ethdev_choose_port(bare, &from);
	}
}

/* A way that is dead for so long is tried anew, however long the peer is waited for. */
static uint64_t silence_ns(const struct dps_options *options)
{
	const uint64_t min_ns = SILENCE_S_MIN * DPS_NS_PER_S, max_ns = SILENCE_S_MAX * DPS_NS_PER_S;

	if (options->reconnect_timeout_ns < min_ns)
		return min_ns;
	return options->reconnect_timeout_ns < max_ns ? options->reconnect_timeout_ns : max_ns;
}

/* One of so many; the rate that was asked for is that of all. */
static void open_one(struct dps_node *node, uint32_t path, uint32_t paths_count,
		     const struct dps_message_way *way, const struct dps_message_hello *hello,
		     const struct dps_socket_address *peer, struct dps_seal *seal)
{
	const struct dps_options *options = node->options;
	struct dps_lane_command command = {
		.type = DPS_COMMAND_OPEN_PATH,
		.path = path,
		.open_path.seal = seal,
	};
	struct dps_address *address = &command.open_path.address;
	const struct dps_node_path *own = find_path(node, path);

	dps_way_find(&hello->address, &peer->storage, address);
	address->udp_port = way->udp_port;
	address->from_udp_port = own ? own->udp_port : 0;
	command.open_path.config = (struct dps_path_config){
		.remote_connection_id = way->connection_id,
		.datagram_bytes = dps_way_datagram_bytes(port_of(node, path), &hello->address,
							 hello->payload_bytes, address->family),
		.congestion_mode = options->cc == DPS_CC_FIXED,
		.challenge = dps_way_make_challenge(),
		.rate_bytes_per_s = options->rate_bits_per_s
					    ? options->rate_bits_per_s / 8 / paths_count
					    : UINT64_MAX,
		.probe_floor_ns =
			(options->cores ? OWN_CORE_PROBE_FLOOR_MS : SHARED_CORE_PROBE_FLOOR_MS) *
			DPS_NS_PER_MS,
		.silence_ns = silence_ns(options),
	};
	dps_node_command_one(node, &command);
}

/* All of them or none: a stripe without keys is no path. */
static int make_seals(struct dps_node *node, const uint32_t *names, uint32_t count,
		      const struct dps_message_hello *hello, const struct dps_peer_keys *keys,
		      struct dps_seal **seals)
{
	int result = 0;

	for (uint32_t i = 0; i < count && result == 0; i++) {
		const struct dps_node_path *own = find_path(node, names[i]);
		uint64_t peer_id = i == 0 ? hello->connection_id
					  : hello->more_paths.items[i - 1].connection_id;

		seals[i] = NULL;
		/* One that was lost meanwhile is not opened: its keys are of nobody. */
		result = dps_peer_trust_make_seal(keys, own ? own->connection_id : 0, peer_id,
						  &seals[i]);
		while (result < 0 && i > 0)
			if (seals[--i])
				seals[i]->destroy(seals[i]);
	}
	return result;
}

/* Both sides have as many paths as the one with fewer. */
int dps_node_open_path(struct dps_node *node, uint32_t path, const struct dps_message_hello *hello,
		       const struct dps_socket_address *peer, const struct dps_peer_keys *keys)
{
	struct dps_message_way way = { .connection_id = hello->connection_id,
				       .udp_port = hello->address.udp_port };
	uint32_t names[DPS_STRIPES_MAX], count;
	struct dps_seal *seals[DPS_STRIPES_MAX];
	int result;

	dps_stripes_trim_path(&node->stripes, path, 1 + hello->more_paths.count);
	count = dps_stripes_path_members(&node->stripes, path, names);
	result = make_seals(node, names, count, hello, keys, seals);
	for (uint32_t i = 0; i < count && result == 0; i++) {
		open_one(node, names[i], count, &way, hello, peer, seals[i]);
		if (i < hello->more_paths.count)
			way = hello->more_paths.items[i];
	}
	return result;
}
