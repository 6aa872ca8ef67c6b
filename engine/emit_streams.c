/* SPDX-License-Identifier: BSD-3-Clause */
/* Slices of streams, in turn with what else goes over the path. */
#include "engine/emit_pace.h"

enum { SLICES_MAX = 32 }; /* at a time: a port's burst */

static uint8_t packet_flags(const struct dps_stream_slice *slice)
{
	return (uint8_t)((slice->flags & DPS_SLICE_END ? DPS_PACKET_FIN : 0) |
			 (slice->flags & DPS_SLICE_BLOCKED ? DPS_PACKET_BLOCKED : 0) |
			 (slice->flags & DPS_SLICE_RESENT ? DPS_PACKET_RESENT : 0));
}

/* The end alone, or with the last bytes. */
static void build_end(struct dps_engine *engine, struct dps_path *path,
		      const struct dps_stream_slice *slice, struct dps_outgoing *out, uint8_t *head,
		      uint64_t now_ns)
{
	struct dps_carrier *carrier = path->carrier;
	struct dps_header header = {
		.type = DPS_PACKET_STREAM,
		.flags = packet_flags(slice),
		.offset = slice->offset,
		.channel = slice->number,
	};
	struct dps_sent_packet sent = {
		.offset = slice->offset,
		.channel = slice->number,
		.generation = carrier->life,
		.data_bytes = (uint16_t)slice->bytes,
		.flags = DPS_SENT_SLICE | DPS_SENT_END,
	};

	*out = (struct dps_outgoing){
		.head = head,
		.head_bytes = DPS_ENVELOPE_BYTES,
		.token = DPS_SLOT_NONE,
	};
	if (slice->bytes > 0) {
		out->body = slice->memory;
		out->body_bytes = slice->bytes;
		out->token = dps_carrier_lend(engine, carrier, 1) | slice->token;
	}
	dps_emit_finish(path, out, &header, &sent, now_ns);
}

/* How many slices, from the first on, differ in nothing but where the last one ended. */
static unsigned int run_length(const struct dps_stream_slice *slices, unsigned int count)
{
	const struct dps_stream_slice *first = &slices[0];
	uint64_t offset = first->offset + first->bytes;
	unsigned int i = 1;

	for (; i < count && slices[i].offset == offset && slices[i].number == first->number &&
	       slices[i].bytes == first->bytes && slices[i].flags == first->flags;
	     i++)
		offset += first->bytes;
	return i;
}

/* Where the port takes bodies from is the streams' to say: they lie in no slot. */
static void fill_run(struct dps_engine *engine, const struct dps_path *path,
		     const struct dps_stream_slice *slices, unsigned int count,
		     struct dps_outgoing *out, uint8_t *heads, uint64_t now_ns)
{
	const struct dps_header header = {
		.version = DPS_WIRE_VERSION,
		.type = DPS_PACKET_STREAM,
		.flags = packet_flags(slices),
		.payload_bytes = (uint16_t)slices->bytes,
		.sent_at_us = (uint32_t)(now_ns / DPS_NS_PER_US),
		.connection_id = path->config.remote_connection_id,
		.floor = (uint32_t)path->sent.floor_number,
		.channel = slices->number,
	};
	const struct dps_header_template template = dps_header_template_of(&header);
	uint32_t token = dps_carrier_lend(engine, path->carrier, count);
	uint64_t number = path->sent.next_number;

	for (unsigned int i = 0; i < count; i++, number++) {
		dps_header_fill(&template, number, slices[i].offset, heads);
		out[i] = (struct dps_outgoing){
			.head = heads,
			.body = slices[i].memory,
			.head_bytes = DPS_ENVELOPE_BYTES,
			.body_bytes = slices[i].bytes,
			.remote = path->config.remote,
			.token = token | slices[i].token,
			.path = path->index,
			.packet_number = number,
		};
		heads += DPS_ENGINE_HEAD_BYTES;
	}
}

static void build_run(struct dps_engine *engine, struct dps_path *path,
		      const struct dps_stream_slice *slices, unsigned int count,
		      struct dps_outgoing *out, uint8_t *heads, uint64_t now_ns)
{
	const struct dps_sent_packet sent = {
		.sent_at_ns = now_ns,
		.offset = slices->offset,
		.channel = slices->number,
		.generation = path->carrier->life,
		.wire_bytes = slices->bytes + DPS_ENVELOPE_BYTES,
		.data_bytes = (uint16_t)slices->bytes,
		.flags = DPS_SENT_SLICE,
	};

	fill_run(engine, path, slices, count, out, heads, now_ns);
	dps_emit_finish_run(path, &sent, count);
}

/* Of some slices, as many as go together; returns how many. */
static unsigned int build(struct dps_engine *engine, struct dps_path *path,
			  const struct dps_stream_slice *slices, unsigned int count,
			  struct dps_outgoing *out, uint8_t *heads, uint64_t now_ns)
{
	if (slices->flags & DPS_SLICE_END) {
		build_end(engine, path, slices, out, heads, now_ns);
		count = 1;
	} else {
		count = run_length(slices, count);
		build_run(engine, path, slices, count, out, heads, now_ns);
	}
	engine->counters.stream_packets += count;
	engine->counters.stream_bytes += (uint64_t)count * slices->bytes;
	return count;
}

/* How many packets of the longest may go, at most room; says what keeps the others. */
static unsigned int how_many_may_go(struct dps_path *path, unsigned int room, uint64_t now_ns)
{
	const struct dps_sent *sent = &path->sent;
	uint32_t wire_bytes = path->data_bytes_max + DPS_ENVELOPE_BYTES;
	uint64_t count = room, granted;

	path->limit = DPS_LIMIT_WINDOW;
	/* Data that may be lost must find room to be queued; what is queued goes first, then. */
	if (!dps_pace_may_remember(path, DPS_ENGINE_SENT_SPARE) || !dps_repair_has_room(path, 1))
		return 0;
	if (path->probes_owed > 0)
		return 1;
	if (sent->bytes_in_flight + wire_bytes > path->congestion.window_bytes)
		return 0;
	if (sent->bytes_in_flight + count * wire_bytes > path->congestion.window_bytes)
		count = (path->congestion.window_bytes - sent->bytes_in_flight) / wire_bytes;
	count = dps_min_u64(count, sent->capacity - DPS_ENGINE_SENT_SPARE -
					   (sent->next_number - sent->floor_number));
	while (!dps_repair_has_room(path, (uint32_t)count))
		count--;
	granted = dps_pacer_take_many(&path->pacer, wire_bytes, (uint32_t)count, now_ns);
	if (granted < count)
		path->limit = DPS_LIMIT_PACING;
	return (unsigned int)granted;
}

/* Most were asked for without knowing how many there are: what was taken for nothing goes back. */
static void settle_pace(struct dps_path *path, unsigned int most, unsigned int count,
			uint64_t bytes)
{
	uint64_t taken = (uint64_t)most * (path->data_bytes_max + DPS_ENVELOPE_BYTES);

	dps_pacer_give(&path->pacer,
		       (uint32_t)(taken - bytes - (uint64_t)count * DPS_ENVELOPE_BYTES));
	if (!dps_carrier_has_slices(path))
		dps_pacer_release(&path->pacer);
}

/* What there is, of so many that may go; there is one. */
static unsigned int send(struct dps_engine *engine, struct dps_path *path, struct dps_outgoing *out,
			 unsigned int most, uint8_t *heads, uint64_t now_ns)
{
	const struct dps_carrier *carrier = path->carrier;
	bool is_probe = path->probes_owed > 0;
	struct dps_stream_slice slices[SLICES_MAX];
	unsigned int count, built = 0;
	uint64_t bytes = 0;

	if (dps_pace_has_paused(path, now_ns))
		dps_pace_end_pause(path, now_ns);
	count = dps_streams_emit_slices(carrier->streams, carrier->epoch, slices, most,
					path->data_bytes_max);
	DPS_ASSERT(count > 0); /* it was asked whether there is one */
	while (built < count) {
		unsigned int of_run =
			build(engine, path, &slices[built], count - built, &out[built],
			      heads + built * DPS_ENGINE_HEAD_BYTES, now_ns);

		bytes += (uint64_t)of_run * slices[built].bytes;
		built += of_run;
	}
	if (!is_probe)
		settle_pace(path, most, count, bytes);
	else
		out->head[1] |= DPS_PACKET_ACK_NOW;
	path->probes_owed -= is_probe;
	path->last_data_sent_ns = now_ns;
	path->unasked_packets += count;
	return count;
}

static unsigned int emit_slices(struct dps_engine *engine, struct dps_path *path,
				struct dps_outgoing *out, unsigned int room, uint8_t *heads,
				uint64_t now_ns)
{
	unsigned int count = 0, most;

	while (count < room) {
		path->limit = DPS_LIMIT_SOURCE;
		if (!dps_carrier_has_slices(path))
			break;
		most = room - count < SLICES_MAX ? room - count : SLICES_MAX;
		most = how_many_may_go(path, most, now_ns);
		if (most == 0)
			break;
		count += send(engine, path, &out[count], most,
			      heads + count * DPS_ENGINE_HEAD_BYTES, now_ns);
	}
	if (count == room)
		path->limit = DPS_LIMIT_CPU;
	if (count > 0)
		dps_pace_ask(path, &out[count - 1]);
	return count;
}

/* What else goes over the path remembers what it ran dry of. */
static unsigned int emit_else(struct dps_engine *engine, struct dps_path *path,
			      struct dps_outgoing *out, unsigned int room, uint8_t *heads,
			      uint64_t now_ns)
{
	unsigned int count;

	path->limit = path->carrier->data_limit;
	count = dps_emit_data(engine, path, out, room, heads, now_ns);
	path->carrier->data_limit = path->limit;
	return count;
}

static void pass_turn(const struct dps_path *path, struct dps_carrier *carrier)
{
	carrier->has_turn = !carrier->has_turn;
	carrier->turn_packets = DPS_ENGINE_QUANTUM_BYTES / path->data_bytes_max;
}

/*
 * The path takes nothing more of anybody, for now: who had less than its turn gets the rest later.
 * Where there is no room to repair, what is queued for that has to go first, whoever had the turn.
 */
static bool is_held_up(const struct dps_path *path)
{
	return path->limit == DPS_LIMIT_PACING ||
	       (path->limit == DPS_LIMIT_WINDOW && dps_repair_has_room(path, 1));
}

unsigned int dps_emit_shares(struct dps_engine *engine, struct dps_path *path,
			     struct dps_outgoing *out, unsigned int room, uint8_t *heads,
			     uint64_t now_ns)
{
	struct dps_carrier *carrier = path->carrier;
	unsigned int count = 0, idle = 0;
	uint8_t slices_limit = DPS_LIMIT_SOURCE;

	while (count < room && idle < 2) {
		unsigned int most = (unsigned int)dps_min_u64(room - count, carrier->turn_packets);
		unsigned int emitted = (carrier->has_turn ? emit_slices : emit_else)(
			engine, path, out + count, most, heads + count * DPS_ENGINE_HEAD_BYTES,
			now_ns);

		if (carrier->has_turn)
			slices_limit = path->limit;
		count += emitted;
		carrier->turn_packets -= emitted;
		if (emitted < most && is_held_up(path))
			return count; /* its turn goes on when the path does */
		idle = emitted < most ? idle + 1 : 0;
		if (emitted < most || carrier->turn_packets == 0)
			pass_turn(path, carrier);
	}
	path->limit = slices_limit == DPS_LIMIT_SOURCE ? carrier->data_limit : slices_limit;
	return count;
}
