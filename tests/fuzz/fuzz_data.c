/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data packets: raw datagrams, each behind two bytes of length, to a channel that waits for three
 * files. Their seals are taken for good, and their connection id for ours, since no fuzzer would
 * find either; the rest is the input's.
 */
#include "engine/bits.h"
#include "tests/fuzz/engine_port.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/engine_check.h"
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 4096,
	CHUNK = 4 * PAGE,
	CHANNEL = 1,
	DATAGRAM_MAX = 1600,
};

static const struct dps_limits limits = {
	.paths = 1,
	.channels = 1,
	.slots = 8,
	.chunk_bytes = CHUNK,
	.ring_chunks = 4,
	.extents = 8,
	.sent_packets = 128,
};

struct world {
	struct engine_port port;
	uint8_t *slots;
	uint64_t now_ns;
};

static void open_channel(struct world *world)
{
	static const struct dps_extent_config files[] = {
		{ .offset = 0, .bytes = 5000, .file_index = 0, .file = 0 },
		{ .offset = CHUNK, .bytes = 2 * CHUNK + 1, .file_index = 1, .file = 1 },
		{ .offset = 3 * CHUNK + PAGE, .bytes = 3, .file_index = 2, .file = 2 },
	};
	const struct dps_channel_config channel = { .number = CHANNEL, .window_bytes = 4 * CHUNK };

	DPS_ASSERT(engine_port_open_path(&world->port, true, world->now_ns));
	DPS_ASSERT(dps_engine_open_channel(world->port.engine, &channel) == 0);
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		DPS_ASSERT(dps_engine_announce(world->port.engine, 0, &files[i]) == 0);
	DPS_ASSERT(dps_engine_announce_last(world->port.engine, 0) == 0);
}

/* A packet is received with this seal, or placed and refused with a bad one: then nothing moves. */
static void give(struct world *world, uint8_t *bytes, uint32_t length, bool is_good)
{
	struct dps_incoming incoming = { .bytes = bytes, .length = length };
	struct dps_run_placement run;
	struct dps_placement placement;

	dps_engine_begin_burst(world->port.engine, world->now_ns);
	if (dps_engine_place_run(world->port.engine, &incoming, 1, &run) == 1) {
		memcpy(run.to, bytes + DPS_ENVELOPE_BYTES, run.payload_bytes);
		dps_engine_commit_run(world->port.engine, &run, is_good);
	} else if (dps_engine_place(world->port.engine, bytes, length, 0, &placement) ==
		   DPS_VERDICT_OPEN) {
		DPS_ASSERT(placement.payload_bytes + DPS_ENVELOPE_BYTES == length);
		memcpy(placement.to, bytes + DPS_ENVELOPE_BYTES, placement.payload_bytes);
		dps_engine_commit(world->port.engine, &placement, is_good, world->now_ns);
	}
	dps_engine_end_burst(world->port.engine);
	DPS_ASSERT(engine_check(world->port.engine) == NULL);
}

/* Writes are done at once, and acknowledgements go nowhere. */
static void settle(struct world *world)
{
	static const struct dps_digest digest;
	struct dps_outgoing packets[DPS_EMIT_PACKETS_MAX];
	struct dps_event event;
	struct dps_io io;

	(void)dps_engine_emit_packets(world->port.engine, packets, DPS_EMIT_PACKETS_MAX,
				      world->now_ns);
	while (dps_engine_emit_ios(world->port.engine, &io, 1) == 1) {
		DPS_ASSERT(io.is_write && io.memory >= world->slots &&
			   io.memory + io.bytes <= world->slots + limits.slots * CHUNK);
		dps_engine_on_io(world->port.engine, io.tag, io.bytes, &digest, world->now_ns);
	}
	while (dps_engine_emit_events(world->port.engine, &event, 1) == 1)
		DPS_ASSERT(event.type <= DPS_EVENT_CHANNEL_DONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .now_ns = 1 };
	void *memory = aligned_alloc(64, (dps_engine_bytes(&limits) + 63) / 64 * 64);

	world.slots = aligned_alloc(PAGE, limits.slots * CHUNK);
	DPS_ASSERT(memory && world.slots);
	world.port.engine = dps_engine_init(memory, &limits, world.slots, 0, 1, world.now_ns);
	open_channel(&world);
	while (size >= 2) {
		uint32_t length = (uint32_t)(data[0] << 8 | data[1]) & 0x7ff;
		bool is_good = !(data[0] & 0x80);
		uint8_t *datagram;

		data += 2, size -= 2;
		length = (uint32_t)dps_min_u64(dps_min_u64(length, DATAGRAM_MAX), size);
		datagram = malloc(length + 1);
		DPS_ASSERT(datagram);
		memcpy(datagram, data, length);
		data += length, size -= length;
		if (length >= DPS_HEADER_BYTES)
			dps_store_be64(datagram + 8, world.port.id);
		give(&world, datagram, length, is_good);
		free(datagram);
		settle(&world);
		world.now_ns += 10 * DPS_NS_PER_US;
	}
	dps_engine_close_path(world.port.engine, 0, DPS_CLOSE_DONE, world.now_ns);
	settle(&world);
	DPS_ASSERT(engine_check_empty(world.port.engine) == NULL);
	free(world.slots);
	free(memory);
	return 0;
}
