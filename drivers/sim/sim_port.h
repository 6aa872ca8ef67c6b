/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim port: a port at one side of a simulated link, as moody as a real device may be. */
#pragma once
#include "drivers/port.h"
#include "drivers/sim/sim_link.h"
#include "drivers/sim/sim_rooms.h"

enum dps_sim_port_limits {
	DPS_SIM_PORT_REMOTES = 64,
	DPS_SIM_PORT_REGIONS = 8, /* from allocate */
};

struct dps_sim_port_config {
	uint32_t mtu;
	uint32_t rx_packets_max; /* of the receive ring; what comes on top is dropped */
	/*
	 * Bodies are held for 0..hold_ns_max, in any order, as by a NIC with deep queues, and are
	 * checked to be unchanged at the end; 0: given back within the send.
	 */
	uint64_t hold_ns_max;
	uint32_t refuse_ppm;	/* a send takes fewer than it could, and none for ... */
	uint64_t refuse_ns_max; /* ... the time after it */
	bool takes_when_down;	/* and loses them, as a kernel socket does; else sends take none */
	/*
	 * Bodies are all zeros and not copied but for their last 16 bytes (there may be a digest);
	 * for measuring. Needs a thin packet pool.
	 */
	bool is_thin;
	bool lends_rooms; /* as ports do that bodies are encrypted into; with its moods */
};

struct dps_sim_region {
	uint8_t *memory;
	size_t bytes;
};

struct dps_sim_held; /* a body that a port has not given back */

struct dps_sim_port {
	struct dps_port port;
	struct dps_port_ops ops;  /* the port's: without reserve where it lends no rooms */
	struct dps_sim_node node; /* wakes the host when the port has something for it */
	struct dps_sim_port_config config;
	struct dps_sim_link *link;
	unsigned int side;
	unsigned int index;
	struct dps_sim_node *host;  /* woken when there is something to do; NULL for none */
	struct dps_sim_packet **rx; /* ring of rx_packets_max */
	uint32_t rx_first;
	uint32_t rx_count;
	uint32_t lent_count; /* of the last receive, not released yet */
	struct dps_address remotes[DPS_SIM_PORT_REMOTES];
	bool has_remote[DPS_SIM_PORT_REMOTES];
	struct dps_sim_queue held;
	struct dps_sim_held *held_free;
	uint64_t full_until_ns; /* after a refusal */
	struct dps_sim_region regions[DPS_SIM_PORT_REGIONS];
	uint32_t regions_count;
	struct dps_sim_rooms rooms;
	bool is_dead; /* its host died: what arrives finds nobody */
	uint64_t bodies_taken;
	uint64_t bodies_released;
};

/* mtu 9000, a ring of 1024, and no moods. */
extern const struct dps_sim_port_config dps_sim_port_plain;

/*
 * Opens a port at a side of a link; its address is 10.0.SIDE.INDEX+1, UDP port 7420. The name is
 * unique in the world.
 */
void dps_sim_port_open(struct dps_sim_port *port, struct dps_sim_link *link, unsigned int side,
		       const char *name, const struct dps_sim_port_config *config);

/*
 * The host dies: what the port had is gone, memory from allocate too; what it sent goes on its way.
 * A port that is revived has the same address and gets what still flies to it.
 */
void dps_sim_port_kill(struct dps_sim_port *port);
void dps_sim_port_revive(struct dps_sim_port *port);

/* A way brings a datagram; takes it. */
void dps_sim_port_deliver(struct dps_sim_port *port, struct dps_sim_packet *packet);

/* A datagram out of nowhere arrives, as if sent by this address. Borrows the bytes. */
void dps_sim_port_inject(struct dps_sim_port *port, const struct dps_address *from,
			 const uint8_t *bytes, uint32_t length);
