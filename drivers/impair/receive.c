/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/impair/parts.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <string.h>

static int copy_incoming(struct dps_impair *impair, const struct dps_incoming *incoming)
{
	int index = dps_line_take(&impair->receive_line, incoming->length);
	struct dps_line_copy *copy;

	if (index == DPS_LINE_NONE) {
		impair->counters.unimpaired++;
		return index;
	}
	copy = &impair->receive_line.copies[index];
	copy->head_bytes = incoming->length;
	copy->behind = 0;
	copy->ecn = incoming->ecn;
	copy->is_astray = incoming->is_astray;
	copy->from = incoming->from;
	memcpy(copy->bytes, incoming->bytes, incoming->length);
	return index;
}

/* Lends at most room of the copies that are ready. */
static unsigned int lend_ready(struct dps_impair *impair, struct dps_incoming *incoming,
			       unsigned int room)
{
	struct dps_line *line = &impair->receive_line;
	unsigned int count = 0;

	while (count < room && dps_line_first_ready(line) != DPS_LINE_NONE) {
		int index = dps_line_take_ready(line);
		const struct dps_line_copy *copy = &line->copies[index];

		incoming[count++] = (struct dps_incoming){
			.bytes = copy->bytes,
			.length = copy->head_bytes,
			.ecn = copy->ecn,
			.is_astray = copy->is_astray,
			.from = copy->from,
		};
		impair->copies_lent[impair->copies_lent_count++] = index;
	}
	return count;
}

/* Puts a datagram into place as it came (true), or sends it another way. */
static bool receive_one(struct dps_impair *impair, const struct dps_incoming *from,
			struct dps_incoming *to)
{
	struct dps_line *line = &impair->receive_line;
	struct dps_impair_fate fate = dps_impair_draw(&impair->receive_random, &impair->options);
	int copy = DPS_LINE_NONE, second = DPS_LINE_NONE;

	if (dps_impair_is_blacked_out(impair) || fate.is_lost) {
		impair->counters.received_lost++;
		return false;
	}
	if (dps_impair_needs_copy(&impair->options, &fate) && from->length != 0)
		copy = copy_incoming(impair, from);
	if (fate.is_doubled)
		second = copy_incoming(impair, from);
	if (copy == DPS_LINE_NONE) {
		*to = *from;
		dps_line_pass(line);
	} else {
		if (fate.flips != 0) {
			dps_impair_damage(&fate, line->copies[copy].bytes, from->length);
			impair->counters.received_damaged++;
		}
		dps_impair_count_copied(impair, &fate);
		line->copies[copy].behind = fate.behind;
		dps_line_push(line, copy, impair->now_ns);
	}
	if (second != DPS_LINE_NONE) {
		dps_line_push(line, second, impair->now_ns);
		impair->counters.duplicated++;
	}
	return copy == DPS_LINE_NONE;
}

unsigned int dps_impair_receive(struct dps_port *port, struct dps_incoming *incoming,
				unsigned int room)
{
	struct dps_impair *impair = dps_impair_of(port);
	struct dps_port *inner = impair->inner;
	unsigned int taken, ask, count, passed = 0;

	DPS_ASSERT(impair->inner_lent_count == 0 && impair->copies_lent_count == 0);
	room = (unsigned int)dps_min_u64(room, DPS_PORT_BURST);
	dps_line_advance(&impair->receive_line, impair->now_ns);
	taken = lend_ready(impair, incoming, room);
	ask = room - taken;
	if (impair->options.dup != 0 || impair->options.reorder != 0)
		ask = (ask + 1) / 2; /* leaves places for those that come in between */
	count = ask != 0 ? inner->ops->receive(inner, impair->inner_lent, ask) : 0;
	for (unsigned int i = 0; i < count; i++) {
		bool is_passed = receive_one(impair, &impair->inner_lent[i], &incoming[taken]);

		passed += is_passed;
		taken += is_passed;
		taken += lend_ready(impair, incoming + taken, room - taken - (count - i - 1));
	}
	if (passed != 0)
		impair->inner_lent_count = count;
	else if (count != 0)
		inner->ops->release(inner, impair->inner_lent, count);
	dps_impair_mirror_counters(impair);
	return taken;
}

void dps_impair_release(struct dps_port *port, struct dps_incoming *incoming, unsigned int count)
{
	struct dps_impair *impair = dps_impair_of(port);

	(void)incoming, (void)count; /* one receive is lent at a time, and known here */
	for (unsigned int i = 0; i < impair->copies_lent_count; i++)
		dps_line_give(&impair->receive_line, impair->copies_lent[i]);
	impair->copies_lent_count = 0;
	if (impair->inner_lent_count != 0)
		impair->inner->ops->release(impair->inner, impair->inner_lent,
					    impair->inner_lent_count);
	impair->inner_lent_count = 0;
}
