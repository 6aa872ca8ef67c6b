/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streams of two programs that call anything at any time, over a way that loses, repeats, reorders
 * and breaks, against a model of what was sent. At every step: nothing leaves an end, no slice of
 * what is over comes out, memory is within its bounds. Each send has exactly one outcome, and
 * delivered is what has arrived; what is read is what was sent, and its end is the end. When the
 * weather turns fair everything comes to its end and everything is given back. A failure prints its
 * seed.
 */
#include "engine/random.h"
#include "tests/support/stream_rig.h"

enum {
	SEEDS = 1500,
	STEPS = 1500,
	STREAMS = 256,
	SENDS = 2048,
	LOG_BYTES = 16384,
	WIRE = 128,
	HOLDS = 256,
	ACKS = 64,
	WORDS = 256,
};

struct model_half { /* what a side sends on a stream */
	uint8_t *log;
	uint32_t posted;
	bool is_finished; /* finish was said */
};

struct model_end { /* a side of a stream */
	struct dps_handle handle;
	bool is_open;
	uint8_t states[2]; /* as seen last */
	struct dps_error causes[2];
	uint32_t lent;
	uint32_t read;
	bool is_end_read;
	bool is_over_told[2];
};

struct model {
	struct model_half sent[2];
	struct model_end ends[2];
};

struct model_send {
	uint8_t *memory; /* lent */
	uint32_t bytes;
	uint32_t end;
	uint16_t stream;
	uint8_t side;
	bool is_posted;
	bool is_told;
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

struct world {
	struct stream_rig rig;
	struct rig_side *sides[2];
	struct dps_random random;
	uint64_t now_ns;
	struct model streams[STREAMS];
	unsigned int streams_count;
	struct model_send sends[SENDS];
	unsigned int sends_count;
	struct flight wire[WIRE];
	unsigned int wire_count;
	struct flight holds[HOLDS];
	unsigned int holds_count;
	struct ack_flight acks[ACKS];
	unsigned int acks_count;
	struct dps_stream_message words[2][WORDS]; /* by who said them */
	unsigned int words_count[2];
	bool is_parked;
	bool is_lost;
	bool is_healing;
};

/* Every change of state that was seen, in all worlds. */
static bool is_seen[DPS_HALVES_COUNT][DPS_STREAM_STATES_COUNT][DPS_STREAM_STATES_COUNT];
static unsigned int outcomes[32];

static uint64_t below(struct world *world, uint64_t bound)
{
	return dps_random_below(&world->random, bound);
}

static struct dps_streams *streams_of(struct world *world, unsigned int side)
{
	return world->sides[side]->streams;
}

/* ---- The model's eyes. ---- */

static void watch_half(struct model_end *end, unsigned int half,
		       const struct dps_stream_half_state *now)
{
	uint8_t before = end->states[half];

	if (now->state != before) {
		assert_false(dps_stream_state_is_over(before));
		is_seen[half][before][now->state] = true;
	} else if (dps_stream_state_is_over(before)) {
		assert_memory_equal(&now->cause, &end->causes[half], sizeof(now->cause));
	}
	end->states[half] = now->state;
	end->causes[half] = now->cause;
}

static void watch(struct world *world, struct model *model, unsigned int side)
{
	struct model_end *end = &model->ends[side];
	struct dps_stream_snapshot snapshot;

	if (!end->is_open)
		return;
	assert_int_equal(dps_stream_look(streams_of(world, side), end->handle, &snapshot), 0);
	watch_half(end, DPS_HALF_SEND, &snapshot.send);
	watch_half(end, DPS_HALF_RECEIVE, &snapshot.receive);
	assert_true(snapshot.acknowledged <= snapshot.sent || world->is_parked);
	assert_true(snapshot.sent <= snapshot.posted);
	assert_int_equal(snapshot.posted, model->sent[side].posted);
	assert_int_equal(snapshot.read, end->read);
	assert_int_equal(snapshot.read - snapshot.released, end->lent);
	assert_true(snapshot.read <= snapshot.arrived);
	assert_true(snapshot.arrived <= model->sent[1 - side].posted);
}

static void check(struct world *world)
{
	for (unsigned int side = 0; side < 2; side++) {
		const struct dps_streams *streams = streams_of(world, side);

		assert_true(streams->extra_used <= streams->extra_max);
		assert_true(streams->used_count <= streams->config.streams);
		dps_slots_available(&streams->receive_blocks);
		dps_slots_available(&streams->send_blocks);
	}
	for (unsigned int i = 0; i < world->streams_count; i++)
		for (unsigned int side = 0; side < 2; side++)
			watch(world, &world->streams[i], side);
}

/* ---- What a program does. ---- */

static bool pick(struct world *world, unsigned int side, struct model **model)
{
	if (world->streams_count == 0)
		return false;
	/* Mostly a young one: the old are closed. */
	for (unsigned int tries = 0; tries < 8; tries++) {
		unsigned int back = (unsigned int)below(world, tries < 6 ? 12 : STREAMS);

		if (back >= world->streams_count)
			continue;
		*model = &world->streams[world->streams_count - 1 - back];
		if ((*model)->ends[side].is_open)
			return true;
	}
	return false;
}

static void open_one(struct world *world, unsigned int side)
{
	const uint32_t flags[] = { 0, DPS_STREAM_BOTH_WAYS, DPS_STREAM_NO_WAIT,
				   DPS_STREAM_BOTH_WAYS | DPS_STREAM_NO_WAIT };
	struct dps_stream_options options = {
		.tag = world->streams_count,
		.window_bytes = below(world, 4) == 0 ? 1 + below(world, 3000) : 0,
		.open_deadline_ns =
			below(world, 3) == 0 ? world->now_ns + below(world, 500) : DPS_NEVER_NS,
		.flags = flags[below(world, 4)],
	};
	struct model *model = &world->streams[world->streams_count];
	struct model_end *end = &model->ends[side];
	int error;

	if (world->streams_count == STREAMS)
		return;
	error = dps_stream_open(streams_of(world, side), &options, &end->handle);
	if (error != 0) {
		assert_true(error == -DPS_ERROR_LIMIT || error == -DPS_ERROR_NO_ROOM ||
			    (error == -DPS_ERROR_LOST && world->is_lost));
		return;
	}
	end->is_open = true;
	end->states[DPS_HALF_SEND] = DPS_STREAM_WAITING;
	end->states[DPS_HALF_RECEIVE] =
		options.flags & DPS_STREAM_BOTH_WAYS ? DPS_STREAM_WAITING : DPS_STREAM_NONE;
	for (unsigned int i = 0; i < 2; i++) {
		model->sent[i].log = malloc(LOG_BYTES);
		assert_non_null(model->sent[i].log);
	}
	world->streams_count++;
}

static void answer(struct world *world, unsigned int side)
{
	struct model *model;
	int error;

	if (!pick(world, side, &model))
		return;
	if (below(world, 4) == 0) {
		error = dps_stream_refuse(streams_of(world, side), model->ends[side].handle, 9);
		if (error == 0)
			model->ends[side].is_open = false;
	} else {
		error = dps_stream_accept(streams_of(world, side), model->ends[side].handle);
	}
	assert_true(error == 0 || error == -DPS_ERROR_INVALID || error == -DPS_ERROR_ALREADY ||
		    error == -DPS_ERROR_ABORTED || error == -DPS_ERROR_STOPPED ||
		    error == -DPS_ERROR_LOST || error == -DPS_ERROR_REFUSED);
}

static int send_pieces(struct world *world, unsigned int side, const struct model *model,
		       uint8_t *memory, uint32_t bytes, uint32_t flags)
{
	uint32_t first = (uint32_t)below(world, bytes + 1);
	const struct dps_bytes pieces[] = { { memory, first }, { memory + first, bytes - first } };

	return dps_stream_send(streams_of(world, side), model->ends[side].handle, pieces, 2, flags,
			       world->sends_count);
}

/* What a send may be answered, given what the half was before. */
static void check_refusal(const struct model_end *end, const struct model_half *half, int error)
{
	uint8_t state = end->states[DPS_HALF_SEND];
	int wanted = dps_stream_state_error(DPS_HALF_SEND, state);

	if (wanted == 0 && half->is_finished)
		wanted = -DPS_ERROR_FINISHED;
	if (wanted != 0)
		assert_int_equal(error, wanted);
	else
		assert_true(error == -DPS_ERROR_FULL || error == -DPS_ERROR_TOO_LONG);
}

static void send_one(struct world *world, unsigned int side)
{
	uint32_t flags = (uint32_t)below(world, 8), bytes;
	struct model_send *send = &world->sends[world->sends_count];
	struct model_half *half;
	struct model *model;
	uint8_t *memory;
	int error;

	if (!pick(world, side, &model) || world->sends_count == SENDS)
		return;
	half = &model->sent[side];
	bytes = below(world, 8) == 0 ? 0 : (uint32_t)below(world, below(world, 4) ? 300 : 2000);
	if (half->posted + bytes > LOG_BYTES)
		return;
	flags |= below(world, 12) == 0 ? DPS_SEND_FINISH : 0;
	memory = malloc(bytes + 1);
	assert_non_null(memory);
	for (uint32_t i = 0; i < bytes; i++)
		memory[i] = (uint8_t)dps_random_next(&world->random);
	watch(world, model, side);
	error = send_pieces(world, side, model, memory, bytes, flags);
	if (error != 0) {
		check_refusal(&model->ends[side], half, error);
		free(memory);
		return;
	}
	assert_int_equal(
		dps_stream_state_error(DPS_HALF_SEND, model->ends[side].states[DPS_HALF_SEND]), 0);
	memcpy(half->log + half->posted, memory, bytes);
	half->posted += bytes;
	half->is_finished |= (flags & DPS_SEND_FINISH) != 0;
	*send = (struct model_send){
		.memory = flags & DPS_SEND_BORROW ? memory : NULL,
		.bytes = bytes,
		.end = half->posted,
		.stream = (uint16_t)(model - world->streams),
		.side = (uint8_t)side,
		.is_told = !(flags & (DPS_SEND_BORROW | DPS_SEND_TELL)),
	};
	if (!(flags & DPS_SEND_BORROW))
		free(memory);
	world->sends_count++;
}

static void cancel_one(struct world *world, unsigned int side)
{
	struct model_send *send;
	struct model *model;
	struct model_half *half;
	unsigned int cookie;
	uint32_t begin;

	if (world->sends_count == 0)
		return;
	cookie = (unsigned int)(world->sends_count - 1 -
				below(world, world->sends_count < 6 ? world->sends_count : 6));
	send = &world->sends[cookie];
	model = &world->streams[send->stream];
	if (send->side != side || !model->ends[side].is_open ||
	    dps_stream_cancel_send(streams_of(world, side), model->ends[side].handle, cookie) != 0)
		return;
	assert_false(send->is_told || send->is_posted);
	half = &model->sent[side];
	begin = send->end - send->bytes;
	memmove(half->log + begin, half->log + send->end, half->posted - send->end);
	half->posted -= send->bytes;
	for (unsigned int i = cookie + 1; i < world->sends_count; i++)
		if (world->sends[i].stream == send->stream && world->sends[i].side == side)
			world->sends[i].end -= send->bytes;
}

static void end_one(struct world *world, unsigned int side)
{
	struct dps_streams *streams = streams_of(world, side);
	struct dps_handle handle;
	struct model *model;
	uint8_t before;

	if (!pick(world, side, &model))
		return;
	watch(world, model, side);
	handle = model->ends[side].handle;
	before = model->ends[side].states[DPS_HALF_SEND];
	switch (below(world, 8)) {
	case 0:
	case 1:
	case 2:
		if (dps_stream_finish(streams, handle) == 0)
			model->sent[side].is_finished = true;
		else
			assert_true(dps_stream_state_is_over(before) || before == DPS_STREAM_NONE);
		break;
	case 3:
		dps_stream_abort(streams, handle, below(world, 100));
		break;
	case 4:
		dps_stream_stop(streams, handle, below(world, 100));
		break;
	case 5:
		assert_int_not_equal(dps_stream_end(streams, handle, 0, 1) == 0,
				     before != DPS_STREAM_FINISHED);
		if (before < DPS_STREAM_FINISHED && before != DPS_STREAM_NONE)
			model->sent[side].is_finished = true;
		break;
	default:
		if (below(world, 3) != 0)
			break;
		assert_int_equal(
			dps_stream_close(streams, handle,
					 below(world, 2) ? DPS_STREAM_LINGER : DPS_STREAM_DROP),
			0);
		assert_int_equal(dps_stream_close(streams, handle, DPS_STREAM_DROP),
				 -DPS_ERROR_CLOSED);
		model->ends[side].is_open = false;
		break;
	}
}

static void give_back(struct world *world, struct model *model, unsigned int side)
{
	struct model_end *end = &model->ends[side];
	uint32_t bytes = (uint32_t)below(world, end->lent + 1);

	if (world->is_healing)
		bytes = end->lent;
	assert_int_equal(dps_stream_release(streams_of(world, side), end->handle, end->lent + 1),
			 -DPS_ERROR_INVALID);
	assert_int_equal(dps_stream_release(streams_of(world, side), end->handle, bytes), 0);
	end->lent -= bytes;
}

/* What is lent is compared now: nothing may have written over it. */
static void read_one(struct world *world, struct model *model, unsigned int side)
{
	struct model_end *end = &model->ends[side];
	const struct model_half *half = &model->sent[1 - side];
	struct dps_bytes runs[4];
	int count;

	watch(world, model, side);
	count = dps_stream_read(streams_of(world, side), end->handle, runs,
				1 + (unsigned int)below(world, 4));
	for (int i = 0; i < count; i++) {
		assert_true(end->read + runs[i].bytes <= half->posted);
		assert_memory_equal(runs[i].memory, half->log + end->read, runs[i].bytes);
		end->read += (uint32_t)runs[i].bytes;
		end->lent += (uint32_t)runs[i].bytes;
	}
	if (count == 0) {
		assert_true(half->is_finished);
		assert_int_equal(end->read, half->posted);
		end->is_end_read = true;
	}
	if (count < 0 && count != -DPS_ERROR_FULL)
		assert_int_equal(count, dps_stream_state_error(DPS_HALF_RECEIVE,
							       end->states[DPS_HALF_RECEIVE]));
	give_back(world, model, side);
}

static void read_some(struct world *world, unsigned int side)
{
	struct model *model;

	if (pick(world, side, &model))
		read_one(world, model, side);
}

/* ---- What it is told. ---- */

static void on_outcome(struct world *world, const struct dps_stream_event *event)
{
	struct model_send *send = &world->sends[event->value];
	const struct model *model = &world->streams[send->stream];
	const struct model_end *far = &model->ends[1 - send->side];

	assert_false(send->is_told);
	assert_int_equal(event->bytes, send->bytes);
	if (event->type == DPS_STREAM_EVENT_POSTED) {
		assert_false(send->is_posted);
		send->is_posted = true;
		return;
	}
	outcomes[event->type]++;
	send->is_told = true;
	assert_true(event->delivered_bytes <= event->posted_bytes);
	assert_true(event->posted_bytes <= event->bytes);
	if (event->type == DPS_STREAM_EVENT_DELIVERED) {
		assert_int_equal(event->delivered_bytes, send->bytes);
		if (far->is_open && send->bytes > 0)
			assert_true(rig_look(world->sides[1 - send->side], far->handle).arrived >=
				    send->end);
	} else {
		assert_int_not_equal(event->cause.error, 0);
	}
	/* From here on it may be used for anything. */
	if (send->memory != NULL)
		memset(send->memory, 0xdd, send->bytes);
}

static void on_arrived(struct world *world, unsigned int side, const struct dps_stream_event *event)
{
	struct model *model = &world->streams[event->value];
	struct model_end *end = &model->ends[side];
	struct dps_stream_snapshot snapshot;

	assert_true(event->value < world->streams_count);
	assert_false(end->is_open);
	end->handle = event->handle;
	end->is_open = true;
	assert_int_equal(dps_stream_look(streams_of(world, side), end->handle, &snapshot), 0);
	end->states[DPS_HALF_SEND] = snapshot.send.state;
	end->states[DPS_HALF_RECEIVE] = snapshot.receive.state;
	end->causes[DPS_HALF_SEND] = snapshot.send.cause;
	end->causes[DPS_HALF_RECEIVE] = snapshot.receive.cause;
}

static struct model_end *end_of(struct world *world, unsigned int side, struct dps_handle handle)
{
	for (unsigned int i = world->streams_count; i-- > 0;) {
		struct model_end *end = &world->streams[i].ends[side];

		if (end->is_open && end->handle.index == handle.index &&
		    end->handle.generation == handle.generation)
			return end;
	}
	return NULL;
}

static void on_event(struct world *world, unsigned int side, const struct dps_stream_event *event)
{
	struct model_end *end;
	unsigned int half = event->type == DPS_STREAM_EVENT_RECEIVE_OVER;

	if (event->type >= DPS_STREAM_EVENT_POSTED) {
		on_outcome(world, event);
		return;
	}
	if (event->type == DPS_STREAM_EVENT_ARRIVED) {
		on_arrived(world, side, event);
		return;
	}
	end = end_of(world, side, event->handle);
	assert_non_null(end);
	if (event->type != DPS_STREAM_EVENT_SEND_OVER &&
	    event->type != DPS_STREAM_EVENT_RECEIVE_OVER)
		return;
	assert_false(end->is_over_told[half]);
	end->is_over_told[half] = true;
	for (unsigned int i = 0; half == DPS_HALF_SEND && i < world->sends_count; i++)
		if (&world->streams[world->sends[i].stream].ends[side] == end &&
		    world->sends[i].side == side)
			assert_true(world->sends[i].is_told);
}

static void take_events(struct world *world, unsigned int side)
{
	struct dps_stream_event event;
	uint64_t room = world->is_healing ? UINT64_MAX : below(world, 6);

	for (uint64_t i = 0; i < room; i++) {
		if (dps_streams_emit_events(streams_of(world, side), &event, 1) == 0)
			return;
		on_event(world, side, &event);
	}
}

/* ---- The way. ---- */

static void emit(struct world *world, unsigned int side)
{
	struct dps_stream_slice slices[4];
	unsigned int count;

	if (world->wire_count + 4 > WIRE || world->holds_count + world->wire_count + 4 > HOLDS)
		return;
	count = dps_streams_emit_slices(streams_of(world, side), world->rig.epoch, slices,
					(unsigned int)below(world, 5),
					1 + (uint32_t)below(world, 300));
	for (unsigned int i = 0; i < count; i++) {
		const struct dps_stream *stream =
			dps_stream_numbered(streams_of(world, side), slices[i].number);

		assert_non_null(stream);
		assert_false(dps_stream_is_half_over(stream, DPS_HALF_SEND));
		world->wire[world->wire_count++] = (struct flight){
			.slice = slices[i],
			.epoch = world->rig.epoch,
			.from = (uint8_t)side,
		};
	}
}

static void deliver_slice(struct world *world, const struct flight *flight)
{
	struct dps_streams *to = streams_of(world, 1 - flight->from);
	struct dps_stream_placement placement;
	bool is_good = world->is_healing || below(world, 10) != 0;

	if (!dps_streams_place(to, flight->epoch, &flight->slice, &placement))
		return;
	assert_int_equal(flight->epoch, world->rig.epoch);
	if (is_good && flight->slice.bytes > 0)
		memcpy(placement.to, flight->slice.memory, flight->slice.bytes);
	else if (flight->slice.bytes > 0)
		memset(placement.to, 0xbb, flight->slice.bytes);
	dps_streams_commit(to, &placement, is_good, world->now_ns);
}

static void fly(struct world *world)
{
	struct flight flight;
	unsigned int at;

	if (world->wire_count == 0)
		return;
	at = (unsigned int)below(world, world->wire_count);
	flight = world->wire[at];
	if (world->is_healing || below(world, 5) != 0)
		deliver_slice(world, &flight);
	else if (below(world, 2))
		dps_streams_on_missing(streams_of(world, flight.from), flight.epoch, &flight.slice);
	if (!world->is_healing && below(world, 8) == 0)
		return; /* comes again */
	world->wire[at] = world->wire[--world->wire_count];
	world->holds[world->holds_count++] = flight;
}

static void let_go(struct world *world)
{
	unsigned int at;

	if (world->holds_count == 0)
		return;
	at = (unsigned int)below(world, world->holds_count);
	dps_streams_on_released(streams_of(world, world->holds[at].from),
				world->holds[at].slice.token);
	world->holds[at] = world->holds[--world->holds_count];
}

static void emit_acks(struct world *world, unsigned int side)
{
	struct dps_stream_ack ack;

	if (world->acks_count == ACKS ||
	    dps_streams_emit_acks(streams_of(world, side), world->rig.epoch, &ack, 1,
				  world->now_ns) == 0)
		return;
	world->acks[world->acks_count++] = (struct ack_flight){
		.ack = ack,
		.epoch = world->rig.epoch,
		.to = (uint8_t)(1 - side),
	};
}

static void fly_ack(struct world *world)
{
	const struct ack_flight *flight;
	unsigned int at;

	if (world->acks_count == 0)
		return;
	at = (unsigned int)below(world, world->acks_count);
	flight = &world->acks[at];
	if (world->is_healing || below(world, 4) != 0)
		dps_streams_on_ack(streams_of(world, flight->to), flight->epoch, &flight->ack);
	if (world->is_healing || below(world, 6) != 0)
		world->acks[at] = world->acks[--world->acks_count];
}

static void say(struct world *world, unsigned int side)
{
	unsigned int *count = &world->words_count[side];

	if (*count + 4 > WORDS)
		return;
	*count += dps_streams_emit_messages(streams_of(world, side), world->rig.epoch,
					    world->words[side] + *count, 1 + below(world, 3));
}

static void hear(struct world *world, unsigned int side)
{
	unsigned int *count = &world->words_count[1 - side];

	if (*count == 0)
		return;
	dps_streams_on_message(streams_of(world, side), world->rig.epoch,
			       &world->words[1 - side][0]);
	memmove(world->words[1 - side], world->words[1 - side] + 1,
		--*count * sizeof(struct dps_stream_message));
}

/* What the transport does when it hears nothing for long: both ways, for every stream. */
static void repair(struct world *world, unsigned int side)
{
	for (unsigned int i = 0; i < world->sides[side]->config.streams; i++) {
		const struct dps_stream *stream = &streams_of(world, side)->records[i];
		struct dps_stream_slice slice = {
			.offset = stream->send.acknowledged,
			.number = stream->number,
			.bytes = (uint32_t)(stream->send.sent - stream->send.acknowledged),
			.flags = DPS_SLICE_END,
		};

		if (!stream->is_used || stream->number == DPS_STREAM_NUMBER_NONE)
			continue;
		dps_streams_on_missing(streams_of(world, side), world->rig.epoch, &slice);
		dps_streams_on_asked(streams_of(world, 1 - side), world->rig.epoch, stream->number);
	}
}

static void break_up(struct world *world)
{
	uint64_t epoch = world->rig.epoch;

	if (world->is_parked)
		return;
	for (unsigned int side = 0; side < 2; side++) {
		assert_int_equal(dps_streams_park(streams_of(world, side), epoch),
				 world->is_lost ? -ESTALE : 0);
		world->words_count[side] = 0;
	}
	world->is_parked = true;
}

static void make_up(struct world *world)
{
	if (!world->is_parked || world->is_lost)
		return;
	world->rig.epoch++;
	for (unsigned int side = 0; side < 2; side++)
		assert_int_equal(dps_streams_resume(streams_of(world, side), world->rig.epoch), 0);
	world->is_parked = false;
}

static void pass_time(struct world *world)
{
	world->now_ns += below(world, 50);
	for (unsigned int side = 0; side < 2; side++)
		if (dps_streams_next_deadline_ns(streams_of(world, side)) <= world->now_ns)
			dps_streams_on_deadline(streams_of(world, side), world->now_ns);
}

static void change_window(struct world *world, unsigned int side)
{
	struct model *model;

	if (!pick(world, side, &model))
		return;
	if (below(world, 2))
		dps_stream_set_window(streams_of(world, side), model->ends[side].handle,
				      1 + below(world, 4000));
	else
		dps_stream_set_receive_window(streams_of(world, side), model->ends[side].handle,
					      1 + below(world, 4000));
}

static void carry(struct world *world, unsigned int side)
{
	emit(world, side);
	say(world, side);
	hear(world, side);
	emit_acks(world, side);
	for (unsigned int i = 0; i < 2; i++) {
		fly(world);
		let_go(world);
		fly_ack(world);
	}
}

static void step(struct world *world)
{
	unsigned int side = (unsigned int)below(world, 2);

	switch (below(world, 16)) {
	case 0:
		if (below(world, 3) == 0)
			open_one(world, side);
		break;
	case 1:
		answer(world, side);
		break;
	case 2:
	case 3:
	case 4:
		send_one(world, side);
		break;
	case 5:
		cancel_one(world, side);
		break;
	case 6:
		if (below(world, 2))
			end_one(world, side);
		break;
	case 7:
		read_some(world, side);
		break;
	case 8:
		take_events(world, side);
		break;
	case 9:
		pass_time(world);
		break;
	case 10:
		change_window(world, side);
		break;
	case 11:
		if (below(world, 4) == 0)
			repair(world, side);
		break;
	case 12:
		if (below(world, 8) == 0)
			break_up(world);
		else if (below(world, 2))
			make_up(world);
		break;
	default:
		carry(world, side);
		break;
	}
	check(world);
}

/* ---- The end of it. ---- */

static void drain(struct world *world, unsigned int rounds)
{
	for (unsigned int round = 0; round < rounds; round++) {
		for (unsigned int side = 0; side < 2; side++) {
			if (round % 8 == 0)
				repair(world, side);
			carry(world, side);
			take_events(world, side);
			for (unsigned int i = 0; i < world->streams_count; i++)
				if (world->streams[i].ends[side].is_open)
					read_one(world, &world->streams[i], side);
		}
	}
	while (world->wire_count > 0)
		fly(world);
	while (world->holds_count > 0)
		let_go(world);
}

static void accept_all(struct world *world)
{
	for (unsigned int i = 0; i < world->streams_count; i++)
		for (unsigned int side = 0; side < 2; side++)
			if (world->streams[i].ends[side].is_open)
				dps_stream_accept(streams_of(world, side),
						  world->streams[i].ends[side].handle);
}

static void finish_all(struct world *world)
{
	for (unsigned int i = 0; i < world->streams_count; i++)
		for (unsigned int side = 0; side < 2; side++) {
			struct model *model = &world->streams[i];

			if (model->ends[side].is_open &&
			    dps_stream_finish(streams_of(world, side), model->ends[side].handle) ==
				    0)
				model->sent[side].is_finished = true;
		}
}

/* Those that have come to their end make room for those that wait. Returns how many are open. */
static unsigned int close_ended(struct world *world)
{
	unsigned int open = 0;

	for (unsigned int i = 0; i < world->streams_count; i++)
		for (unsigned int side = 0; side < 2; side++) {
			struct model_end *end = &world->streams[i].ends[side];
			bool is_over = true;

			if (!end->is_open)
				continue;
			watch(world, &world->streams[i], side);
			for (unsigned int half = 0; half < 2; half++)
				is_over &= end->states[half] == DPS_STREAM_NONE ||
					   dps_stream_state_is_over(end->states[half]);
			open += !is_over;
			if (!is_over)
				continue;
			dps_stream_close(streams_of(world, side), end->handle, DPS_STREAM_LINGER);
			end->is_open = false;
		}
	return open;
}

static void check_all_is_back(struct world *world)
{
	for (unsigned int side = 0; side < 2; side++) {
		const struct dps_streams *streams = streams_of(world, side);

		assert_int_equal(dps_streams_count(streams), 0);
		assert_int_equal(streams->free_segments, streams->config.segments);
		assert_int_equal(dps_slots_available(&streams->send_blocks),
				 streams->config.send_blocks);
		assert_int_equal(dps_slots_available(&streams->receive_blocks),
				 streams->config.receive_blocks);
		assert_int_equal(streams->extra_used, 0);
		assert_int_equal(streams->counters.anomalies, 0);
	}
	for (unsigned int i = 0; i < world->sends_count; i++)
		assert_true(world->sends[i].is_told);
}

static void heal(struct world *world)
{
	world->is_healing = true;
	make_up(world);
	/* Nobody starves: each half comes to its end, and each that waits has its turn. */
	for (unsigned int i = 0; i < 200; i++) {
		drain(world, 40);
		accept_all(world);
		finish_all(world);
		if (close_ended(world) == 0 && dps_streams_count(streams_of(world, 0)) == 0 &&
		    dps_streams_count(streams_of(world, 1)) == 0)
			break;
	}
	check_all_is_back(world);
}

static void world_open(struct world *world, uint64_t seed)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);

	memset(world, 0, sizeof(*world));
	dps_random_init(&world->random, seed);
	near.is_asking = below(world, 2) == 0;
	far.is_asking = below(world, 2) == 0;
	near.is_adaptive = far.is_adaptive = below(world, 4) == 0;
	near.block_bytes = far.block_bytes = 64u << below(world, 3);
	near.receive_blocks = near.streams + (uint32_t)below(world, 20);
	far.receive_blocks = far.streams + (uint32_t)below(world, 20);
	near.peer_streams = 1 + (uint32_t)below(world, 8);
	far.peer_streams = 1 + (uint32_t)below(world, 8);
	near.segments = 8 + (uint32_t)below(world, 60);
	near.send_blocks = 2 + (uint32_t)below(world, 30);
	rig_open_with(&world->rig, &near, &far);
	world->sides[0] = &world->rig.near;
	world->sides[1] = &world->rig.far;
}

static void world_close(struct world *world)
{
	for (unsigned int i = 0; i < world->sends_count; i++)
		free(world->sends[i].memory);
	for (unsigned int i = 0; i < world->streams_count; i++) {
		free(world->streams[i].sent[0].log);
		free(world->streams[i].sent[1].log);
	}
	rig_close_streams(&world->rig);
}

static uint64_t running_seed; /* 0: none is */

static void run(struct world *world, uint64_t seed)
{
	world_open(world, seed);
	for (unsigned int i = 0; i < STEPS; i++)
		step(world);
	if (below(world, 8) == 0) {
		world->is_lost = true;
		dps_streams_lose(streams_of(world, 0), DPS_CLOSE_IDLE);
		dps_streams_lose(streams_of(world, 1), DPS_CLOSE_IDLE);
		check(world);
	}
	heal(world);
	world_close(world);
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
				if (!is_seen[half][from][to])
					print_message("half %u: %d to %d was not seen\n", half,
						      from, to);
				assert_true(is_seen[half][from][to]);
			}
	assert_true(outcomes[DPS_STREAM_EVENT_DELIVERED] > 1000);
	assert_true(outcomes[DPS_STREAM_EVENT_CANCELLED] > 1000);
	assert_true(outcomes[DPS_STREAM_EVENT_LOST] > 100);
}

static void worlds__every_send_has_one_outcome_and_all_comes_back(void **state)
{
	static struct world world;
	const char *only = getenv("DPS_SEED");
	uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10);
	uint64_t count = only == NULL ? SEEDS : 1;

	(void)state;
	for (running_seed = first; running_seed < first + count; running_seed++)
		run(&world, running_seed);
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
