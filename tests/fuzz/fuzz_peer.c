/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer that somebody connects to: the input says which bytes come, in which pieces, and what the
 * program and the socket do between them. Each step is one byte for what it is and one for how.
 */
#include "engine/peer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include <dps/assert.h>
#include <dps/stream.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 4, HELD = 64, ANSWER = 16, STREAMS = 4, BLOCK = 64 };

struct world {
	struct dps_peer *peer;
	struct dps_permits permits;
	struct dps_streams *streams;
	void *streams_memory;
	uint8_t blocks[2 * STREAMS * BLOCK];
	struct input input;
	uint64_t now_ns;
	uint64_t epoch;
	uint64_t written; /* emitted and not told as sent */
	struct dps_handle held[HELD];
	uint32_t held_count;
	uint64_t made;
	uint64_t ended;
	uint64_t last_id;
	char answer[ANSWER];
};

static void hear(struct world *world)
{
	struct dps_peer_event event;
	char body[32];

	while (dps_peer_emit_event(world->peer, &event, world->now_ns)) {
		uint32_t bytes = dps_peer_read_body(world->peer, 0, body, sizeof(body));

		DPS_ASSERT(bytes <= event.bytes || event.kind == DPS_PEER_EVENT_CALL_OVER);
		world->ended += event.kind == DPS_PEER_EVENT_CALL_OVER;
		if (event.kind != DPS_PEER_EVENT_REQUEST)
			continue;
		DPS_ASSERT(world->held_count < HELD);
		world->held[world->held_count++] = event.request;
	}
}

static void open_stream(struct world *world, uint8_t how)
{
	const struct dps_stream_options options = {
		.open_deadline_ns = DPS_NEVER_NS,
		.flags = how & DPS_STREAM_BOTH_WAYS,
	};
	struct dps_stream_event event;
	struct dps_handle handle;

	(void)dps_stream_open(world->streams, &options, &handle);
	while (dps_streams_emit_events(world->streams, &event, 1) == 1)
		if (how % 2 == 0)
			(void)dps_stream_close(world->streams, event.handle, DPS_STREAM_DROP);
}

static void say(struct world *world, uint8_t how)
{
	struct dps_peer_call call = {
		.body = "a call",
		.bytes = how % 7,
		.answer = world->answer,
		.answer_room = ANSWER,
		.timeout_ns = DPS_NS_PER_S,
	};

	if (how % 3 == 0)
		dps_peer_notify(world->peer, DPS_PEER_BULK, "notice", how % 7, world->now_ns);
	else if (how % 3 == 1)
		dps_peer_cancel(world->peer, world->last_id, world->now_ns);
	else
		world->made +=
			dps_peer_call(world->peer, &call, &world->last_id, world->now_ns) == 0;
}

static void reply(struct world *world, uint8_t how)
{
	uint32_t at = world->held_count == 0 ? 0 : how % world->held_count;

	if (world->held_count == 0 || dps_peer_reply(world->peer, world->held[at], how, "answer",
						     how % 7, world->now_ns) == -EAGAIN)
		return;
	world->held[at] = world->held[--world->held_count];
}

static void write_out(struct world *world, uint8_t how)
{
	struct dps_peer_slice slices[4];
	unsigned int count = dps_peer_emit_slices(world->peer, world->epoch, slices, 1 + how % 4u,
						  world->now_ns);

	for (unsigned int i = 0; i < count; i++)
		dps_peer_on_sent(world->peer, world->epoch, slices[i].bytes, world->now_ns);
}

static void do_steps(struct world *world)
{
	uint64_t epoch;

	while (dps_peer_emit_step(world->peer, &epoch, world->now_ns) != DPS_PEER_STEP_NONE)
		;
}

/* A piece as long as how says, in memory of its own: a sanitizer sees what reads beyond. */
static void give_bytes(struct world *world, uint8_t how)
{
	uint32_t length;
	const uint8_t *run = take_run(&world->input, how, &length);
	uint8_t *piece = malloc(length + 1);

	DPS_ASSERT(piece != NULL);
	memcpy(piece, run, length);
	dps_peer_on_bytes(world->peer, world->epoch, piece, length, world->now_ns);
	free(piece);
}

static void step(struct world *world)
{
	uint8_t what = take_byte(&world->input), how = take_byte(&world->input);

	switch (what % 9) {
	case 0:
	case 1:
		give_bytes(world, how);
		break;
	case 2:
		hear(world);
		break;
	case 3:
		say(world, how);
		break;
	case 4:
		reply(world, how);
		break;
	case 5:
		write_out(world, how);
		break;
	case 6:
		world->now_ns += how * (DPS_NS_PER_S / 8);
		dps_peer_on_deadline(world->peer, world->now_ns);
		break;
	case 7:
		if (how % 4 == 0)
			dps_peer_on_end(world->peer, world->epoch, world->now_ns);
		else if (how % 4 == 1)
			dps_peer_on_lost(world->peer, world->epoch, ECONNRESET, world->now_ns);
		else
			dps_peer_accept(world->peer, &world->epoch, world->now_ns);
		break;
	default:
		if (how % 8 == 1)
			open_stream(world, how / 8);
		if (how % 8 == 0)
			dps_peer_close(world->peer, how, how * DPS_NS_PER_MS, world->now_ns);
		break;
	}
	do_steps(world);
	DPS_ASSERT(world->permits.taken <= world->permits.limit);
}

/* Everything ends: no call without its end, no permit that does not come back. */
static void finish(struct world *world)
{
	dps_peer_close(world->peer, 0, 0, world->now_ns);
	for (unsigned int i = 0; i < 2; i++) { /* the grace, and the linger behind it */
		world->now_ns += 10 * DPS_NS_PER_S;
		dps_peer_on_deadline(world->peer, world->now_ns);
	}
	do_steps(world);
	hear(world);
	while (world->held_count > 0)
		reply(world, 0);
	DPS_ASSERT(dps_peer_state(world->peer) == DPS_PEER_CLOSED);
	DPS_ASSERT(dps_streams_are_over(world->streams));
	DPS_ASSERT(world->made == world->ended);
	DPS_ASSERT(world->permits.taken == 0);
	DPS_ASSERT(dps_peer_requests_held(world->peer) == 0);
	DPS_ASSERT(world->peer->queue.blocks.free_count == world->peer->queue.blocks.count);
}

static void init_streams(struct world *world)
{
	struct dps_streams_config config;

	dps_streams_config_init(&config, false);
	config.epoch = 0;
	config.streams = config.segments = config.send_blocks = config.receive_blocks = STREAMS;
	config.peer_streams = STREAMS / 2;
	config.block_bytes = BLOCK;
	world->streams_memory = aligned_alloc(64, (dps_streams_bytes(&config) + 63) / 64 * 64);
	DPS_ASSERT(world->streams_memory != NULL);
	DPS_ASSERT(dps_streams_init(world->streams_memory, &config, world->blocks,
				    &world->streams) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .input = input_of(data, size), .now_ns = 1 };
	struct dps_peer_config config;
	void *memory;

	dps_peer_config_init(&config);
	config.body_bytes_max = 512;
	config.queue_bytes = 4096;
	config.control_bytes = 1024;
	config.bulk_bytes = 1024;
	config.request_bytes = 1024;
	config.calls = CALLS;
	config.requests = CALLS;
	config.requests_waiting = 1;
	config.permits = &world.permits;
	init_streams(&world);
	config.streams = world.streams;
	dps_permits_init(&world.permits, 2);
	memory = aligned_alloc(64, (dps_peer_bytes(&config) + 63) / 64 * 64);
	DPS_ASSERT(memory != NULL);
	world.peer = dps_peer_init(memory, &config);
	dps_peer_accept(world.peer, &world.epoch, world.now_ns);
	while (!input_is_over(&world.input))
		step(&world);
	finish(&world);
	free(memory);
	free(world.streams_memory);
	return 0;
}
