/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/ethdev_port.h"
#include "drivers/ethdev/ethdev_private.h"
#include "drivers/ethdev/heap_file.h"
#include <dps/assert.h>
#include <errno.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	HOUSEKEEPING_MS = 1,
	LINK_LOOK_MS = 100, /* where looking is a system call or a register of the NIC */
	STATISTICS_MS = 500,
};

static bool ethdev_is_up(const struct dps_port *port)
{
	return ((const struct ethdev *)port)->is_up;
}

static int ethdev_add_remote(struct dps_port *port, const struct dps_address *address)
{
	struct ethdev *ethdev = ethdev_of(port);
	struct ethdev_remote *remote;
	uint32_t index = 0, mtu = ethdev->port.mtu;

	if (address->family != ethdev->self.address.family)
		return -EAFNOSUPPORT;
	if (!dps_subnet_contains(&ethdev->subnet, address->ip))
		return -ENETUNREACH;
	if (memcmp(address->ip, ethdev->self.address.ip,
		   address->family == DPS_ADDRESS_IPV6 ? 16 : 4) == 0)
		return -EADDRINUSE;
	while (index < DPS_ETHDEV_REMOTES_MAX && ethdev->remotes[index].is_used)
		index++;
	if (index == DPS_ETHDEV_REMOTES_MAX)
		return -ENOSPC;
	if (index == ethdev->remotes_end)
		ethdev->remotes_end++;
	if (address->mtu != 0 && address->mtu < mtu)
		mtu = address->mtu;
	remote = &ethdev->remotes[index];
	remote->is_used = true;
	remote->datagram_bytes_max = dps_port_datagram_bytes(mtu, address->family);
	remote->is_fixed = address->has_mac != 0;
	remote->address = *address;
	dps_resolution_init(&remote->resolution, remote->is_fixed, ethdev->now_ns);
	dps_frame_template_init(&remote->template, &ethdev->self, address,
				address->family == DPS_ADDRESS_IPV6 ? ethdev->checksum_ipv6
								    : ethdev->checksum_ipv4);
	/* Ask at the next poll rather than at the next housekeeping. */
	if (!remote->is_fixed)
		ethdev->housekeeping_at_ns = 0;
	return (int)index;
}

static void ethdev_remove_remote(struct dps_port *port, uint32_t remote)
{
	struct ethdev *ethdev = ethdev_of(port);

	DPS_ASSERT(remote < DPS_ETHDEV_REMOTES_MAX && ethdev->remotes[remote].is_used);
	ethdev->remotes[remote].is_used = false;
	while (ethdev->remotes_end > 0 && !ethdev->remotes[ethdev->remotes_end - 1].is_used)
		ethdev->remotes_end--;
}

static void ethdev_turn_remote(struct dps_port *port, uint32_t index)
{
	struct ethdev *ethdev = ethdev_of(port);
	struct ethdev_remote *remote = &ethdev->remotes[index];
	uint16_t first = ethdev->self.address.udp_port;
	uint16_t now = remote->address.from_udp_port != 0 ? remote->address.from_udp_port : first;

	DPS_ASSERT(index < DPS_ETHDEV_REMOTES_MAX && remote->is_used);
	remote->address.from_udp_port =
		(uint16_t)(first + (uint16_t)(now - first + 1) % DPS_ETHDEV_UDP_PORTS);
	dps_frame_template_init(&remote->template, &ethdev->self, &remote->address,
				remote->address.family == DPS_ADDRESS_IPV6 ? ethdev->checksum_ipv6
									   : ethdev->checksum_ipv4);
}

bool dps_ethdev_is_resolved(const struct dps_port *port, uint32_t remote)
{
	const struct ethdev *ethdev = (const struct ethdev *)port;

	DPS_ASSERT(remote < DPS_ETHDEV_REMOTES_MAX && ethdev->remotes[remote].is_used);
	return ethdev->remotes[remote].resolution.is_resolved;
}

/* ip NULL: announce ourselves. */
static void ask_or_announce(struct ethdev *ethdev, const uint8_t *ip)
{
	struct rte_mbuf *frame = rte_pktmbuf_alloc(ethdev->control_pool);
	uint32_t bytes;

	if (frame == NULL)
		return;
	bytes = ip != NULL
			? dps_neighbour_ask(&ethdev->self, ip, rte_pktmbuf_mtod(frame, uint8_t *))
			: dps_neighbour_announce(&ethdev->self, rte_pktmbuf_mtod(frame, uint8_t *));
	frame->data_len = (uint16_t)bytes;
	frame->pkt_len = bytes;
	ethdev_send_control(ethdev, frame);
}

/* Only one lane asks the device. */
static bool look_at_link(struct ethdev *ethdev)
{
	struct ethdev *leader = ethdev->leader;
	bool is_up;

	if (ethdev != leader)
		return ethdev->is_started &&
		       atomic_load_explicit(&leader->is_link_up, memory_order_relaxed);
	is_up = ethdev_device_is_up(ethdev);
	/* relaxed: nothing depends on it; a burst into a link that is down is lost */
	atomic_store_explicit(&leader->is_link_up, is_up, memory_order_relaxed);
	return is_up;
}

static void poll_link(struct ethdev *ethdev)
{
	bool is_up = look_at_link(ethdev);

	if (is_up == ethdev->is_up)
		return;
	ethdev->is_up = is_up;
	if (!is_up) {
		ethdev_drop_unsent(ethdev);
		return;
	}
	ask_or_announce(ethdev, NULL);
	for (uint32_t i = 0; i < ethdev->remotes_end; i++)
		if (ethdev->remotes[i].is_used && !ethdev->remotes[i].is_fixed)
			ethdev->remotes[i].resolution.ask_at_ns = ethdev->now_ns;
}

static void poll_remotes(struct ethdev *ethdev)
{
	for (uint32_t i = 0; i < ethdev->remotes_end; i++) {
		struct ethdev_remote *remote = &ethdev->remotes[i];

		if (remote->is_used && ethdev->is_up &&
		    dps_resolution_is_due(&remote->resolution, ethdev->now_ns))
			ask_or_announce(ethdev, remote->address.ip);
	}
}

static void poll_statistics(struct ethdev *ethdev)
{
	struct rte_eth_stats statistics;
	uint64_t dropped;
	int err;

	ethdev_enter(ethdev);
	err = rte_eth_stats_get(ethdev->id, &statistics);
	ethdev_leave(ethdev);
	if (err != 0)
		return;
	dropped = statistics.imissed + statistics.rx_nombuf;
	/* A device that starts anew counts anew. */
	if (dropped > ethdev->dropped_before)
		ethdev->port.counters.dropped_no_buffer += dropped - ethdev->dropped_before;
	ethdev->dropped_before = dropped;
}

static void ethdev_poll(struct dps_port *port, uint64_t now_ns)
{
	struct ethdev *ethdev = ethdev_of(port);

	ethdev->now_ns = now_ns;
	if (ethdev->leader != ethdev)
		ethdev_follow(ethdev);
	if (ethdev->unsent_count != 0)
		ethdev_send_unsent(ethdev);
	if (now_ns < ethdev->housekeeping_at_ns)
		return;
	ethdev->housekeeping_at_ns = now_ns + HOUSEKEEPING_MS * DPS_NS_PER_MS;
	if (ethdev->is_memif || ethdev->leader != ethdev || now_ns >= ethdev->link_at_ns) {
		ethdev->link_at_ns = now_ns + LINK_LOOK_MS * DPS_NS_PER_MS;
		poll_link(ethdev);
	}
	ethdev_memif_poll(ethdev, now_ns);
	poll_remotes(ethdev);
	if (ethdev->can_clean && ethdev->is_started &&
	    ethdev->bodies_free_count != ethdev->bodies_count)
		rte_eth_tx_done_cleanup(ethdev->id, ethdev->queue, 0);
	if (ethdev->leader == ethdev && ethdev->is_started && now_ns >= ethdev->statistics_at_ns) {
		ethdev->statistics_at_ns = now_ns + STATISTICS_MS * DPS_NS_PER_MS;
		poll_statistics(ethdev);
	}
}

static void free_view(struct ethdev *ethdev)
{
	ethdev_release_bodies(ethdev);
	if (ethdev->is_memif)
		dps_gate_remove(&ethdev->gate);
	ethdev_pools_free(ethdev);
	ethdev_areas_free(ethdev);
	free(ethdev->bodies);
	free(ethdev->bodies_free);
	free(ethdev);
}

/* Buffers of each view may be with the device, or with another view: all go together. */
static void close_device(struct ethdev *leader)
{
	if (leader->is_server && leader->is_hotplugged)
		ethdev_memif_withdraw(leader);
	ethdev_device_detach(leader);
	ethdev_queues_free(leader);
	if (leader->groups_fd >= 0)
		close(leader->groups_fd);
	for (uint16_t i = leader->queues_count; i > 0; i--)
		free_view(leader->views[i - 1]);
}

static void ethdev_close(struct dps_port *port)
{
	struct ethdev *ethdev = ethdev_of(port);

	ethdev_drop_unsent(ethdev);
	if (--ethdev->leader->open_count == 0)
		close_device(ethdev->leader);
}

static const struct dps_port_ops ethdev_ops = {
	.receive = ethdev_receive,
	.release = ethdev_release,
	.reserve = ethdev_reserve,
	.forgo = ethdev_forgo,
	.send = ethdev_send,
	.poll = ethdev_poll,
	.is_up = ethdev_is_up,
	.add_remote = ethdev_add_remote,
	.remove_remote = ethdev_remove_remote,
	.turn_remote = ethdev_turn_remote,
	.allocate = ethdev_allocate,
	.close = ethdev_close,
};

static void set_lending(struct ethdev *leader, bool is_sealed)
{
	for (uint16_t i = 0; i < leader->queues_count; i++) {
		struct ethdev *view = leader->views[i];

		view->lends_rooms = is_sealed && !view->is_zero_copy;
		view->ops = ethdev_ops;
		if (!view->lends_rooms) {
			view->ops.reserve = NULL;
			view->ops.forgo = NULL;
		}
		view->port.ops = &view->ops;
	}
}

static int create_bodies(struct ethdev *ethdev)
{
	uint32_t count = ethdev->descriptors + 4u * DPS_PORT_BURST;

	ethdev->bodies = calloc(count, sizeof(*ethdev->bodies));
	ethdev->bodies_free = calloc(count, sizeof(*ethdev->bodies_free));
	if (ethdev->bodies == NULL || ethdev->bodies_free == NULL)
		return -ENOMEM;
	ethdev->bodies_count = count;
	for (uint32_t i = 0; i < count; i++) {
		ethdev->bodies[i].owner = ethdev;
		ethdev->bodies_free[ethdev->bodies_free_count++] = count - 1 - i;
	}
	return 0;
}

static int create_pools(struct ethdev *leader)
{
	int socket = leader->is_attached ? rte_eth_dev_socket_id(leader->id) : SOCKET_ID_ANY;
	int err = 0;

	for (uint16_t i = 0; i < leader->queues_count && err == 0; i++)
		err = ethdev_pools_create(leader->views[i], socket);
	return err;
}

static bool are_sharable(const struct ethdev *leader)
{
	uint16_t i = 0;

	while (i < leader->queues_count && ethdev_pools_are_sharable(leader->views[i]))
		i++;
	return i == leader->queues_count;
}

/* What the driver was planned to do with buffers, it can not. */
static void give_up_zero_copy(struct ethdev *leader)
{
	for (uint16_t i = 0; i < leader->queues_count; i++) {
		ethdev_pools_free(leader->views[i]);
		leader->views[i]->is_zero_copy = false;
		leader->views[i]->copies_bodies = false;
	}
}

static int create_memory(struct ethdev *ethdev, bool is_sealed, char *why, size_t why_bytes)
{
	int err;

	set_lending(ethdev, is_sealed);
	err = create_pools(ethdev);
	if (err == 0 && ethdev->is_zero_copy && !are_sharable(ethdev)) {
		give_up_zero_copy(ethdev);
		set_lending(ethdev, is_sealed);
		err = create_pools(ethdev);
	}
	for (uint16_t i = 0; i < ethdev->queues_count && err == 0; i++)
		err = create_bodies(ethdev->views[i]);
	if (err == 0 && ethdev->is_zero_copy)
		dps_heap_file_keep();
	if (err != 0)
		snprintf(why, why_bytes,
			 "%s: DPDK has not enough memory for the port's buffers (%s): give it more "
			 "with `-m`.",
			 ethdev->name.text, strerror(-err));
	return err;
}

static void set_address(struct ethdev *ethdev, const struct dps_ethdev_config *config)
{
	struct dps_address *address = &ethdev->self.address;

	ethdev->subnet = config->subnet;
	if (config->subnet.address.family == DPS_ADDRESS_NONE)
		dps_subnet_from_mac(&ethdev->subnet, address->mac, ethdev->has_kernel_side);
	address->family = ethdev->subnet.address.family;
	memcpy(address->ip, ethdev->subnet.address.ip, sizeof(address->ip));
	address->udp_port = config->udp_port;
	address->mtu = (uint16_t)ethdev->port.mtu;
	ethdev->self.vlan = config->vlan;
	ethdev->self.udp_ports = ethdev->queues_count > 1 ? DPS_ETHDEV_UDP_PORTS : 1;
	ethdev->port.local = *address;
}

static int create_views(struct ethdev *ethdev, uint16_t count, char *why, size_t why_bytes)
{
	int err;

	if (count > DPS_ETHDEV_QUEUES_MAX) {
		snprintf(why, why_bytes, "%s: a port serves at most %d lanes, not %u.",
			 ethdev->name.text, DPS_ETHDEV_QUEUES_MAX, count);
		return -EINVAL;
	}
	err = ethdev_queues_create(ethdev, count);
	if (err != 0)
		snprintf(why, why_bytes, "%s: there is not enough memory.", ethdev->name.text);
	return err;
}

static int share(struct ethdev *ethdev, char *why, size_t why_bytes)
{
	int err = ethdev_queues_connect(ethdev);

	ethdev_queues_adopt(ethdev);

	if (err != 0)
		snprintf(why, why_bytes,
			 "%s: DPDK has not enough memory for the rings between lanes (%s): give it "
			 "more with `-m`.",
			 ethdev->name.text, strerror(-err));
	return err;
}

static int start(struct ethdev *ethdev, char *why, size_t why_bytes)
{
	int err;

	if (ethdev->name.kind == DPS_PORT_MEMIF && !ethdev->is_server) {
		ethdev->search = ETHDEV_SEARCH_WAIT;
		ethdev_ask_out(ethdev);
		for (uint16_t i = 1; i < ethdev->queues_count; i++)
			ethdev_follow(ethdev->views[i]);
		return 0;
	}
	ethdev_enter(ethdev);
	err = rte_eth_dev_start(ethdev->id);
	ethdev_leave(ethdev);
	/* Best effort: without /proc a client must not leave in the middle of its first step. */
	if (ethdev->is_server)
		dps_gate_watch_clients(ethdev->memif_socket);
	for (uint16_t i = 0; i < ethdev->queues_count; i++)
		ethdev->views[i]->is_started = err == 0;
	if (err != 0)
		snprintf(why, why_bytes, "%s: DPDK could not start the device (%s).",
			 ethdev->name.text, strerror(-err));
	else if (ethdev->is_server)
		err = ethdev_memif_publish(ethdev, why, why_bytes);
	if (err == 0)
		ethdev_steering_setup(ethdev);
	return err;
}

int dps_ethdev_open(struct dps_port **ports, const struct dps_ethdev_config *config, char *why,
		    size_t why_bytes)
{
	static uint16_t serial;
	struct ethdev *ethdev = aligned_alloc(64, sizeof(*ethdev));
	uint16_t queues = config->queues != 0 ? config->queues : 1;
	int err;

	if (ethdev == NULL) {
		snprintf(why, why_bytes, "%s: there is not enough memory.", config->name->text);
		return -ENOMEM;
	}
	memset(ethdev, 0, sizeof(*ethdev));
	ethdev->groups_fd = -1;
	ethdev->name = *config->name;
	ethdev->serial = serial;
	serial = (uint16_t)(serial + queues);
	ethdev->port.name = ethdev->name.text;
	ethdev->leader = ethdev->views[0] = ethdev;
	ethdev->queues_count = ethdev->open_count = 1;
	err = ethdev_device_plan(ethdev, config, why, why_bytes);
	if (err == 0)
		err = create_views(ethdev, queues, why, why_bytes);
	/* Whether net_memif may share the buffers must be known before there is a device. */
	if (err == 0 && ethdev->is_memif)
		err = create_memory(ethdev, config->is_sealed, why, why_bytes);
	if (err == 0)
		err = ethdev_device_attach(ethdev, config, why, why_bytes);
	ethdev_queues_adopt(ethdev);
	if (err == 0 && ethdev->rx_pool == NULL)
		err = create_memory(ethdev, config->is_sealed, why, why_bytes);
	if (err == 0)
		err = ethdev_device_configure(ethdev, why, why_bytes);
	if (err == 0) {
		set_address(ethdev, config);
		err = share(ethdev, why, why_bytes);
	}
	if (err == 0)
		err = start(ethdev, why, why_bytes);
	if (err != 0) {
		close_device(ethdev);
		return err;
	}
	for (uint16_t i = 0; i < queues; i++)
		ports[i] = &ethdev->views[i]->port;
	return 0;
}
