/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_port.h"
#include "drivers/sim/sim_content.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/engine.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	UDP_PORT = 7420,
	THIN_TAIL_BYTES = 16, /* a digest at the end of a payload is told also when thin */
};

struct dps_sim_held {
	struct dps_sim_held *next; /* while it is free */
	const uint8_t *body;
	uint64_t print; /* of the body when it was sent */
	uint32_t bytes;
	uint32_t token;
};

const struct dps_sim_port_config dps_sim_port_plain = {
	.mtu = 9000,
	.rx_packets_max = 1024,
};

static struct dps_sim_port *of(const struct dps_port *port)
{
	return (struct dps_sim_port *)(uintptr_t)port;
}

static unsigned int receive(struct dps_port *port, struct dps_incoming *incoming, unsigned int room)
{
	struct dps_sim_port *self = of(port);
	unsigned int count = (unsigned int)dps_min_u64(room, self->rx_count);

	DPS_ASSERT(room <= DPS_PORT_BURST);
	if (self->lent_count != 0)
		dps_sim_fail(self->node.sim, "%s: receive before the last was released",
			     port->name);
	for (unsigned int i = 0; i < count; i++) {
		struct dps_sim_packet *packet =
			self->rx[(self->rx_first + i) % self->config.rx_packets_max];

		incoming[i] = (struct dps_incoming){
			.bytes = packet->bytes,
			.length = packet->length,
			.owner = packet,
			.from = packet->from,
		};
		port->counters.received_bytes += packet->length;
	}
	port->counters.received_datagrams += count;
	self->rx_first = (self->rx_first + count) % self->config.rx_packets_max;
	self->rx_count -= count;
	self->lent_count = count;
	return count;
}

static void release(struct dps_port *port, struct dps_incoming *incoming, unsigned int count)
{
	struct dps_sim_port *self = of(port);

	if (count != self->lent_count)
		dps_sim_fail(self->node.sim, "%s: %" PRIu32 " datagrams lent, %u released",
			     port->name, self->lent_count, count);
	for (unsigned int i = 0; i < count; i++)
		dps_sim_packet_give(&self->node.sim->packets, incoming[i].owner);
	self->lent_count = 0;
}

static struct dps_sim_port *find_remote(const struct dps_sim_port *self, uint32_t remote)
{
	const struct dps_address *address = &self->remotes[remote];

	for (unsigned int i = 0; i < DPS_SIM_LINK_PORTS; i++) {
		struct dps_sim_port *there = self->link->ports[!self->side][i];

		if (there != NULL && memcmp(there->port.local.ip, address->ip, 4) == 0 &&
		    there->port.local.udp_port == address->udp_port)
			return there;
	}
	return NULL;
}

static bool is_registered(const struct dps_sim_port *self, const uint8_t *body, uint32_t bytes)
{
	for (uint32_t i = 0; i < self->regions_count; i++) {
		const struct dps_sim_region *region = &self->regions[i];

		if (body >= region->memory && body + bytes <= region->memory + region->bytes)
			return true;
	}
	return false;
}

static void give_back(struct dps_sim_port *self, uint32_t token)
{
	self->bodies_released++;
	if (self->port.on_released != NULL)
		self->port.on_released(self->port.released_context, token, 1);
}

static void release_held(struct dps_sim_port *self, struct dps_sim_held *held)
{
	if (!self->config.is_thin && dps_sim_content_print(held->body, held->bytes) != held->print)
		dps_sim_fail(self->node.sim,
			     "%s: the body at slot %" PRIu32 " changed while the port held it",
			     self->port.name, held->token);
	give_back(self, held->token);
	held->next = self->held_free;
	self->held_free = held;
}

static void release_due(struct dps_sim_port *self, uint64_t now_ns)
{
	struct dps_sim_held *held;

	while ((held = dps_sim_queue_take_due(&self->held, now_ns)) != NULL)
		release_held(self, held);
	if (self->held.count > 0)
		dps_sim_wake(&self->node, dps_sim_queue_next_at_ns(&self->held));
}

static void hold(struct dps_sim_port *self, const struct dps_outgoing *outgoing)
{
	struct dps_sim_held *held = self->held_free;
	uint64_t at_ns =
		self->node.sim->now_ns + dps_sim_up_to(&self->node, self->config.hold_ns_max);

	if (held == NULL)
		held = malloc(sizeof(*held));
	else
		self->held_free = held->next;
	DPS_ASSERT(held != NULL);
	held->body = outgoing->body;
	held->bytes = outgoing->body_bytes;
	held->token = outgoing->token;
	if (!self->config.is_thin)
		held->print = dps_sim_content_print(held->body, held->bytes);
	dps_sim_queue_push(&self->held, at_ns, held);
	dps_sim_wake(&self->node, at_ns);
}

static struct dps_sim_packet *assemble(struct dps_sim_port *self,
				       const struct dps_outgoing *outgoing)
{
	struct dps_sim_packet *packet = dps_sim_packet_take(
		&self->node.sim->packets, outgoing->head_bytes + outgoing->body_bytes);
	uint32_t skipped = 0;

	if (self->config.is_thin && outgoing->body_bytes > THIN_TAIL_BYTES) {
		skipped = outgoing->body_bytes - THIN_TAIL_BYTES;
		packet->zeros_from = outgoing->head_bytes;
		packet->zeros_to = outgoing->head_bytes + skipped;
	}
	memcpy(packet->bytes, outgoing->head, outgoing->head_bytes);
	if (outgoing->body_bytes > 0)
		memcpy(packet->bytes + outgoing->head_bytes + skipped, outgoing->body + skipped,
		       outgoing->body_bytes - skipped);
	packet->from = self->port.local;
	packet->to = find_remote(self, outgoing->remote);
	return packet;
}

static void check_outgoing(struct dps_sim_port *self, const struct dps_outgoing *outgoing)
{
	const struct dps_port *port = &self->port;

	if (outgoing->remote >= DPS_SIM_PORT_REMOTES || !self->has_remote[outgoing->remote])
		dps_sim_fail(self->node.sim, "%s: sends to remote %" PRIu32 ", which is not there",
			     port->name, outgoing->remote);
	else if (outgoing->head_bytes == 0 || outgoing->head_bytes > DPS_PORT_HEAD_BYTES ||
		 outgoing->head_bytes + outgoing->body_bytes >
			 dps_port_datagram_bytes(port->mtu, DPS_ADDRESS_IPV4))
		dps_sim_fail(self->node.sim,
			     "%s: sends a datagram of %" PRIu32 "+%" PRIu32 " bytes", port->name,
			     outgoing->head_bytes, outgoing->body_bytes);
	else if ((outgoing->body == NULL) != (outgoing->body_bytes == 0))
		dps_sim_fail(self->node.sim, "%s: a body without bytes, or bytes without a body",
			     port->name);
	else if (outgoing->owner != NULL && !dps_sim_rooms_is_lent(&self->rooms, outgoing))
		dps_sim_fail(self->node.sim, "%s: a room that is not lent, or a body elsewhere",
			     port->name);
	else if (outgoing->owner == NULL && outgoing->body != NULL &&
		 outgoing->token < DPS_TOKEN_STREAMS &&
		 !is_registered(self, outgoing->body, outgoing->body_bytes))
		dps_sim_fail(self->node.sim, "%s: a body that is not in the port's memory",
			     port->name);
}

/* A lane seals those of a path together, under one key. */
static void check_order(struct dps_sim_port *self, const struct dps_outgoing *outgoing,
			unsigned int count)
{
	for (unsigned int i = 2; i < count; i++) {
		if (outgoing[i].path == outgoing[i - 1].path)
			continue;
		for (unsigned int k = 0; k < i - 1; k++)
			if (outgoing[k].path == outgoing[i].path)
				dps_sim_fail(self->node.sim,
					     "%s: those of path %" PRIu32 " do not lie together",
					     self->port.name, outgoing[i].path);
	}
}

/* How many of count the device takes now: a moody one none for a while after taking fewer. */
static unsigned int room_for(struct dps_sim_port *self, unsigned int count)
{
	uint64_t now_ns = self->node.sim->now_ns;
	unsigned int taken;

	if (count == 0)
		return 0;
	if (now_ns < self->full_until_ns || (!self->link->is_up && !self->config.takes_when_down))
		taken = 0;
	else if (!dps_sim_chance(&self->node, self->config.refuse_ppm))
		taken = count;
	else {
		taken = (unsigned int)dps_random_below(&self->node.random, count);
		self->full_until_ns =
			now_ns + 1 + dps_sim_up_to(&self->node, self->config.refuse_ns_max);
	}
	if (taken < count && now_ns < self->full_until_ns)
		dps_sim_wake(&self->node, self->full_until_ns);
	return taken;
}

static unsigned int send(struct dps_port *port, const struct dps_outgoing *outgoing,
			 unsigned int count)
{
	struct dps_sim_port *self = of(port);
	struct dps_sim *sim = self->node.sim;
	unsigned int taken = room_for(self, count);

	release_due(self, sim->now_ns);
	check_order(self, outgoing, count);
	port->counters.refused_sends += count - taken;
	for (unsigned int i = 0; i < taken; i++) {
		struct dps_sim_packet *packet;

		check_outgoing(self, &outgoing[i]);
		if (dps_sim_has_failed(sim))
			return taken;
		packet = assemble(self, &outgoing[i]);
		port->counters.sent_datagrams++;
		port->counters.sent_bytes += packet->length;
		dps_sim_trace_datagram(&sim->trace, sim->now_ns, port->name, ">", packet->bytes,
				       packet->length);
		dps_sim_link_send(self->link, self->side, packet);
		if (outgoing[i].owner != NULL)
			dps_sim_rooms_give(&self->rooms, &outgoing[i]);
		if (outgoing[i].owner != NULL || outgoing[i].body == NULL)
			continue;
		self->bodies_taken++;
		/* As a device does that knows nothing of a program's own memory: it has a copy. */
		if (self->config.hold_ns_max == 0 ||
		    !is_registered(self, outgoing[i].body, outgoing[i].body_bytes))
			give_back(self, outgoing[i].token);
		else
			hold(self, &outgoing[i]);
	}
	return taken;
}

/* Memory may be short for a part of a burst, or all of it. */
static unsigned int reserve(struct dps_port *port, struct dps_outgoing *outgoing,
			    unsigned int count)
{
	struct dps_sim_port *self = of(port);

	count = (unsigned int)dps_min_u64(count, self->rooms.free_count);
	if (dps_sim_chance(&self->node, self->config.refuse_ppm))
		count = (unsigned int)dps_random_below(&self->node.random, count + 1);
	for (unsigned int i = 0; i < count; i++) {
		if (outgoing[i].owner != NULL)
			dps_sim_fail(self->node.sim, "%s: room is made twice", port->name);
		dps_sim_rooms_lend(&self->rooms, &outgoing[i]);
	}
	return count;
}

static void forgo(struct dps_port *port, const struct dps_outgoing *outgoing, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		dps_sim_rooms_give(&of(port)->rooms, &outgoing[i]);
}

static void poll(struct dps_port *port, uint64_t now_ns)
{
	release_due(of(port), now_ns);
}

static bool is_up(const struct dps_port *port)
{
	return of(port)->link->is_up;
}

static int add_remote(struct dps_port *port, const struct dps_address *address)
{
	struct dps_sim_port *self = of(port);

	for (int i = 0; i < DPS_SIM_PORT_REMOTES; i++) {
		if (self->has_remote[i])
			continue;
		self->remotes[i] = *address;
		self->has_remote[i] = true;
		return i;
	}
	return -ENOSPC;
}

static void remove_remote(struct dps_port *port, uint32_t remote)
{
	DPS_ASSERT(remote < DPS_SIM_PORT_REMOTES && of(port)->has_remote[remote]);
	of(port)->has_remote[remote] = false;
}

static void *allocate(struct dps_port *port, size_t bytes)
{
	struct dps_sim_port *self = of(port);
	size_t room = (size_t)dps_round_up(bytes, DPS_PAGE_BYTES);
	void *memory;

	if (self->regions_count == DPS_SIM_PORT_REGIONS)
		return NULL;
	memory = aligned_alloc(DPS_PAGE_BYTES, room);
	if (memory == NULL)
		return NULL;
	memset(memory, 0, room);
	self->regions[self->regions_count++] = (struct dps_sim_region){ memory, bytes };
	return memory;
}

/* Gives back every body at once, as a device that is stopped does, and all memory. */
static void empty(struct dps_sim_port *self)
{
	struct dps_sim_held *held;

	while ((held = dps_sim_queue_take_due(&self->held, DPS_NEVER_NS)) != NULL)
		release_held(self, held);
	for (; self->rx_count > 0; self->rx_count--) {
		dps_sim_packet_give(&self->node.sim->packets, self->rx[self->rx_first]);
		self->rx_first = (self->rx_first + 1) % self->config.rx_packets_max;
	}
	for (uint32_t i = 0; i < self->regions_count; i++)
		free(self->regions[i].memory);
	self->regions_count = 0;
	dps_sim_rooms_recall(&self->rooms);
}

static void close_port(struct dps_port *port)
{
	struct dps_sim_port *self = of(port);
	struct dps_sim_held *held;

	if (self->lent_count != 0)
		dps_sim_fail(self->node.sim, "%s: closed with %" PRIu32 " datagrams lent",
			     port->name, self->lent_count);
	empty(self);
	dps_sim_queue_fini(&self->held);
	while ((held = self->held_free) != NULL) {
		self->held_free = held->next;
		free(held);
	}
	free(self->rx);
	dps_sim_rooms_fini(&self->rooms);
	dps_sim_link_forget(self->link, self);
}

void dps_sim_port_kill(struct dps_sim_port *port)
{
	port->port.on_released = NULL; /* whoever wanted to know is dead */
	empty(port);
	memset(port->has_remote, 0, sizeof(port->has_remote));
	port->full_until_ns = 0;
	port->is_dead = true;
}

void dps_sim_port_revive(struct dps_sim_port *port)
{
	port->is_dead = false;
}

static const struct dps_port_ops ops = {
	.receive = receive,
	.release = release,
	.reserve = reserve,
	.forgo = forgo,
	.send = send,
	.poll = poll,
	.is_up = is_up,
	.add_remote = add_remote,
	.remove_remote = remove_remote,
	.allocate = allocate,
	.close = close_port,
};

/* A lane polls for ever; in the world it sleeps and is woken when polling would find something. */
static void run_port(struct dps_sim_node *node, uint64_t now_ns)
{
	struct dps_sim_port *self =
		(struct dps_sim_port *)(void *)((char *)node - offsetof(struct dps_sim_port, node));

	if (self->host != NULL)
		dps_sim_wake(self->host, now_ns);
	if (self->full_until_ns > now_ns)
		dps_sim_wake(node, self->full_until_ns);
	if (dps_sim_queue_next_at_ns(&self->held) > now_ns)
		dps_sim_wake(node, dps_sim_queue_next_at_ns(&self->held));
}

void dps_sim_port_open(struct dps_sim_port *port, struct dps_sim_link *link, unsigned int side,
		       const char *name, const struct dps_sim_port_config *config)
{
	memset(port, 0, sizeof(*port));
	DPS_ASSERT(!config->is_thin || link->sim->packets.is_thin);
	port->config = *config;
	port->link = link;
	port->side = side;
	while (link->ports[side][port->index] != NULL)
		DPS_ASSERT(++port->index < DPS_SIM_LINK_PORTS);
	link->ports[side][port->index] = port;
	port->ops = ops;
	if (config->lends_rooms) {
		dps_sim_rooms_init(&port->rooms, config->mtu);
	} else {
		port->ops.reserve = NULL;
		port->ops.forgo = NULL;
	}
	port->port.ops = &port->ops;
	port->port.name = name;
	port->port.mtu = config->mtu;
	port->port.local = (struct dps_address){
		.family = DPS_ADDRESS_IPV4,
		.ip = { 10, 0, (uint8_t)side, (uint8_t)(port->index + 1) },
		.udp_port = UDP_PORT,
		.mtu = (uint16_t)config->mtu,
	};
	port->rx = calloc(config->rx_packets_max, sizeof(struct dps_sim_packet *));
	DPS_ASSERT(port->rx != NULL);
	dps_sim_add(link->sim, &port->node, name, run_port);
}

void dps_sim_port_deliver(struct dps_sim_port *port, struct dps_sim_packet *packet)
{
	struct dps_sim *sim = port->node.sim;
	uint32_t last = (port->rx_first + port->rx_count) % port->config.rx_packets_max;

	if (port->is_dead || port->rx_count == port->config.rx_packets_max) {
		port->port.counters.dropped_no_buffer++;
		dps_sim_trace_datagram(&sim->trace, sim->now_ns, port->port.name,
				       port->is_dead ? "is dead to" : "has no room for",
				       packet->bytes, packet->length);
		dps_sim_packet_give(&sim->packets, packet);
		return;
	}
	dps_sim_trace_datagram(&sim->trace, sim->now_ns, port->port.name, "<", packet->bytes,
			       packet->length);
	port->rx[last] = packet;
	port->rx_count++;
	if (port->host != NULL)
		dps_sim_wake(port->host, sim->now_ns);
}

void dps_sim_port_inject(struct dps_sim_port *port, const struct dps_address *from,
			 const uint8_t *bytes, uint32_t length)
{
	struct dps_sim_packet *packet = dps_sim_packet_take(&port->node.sim->packets, length);

	memcpy(packet->bytes, bytes, length);
	packet->from = *from;
	packet->to = port;
	dps_sim_port_deliver(port, packet);
}
