/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint port: where data comes and goes, and the lane behind it, turned by who polls. */
#include "drivers/discard/discard.h"
#include "drivers/endpoint/endpoint_state.h"
#include "drivers/lane_state.h"
#include "drivers/ports.h"
#include "drivers/udp/udp.h"
#include "drivers/udp/udp_name.h"
#include <dps/version.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

enum {
	CHUNK_BYTES = 64 << 10, /* of slots that only probes are padded from */
	ROOMS_BYTES = 4 << 20,	/* for what is encrypted and not sent yet */
	ROOM_BYTES_MIN = 2048,
	MAILBOX = 256,
	DISK_DEPTH = 64,
	VLAN_MAX = 4094, /* IEEE 802.1Q keeps 4095 for itself */
};

static int open_socket(struct dps_endpoint *endpoint, char *why)
{
	const struct dps_endpoint_config *config = &endpoint->config;
	/* Any UDP port: the greeting says which. */
	struct dps_udp_options udp = { .name = config->port, .mtu = config->mtu };
	int result = dps_udp_read_name(config->port, &udp.bind, why, DPS_ENDPOINT_WHY_BYTES);

	if (result == 0 && (config->ip != NULL || config->vlan != 0)) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES,
			 "ip and vlan are for ports over DPDK: with %.80s both are the kernel's; "
			 "udp:ADDRESS is one address of this machine",
			 config->port);
		return -EINVAL;
	}
	if (result < 0)
		return result;
	result = dps_udp_open(&udp, &endpoint->port);
	if (result < 0)
		dps_udp_explain(config->port, result, why, DPS_ENDPOINT_WHY_BYTES);
	else
		endpoint->port_source.fd = dps_udp_fd(endpoint->port);
	return result;
}

static int open_other(struct dps_endpoint *endpoint, char *why)
{
	const struct dps_endpoint_config *config = &endpoint->config;
	const struct dps_port_wish wish = {
		.name = config->port,
		.ip = config->ip,
		.vlan = config->vlan,
		.mtu = config->mtu,
		.is_server = config->listen != NULL,
		.is_sealed = !config->is_clear,
		.memory_bytes = dps_endpoint_port_bytes(config),
	};

	if (config->ports == NULL) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES,
			 "\"%.80s\" is no port of this library: udp, or udp:ADDRESS; those over "
			 "DPDK are dpdk-stream-ethdev's (config.ports)",
			 config->port);
		return -EINVAL;
	}
	if (config->ports->version != DPS_VERSION_NUMBER) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES,
			 "the library of the port %.80s is of another release than this one; "
			 "install both of one",
			 config->port);
		return -EINVAL;
	}
	if (config->vlan > VLAN_MAX) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "vlan %u is no tag: 1 to %d, or 0 for none",
			 config->vlan, VLAN_MAX);
		return -EINVAL;
	}
	endpoint->is_port_polled = true;
	return config->ports->open(&wish, &endpoint->port, why, DPS_ENDPOINT_WHY_BYTES);
}

static uint32_t room_bytes_of(const struct dps_port *port)
{
	uint32_t bytes = ROOM_BYTES_MIN;

	while (bytes < port->mtu && bytes < DPS_PAYLOAD_BYTES_MAX)
		bytes *= 2;
	return bytes;
}

/* No files are moved: as little of everything as an engine has, but paths. */
static void init_limits(const struct dps_endpoint_config *config, struct dps_limits *limits)
{
	dps_limits_init(limits, 0, CHUNK_BYTES);
	/* Two a peer, as one may be coming up while the other goes, those of guests, some ahead. */
	limits->paths = 2 * config->peers + DPS_ENDPOINT_GUESTS_MAX + 4;
	limits->channels = 1;
	limits->extents = 8;
}

static size_t blocks_bytes(const struct dps_streams_config *streams)
{
	return ((size_t)streams->send_blocks + streams->receive_blocks) * streams->block_bytes;
}

size_t dps_endpoint_port_bytes(const struct dps_endpoint_config *config)
{
	struct dps_limits limits;

	if (config == NULL)
		return 0;
	init_limits(config, &limits);
	return blocks_bytes(&config->streams) * config->peers + (size_t)limits.slots * CHUNK_BYTES +
	       (config->is_clear ? 0 : ROOMS_BYTES);
}

static int make_lane(struct dps_endpoint *endpoint)
{
	struct dps_port *port = endpoint->port;
	struct dps_lane_config config = {
		.port = port,
		.disk = endpoint->disk,
		.clock = &endpoint->clock,
		.seal = &endpoint->clear,
		.commands = MAILBOX,
		.events = MAILBOX,
	};

	init_limits(&endpoint->config, &config.limits);
	config.slots = port->ops->allocate(port, (size_t)config.limits.slots * CHUNK_BYTES);
	if (config.slots == NULL)
		return -ENOMEM;
	if (!endpoint->config.is_clear && port->ops->reserve == NULL) {
		config.room_bytes = room_bytes_of(port);
		config.rooms_count = ROOMS_BYTES / config.room_bytes;
		config.rooms = port->ops->allocate(port, ROOMS_BYTES);
		if (config.rooms == NULL)
			return -ENOMEM;
	}
	if (getrandom(&config.seed, sizeof(config.seed), 0) != sizeof(config.seed))
		return -EIO;
	dps_seal_init_clear(&endpoint->clear);
	endpoint->lane = dps_lane_create(&config);
	return endpoint->lane == NULL ? -ENOMEM : 0;
}

/* Every peer has its blocks from the start: a port may want to know them before the lane runs. */
static int make_blocks(struct dps_endpoint *endpoint)
{
	struct dps_port *port = endpoint->port;
	size_t bytes = blocks_bytes(&endpoint->config.streams);
	uint8_t *all = port->ops->allocate(port, bytes * endpoint->config.peers);

	if (all == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < endpoint->config.peers; i++)
		endpoint->members[i].blocks = all + i * bytes;
	return 0;
}

/* The lane reads it; what is here only ends a wait. */
static void on_port(void *context, uint32_t events, uint64_t now_ns)
{
	(void)context;
	(void)events;
	(void)now_ns;
}

/* Who can tell when something arrives is waited for. */
static int watch_port(struct dps_endpoint *endpoint)
{
	if (endpoint->is_port_polled)
		return 0;
	endpoint->port_source.wants = EPOLLIN;
	endpoint->port_source.on_ready = on_port;
	endpoint->port_source.context = endpoint;
	return dps_loop_add(&endpoint->loop, &endpoint->port_source);
}

static void say_why(const struct dps_endpoint *endpoint, int error, char *why)
{
	if (error == -ENOMEM && endpoint->is_port_polled)
		snprintf(why, DPS_ENDPOINT_WHY_BYTES,
			 "the port %.80s has not the %zu MiB that the endpoint needs: give DPDK "
			 "more memory (-m), or have fewer peers or blocks",
			 endpoint->config.port,
			 (dps_endpoint_port_bytes(&endpoint->config) >> 20) + 1);
	else
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "the engine cannot be set up: %s",
			 strerror(-error));
}

int dps_endpoint_open_port(struct dps_endpoint *endpoint, char *why)
{
	const struct dps_endpoint_config *config = &endpoint->config;
	int result = dps_udp_is_name(config->port) ? open_socket(endpoint, why)
						   : open_other(endpoint, why);

	if (result < 0)
		return result;
	result = dps_discard_open(DISK_DEPTH, &endpoint->disk);
	if (result == 0)
		result = make_blocks(endpoint);
	if (result == 0)
		result = make_lane(endpoint);
	if (result == 0)
		result = watch_port(endpoint);
	if (result == 0)
		(void)dps_lane_turn(endpoint->lane); /* paths can be reserved from now on */
	else
		say_why(endpoint, result, why);
	return result;
}

/* A port that kept bodies to its end gives them back as it goes, when nobody waits for them. */
static void on_late_release(void *context, uint32_t token, uint32_t count)
{
	(void)context;
	(void)token;
	(void)count;
}

/* Paths that were to be opened bring their keys, which the lane lets go of. */
static void do_commands(struct dps_lane *lane)
{
	struct dps_lane_event event;

	for (unsigned int i = 0; i < MAILBOX && dps_mailbox_room(&lane->commands) < MAILBOX; i++) {
		(void)dps_lane_turn(lane);
		while (dps_lane_take_events(lane, &event, 1) > 0)
			;
	}
}

void dps_endpoint_close_port(struct dps_endpoint *endpoint)
{
	dps_loop_remove(&endpoint->loop, &endpoint->port_source);
	if (endpoint->lane)
		do_commands(endpoint->lane);
	if (endpoint->port)
		endpoint->port->on_released = on_late_release;
	if (endpoint->lane)
		dps_lane_destroy(endpoint->lane);
	if (endpoint->disk)
		endpoint->disk->ops->close(endpoint->disk);
	if (endpoint->port)
		endpoint->port->ops->close(endpoint->port);
	endpoint->lane = NULL;
	endpoint->disk = NULL;
	endpoint->port = NULL;
}
