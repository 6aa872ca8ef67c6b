/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory port: two ports of one thread, back to back. What is sent is copied, lost by the seed's
 * chance, or there at once; bodies are released on send. Owner: the one thread.
 */
#pragma once
#include "drivers/port.h"

enum {
	MEMORY_PORT_PLACES = 512, /* datagrams on their way in one direction; a power of two */
	MEMORY_PORT_DATAGRAM_BYTES = 9216,
	MEMORY_PORT_ROOMS = 2 * DPS_PORT_BURST,
};

struct memory_port {
	struct dps_port port;
	struct memory_port *peer;
	uint8_t *datagrams; /* what arrives here */
	uint32_t lengths[MEMORY_PORT_PLACES];
	uint32_t head; /* counts up */
	uint32_t tail;
	uint8_t *rooms; /* that bodies are sealed into, used in turn */
	uint32_t next_room;
	uint32_t loss_one_in; /* of what this port sends; 0 for none */
	uint64_t chance;
};

/* Connects two ports; false when there is not enough memory. */
bool memory_port_open_pair(struct memory_port ports[2], uint32_t mtu, uint32_t loss_one_in);
void memory_port_close_pair(struct memory_port ports[2]);

/* Lets a datagram arrive at a port, as from a stranger; false when the port is full. */
bool memory_port_inject(struct memory_port *port, const uint8_t *bytes, uint32_t length);
