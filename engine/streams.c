/* SPDX-License-Identifier: BSD-3-Clause */
/* All streams of a connection: their memory, their records, who finds them by what. */
#include "engine/stream.h"
#include <errno.h>
#include <string.h>

enum {
	STREAMS_MAX = 1 << 24,
	SEGMENTS_MAX = 1 << 20, /* an engine names them in its tokens */
	BLOCKS_MAX = 1 << 24,
	BLOCK_BYTES_MIN = 64,
	BLOCK_BYTES_MAX = 1 << 20,
	ALIGNMENT = 64,
	/* What an engine emits, in contrast to what is said and told. */
	EMITTED = 1 << DPS_QUEUE_SEND | 1 << DPS_QUEUE_ACK | 1 << DPS_QUEUE_AWAIT,
};

void dps_streams_config_init(struct dps_streams_config *config, bool is_dialer)
{
	*config = (struct dps_streams_config){
		.epoch = 1,
		.window_bytes = 64 << 20,
		.receive_window_bytes = 64 << 20,
		.streams = 1024,
		.peer_streams = 512,
		.segments = 4096,
		.send_blocks = 1024,
		.receive_blocks = 2048,
		.block_bytes = 64 << 10,
		.is_dialer = is_dialer,
		.is_adaptive = true,
	};
}

static bool is_valid(const struct dps_streams_config *config)
{
	return config->streams > 0 && config->streams <= STREAMS_MAX &&
	       config->peer_streams <= config->streams && config->segments > 0 &&
	       config->segments <= SEGMENTS_MAX && config->send_blocks > 0 &&
	       config->send_blocks <= BLOCKS_MAX && config->receive_blocks >= config->streams &&
	       config->receive_blocks <= BLOCKS_MAX && config->block_bytes >= BLOCK_BYTES_MIN &&
	       config->block_bytes <= BLOCK_BYTES_MAX && dps_is_power_of_two(config->block_bytes) &&
	       config->window_bytes > 0 && config->receive_window_bytes > 0;
}

static uint32_t places_for(uint32_t count)
{
	uint32_t places = 1;

	while (places < count)
		places *= 2;
	return places;
}

/* Where each part stands in the memory, and how long all of it is. */
struct plan {
	size_t records;
	size_t buckets;
	size_t timers;
	size_t strays;
	size_t segments;
	size_t send_blocks;
	size_t receive_blocks;
	size_t blocks;
	size_t block_buckets;
	size_t scratch;
	size_t bytes;
};

static size_t add(size_t *bytes, size_t part)
{
	size_t at = *bytes;

	*bytes = dps_round_up(at + part, ALIGNMENT);
	return at;
}

static struct plan plan_of(const struct dps_streams_config *config)
{
	struct plan plan = { 0 };

	add(&plan.bytes, sizeof(struct dps_streams));
	plan.records = add(&plan.bytes, config->streams * sizeof(struct dps_stream));
	plan.buckets = add(&plan.bytes, places_for(config->streams) * sizeof(uint32_t));
	plan.timers = add(&plan.bytes, dps_timers_bytes(config->streams));
	plan.strays = add(&plan.bytes, config->streams * sizeof(struct dps_stream_stray));
	plan.segments = add(&plan.bytes, config->segments * sizeof(struct dps_segment));
	plan.send_blocks = add(&plan.bytes, dps_slots_bytes(config->send_blocks));
	plan.receive_blocks = add(&plan.bytes, dps_slots_bytes(config->receive_blocks));
	plan.blocks = add(&plan.bytes, config->receive_blocks * sizeof(struct dps_stream_block));
	plan.block_buckets =
		add(&plan.bytes, places_for(config->receive_blocks) * sizeof(uint32_t));
	plan.scratch = add(&plan.bytes, config->block_bytes);
	return plan;
}

size_t dps_streams_bytes(const struct dps_streams_config *config)
{
	return config != NULL && is_valid(config) ? plan_of(config).bytes : 0;
}

/* Finalizer of splitmix64 (Steele, Lea, Flood 2014). */
uint32_t dps_streams_hash(const struct dps_streams *streams, uint64_t value)
{
	value ^= streams->config.seed;
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)(value ^ (value >> 31));
}

/*
 * Where memory is used again for other streams, a handle of those before leads to nothing, as far
 * as their seeds differ.
 */
static uint32_t first_generation(const struct dps_streams *streams, uint32_t index)
{
	uint32_t generation = dps_streams_hash(streams, index);

	return generation != 0 ? generation : 1;
}

static void init_records(struct dps_streams *streams)
{
	uint32_t count = streams->config.streams;

	for (uint32_t i = 0; i < count; i++) {
		streams->records[i].generation = first_generation(streams, i);
		streams->records[i].next_in_bucket = i + 1 < count ? i + 1 : DPS_STREAM_INDEX_NONE;
	}
	streams->first_free = 0;
	for (uint32_t i = 0; i < streams->places; i++)
		streams->buckets[i] = DPS_STREAM_INDEX_NONE;
	for (unsigned int i = 0; i < DPS_QUEUES_COUNT; i++)
		streams->first[i] = streams->last[i] = DPS_STREAM_INDEX_NONE;
}

int dps_streams_init(void *memory, const struct dps_streams_config *config, uint8_t *blocks,
		     struct dps_streams **streams)
{
	struct dps_streams *made = memory;
	uint8_t *bytes = memory;
	struct plan plan;

	if (memory == NULL || (uintptr_t)memory % ALIGNMENT != 0 || blocks == NULL ||
	    streams == NULL || config == NULL || !is_valid(config))
		return -EINVAL;
	plan = plan_of(config);
	memset(memory, 0, plan.bytes);
	made->config = *config;
	made->records = (struct dps_stream *)(void *)(bytes + plan.records);
	made->buckets = (uint32_t *)(void *)(bytes + plan.buckets);
	made->places = places_for(config->streams);
	made->strays = (struct dps_stream_stray *)(void *)(bytes + plan.strays);
	made->segments = (struct dps_segment *)(void *)(bytes + plan.segments);
	made->blocks = (struct dps_stream_block *)(void *)(bytes + plan.blocks);
	made->block_buckets = (uint32_t *)(void *)(bytes + plan.block_buckets);
	made->block_places = places_for(config->receive_blocks);
	made->scratch = bytes + plan.scratch;
	dps_timers_init(&made->timers, bytes + plan.timers, config->streams);
	dps_slots_init(&made->send_blocks, bytes + plan.send_blocks, config->send_blocks, blocks,
		       config->block_bytes);
	dps_slots_init(&made->receive_blocks, bytes + plan.receive_blocks, config->receive_blocks,
		       blocks + (size_t)config->send_blocks * config->block_bytes,
		       config->block_bytes);
	init_records(made);
	dps_segments_init(made);
	dps_stream_flight_init(made);
	dps_stream_blocks_init(made);
	made->epoch = config->epoch;
	made->is_attached = made->is_used_said = config->epoch > 0;
	made->arrived_max = config->peer_streams;
	made->refusal = config->takes_none ? DPS_CODE_UNWANTED : 0;
	*streams = made;
	return 0;
}

void dps_streams_fini(struct dps_streams *streams)
{
	if (streams == NULL)
		return;
	streams->config.streams = streams->config.peer_streams = 0;
	streams->is_attached = false;
	streams->is_lost = true;
	streams->first_told = DPS_STREAM_INDEX_NONE;
	for (unsigned int i = 0; i < DPS_QUEUES_COUNT; i++)
		streams->first[i] = DPS_STREAM_INDEX_NONE;
	dps_stream_flight_fini(streams);
}

uint32_t dps_stream_index(const struct dps_streams *streams, const struct dps_stream *stream)
{
	return (uint32_t)(stream - streams->records);
}

struct dps_handle dps_stream_handle(const struct dps_streams *streams,
				    const struct dps_stream *stream)
{
	return (struct dps_handle){ dps_stream_index(streams, stream), stream->generation };
}

void dps_streams_hand_over(struct dps_streams *streams)
{
	streams->owner = dps_owner_here();
}

int dps_streams_may_call(const struct dps_streams *streams)
{
	if (streams == NULL || streams->config.streams == 0)
		return -DPS_ERROR_CLOSED;
	return dps_owner_is_here(streams->owner) ? 0 : -DPS_ERROR_THREAD;
}

int dps_stream_find(const struct dps_streams *streams, struct dps_handle handle,
		    struct dps_stream **stream)
{
	struct dps_stream *found;
	int error = dps_streams_may_call(streams);

	if (error != 0)
		return error;
	if (handle.index >= streams->config.streams)
		return -DPS_ERROR_CLOSED;
	found = &streams->records[handle.index];
	if (!found->is_held || found->generation != handle.generation)
		return -DPS_ERROR_CLOSED;
	*stream = found;
	return 0;
}

static uint32_t place_of(const struct dps_streams *streams, uint32_t number)
{
	return dps_streams_hash(streams, number) & (streams->places - 1);
}

struct dps_stream *dps_stream_numbered(const struct dps_streams *streams, uint32_t number)
{
	uint32_t index = streams->buckets[place_of(streams, number)];

	while (index != DPS_STREAM_INDEX_NONE && streams->records[index].number != number)
		index = streams->records[index].next_in_bucket;
	return index == DPS_STREAM_INDEX_NONE ? NULL : &streams->records[index];
}

void dps_stream_number(struct dps_streams *streams, struct dps_stream *stream, uint32_t number)
{
	uint32_t *bucket = &streams->buckets[place_of(streams, number)];

	DPS_ASSERT(stream->number == DPS_STREAM_NUMBER_NONE);
	stream->number = number;
	stream->next_in_bucket = *bucket;
	*bucket = dps_stream_index(streams, stream);
}

static void unnumber(struct dps_streams *streams, const struct dps_stream *stream)
{
	uint32_t *at = &streams->buckets[place_of(streams, stream->number)];

	while (&streams->records[*at] != stream) {
		DPS_ASSERT(*at != DPS_STREAM_INDEX_NONE);
		at = &streams->records[*at].next_in_bucket;
	}
	*at = stream->next_in_bucket;
}

struct dps_stream *dps_stream_make(struct dps_streams *streams, bool is_ours, uint64_t tag)
{
	struct dps_stream *stream;
	struct dps_stream kept;

	DPS_ASSERT(streams->first_free != DPS_STREAM_INDEX_NONE);
	stream = &streams->records[streams->first_free];
	streams->first_free = stream->next_in_bucket;
	kept = *stream;
	*stream = (struct dps_stream){
		.generation = kept.generation,
		.queued = kept.queued,
		.send = {
			.window_bytes = streams->config.window_bytes,
			.first = DPS_STREAM_INDEX_NONE,
			.last = DPS_STREAM_INDEX_NONE,
			.cursor = DPS_STREAM_INDEX_NONE,
			.fill_block = DPS_SLOT_NONE,
			.weight = 1,
		},
		.receive = { .end = UINT64_MAX },
		.tag = tag,
		.number = DPS_STREAM_NUMBER_NONE,
		.is_used = true,
		.is_held = true,
		.is_ours = is_ours,
	};
	memcpy(stream->next, kept.next, sizeof(kept.next));
	dps_ranges_init(&stream->send.missing, stream->send.missing_items, DPS_STREAM_MISSING_MAX);
	dps_stream_window_init(streams, stream);
	streams->used_count++;
	streams->ours_count += is_ours;
	return stream;
}

/* A peer's stream that is gone lets it open another. */
static void free_record(struct dps_streams *streams, struct dps_stream *stream)
{
	dps_timers_set(&streams->timers, dps_stream_index(streams, stream), DPS_NEVER_NS);
	if (stream->number != DPS_STREAM_NUMBER_NONE)
		unnumber(streams, stream);
	streams->used_count--;
	streams->ours_count -= stream->is_ours;
	if (!stream->is_ours) {
		streams->arrived_max++;
		streams->is_limit_said = false;
	}
	stream->is_used = false;
	stream->say = stream->tell = 0;
	if (++stream->generation == 0)
		stream->generation = 1;
	stream->next_in_bucket = streams->first_free;
	streams->first_free = dps_stream_index(streams, stream);
}

void dps_stream_settle(struct dps_streams *streams, struct dps_stream *stream)
{
	const struct dps_stream_side *receive = &stream->halves[DPS_HALF_RECEIVE];

	if (!stream->is_used || stream->is_held || stream->say != 0 ||
	    stream->send.first != DPS_STREAM_INDEX_NONE || stream->receive.blocks > 0)
		return;
	for (unsigned int half = 0; half < DPS_HALVES_COUNT; half++)
		if (!dps_stream_is_half_over(stream, half))
			return;
	if (receive->state != DPS_STREAM_NONE && !stream->is_peer_done && !streams->is_lost)
		return;
	for (unsigned int half = 0; half < DPS_HALVES_COUNT; half++)
		if (stream->halves[half].state != DPS_STREAM_NONE)
			dps_stream_enter(streams, stream, half, DPS_INPUT_FREE, 0);
	free_record(streams, stream);
}

void dps_stream_enqueue(struct dps_streams *streams, struct dps_stream *stream,
			enum dps_stream_queue queue)
{
	uint32_t index = dps_stream_index(streams, stream);

	if (stream->queued & 1u << queue)
		return;
	stream->queued |= (uint8_t)(1u << queue);
	stream->next[queue] = DPS_STREAM_INDEX_NONE;
	if (streams->first[queue] == DPS_STREAM_INDEX_NONE)
		streams->first[queue] = index;
	else
		streams->records[streams->last[queue]].next[queue] = index;
	streams->last[queue] = index;
	streams->changes += (EMITTED >> queue) & 1;
}

void dps_stream_enqueue_first(struct dps_streams *streams, struct dps_stream *stream,
			      enum dps_stream_queue queue)
{
	uint32_t index = dps_stream_index(streams, stream);

	DPS_ASSERT(!(stream->queued & 1u << queue));
	stream->queued |= (uint8_t)(1u << queue);
	stream->next[queue] = streams->first[queue];
	if (streams->first[queue] == DPS_STREAM_INDEX_NONE)
		streams->last[queue] = index;
	streams->first[queue] = index;
}

struct dps_stream *dps_stream_dequeue(struct dps_streams *streams, enum dps_stream_queue queue)
{
	struct dps_stream *stream;

	if (streams->first[queue] == DPS_STREAM_INDEX_NONE)
		return NULL;
	stream = &streams->records[streams->first[queue]];
	streams->first[queue] = stream->next[queue];
	stream->queued &= (uint8_t) ~(1u << queue);
	return stream;
}

int dps_stream_look(const struct dps_streams *streams, struct dps_handle handle,
		    struct dps_stream_snapshot *snapshot)
{
	struct dps_stream *stream;
	const struct dps_stream_side *send, *receive;
	int error = dps_stream_find(streams, handle, &stream);

	if (error != 0)
		return error;
	if (snapshot == NULL)
		return -DPS_ERROR_INVALID;
	send = &stream->halves[DPS_HALF_SEND];
	receive = &stream->halves[DPS_HALF_RECEIVE];
	*snapshot = (struct dps_stream_snapshot){
		.send = { .state = send->state, .cause = send->cause },
		.receive = { .state = receive->state, .cause = receive->cause },
		.tag = stream->tag,
		.number = stream->number,
		.is_ours = stream->is_ours,
		.window_bytes = stream->send.window_bytes,
		.posted = stream->send.posted,
		.sent = stream->send.sent,
		.acknowledged = stream->send.acknowledged,
		.credit = stream->send.credit,
		.arrived = stream->receive.contiguous,
		.read = stream->receive.read,
		.released = stream->receive.released,
		.granted = stream->receive.granted << streams->block_shift,
	};
	return 0;
}

void dps_streams_read_counters(const struct dps_streams *streams,
			       struct dps_streams_counters *counters)
{
	if (counters != NULL)
		*counters =
			streams != NULL ? streams->counters : (struct dps_streams_counters){ 0 };
}

uint32_t dps_streams_count(const struct dps_streams *streams)
{
	return streams != NULL ? streams->used_count : 0;
}

uint64_t dps_streams_epoch(const struct dps_streams *streams)
{
	return streams->is_attached ? streams->epoch : 0;
}

uint32_t dps_streams_block_bytes(const struct dps_streams *streams)
{
	return streams != NULL ? streams->config.block_bytes : 0;
}

bool dps_streams_are_over(const struct dps_streams *streams)
{
	return streams == NULL || streams->live_count == 0;
}

uint64_t dps_streams_changes(const struct dps_streams *streams)
{
	return streams->changes;
}
