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
	engine->run.is_burst = false;
}

void dps_run_forget(struct dps_engine *engine)
{
	DPS_ASSERT(!dps_run_has_more(&engine->run));
	engine->run.length = 0;
}

/* Whether it is the packet of the run that has this number and offset, as far as its header tells:
 * one comparison of all that is known of it. */
static inline bool is_of_run(const struct dps_run *run, const uint8_t *header, uint64_t number,
			     uint64_t offset)
{
	uint32_t front, channel;
	uint64_t connection_id;

	memcpy(&front, header, sizeof(front));
	memcpy(&connection_id, header + 8, sizeof(connection_id));
	memcpy(&channel, header + 36, sizeof(channel));
	return ((front ^ run->front) | (channel ^ run->channel_number) |
		(connection_id ^ run->connection_id) | (dps_load_be64(header + 16) ^ number) |
		(dps_load_be64(header + 24) ^ offset)) == 0;
}

static unsigned int place(const struct dps_run *run, const struct dps_incoming *incoming,
			  unsigned int count, struct dps_run_placement *placed)
{
	uint64_t number = run->next_number, offset = run->next_offset;
	uint32_t payload_bytes = run->payload_bytes;
	unsigned int i;

	count = count < DPS_RUN_PACKETS_MAX ? count : DPS_RUN_PACKETS_MAX;
	count = (unsigned int)dps_min_u64(count, run->end_number - number);
	for (i = 0; i < count; i++) {
		uint8_t *header = placed->headers[i];

		if (((incoming[i].length ^ run->length) | (incoming[i].ecn ^ run->ecn)) != 0)
			break;
		/* The sender may share this memory: judge and check one and the same copy. */
		memcpy(header, incoming[i].bytes, DPS_HEADER_BYTES);
		if (!is_of_run(run, header, number, offset))
			break;
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
	DPS_ASSERT(engine->run.is_burst);
	return engine->run.length != 0 ? place(&engine->run, incoming, count, placed) : 0;
}

/* Until the run is counted, nothing but the run knows of them. */
void dps_engine_commit_run(struct dps_engine *engine, const struct dps_run_placement *placed,
			   unsigned int good_count)
{
	struct dps_run *run = &engine->run;
	bool is_all = good_count == placed->count;
	const uint8_t *newest;

	DPS_ASSERT(good_count <= placed->count && placed->packet_number == run->next_number);
	engine->counters.received_packets += good_count + !is_all;
	engine->counters.dropped_seal += !is_all;
	if (good_count == 0)
		return;
	newest = placed->headers[good_count - 1];
	run->newest_sent_at_us = dps_load_be32(newest + 4);
	run->newest_floor = dps_load_be32(newest + 32);
	run->next_number += good_count;
	run->next_offset += (uint64_t)good_count * run->payload_bytes;
	run->to += (size_t)good_count * run->payload_bytes;
}

void dps_run_begin(struct dps_engine *engine, const struct dps_path *path,
		   const struct dps_placement *placement)
{
	const struct dps_chunk *chunk = &engine->chunks.items[placement->chunk];
	uint64_t next_offset = placement->offset + placement->payload_bytes;
	struct dps_run *run = &engine->run;
	struct dps_extent *extent;
	struct dps_range gap;
	uint64_t end;
	uint32_t index;

	if (placement->is_scratch || placement->flags != 0 ||
	    placement->packet_number != path->ack.largest_number ||
	    placement->packet_number > DPS_PACKET_NUMBER_MAX - engine->limits.chunk_bytes ||
	    chunk->state != DPS_CHUNK_RECEIVING)
		return;
	index = dps_extent_find(engine, chunk, next_offset);
	if (index == DPS_EXTENT_NONE)
		return;
	extent = &engine->extents.items[index];
	/* The piece's last byte comes with its digest, not in a run. */
	end = dps_piece_of(chunk, extent).end - 1;
	gap = dps_ranges_next_missing(&chunk->done, next_offset, end);
	if (gap.start != next_offset || gap.end - gap.start < placement->payload_bytes)
		return;
	memcpy(&run->front, placement->header, sizeof(run->front));
	memcpy(&run->connection_id, placement->header + 8, sizeof(run->connection_id));
	memcpy(&run->channel_number, placement->header + 36, sizeof(run->channel_number));
	run->ecn = placement->ecn;
	run->payload_bytes = placement->payload_bytes;
	run->length = DPS_ENVELOPE_BYTES + placement->payload_bytes;
	run->next_number = run->first_number = placement->packet_number + 1;
	run->next_offset = run->first_offset = next_offset;
	run->end_number = run->next_number + (gap.end - next_offset) / run->payload_bytes;
	run->to = placement->to + placement->payload_bytes;
	run->path = placement->path;
	run->channel = placement->channel;
	run->chunk = placement->chunk;
}

/* The numbers of a run, which all are newer than any before. */
static void note_numbers(struct dps_engine *engine, struct dps_path *path,
			 const struct dps_run *run)
{
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
	dps_ack_owe(ack, count, engine->now_ns);
}

void dps_run_count(struct dps_engine *engine)
{
	struct dps_run *run = &engine->run;
	struct dps_channel *channel = &engine->channels[run->channel];
	struct dps_chunk *chunk = &engine->chunks.items[run->chunk];
	struct dps_path *path = &engine->paths[run->path];
	uint64_t start = run->first_offset, end = run->next_offset;
	int64_t added;

	engine->counters.data_packets_received += run->next_number - run->first_number;
	dps_path_hear(path, engine->now_ns);
	note_numbers(engine, path, run);
	run->first_number = run->next_number;
	run->first_offset = end;
	added = dps_chunk_add_done(chunk, start, end, end);
	DPS_ASSERT(added == (int64_t)(end - start));
	dps_channel_report(engine, channel);
	dps_credit_on_data(engine, channel, end, (uint64_t)added, false, false);
	if (chunk->done_bytes == chunk->needed_bytes)
		dps_chunk_complete(engine, run->chunk);
	dps_path_touch(engine, path);
}
