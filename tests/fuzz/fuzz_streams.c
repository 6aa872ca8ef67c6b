/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An engine with a path that carries streams: the input says which packets and messages come, what
 * the program calls, and how time passes. Each step is one byte for what it is and some for how.
 * When the connection is lost in the end, everything is there again.
 */
#include "engine/state.h"
#include "engine/stream.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/engine_check.h"
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 4096,
	PENDING = 64,
	HANDLES = 8,
	STEPS = 2000,
	BLOCK = 1024,
	WINDOW = 4 * BLOCK,
};

struct world {
	struct dps_engine *engine;
	struct dps_streams *streams;
	const uint8_t *at, *end;
	uint64_t now_ns;
	uint64_t id;
	uint64_t number; /* of the next packet to us */
	uint64_t epoch;
	uint32_t path;
	uint32_t held[PENDING];
	uint32_t held_count;
	struct dps_handle handles[HANDLES];
};

static const struct dps_limits limits = {
	.paths = 2,
	.channels = 1,
	.slots = 2,
	.chunk_bytes = 4 * PAGE,
	.ring_chunks = 2,
	.extents = 2,
	.sent_packets = 128,
};

static uint64_t take(struct world *world, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0 && world->at < world->end)
		value = value << 8 | *world->at++;
	return value;
}

static void open_path(struct world *world)
{
	const struct dps_path_config config = {
		.remote_connection_id = 7,
		.datagram_bytes = 1472,
		.is_sealed = true,
		.rate_bytes_per_s = UINT64_MAX,
		.probe_floor_ns = DPS_NS_PER_MS,
		.silence_ns = 10 * DPS_NS_PER_S,
	};
	int path = dps_engine_reserve_path(world->engine, &world->id);

	if (path < 0)
		return;
	world->path = (uint32_t)path;
	DPS_ASSERT(dps_engine_open_path(world->engine, world->path, &config, world->now_ns) == 0);
	dps_path_validate(world->engine, &world->engine->paths[path], 1472);
	world->number = 0;
	(void)dps_engine_attach_streams(world->engine, world->path, world->streams, world->epoch);
}

/* ---- packets ---- */

static void give(struct world *world, struct dps_header *header, const uint8_t *payload,
		 uint32_t bytes, bool is_good)
{
	uint8_t *datagram = malloc(DPS_ENVELOPE_BYTES + bytes);
	struct dps_placement placement;

	header->version = DPS_WIRE_VERSION;
	header->connection_id = world->id;
	header->payload_bytes = (uint16_t)bytes;
	dps_header_encode(header, datagram);
	if (bytes > 0)
		memcpy(datagram + DPS_ENVELOPE_BYTES, payload, bytes);
	if (dps_engine_place(world->engine, datagram, DPS_ENVELOPE_BYTES + bytes, 0, &placement) ==
	    DPS_VERDICT_OPEN) {
		if (bytes > 0)
			memcpy(placement.to, datagram + DPS_ENVELOPE_BYTES, bytes);
		dps_engine_commit(world->engine, &placement, is_good, world->now_ns);
	}
	free(datagram);
}

static void give_slice(struct world *world)
{
	static const uint8_t bytes[2048];
	uint8_t kind = (uint8_t)take(world, 1);
	struct dps_header header = {
		.type = DPS_PACKET_STREAM,
		.flags = kind & (DPS_PACKET_ACK_NOW | DPS_PACKET_FIN | DPS_PACKET_RESENT |
				 DPS_PACKET_BLOCKED),
	};

	header.channel = (uint32_t)take(world, 1) % 16;
	header.offset = kind & 0x20 ? take(world, 8) : take(world, 2) % (2 * WINDOW);
	header.flags |= kind & 0x40 ? DPS_PACKET_OPTIONS : 0; /* of no length: they do not parse */
	header.packet_number = world->number++ + (kind & 0x08 ? take(world, 1) % 8 : 0);
	header.floor = (uint32_t)header.packet_number;
	give(world, &header, bytes, (uint32_t)take(world, 2) % sizeof(bytes), (kind & 0x80) == 0);
}

/* Well made, with any values; or any bytes. */
static void give_stream_ack(struct world *world)
{
	struct dps_header header = { .type = DPS_PACKET_STREAM_ACK,
				     .packet_number = world->number++ };
	uint8_t kind = (uint8_t)take(world, 1);
	struct dps_stream_ack acks[2];
	uint8_t body[128];

	header.floor = (uint32_t)header.packet_number;
	for (unsigned int i = 0; i < 2; i++) {
		acks[i].number = (uint32_t)take(world, 1) % 16;
		acks[i].credit = kind & 2 ? take(world, 8) & DPS_OFFSET_MAX : take(world, 2);
		acks[i].contiguous = take(world, 2);
		acks[i].has_end = (kind & 4) != 0;
	}
	give(world, &header, body,
	     (uint32_t)dps_stream_acks_encode(acks, 1 + (kind & 1), body, sizeof(body)),
	     (kind & 0x80) == 0);
}

static void give_any(struct world *world)
{
	struct dps_header header = { .type = (uint8_t)take(world, 1) & 15 };
	uint32_t bytes = (uint32_t)take(world, 1);

	header.flags = (uint8_t)take(world, 1);
	header.packet_number = world->number++;
	header.floor = (uint32_t)header.packet_number;
	header.channel = (uint32_t)take(world, 1);
	bytes = (uint32_t)dps_min_u64(bytes, (uint64_t)(world->end - world->at));
	world->at += bytes;
	give(world, &header, world->at - bytes, bytes, true);
}

/* What we have sent has come, or some of it. */
static void give_ack(struct world *world)
{
	const struct dps_path *path = &world->engine->paths[world->path];
	struct dps_header header = { .type = DPS_PACKET_ACK, .packet_number = world->number++ };
	struct dps_ack ack = { .ranges_count = 1 };
	uint8_t body[DPS_WIRE_ACK_BYTES_MAX];

	if (path->state < DPS_PATH_PROBING || path->sent.next_number == 0)
		return;
	header.floor = (uint32_t)header.packet_number;
	ack.largest = path->sent.next_number - 1;
	ack.largest -= dps_min_u64(ack.largest, take(world, 1) % 8);
	ack.ranges[0].last = ack.largest;
	ack.ranges[0].first = ack.largest - dps_min_u64(ack.largest, take(world, 1) % 16);
	give(world, &header, body, (uint32_t)dps_ack_encode(&ack, body, sizeof(body)), true);
}

static void let_go(struct world *world)
{
	if (world->held_count > 0)
		dps_engine_on_released(world->engine, world->held[--world->held_count], 1);
}

static void emit(struct world *world)
{
	struct dps_outgoing packets[DPS_EMIT_PACKETS_MAX];
	unsigned int room = (unsigned int)take(world, 1) % (DPS_EMIT_PACKETS_MAX + 1);
	unsigned int count = dps_engine_emit_packets(world->engine, packets, room, world->now_ns);

	for (unsigned int i = 0; i < count; i++) {
		if (!packets[i].body)
			continue;
		if (world->held_count == PENDING)
			let_go(world);
		world->held[world->held_count++] = packets[i].token;
	}
}

/* ---- messages, and the program ---- */

static void hear(struct world *world)
{
	struct dps_stream_message message = { 0 };

	message.type = (uint8_t)take(world, 1) % 12;
	message.flags = (uint8_t)take(world, 1);
	message.number = (uint32_t)take(world, 1) % 16;
	message.value = take(world, 2);
	dps_streams_on_message(world->streams, world->epoch, &message);
}

static void take_events(struct world *world)
{
	struct dps_stream_event event;
	struct dps_event other;

	while (dps_streams_emit_events(world->streams, &event, 1) == 1)
		if (event.type == DPS_STREAM_EVENT_ARRIVED)
			world->handles[event.handle.index % HANDLES] = event.handle;
	while (dps_engine_emit_events(world->engine, &other, 1) == 1)
		;
}

static void speak(struct world *world)
{
	struct dps_stream_message messages[4];

	(void)dps_streams_emit_messages(world->streams, world->epoch, messages, 4);
}

static void call(struct world *world)
{
	static const uint8_t bytes[2048];
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS,
						    .flags = DPS_STREAM_BOTH_WAYS };
	uint8_t kind = (uint8_t)take(world, 1);
	struct dps_handle *handle = &world->handles[kind >> 4 & (HANDLES - 1)];
	const struct dps_bytes piece = { bytes, take(world, 2) % sizeof(bytes) };
	struct dps_stream_snapshot snapshot;
	struct dps_bytes runs[3];

	switch (kind & 15) {
	case 0:
	case 1:
		(void)dps_stream_open(world->streams, &options, handle);
		break;
	case 2:
	case 3:
	case 4:
		(void)dps_stream_send(world->streams, *handle, &piece, 1, 0, 1);
		break;
	case 5:
		(void)dps_stream_finish(world->streams, *handle);
		break;
	case 6:
		(void)dps_stream_abort(world->streams, *handle, 4);
		break;
	case 7:
		(void)dps_stream_stop(world->streams, *handle, 5);
		break;
	case 8:
		(void)dps_stream_close(world->streams, *handle,
				       kind & 0x80 ? DPS_STREAM_LINGER : DPS_STREAM_DROP);
		break;
	default:
		(void)dps_stream_read(world->streams, *handle, runs, 3);
		if (dps_stream_look(world->streams, *handle, &snapshot) == 0)
			(void)dps_stream_release(world->streams, *handle,
						 snapshot.read - snapshot.released);
		break;
	}
}

/* Another connection, or another path, or both. */
static void change_way(struct world *world)
{
	uint8_t kind = (uint8_t)take(world, 1);

	if (kind & 1) {
		(void)dps_streams_park(world->streams, world->epoch);
		(void)dps_streams_resume(world->streams, ++world->epoch);
	}
	if (kind & 2)
		dps_engine_detach_streams(world->engine, world->path);
	if (kind & 4)
		dps_engine_close_path(world->engine, world->path, DPS_CLOSE_DONE, world->now_ns);
	take_events(world);
	if (kind & 4)
		open_path(world);
	else
		(void)dps_engine_attach_streams(world->engine, world->path, world->streams,
						world->epoch);
}

static void step(struct world *world)
{
	uint8_t what = (uint8_t)take(world, 1);

	switch (what % 16) {
	case 0:
		give_any(world);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		give_slice(world);
		break;
	case 5:
	case 6:
		give_stream_ack(world);
		break;
	case 7:
		give_ack(world);
		break;
	case 8:
	case 9:
		emit(world);
		break;
	case 10:
		let_go(world);
		break;
	case 11:
		hear(world);
		speak(world);
		break;
	case 12:
		change_way(world);
		break;
	case 13:
		world->now_ns += take(world, 2) << (what >> 4);
		dps_engine_on_deadline(world->engine, world->now_ns);
		dps_streams_on_deadline(world->streams, world->now_ns);
		break;
	default:
		call(world);
		break;
	}
}

static void finish(struct world *world, const struct dps_streams_config *config)
{
	struct dps_streams *streams = world->streams;

	for (uint32_t i = 0; i < limits.paths; i++) {
		dps_engine_detach_streams(world->engine, i);
		dps_engine_close_path(world->engine, i, DPS_CLOSE_DONE, world->now_ns);
	}
	while (world->held_count > 0)
		let_go(world);
	dps_streams_lose(streams, DPS_CLOSE_PROTOCOL);
	take_events(world);
	for (uint32_t i = 0; i < config->streams; i++)
		if (streams->records[i].is_used)
			(void)dps_stream_close(streams,
					       dps_stream_handle(streams, &streams->records[i]),
					       DPS_STREAM_DROP);
	take_events(world);
	DPS_ASSERT(!dps_engine_holds_streams(world->engine, streams));
	DPS_ASSERT(engine_check_empty(world->engine) == NULL);
	DPS_ASSERT(dps_streams_count(streams) == 0);
	DPS_ASSERT(streams->free_segments == config->segments);
	DPS_ASSERT(dps_slots_available(&streams->send_blocks) == config->send_blocks);
	DPS_ASSERT(dps_slots_available(&streams->receive_blocks) == config->receive_blocks);
}

static struct dps_streams_config config_of(void)
{
	struct dps_streams_config config;

	dps_streams_config_init(&config, false);
	config.seed = 7;
	config.streams = 8;
	config.peer_streams = 4;
	config.segments = 16;
	config.send_blocks = config.receive_blocks = 16;
	config.block_bytes = BLOCK;
	config.window_bytes = config.receive_window_bytes = WINDOW;
	return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dps_streams_config config = config_of();
	struct world world = { .at = data, .end = data + size, .now_ns = 1, .epoch = 1 };
	void *memory = aligned_alloc(64, dps_round_up(dps_engine_bytes(&limits), 64));
	void *of_streams = aligned_alloc(64, dps_round_up(dps_streams_bytes(&config), 64));
	uint8_t *blocks =
		malloc((size_t)(config.send_blocks + config.receive_blocks) * config.block_bytes);
	uint8_t *slots = aligned_alloc(PAGE, (size_t)limits.slots * limits.chunk_bytes);

	DPS_ASSERT(dps_streams_init(of_streams, &config, blocks, &world.streams) == 0);
	world.engine = dps_engine_init(memory, &limits, slots, 0, 1, world.now_ns);
	open_path(&world);
	for (unsigned int i = 0; i < STEPS && world.at < world.end; i++) {
		step(&world);
		if (dps_engine_is_choked(world.engine) || i % 8 == 0)
			take_events(&world);
		DPS_ASSERT(engine_check(world.engine) == NULL);
		DPS_ASSERT(world.streams->extra_used <= world.streams->extra_max);
	}
	finish(&world, &config);
	free(slots);
	free(blocks);
	free(of_streams);
	free(memory);
	return 0;
}
