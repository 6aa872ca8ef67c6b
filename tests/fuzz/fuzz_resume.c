/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Resume: a transfer with some files in its ring, and a peer that acknowledges, leaves and comes
 * back with whatever it says it has. Whatever that is: nothing goes out that was not posted, or
 * with another byte, and what is accepted goes on from where the answer says.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include <dps/assert.h>
#include <dps/transfer.h>
#include <stdlib.h>
#include <string.h>

enum {
	WINDOW = 4096,
	CHUNK = 1024,
	HELD = 64,
	STEPS = 400,
};

struct world {
	struct dps_transfer *transfer;
	uint8_t *ring;
	uint64_t ring_bytes;
	struct input input;
	uint64_t now_ns;
	uint64_t epoch;	     /* the greatest that was tried */
	uint64_t file_begin; /* of the producer's file */
	uint32_t file_index;
	uint64_t next; /* in the epoch that is attached, if it was accepted: what goes out next */
	bool is_known;
	uint64_t held[HELD];
	unsigned int held_count;
};

static uint8_t byte_at(uint64_t offset)
{
	return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static struct dps_transfer_snapshot look(const struct world *world)
{
	struct dps_transfer_snapshot snapshot;

	DPS_ASSERT(dps_transfer_read(world->transfer, &snapshot));
	return snapshot;
}

static void post(struct world *world, uint8_t kind)
{
	uint64_t posted = look(world).posted, bytes = take(&world->input, 2) % (CHUNK + 2);
	uint8_t *room;

	if (kind & 0x20 &&
	    dps_transfer_advance(world->transfer, world->file_index + 1, NULL) == 0) {
		world->file_index++;
		world->file_begin = posted;
	}
	if (dps_transfer_reserve(world->transfer, bytes, &room) != 0)
		return;
	DPS_ASSERT(room >= world->ring && room + bytes <= world->ring + world->ring_bytes);
	for (uint64_t i = 0; i < bytes; i++)
		room[i] = byte_at(posted + i);
	(void)dps_transfer_commit(world->transfer, posted - world->file_begin, bytes,
				  kind & 0x10 ? DPS_CHUNK_FILE_END : 0, world->now_ns);
}

static void emit(struct world *world)
{
	struct dps_slice slices[8];
	unsigned int room = HELD - world->held_count;
	uint32_t bytes_max = 1 + (uint32_t)take(&world->input, 1) * 8;
	unsigned int count;

	room = room < 8 ? room : 8;
	count = dps_transfer_emit_slices(world->transfer, look(world).epoch, slices, room,
					 bytes_max);
	for (unsigned int i = 0; i < count; i++) {
		const struct dps_slice *slice = &slices[i];

		DPS_ASSERT(slice->offset + slice->bytes <= look(world).posted);
		DPS_ASSERT(slice->bytes <= bytes_max);
		for (uint32_t j = 0; j < slice->bytes; j++)
			DPS_ASSERT(slice->memory[j] == byte_at(slice->offset + j));
		/* Without a gap but what the peer has meanwhile. */
		DPS_ASSERT(
			!world->is_known || slice->offset == world->next ||
			(slice->offset > world->next && slice->offset <= look(world).acknowledged));
		world->next = slice->offset + slice->bytes;
		world->is_known = true;
		world->held[world->held_count++] = slice->chunk;
	}
}

static void acknowledge(struct world *world, uint8_t kind)
{
	struct dps_transfer_ack ack = {
		.epoch = kind & 0x80 ? take(&world->input, 1) : look(world).epoch,
		.received = take(&world->input, 2),
		.stored = take(&world->input, 2),
		.file_index = kind & 0x10 ? (uint32_t)take(&world->input, 1) : DPS_FILE_NONE,
		.has_end = (kind & 0x20) != 0,
	};
	struct dps_transfer_snapshot before = look(world), after;

	(void)dps_transfer_on_ack(world->transfer, &ack, world->now_ns);
	after = look(world);
	DPS_ASSERT(after.acknowledged >= before.acknowledged && after.stored >= before.stored);
	DPS_ASSERT(after.acknowledged <= after.posted && after.stored <= after.posted);
}

static void resume(struct world *world, uint8_t kind)
{
	const struct dps_transfer_resume request = {
		.epoch = kind & 0x80 ? take(&world->input, 1) : ++world->epoch,
		.offset = take(&world->input, kind & 0x40 ? 8 : 2),
		.file_index = kind & 0x10 ? (uint32_t)take(&world->input, 1) : DPS_FILE_NONE,
		.has_end = (kind & 0x20) != 0,
	};
	struct dps_transfer_snapshot before = look(world), after;
	struct dps_transfer_resumed answer = { 0 };
	enum dps_resume_code code =
		dps_transfer_resume(world->transfer, &request, &answer, world->now_ns);

	DPS_ASSERT(dps_resume_code_name(code));
	after = look(world);
	world->epoch = request.epoch > world->epoch ? request.epoch : world->epoch;
	if (code == DPS_RESUME_OK) {
		DPS_ASSERT(after.epoch == request.epoch && after.epoch > before.epoch);
		DPS_ASSERT(after.sent <= after.posted && after.sent >= before.lowest);
		world->is_known = false;
		return;
	}
	DPS_ASSERT(after.epoch == before.epoch && after.state == before.state);
	DPS_ASSERT(after.sent == before.sent && after.acknowledged == before.acknowledged);
}

static void replay(struct world *world)
{
	uint64_t offset = take(&world->input, 2);

	if (dps_transfer_replay(world->transfer, look(world).epoch, offset) == DPS_RESUME_OK)
		world->is_known = false;
}

static void step(struct world *world)
{
	uint8_t kind = take_byte(&world->input);

	switch (kind % 8) {
	case 0:
	case 1:
		post(world, kind);
		break;
	case 2:
		emit(world);
		break;
	case 3:
		acknowledge(world, kind);
		break;
	case 4:
		resume(world, kind);
		break;
	case 5:
		(void)dps_transfer_park(world->transfer, look(world).epoch, world->now_ns);
		break;
	case 6:
		if (world->held_count > 0)
			dps_transfer_on_released(world->transfer, world->held[--world->held_count]);
		break;
	default:
		if (kind & 0x40)
			replay(world);
		world->now_ns += take(&world->input, 1) * DPS_NS_PER_MS;
		dps_transfer_on_turn(world->transfer);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .input = input_of(data, size), .now_ns = 1, .epoch = 1 };
	struct dps_transfer_config config;
	void *memory;

	dps_transfer_config_init(&config, size > 0 && (data[0] & 1));
	config.epoch = 1;
	config.window_bytes = WINDOW;
	config.chunk_bytes = CHUNK;
	config.ring_bytes = world.ring_bytes = WINDOW + CHUNK + DPS_ENVELOPE_BYTES;
	config.chunks = 16;
	memory = aligned_alloc(64, (dps_transfer_bytes(&config) + 63) / 64 * 64);
	world.ring = malloc(world.ring_bytes);
	DPS_ASSERT(memory && world.ring);
	DPS_ASSERT(dps_transfer_init(memory, &config, world.ring, &world.transfer, 0) == 0);
	(void)take(&world.input, 1);
	for (unsigned int i = 0; i < STEPS && !input_is_over(&world.input); i++)
		step(&world);
	while (world.held_count > 0)
		dps_transfer_on_released(world.transfer, world.held[--world.held_count]);
	free(world.ring);
	free(memory);
	return 0;
}
