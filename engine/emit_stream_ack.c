/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said of streams beside their bytes: how far they came, and who waits to hear it. */
#include "engine/emit_pace.h"

enum {
	ASKS_MAX = 8, /* at a time */
	/* Acknowledgements of packets have numbers left. */
	SENT_SPARE = DPS_ENGINE_SENT_SPARE / 2,
};

/* Nothing, when those that had something to be told of have ended meanwhile. */
static unsigned int emit_one(struct dps_engine *engine, struct dps_path *path,
			     struct dps_outgoing *out, uint64_t now_ns)
{
	struct dps_carrier *carrier = path->carrier;
	struct dps_carrier_told *told = &carrier->told[carrier->told_sequence % DPS_CARRIER_TOLD];
	struct dps_stream_ack acks[DPS_WIRE_STREAMS_MAX];
	struct dps_header header = { .type = DPS_PACKET_STREAM_ACK };
	struct dps_sent_packet sent = {
		.offset = carrier->told_sequence,
		.generation = carrier->life,
		.flags = DPS_SENT_TOLD,
	};
	uint32_t count = dps_streams_emit_acks(carrier->streams, carrier->epoch, acks,
					       DPS_WIRE_STREAMS_MAX, now_ns);
	uint8_t *body;

	if (count == 0)
		return 0;
	body = dps_emit_start(engine, out);
	told->count = count;
	told->sequence = carrier->told_sequence++;
	for (uint32_t i = 0; i < count; i++)
		told->numbers[i] = acks[i].number;
	out->head_bytes +=
		(uint32_t)dps_stream_acks_encode(acks, count, body, DPS_WIRE_BODY_BYTES_MAX);
	dps_emit_finish(path, out, &header, &sent, now_ns);
	engine->counters.stream_acks_sent++;
	return 1;
}

static unsigned int emit_acks(struct dps_engine *engine, struct dps_path *path,
			      struct dps_outgoing *out, unsigned int room, bool is_due,
			      uint64_t now_ns)
{
	struct dps_carrier *carrier = path->carrier;
	unsigned int count = 0;

	if (!dps_streams_has_acks(carrier->streams, carrier->epoch)) {
		carrier->ack_at_ns = DPS_NEVER_NS;
		return 0;
	}
	if (carrier->ack_at_ns == DPS_NEVER_NS)
		carrier->ack_at_ns = now_ns + path->ack.delay_max_ns;
	if (is_due)
		carrier->ack_at_ns = dps_min_u64(carrier->ack_at_ns, now_ns);
	if (carrier->ack_at_ns > now_ns)
		return 0;
	while (count < room && dps_pace_may_remember(path, SENT_SPARE) &&
	       dps_streams_has_acks(carrier->streams, carrier->epoch))
		count += emit_one(engine, path, &out[count], now_ns);
	/* What there was no room for has waited already. */
	if (count < room || !dps_streams_has_acks(carrier->streams, carrier->epoch))
		carrier->ack_at_ns = DPS_NEVER_NS;
	return count;
}

/* A slice without bytes that ends nothing asks how far its stream came. */
static void emit_ask(struct dps_engine *engine, struct dps_path *path, struct dps_outgoing *out,
		     uint32_t number, uint64_t now_ns)
{
	struct dps_header header = {
		.type = DPS_PACKET_STREAM,
		.flags = DPS_PACKET_ACK_NOW,
		.channel = number,
	};
	struct dps_sent_packet sent = {
		.generation = path->carrier->life,
		.channel = number,
		.flags = DPS_SENT_SLICE,
	};

	(void)dps_emit_start(engine, out);
	dps_emit_finish(path, out, &header, &sent, now_ns);
	engine->counters.stream_asks_sent++;
}

static unsigned int emit_asks(struct dps_engine *engine, struct dps_path *path,
			      struct dps_outgoing *out, unsigned int room, uint64_t now_ns)
{
	struct dps_carrier *carrier = path->carrier;
	uint64_t wait_ns = dps_path_probe_timeout_ns(path);
	uint32_t numbers[ASKS_MAX];
	unsigned int count = 0;

	if (!dps_streams_is_awaiting(carrier->streams, carrier->epoch)) {
		carrier->ask_at_ns = DPS_NEVER_NS;
		return 0;
	}
	if (carrier->ask_at_ns == DPS_NEVER_NS)
		carrier->ask_at_ns = now_ns + wait_ns;
	if (carrier->ask_at_ns > now_ns)
		return 0;
	if (dps_pace_may_remember(path, SENT_SPARE))
		count = dps_streams_emit_asks(carrier->streams, carrier->epoch, numbers,
					      room < ASKS_MAX ? room : ASKS_MAX);
	for (unsigned int i = 0; i < count; i++)
		emit_ask(engine, path, &out[i], numbers[i], now_ns);
	carrier->ask_at_ns = now_ns + wait_ns;
	return count;
}

unsigned int dps_emit_stream_acks(struct dps_engine *engine, struct dps_path *path,
				  struct dps_outgoing *out, unsigned int room, bool is_due,
				  uint64_t now_ns)
{
	unsigned int count = emit_acks(engine, path, out, room, is_due, now_ns);

	return count + emit_asks(engine, path, out + count, room - count, now_ns);
}
