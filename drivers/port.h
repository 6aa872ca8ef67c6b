/* SPDX-License-Identifier: BSD-3-Clause */
/* Port: a place to receive and send UDP datagrams in bursts; DPDK, kernel sockets, or simulated. */
#pragma once
#include <dps/datagram.h>
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_port_limits {
	DPS_PORT_BURST = 32,	    /* most datagrams of one receive or send */
	DPS_PORT_HEAD_BYTES = 1536, /* most bytes of dps_outgoing.head */
};

struct dps_port_counters {
	uint64_t received_datagrams;
	uint64_t received_bytes;
	uint64_t sent_datagrams;
	uint64_t sent_bytes;
	uint64_t dropped_no_buffer;  /* arrived and lost for want of memory */
	uint64_t dropped_malformed;  /* not ours, or broken below UDP */
	uint64_t handed_datagrams;   /* came to this lane's queue, and went on to another lane */
	uint64_t dropped_handed;     /* ... or were lost, as that lane is behind */
	uint64_t refused_sends;	     /* the device or kernel took less than was offered */
	uint64_t impaired_datagrams; /* lost or damaged by the fault port, in both directions */
	uint64_t send_errors;	     /* datagrams the kernel refused for good (e.g. unreachable) */
};

/* What a port takes its buffers from. */
enum dps_port_pool_name {
	DPS_PORT_POOL_RX,
	DPS_PORT_POOL_HEAD, /* of datagrams to be sent */
	DPS_PORT_POOL_BODY,
	DPS_PORT_POOLS_COUNT,
};

struct dps_port_pool {
	uint64_t count;	   /* 0: the port has no such pool */
	uint64_t free_low; /* of them were free when there were least */
};

struct dps_port;

/* Every function but allocate is called by the port's lane only. */
struct dps_port_ops {
	/* Fills at most room (<= DPS_PORT_BURST) datagrams; 0 when there is none. Never blocks. */
	unsigned int (*receive)(struct dps_port *port, struct dps_incoming *incoming,
				unsigned int room);
	/* Gives back all datagrams of the last receive. */
	void (*release)(struct dps_port *port, struct dps_incoming *incoming, unsigned int count);
	/*
	 * Makes room in memory of the port's own for the bodies of the first n of count datagrams,
	 * which then leave from there without a copy, and returns n; 0 while there is none. Sets
	 * owner of each, and room (for body_bytes; head and remote stay as they are) of those with
	 * a body. What was made
	 * room for is sent, as often as it takes, or forgone. NULL where bodies leave from where
	 * they lie, or are copied in any case.
	 */
	unsigned int (*reserve)(struct dps_port *port, struct dps_outgoing *outgoing,
				unsigned int count);
	/* What was reserved for these is the port's again; they will not be sent. With reserve. */
	void (*forgo)(struct dps_port *port, const struct dps_outgoing *outgoing,
		      unsigned int count);
	/*
	 * Takes the first n of count datagrams and returns n; the caller offers the rest again.
	 * The token of each that has a body is given back through on_released, those that are the
	 * same and come together perhaps at once.
	 * A datagram to a remote that is not resolved yet counts as taken and is dropped.
	 */
	unsigned int (*send)(struct dps_port *port, const struct dps_outgoing *outgoing,
			     unsigned int count);
	/* Housekeeping (resolve, answer ARP, link, reopen, late frees); often, cheap when idle. */
	void (*poll)(struct dps_port *port, uint64_t now_ns);
	/*
	 * Sleeps at most so long, and no longer once a datagram is there or, after a send that was
	 * not taken whole, room for one. NULL where nothing but polling tells.
	 */
	void (*wait)(struct dps_port *port, uint64_t most_ns);
	/* Whether the link is up and datagrams may get through. */
	bool (*is_up)(const struct dps_port *port);
	/* Names a destination. Returns its index >= 0, or -errno (-ENOSPC: too many). */
	int (*add_remote)(struct dps_port *port, const struct dps_address *address);
	void (*remove_remote)(struct dps_port *port, uint32_t remote);
	/* Sends to it from another UDP port from now on. NULL where there is no choice. */
	void (*turn_remote)(struct dps_port *port, uint32_t remote);
	/*
	 * Memory that bodies leave from where they lie, for the life of the port: page-aligned,
	 * registered with the device, in hugepages where there are any. NULL when there is not
	 * enough. Before the lane starts. Bodies may lie elsewhere, too: what the device cannot
	 * read there is copied as it is sent, and its token given back at once.
	 */
	void *(*allocate)(struct dps_port *port, size_t bytes);
	void (*close)(struct dps_port *port);
};

/* Embedded as the first member of every concrete port. */
struct dps_port {
	const struct dps_port_ops *ops;
	const char *name;	  /* as the user wrote it, for messages */
	struct dps_address local; /* what peers send to; complete once the port is open */
	uint32_t mtu;		  /* largest IP packet */
	struct dps_port_counters counters;
	struct dps_port_pool pools[DPS_PORT_POOLS_COUNT];
	/* Set by the lane: the port is done with the bodies of so many datagrams of this token. */
	void (*on_released)(void *context, uint32_t token, uint32_t count);
	void *released_context;
};

/* For ports that are done with bodies as soon as they are taken: gives back those of so many. */
static inline void dps_port_release_bodies(struct dps_port *port, const struct dps_outgoing *taken,
					   unsigned int count)
{
	unsigned int i = 0;

	while (i < count) {
		uint32_t token = taken[i].token, bodies = 0;

		for (; i < count && taken[i].token == token; i++)
			bodies += taken[i].body != NULL;
		if (bodies > 0)
			port->on_released(port->released_context, token, bodies);
	}
}

/*
 * UDP payload that fits one packet of the port to this family of address. Peers say MTUs, too: none
 * fits one that is too small for its headers.
 */
static inline uint32_t dps_port_datagram_bytes(uint32_t mtu, uint8_t family)
{
	const uint32_t header_bytes = (family == DPS_ADDRESS_IPV6 ? 40 : 20) + 8;

	return mtu > header_bytes ? mtu - header_bytes : 0;
}
