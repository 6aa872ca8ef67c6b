/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ethdev port: a queue pair of a DPDK device as a port (drivers/port.h), one for each lane. Bodies
 * go out without a copy where the device reads them itself; ARP, neighbour discovery and echo
 * requests are answered inside. A packet that comes to another queue than its lane's, which its
 * connection id names, is handed over through a ring, without a lock or a copy.
 */
#pragma once
#include "drivers/ethdev/port_name.h"
#include "drivers/port.h"

enum dps_ethdev_limits {
	DPS_ETHDEV_REMOTES_MAX = 256,
	DPS_ETHDEV_QUEUES_MAX = 16,
	DPS_ETHDEV_UDP_PORTS = 256, /* with several queues: from udp_port on, all are ours */
	DPS_ETHDEV_MEMIF_MTU = 9000,
	DPS_ETHDEV_MTU_MIN = 1280, /* of IPv6, RFC 8200 section 5 */
	DPS_ETHDEV_MTU_MAX = 16500,
};

struct dps_ethdev_config {
	const struct dps_port_name *name; /* any kind but DPS_PORT_UDP; borrowed */
	/* memif: the server makes the socket; the client, which receives without a copy, looks for
	 * it. */
	bool is_server;
	/* Its client copies instead, and keeps DPDK's heap to itself: for peers of less trust. */
	bool keeps_heap;
	/* Our own address, never the kernel's; family NONE: IPv6 link-local from the MAC. */
	struct dps_subnet subnet;
	uint16_t vlan;	      /* 1-4094: tag of every frame; 0: untagged */
	uint32_t mtu;	      /* 0: the device's own; memif 9000 */
	uint16_t udp_port;    /* ours */
	uint16_t descriptors; /* of each ring; 0: 256, or what suits the device */
	uint16_t queues;      /* pairs, one for each lane; 0: 1 */
	/*
	 * Bodies are encrypted: the port has reserve and forgo, and buffers of whole frames for
	 * them. A memif client that receives without a copy has neither: it sends next to nothing,
	 * and what its peer may hold of its buffers can not be told when the peer dies.
	 */
	bool is_sealed;
};

/*
 * Opens and starts a device, one port for each of its queue pairs; port i is lane i's, and each is
 * closed. EAL is up (drivers/ethdev/eal.h). A memif client's port opens without
 * its server and comes up during poll(). Main thread; a port then belongs to its lane.
 * The device stops when its last port is closed: no lane runs any more when the first is.
 *
 * Returns 0, or -errno and a sentence in why: which device, what failed, what to do.
 *
 * add_remote returns -ENETUNREACH for an address outside the subnet (there are no gateways),
 * -EAFNOSUPPORT for the other IP version, -EADDRINUSE for our own address, -ENOSPC.
 * While the link is down, datagrams are taken and dropped. on_released is called inside send, poll
 * and close only. A body lies in memory from allocate, in one naturally aligned 2 MiB.
 * A lane should be an EAL lcore or rte_thread_register()ed, so that its buffers are recycled
 * through its own cache.
 */
int dps_ethdev_open(struct dps_port **ports, const struct dps_ethdev_config *config, char *why,
		    size_t why_bytes);

/*
 * The UDP port of ours, for a remote to send to, with which its packets come to this port's queue;
 * where nobody can tell, the port's own. Any thread.
 */
uint16_t dps_ethdev_choose_port(const struct dps_port *port, const struct dps_address *remote);

/* Whether the MAC of a remote is known, so that datagrams to it are sent. The lane's thread. */
bool dps_ethdev_is_resolved(const struct dps_port *port, uint32_t remote);
