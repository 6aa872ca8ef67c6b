/* SPDX-License-Identifier: BSD-3-Clause */
/* Carriers: which path carries whose streams, and what becomes of what was sent of them. */
#include "engine/state.h"
#include <errno.h>
#include <string.h>

static struct dps_carrier *find(struct dps_engine *engine, const struct dps_streams *streams)
{
	uint32_t i = 0;

	while (i < engine->carriers_count && engine->carriers[i].streams != streams)
		i++;
	return i < engine->carriers_count ? &engine->carriers[i] : NULL;
}

static uint32_t index_of(const struct dps_engine *engine, const struct dps_carrier *carrier)
{
	return (uint32_t)(carrier - engine->carriers);
}

static void free_unused(struct dps_carrier *carrier)
{
	if (carrier->path == DPS_PATH_NONE && carrier->bodies == 0)
		carrier->streams = NULL;
}

void dps_carrier_detach(struct dps_engine *engine, struct dps_path *path)
{
	struct dps_carrier *carrier = path->carrier;
	uint32_t *link = &engine->first_carrier;

	if (!carrier)
		return;
	while (*link != index_of(engine, carrier))
		link = &engine->carriers[*link].next;
	*link = carrier->next;
	path->carrier = NULL;
	carrier->path = DPS_PATH_NONE;
	free_unused(carrier);
}

static void start(struct dps_engine *engine, struct dps_carrier *carrier, uint64_t epoch)
{
	carrier->epoch = epoch;
	if (++engine->carrier_lives == 0)
		engine->carrier_lives = 1;
	carrier->life = engine->carrier_lives;
	carrier->changes = UINT64_MAX;
	carrier->ack_at_ns = carrier->ask_at_ns = DPS_NEVER_NS;
	carrier->has_turn = true;
	carrier->data_limit = DPS_LIMIT_SOURCE;
	carrier->turn_packets = 0;
	carrier->told_sequence = carrier->all_sequence = 0;
	for (uint32_t i = 0; i < DPS_CARRIER_TOLD; i++)
		carrier->told[i].sequence = UINT64_MAX;
}

int dps_engine_attach_streams(struct dps_engine *engine, uint32_t index,
			      struct dps_streams *streams, uint64_t epoch)
{
	struct dps_carrier *carrier = find(engine, streams);
	struct dps_path *path;

	if (index >= engine->limits.paths)
		return -ENOENT;
	path = &engine->paths[index];
	if (path->state != DPS_PATH_PROBING && path->state != DPS_PATH_OPEN)
		return -ENOENT;
	if (path->carrier && path->carrier != carrier)
		return -EBUSY;
	if (!carrier)
		carrier = find(engine, NULL);
	if (!carrier)
		return -ENOSPC;
	if (dps_streams_reroute(streams, epoch) < 0)
		return -ESTALE;
	if (carrier->streams && carrier->path != DPS_PATH_NONE)
		dps_carrier_detach(engine, &engine->paths[carrier->path]);
	carrier->streams = streams;
	carrier->path = index;
	carrier->next = engine->first_carrier;
	engine->first_carrier = index_of(engine, carrier);
	path->carrier = carrier;
	start(engine, carrier, epoch);
	dps_path_touch(engine, path);
	return 0;
}

void dps_engine_detach_streams(struct dps_engine *engine, uint32_t index)
{
	if (index < engine->limits.paths)
		dps_carrier_detach(engine, &engine->paths[index]);
}

bool dps_engine_holds_streams(const struct dps_engine *engine, const struct dps_streams *streams)
{
	for (uint32_t i = 0; i < engine->carriers_count; i++)
		if (engine->carriers[i].streams == streams)
			return engine->carriers[i].bodies > 0 ||
			       engine->carriers[i].path != DPS_PATH_NONE;
	return false;
}

uint32_t dps_carrier_lend(struct dps_engine *engine, struct dps_carrier *carrier, uint32_t bodies)
{
	carrier->bodies += bodies;
	return DPS_TOKEN_STREAMS | index_of(engine, carrier) << DPS_CARRIER_SEGMENT_BITS;
}

void dps_carrier_on_released(struct dps_engine *engine, uint32_t token, uint32_t count)
{
	uint32_t index = (token & ~DPS_TOKEN_STREAMS) >> DPS_CARRIER_SEGMENT_BITS;
	uint32_t segment = token & ((1u << DPS_CARRIER_SEGMENT_BITS) - 1);
	struct dps_carrier *carrier;

	DPS_ASSERT(index < engine->carriers_count);
	carrier = &engine->carriers[index];
	DPS_ASSERT(carrier->streams && carrier->bodies >= count);
	carrier->bodies -= count;
	for (; count > 0; count--)
		dps_streams_on_released(carrier->streams, segment);
	free_unused(carrier);
}

bool dps_carrier_has_slices(const struct dps_path *path)
{
	return path->carrier &&
	       dps_streams_has_slices(path->carrier->streams, path->carrier->epoch);
}

void dps_carriers_touch(struct dps_engine *engine)
{
	for (uint32_t i = engine->first_carrier; i != DPS_CARRIER_NONE;
	     i = engine->carriers[i].next)
		if (dps_streams_changes(engine->carriers[i].streams) != engine->carriers[i].changes)
			dps_path_touch(engine, &engine->paths[engine->carriers[i].path]);
}

bool dps_carriers_have_news(const struct dps_engine *engine)
{
	for (uint32_t i = engine->first_carrier; i != DPS_CARRIER_NONE;
	     i = engine->carriers[i].next)
		if (dps_streams_changes(engine->carriers[i].streams) != engine->carriers[i].changes)
			return true;
	return false;
}

/*
 * Of an acknowledgement that is too old to be known, any may be missing. That is looked after once
 * for all that were lost with it: there may be as many of them as there are streams.
 */
static void tell_again(struct dps_carrier *carrier, uint64_t sequence)
{
	const struct dps_carrier_told *told = &carrier->told[sequence % DPS_CARRIER_TOLD];

	if (sequence < carrier->all_sequence)
		return;
	if (told->sequence != sequence) {
		carrier->all_sequence = carrier->told_sequence;
		dps_streams_on_asked_all(carrier->streams, carrier->epoch);
		return;
	}
	for (uint32_t i = 0; i < told->count; i++)
		dps_streams_on_asked(carrier->streams, carrier->epoch, told->numbers[i]);
}

void dps_carrier_on_lost(const struct dps_path *path, const struct dps_sent_packet *packet)
{
	struct dps_carrier *carrier = path->carrier;
	const struct dps_stream_slice slice = {
		.offset = packet->offset,
		.number = packet->channel,
		.bytes = packet->data_bytes,
		.flags = packet->flags & DPS_SENT_END ? DPS_SLICE_END : 0,
	};

	if (!carrier || packet->generation != carrier->life)
		return;
	if (packet->flags & DPS_SENT_SLICE)
		dps_streams_on_missing(carrier->streams, carrier->epoch, &slice);
	else if (packet->flags & DPS_SENT_TOLD)
		tell_again(carrier, packet->offset);
}
