/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams of two programs that call anything at any time, over a way that loses, repeats, reorders
 * and breaks, against a model of what was sent. At every step: nothing leaves an end, no slice of
 * what is over comes out, memory is within its bounds. Each send has exactly one outcome, and
 * delivered is what has arrived; what is read is what was sent, and its end is the end. When the
 * weather turns fair everything comes to its end and everything is given back. A failure prints its
 * seed.
 */
#include "tests/support/stream_world.h"

enum {
	SEEDS = 1500,
	STEPS = 1500,
	WIRE = 128,
	HOLDS = 256,
	ACKS = 64,
	WORDS = 256,
};

struct flight {
	struct dps_stream_slice slice;
	uint64_t epoch;
	uint8_t from;
};

struct ack_flight {
	struct dps_stream_ack ack;
	uint64_t epoch;
	uint8_t to;
};

struct flow {
	struct world world;
	struct flight wire[WIRE];
	unsigned int wire_count;
	struct flight holds[HOLDS];
	unsigned int holds_count;
	struct ack_flight acks[ACKS];
	unsigned int acks_count;
	struct dps_stream_message words[2][WORDS]; /* by who said them */
	unsigned int words_count[2];
};

/* ---- The way. ---- */

static void emit(struct flow *flow, unsigned int side)
{
	struct dps_stream_slice slices[4];
	unsigned int count;

	if (flow->wire_count + 4 > WIRE || flow->holds_count + flow->wire_count + 4 > HOLDS)
		return;
	count = dps_streams_emit_slices(world_streams(&flow->world, side), flow->world.rig.epoch,
					slices, (unsigned int)world_below(&flow->world, 5),
					1 + (uint32_t)world_below(&flow->world, 300));
	for (unsigned int i = 0; i < count; i++) {
		const struct dps_stream *stream =
			dps_stream_numbered(world_streams(&flow->world, side), slices[i].number);

		assert_non_null(stream);
		assert_false(dps_stream_is_half_over(stream, DPS_HALF_SEND));
		flow->wire[flow->wire_count++] = (struct flight){
			.slice = slices[i],
			.epoch = flow->world.rig.epoch,
			.from = (uint8_t)side,
		};
	}
}

static void deliver_slice(struct flow *flow, const struct flight *flight)
{
	struct dps_streams *to = world_streams(&flow->world, 1 - flight->from);
	struct dps_stream_placement placement;
	bool is_good = flow->world.is_healing || world_below(&flow->world, 10) != 0;

	if (!dps_streams_place(to, flight->epoch, &flight->slice, &placement))
		return;
	assert_int_equal(flight->epoch, flow->world.rig.epoch);
	if (is_good && flight->slice.bytes > 0)
		memcpy(placement.to, flight->slice.memory, flight->slice.bytes);
	else if (flight->slice.bytes > 0)
		memset(placement.to, 0xbb, flight->slice.bytes);
	dps_streams_commit(to, &placement, is_good, flow->world.now_ns);
}

static void fly(struct flow *flow)
{
	struct flight flight;
	unsigned int at;

	if (flow->wire_count == 0)
		return;
	at = (unsigned int)world_below(&flow->world, flow->wire_count);
	flight = flow->wire[at];
	if (flow->world.is_healing || world_below(&flow->world, 5) != 0)
		deliver_slice(flow, &flight);
	else if (world_below(&flow->world, 2))
		dps_streams_on_missing(world_streams(&flow->world, flight.from), flight.epoch,
				       &flight.slice);
	if (!flow->world.is_healing && world_below(&flow->world, 8) == 0)
		return; /* comes again */
	flow->wire[at] = flow->wire[--flow->wire_count];
	flow->holds[flow->holds_count++] = flight;
}

static void let_go(struct flow *flow)
{
	unsigned int at;

	if (flow->holds_count == 0)
		return;
	at = (unsigned int)world_below(&flow->world, flow->holds_count);
	dps_streams_on_released(world_streams(&flow->world, flow->holds[at].from),
				flow->holds[at].slice.token);
	flow->holds[at] = flow->holds[--flow->holds_count];
}

static void emit_acks(struct flow *flow, unsigned int side)
{
	struct dps_stream_ack ack;

	if (flow->acks_count == ACKS ||
	    dps_streams_emit_acks(world_streams(&flow->world, side), flow->world.rig.epoch, &ack, 1,
				  flow->world.now_ns) == 0)
		return;
	flow->acks[flow->acks_count++] = (struct ack_flight){
		.ack = ack,
		.epoch = flow->world.rig.epoch,
		.to = (uint8_t)(1 - side),
	};
}

static void fly_ack(struct flow *flow)
{
	const struct ack_flight *flight;
	unsigned int at;

	if (flow->acks_count == 0)
		return;
	at = (unsigned int)world_below(&flow->world, flow->acks_count);
	flight = &flow->acks[at];
	if (flow->world.is_healing || world_below(&flow->world, 4) != 0)
		dps_streams_on_ack(world_streams(&flow->world, flight->to), flight->epoch,
				   &flight->ack);
	if (flow->world.is_healing || world_below(&flow->world, 6) != 0)
		flow->acks[at] = flow->acks[--flow->acks_count];
}

static void say(struct flow *flow, unsigned int side)
{
	unsigned int *count = &flow->words_count[side];

	if (*count + 4 > WORDS)
		return;
	*count += dps_streams_emit_messages(world_streams(&flow->world, side),
					    flow->world.rig.epoch, flow->words[side] + *count,
					    1 + world_below(&flow->world, 3));
}

static void hear(struct flow *flow, unsigned int side)
{
	unsigned int *count = &flow->words_count[1 - side];

	if (*count == 0)
		return;
	dps_streams_on_message(world_streams(&flow->world, side), flow->world.rig.epoch,
			       &flow->words[1 - side][0]);
	memmove(flow->words[1 - side], flow->words[1 - side] + 1,
		--*count * sizeof(struct dps_stream_message));
}

/* What the transport does when it hears nothing for long: both ways, for every stream. */
static void repair(struct flow *flow, unsigned int side)
{
	for (unsigned int i = 0; i < flow->world.sides[side]->config.streams; i++) {
		const struct dps_stream *stream = &world_streams(&flow->world, side)->records[i];
		struct dps_stream_slice slice = {
			.offset = stream->send.acknowledged,
			.number = stream->number,
			.bytes = (uint32_t)(stream->send.sent - stream->send.acknowledged),
			.flags = DPS_SLICE_END,
		};

		if (!stream->is_used || stream->number == DPS_STREAM_NUMBER_NONE)
			continue;
		dps_streams_on_missing(world_streams(&flow->world, side), flow->world.rig.epoch,
				       &slice);
		dps_streams_on_asked(world_streams(&flow->world, 1 - side), flow->world.rig.epoch,
				     stream->number);
	}
}

static void break_up(struct flow *flow)
{
	uint64_t epoch = flow->world.rig.epoch;

	if (flow->world.is_parked)
		return;
	for (unsigned int side = 0; side < 2; side++) {
		assert_int_equal(dps_streams_park(world_streams(&flow->world, side), epoch),
				 flow->world.is_lost ? -ESTALE : 0);
		flow->words_count[side] = 0;
	}
	flow->world.is_parked = true;
}

static void make_up(struct flow *flow)
{
	if (!flow->world.is_parked || flow->world.is_lost)
		return;
	flow->world.rig.epoch++;
	for (unsigned int side = 0; side < 2; side++)
		assert_int_equal(dps_streams_resume(world_streams(&flow->world, side),
						    flow->world.rig.epoch),
				 0);
	flow->world.is_parked = false;
}

static void pass_time(struct flow *flow)
{
	flow->world.now_ns += world_below(&flow->world, 50);
	for (unsigned int side = 0; side < 2; side++)
		if (dps_streams_next_deadline_ns(world_streams(&flow->world, side)) <=
		    flow->world.now_ns)
			dps_streams_on_deadline(world_streams(&flow->world, side),
						flow->world.now_ns);
}

static void carry(struct flow *flow, unsigned int side)
{
	emit(flow, side);
	say(flow, side);
	hear(flow, side);
	emit_acks(flow, side);
	for (unsigned int i = 0; i < 2; i++) {
		fly(flow);
		let_go(flow);
		fly_ack(flow);
	}
}

static void step(struct flow *flow)
{
	unsigned int side = (unsigned int)world_below(&flow->world, 2);

	switch (world_below(&flow->world, 16)) {
	case 0:
		if (world_below(&flow->world, 3) == 0)
			world_open_one(&flow->world, side);
		break;
	case 1:
		world_answer(&flow->world, side);
		break;
	case 2:
	case 3:
	case 4:
		world_send_one(&flow->world, side);
		break;
	case 5:
		world_cancel_one(&flow->world, side);
		break;
	case 6:
		if (world_below(&flow->world, 2))
			world_end_one(&flow->world, side);
		break;
	case 7:
		world_read_some(&flow->world, side);
		break;
	case 8:
		world_take_events(&flow->world, side);
		break;
	case 9:
		pass_time(flow);
		break;
	case 10:
		world_change_window(&flow->world, side);
		break;
	case 11:
		if (world_below(&flow->world, 4) == 0)
			repair(flow, side);
		break;
	case 12:
		if (world_below(&flow->world, 8) == 0)
			break_up(flow);
		else if (world_below(&flow->world, 2))
			make_up(flow);
		break;
	default:
		carry(flow, side);
		break;
	}
	world_check(&flow->world);
}

/* ---- The end of it. ---- */

static void drain(struct flow *flow, unsigned int rounds)
{
	for (unsigned int round = 0; round < rounds; round++) {
		for (unsigned int side = 0; side < 2; side++) {
			if (round % 8 == 0)
				repair(flow, side);
			carry(flow, side);
			world_take_events(&flow->world, side);
			for (unsigned int i = 0; i < flow->world.streams_count; i++)
				if (flow->world.streams[i].ends[side].is_open)
					world_read_one(&flow->world, &flow->world.streams[i], side);
		}
	}
	while (flow->wire_count > 0)
		fly(flow);
	while (flow->holds_count > 0)
		let_go(flow);
}

static void heal(struct flow *flow)
{
	flow->world.is_healing = true;
	make_up(flow);
	/* Nobody starves: each half comes to its end, and each that waits has its turn. */
	for (unsigned int i = 0; i < 200; i++) {
		drain(flow, 40);
		world_accept_all(&flow->world);
		world_finish_all(&flow->world);
		if (world_close_ended(&flow->world) == 0 &&
		    dps_streams_count(world_streams(&flow->world, 0)) == 0 &&
		    dps_streams_count(world_streams(&flow->world, 1)) == 0)
			break;
	}
	world_check_all_is_back(&flow->world);
}

static void open_flow(struct flow *flow, uint64_t seed)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);
	struct dps_random random;

	memset(flow, 0, sizeof(*flow));
	dps_random_init(&random, seed);
	near.is_asking = dps_random_below(&random, 2) == 0;
	far.is_asking = dps_random_below(&random, 2) == 0;
	near.is_adaptive = far.is_adaptive = dps_random_below(&random, 4) == 0;
	near.block_bytes = far.block_bytes = 64u << dps_random_below(&random, 3);
	near.receive_blocks = near.streams + (uint32_t)dps_random_below(&random, 20);
	far.receive_blocks = far.streams + (uint32_t)dps_random_below(&random, 20);
	near.peer_streams = 1 + (uint32_t)dps_random_below(&random, 8);
	far.peer_streams = 1 + (uint32_t)dps_random_below(&random, 8);
	near.segments = 8 + (uint32_t)dps_random_below(&random, 60);
	near.send_blocks = 2 + (uint32_t)dps_random_below(&random, 30);
	if (dps_random_below(&random, 2) == 0)
		near.flight_bytes = far.flight_bytes = 1 + dps_random_below(&random, 4000);
	if (dps_random_below(&random, 4) == 0)
		world_share_flight(&flow->world, dps_random_below(&random, 4000), &near, &far);
	world_open(&flow->world, ~seed, &near, &far);
}

static uint64_t running_seed; /* 0: none is */

static void run(struct flow *flow, uint64_t seed)
{
	open_flow(flow, seed);
	for (unsigned int i = 0; i < STEPS; i++)
		step(flow);
	if (world_below(&flow->world, 8) == 0) {
		flow->world.is_lost = true;
		dps_streams_lose(world_streams(&flow->world, 0), DPS_CLOSE_IDLE);
		dps_streams_lose(world_streams(&flow->world, 1), DPS_CLOSE_IDLE);
		world_check(&flow->world);
	}
	heal(flow);
	world_close(&flow->world);
}

/* Every change of state that the table has, other than the two that nobody sees. */
static void check_seen(void)
{
	for (unsigned int half = 0; half < DPS_HALVES_COUNT; half++)
		for (int from = DPS_STREAM_WAITING; from <= DPS_STREAM_ENDING; from++)
			for (int input = 0; input < DPS_INPUTS_COUNT; input++) {
				int to = dps_stream_state_after(half, from, input);

				if (to == DPS_STREAM_STATES_COUNT || to == from ||
				    /* Closed with it: no handle is left to look with. */
				    to == DPS_STREAM_CANCELLED || to == DPS_STREAM_REFUSED)
					continue;
				if (!world_is_seen[half][from][to])
					print_message("half %u: %d to %d was not seen\n", half,
						      from, to);
				assert_true(world_is_seen[half][from][to]);
			}
	assert_true(world_outcomes[DPS_STREAM_EVENT_DELIVERED] > 1000);
	assert_true(world_outcomes[DPS_STREAM_EVENT_CANCELLED] > 1000);
	assert_true(world_outcomes[DPS_STREAM_EVENT_LOST] > 100);
}

static void worlds__every_send_has_one_outcome_and_all_comes_back(void **state)
{
	static struct flow flow;
	const char *only = getenv("DPS_SEED");
	uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10);
	uint64_t count = only == NULL ? SEEDS : 1;

	(void)state;
	for (running_seed = first; running_seed < first + count; running_seed++)
		run(&flow, running_seed);
	running_seed = 0;
	if (only == NULL)
		check_seen();
}

static int tell_seed(void **state)
{
	(void)state;
	if (running_seed != 0)
		print_message("again: DPS_SEED=%llu test_stream_random\n",
			      (unsigned long long)running_seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(worlds__every_send_has_one_outcome_and_all_comes_back,
					  tell_seed),
	};

	return cmocka_run_group_tests_name("stream_random", tests, NULL, NULL);
}
