/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_link.h"
#include "drivers/sim/sim_port.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <string.h>

static bool is_taken(const struct dps_sim_way *way, const struct dps_sim_packet *packet)
{
	const struct dps_sim_link *link = way->link;

	return link->gate != NULL && link->gate(link->gate_context, way == &link->ways[1], packet);
}

static void run_way(struct dps_sim_node *node, uint64_t now_ns)
{
	struct dps_sim_way *way = (struct dps_sim_way *)(void *)node;
	struct dps_sim *sim = node->sim;
	struct dps_sim_packet *packet;

	while ((packet = dps_sim_queue_take_due(&way->flying, now_ns)) != NULL) {
		if (!way->link->is_up || packet->to == NULL) {
			way->counters.lost_random++;
			dps_sim_packet_give(&sim->packets, packet);
			continue;
		}
		way->counters.delivered++;
		way->counters.delivered_bytes += packet->length;
		if (is_taken(way, packet))
			dps_sim_packet_give(&sim->packets, packet);
		else
			dps_sim_port_deliver(packet->to, packet);
	}
	dps_sim_wake(node, dps_sim_queue_next_at_ns(&way->flying));
}

void dps_sim_link_init(struct dps_sim_link *link, struct dps_sim *sim,
		       const struct dps_sim_way_config *config, const char *way_names[2])
{
	*link = (struct dps_sim_link){ .sim = sim, .is_up = true };
	for (unsigned int i = 0; i < 2; i++) {
		struct dps_sim_way *way = &link->ways[i];

		way->link = link;
		way->config = *config;
		dps_sim_add(sim, &way->node, way_names[i], run_way);
		way->blackout_to_ns = sim->now_ns;
		way->blackout_from_ns = 0;
	}
}

void dps_sim_link_fini(struct dps_sim_link *link)
{
	struct dps_sim_packet *packet;

	for (unsigned int i = 0; i < 2; i++) {
		struct dps_sim_queue *flying = &link->ways[i].flying;

		while ((packet = dps_sim_queue_take_due(flying, DPS_NEVER_NS)) != NULL)
			dps_sim_packet_give(&link->sim->packets, packet);
		dps_sim_queue_fini(flying);
	}
}

void dps_sim_link_set_up(struct dps_sim_link *link, bool is_up)
{
	struct dps_sim *sim = link->sim;

	if (link->is_up == is_up)
		return;
	link->is_up = is_up;
	dps_sim_trace_note(&sim->trace, sim->now_ns, "link", is_up ? "goes up" : "goes down", 0, 0);
	for (unsigned int i = 0; i < 2 && !is_up; i++) {
		struct dps_sim_way *way = &link->ways[i];
		struct dps_sim_packet *packet;

		while ((packet = dps_sim_queue_take_due(&way->flying, DPS_NEVER_NS)) != NULL) {
			way->counters.lost_random++;
			dps_sim_packet_give(&sim->packets, packet);
		}
		way->free_at_ns = sim->now_ns;
		way->free_rest = 0;
	}
	for (unsigned int i = 0; i < 2 * DPS_SIM_LINK_PORTS; i++) {
		struct dps_sim_port *port =
			link->ports[i / DPS_SIM_LINK_PORTS][i % DPS_SIM_LINK_PORTS];
		if (port != NULL && port->host != NULL)
			dps_sim_wake(port->host, sim->now_ns);
	}
}

void dps_sim_link_forget(struct dps_sim_link *link, const struct dps_sim_port *port)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct dps_sim_queue *flying = &link->ways[i].flying;

		for (uint32_t j = 0; j < flying->count; j++) {
			struct dps_sim_packet *packet = flying->entries[j].item;

			if (packet->to == port)
				packet->to = NULL;
		}
	}
	link->ports[port->side][port->index] = NULL;
}

/* Bits times 10^9: divided by bits_per_s it is nanoseconds. */
static uint64_t weight(const struct dps_sim_way_config *config, uint32_t bytes)
{
	int64_t counted = (int64_t)bytes + config->overhead_bytes;

	return counted <= 0 ? 0 : (uint64_t)counted * 8 * DPS_NS_PER_S;
}

uint64_t dps_sim_way_time_ns(const struct dps_sim_way_config *config, uint32_t bytes)
{
	return config->bits_per_s == 0 ? 0 : weight(config, bytes) / config->bits_per_s;
}

/*
 * Puts the datagram behind what waits. The queue needs no events: the bytes that wait are the time
 * until the way is free. Fractions of a nanosecond are carried over, so that a second of full
 * load is the rate to the bit.
 */
static bool transmit(struct dps_sim_way *way, uint32_t bytes, uint64_t now_ns, uint64_t *left_at_ns)
{
	const struct dps_sim_way_config *config = &way->config;
	uint64_t start_ns = dps_max_u64(way->free_at_ns, now_ns);
	uint64_t rest = way->free_at_ns >= now_ns ? way->free_rest : 0;
	uint64_t parts;

	*left_at_ns = now_ns;
	if (config->bits_per_s == 0)
		return true;
	parts = weight(config, bytes) + rest;
	*left_at_ns = start_ns + parts / config->bits_per_s;
	if (config->queue_bytes != 0) {
		DPS_ASSERT(config->queue_bytes < UINT32_MAX / 2);
		/* The time that a full queue takes; a datagram always fits an idle way. */
		if (start_ns > now_ns && *left_at_ns - now_ns > config->queue_bytes * 8 *
									DPS_NS_PER_S /
									config->bits_per_s)
			return false;
	}
	way->free_at_ns = *left_at_ns;
	way->free_rest = parts % config->bits_per_s;
	return true;
}

/* Blackouts come up to twice the mean apart; the next one is drawn when the last is over. */
static bool is_blacked_out(struct dps_sim_way *way, uint64_t now_ns)
{
	const struct dps_sim_faults *faults = &way->config.faults;

	if (faults->blackout_every_ns == 0)
		return false;
	while (now_ns >= way->blackout_to_ns) {
		way->blackout_from_ns = way->blackout_to_ns + 1 +
					dps_sim_up_to(&way->node, 2 * faults->blackout_every_ns);
		way->blackout_to_ns =
			way->blackout_from_ns + dps_sim_up_to(&way->node, faults->blackout_ns_max);
	}
	return now_ns >= way->blackout_from_ns;
}

static void turn_good_or_bad(struct dps_sim_way *way, uint64_t now_ns)
{
	const struct dps_sim_faults *faults = &way->config.faults;

	if (way->is_bad && faults->burst_ns_max != 0 &&
	    now_ns - way->bad_since_ns > faults->burst_ns_max)
		way->is_bad = false;
	if (!dps_sim_chance(&way->node,
			    way->is_bad ? faults->burst_leave_ppm : faults->burst_enter_ppm))
		return;
	way->is_bad = !way->is_bad;
	way->bad_since_ns = now_ns;
}

static bool is_lost(struct dps_sim_way *way, uint64_t now_ns)
{
	const struct dps_sim_faults *faults = &way->config.faults;

	turn_good_or_bad(way, now_ns);
	return dps_sim_chance(&way->node, faults->loss_ppm) ||
	       (way->is_bad && dps_sim_chance(&way->node, faults->burst_loss_ppm)) ||
	       is_blacked_out(way, now_ns) || !way->link->is_up;
}

static void damage(struct dps_sim_way *way, struct dps_sim_packet *packet)
{
	const struct dps_sim_faults *faults = &way->config.faults;

	if (packet->length == 0 || packet->zeros_to != 0)
		return; /* a body that is not there cannot be damaged */
	if (dps_sim_chance(&way->node, faults->corrupt_ppm)) {
		for (uint64_t flips = 1 + dps_sim_up_to(&way->node, 2); flips > 0; flips--) {
			uint64_t bit = dps_random_below(&way->node.random, packet->length * 8);

			packet->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		way->counters.corrupted++;
	}
	if (dps_sim_chance(&way->node, faults->truncate_ppm)) {
		dps_sim_packet_cut(packet,
				   (uint32_t)dps_random_below(&way->node.random, packet->length));
		way->counters.corrupted++;
	}
}

static struct dps_sim_packet *copy_of(struct dps_sim *sim, const struct dps_sim_packet *packet)
{
	struct dps_sim_packet *copy = dps_sim_packet_take(&sim->packets, packet->length);

	copy->to = packet->to;
	copy->from = packet->from;
	copy->zeros_from = packet->zeros_from;
	copy->zeros_to = packet->zeros_to;
	memcpy(copy->bytes, packet->bytes, packet->zeros_from);
	memcpy(copy->bytes + packet->zeros_to, packet->bytes + packet->zeros_to,
	       packet->length - packet->zeros_to);
	return copy;
}

static void fly(struct dps_sim_way *way, struct dps_sim_packet *packet, uint64_t left_at_ns)
{
	const struct dps_sim_faults *faults = &way->config.faults;
	uint64_t at_ns = left_at_ns + way->config.delay_ns;

	if (dps_sim_chance(&way->node, faults->duplicate_ppm)) {
		way->counters.duplicated++;
		dps_sim_queue_push(&way->flying,
				   at_ns + dps_sim_up_to(&way->node, faults->reorder_ns_max),
				   copy_of(way->node.sim, packet));
	}
	if (dps_sim_chance(&way->node, faults->reorder_ppm)) {
		way->counters.reordered++;
		at_ns += dps_sim_up_to(&way->node, faults->reorder_ns_max);
	}
	dps_sim_queue_push(&way->flying, at_ns, packet);
	dps_sim_wake(&way->node, dps_sim_queue_next_at_ns(&way->flying));
}

static void lose(struct dps_sim_way *way, struct dps_sim_packet *packet, uint64_t *counter,
		 const char *what)
{
	struct dps_sim *sim = way->node.sim;

	(*counter)++;
	dps_sim_trace_datagram(&sim->trace, sim->now_ns, way->node.name, what, packet->bytes,
			       packet->length);
	dps_sim_packet_give(&sim->packets, packet);
}

void dps_sim_link_send(struct dps_sim_link *link, unsigned int direction,
		       struct dps_sim_packet *packet)
{
	struct dps_sim_way *way = &link->ways[direction];
	struct dps_sim_way_counters *counters = &way->counters;
	uint64_t now_ns = link->sim->now_ns;
	uint64_t left_at_ns;

	DPS_ASSERT(direction < 2);
	counters->offered++;
	if (link->tap != NULL)
		link->tap(link->tap_context, direction, packet->bytes, packet->length);
	if (link->filter != NULL &&
	    link->filter(link->filter_context, direction, packet->bytes, packet->length))
		lose(way, packet, &counters->lost_filter, "x");
	else if (!transmit(way, packet->length, now_ns, &left_at_ns))
		lose(way, packet, &counters->lost_queue, "overflows");
	else if (is_lost(way, now_ns)) /* after the bottleneck: what is lost has used the way */
		lose(way, packet, &counters->lost_random, "loses");
	else {
		damage(way, packet);
		fly(way, packet, left_at_ns);
	}
}
