/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/engine_check.h"

/* Says of the first thing that does not hold what it is. */
#define HOLDS(condition_)                                                                          \
	do {                                                                                       \
		if (!(condition_))                                                                 \
			return #condition_;                                                        \
	} while (0)

static const char *check_slots(const struct dps_engine *engine)
{
	uint32_t reserved = 0, held = 0, in_use = 0, counted = 0;
	uint32_t orphans = 0, promised = 0, starved_senders = 0, fed = 0;

	for (uint32_t i = 0; i < engine->chunks.count; i++) {
		const struct dps_chunk *chunk = &engine->chunks.items[i];

		if (chunk->state == DPS_CHUNK_FREE)
			continue;
		reserved += chunk->slot == DPS_SLOT_NONE;
		orphans += chunk->slot == DPS_SLOT_NONE && chunk->is_orphan;
		held += !chunk->is_orphan;
		HOLDS(chunk->done_bytes <= chunk->needed_bytes);
		HOLDS(chunk->done.count <= DPS_CHUNK_RANGES + DPS_CHUNK_RANGES_SPARE);
		HOLDS(chunk->slot == DPS_SLOT_NONE || engine->slots.references[chunk->slot] > 0);
	}
	for (uint32_t i = 0; i < engine->slots.count; i++)
		in_use += engine->slots.references[i] > 0;
	for (uint32_t i = 0; i < engine->limits.channels; i++) {
		if (!engine->channels[i].is_open)
			continue;
		counted += engine->channels[i].chunks_count;
		promised += engine->channels[i].promised_chunks;
		starved_senders += engine->channels[i].is_starved && engine->channels[i].is_sender;
		fed += engine->channels[i].is_fed;
	}
	HOLDS(reserved == engine->slots.reserved);
	HOLDS(promised + orphans == reserved);
	HOLDS(starved_senders == engine->starved_senders && fed == engine->fed_count);
	HOLDS(engine->slots.reserved <= engine->slots.free_count);
	HOLDS(in_use + engine->slots.free_count == engine->slots.count);
	HOLDS(counted == held);
	return NULL;
}

static const char *check_channel(const struct dps_engine *engine, const struct dps_channel *channel)
{
	uint32_t unsent = 0;

	HOLDS(channel->made_offset <= DPS_OFFSET_MAX);
	HOLDS(channel->made_offset <= channel->announced_end);
	HOLDS(channel->contiguous <=
	      (channel->is_sender ? channel->announced_end : channel->made_offset));
	if (!channel->is_sender)
		return NULL;
	HOLDS(channel->send_offset <= channel->made_offset);
	for (uint64_t number = dps_replay_ring_next(&channel->ring, 0); number != UINT64_MAX;
	     number = dps_replay_ring_next(&channel->ring, number + 1)) {
		uint32_t index = dps_replay_ring_at(&channel->ring, number);

		unsent += engine->chunks.items[index].end > channel->send_offset;
	}
	HOLDS(unsent == channel->unsent_chunks);
	return NULL;
}

static const char *check_path(const struct dps_engine *engine, const struct dps_path *path)
{
	const struct dps_ranges *received = &path->ack.received;
	uint32_t brief = 0;

	if (path->state < DPS_PATH_PROBING)
		return NULL;
	HOLDS(dps_repair_count(path) <= path->sent.capacity);
	HOLDS(path->sent.packets_in_flight + dps_repair_count(path) <= path->sent.capacity);
	HOLDS(path->sent.next_number - path->sent.floor_number <= path->sent.capacity);
	for (uint32_t i = path->first_sendable; i != DPS_CHANNEL_NONE;
	     i = engine->channels[i].next_sendable)
		brief += engine->channels[i].is_brief;
	HOLDS(brief == path->brief_count);
	HOLDS(received->count <= DPS_PATH_RANGES);
	if (path->ack.has_any)
		HOLDS(received->count > 0 &&
		      received->items[received->count - 1].end == path->ack.largest_number + 1);
	return NULL;
}

const char *engine_check(const struct dps_engine *engine)
{
	const char *broken = check_slots(engine);

	for (uint32_t i = 0; i < engine->limits.channels && !broken; i++)
		if (engine->channels[i].is_open)
			broken = check_channel(engine, &engine->channels[i]);
	for (uint32_t i = 0; i < engine->limits.paths && !broken; i++)
		broken = check_path(engine, &engine->paths[i]);
	return broken;
}

const char *engine_check_empty(const struct dps_engine *engine)
{
	HOLDS(dps_engine_free_slots(engine) == engine->limits.slots);
	HOLDS(engine->slots.reserved == 0);
	HOLDS(engine->chunks.free_count == engine->chunks.count);
	HOLDS(engine->extents.free_count == engine->extents.count);
	HOLDS(engine->active_channels == 0 && engine->senders_count == 0);
	HOLDS(engine->first_hungry == DPS_CHANNEL_NONE);
	HOLDS(engine->first_starved == DPS_CHANNEL_NONE);
	HOLDS(engine->starved_senders == 0 && engine->fed_count == 0);
	HOLDS(engine->first_io == DPS_CHUNK_NONE);
	return NULL;
}
