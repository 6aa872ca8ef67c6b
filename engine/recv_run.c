/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs of data packets: where one begins, and what it brought when it is over. */
#include "engine/state.h"

void dps_engine_begin_burst(struct dps_engine *engine, uint64_t now_ns)
{
	engine->now_ns = now_ns;
	engine->run.is_burst = true;
}

void dps_engine_end_burst(struct dps_engine *engine)
{
	dps_run_end(engine);
	engine->run.is_burst = false;
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
	run->last_offset = gap.end - placement->payload_bytes;
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
		.floor = dps_load_be32(run->newest + 32),
	};
	struct dps_path_ack *ack = &path->ack;
	uint32_t count = (uint32_t)(run->next_number - run->first_number);

	ack->ecn_counts[run->ecn] += count;
	/* Goes on from the largest, so it needs no room. */
	(void)dps_ranges_add(&ack->received, run->first_number, run->next_number);
	ack->largest_number = newest.packet_number;
	ack->largest_at_ns = engine->now_ns;
	ack->largest_sent_at_us = dps_load_be32(run->newest + 4);
	dps_ack_follow_floor(ack, dps_header_floor(&newest));
	dps_ack_owe(ack, count, engine->now_ns);
}

void dps_run_end(struct dps_engine *engine)
{
	struct dps_run *run = &engine->run;
	struct dps_channel *channel = &engine->channels[run->channel];
	struct dps_chunk *chunk = &engine->chunks.items[run->chunk];
	struct dps_path *path = &engine->paths[run->path];
	int64_t added;

	if (run->length == 0)
		return;
	run->length = 0;
	if (run->next_number == run->first_number)
		return;
	engine->counters.data_packets_received += run->next_number - run->first_number;
	path->last_received_ns = engine->now_ns;
	note_numbers(engine, path, run);
	added = dps_chunk_add_done(chunk, run->first_offset, run->next_offset, run->next_offset);
	DPS_ASSERT(added == (int64_t)(run->next_offset - run->first_offset));
	dps_channel_report(engine, channel);
	dps_credit_on_data(engine, channel, run->next_offset, (uint64_t)added, false, false);
	if (chunk->done_bytes == chunk->needed_bytes)
		dps_chunk_complete(engine, run->chunk);
	dps_path_touch(engine, path);
}
