/* SPDX-License-Identifier: BSD-3-Clause */
/* Emit: turns what paths have become into packets, one path after the other. */
#include "engine/state.h"
#include <string.h>

uint8_t *dps_emit_start(struct dps_engine *engine, struct dps_outgoing *out)
{
	/* As many as there are packets in one emit: there always is one. */
	DPS_ASSERT(engine->bodies_used < DPS_EMIT_PACKETS_MAX);
	*out = (struct dps_outgoing){
		.head = engine->bodies + engine->bodies_used++ * DPS_ENGINE_BODY_BYTES,
		.head_bytes = DPS_ENVELOPE_BYTES,
		.token = DPS_SLOT_NONE,
	};
	return out->head + DPS_ENVELOPE_BYTES;
}

void dps_emit_finish(struct dps_path *path, struct dps_outgoing *out, struct dps_header *header,
		     struct dps_sent_packet *sent, uint64_t now_ns)
{
	bool is_eliciting =
		(sent->flags & (DPS_SENT_DATA | DPS_SENT_PROBE | DPS_SENT_SLICE | DPS_SENT_TOLD)) !=
		0;

	header->version = DPS_WIRE_VERSION;
	header->payload_bytes = (uint16_t)(out->head_bytes - DPS_ENVELOPE_BYTES + out->body_bytes);
	header->sent_at_us = (uint32_t)(now_ns / DPS_NS_PER_US);
	header->connection_id = path->config.remote_connection_id;
	header->floor = (uint32_t)path->sent.floor_number;
	sent->sent_at_ns = now_ns;
	sent->wire_bytes = out->head_bytes + out->body_bytes;
	header->packet_number = dps_sent_push(&path->sent, sent);
	if (is_eliciting)
		dps_loss_on_sent(&path->loss, now_ns);
	else
		dps_sent_remove(&path->sent, header->packet_number);
	path->last_sent_ns = now_ns;
	if (!path->proof.is_there && header->type != DPS_PACKET_PROBE)
		path->proof.sent_bytes += sent->wire_bytes;
	out->packet_number = header->packet_number;
	out->path = path->index;
	out->remote = path->config.remote;
	dps_header_encode(header, out->head);
}

static struct dps_path *take_touched(struct dps_engine *engine)
{
	struct dps_path *path = &engine->paths[engine->first_touched];

	engine->first_touched = path->next_touched;
	if (engine->first_touched == DPS_PATH_NONE)
		engine->last_touched = DPS_PATH_NONE;
	path->is_touched = false;
	return path;
}

/* Where the peer's streams go over the path, too: acknowledgements of these before any bytes. */
static unsigned int emit_carried(struct dps_engine *engine, struct dps_path *path,
				 struct dps_outgoing *out, unsigned int room, uint8_t *heads,
				 bool is_due, uint64_t now_ns)
{
	unsigned int count = 0;

	if (path->state == DPS_PATH_OPEN) {
		count += dps_emit_stream_acks(engine, path, out, room, is_due, now_ns);
		count += dps_emit_shares(engine, path, out + count, room - count,
					 heads + count * DPS_ENGINE_HEAD_BYTES, now_ns);
	}
	path->carrier->changes = dps_streams_changes(path->carrier->streams);
	return count;
}

/* All that a path has to say now, in the order of urgency. */
static unsigned int emit_path(struct dps_engine *engine, struct dps_path *path,
			      struct dps_outgoing *out, unsigned int room, unsigned int used,
			      uint64_t now_ns)
{
	unsigned int count = 0, acks;

	if (path->sent.next_number > DPS_PACKET_NUMBER_MAX - DPS_EMIT_PACKETS_MAX) {
		/* A number is never used twice: a newer epoch has to take over. */
		dps_path_lose(engine, path, DPS_CLOSE_SUPERSEDED);
		dps_path_free(engine, path);
		return 0;
	}
	count += acks = dps_emit_ack(engine, path, out, room, now_ns);
	count += dps_emit_control(engine, path, out + count, room - count, now_ns);
	if (path->carrier)
		count += emit_carried(engine, path, out + count, room - count,
				      engine->heads + (used + count) * DPS_ENGINE_HEAD_BYTES,
				      acks > 0, now_ns);
	else if (path->state == DPS_PATH_OPEN)
		count += dps_emit_data(engine, path, out + count, room - count,
				       engine->heads + (used + count) * DPS_ENGINE_HEAD_BYTES,
				       now_ns);
	return count;
}

/* Time is counted to what stopped us last. */
static void account_limit(struct dps_engine *engine, uint8_t limit, uint64_t now_ns)
{
	if (engine->senders_count > 0 && now_ns > engine->limit_since_ns)
		engine->counters.limited_ns[engine->limit] += now_ns - engine->limit_since_ns;
	engine->limit_since_ns = now_ns;
	engine->limit = limit;
}

unsigned int dps_engine_emit_packets(struct dps_engine *engine, struct dps_outgoing *packets,
				     unsigned int room, uint64_t now_ns)
{
	unsigned int count = 0;
	uint8_t limit = engine->limit;
	uint32_t index, last;

	engine->now_ns = now_ns;
	if (engine->first_carrier != DPS_CARRIER_NONE)
		dps_carriers_touch(engine);
	last = engine->last_touched;
	engine->bodies_used = 0;
	if (room == 0)
		limit = DPS_LIMIT_NIC;
	room = room < DPS_EMIT_PACKETS_MAX ? room : DPS_EMIT_PACKETS_MAX;
	while (count < room && engine->first_touched != DPS_PATH_NONE) {
		struct dps_path *path = take_touched(engine);

		index = path->index;
		count += emit_path(engine, path, packets + count, room - count, count, now_ns);
		if (path->state == DPS_PATH_FREE)
			goto next;
		if (path->state == DPS_PATH_OPEN && path->first_channel != DPS_CHANNEL_NONE)
			limit = path->limit;
		if (count == room) {
			limit = DPS_LIMIT_CPU;
			dps_path_touch(engine, path); /* there may be more: behind the others */
		}
		dps_timers_set(&engine->timers, index, dps_path_deadline_ns(path));
	next:
		if (index == last)
			break;
	}
	account_limit(engine, limit, now_ns);
	return count;
}
