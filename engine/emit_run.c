/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs of data packets: what is asked of path, pacer and channel is asked once for all of a run,
 * and its packets differ in number and offset only.
 */
#include "engine/state.h"
#include <string.h>

/* How many units fit; most often it is what was hoped for, and nothing is divided. */
static uint32_t fit(uint32_t hoped, uint64_t available, uint64_t unit)
{
	return hoped * unit <= available ? hoped : (uint32_t)(available / unit);
}

static uint32_t left(uint64_t all, uint64_t used)
{
	return all > used ? (uint32_t)(all - used) : 0;
}

/* How many full packets may go, but for the pace. */
static uint32_t run_length(const struct dps_path *path, const struct dps_choice *choice,
			   uint32_t room)
{
	const struct dps_sent *sent = &path->sent;
	uint32_t bytes = choice->bytes, wire_bytes = bytes + DPS_ENVELOPE_BYTES;
	uint32_t count = room;

	if (choice->offset + bytes > choice->run_end || bytes != path->data_bytes_max)
		return 0;
	count = fit(count, choice->run_end - choice->offset, bytes);
	count = fit(count, path->congestion.window_bytes - sent->bytes_in_flight, wire_bytes);
	count = (uint32_t)dps_min_u64(count, left(sent->capacity - DPS_ENGINE_SENT_SPARE,
						  sent->next_number - sent->floor_number));
	count = (uint32_t)dps_min_u64(count, left(sent->capacity - DPS_ENGINE_SENT_SPARE / 2,
						  sent->packets_in_flight + 1));
	/* A channel that is the only one has all turns. */
	if (path->first_sendable != path->last_sendable)
		count = fit(count, dps_path_turn_bytes(path) + bytes - 1, bytes);
	return count;
}

static void build(const struct dps_engine *engine, const struct dps_path *path,
		  const struct dps_choice *choice, struct dps_outgoing *out, uint8_t *heads,
		  uint32_t count)
{
	uint64_t number = path->sent.next_number, offset = choice->offset;
	const uint8_t *body = dps_slots_at(&engine->slots, choice->chunk->slot) +
			      (offset & (engine->limits.chunk_bytes - 1));
	const struct dps_header header = {
		.version = DPS_WIRE_VERSION,
		.type = DPS_PACKET_DATA,
		.payload_bytes = (uint16_t)choice->bytes,
		.sent_at_us = (uint32_t)(engine->now_ns / DPS_NS_PER_US),
		.connection_id = path->config.remote_connection_id,
		.floor = (uint32_t)path->sent.floor_number,
		.channel = choice->channel->number,
	};
	const uint32_t head_bytes = DPS_ENVELOPE_BYTES, body_bytes = choice->bytes;
	const uint32_t remote = path->config.remote, token = choice->chunk->slot;
	const uint32_t index = path->index;
	struct dps_outgoing *end = out + count;
	const struct dps_header_template template = dps_header_template_of(&header);

	/* Field by field: what is the same for all stays in registers. */
	for (; out < end; out++) {
		dps_header_fill(&template, number, offset, heads);
		out->head = heads;
		out->body = body;
		out->head_bytes = head_bytes;
		out->body_bytes = body_bytes;
		out->remote = remote;
		out->token = token;
		out->path = index;
		out->packet_number = number;
		out->room = NULL;
		out->owner = NULL;
		heads += DPS_ENGINE_HEAD_BYTES;
		body += body_bytes;
		offset += body_bytes;
		number++;
	}
}

unsigned int dps_emit_run(struct dps_engine *engine, struct dps_path *path,
			  const struct dps_choice *choice, struct dps_outgoing *out,
			  unsigned int room, uint8_t *heads, uint64_t now_ns)
{
	struct dps_channel *channel = choice->channel;
	const struct dps_sent_packet sent = {
		.sent_at_ns = now_ns,
		.offset = choice->offset,
		.channel = dps_channel_index(engine, channel),
		.generation = channel->generation,
		.wire_bytes = choice->bytes + DPS_ENVELOPE_BYTES,
		.data_bytes = (uint16_t)choice->bytes,
		.flags = DPS_SENT_DATA,
	};
	uint32_t count = run_length(path, choice, room);
	uint64_t bytes;

	if (count > 0)
		count = dps_pacer_take_many(&path->pacer, sent.wire_bytes, count, now_ns);
	if (count == 0)
		return 0;
	build(engine, path, choice, out, heads, count);
	dps_emit_finish_run(path, &sent, count);
	dps_slots_hold(&engine->slots, choice->chunk->slot, count);
	path->last_data_sent_ns = now_ns;
	path->unasked_packets += count;
	path->resend_turn = true;
	bytes = (uint64_t)count * choice->bytes;
	channel->send_offset = choice->offset + bytes;
	path->send_quantum -= (uint32_t)dps_min_u64(path->send_quantum, bytes);
	engine->counters.data_packets += count;
	engine->counters.data_bytes += bytes;
	return count;
}
