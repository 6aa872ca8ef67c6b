/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Engine port: what a port is to an engine that a fuzzer drives. It opens a path whose way is
 * already known, makes datagrams in memory that ends where they do, and holds bodies as a NIC does.
 */
#pragma once
#include "engine/state.h"
#include <stdlib.h>
#include <string.h>

enum { ENGINE_PORT_HELD = 64 };

struct engine_port {
	struct dps_engine *engine;
	uint64_t id;			 /* of the path that datagrams come over */
	uint32_t held[ENGINE_PORT_HELD]; /* tokens of bodies */
	uint32_t held_count;
};

/* False: there is no place for another, and packets come over the last one. */
static inline bool engine_port_open_path(struct engine_port *port, bool is_sealed, uint64_t now_ns)
{
	const struct dps_path_config config = {
		.remote_connection_id = 7,
		.datagram_bytes = 1472,
		.is_sealed = is_sealed,
		.rate_bytes_per_s = UINT64_MAX,
		.probe_floor_ns = DPS_NS_PER_MS,
		.silence_ns = 10 * DPS_NS_PER_S,
	};
	int path = dps_engine_reserve_path(port->engine, &port->id);

	if (path < 0)
		return false;
	DPS_ASSERT(dps_engine_open_path(port->engine, (uint32_t)path, &config, now_ns) == 0);
	dps_path_validate(port->engine, &port->engine->paths[path], 1472);
	return true;
}

static inline uint32_t engine_port_path(const struct engine_port *port)
{
	return (uint32_t)(port->id >> 40 & 0xffff);
}

/* A header with our version and path, an empty seal and so many bytes behind it. Gives memory. */
static inline uint8_t *engine_port_datagram(const struct engine_port *port,
					    struct dps_header *header, const uint8_t *payload,
					    uint32_t bytes)
{
	uint8_t *datagram = malloc(DPS_ENVELOPE_BYTES + bytes);

	DPS_ASSERT(datagram != NULL);
	header->version = DPS_WIRE_VERSION;
	header->connection_id = port->id;
	header->payload_bytes = (uint16_t)bytes;
	dps_header_encode(header, datagram);
	if (bytes > 0)
		memcpy(datagram + DPS_ENVELOPE_BYTES, payload, bytes);
	return datagram;
}

/* The last body that it holds goes back, if any. */
static inline void engine_port_give_back(struct engine_port *port)
{
	if (port->held_count > 0)
		dps_engine_on_released(port->engine, port->held[--port->held_count], 1);
}

static inline void engine_port_give_all_back(struct engine_port *port)
{
	while (port->held_count > 0)
		engine_port_give_back(port);
}

/* When it holds as many as it can, one goes back. */
static inline void engine_port_hold(struct engine_port *port, uint32_t token)
{
	if (port->held_count == ENGINE_PORT_HELD)
		engine_port_give_back(port);
	port->held[port->held_count++] = token;
}
