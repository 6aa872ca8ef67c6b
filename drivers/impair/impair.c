/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/impair/impair.h"
#include "drivers/impair/parts.h"
#include "engine/bits.h"
#include <errno.h>
#include <stdlib.h>

static void impair_poll(struct dps_port *port, uint64_t now_ns)
{
	struct dps_impair *impair = dps_impair_of(port);

	impair->now_ns = now_ns;
	/* First, as what inner gives back now starts its hold from here. */
	dps_impair_release_due(impair, now_ns);
	impair->inner->ops->poll(impair->inner, now_ns);
	dps_line_advance(&impair->send_line, now_ns);
	dps_impair_send_ready(impair);
	dps_impair_mirror_counters(impair);
}

static void impair_wait(struct dps_port *port, uint64_t most_ns)
{
	struct dps_port *inner = dps_impair_of(port)->inner;

	inner->ops->wait(inner, most_ns);
}

static bool impair_is_up(const struct dps_port *port)
{
	const struct dps_port *inner = dps_impair_of(port)->inner;

	return inner->ops->is_up(inner);
}

static int impair_add_remote(struct dps_port *port, const struct dps_address *address)
{
	struct dps_port *inner = dps_impair_of(port)->inner;

	return inner->ops->add_remote(inner, address);
}

static void impair_remove_remote(struct dps_port *port, uint32_t remote)
{
	struct dps_impair *impair = dps_impair_of(port);

	dps_line_forget(&impair->send_line, remote);
	impair->inner->ops->remove_remote(impair->inner, remote);
}

static void impair_turn_remote(struct dps_port *port, uint32_t remote)
{
	struct dps_port *inner = dps_impair_of(port)->inner;

	if (inner->ops->turn_remote)
		inner->ops->turn_remote(inner, remote);
}

static unsigned int impair_reserve(struct dps_port *port, struct dps_outgoing *outgoing,
				   unsigned int count)
{
	struct dps_port *inner = dps_impair_of(port)->inner;

	return inner->ops->reserve(inner, outgoing, count);
}

static void impair_forgo(struct dps_port *port, const struct dps_outgoing *outgoing,
			 unsigned int count)
{
	struct dps_port *inner = dps_impair_of(port)->inner;

	inner->ops->forgo(inner, outgoing, count);
}

static void *impair_allocate(struct dps_port *port, size_t bytes)
{
	struct dps_port *inner = dps_impair_of(port)->inner;

	return inner->ops->allocate(inner, bytes);
}

static void free_memory(struct dps_impair *impair)
{
	free(impair->receive_memory);
	free(impair->copies_memory);
	free(impair->holds_memory);
	free(impair);
}

static void impair_close(struct dps_port *port)
{
	struct dps_impair *impair = dps_impair_of(port);

	/* While the memory of the bodies is still there. */
	dps_impair_release_due(impair, DPS_NEVER_NS);
	impair->is_closing = true;
	impair->inner->ops->close(impair->inner);
	free_memory(impair);
}

static const struct dps_port_ops impair_ops = {
	.receive = dps_impair_receive,
	.release = dps_impair_release,
	.reserve = impair_reserve,
	.forgo = impair_forgo,
	.send = dps_impair_send,
	.poll = impair_poll,
	.wait = impair_wait,
	.is_up = impair_is_up,
	.add_remote = impair_add_remote,
	.remove_remote = impair_remove_remote,
	.turn_remote = impair_turn_remote,
	.allocate = impair_allocate,
	.close = impair_close,
};

static int prepare_lines(struct dps_impair *impair)
{
	const struct dps_impair_options *o = &impair->options;
	uint32_t bytes = dps_port_datagram_bytes(impair->inner->mtu, DPS_ADDRESS_IPV4);
	uint32_t count = 0;
	uint8_t *send_memory = NULL;

	bytes = (uint32_t)dps_round_up(bytes, 64);
	if (o->delay_ns != 0)
		count = DPS_IMPAIR_COPIES_DELAY;
	else if (o->dup != 0 || o->reorder != 0 || o->corrupt != 0)
		count = DPS_IMPAIR_COPIES;
	if (count != 0) {
		impair->copies_memory = calloc((size_t)count * 2, sizeof(struct dps_line_copy));
		impair->receive_memory = aligned_alloc(64, (size_t)count * bytes);
		send_memory = impair->inner->ops->allocate(impair->inner, (size_t)count * bytes);
		if (impair->copies_memory == NULL || impair->receive_memory == NULL ||
		    send_memory == NULL)
			return -ENOMEM;
	}
	dps_line_init(&impair->send_line, impair->copies_memory, count, send_memory, bytes,
		      o->delay_ns);
	dps_line_init(&impair->receive_line,
		      impair->copies_memory != NULL ? impair->copies_memory + count : NULL, count,
		      impair->receive_memory, bytes, o->delay_ns);
	return 0;
}

static int prepare_holds(struct dps_impair *impair)
{
	if (impair->options.hold_ns == 0)
		return 0;
	impair->holds_memory = calloc(DPS_IMPAIR_HOLDS, sizeof(struct dps_hold));
	if (impair->holds_memory == NULL)
		return -ENOMEM;
	dps_holds_init(&impair->holds, impair->holds_memory, DPS_IMPAIR_HOLDS,
		       impair->options.hold_ns, dps_random_next(&impair->send_random));
	return 0;
}

int dps_impair_open(struct dps_port *inner, const struct dps_impair_options *options,
		    uint64_t now_ns, struct dps_port **port)
{
	struct dps_impair *impair = calloc(1, sizeof(*impair));

	if (impair == NULL)
		return -ENOMEM;
	impair->ops = impair_ops;
	if (!inner->ops->reserve || options->hold_ns != 0) {
		impair->ops.reserve = NULL;
		impair->ops.forgo = NULL;
	}
	if (!inner->ops->wait)
		impair->ops.wait = NULL;
	impair->port = (struct dps_port){
		.ops = &impair->ops,
		.name = inner->name,
		.local = inner->local,
		.mtu = inner->mtu,
	};
	impair->inner = inner;
	impair->options = *options;
	impair->now_ns = now_ns;
	impair->blackout_at_ns = DPS_NEVER_NS;
	dps_random_init(&impair->send_random, options->seed);
	/* One generator each: what arrives does not change what becomes of the sent ones. */
	dps_random_init(&impair->receive_random, dps_random_next(&impair->send_random));
	if (prepare_lines(impair) != 0 || prepare_holds(impair) != 0) {
		free_memory(impair);
		return -ENOMEM;
	}
	inner->on_released = dps_impair_on_released;
	inner->released_context = impair;
	dps_impair_mirror_counters(impair);
	*port = &impair->port;
	return 0;
}

const struct dps_impair_counters *dps_impair_counters(const struct dps_port *port)
{
	return &dps_impair_of(port)->counters;
}

const struct dps_port *dps_impair_inner(const struct dps_port *port)
{
	return dps_impair_of(port)->inner;
}
