/* SPDX-License-Identifier: BSD-3-Clause */
/* Link world: a link with a port or two on each side, and short ways to send and receive on it. */
#pragma once
#include "drivers/sim/sim_port.h"
#include "engine/wire.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

enum { LINK_WORLD_START_NS = 1000000 };

struct link_world {
	struct dps_sim sim;
	struct dps_sim_link link;
	struct dps_sim_port a, b; /* of side 0 and side 1 */
	uint8_t *memory;	  /* of a, for bodies */
	uint32_t to_b;		  /* a's remote */
	unsigned int released_count;
	uint32_t released_last;
};

static inline void link_world_on_released(void *context, uint32_t token, uint32_t count)
{
	struct link_world *world = context;

	world->released_count += count;
	world->released_last = token;
}

static inline struct link_world *link_world_new(uint64_t seed, const struct dps_sim_way_config *way,
						const struct dps_sim_port_config *port)
{
	const char *names[2] = { "to b", "to a" };
	struct link_world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	dps_sim_init(&world->sim, seed, LINK_WORLD_START_NS);
	world->sim.packets.is_thin = port->is_thin;
	dps_sim_link_init(&world->link, &world->sim, way, names);
	dps_sim_port_open(&world->a, &world->link, 0, "a", port);
	dps_sim_port_open(&world->b, &world->link, 1, "b", port);
	world->a.port.on_released = link_world_on_released;
	world->a.port.released_context = world;
	world->memory = world->a.port.ops->allocate(&world->a.port, 1 << 16);
	world->to_b = (uint32_t)world->a.port.ops->add_remote(&world->a.port, &world->b.port.local);
	return world;
}

/* Ends the world; says what it failed of, "" for nothing. */
static inline void link_world_end(struct link_world *world, const char *failure)
{
	world->a.port.ops->close(&world->a.port);
	world->b.port.ops->close(&world->b.port);
	dps_sim_link_fini(&world->link);
	dps_sim_fini(&world->sim);
	if (*failure == '\0')
		assert_string_equal(world->sim.failure, "");
	else
		assert_non_null(strstr(world->sim.failure, failure));
	free(world);
}

/* Sends one packet of a type with so many bytes in all and this packet number; returns what was
 * taken. */
static inline unsigned int link_world_send(struct link_world *world, struct dps_sim_port *from,
					   uint32_t remote, uint8_t type, uint64_t number,
					   uint32_t length)
{
	uint8_t head[DPS_PORT_HEAD_BYTES];
	struct dps_header header = {
		.version = DPS_WIRE_VERSION,
		.type = type,
		.packet_number = number,
		.payload_bytes = (uint16_t)(length - DPS_ENVELOPE_BYTES),
	};
	struct dps_outgoing outgoing = { .head = head, .remote = remote };

	memset(head, 0x5a, sizeof(head));
	dps_header_encode(&header, head);
	if (length <= DPS_PORT_HEAD_BYTES) {
		outgoing.head_bytes = length;
	} else {
		outgoing.head_bytes = DPS_ENVELOPE_BYTES;
		outgoing.body = world->memory;
		outgoing.body_bytes = length - DPS_ENVELOPE_BYTES;
		outgoing.token = 77;
	}
	return from->port.ops->send(&from->port, &outgoing, 1);
}

/* Receives what is there, at most one burst; writes the packet numbers, returns how many. */
static inline unsigned int link_world_receive(struct dps_sim_port *port, uint64_t *numbers)
{
	struct dps_incoming incoming[DPS_PORT_BURST];
	unsigned int count = port->port.ops->receive(&port->port, incoming, DPS_PORT_BURST);

	for (unsigned int i = 0; i < count; i++) {
		struct dps_header header = { 0 };

		dps_header_decode(incoming[i].bytes, incoming[i].length, &header);
		numbers[i] = header.packet_number;
	}
	port->port.ops->release(&port->port, incoming, count);
	return count;
}
