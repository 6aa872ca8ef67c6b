/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams over an engine's path: the input says which packets come, what the control connection
 * says of streams, how paths and epochs follow each other, what the program calls, and how time
 * passes. Each step is one byte for what it is and some for how. Whatever comes: what is read is
 * what packets with a good seal had at that offset, each send has one outcome, and in the end all
 * is given back.
 */
#include "engine/stream.h"
#include "tests/fuzz/engine_port.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/support/engine_check.h"
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 4096,
	BLOCK = 256,
	STREAMS = 8,
	BLOCKS = 16,
	STEPS = 2000,
	SEND_BYTES_MAX = 1 << 12,
	FLIGHT = 3 << 11,
};

struct world {
	struct engine_port port;
	struct dps_streams *streams;
	struct dps_flight flight; /* as if there were another peer, which has nothing */
	struct input input;
	uint64_t now_ns;
	uint64_t number; /* of the next */
	uint64_t epoch;
	bool has_lied;	/* bytes that are not those of their offset came with a good seal */
	bool has_moved; /* bytes behind a send that was taken back: not those of their offset */
	struct dps_handle handles[STREAMS];
	uint64_t read[STREAMS]; /* of each */
	uint64_t sends, outcomes;
};

static const struct dps_limits limits = {
	.paths = 3,
	.channels = 1,
	.slots = 4,
	.chunk_bytes = PAGE,
	.ring_chunks = 2,
	.extents = 4,
	.sent_packets = 128,
};

static uint8_t content(uint64_t offset)
{
	return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

/* ---- paths and epochs ---- */

static void open_path(struct world *world)
{
	if (engine_port_open_path(&world->port, false, world->now_ns))
		world->number = 0;
}

static void change_paths(struct world *world)
{
	uint8_t how = take_byte(&world->input);
	uint32_t path = how >> 4 & 3;

	switch (how & 7) {
	case 0:
		open_path(world);
		break;
	case 1:
		dps_engine_close_path(world->port.engine, path, DPS_CLOSE_DONE, world->now_ns);
		break;
	case 2:
		dps_engine_detach_streams(world->port.engine, path);
		break;
	case 3:
		(void)dps_streams_park(world->streams, world->epoch);
		break;
	case 4:
		if (dps_streams_resume(world->streams, world->epoch + 1) == 0)
			world->epoch++;
		break;
	default:
		(void)dps_engine_attach_streams(world->port.engine, path, world->streams,
						world->epoch - (how >> 7));
		break;
	}
}

/* ---- packets ---- */

/* With a body that ends where its memory does. */
static void give(struct world *world, struct dps_header *header, const uint8_t *body,
		 uint32_t bytes, bool is_good)
{
	uint8_t *datagram;
	struct dps_placement placement;

	header->packet_number = world->number++;
	header->floor = (uint32_t)header->packet_number;
	datagram = engine_port_datagram(&world->port, header, body, bytes);
	dps_engine_begin_burst(world->port.engine, world->now_ns);
	if (dps_engine_place(world->port.engine, datagram, DPS_ENVELOPE_BYTES + bytes, 0,
			     &placement) == DPS_VERDICT_OPEN) {
		/* A cipher writes before it knows. */
		for (uint32_t i = 0; i < bytes; i++)
			placement.to[i] = is_good ? datagram[DPS_ENVELOPE_BYTES + i] : 0xee;
		dps_engine_commit(world->port.engine, &placement, is_good, world->now_ns);
	}
	dps_engine_end_burst(world->port.engine);
	free(datagram);
}

static void give_slice(struct world *world)
{
	uint8_t how = take_byte(&world->input), body[1500];
	struct dps_header header = {
		.type = DPS_PACKET_STREAM,
		.flags = how & (DPS_PACKET_FIN | DPS_PACKET_BLOCKED | DPS_PACKET_RESENT |
				DPS_PACKET_ACK_NOW),
		.channel = (uint32_t)take(&world->input, 1) % (2 * STREAMS),
		.offset = take(&world->input, 2),
	};
	uint32_t bytes = (uint32_t)take(&world->input, 1) + 1;

	if (how & 0x40) /* up to its block's end, or none */
		bytes = bytes % 2 ? BLOCK - header.offset % BLOCK : 0;
	for (uint32_t i = 0; i < bytes; i++)
		body[i] = content(header.offset + i);
	give(world, &header, body, bytes, (how & 0x80) == 0);
}

static void give_stream_ack(struct world *world)
{
	struct dps_stream_ack acks[3] = { 0 };
	struct dps_header header = { .type = DPS_PACKET_STREAM_ACK };
	uint32_t count = (uint32_t)take(&world->input, 1) % 4;
	uint8_t body[DPS_WIRE_ACK_BYTES_MAX];

	for (uint32_t i = 0; i < count; i++) {
		uint8_t how = take_byte(&world->input);

		acks[i].number = how % (2 * STREAMS);
		acks[i].has_end = (how & 0x80) != 0;
		acks[i].credit = take(&world->input, 2) << (how >> 5 & 1) * 40;
		acks[i].contiguous = take(&world->input, 2);
	}
	give(world, &header, body,
	     (uint32_t)dps_stream_acks_encode(acks, count, body, sizeof(body)), true);
}

static void give_any(struct world *world)
{
	struct dps_header header = { .type = take_byte(&world->input) & 15 };
	uint32_t bytes = take_byte(&world->input);
	const uint8_t *body;

	header.flags = take_byte(&world->input);
	header.offset = take(&world->input, 1) << 4;
	header.channel = (uint32_t)take(&world->input, 1) % (2 * STREAMS);
	body = take_run(&world->input, bytes, &bytes);
	world->has_lied |= header.type == DPS_PACKET_STREAM;
	give(world, &header, body, bytes, true);
}

static void give_ack(struct world *world)
{
	const struct dps_path *path = &world->port.engine->paths[engine_port_path(&world->port)];
	struct dps_header header = { .type = DPS_PACKET_ACK };
	struct dps_ack ack = { .ranges_count = 1 };
	uint8_t body[DPS_WIRE_ACK_BYTES_MAX];
	uint64_t back = take(&world->input, 1), first = take(&world->input, 1);

	if (path->state < DPS_PATH_PROBING || path->sent.next_number == 0)
		return;
	ack.largest = path->sent.next_number - 1;
	ack.largest -= dps_min_u64(back % 16, ack.largest);
	ack.ranges[0].last = ack.largest;
	ack.ranges[0].first = ack.largest - dps_min_u64(first % 16, ack.largest);
	give(world, &header, body, (uint32_t)dps_ack_encode(&ack, body, sizeof(body)), true);
}

/* What we say, we understand; and bodies are of streams alone. */
static void emit(struct world *world)
{
	struct dps_outgoing packets[DPS_EMIT_PACKETS_MAX];
	struct dps_stream_ack acks[DPS_WIRE_STREAMS_MAX];
	unsigned int room = (unsigned int)take(&world->input, 1) % 8;
	unsigned int count =
		dps_engine_emit_packets(world->port.engine, packets, room, world->now_ns);
	struct dps_header header;

	DPS_ASSERT(count <= room);
	for (unsigned int i = 0; i < count; i++) {
		const struct dps_outgoing *out = &packets[i];

		DPS_ASSERT(dps_header_decode(out->head, out->head_bytes + out->body_bytes,
					     &header) == 0);
		if (header.type == DPS_PACKET_STREAM_ACK)
			DPS_ASSERT(dps_stream_acks_decode(out->head + DPS_ENVELOPE_BYTES,
							  header.payload_bytes, acks) > 0);
		for (uint32_t j = 0; j < out->body_bytes; j++)
			DPS_ASSERT(world->has_moved || out->body[j] == content(header.offset + j));
		if (!out->body)
			continue;
		DPS_ASSERT(out->token >= DPS_TOKEN_STREAMS);
		engine_port_hold(&world->port, out->token);
	}
}

/* ---- the control connection ---- */

static void talk(struct world *world)
{
	struct dps_stream_message messages[4];
	uint8_t how = take_byte(&world->input);

	(void)dps_streams_emit_messages(world->streams, world->epoch, messages, how >> 6);
	messages[0] = (struct dps_stream_message){
		.type = how % 10,
		.flags = how >> 4 & 1,
		.number = (uint32_t)take(&world->input, 1) % (2 * STREAMS),
		.value = take(&world->input, 1),
	};
	dps_streams_on_message(world->streams, world->epoch, &messages[0]);
}

/* ---- the program ---- */

static void hear(struct world *world)
{
	struct dps_stream_event event;

	while (dps_streams_emit_events(world->streams, &event, 1) == 1) {
		uint32_t at = event.handle.index % STREAMS;

		world->outcomes += event.type > DPS_STREAM_EVENT_POSTED;
		if (event.type != DPS_STREAM_EVENT_ARRIVED)
			continue;
		world->handles[at] = event.handle;
		world->read[at] = 0;
	}
}

static void read_some(struct world *world, uint32_t at, uint8_t how)
{
	struct dps_bytes runs[2];
	int count = dps_stream_read(world->streams, world->handles[at], runs, 1 + how % 2);

	for (int i = 0; i < count; i++) {
		for (size_t j = 0; j < runs[i].bytes; j++)
			DPS_ASSERT(world->has_lied ||
				   runs[i].memory[j] == content(world->read[at] + j));
		world->read[at] += runs[i].bytes;
	}
}

static void send_some(struct world *world, uint32_t at, uint8_t how)
{
	static uint8_t memory[1 << 16]; /* as a whole the content from 0 on */
	struct dps_stream_snapshot look;
	struct dps_bytes piece;

	if (memory[1] == 0)
		for (uint32_t i = 0; i < sizeof(memory); i++)
			memory[i] = content(i);
	if (dps_stream_look(world->streams, world->handles[at], &look) != 0 ||
	    look.posted + SEND_BYTES_MAX > sizeof(memory))
		return;
	piece.memory = memory + look.posted;
	piece.bytes = take(&world->input, 2) % SEND_BYTES_MAX;
	world->sends += dps_stream_send(world->streams, world->handles[at], &piece, 1,
					(how & 1 ? DPS_SEND_BORROW : 0) |
						(how & 2 ? DPS_SEND_FINISH : 0) | DPS_SEND_TELL,
					how) == 0;
}

static void call(struct world *world)
{
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS,
						    .flags = DPS_STREAM_BOTH_WAYS };
	uint8_t what = take_byte(&world->input), how = take_byte(&world->input);
	uint32_t at = how >> 4 & (STREAMS - 1);
	struct dps_handle handle;

	switch (what % 12) {
	case 0:
		if (dps_stream_open(world->streams, &options, &handle) != 0)
			break;
		world->handles[handle.index % STREAMS] = handle;
		world->read[handle.index % STREAMS] = 0;
		break;
	case 1:
	case 2:
	case 3:
		send_some(world, at, how);
		break;
	case 4:
	case 5:
		read_some(world, at, how);
		break;
	case 6:
		(void)dps_stream_release(world->streams, world->handles[at],
					 take(&world->input, 1));
		break;
	case 7:
		(void)dps_stream_finish(world->streams, world->handles[at]);
		break;
	case 8:
		(void)dps_stream_abort(world->streams, world->handles[at], how);
		break;
	case 9:
		(void)dps_stream_stop(world->streams, world->handles[at], how);
		break;
	case 10:
		world->has_moved |=
			dps_stream_cancel_send(world->streams, world->handles[at], how) == 0;
		break;
	default:
		(void)dps_stream_close(world->streams, world->handles[at],
				       how & 1 ? DPS_STREAM_DROP : DPS_STREAM_LINGER);
		break;
	}
}

static void step(struct world *world)
{
	uint8_t what = take_byte(&world->input);

	switch (what % 16) {
	case 0:
		give_any(world);
		break;
	case 1:
	case 2:
	case 3:
		give_slice(world);
		break;
	case 4:
	case 5:
		give_stream_ack(world);
		break;
	case 6:
		give_ack(world);
		break;
	case 7:
	case 8:
		emit(world);
		break;
	case 9:
		engine_port_give_back(&world->port);
		break;
	case 10:
		world->now_ns += take(&world->input, 2) << (what >> 4);
		dps_engine_on_deadline(world->port.engine, world->now_ns);
		break;
	case 11:
		talk(world);
		break;
	case 12:
		change_paths(world);
		break;
	case 13:
		hear(world);
		break;
	default:
		call(world);
		break;
	}
}

/* ---- beginning and end ---- */

static void *begin_streams(struct world *world, uint8_t *blocks)
{
	struct dps_streams_config config;
	void *memory;

	dps_streams_config_init(&config, true);
	config.epoch = world->epoch;
	config.streams = STREAMS;
	config.peer_streams = STREAMS / 2;
	config.segments = 4 * STREAMS;
	config.send_blocks = config.receive_blocks = BLOCKS;
	config.block_bytes = BLOCK;
	config.window_bytes = config.receive_window_bytes = BLOCKS / 2 * BLOCK;
	config.flight_bytes = FLIGHT;
	config.flight = &world->flight;
	dps_flight_init(&world->flight, FLIGHT, 2);
	memory = aligned_alloc(64, dps_round_up(dps_streams_bytes(&config), 64));
	DPS_ASSERT(memory != NULL);
	DPS_ASSERT(dps_streams_init(memory, &config, blocks, &world->streams) == 0);
	return memory;
}

static void finish(struct world *world)
{
	struct dps_event event;

	for (uint32_t i = 0; i < limits.paths; i++)
		dps_engine_close_path(world->port.engine, i, DPS_CLOSE_DONE, world->now_ns);
	while (dps_engine_emit_events(world->port.engine, &event, 1) == 1)
		;
	DPS_ASSERT(dps_engine_holds_streams(world->port.engine, world->streams) ==
		   (world->port.held_count > 0));
	engine_port_give_all_back(&world->port);
	DPS_ASSERT(!dps_engine_holds_streams(world->port.engine, world->streams));
	DPS_ASSERT(engine_check_empty(world->port.engine) == NULL);
	dps_streams_lose(world->streams, 1);
	hear(world);
	/* What has arrived with its end could still be read. */
	for (uint32_t i = 0; i < STREAMS; i++)
		(void)dps_stream_close(world->streams, world->handles[i], DPS_STREAM_DROP);
	hear(world);
	DPS_ASSERT(dps_streams_are_over(world->streams));
	DPS_ASSERT(world->outcomes == world->sends);
	DPS_ASSERT(world->streams->flight.bytes == 0);
	DPS_ASSERT(world->flight.taken_bytes == 0);
	DPS_ASSERT(world->flight.line.next == &world->flight.line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .input = input_of(data, size), .now_ns = 1, .epoch = 1 };
	void *memory = aligned_alloc(64, dps_round_up(dps_engine_bytes(&limits), 64));
	uint8_t *slots = aligned_alloc(PAGE, limits.slots * PAGE);
	uint8_t *blocks = malloc(2 * BLOCKS * BLOCK);
	void *streams_memory = begin_streams(&world, blocks);
	struct dps_event event;

	world.port.engine = dps_engine_init(memory, &limits, slots, 0, 1, world.now_ns);
	open_path(&world);
	DPS_ASSERT(dps_engine_attach_streams(world.port.engine, engine_port_path(&world.port),
					     world.streams, world.epoch) == 0);
	for (unsigned int i = 0; i < STEPS && !input_is_over(&world.input); i++) {
		step(&world);
		while (dps_engine_emit_events(world.port.engine, &event, 1) == 1)
			;
		DPS_ASSERT(engine_check(world.port.engine) == NULL);
	}
	finish(&world);
	free(streams_memory);
	free(blocks);
	free(slots);
	free(memory);
	return 0;
}
