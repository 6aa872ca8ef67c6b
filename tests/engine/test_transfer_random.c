/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transfer under random schedules of loss, delay, disconnect, resume and cancel, against a model
 * of its receiver. At every step: what was granted is acknowledged or in flight, memory is within
 * its bound, nothing acknowledged was not delivered. In the end: no gap, no duplicate, every
 * file's end once, no chunk leaked. A failure prints its seed.
 */
#include "engine/random.h"
#include "tests/support/transfer_rig.h"

enum { WIRE = 256, HOLDS = 512, FILES = 64, SEEDS = 3000, STEPS = 400 };

struct world {
	struct transfer_rig rig;
	struct dps_random random;
	uint64_t epoch; /* of the connection, 0 while there is none */
	uint64_t epoch_max;

	/* posted, as the model has it */
	uint64_t granted;
	uint64_t file_begins[FILES];
	uint64_t file_ends[FILES]; /* UINT64_MAX: not posted yet */
	uint32_t file;
	bool is_end_posted;

	/* on their way: slices in order, the port's holds in any */
	struct dps_slice wire[WIRE];
	unsigned int wire_count;
	uint64_t holds[HOLDS];
	unsigned int holds_count;

	/* the receiver: everything below, and these ends */
	uint64_t have;
	uint64_t stored;
	uint32_t have_file;
	bool is_file_ended;
	bool is_ended;
	unsigned int ends_count;

	/* acknowledgements on their way */
	struct dps_transfer_ack acks[16];
	unsigned int acks_count;

	uint64_t acknowledged_before;
	bool is_healing;
};

static uint64_t below(struct world *world, uint64_t bound)
{
	return dps_random_below(&world->random, bound);
}

static bool is_live(struct world *world)
{
	return world->rig.config.release == DPS_RELEASE_STORED;
}

static void post(struct world *world)
{
	struct transfer_rig *rig = &world->rig;
	struct dps_transfer_snapshot before = rig_read(rig);
	uint64_t bytes = below(world, 8) == 0 ? 0 : below(world, rig->config.chunk_bytes + 1);
	uint64_t in_flight = before.posted - before.acknowledged;
	uint32_t flags = below(world, 12) == 0 ? DPS_CHUNK_FILE_END : 0;
	uint8_t *room;
	int error;

	if (world->file == FILES - 1 || below(world, 200) == 0 || world->is_healing)
		flags = DPS_CHUNK_END;
	if (below(world, 20) == 0)
		dps_transfer_reserve(rig->transfer, bytes, &room);
	error = rig_post_at(rig, bytes, flags, 0);
	if (error != 0) {
		assert_true(error == -EAGAIN || error == -EINVAL || error == -ECANCELED);
		return;
	}
	assert_true(in_flight == 0 || in_flight + bytes <= before.window_bytes);
	world->granted += bytes;
	if (flags != 0)
		world->file_ends[world->file] = world->granted;
	world->is_end_posted = (flags & DPS_CHUNK_END) != 0;
}

static void advance(struct world *world)
{
	if (world->file == FILES - 1 || rig_advance(&world->rig, world->file + 1) != 0)
		return;
	world->file++;
	world->file_begins[world->file] = world->granted;
}

static void emit(struct world *world)
{
	unsigned int room = (unsigned int)below(world, 6);
	uint32_t bytes_max = 1 + (uint32_t)below(world, world->rig.config.chunk_bytes);
	/* Sometimes by a lane that has not heard yet that its epoch is over. */
	uint64_t epoch = below(world, 10) == 0 ? below(world, world->epoch_max + 1) : world->epoch;
	unsigned int count;

	if (world->wire_count + room > WIRE || world->holds_count + room > HOLDS)
		return;
	count = dps_transfer_emit_slices(world->rig.transfer, epoch,
					 world->wire + world->wire_count, room, bytes_max);
	assert_true(count == 0 || epoch == world->epoch);
	for (unsigned int i = 0; i < count; i++)
		world->holds[world->holds_count++] = world->wire[world->wire_count + i].chunk;
	world->wire_count += count;
}

static void release(struct world *world)
{
	unsigned int at;

	if (world->holds_count == 0)
		return;
	at = (unsigned int)below(world, world->holds_count);
	dps_transfer_on_released(world->rig.transfer, world->holds[at]);
	world->holds[at] = world->holds[--world->holds_count];
}

static void take_end(struct world *world, const struct dps_slice *slice)
{
	if ((slice->flags & DPS_CHUNK_FILE_END) == 0 || world->have_file != slice->file_index ||
	    world->is_file_ended || slice->offset + slice->bytes != world->have)
		return;
	assert_int_equal(world->have, world->file_ends[slice->file_index]);
	world->is_file_ended = true;
	world->ends_count++;
	if ((slice->flags & DPS_CHUNK_END) != 0)
		world->is_ended = true;
}

/* Takes what follows what it has; beyond a gap it takes nothing. */
static void receive(struct world *world, const struct dps_slice *slice)
{
	uint64_t end = slice->offset + slice->bytes;

	assert_int_equal(slice->offset - slice->file_offset, world->file_begins[slice->file_index]);
	/* Never a file later than the next, nor that before this one's end. */
	if (slice->offset > world->have || slice->file_index < world->have_file)
		return;
	if (slice->file_index > world->have_file) {
		if (!world->is_file_ended || slice->file_index != world->have_file + 1)
			return;
		world->have_file = slice->file_index;
		world->is_file_ended = false;
	}
	assert_false(world->is_file_ended && end > world->have);
	for (uint64_t at = world->have; at < end; at++)
		assert_int_equal(slice->memory[at - slice->offset], rig_byte(at));
	if (end > world->have)
		world->have = end;
	take_end(world, slice);
}

/* The bytes are read now: the ring must not have changed them, as the port holds them. */
static void deliver(struct world *world)
{
	struct dps_slice slice;

	if (world->wire_count == 0)
		return;
	slice = world->wire[0];
	memmove(world->wire, world->wire + 1, --world->wire_count * sizeof(slice));
	for (unsigned int i = 0; i < world->holds_count; i++) {
		if (world->holds[i] != slice.chunk)
			continue;
		if (slice.epoch == world->epoch && (world->is_healing || below(world, 8) != 0))
			receive(world, &slice);
		break;
	}
}

static void send_ack(struct world *world)
{
	struct dps_transfer_ack *ack;

	if (world->acks_count == 16 || world->epoch == 0)
		return;
	if (below(world, 3) == 0 || world->is_healing)
		world->stored = world->have;
	ack = &world->acks[world->acks_count++];
	*ack = (struct dps_transfer_ack){
		.epoch = world->epoch,
		.received = world->have,
		.stored = world->stored,
		.file_index = DPS_FILE_NONE,
		.has_end = world->is_ended,
	};
	if (below(world, 2) != 0)
		return;
	ack->file_index = world->have_file;
	ack->received -= world->file_begins[world->have_file];
	ack->stored -= world->stored < world->file_begins[world->have_file]
			       ? world->stored
			       : world->file_begins[world->have_file];
	ack->has_end = world->is_file_ended;
}

/* In any order, lost, twice; and some that nobody sent. */
static void take_ack(struct world *world)
{
	struct dps_transfer_ack ack;
	unsigned int at;

	if (below(world, 20) == 0) {
		ack = (struct dps_transfer_ack){
			.epoch = world->epoch_max + 1 + below(world, 3),
			.received = dps_random_next(&world->random),
			.stored = dps_random_next(&world->random),
			.has_end = true,
		};
		assert_false(dps_transfer_on_ack(world->rig.transfer, &ack, 0));
		ack.epoch = world->epoch;
		ack.file_index = FILES + 1;
		assert_false(dps_transfer_on_ack(world->rig.transfer, &ack, 0));
	}
	if (world->acks_count == 0)
		return;
	at = (unsigned int)below(world, world->acks_count);
	dps_transfer_on_ack(world->rig.transfer, &world->acks[at], 0);
	if (below(world, 5) != 0)
		world->acks[at] = world->acks[--world->acks_count];
}

static void disconnect(struct world *world)
{
	if (world->epoch == 0)
		return;
	assert_int_equal(dps_transfer_park(world->rig.transfer, world->epoch, 0), 0);
	assert_int_equal(dps_transfer_park(world->rig.transfer, world->epoch + 1, 0), -ESTALE);
	/* What is on the wire stays there for a while, and in the port. */
	world->epoch = 0;
}

static void refuse(struct world *world, uint64_t epoch)
{
	struct dps_transfer_resumed answer;
	struct dps_transfer_snapshot before = rig_read(&world->rig), after;

	assert_int_not_equal(
		rig_resume(&world->rig, before.epoch, DPS_FILE_NONE, world->have, &answer),
		DPS_RESUME_OK);
	assert_int_not_equal(rig_resume(&world->rig, epoch, FILES + 2, 0, &answer), DPS_RESUME_OK);
	assert_int_not_equal(rig_resume(&world->rig, epoch, DPS_FILE_NONE,
					before.sent_max + 1 + below(world, 1000), &answer),
			     DPS_RESUME_OK);
	after = rig_read(&world->rig);
	assert_int_equal(after.epoch, before.epoch);
	assert_int_equal(after.state, before.state);
	assert_int_equal(after.acknowledged, before.acknowledged);
}

static void resume(struct world *world)
{
	struct dps_transfer_resume request = {
		.epoch = world->epoch_max + 1 + below(world, 2),
		.offset = world->have,
		.file_index = DPS_FILE_NONE,
		.has_end = world->is_ended,
	};
	struct dps_transfer_resumed answer;
	struct dps_transfer_snapshot before = rig_read(&world->rig);
	enum dps_resume_code code;

	refuse(world, request.epoch);
	if (below(world, 2) == 0 && !world->is_file_ended) {
		request.file_index = world->have_file;
		request.offset -= world->file_begins[world->have_file];
		request.has_end = false;
	}
	code = dps_transfer_resume(world->rig.transfer, &request, &answer, 0);
	if (before.state == DPS_TRANSFER_CANCELLED) {
		assert_int_equal(code, DPS_RESUME_CANCELLED);
		return;
	}
	if (before.state == DPS_TRANSFER_FINISHED) {
		assert_int_equal(code, DPS_RESUME_FINISHED);
		return;
	}
	/* Where the receiver stands can always be had; the file it is in is always held. */
	assert_int_equal(code, DPS_RESUME_OK);
	world->epoch_max = world->epoch = request.epoch;
}

/* What the transport does when it finds a loss. */
static void repair(struct world *world)
{
	enum dps_resume_code code;

	if (world->epoch == 0)
		return;
	code = dps_transfer_replay(world->rig.transfer, world->epoch, world->have);
	assert_true(code == DPS_RESUME_OK || code == DPS_RESUME_FINISHED ||
		    code == DPS_RESUME_CANCELLED);
}

static void check(struct world *world)
{
	const struct dps_transfer *transfer = world->rig.transfer;
	struct dps_transfer_snapshot snapshot = rig_read(&world->rig);
	uint64_t held = 0;

	/* granted = acknowledged + in flight */
	assert_int_equal(snapshot.posted, world->granted);
	assert_true(snapshot.acknowledged <= snapshot.posted);
	assert_true(snapshot.acknowledged >= world->acknowledged_before);
	assert_true(snapshot.acknowledged <= world->have);
	assert_true(snapshot.stored <= world->stored);
	assert_true(snapshot.sent_max <= snapshot.posted);
	world->acknowledged_before = snapshot.acknowledged;
	for (uint64_t at = snapshot.chunks_released; at < snapshot.chunks_posted; at++)
		held += dps_transfer_chunk_at(transfer, at)->bytes;
	assert_true(held <= world->rig.config.ring_bytes);
	assert_true(snapshot.chunks_posted - snapshot.chunks_released <= world->rig.config.chunks);
	if (snapshot.state != DPS_TRANSFER_CANCELLED)
		assert_true(snapshot.lowest <=
			    (is_live(world) ? snapshot.stored : snapshot.acknowledged));
}

static void step(struct world *world)
{
	struct dps_transfer *transfer = world->rig.transfer;

	switch (below(world, world->is_healing ? 12 : 16)) {
	case 0:
	case 1:
	case 2:
		post(world);
		break;
	case 3:
		advance(world);
		break;
	case 4:
	case 5:
		emit(world);
		break;
	case 6:
	case 7:
		deliver(world);
		break;
	case 8:
		release(world);
		break;
	case 9:
		send_ack(world);
		break;
	case 10:
		take_ack(world);
		break;
	case 11:
		if (below(world, 4) == 0)
			repair(world);
		break;
	case 12:
		if (below(world, 6) == 0)
			disconnect(world);
		break;
	case 13:
		if (below(world, world->epoch == 0 ? 2 : 20) == 0)
			resume(world);
		break;
	case 14:
		dps_transfer_set_window(transfer, below(world, world->rig.config.window_bytes + 1));
		break;
	default:
		if (below(world, 1000) == 0)
			dps_transfer_cancel(transfer, "random");
		break;
	}
	check(world);
}

static bool is_over(struct world *world)
{
	uint8_t state = rig_read(&world->rig).state;

	return state == DPS_TRANSFER_FINISHED || state == DPS_TRANSFER_CANCELLED;
}

/* The weather turns fair: from wherever it is, the transfer comes to its end. */
static void heal(struct world *world)
{
	unsigned int turns = 0;

	world->is_healing = true;
	dps_transfer_set_window(world->rig.transfer, world->rig.config.window_bytes);
	if (!is_over(world))
		resume(world);
	for (; !is_over(world) && turns < 100000; turns++)
		step(world);
	assert_true(is_over(world));
	dps_transfer_on_turn(world->rig.transfer);
	while (world->holds_count > 0)
		release(world);
	assert_int_equal(rig_held(&world->rig), 0);
	if (rig_read(&world->rig).state == DPS_TRANSFER_CANCELLED)
		return;
	assert_true(world->is_ended);
	assert_int_equal(world->have, world->granted);
	assert_int_equal(world->ends_count, world->file + 1);
}

static void run(struct world *world, uint64_t seed)
{
	struct dps_transfer_config config;

	memset(world, 0, sizeof(*world));
	memset(world->file_ends, 0xff, sizeof(world->file_ends));
	dps_random_init(&world->random, seed);
	config = rig_config(1 + below(world, 600), 1 + (uint32_t)below(world, 200));
	config.ring_bytes += below(world, 300);
	config.chunks = 4u << below(world, 4);
	config.files_kept = (uint32_t)below(world, 3);
	config.release = below(world, 2) ? DPS_RELEASE_STORED : DPS_RELEASE_RECEIVED;
	rig_open(&world->rig, &config);
	world->epoch = world->epoch_max = 1;
	for (unsigned int i = 0; i < STEPS; i++)
		step(world);
	heal(world);
	rig_close(&world->rig);
}

static uint64_t running_seed; /* 0: none is */

static void transfer__loses_and_repeats_nothing_under_any_schedule(void **state)
{
	static struct world world;
	const char *only = getenv("DPS_SEED");
	uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10);
	uint64_t count = only == NULL ? SEEDS : 1, finished = 0;

	(void)state;
	for (running_seed = first; running_seed < first + count; running_seed++) {
		run(&world, running_seed);
		finished += world.is_ended;
	}
	running_seed = 0;
	/* Both ends were met, or the schedules are not what they are taken for. */
	assert_true(only != NULL || (finished > SEEDS / 2 && finished < SEEDS));
}

static int tell_seed(void **state)
{
	(void)state;
	if (running_seed != 0)
		print_message("again: DPS_SEED=%llu test_transfer_random\n",
			      (unsigned long long)running_seed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(transfer__loses_and_repeats_nothing_under_any_schedule,
					  tell_seed),
	};

	return cmocka_run_group_tests_name("transfer_random", tests, NULL, NULL);
}
