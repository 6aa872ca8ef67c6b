/* SPDX-License-Identifier: BSD-3-Clause */
/* Engine pair: the network between them, and the ports that keep what they send for a while. */
#include "drivers/seal/seal.h"
#include "tests/support/engine_pair_parts.h"
#include <stdlib.h>
#include <string.h>

static bool is_earlier(const struct pair_datagram *a, const struct pair_datagram *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void push(struct pair_side *side, struct pair_datagram datagram)
{
	uint32_t at = side->inbox_count++;

	while (at > 0 && is_earlier(&datagram, &side->inbox[(at - 1) / 2])) {
		side->inbox[at] = side->inbox[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	side->inbox[at] = datagram;
}

static struct pair_datagram pop(struct pair_side *side)
{
	struct pair_datagram first = side->inbox[0];
	struct pair_datagram last = side->inbox[--side->inbox_count];
	uint32_t at = 0;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= side->inbox_count)
			break;
		if (child + 1 < side->inbox_count &&
		    is_earlier(&side->inbox[child + 1], &side->inbox[child]))
			child++;
		if (!is_earlier(&side->inbox[child], &last))
			break;
		side->inbox[at] = side->inbox[child];
		at = child;
	}
	side->inbox[at] = last;
	return first;
}

static bool chance(struct pair *pair, uint32_t ppm)
{
	return ppm != 0 && dps_random_chance(&pair->random, ppm, 1000000);
}

static void send_copy(struct pair *pair, unsigned int to, const uint8_t *bytes, uint32_t length)
{
	struct pair_side *side = &pair->sides[to];
	struct pair_datagram datagram = {
		.at_ns = pair->now_ns + pair->options.delay_ns,
		.order = pair->order++,
		.length = length,
		.is_damaged = chance(pair, pair->options.damage_ppm),
	};

	if (pair->is_cut || chance(pair, pair->options.loss_ppm) ||
	    length > pair->options.way_datagram_bytes || side->inbox_count == PAIR_FLIGHT_MAX)
		return;
	if (pair->options.jitter_ns > 0)
		datagram.at_ns += dps_random_below(&pair->random, pair->options.jitter_ns);
	datagram.bytes = malloc(length);
	memcpy(datagram.bytes, bytes, length);
	if (datagram.is_damaged && length > DPS_ENVELOPE_BYTES)
		datagram.bytes[DPS_ENVELOPE_BYTES +
			       dps_random_below(&pair->random, length - DPS_ENVELOPE_BYTES)] ^= 1;
	push(side, datagram);
}

void pair_send(struct pair *pair, unsigned int to, const uint8_t *bytes, uint32_t length)
{
	send_copy(pair, to, bytes, length);
}

/* No byte leaves for which the far side has not made room. */
static void check_credit(struct pair *pair, unsigned int which, const struct dps_outgoing *out)
{
	struct dps_header header;
	uint64_t end;

	pair_check(pair,
		   dps_header_decode(out->head, out->head_bytes + out->body_bytes, &header) == 0);
	pair_check(pair, out->head_bytes + out->body_bytes <= pair->options.datagram_bytes);
	if (header.type != DPS_PACKET_DATA)
		return;
	pair->sides[which].data_packets++;
	end = header.offset + out->body_bytes;
	for (uint32_t i = 0; i < pair->transfers_count; i++) {
		const struct pair_transfer *transfer = &pair->transfers[i];
		struct dps_channel_state state;

		if (transfer->number != header.channel || transfer->from != which)
			continue;
		if (dps_engine_read_channel(pair->sides[which].engine, transfer->channel[which],
					    &state) == 0)
			pair_check(pair, end <= state.credit);
		if (transfer->is_open[1 - which] &&
		    dps_engine_read_channel(pair->sides[1 - which].engine,
					    transfer->channel[1 - which], &state) == 0)
			pair_check(pair, end <= state.credit);
	}
}

static void release_later(struct pair *pair, unsigned int which, uint32_t slot)
{
	struct pair_side *side = &pair->sides[which];

	if (pair->options.hold_ns == 0 || side->holds_count == PAIR_PENDING_MAX) {
		dps_engine_on_released(side->engine, slot, 1);
		return;
	}
	side->holds[side->holds_count++] = (struct pair_hold){
		.at_ns = pair->now_ns + dps_random_below(&pair->random, pair->options.hold_ns),
		.slot = slot,
	};
}

/* What a path that is over still says has no key any more. Returns whether it is sealed. */
static bool seal(const struct pair_side *side, struct dps_outgoing *out)
{
	static uint8_t room[DPS_PAYLOAD_BYTES_MAX];

	if (out->path != side->path)
		return false;
	out->room = out->body ? room : NULL;
	side->seal->make(side->seal, out, 1);
	return true;
}

static void send_out(struct pair *pair, unsigned int which, const uint8_t *bytes, uint32_t length)
{
	if (pair->on_way)
		pair->on_way(pair, which, bytes, length);
	if (pair->is_lost && pair->is_lost(pair, which, bytes, length))
		return;
	send_copy(pair, 1 - which, bytes, length);
	if (chance(pair, pair->options.duplicate_ppm))
		send_copy(pair, 1 - which, bytes, length);
}

void pair_emit(struct pair *pair, unsigned int which)
{
	struct dps_outgoing packets[DPS_EMIT_PACKETS_MAX];
	uint8_t bytes[DPS_ENVELOPE_BYTES + DPS_PAYLOAD_BYTES_MAX];
	unsigned int count = dps_engine_emit_packets(pair->sides[which].engine, packets,
						     DPS_EMIT_PACKETS_MAX, pair->now_ns);

	for (unsigned int i = 0; i < count; i++) {
		struct dps_outgoing *out = &packets[i];
		uint32_t length = out->head_bytes + out->body_bytes;

		check_credit(pair, which, out);
		if (pair->sides[which].seal && !seal(&pair->sides[which], out))
			continue;
		memcpy(bytes, out->head, out->head_bytes);
		if (out->body)
			memcpy(bytes + out->head_bytes, out->body, out->body_bytes);
		send_out(pair, which, bytes, length);
		if (out->body)
			release_later(pair, which, out->token);
	}
}

/* Returns how many of a run are good. */
static unsigned int open_run(const struct pair_side *side, const struct dps_run_placement *run,
			     const struct pair_datagram *datagrams,
			     const struct dps_incoming *incoming)
{
	unsigned int good = 0;

	if (side->seal)
		return dps_seal_open_run(side->seal, run, incoming);
	for (; good < run->count && !datagrams[good].is_damaged; good++)
		memcpy(run->to + good * run->payload_bytes,
		       datagrams[good].bytes + DPS_ENVELOPE_BYTES, run->payload_bytes);
	if (good < run->count) /* what is bad is known only when it lies there */
		memset(run->to + good * run->payload_bytes, 0xee, run->payload_bytes);
	return good;
}

static bool open_one(const struct pair_side *side, const struct dps_placement *placement,
		     const struct pair_datagram *datagram)
{
	const uint8_t *payload = datagram->bytes + DPS_ENVELOPE_BYTES;

	if (side->seal)
		return side->seal->open(side->seal, placement->packet_number, placement->header,
					datagram->bytes + DPS_HEADER_BYTES, placement->to, payload,
					placement->payload_bytes);
	memcpy(placement->to, payload, placement->payload_bytes);
	return !datagram->is_damaged;
}

/* As a lane would take it: as much as goes on with a run at once. Returns how many. */
static unsigned int take(struct pair *pair, struct pair_side *side,
			 const struct pair_datagram *datagrams, unsigned int count)
{
	struct dps_incoming incoming[DPS_RUN_PACKETS_MAX];
	struct dps_run_placement run;
	struct dps_placement placement;
	unsigned int good = 0;

	for (unsigned int i = 0; i < count; i++)
		incoming[i] = (struct dps_incoming){
			.bytes = datagrams[i].bytes,
			.length = datagrams[i].length,
		};
	if (side->engine->run.is_burst &&
	    dps_engine_place_run(side->engine, incoming, count, &run) > 0) {
		good = open_run(side, &run, datagrams, incoming);
		dps_engine_commit_run(side->engine, &run, good);
		return good < run.count ? good + 1 : good;
	}
	/* What nobody wrote must not be read. */
	memset(&placement, 0xa5, sizeof(placement));
	if (dps_engine_place(side->engine, incoming->bytes, incoming->length, 0, &placement) ==
	    DPS_VERDICT_OPEN) {
		dps_engine_commit(side->engine, &placement, open_one(side, &placement, datagrams),
				  pair->now_ns);
	}
	return 1;
}

/* One by one, or in bursts of what has come by now. */
void pair_deliver(struct pair *pair, unsigned int which)
{
	struct pair_side *side = &pair->sides[which];
	bool is_burst = pair->turns % 4 != 0;

	while (side->inbox_count > 0 && side->inbox[0].at_ns <= pair->now_ns) {
		struct pair_datagram datagrams[DPS_RUN_PACKETS_MAX];
		unsigned int count = 0, done = 0;

		while (side->inbox_count > 0 && side->inbox[0].at_ns <= pair->now_ns &&
		       count < (is_burst ? DPS_RUN_PACKETS_MAX : 1))
			datagrams[count++] = pop(side);
		if (is_burst)
			dps_engine_begin_burst(side->engine, pair->now_ns);
		while (done < count)
			done += take(pair, side, datagrams + done, count - done);
		if (is_burst)
			dps_engine_end_burst(side->engine);
		for (unsigned int i = 0; i < count; i++)
			free(datagrams[i].bytes);
	}
}

bool pair_inject(struct pair *pair, unsigned int to, struct dps_header header, const void *payload,
		 uint32_t payload_bytes, bool is_good)
{
	struct pair_side *side = &pair->sides[to];
	uint8_t bytes[DPS_ENVELOPE_BYTES];
	struct dps_incoming incoming = { .bytes = bytes };
	struct dps_run_placement run;
	struct dps_placement placement;

	header.version = DPS_WIRE_VERSION;
	header.connection_id = side->connection_id;
	header.payload_bytes = (uint16_t)payload_bytes;
	dps_header_encode(&header, bytes);
	incoming.length = DPS_ENVELOPE_BYTES + payload_bytes;
	if (side->engine->run.is_burst &&
	    dps_engine_place_run(side->engine, &incoming, 1, &run) == 1) {
		memcpy(run.to, payload, payload_bytes);
		dps_engine_commit_run(side->engine, &run, is_good);
		return true;
	}
	if (dps_engine_place(side->engine, bytes, incoming.length, 0, &placement) !=
	    DPS_VERDICT_OPEN)
		return false;
	memcpy(placement.to, payload, payload_bytes);
	dps_engine_commit(side->engine, &placement, is_good, pair->now_ns);
	return true;
}

void pair_release(struct pair *pair, unsigned int which)
{
	struct pair_side *side = &pair->sides[which];

	for (uint32_t i = 0; i < side->holds_count;) {
		if (side->holds[i].at_ns > pair->now_ns) {
			i++;
			continue;
		}
		dps_engine_on_released(side->engine, side->holds[i].slot, 1);
		side->holds[i] = side->holds[--side->holds_count];
	}
}
