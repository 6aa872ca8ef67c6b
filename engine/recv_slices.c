/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs of slices: as recv_run.c has it for files, through the blocks of one stream. */
#include "engine/state.h"
#include "engine/stream.h"

/* As many as the block that the offset is in has room for; no run where that is none. */
static bool begin_at(struct dps_engine *engine, uint64_t offset, uint64_t number)
{
	struct dps_run *run = &engine->run;
	const struct dps_streams *streams = engine->paths[run->path].carrier->streams;
	uint64_t packets =
		dps_stream_gap(streams, run->channel, offset, &run->to) / run->payload_bytes;

	if (packets == 0 || number > DPS_PACKET_NUMBER_MAX - packets) {
		dps_run_forget(engine);
		return false;
	}
	run->length = DPS_ENVELOPE_BYTES + run->payload_bytes;
	run->tail_length = 0;
	run->next_number = run->first_number = number;
	run->next_offset = run->first_offset = offset;
	run->end_number = number + packets;
	run->has_slot = true; /* or its block is given one when the run is counted */
	return true;
}

void dps_slices_begin(struct dps_engine *engine, const struct dps_path *path,
		      const struct dps_placement *placement)
{
	if (placement->packet_number != path->ack.largest_number || !path->proof.is_there ||
	    (placement->flags & (uint8_t)~DPS_PACKET_ACK_NOW) != 0 || placement->payload_bytes == 0)
		return;
	dps_run_describe(&engine->run, placement);
	engine->run.is_slices = true;
	engine->run.channel = engine->stream_placement.stream;
	(void)begin_at(engine, placement->offset + placement->payload_bytes,
		       placement->packet_number + 1);
}

bool dps_slices_go_on(struct dps_engine *engine)
{
	if (dps_run_has_more(&engine->run))
		dps_slices_count(engine);
	return begin_at(engine, engine->run.next_offset, engine->run.next_number);
}

void dps_slices_count(struct dps_engine *engine)
{
	struct dps_run *run = &engine->run;
	struct dps_path *path = &engine->paths[run->path];
	const struct dps_stream_placement all = {
		.offset = run->first_offset,
		.stream = run->channel,
		.bytes = (uint32_t)(run->next_offset - run->first_offset),
	};
	bool is_kept;

	engine->counters.stream_packets_received += run->next_number - run->first_number;
	dps_path_hear(path, engine->now_ns);
	dps_run_note_numbers(engine, path);
	run->first_offset = run->next_offset;
	is_kept = dps_streams_commit(path->carrier->streams, &all, true, engine->now_ns);
	DPS_ASSERT(is_kept); /* there was room for a gap more */
	dps_path_touch(engine, path);
}
