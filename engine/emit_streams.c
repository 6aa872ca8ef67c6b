/* SPDX-License-Identifier: BSD-3-Clause */
/* Slices of streams, in turn with what else goes over the path. */
#include "engine/emit_pace.h"

/* Where the port takes bodies from is the streams' to say: they lie in no slot. */
static void build(struct dps_engine *engine, struct dps_path *path,
		  const struct dps_stream_slice *slice, struct dps_outgoing *out, uint8_t *head,
		  uint64_t now_ns)
{
	struct dps_carrier *carrier = path->carrier;
	bool is_end = (slice->flags & DPS_SLICE_END) != 0;
	struct dps_header header = {
		.type = DPS_PACKET_STREAM,
		.flags = (uint8_t)((is_end ? DPS_PACKET_FIN : 0) |
				   (slice->flags & DPS_SLICE_BLOCKED ? DPS_PACKET_BLOCKED : 0) |
				   (slice->flags & DPS_SLICE_RESENT ? DPS_PACKET_RESENT : 0)),
		.offset = slice->offset,
		.channel = slice->number,
	};
	struct dps_sent_packet sent = {
		.offset = slice->offset,
		.channel = slice->number,
		.generation = carrier->life,
		.data_bytes = (uint16_t)slice->bytes,
		.flags = (uint8_t)(DPS_SENT_SLICE | (is_end ? DPS_SENT_END : 0)),
	};

	*out = (struct dps_outgoing){
		.head = head,
		.head_bytes = DPS_ENVELOPE_BYTES,
		.token = DPS_SLOT_NONE,
	};
	if (slice->bytes > 0) {
		out->body = slice->memory;
		out->body_bytes = slice->bytes;
		out->token = dps_carrier_lend(engine, carrier, slice->token);
	}
	dps_emit_finish(path, out, &header, &sent, now_ns);
	engine->counters.stream_packets++;
	engine->counters.stream_bytes += slice->bytes;
}

/* Whether one more packet of the longest may go; says what keeps it otherwise. */
static bool may_go(struct dps_path *path, uint64_t now_ns)
{
	uint32_t wire_bytes = path->data_bytes_max + DPS_ENVELOPE_BYTES;

	path->limit = DPS_LIMIT_WINDOW;
	/* Data that may be lost must find room to be queued; what is queued goes first, then. */
	if (!dps_pace_may_remember(path, DPS_ENGINE_SENT_SPARE) || !dps_repair_has_room(path, 1))
		return false;
	if (path->probes_owed > 0)
		return true;
	if (path->sent.bytes_in_flight + wire_bytes > path->congestion.window_bytes)
		return false;
	path->limit = DPS_LIMIT_PACING;
	return dps_pacer_take(&path->pacer, wire_bytes, now_ns);
}

static void send(struct dps_engine *engine, struct dps_path *path, struct dps_outgoing *out,
		 uint8_t *head, uint64_t now_ns)
{
	const struct dps_carrier *carrier = path->carrier;
	bool is_probe = path->probes_owed > 0;
	struct dps_stream_slice slice;
	unsigned int count;

	if (dps_pace_has_paused(path, now_ns))
		dps_pace_end_pause(path, now_ns);
	count = dps_streams_emit_slices(carrier->streams, carrier->epoch, &slice, 1,
					path->data_bytes_max);
	DPS_ASSERT(count == 1); /* it was asked whether there is one */
	if (!is_probe)		/* what was taken for the longest there is */
		dps_pacer_give(&path->pacer, path->data_bytes_max - slice.bytes);
	path->probes_owed -= is_probe;
	path->last_data_sent_ns = now_ns;
	path->unasked_packets++;
	build(engine, path, &slice, out, head, now_ns);
	if (is_probe)
		out->head[1] |= DPS_PACKET_ACK_NOW;
}

static unsigned int emit_slices(struct dps_engine *engine, struct dps_path *path,
				struct dps_outgoing *out, unsigned int room, uint8_t *heads,
				uint64_t now_ns)
{
	unsigned int count = 0;

	while (count < room) {
		path->limit = DPS_LIMIT_SOURCE;
		if (!dps_carrier_has_slices(path) || !may_go(path, now_ns))
			break;
		send(engine, path, &out[count], heads + count * DPS_ENGINE_HEAD_BYTES, now_ns);
		count++;
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
