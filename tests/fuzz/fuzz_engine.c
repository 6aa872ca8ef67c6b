/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole engine: the input says which packets come, what the disk answers, which commands are
 * given and how time passes. Each step is one byte for what it is and some for how.
 */
#include "tests/fuzz/engine_port.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/support/engine_check.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 4096,
	CHUNK = 4 * PAGE,
	PENDING = 64,
	STEPS = 2000,
	RECEIVER = 1, /* channel numbers */
	SENDER = 2,
};

struct world {
	struct engine_port port;
	uint8_t *slots;
	struct input input;
	uint64_t now_ns;
	uint64_t number; /* of the next packet to us */
	uint64_t offset; /* where the next file may stand */
	uint32_t files;
	struct dps_io ios[PENDING];
	uint32_t ios_count;
};

static const struct dps_limits limits = {
	.paths = 2,
	.channels = 4,
	.slots = 8,
	.chunk_bytes = CHUNK,
	.ring_chunks = 4,
	.extents = 12,
	.sent_packets = 128,
};

static void open_path(struct world *world, bool is_sealed)
{
	if (engine_port_open_path(&world->port, is_sealed, world->now_ns))
		world->number = 0;
}

static void take_events(struct world *world)
{
	struct dps_event event;

	while (dps_engine_emit_events(world->port.engine, &event, 1) == 1)
		DPS_ASSERT(event.type >= DPS_EVENT_PATH_OPEN &&
			   event.type <= DPS_EVENT_CHANNEL_DONE);
}

/* ---- packets ---- */

static void give(struct world *world, struct dps_header *header, const uint8_t *payload,
		 uint32_t bytes, bool is_good)
{
	uint8_t *datagram;
	struct dps_incoming incoming = { 0 };
	struct dps_run_placement run;
	struct dps_placement placement;

	datagram = engine_port_datagram(&world->port, header, payload, bytes);
	incoming.bytes = datagram;
	incoming.length = DPS_ENVELOPE_BYTES + bytes;
	dps_engine_begin_burst(world->port.engine, world->now_ns);
	if (dps_engine_place_run(world->port.engine, &incoming, 1, &run) == 1) {
		memcpy(run.to, datagram + DPS_ENVELOPE_BYTES, bytes);
		dps_engine_commit_run(world->port.engine, &run, is_good);
	} else if (dps_engine_place(world->port.engine, datagram, incoming.length, 0, &placement) ==
		   DPS_VERDICT_OPEN) {
		if (bytes > 0)
			memcpy(placement.to, datagram + DPS_ENVELOPE_BYTES, bytes);
		dps_engine_commit(world->port.engine, &placement, is_good, world->now_ns);
	}
	dps_engine_end_burst(world->port.engine);
	free(datagram);
}

/* Any bytes at all behind a header that finds its path. */
static void give_any(struct world *world)
{
	struct dps_header header = { .type = take_byte(&world->input) & 15 };
	uint32_t bytes = (uint32_t)(take(&world->input, 2) % 1500);
	const uint8_t *payload;

	header.flags = take_byte(&world->input);
	header.packet_number = world->number + take(&world->input, 1);
	header.floor = (uint32_t)take(&world->input, 1);
	header.offset = take(&world->input, 2);
	header.channel = (uint32_t)take(&world->input, 1) % 4;
	payload = take_run(&world->input, bytes, &bytes);
	give(world, &header, payload, bytes, true);
}

static void give_data(struct world *world)
{
	static const uint8_t zeros[PAGE + DPS_DIGEST_BYTES];
	uint8_t kind = take_byte(&world->input);
	struct dps_header header = {
		.type = DPS_PACKET_DATA,
		.flags = kind & (DPS_PACKET_ACK_NOW | DPS_PACKET_FIN | DPS_PACKET_DIGEST),
		.channel = RECEIVER,
	};
	uint32_t bytes = (uint32_t)(take(&world->input, 2) % 1500);

	world->number += kind & 0x20 ? take(&world->input, 1) : 0;
	header.packet_number = world->number++;
	header.floor =
		(uint32_t)(header.packet_number - (kind & 0x40 ? take(&world->input, 1) : 8));
	header.offset = take(&world->input, 2);
	if (kind & 0x10) /* a whole piece, as long as it is */
		bytes = (uint32_t)dps_min_u64(take(&world->input, 2), PAGE);
	if (header.flags & DPS_PACKET_DIGEST)
		bytes += DPS_DIGEST_BYTES;
	give(world, &header, zeros, bytes, (kind & 0x80) == 0);
}

static void give_ack(struct world *world)
{
	const struct dps_path *path = &world->port.engine->paths[engine_port_path(&world->port)];
	uint8_t kind = take_byte(&world->input);
	uint8_t body[DPS_WIRE_ACK_BYTES_MAX];
	struct dps_header header = { .type = DPS_PACKET_ACK, .packet_number = world->number++ };
	struct dps_ack ack = { .channels_count = kind & 1 };
	uint64_t low;

	if (path->state < DPS_PATH_PROBING)
		return;
	header.floor = (uint32_t)header.packet_number;
	ack.largest = path->sent.next_number - take(&world->input, 1) % 32;
	if (ack.largest > DPS_PACKET_NUMBER_MAX)
		ack.largest = 0;
	low = ack.largest;
	for (unsigned int i = 0; i <= (kind >> 4); i++) {
		uint64_t last = i == 0 ? low : low - 2 - take(&world->input, 1) % 4;
		uint64_t first = last - dps_min_u64(take(&world->input, 1) % 8, last);

		if (last > low)
			break; /* below zero */
		ack.ranges[ack.ranges_count++] = (struct dps_ack_range){ first, last };
		low = first;
	}
	ack.channels[0] = (struct dps_ack_channel){
		.channel = SENDER,
		.credit = take(&world->input, 3),
		.contiguous = kind & 2 ? take(&world->input, 3) : 0,
		.stored = kind & 4 ? take(&world->input, 3) : 0,
	};
	give(world, &header, body, (uint32_t)dps_ack_encode(&ack, body, sizeof(body)), true);
}

/* ---- what the engine wants ---- */

/* What we say, we understand. */
static void check_packet(const struct dps_outgoing *out)
{
	struct dps_header header;
	struct dps_ack ack;
	uint64_t sum = 0;

	DPS_ASSERT(out->head_bytes >= DPS_ENVELOPE_BYTES);
	DPS_ASSERT(dps_header_decode(out->head, out->head_bytes + out->body_bytes, &header) == 0);
	if (header.type == DPS_PACKET_ACK)
		DPS_ASSERT(dps_ack_decode(out->head + DPS_ENVELOPE_BYTES, header.payload_bytes,
					  &ack) == 0);
	for (uint32_t i = 0; i < out->body_bytes; i++)
		sum += out->body[i];
	DPS_ASSERT(sum <= 255u * (uint64_t)out->body_bytes);
}

static void emit(struct world *world)
{
	struct dps_outgoing packets[DPS_EMIT_PACKETS_MAX];
	unsigned int room = (unsigned int)take(&world->input, 1) % (DPS_EMIT_PACKETS_MAX + 1);
	unsigned int count;

	count = dps_engine_emit_packets(world->port.engine, packets, room, world->now_ns);
	DPS_ASSERT(count <= room);
	for (unsigned int i = 0; i < count; i++) {
		check_packet(&packets[i]);
		if (!packets[i].body)
			continue;
		engine_port_hold(&world->port, packets[i].token);
	}
}

static void emit_ios(struct world *world)
{
	unsigned int room =
		(unsigned int)dps_min_u64(take(&world->input, 1) % 9, PENDING - world->ios_count);

	world->ios_count +=
		dps_engine_emit_ios(world->port.engine, world->ios + world->ios_count, room);
}

static void end_io(struct world *world)
{
	static const int64_t errors[] = { -EBADMSG, -EIO, 0, 1 };
	static const struct dps_digest digest;
	uint8_t kind = take_byte(&world->input);
	struct dps_io io;
	uint32_t at;

	if (world->ios_count == 0)
		return;
	at = (kind >> 3) % world->ios_count;
	io = world->ios[at];
	world->ios[at] = world->ios[--world->ios_count];
	DPS_ASSERT(io.memory >= world->slots && io.bytes > 0 &&
		   io.memory + io.bytes <= world->slots + limits.slots * CHUNK);
	if (!io.is_write)
		memset(io.memory, 0, io.bytes);
	dps_engine_on_io(world->port.engine, io.tag, (kind & 7) < 4 ? io.bytes : errors[kind & 3],
			 &digest, world->now_ns);
}

/* ---- commands ---- */

static void announce(struct world *world, uint8_t kind)
{
	static const uint16_t sizes[] = { 1, 0, 5, 100, 4095, 4096, 4097, 9000, 1500, 40000 };
	struct dps_extent_config extent = {
		.bytes = sizes[take(&world->input, 1) % (sizeof(sizes) / sizeof(sizes[0]))],
		.file_index = world->files,
		.file = world->files,
	};

	/* Both channels have the same files, so that the input needs to say less. */
	extent.offset = extent.bytes == 0
				? world->offset
				: dps_round_up(world->offset, extent.bytes > PAGE ? CHUNK : PAGE);
	if (kind & 0x80)
		extent.offset += take(&world->input, 4) * CHUNK;
	world->files++;
	world->offset = extent.offset + extent.bytes;
	for (uint32_t i = 0; i < limits.channels; i++)
		(void)dps_engine_announce(world->port.engine, i, &extent);
}

static void open_channels(struct world *world)
{
	for (uint32_t i = 0; i < 2; i++) {
		const struct dps_channel_config config = {
			.path = engine_port_path(&world->port),
			.number = i == 0 ? RECEIVER : SENDER,
			.is_sender = i == 1,
			.window_bytes = 4 * CHUNK,
		};

		(void)dps_engine_open_channel(world->port.engine, &config);
	}
}

static void command(struct world *world)
{
	uint8_t kind = take_byte(&world->input);
	uint32_t channel = kind >> 4 & 3;
	struct dps_engine *engine = world->port.engine;
	struct dps_extent_config piece;
	uint32_t file;

	switch (kind & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		announce(world, kind);
		break;
	case 4:
		(void)dps_engine_announce_last(engine, channel);
		break;
	case 5:
	case 6:
		file = (uint32_t)take(&world->input, 1);
		(void)dps_engine_skip(engine, channel, file, take(&world->input, 2), world->now_ns);
		break;
	case 7:
		(void)dps_engine_mark_stored(engine, channel, take(&world->input, 2));
		break;
	case 8:
		piece.offset = take(&world->input, 1) % 16 * PAGE;
		piece.bytes = take(&world->input, 2) % CHUNK + 1;
		piece.file_index = piece.file = 0;
		(void)dps_engine_resend(engine, channel, &piece, take(&world->input, 1) * PAGE);
		break;
	case 9:
		dps_engine_close_channel(engine, channel);
		break;
	case 10:
		world->offset = 0;
		open_channels(world);
		break;
	case 11:
		dps_engine_close_path(engine, channel, DPS_CLOSE_DONE, world->now_ns);
		break;
	case 12:
		open_path(world, (kind & 16) != 0);
		break;
	default:
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
		give_data(world);
		break;
	case 4:
	case 5:
		give_ack(world);
		break;
	case 6:
	case 7:
		emit(world);
		break;
	case 8:
	case 9:
		emit_ios(world);
		break;
	case 10:
	case 11:
		end_io(world);
		break;
	case 12:
		engine_port_give_back(&world->port);
		break;
	case 13:
		world->now_ns += take(&world->input, 2) << (what >> 4);
		dps_engine_on_deadline(world->port.engine, world->now_ns);
		break;
	default:
		command(world);
		break;
	}
}

/* Everything closed, everything back: nothing may be missing. */
static void finish(struct world *world)
{
	world->input.at = world->input.end;
	for (uint32_t i = 0; i < limits.paths; i++)
		dps_engine_close_path(world->port.engine, i, DPS_CLOSE_DONE, world->now_ns);
	do {
		take_events(world);
		while (world->ios_count > 0)
			end_io(world);
		world->ios_count = dps_engine_emit_ios(world->port.engine, world->ios, 8);
	} while (world->ios_count > 0);
	engine_port_give_all_back(&world->port);
	DPS_ASSERT(engine_check_empty(world->port.engine) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .input = input_of(data, size), .now_ns = 1 };
	void *memory = aligned_alloc(64, (dps_engine_bytes(&limits) + 63) / 64 * 64);

	world.slots = aligned_alloc(PAGE, limits.slots * CHUNK);
	world.port.engine = dps_engine_init(memory, &limits, world.slots, 0, 1, world.now_ns);
	open_path(&world, false);
	open_channels(&world);
	for (unsigned int i = 0; i < STEPS && !input_is_over(&world.input); i++) {
		step(&world);
		if (dps_engine_is_choked(world.port.engine) || i % 8 == 0)
			take_events(&world);
		DPS_ASSERT(engine_check(world.port.engine) == NULL);
	}
	finish(&world);
	free(world.slots);
	free(memory);
	return 0;
}
