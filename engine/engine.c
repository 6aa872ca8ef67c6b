/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/state.h"
#include <errno.h>
#include <string.h>

enum { LINE_BYTES = 64 };

void dps_limits_init(struct dps_limits *limits, uint64_t window_bytes, uint32_t chunk_bytes)
{
	uint64_t chunks = dps_max_u64(window_bytes / chunk_bytes, 8);
	uint32_t ring = 8;

	while (ring < chunks)
		ring *= 2;
	*limits = (struct dps_limits){
		.paths = 64,
		.channels = 1024,
		.slots = (uint32_t)chunks + 1, /* one is the padding of probes */
		.chunk_bytes = chunk_bytes,
		.ring_chunks = ring,
		.extents = 8192,
		.sent_packets = 16384,
	};
}

/* Hands out aligned pieces of one block; counts only, while there is no block. */
struct arena {
	uint8_t *memory;
	size_t used;
};

static void *take(struct arena *arena, size_t bytes)
{
	void *at = arena->memory ? arena->memory + arena->used : NULL;

	arena->used += (size_t)dps_round_up(bytes, LINE_BYTES);
	return at;
}

static void lay_out_paths(struct dps_engine *engine, struct arena *arena,
			  const struct dps_limits *limits)
{
	for (uint32_t i = 0; i < limits->paths; i++) {
		void *sent = take(arena, dps_sent_bytes(limits->sent_packets));
		void *resends = take(arena, limits->sent_packets * sizeof(struct dps_resend));
		struct dps_path *path;

		if (!engine)
			continue;
		path = &engine->paths[i];
		memset(path, 0, sizeof(*path));
		path->index = i;
		path->next_touched = DPS_PATH_NONE;
		path->resends = resends;
		path->sent.packets = sent; /* where it will be initialised when the path opens */
	}
}

static void lay_out_channels(struct dps_engine *engine, struct arena *arena,
			     const struct dps_limits *limits)
{
	for (uint32_t i = 0; i < limits->channels; i++) {
		uint32_t *ring = take(arena, limits->ring_chunks * sizeof(uint32_t));

		if (!engine)
			continue;
		memset(&engine->channels[i], 0, sizeof(engine->channels[i]));
		dps_replay_ring_init(&engine->channels[i].ring, ring, limits->ring_chunks);
	}
}

/* The one place that knows what the engine's memory holds. */
static size_t lay_out(struct dps_engine *engine, const struct dps_limits *limits, uint8_t *slots)
{
	struct arena arena = { .memory = (uint8_t *)engine, .used = 0 };
	/* Every file, channel and path may end at once. */
	uint32_t events =
		(limits->extents + limits->channels + limits->paths) * 2 + DPS_ENGINE_EVENTS_SPARE;
	void *slots_memory, *chunks, *extents, *table, *timers;
	uint32_t carriers = limits->paths < DPS_CARRIERS_MAX ? limits->paths : DPS_CARRIERS_MAX;

	(void)take(&arena, sizeof(struct dps_engine));
	slots_memory = take(&arena, dps_slots_bytes(limits->slots));
	chunks = take(&arena, dps_chunks_bytes(limits->slots));
	extents = take(&arena, dps_extents_bytes(limits->extents));
	table = take(&arena, dps_channel_table_bytes(limits->channels));
	timers = take(&arena, dps_timers_bytes(limits->paths));
	if (engine) {
		dps_slots_init(&engine->slots, slots_memory, limits->slots, slots,
			       limits->chunk_bytes);
		dps_chunks_init(&engine->chunks, chunks, limits->slots);
		dps_extents_init(&engine->extents, extents, limits->extents);
		dps_channel_table_init(&engine->table, table, limits->channels);
		dps_timers_init(&engine->timers, timers, limits->paths);
		engine->events_capacity = events;
		engine->channels = (struct dps_channel *)(arena.memory + arena.used);
	}
	(void)take(&arena, limits->channels * sizeof(struct dps_channel));
	if (engine)
		engine->paths = (struct dps_path *)(arena.memory + arena.used);
	(void)take(&arena, limits->paths * sizeof(struct dps_path));
	if (engine) {
		engine->carriers = (struct dps_carrier *)(arena.memory + arena.used);
		engine->carriers_count = carriers;
		for (uint32_t i = 0; i < carriers; i++)
			engine->carriers[i] = (struct dps_carrier){ .path = DPS_PATH_NONE };
	}
	(void)take(&arena, carriers * sizeof(struct dps_carrier));
	if (engine)
		engine->events = (struct dps_event *)(arena.memory + arena.used);
	(void)take(&arena, events * sizeof(struct dps_event));
	if (engine) {
		engine->scratch = arena.memory + arena.used;
		engine->heads = engine->scratch + DPS_PAYLOAD_BYTES_MAX;
		engine->bodies = engine->heads + DPS_EMIT_PACKETS_MAX * DPS_ENGINE_HEAD_BYTES;
	}
	(void)take(&arena, DPS_PAYLOAD_BYTES_MAX + DPS_EMIT_PACKETS_MAX * DPS_ENGINE_HEAD_BYTES +
				   DPS_EMIT_PACKETS_MAX * DPS_ENGINE_BODY_BYTES);
	lay_out_paths(engine, &arena, limits);
	lay_out_channels(engine, &arena, limits);
	return arena.used;
}

static void check_limits(const struct dps_limits *limits)
{
	DPS_ASSERT(limits->paths > 0 && limits->paths <= UINT16_MAX);
	DPS_ASSERT(limits->channels > 0 && limits->slots > 1 && limits->extents > 0);
	DPS_ASSERT(dps_is_power_of_two(limits->chunk_bytes));
	DPS_ASSERT(limits->chunk_bytes >= DPS_PAGE_BYTES && limits->chunk_bytes <= (1u << 20));
	DPS_ASSERT(dps_is_power_of_two(limits->ring_chunks));
	DPS_ASSERT(dps_is_power_of_two(limits->sent_packets) &&
		   limits->sent_packets >= 2 * DPS_ENGINE_SENT_SPARE);
}

size_t dps_engine_bytes(const struct dps_limits *limits)
{
	check_limits(limits);
	return lay_out(NULL, limits, NULL);
}

struct dps_engine *dps_engine_init(void *memory, const struct dps_limits *limits, uint8_t *slots,
				   uint32_t lane_index, uint64_t seed, uint64_t now_ns)
{
	struct dps_engine *engine = memory;

	check_limits(limits);
	DPS_ASSERT(((uintptr_t)memory & (LINE_BYTES - 1)) == 0);
	memset(engine, 0, sizeof(*engine));
	engine->limits = *limits;
	engine->lane_index = lane_index;
	engine->now_ns = now_ns;
	engine->limit_since_ns = now_ns;
	engine->limit = DPS_LIMIT_SOURCE;
	engine->first_touched = engine->last_touched = engine->turn_path = DPS_PATH_NONE;
	engine->first_hungry = engine->last_hungry = DPS_CHANNEL_NONE;
	engine->first_starved = engine->last_starved = DPS_CHANNEL_NONE;
	engine->first_io = engine->last_io = DPS_CHUNK_NONE;
	engine->first_carrier = DPS_CARRIER_NONE;
	while ((1u << engine->chunk_shift) < limits->chunk_bytes)
		engine->chunk_shift++;
	dps_random_init(&engine->random, seed);
	(void)lay_out(engine, limits, slots);
	dps_slots_reserve(&engine->slots);
	engine->zero_slot = dps_slots_take_reserved(&engine->slots);
	memset(dps_slots_at(&engine->slots, engine->zero_slot), 0,
	       dps_min_u64(limits->chunk_bytes, DPS_PAYLOAD_BYTES_MAX));
	return engine;
}

void dps_engine_push_event(struct dps_engine *engine, const struct dps_event *event)
{
	/* is_choked() stops the inputs long before; what may still come fits in the spare. */
	DPS_ASSERT(engine->events_head - engine->events_tail < engine->events_capacity);
	engine->events[engine->events_head % engine->events_capacity] = *event;
	engine->events_head++;
}

unsigned int dps_engine_emit_events(struct dps_engine *engine, struct dps_event *events,
				    unsigned int room)
{
	unsigned int count = 0;

	while (count < room && engine->events_tail != engine->events_head)
		events[count++] = engine->events[engine->events_tail++ % engine->events_capacity];
	if (engine->events_tail == engine->events_head)
		engine->events_tail = engine->events_head = 0; /* keeps % right over 2^32 */
	return count;
}

bool dps_engine_is_choked(const struct dps_engine *engine)
{
	return engine->events_head - engine->events_tail > DPS_ENGINE_EVENTS_SPARE / 2;
}

void dps_engine_on_released(struct dps_engine *engine, uint32_t token, uint32_t count)
{
	if (token >= DPS_TOKEN_STREAMS)
		dps_carrier_on_released(engine, token, count);
	else if (dps_slots_drop(&engine->slots, token, count))
		dps_channel_feed_starved(engine);
}

void dps_engine_on_deadline(struct dps_engine *engine, uint64_t now_ns)
{
	uint32_t index;

	engine->now_ns = now_ns;
	while ((index = dps_timers_take_due(&engine->timers, now_ns)) != UINT32_MAX)
		dps_path_on_deadline(engine, &engine->paths[index], now_ns);
}

uint64_t dps_engine_next_deadline_ns(const struct dps_engine *engine)
{
	if (engine->first_touched != DPS_PATH_NONE || engine->first_io != DPS_CHUNK_NONE ||
	    engine->first_hungry != DPS_CHANNEL_NONE || engine->events_head != engine->events_tail)
		return engine->now_ns;
	if (engine->first_carrier != DPS_CARRIER_NONE && dps_carriers_have_news(engine))
		return engine->now_ns;
	return dps_timers_next_at_ns(&engine->timers);
}

void dps_engine_read_counters(const struct dps_engine *engine, struct dps_engine_counters *counters)
{
	*counters = engine->counters;
}

uint64_t dps_engine_data_packets_received(const struct dps_engine *engine)
{
	return engine->counters.data_packets_received + engine->counters.stream_packets_received;
}

uint64_t dps_engine_data_packets_sent(const struct dps_engine *engine)
{
	return engine->counters.data_packets + engine->counters.stream_packets;
}

uint32_t dps_engine_free_slots(const struct dps_engine *engine)
{
	/* The zeros keep their own reference; it counts only while a probe is under way. */
	return engine->slots.free_count + (engine->slots.references[engine->zero_slot] == 1);
}

uint32_t dps_engine_free_slots_low(const struct dps_engine *engine)
{
	return engine->slots.free_low + 1; /* that of the zeros, which was taken first of all */
}
