/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer that says anything, in any order, about any stream: messages, acknowledgements and slices
 * made up at random, against a program that calls anything. Nothing breaks, nothing grows past its
 * bound, and when the connection is lost everything is there again. A failure prints its seed.
 */
#include "engine/random.h"
#include "tests/support/stream_rig.h"

enum { SEEDS = 1000, STEPS = 2000, HANDLES = 16, HOLDS = 64 };

struct world {
	struct rig_side side;
	struct dps_random random;
	struct dps_handle handles[HANDLES];
	uint32_t holds[HOLDS];
	unsigned int holds_count;
	uint64_t epoch;
	uint64_t asked_bytes; /* of outcomes, to be told */
	uint64_t told_bytes;
};

static uint64_t below(struct world *world, uint64_t bound)
{
	return dps_random_below(&world->random, bound);
}

/* A number near what there is, or far from it. */
static uint32_t any_number(struct world *world)
{
	return below(world, 20) == 0 ? (uint32_t)dps_random_next(&world->random)
				     : (uint32_t)below(world, 48);
}

static uint64_t any_offset(struct world *world)
{
	switch (below(world, 8)) {
	case 0:
		return dps_random_next(&world->random);
	case 1:
		return 0;
	default:
		return below(world, 5000);
	}
}

static uint64_t any_epoch(struct world *world)
{
	return below(world, 30) == 0 ? below(world, 5) : world->epoch;
}

static void hear(struct world *world)
{
	const struct dps_stream_message message = {
		.type = (uint8_t)below(world, 12),
		.flags = (uint8_t)(below(world, 10) == 0 ? below(world, 256) : below(world, 2)),
		.number = any_number(world),
		.value = below(world, 3) == 0 ? dps_random_next(&world->random) : below(world, 40),
	};

	dps_streams_on_message(world->side.streams, any_epoch(world), &message);
}

static void take_ack(struct world *world)
{
	const struct dps_stream_ack ack = {
		.credit = any_offset(world),
		.contiguous = any_offset(world),
		.number = any_number(world),
		.has_end = below(world, 3) == 0,
	};

	dps_streams_on_ack(world->side.streams, any_epoch(world), &ack);
	dps_streams_on_asked(world->side.streams, any_epoch(world), any_number(world));
}

static void take_slice(struct world *world)
{
	struct dps_stream_placement placement;
	const struct dps_stream_slice slice = {
		.offset = any_offset(world),
		.number = any_number(world),
		.bytes = (uint32_t)below(world, below(world, 9) == 0 ? UINT32_MAX : 300),
		.flags = (uint8_t)(below(world, 8) == 0 ? below(world, 256) : 0),
	};

	if (below(world, 4) == 0)
		dps_streams_on_missing(world->side.streams, any_epoch(world), &slice);
	if (!dps_streams_place(world->side.streams, any_epoch(world), &slice, &placement))
		return;
	assert_true(slice.bytes <= world->side.config.block_bytes);
	memset(placement.to, (int)below(world, 256), slice.bytes);
	dps_streams_commit(world->side.streams, &placement, below(world, 4) != 0,
			   below(world, UINT64_MAX));
}

static void emit(struct world *world)
{
	struct dps_stream_message messages[4];
	struct dps_stream_slice slices[4];
	struct dps_stream_ack acks[4];
	unsigned int count;

	dps_streams_emit_messages(world->side.streams, world->epoch, messages, 4);
	dps_streams_emit_acks(world->side.streams, world->epoch, acks, 4, below(world, 1000));
	if (world->holds_count + 4 > HOLDS)
		return;
	count = dps_streams_emit_slices(world->side.streams, world->epoch, slices, 4,
					1 + (uint32_t)below(world, 300));
	for (unsigned int i = 0; i < count; i++)
		world->holds[world->holds_count++] = slices[i].token;
}

static void let_go(struct world *world)
{
	unsigned int at;

	if (world->holds_count == 0)
		return;
	at = (unsigned int)below(world, world->holds_count);
	dps_streams_on_released(world->side.streams, world->holds[at]);
	world->holds[at] = world->holds[--world->holds_count];
}

static void take_events(struct world *world, unsigned int room)
{
	struct dps_stream_event event;

	for (; room > 0 && dps_streams_emit_events(world->side.streams, &event, 1) == 1; room--) {
		if (event.type > DPS_STREAM_EVENT_POSTED)
			world->told_bytes += event.bytes;
		if (event.type == DPS_STREAM_EVENT_ARRIVED)
			world->handles[below(world, HANDLES)] = event.handle;
	}
}

static void call(struct world *world)
{
	static const uint8_t bytes[2000];
	const struct dps_bytes piece = { bytes, below(world, 2000) };
	struct dps_streams *streams = world->side.streams;
	struct dps_handle *handle = &world->handles[below(world, HANDLES)];
	const struct dps_stream_options options = {
		.open_deadline_ns = below(world, 1000),
		.flags = (uint32_t)below(world, 4),
	};
	struct dps_bytes runs[3];
	struct dps_stream_snapshot snapshot;

	switch (below(world, 12)) {
	case 0:
		dps_stream_open(streams, &options, handle);
		break;
	case 1:
		dps_stream_accept(streams, *handle);
		break;
	case 2:
		dps_stream_refuse(streams, *handle, 3);
		break;
	case 3:
	case 4:
		if (dps_stream_send(streams, *handle, &piece, 1,
				    DPS_SEND_TELL | (below(world, 2) ? DPS_SEND_BORROW : 0),
				    1) == 0)
			world->asked_bytes += piece.bytes;
		break;
	case 5:
		dps_stream_finish(streams, *handle);
		break;
	case 6:
		dps_stream_abort(streams, *handle, 4);
		break;
	case 7:
		dps_stream_stop(streams, *handle, 5);
		break;
	case 8:
		if (below(world, 3) == 0)
			dps_stream_close(streams, *handle,
					 below(world, 2) ? DPS_STREAM_LINGER : DPS_STREAM_DROP);
		break;
	case 9:
		dps_stream_cancel_send(streams, *handle, 1);
		break;
	case 10:
		dps_streams_on_deadline(streams, below(world, 1000));
		break;
	default:
		dps_stream_read(streams, *handle, runs, 3);
		if (dps_stream_look(streams, *handle, &snapshot) == 0)
			dps_stream_release(streams, *handle,
					   below(world, snapshot.read - snapshot.released + 2));
		break;
	}
}

static void step(struct world *world)
{
	switch (below(world, 10)) {
	case 0:
	case 1:
		hear(world);
		break;
	case 2:
		take_ack(world);
		break;
	case 3:
	case 4:
		take_slice(world);
		break;
	case 5:
		emit(world);
		let_go(world);
		break;
	case 6:
		let_go(world);
		take_events(world, 3);
		break;
	case 7:
		if (below(world, 40) != 0)
			break;
		dps_streams_park(world->side.streams, world->epoch);
		if (below(world, 3) != 0)
			dps_streams_resume(world->side.streams, ++world->epoch);
		break;
	default:
		call(world);
		break;
	}
	assert_true(world->side.streams->extra_used <= world->side.streams->extra_max);
}

static void run(struct world *world, uint64_t seed)
{
	struct dps_streams_config config;
	struct dps_streams *streams;

	memset(world, 0, sizeof(*world));
	dps_random_init(&world->random, seed);
	config = rig_stream_config(below(world, 2) == 0);
	config.is_asking = below(world, 2) == 0;
	config.is_adaptive = below(world, 2) == 0;
	config.receive_blocks = config.streams + (uint32_t)below(world, 20);
	rig_side_open(&world->side, &config);
	streams = world->side.streams;
	world->epoch = 1;
	for (unsigned int i = 0; i < STEPS; i++)
		step(world);
	dps_streams_lose(streams, DPS_CLOSE_PROTOCOL);
	while (world->holds_count > 0)
		let_go(world);
	take_events(world, UINT32_MAX);
	for (uint32_t i = 0; i < config.streams; i++)
		if (streams->records[i].is_used)
			dps_stream_close(streams, dps_stream_handle(streams, &streams->records[i]),
					 DPS_STREAM_DROP);
	take_events(world, UINT32_MAX);
	assert_int_equal(dps_streams_count(streams), 0);
	assert_int_equal(streams->free_segments, config.segments);
	assert_int_equal(dps_slots_available(&streams->send_blocks), config.send_blocks);
	assert_int_equal(dps_slots_available(&streams->receive_blocks), config.receive_blocks);
	assert_int_equal(world->told_bytes, world->asked_bytes);
	rig_side_close(&world->side);
}

static uint64_t running_seed; /* 0: none is */

static void peer__that_says_anything_is_contained(void **state)
{
	static struct world world;
	const char *only = getenv("DPS_SEED");
	uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10);
	uint64_t count = only == NULL ? SEEDS : 1;

	(void)state;
	for (running_seed = first; running_seed < first + count; running_seed++)
		run(&world, running_seed);
	running_seed = 0;
}

static int tell_seed(void **state)
{
	(void)state;
	if (running_seed != 0)
		print_message("again: DPS_SEED=%llu test_stream_hostile\n",
			      (unsigned long long)running_seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(peer__that_says_anything_is_contained, tell_seed),
	};

	return cmocka_run_group_tests_name("stream_hostile", tests, NULL, NULL);
}
