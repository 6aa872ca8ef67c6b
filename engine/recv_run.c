/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs of data packets: where one begins, what goes on with it, and what it brought. */
#include "engine/state.h"
#include <string.h>

void dps_engine_begin_burst(struct dps_engine *engine, uint64_t now_ns)
{
	engine->now_ns = now_ns;
	engine->run.is_burst = true;
}

void dps_engine_end_burst(struct dps_engine *engine)
{
	if (dps_run_has_more(&engine->run))
		dps_run_count(engine);
	if (engine->run.is_slices)
		dps_run_forget(engine);
	engine->run.is_burst = false;
}

void dps_run_forget(struct dps_engine *engine)
{
	DPS_ASSERT(!dps_run_has_more(&engine->run));
	engine->run.length = engine->run.tail_length = 0;
}

/*
 * Whether it is the packet of the run that has this number and offset, as far as its header tells:
 * one comparison of all that is known of it.
 */
static inline bool has_front(const struct dps_run *run, uint32_t front_of_it, const uint8_t *header,
			     uint64_t number, uint64_t offset)
{
	uint32_t front, channel;
	uint64_t connection_id;

	memcpy(&front, header, sizeof(front));
	memcpy(&connection_id, header + 8, sizeof(connection_id));
	memcpy(&channel, header + 36, sizeof(channel));
	return ((front ^ front_of_it) | (channel ^ run->channel_number) |
		(connection_id ^ run->connection_id) | (dps_load_be64(header + 16) ^ number) |
		(dps_load_be64(header + 24) ^ offset)) == 0;
}

static inline bool is_of_run(const struct dps_run *run, const uint8_t *header, uint64_t number,
			     uint64_t offset)
{
	return has_front(run, run->front, header, number, offset);
}

/* Whether it is that packet but for asking to be acknowledged at once, as a burst's last does. */
static bool may_ask(const struct dps_run *run, uint32_t front, const uint8_t *header,
		    uint64_t number, uint64_t offset)
{
	uint8_t plain[DPS_HEADER_BYTES];

	memcpy(plain, header, sizeof(plain));
	plain[1] &= (uint8_t)~DPS_PACKET_ACK_NOW;
	return has_front(run, front, plain, number, offset);
}

static unsigned int place(const struct dps_run *run, const struct dps_incoming *incoming,
			  unsigned int count, struct dps_run_placement *placed)
{
	uint64_t number = run->next_number, offset = run->next_offset;
	uint32_t payload_bytes = run->payload_bytes;
	uint32_t length = run->length;
	uint8_t ecn = run->ecn;
	unsigned int i;

	count = count < DPS_RUN_PACKETS_MAX ? count : DPS_RUN_PACKETS_MAX;
	count = (unsigned int)dps_min_u64(count, run->end_number - number);
	for (i = 0; i < count; i++) {
		uint8_t *header = placed->headers[i];

		if (incoming[i].length != length || incoming[i].ecn != ecn)
			break;
		/* The sender may share this memory: judge and check one and the same copy. */
		memcpy(header, incoming[i].bytes, DPS_HEADER_BYTES);
		if (!is_of_run(run, header, number, offset)) {
			i += may_ask(run, run->front, header, number, offset);
			break;
		}
		number++;
		offset += payload_bytes;
	}
	placed->to = run->to;
	placed->payload_bytes = run->payload_bytes;
	placed->path = run->path;
	placed->packet_number = run->next_number;
	placed->count = i;
	return i;
}

unsigned int dps_engine_place_run(struct dps_engine *engine, const struct dps_incoming *incoming,
				  unsigned int count, struct dps_run_placement *placed)
{
	struct dps_run *run = &engine->run;

	if (run->length == 0)
		return 0;
	DPS_ASSERT(run->is_burst);
	if (run->is_slices && run->next_number == run->end_number && !dps_slices_go_on(engine))
		return 0;
	if (!run->has_slot) /* until one of its packets turns out good: others may take it */
		run->to = dps_slots_at(&engine->slots, dps_slots_next(&engine->slots)) +
			  (run->next_offset & (engine->limits.chunk_bytes - 1));
	return place(run, incoming, count, placed);
}

/* So many more packets of the run were good, and brought so much. */
static void go_on(struct dps_engine *engine, const uint8_t *newest, unsigned int count,
		  uint64_t bytes)
{
	struct dps_run *run = &engine->run;

	if (!run->has_slot)
		dps_chunk_take_slot(engine, &engine->chunks.items[run->chunk]);
	run->has_slot = true;
	run->newest_sent_at_us = dps_load_be32(newest + 4);
	run->newest_floor = dps_load_be32(newest + 32);
	run->is_asked |= (newest[1] & DPS_PACKET_ACK_NOW) != 0; /* none before it does */
	run->next_number += count;
	run->next_offset += bytes;
	run->to += bytes;
}

/* Until the run is counted, nothing but the run knows of them. */
void dps_engine_commit_run(struct dps_engine *engine, const struct dps_run_placement *placed,
			   unsigned int good_count)
{
	struct dps_run *run = &engine->run;
	bool is_all = good_count == placed->count;

	DPS_ASSERT(good_count <= placed->count && placed->packet_number == run->next_number);
	engine->counters.received_packets += good_count + !is_all;
	if (good_count > 0)
		go_on(engine, placed->headers[good_count - 1], good_count,
		      (uint64_t)good_count * run->payload_bytes);
	if (!is_all)
		dps_path_on_bad_seal(engine, &engine->paths[run->path]);
}

/* How the header of a packet like this one begins that asks for nothing. */
static uint32_t plain_front(const struct dps_placement *placement)
{
	uint8_t bytes[sizeof(uint32_t)];
	uint32_t front;

	memcpy(bytes, placement->header, sizeof(bytes));
	bytes[1] &= (uint8_t)~DPS_PACKET_ACK_NOW;
	memcpy(&front, bytes, sizeof(front));
	return front;
}

void dps_run_describe(struct dps_run *run, const struct dps_placement *placement)
{
	run->is_slices = false;
	run->front = plain_front(placement);
	memcpy(&run->connection_id, placement->header + 8, sizeof(run->connection_id));
	memcpy(&run->channel_number, placement->header + 36, sizeof(run->channel_number));
	run->ecn = placement->ecn;
	run->payload_bytes = placement->payload_bytes;
	run->path = placement->path;
	run->channel = placement->channel;
}

/* Whether the last run's packets were of the same channel: what follows may be like them. */
static bool was_of_run(const struct dps_run *run, const struct dps_placement *placement)
{
	return run->payload_bytes != 0 && !run->is_slices && run->ecn == placement->ecn &&
	       run->channel == placement->channel &&
	       memcmp(&run->connection_id, placement->header + 8, sizeof(run->connection_id)) ==
		       0 &&
	       memcmp(&run->channel_number, placement->header + 36, sizeof(run->channel_number)) ==
		       0;
}

/* The packet behind the run's last, if it is the one that ends the piece and has its digest. */
static void describe_tail(struct dps_run *run, uint32_t bytes)
{
	uint8_t front[sizeof(run->front)];

	memcpy(front, &run->front, sizeof(front));
	front[1] |= DPS_PACKET_DIGEST;
	dps_store_be16(front + 2, (uint16_t)(DPS_DIGEST_BYTES + bytes));
	memcpy(&run->tail_front, front, sizeof(front));
	run->tail_length = DPS_ENVELOPE_BYTES + DPS_DIGEST_BYTES + bytes;
}

/* A run from this offset on, as far as the chunk has a gap there. */
static void begin_at(struct dps_engine *engine, uint32_t chunk_index, uint64_t offset,
		     uint64_t number)
{
	const struct dps_chunk *chunk = &engine->chunks.items[chunk_index];
	struct dps_run *run = &engine->run;
	struct dps_range gap;
	uint64_t end, packets;
	uint32_t index;

	if (chunk->state != DPS_CHUNK_RECEIVING ||
	    number > DPS_PACKET_NUMBER_MAX - engine->limits.chunk_bytes)
		return;
	index = dps_extent_find(engine, chunk, offset);
	if (index == DPS_EXTENT_NONE)
		return;
	end = dps_piece_of(chunk, &engine->extents.items[index]).end;
	gap = dps_ranges_next_missing(&chunk->done, offset, end);
	/* The piece's last byte comes with its digest, behind those that are alike. */
	packets = (gap.end - (gap.end == end) - offset) / run->payload_bytes;
	if (gap.start != offset || packets == 0)
		return;
	run->length = DPS_ENVELOPE_BYTES + run->payload_bytes;
	run->next_number = run->first_number = number;
	run->next_offset = run->first_offset = offset;
	run->end_number = number + packets;
	run->tail_length = 0;
	if (gap.end == end)
		describe_tail(run, (uint32_t)(end - offset - packets * run->payload_bytes));
	run->chunk = chunk_index;
	run->extent = index;
	run->has_slot = chunk->slot != DPS_SLOT_NONE;
	if (run->has_slot)
		run->to = dps_slots_at(&engine->slots, chunk->slot) +
			  (offset & (engine->limits.chunk_bytes - 1));
}

/* Where a chunk ended: what follows is like what came before. */
static void begin_chunk(struct dps_engine *engine, uint64_t offset, uint64_t number)
{
	uint32_t chunk;

	if ((offset & (engine->limits.chunk_bytes - 1)) != 0)
		return;
	chunk = dps_replay_ring_at(&engine->channels[engine->run.channel].ring,
				   dps_chunk_number(engine, offset));
	/* There it touches nothing that came before: with no room for one more gap it could not be
	 * counted. */
	if (chunk != DPS_CHUNK_NONE && engine->chunks.items[chunk].done.count < DPS_CHUNK_RANGES)
		begin_at(engine, chunk, offset, number);
}

void dps_run_begin(struct dps_engine *engine, const struct dps_path *path,
		   const struct dps_placement *placement)
{
	uint64_t next_offset = placement->offset + placement->payload_bytes;
	uint64_t number = placement->packet_number;
	uint8_t flags = placement->flags & (uint8_t)~DPS_PACKET_ACK_NOW;

	if (number != path->ack.largest_number)
		return;
	if (flags == 0) {
		dps_run_describe(&engine->run, placement);
		begin_at(engine, placement->chunk, next_offset, number + 1);
	} else if (flags == DPS_PACKET_DIGEST && was_of_run(&engine->run, placement)) {
		begin_chunk(engine, next_offset - DPS_DIGEST_BYTES, number + 1);
	}
}

void dps_run_note_numbers(struct dps_engine *engine, struct dps_path *path)
{
	struct dps_run *run = &engine->run;
	const struct dps_header newest = {
		.packet_number = run->next_number - 1,
		.floor = run->newest_floor,
	};
	struct dps_path_ack *ack = &path->ack;
	uint32_t count = (uint32_t)(run->next_number - run->first_number);

	ack->ecn_counts[run->ecn] += count;
	/* Goes on from the largest, so it needs no room. */
	(void)dps_ranges_add(&ack->received, run->first_number, run->next_number);
	ack->largest_number = newest.packet_number;
	ack->largest_at_ns = engine->now_ns;
	ack->largest_sent_at_us = run->newest_sent_at_us;
	dps_ack_follow_floor(ack, dps_header_floor(&newest));
	ack->is_now |= run->is_asked;
	dps_ack_owe(ack, count, engine->now_ns);
	run->first_number = run->next_number;
	run->is_asked = false;
}

/* Counts what the run brought; what lies behind it up to fill_end is padding. */
static void count_with(struct dps_engine *engine, uint64_t fill_end)
{
	struct dps_run *run = &engine->run;
	struct dps_channel *channel = &engine->channels[run->channel];
	struct dps_chunk *chunk = &engine->chunks.items[run->chunk];
	struct dps_path *path = &engine->paths[run->path];
	uint64_t start = run->first_offset, end = run->next_offset;
	bool is_first = chunk->done_bytes == 0;
	int64_t added;

	engine->counters.data_packets_received += run->next_number - run->first_number;
	dps_path_hear(path, engine->now_ns);
	dps_run_note_numbers(engine, path);
	run->first_offset = end;
	added = dps_chunk_add_done(chunk, start, end, fill_end);
	DPS_ASSERT(added == (int64_t)(end - start));
	dps_channel_report(engine, channel);
	dps_credit_on_data(engine, channel, end, (uint64_t)added, is_first, false);
	if (chunk->done_bytes == chunk->needed_bytes)
		dps_chunk_complete(engine, run->chunk);
	dps_path_touch(engine, path);
}

void dps_run_count(struct dps_engine *engine)
{
	if (engine->run.is_slices)
		dps_slices_count(engine);
	else
		count_with(engine, engine->run.next_offset);
}

bool dps_run_place_tail(struct dps_engine *engine, struct dps_placement *placement, uint8_t ecn)
{
	const struct dps_run *run = &engine->run;

	if (!run->is_burst || run->next_number != run->end_number || ecn != run->ecn ||
	    !may_ask(run, run->tail_front, placement->header, run->next_number, run->next_offset))
		return false;
	/* The digest stands in front of the data, so they go through scratch. */
	placement->to = engine->scratch;
	placement->payload_bytes = run->tail_length - DPS_ENVELOPE_BYTES;
	placement->path = run->path;
	placement->packet_number = run->next_number;
	placement->type = DPS_RUN_TAIL;
	return true;
}

void dps_run_commit_tail(struct dps_engine *engine, const struct dps_placement *placement)
{
	struct dps_run *run = &engine->run;
	struct dps_chunk *chunk = &engine->chunks.items[run->chunk];
	struct dps_extent *extent = &engine->extents.items[run->extent];
	uint32_t bytes = placement->payload_bytes - DPS_DIGEST_BYTES;
	uint64_t start = run->next_offset, end = start + bytes;

	go_on(engine, placement->header, 1, bytes);
	memcpy(dps_slots_at(&engine->slots, chunk->slot) +
		       (start & (engine->limits.chunk_bytes - 1)),
	       placement->to + DPS_DIGEST_BYTES, bytes);
	memcpy(&dps_piece_state_of(engine, chunk, extent)->digest, placement->to, DPS_DIGEST_BYTES);
	count_with(engine, dps_piece_fill_end(engine, chunk, extent));
	dps_run_forget(engine);
	begin_chunk(engine, end, placement->packet_number + 1);
}
