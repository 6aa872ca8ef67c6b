/* SPDX-License-Identifier: BSD-3-Clause */
/* Data packets: what is lost first, what is new next, within window, pace and credit. */
#include "engine/emit_pace.h"
#include <string.h>

/* Cuts a packet out of offset..limit of a piece; the one with its last byte brings the digest. */
static void cut(const struct dps_path *path, struct dps_choice *choice, uint64_t offset,
		uint64_t limit)
{
	struct dps_piece piece = dps_piece_of(choice->chunk, choice->extent);
	uint64_t bytes = dps_min_u64(dps_min_u64(limit, piece.end) - offset, path->data_bytes_max);

	choice->offset = offset;
	choice->has_digest = offset + bytes == piece.end;
	if (choice->has_digest && bytes + DPS_DIGEST_BYTES > path->payload_bytes_max) {
		/* No room for both: half now, the rest with the digest in the next packet. */
		bytes = dps_round_down(bytes / 2, 16);
		choice->has_digest = false;
	}
	choice->bytes = (uint32_t)bytes;
}

/* The next bytes that are lost and not acknowledged since. */
static bool choose_resend(struct dps_engine *engine, struct dps_path *path,
			  struct dps_choice *choice)
{
	const struct dps_resend *resend;
	struct dps_range gap;

	if (dps_repair_count(path) == 0) /* as most of the time */
		return false;
	resend = dps_repair_next(engine, path, &choice->chunk, &gap);
	if (!resend)
		return false;
	choice->channel = &engine->channels[resend->channel];
	choice->extent = &engine->extents.items[dps_extent_find(engine, choice->chunk, gap.start)];
	choice->is_resend = true;
	choice->limit = choice->run_end = 0;
	cut(path, choice, gap.start, gap.end);
	return true;
}

/* Moves on to the next byte to send first time; true when there is one within the credit. */
static bool choose_from_channel(struct dps_engine *engine, struct dps_path *path,
				struct dps_channel *channel, struct dps_choice *choice)
{
	while (channel->send_offset < channel->made_offset) {
		uint64_t number = dps_chunk_number(engine, channel->send_offset);
		uint32_t index = dps_replay_ring_at(&channel->ring, number);
		struct dps_extent *extent;
		struct dps_chunk *chunk;
		struct dps_range gap;
		uint64_t piece_end;

		if (index == DPS_CHUNK_NONE) { /* padding, or skipped */
			channel->send_offset =
				dps_channel_next_held(engine, channel, channel->send_offset);
			continue;
		}
		chunk = &engine->chunks.items[index];
		if (chunk->state != DPS_CHUNK_READY) {
			path->limit = DPS_LIMIT_DISK;
			return false;
		}
		while (engine->extents.items[channel->send_extent].end <= channel->send_offset)
			channel->send_extent = engine->extents.items[channel->send_extent].next;
		extent = &engine->extents.items[channel->send_extent];
		piece_end = dps_min_u64(extent->end, chunk->end);
		gap = dps_ranges_next_missing(
			&chunk->done, dps_max_u64(channel->send_offset, extent->start), piece_end);
		if (gap.start >= gap.end) {
			channel->send_offset = piece_end; /* skipped: nothing of it is sent */
		} else if (gap.start >= channel->credit) {
			path->limit = DPS_LIMIT_CREDIT;
			return false;
		} else {
			choice->channel = channel;
			choice->chunk = chunk;
			choice->extent = extent;
			choice->is_resend = false;
			choice->limit = dps_min_u64(gap.end, channel->credit);
			cut(path, choice, gap.start, choice->limit);
			/* The last of a piece has the digest, the last of the credit its flag. */
			choice->run_end = dps_min_u64(dps_min_u64(gap.end, piece_end - 1),
						      channel->credit - 1);
			return true;
		}
		if (channel->send_offset >= chunk->data_end) {
			channel->send_offset = chunk->end;
			channel->unsent_chunks--;
			dps_channel_want(engine, channel);
		}
	}
	if (channel->made_offset >= channel->announced_end)
		path->limit = DPS_LIMIT_SOURCE;
	else
		path->limit =
			channel->made_offset >= channel->credit ? DPS_LIMIT_CREDIT : DPS_LIMIT_DISK;
	return false;
}

static void end_turn(struct dps_engine *engine, struct dps_path *path, bool has_more)
{
	struct dps_channel *channel = &engine->channels[path->first_sendable];

	path->first_sendable = channel->next_sendable;
	if (path->first_sendable == DPS_CHANNEL_NONE)
		path->last_sendable = DPS_CHANNEL_NONE;
	channel->is_sendable = false;
	path->brief_count -= channel->is_brief;
	path->send_quantum = DPS_ENGINE_QUANTUM_BYTES;
	if (has_more)
		dps_channel_sendable(engine, channel);
}

/* The only one that has something to send has the next turn too. */
static bool has_turn(struct dps_path *path)
{
	if (dps_path_turn_bytes(path) > 0)
		return true;
	if (path->first_sendable != path->last_sendable)
		return false;
	path->send_quantum = DPS_ENGINE_QUANTUM_BYTES;
	return true;
}

static bool choose_new(struct dps_engine *engine, struct dps_path *path, struct dps_choice *choice,
		       uint64_t now_ns)
{
	while (path->first_sendable != DPS_CHANNEL_NONE) {
		uint32_t index = path->first_sendable;
		struct dps_channel *channel = &engine->channels[index];

		if (!has_turn(path)) {
			end_turn(engine, path, true);
			continue;
		}
		if (choose_from_channel(engine, path, channel, choice))
			return true;
		end_turn(engine, path, false);
		if (path->limit == DPS_LIMIT_CREDIT)
			/* Credit that came before the channel was open is asked for at once. */
			dps_path_on_blocked(path, index, channel->credit == 0, now_ns);
	}
	return false;
}

/* Posts a packet: from here on its bytes are on their way, whatever becomes of this one. */
static void post(struct dps_engine *engine, struct dps_path *path, const struct dps_choice *choice)
{
	struct dps_channel *channel = choice->channel;
	uint64_t end = choice->offset + choice->bytes;

	if (choice->is_resend) {
		uint32_t mask = (uint32_t)path->sent.capacity - 1;
		struct dps_resend *resend = &path->resends[path->resends_tail & mask];

		resend->bytes -= choice->bytes;
		resend->offset = end;
		if (resend->bytes == 0)
			path->resends_tail++;
		engine->counters.retransmitted_packets++;
		engine->counters.retransmitted_bytes += choice->bytes;
		path->resend_turn = false;
		return;
	}
	path->send_quantum -= (uint32_t)dps_min_u64(path->send_quantum, choice->bytes);
	path->resend_turn = true;
	channel->send_offset = end;
	if (end >= choice->chunk->data_end) {
		channel->send_offset = choice->chunk->end;
		channel->unsent_chunks--;
		dps_channel_want(engine, channel);
	}
}

/* Whether the receiver's credit ends with this packet, and is what keeps us from going on. */
static bool uses_up_credit(const struct dps_engine *engine, const struct dps_choice *choice)
{
	const struct dps_channel *channel = choice->channel;
	uint64_t end = choice->offset + choice->bytes;

	if (end >= choice->chunk->data_end)
		end = choice->chunk->end;
	if (channel->stripes > 1 && end % engine->limits.chunk_bytes == 0)
		end = dps_chunk_base(engine,
				     dps_channel_next_own(channel, dps_chunk_number(engine, end)));
	return end >= channel->credit && channel->credit < channel->announced_end;
}

static void build(struct dps_engine *engine, struct dps_path *path, const struct dps_choice *choice,
		  struct dps_outgoing *out, uint8_t *head, uint64_t now_ns)
{
	struct dps_header header = {
		.type = DPS_PACKET_DATA,
		.flags = (uint8_t)((choice->is_resend ? DPS_PACKET_RESENT : 0) |
				   (choice->has_digest ? DPS_PACKET_DIGEST : 0) |
				   (uses_up_credit(engine, choice) ? DPS_PACKET_BLOCKED : 0)),
		.offset = choice->offset,
		.channel = choice->channel->number,
	};
	struct dps_sent_packet sent = {
		.offset = choice->offset,
		.channel = dps_channel_index(engine, choice->channel),
		.generation = choice->channel->generation,
		.data_bytes = (uint16_t)choice->bytes,
		.flags = (uint8_t)(DPS_SENT_DATA | (choice->is_resend ? DPS_SENT_RESENT : 0) |
				   (choice->has_digest ? DPS_SENT_DIGEST : 0)),
	};

	out->head = head;
	out->head_bytes = DPS_ENVELOPE_BYTES;
	out->token = choice->chunk->slot;
	out->body = dps_slots_at(&engine->slots, out->token) +
		    (choice->offset & (engine->limits.chunk_bytes - 1));
	out->body_bytes = choice->bytes;
	out->room = NULL;
	out->owner = NULL;
	if (choice->has_digest) {
		memcpy(head + DPS_ENVELOPE_BYTES,
		       &dps_piece_state_of(engine, choice->chunk, choice->extent)->digest,
		       DPS_DIGEST_BYTES);
		out->head_bytes += DPS_DIGEST_BYTES;
	}
	dps_slots_hold(&engine->slots, out->token, 1);
	dps_emit_finish(path, out, &header, &sent, now_ns);
	engine->counters.data_packets++;
	engine->counters.data_bytes += choice->bytes;
}

/*
 * Whether what is sent again leaves the queue by it. When nothing is in flight, one has to go that
 * does not, as long as there is a place for it should it be lost.
 */
static bool needs_no_room(const struct dps_path *path, const struct dps_choice *choice)
{
	const struct dps_resend *resend =
		&path->resends[path->resends_tail & ((uint32_t)path->sent.capacity - 1)];

	return choice->bytes == resend->bytes ||
	       (path->sent.packets_in_flight == 0 && dps_repair_count(path) < path->sent.capacity);
}

static bool choose(struct dps_engine *engine, struct dps_path *path, struct dps_choice *choice,
		   uint64_t now_ns)
{
	bool is_repair_first;

	if (!dps_repair_has_room(path, 1)) {
		path->limit = DPS_LIMIT_WINDOW;
		return choose_resend(engine, path, choice) && needs_no_room(path, choice);
	}
	/* Repair takes at most every other packet while there is new data to send. */
	is_repair_first = path->resend_turn || path->first_sendable == DPS_CHANNEL_NONE ||
			  path->probes_owed > 0;
	return (is_repair_first && choose_resend(engine, path, choice)) ||
	       choose_new(engine, path, choice, now_ns) ||
	       (!is_repair_first && choose_resend(engine, path, choice));
}

/* Chooses what follows the last choice without a search, unless something else has its turn. */
static bool go_on(struct dps_path *path, struct dps_choice *choice)
{
	if (choice->limit == 0 || choice->channel->send_offset >= choice->limit ||
	    dps_repair_count(path) != 0 || !dps_repair_has_room(path, 1) || !has_turn(path))
		return false;
	cut(path, choice, choice->channel->send_offset, choice->limit);
	return true;
}

/* Nothing to send: what the channels ran dry of is still what limits them. */
static void stay_dry(struct dps_path *path)
{
	if (path->limit != DPS_LIMIT_DISK && path->limit != DPS_LIMIT_CREDIT)
		path->limit = DPS_LIMIT_SOURCE;
}

/* Repair takes turns with new data, probes are counted, and a pause ends: packet by packet. */
static bool may_run(const struct dps_path *path, const struct dps_choice *choice, uint64_t now_ns)
{
	return choice->run_end >= choice->offset + choice->bytes && dps_repair_count(path) == 0 &&
	       path->probes_owed == 0 && !dps_pace_has_paused(path, now_ns);
}

unsigned int dps_emit_data(struct dps_engine *engine, struct dps_path *path,
			   struct dps_outgoing *out, unsigned int room, uint8_t *heads,
			   uint64_t now_ns)
{
	struct dps_choice choice = { .limit = 0 };
	unsigned int count = 0;
	uint32_t wire_bytes;

	if (path->first_sendable == DPS_CHANNEL_NONE && dps_repair_count(path) == 0) {
		stay_dry(path);
		return 0;
	}
	path->limit = DPS_LIMIT_CPU;
	while (count < room) {
		bool is_probe = path->probes_owed > 0;

		if (path->sent.bytes_in_flight + path->data_bytes_max + DPS_ENVELOPE_BYTES >
			    path->congestion.window_bytes &&
		    !is_probe) {
			path->limit = DPS_LIMIT_WINDOW;
			break;
		}
		if (!dps_pace_may_remember(path, DPS_ENGINE_SENT_SPARE)) {
			path->limit = DPS_LIMIT_WINDOW;
			break;
		}
		if (!go_on(path, &choice) && !choose(engine, path, &choice, now_ns))
			break;
		if (may_run(path, &choice, now_ns)) {
			unsigned int emitted =
				dps_emit_run(engine, path, &choice, out + count, room - count,
					     heads + count * DPS_ENGINE_HEAD_BYTES, now_ns);

			count += emitted;
			if (emitted > 0)
				continue;
		}
		wire_bytes = choice.bytes + DPS_ENVELOPE_BYTES;
		if (!is_probe && !dps_pacer_take(&path->pacer, wire_bytes, now_ns)) {
			path->limit = DPS_LIMIT_PACING;
			break;
		}
		path->probes_owed -= is_probe;
		if (dps_pace_has_paused(path, now_ns))
			dps_pace_end_pause(path, now_ns);
		path->last_data_sent_ns = now_ns;
		build(engine, path, &choice, &out[count], heads + count * DPS_ENGINE_HEAD_BYTES,
		      now_ns);
		post(engine, path, &choice);
		count++;
		path->unasked_packets++;
		if (is_probe)
			out[count - 1].head[1] |= DPS_PACKET_ACK_NOW;
	}
	if (count == room)
		path->limit = DPS_LIMIT_CPU;
	if (count > 0)
		dps_pace_ask(path, &out[count - 1]);
	return count;
}
