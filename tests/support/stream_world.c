/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/stream_world.h"

bool world_is_seen[DPS_HALVES_COUNT][DPS_STREAM_STATES_COUNT][DPS_STREAM_STATES_COUNT];
unsigned int world_outcomes[32];

void world_share_flight(struct world *world, uint64_t limit_bytes, struct dps_streams_config *near,
			struct dps_streams_config *far)
{
	dps_flight_init(&world->flight, limit_bytes, 2);
	near->flight = far->flight = &world->flight;
}

void world_open(struct world *world, uint64_t seed, const struct dps_streams_config *near,
		const struct dps_streams_config *far)
{
	dps_random_init(&world->random, seed);
	rig_open_with(&world->rig, near, far);
	world->sides[0] = &world->rig.near;
	world->sides[1] = &world->rig.far;
}

void world_close(struct world *world)
{
	for (unsigned int i = 0; i < world->sends_count; i++)
		free(world->sends[i].memory);
	for (unsigned int i = 0; i < world->streams_count; i++) {
		free(world->streams[i].sent[0].log);
		free(world->streams[i].sent[1].log);
	}
	rig_close_streams(&world->rig);
}

uint64_t world_below(struct world *world, uint64_t bound)
{
	return dps_random_below(&world->random, bound);
}

struct dps_streams *world_streams(struct world *world, unsigned int side)
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
		world_is_seen[half][before][now->state] = true;
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
	assert_int_equal(dps_stream_look(world_streams(world, side), end->handle, &snapshot), 0);
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

/* Of a half that is over: what the port has not let go of. */
static uint64_t left_of(const struct dps_streams *streams, const struct dps_stream_sender *send)
{
	const struct dps_segment *segment;
	uint64_t bytes = 0;

	for (uint32_t at = send->first; at != DPS_STREAM_INDEX_NONE; at = segment->next) {
		uint64_t end;

		segment = &streams->segments[at];
		end = segment->offset + segment->bytes;
		bytes += end - dps_clamp_u64(send->acknowledged, segment->offset, end);
	}
	return bytes;
}

/* Whatever ended a stream: what it holds of all streams' flight is what it has under way. */
static void check_flight(const struct dps_streams *streams)
{
	uint64_t bytes = 0, promised = 0;

	for (uint32_t i = 0; i < streams->config.streams; i++) {
		const struct dps_stream_sender *send = &streams->records[i].send;
		bool is_told = send->promised_round == streams->flight.round;

		if (!streams->records[i].is_used)
			continue;
		if (!dps_stream_is_half_over(&streams->records[i], DPS_HALF_SEND))
			bytes += send->posted - send->acknowledged;
		else
			bytes += left_of(streams, send);
		assert_false(send->is_promised && send->is_wanting);
		if (send->is_promised && (send->promised_round == 0 || is_told))
			promised += send->wanted_bytes;
	}
	assert_int_equal(streams->flight.bytes, bytes);
	assert_int_equal(streams->flight.kept_bytes, promised);
	assert_true(bytes <= dps_max_u64(streams->flight.limit_bytes, WORLD_SEND_BYTES));
}

static bool is_waiting(const struct dps_stream *stream)
{
	const struct dps_stream_sender *send = &stream->send;
	uint64_t outstanding = send->posted - send->acknowledged;

	return stream->is_used && send->is_wanting && dps_stream_send_error(stream) == 0 &&
	       (outstanding == 0 || outstanding + send->wanted_bytes <= send->window_bytes);
}

/* Who was told FULL stands in line, unless its own window is full; the first one does not fit. */
static void check_line(const struct dps_streams *streams)
{
	uint32_t first = streams->first[DPS_QUEUE_ROOM];
	bool is_in_line = streams->flight.waiter.next != NULL, is_next;
	const struct dps_stream *stream;

	for (uint32_t i = 0; i < streams->config.streams; i++)
		assert_true(!is_waiting(&streams->records[i]) ||
			    streams->records[i].queued & 1u << DPS_QUEUE_ROOM);
	while (first != DPS_STREAM_INDEX_NONE && !is_waiting(&streams->records[first]))
		first = streams->records[first].next[DPS_QUEUE_ROOM];
	if (first == DPS_STREAM_INDEX_NONE) {
		assert_false(is_in_line);
		return;
	}
	stream = &streams->records[first];
	is_next = stream->send.wanted_segments <= streams->free_segments &&
		  stream->send.wanted_blocks <= dps_slots_available(&streams->send_blocks) &&
		  dps_stream_flight_fits(streams, stream, stream->send.wanted_bytes);
	/* Else it waits for other peers, and stands in line with them. */
	assert_true(is_next == is_in_line);
	assert_false(is_next &&
		     dps_stream_flight_fits_beside(streams, stream, stream->send.wanted_bytes));
}

/* What peers share is what each of them has beyond his part. */
static void check_shared(const struct world *world)
{
	uint64_t bytes = 0;

	for (unsigned int side = 0; side < 2; side++) {
		const struct dps_stream_flight *flight = &world->sides[side]->streams->flight;

		if (flight->shared == NULL)
			return;
		bytes += flight->bytes + flight->kept_bytes -
			 dps_min_u64(flight->bytes + flight->kept_bytes, world->flight.part_bytes);
	}
	assert_int_equal(world->flight.taken_bytes, bytes);
	assert_true(bytes <= dps_max_u64(world->flight.common_bytes, WORLD_SEND_BYTES));
}

void world_check(struct world *world)
{
	for (unsigned int side = 0; side < 2; side++) {
		const struct dps_streams *streams = world_streams(world, side);

		assert_true(streams->extra_used <= streams->extra_max);
		assert_true(streams->used_count <= streams->config.streams);
		check_flight(streams);
		check_line(streams);
		dps_slots_available(&streams->receive_blocks);
		dps_slots_available(&streams->send_blocks);
	}
	check_shared(world);
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
		unsigned int back =
			(unsigned int)world_below(world, tries < 6 ? 12 : WORLD_STREAMS);

		if (back >= world->streams_count)
			continue;
		*model = &world->streams[world->streams_count - 1 - back];
		if ((*model)->ends[side].is_open)
			return true;
	}
	return false;
}

void world_open_one(struct world *world, unsigned int side)
{
	const uint32_t flags[] = { 0, DPS_STREAM_BOTH_WAYS, DPS_STREAM_NO_WAIT,
				   DPS_STREAM_BOTH_WAYS | DPS_STREAM_NO_WAIT };
	struct dps_stream_options options = {
		.tag = world->streams_count,
		.window_bytes = world_below(world, 4) == 0 ? 1 + world_below(world, 3000) : 0,
		.open_deadline_ns = world_below(world, 3) == 0
					    ? world->now_ns + world_below(world, 500)
					    : DPS_NEVER_NS,
		.flags = flags[world_below(world, 4)],
	};
	struct model *model = &world->streams[world->streams_count];
	struct model_end *end = &model->ends[side];
	int error;

	if (world->streams_count == WORLD_STREAMS)
		return;
	error = dps_stream_open(world_streams(world, side), &options, &end->handle);
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
		model->sent[i].log = malloc(WORLD_LOG_BYTES);
		assert_non_null(model->sent[i].log);
	}
	world->streams_count++;
}

void world_answer(struct world *world, unsigned int side)
{
	struct model *model;
	int error;

	if (!pick(world, side, &model))
		return;
	if (world_below(world, 4) == 0) {
		error = dps_stream_refuse(world_streams(world, side), model->ends[side].handle, 9);
		if (error == 0)
			model->ends[side].is_open = false;
	} else {
		error = dps_stream_accept(world_streams(world, side), model->ends[side].handle);
	}
	assert_true(error == 0 || error == -DPS_ERROR_INVALID || error == -DPS_ERROR_ALREADY ||
		    error == -DPS_ERROR_ABORTED || error == -DPS_ERROR_STOPPED ||
		    error == -DPS_ERROR_LOST || error == -DPS_ERROR_REFUSED);
}

static int send_pieces(struct world *world, unsigned int side, const struct model *model,
		       uint8_t *memory, uint32_t bytes, uint32_t flags)
{
	uint32_t first = (uint32_t)world_below(world, bytes + 1);
	const struct dps_bytes pieces[] = { { memory, first }, { memory + first, bytes - first } };

	return dps_stream_send(world_streams(world, side), model->ends[side].handle, pieces, 2,
			       flags, world->sends_count);
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

void world_send_one(struct world *world, unsigned int side)
{
	uint32_t flags = (uint32_t)world_below(world, 8), bytes;
	struct model_send *send = &world->sends[world->sends_count];
	struct model_half *half;
	struct model *model;
	uint8_t *memory;
	int error;

	if (!pick(world, side, &model) || world->sends_count == WORLD_SENDS)
		return;
	half = &model->sent[side];
	bytes = world_below(world, 8) == 0
			? 0
			: (uint32_t)world_below(world,
						world_below(world, 4) ? 300 : WORLD_SEND_BYTES);
	if (half->posted + bytes > WORLD_LOG_BYTES)
		return;
	flags |= world_below(world, 12) == 0 ? DPS_SEND_FINISH : 0;
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
		.is_told = !(flags & (DPS_SEND_BORROW | DPS_SEND_TELL | DPS_SEND_POSTED)),
	};
	if (!(flags & DPS_SEND_BORROW))
		free(memory);
	world->sends_count++;
}

void world_cancel_one(struct world *world, unsigned int side)
{
	struct model_send *send;
	struct model *model;
	struct model_half *half;
	unsigned int cookie;
	uint32_t begin;

	if (world->sends_count == 0)
		return;
	cookie =
		(unsigned int)(world->sends_count - 1 -
			       world_below(world, world->sends_count < 6 ? world->sends_count : 6));
	send = &world->sends[cookie];
	model = &world->streams[send->stream];
	if (send->side != side || !model->ends[side].is_open ||
	    dps_stream_cancel_send(world_streams(world, side), model->ends[side].handle, cookie) !=
		    0)
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

void world_end_one(struct world *world, unsigned int side)
{
	struct dps_streams *streams = world_streams(world, side);
	struct dps_handle handle;
	struct model *model;
	uint8_t before;

	if (!pick(world, side, &model))
		return;
	watch(world, model, side);
	handle = model->ends[side].handle;
	before = model->ends[side].states[DPS_HALF_SEND];
	switch (world_below(world, 8)) {
	case 0:
	case 1:
	case 2:
		if (dps_stream_finish(streams, handle) == 0)
			model->sent[side].is_finished = true;
		else
			assert_true(dps_stream_state_is_over(before) || before == DPS_STREAM_NONE);
		break;
	case 3:
		dps_stream_abort(streams, handle, world_below(world, 100));
		break;
	case 4:
		dps_stream_stop(streams, handle, world_below(world, 100));
		break;
	case 5:
		assert_int_not_equal(dps_stream_end(streams, handle, 0, 1) == 0,
				     before != DPS_STREAM_FINISHED);
		if (before < DPS_STREAM_FINISHED && before != DPS_STREAM_NONE)
			model->sent[side].is_finished = true;
		break;
	default:
		if (world_below(world, 3) != 0)
			break;
		assert_int_equal(dps_stream_close(streams, handle,
						  world_below(world, 2) ? DPS_STREAM_LINGER
									: DPS_STREAM_DROP),
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
	uint32_t bytes = (uint32_t)world_below(world, end->lent + 1);

	if (world->is_healing)
		bytes = end->lent;
	assert_int_equal(dps_stream_release(world_streams(world, side), end->handle, end->lent + 1),
			 -DPS_ERROR_INVALID);
	assert_int_equal(dps_stream_release(world_streams(world, side), end->handle, bytes), 0);
	end->lent -= bytes;
}

/* What is lent is compared now: nothing may have written over it. */
void world_read_one(struct world *world, struct model *model, unsigned int side)
{
	struct model_end *end = &model->ends[side];
	const struct model_half *half = &model->sent[1 - side];
	struct dps_bytes runs[4];
	int count;

	watch(world, model, side);
	count = dps_stream_read(world_streams(world, side), end->handle, runs,
				1 + (unsigned int)world_below(world, 4));
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

void world_read_some(struct world *world, unsigned int side)
{
	struct model *model;

	if (pick(world, side, &model))
		world_read_one(world, model, side);
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
	world_outcomes[event->type]++;
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
	assert_int_equal(dps_stream_look(world_streams(world, side), end->handle, &snapshot), 0);
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

void world_take_events(struct world *world, unsigned int side)
{
	struct dps_stream_event event;
	uint64_t room = world->is_healing ? UINT64_MAX : world_below(world, 6);

	for (uint64_t i = 0; i < room; i++) {
		if (dps_streams_emit_events(world_streams(world, side), &event, 1) == 0)
			return;
		on_event(world, side, &event);
	}
}

void world_change_window(struct world *world, unsigned int side)
{
	struct model *model;

	if (!pick(world, side, &model))
		return;
	if (world_below(world, 2))
		dps_stream_set_window(world_streams(world, side), model->ends[side].handle,
				      1 + world_below(world, 4000));
	else
		dps_stream_set_receive_window(world_streams(world, side), model->ends[side].handle,
					      1 + world_below(world, 4000));
}

void world_accept_all(struct world *world)
{
	for (unsigned int i = 0; i < world->streams_count; i++)
		for (unsigned int side = 0; side < 2; side++)
			if (world->streams[i].ends[side].is_open)
				dps_stream_accept(world_streams(world, side),
						  world->streams[i].ends[side].handle);
}

void world_finish_all(struct world *world)
{
	for (unsigned int i = 0; i < world->streams_count; i++)
		for (unsigned int side = 0; side < 2; side++) {
			struct model *model = &world->streams[i];

			if (model->ends[side].is_open &&
			    dps_stream_finish(world_streams(world, side),
					      model->ends[side].handle) == 0)
				model->sent[side].is_finished = true;
		}
}

/* Those that have come to their end make room for those that wait. Returns how many are open. */
unsigned int world_close_ended(struct world *world)
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
			dps_stream_close(world_streams(world, side), end->handle,
					 DPS_STREAM_LINGER);
			end->is_open = false;
		}
	return open;
}

void world_check_all_is_back(struct world *world)
{
	for (unsigned int side = 0; side < 2; side++) {
		const struct dps_streams *streams = world_streams(world, side);

		assert_int_equal(dps_streams_count(streams), 0);
		assert_int_equal(streams->flight.bytes, 0);
		assert_int_equal(streams->flight.kept_bytes, 0);
		assert_null(streams->flight.waiter.next);
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
