/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/bench/memory_port.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct memory_port *memory_of(const struct dps_port *port)
{
	return (struct memory_port *)port;
}

static uint8_t *place_of(const struct memory_port *port, uint32_t number)
{
	return port->datagrams +
	       (size_t)(number & (MEMORY_PORT_PLACES - 1)) * MEMORY_PORT_DATAGRAM_BYTES;
}

static unsigned int memory_receive(struct dps_port *base, struct dps_incoming *incoming,
				   unsigned int room)
{
	struct memory_port *port = memory_of(base);
	unsigned int count = port->head - port->tail;

	count = count < room ? count : room;
	for (unsigned int i = 0; i < count; i++) {
		incoming[i].bytes = place_of(port, port->tail + i);
		incoming[i].length = port->lengths[(port->tail + i) & (MEMORY_PORT_PLACES - 1)];
		incoming[i].ecn = 0;
		incoming[i].is_astray = false;
	}
	return count;
}

static void memory_release(struct dps_port *base, struct dps_incoming *incoming, unsigned int count)
{
	(void)incoming;
	memory_of(base)->tail += count;
}

/* A lane has a burst at most, so those of the one before it are sent. */
static unsigned int memory_reserve(struct dps_port *base, struct dps_outgoing *outgoing,
				   unsigned int count)
{
	struct memory_port *port = memory_of(base);

	for (unsigned int i = 0; i < count; i++) {
		outgoing[i].owner = port;
		if (outgoing[i].body == NULL)
			continue;
		outgoing[i].room = port->rooms + (size_t)(port->next_room++ % MEMORY_PORT_ROOMS) *
							 MEMORY_PORT_DATAGRAM_BYTES;
	}
	return count;
}

static void memory_forgo(struct dps_port *base, const struct dps_outgoing *outgoing,
			 unsigned int count)
{
	(void)base, (void)outgoing, (void)count;
}

static bool is_lost(struct memory_port *port)
{
	if (port->loss_one_in == 0)
		return false;
	port->chance = port->chance * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (port->chance >> 33) % port->loss_one_in == 0;
}

static unsigned int memory_send(struct dps_port *base, const struct dps_outgoing *outgoing,
				unsigned int count)
{
	struct memory_port *port = memory_of(base), *peer = port->peer;
	unsigned int i;

	for (i = 0; i < count; i++) {
		const struct dps_outgoing *out = &outgoing[i];
		uint8_t *to = place_of(peer, peer->head);

		if (peer->head - peer->tail == MEMORY_PORT_PLACES)
			break;
		if (!is_lost(port)) {
			memcpy(to, out->head, out->head_bytes);
			if (out->body_bytes > 0)
				memcpy(to + out->head_bytes, out->body, out->body_bytes);
			peer->lengths[peer->head++ & (MEMORY_PORT_PLACES - 1)] =
				out->head_bytes + out->body_bytes;
		}
	}
	if (i > 0 && !outgoing[0].owner) /* all of a lane are the same here */
		dps_port_release_bodies(base, outgoing, i);
	return i;
}

static void memory_poll(struct dps_port *port, uint64_t now_ns)
{
	(void)port, (void)now_ns;
}

static bool memory_is_up(const struct dps_port *port)
{
	(void)port;
	return true;
}

static int memory_add_remote(struct dps_port *port, const struct dps_address *address)
{
	(void)port, (void)address;
	return 0;
}

static void memory_remove_remote(struct dps_port *port, uint32_t remote)
{
	(void)port, (void)remote;
}

static const struct dps_port_ops memory_ops = {
	.receive = memory_receive,
	.release = memory_release,
	.reserve = memory_reserve,
	.forgo = memory_forgo,
	.send = memory_send,
	.poll = memory_poll,
	.is_up = memory_is_up,
	.add_remote = memory_add_remote,
	.remove_remote = memory_remove_remote,
};

bool memory_port_open_pair(struct memory_port ports[2], uint32_t mtu, uint32_t loss_one_in)
{
	for (unsigned int i = 0; i < 2; i++) {
		ports[i] = (struct memory_port){
			.port = { .ops = &memory_ops, .name = "memory", .mtu = mtu },
			.peer = &ports[1 - i],
			.loss_one_in = loss_one_in,
			.chance = i + 1,
			.datagrams =
				malloc((size_t)MEMORY_PORT_PLACES * MEMORY_PORT_DATAGRAM_BYTES),
			.rooms = malloc((size_t)MEMORY_PORT_ROOMS * MEMORY_PORT_DATAGRAM_BYTES),
		};
	}
	return ports[0].datagrams != NULL && ports[1].datagrams != NULL && ports[0].rooms != NULL &&
	       ports[1].rooms != NULL;
}

void memory_port_close_pair(struct memory_port ports[2])
{
	for (unsigned int i = 0; i < 2; i++) {
		free(ports[i].datagrams);
		free(ports[i].rooms);
	}
}

bool memory_port_inject(struct memory_port *port, const uint8_t *bytes, uint32_t length)
{
	if (port->head - port->tail == MEMORY_PORT_PLACES || length > MEMORY_PORT_DATAGRAM_BYTES)
		return false;
	memcpy(place_of(port, port->head), bytes, length);
	port->lengths[port->head++ & (MEMORY_PORT_PLACES - 1)] = length;
	return true;
}
