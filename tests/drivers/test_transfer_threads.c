/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One ring, and every thread that may touch it at once: a producer of many files, a lane that
 * loses, parks and resumes, a reader of snapshots, two that cancel. Run under ThreadSanitizer by
 * tools/test.
 */
#include "drivers/wait/wait.h"
#include "engine/random.h"
#include "tests/support/transfer_rig.h"
#include <dps/registry.h>
#include <pthread.h>
#include <sched.h>

enum {
	CHUNKS = 1500,
	CHUNK_BYTES = 256,
	ROUNDS = 6,
	HELD = 8,
	SLICES = 4,
	FILES_KEPT = 2,
	HANDLES = 5,
};

/* cmocka's asserts are for the test's own thread: the others note what they saw. */
#define EXPECT(stage, condition)                                                                   \
	do {                                                                                       \
		if (!(condition))                                                                  \
			atomic_store(&(stage)->wrong, __LINE__);                                   \
	} while (0)

struct stage {
	struct transfer_rig rig;
	struct dps_clock clock;
	struct dps_wait wait;
	struct dps_registry *registry;
	struct dps_transfer_id id;
	struct dps_handle handle;
	char others[256]; /* what the registry leads to besides, by the last byte of its id */
	uint64_t seed;
	uint64_t cancel_at; /* posted bytes; UINT64_MAX: never */

	/* the lane's model of the far side: all, and in the last file of that */
	uint64_t have;
	uint64_t have_of_file;
	uint32_t file_index;
	bool has_file_end;
	bool has_end;

	atomic_int wrong; /* line; writers: any */
	atomic_int is_over;
	atomic_int cancels;
};

static bool is_over(struct stage *stage)
{
	return atomic_load(&stage->is_over) != 0;
}

/* Waits as a program would, until there is room. */
static int wait_for_room(struct stage *stage, uint64_t bytes)
{
	uint64_t deadline_ns = dps_clock_now_ns(&stage->clock) + DPS_CREDIT_WAIT_NS_DEFAULT;
	int error = dps_wait_credit(&stage->wait, bytes, deadline_ns);

	if (error == -ENOTCONN)
		error = dps_wait_reconnect(&stage->wait, deadline_ns);
	return error;
}

static int post(struct stage *stage, uint64_t offset, uint64_t file_offset, uint64_t bytes,
		uint32_t flags)
{
	struct dps_transfer *transfer = stage->rig.transfer;
	uint8_t *room;
	int error;

	while ((error = dps_transfer_reserve(transfer, bytes, &room)) == -EAGAIN) {
		/* Every other producer polls: waiting would order more than the ring itself does.
		 */
		if (stage->seed % 2 != 0)
			sched_yield();
		else if ((error = wait_for_room(stage, bytes)) != 0)
			return error;
	}
	if (error != 0)
		return error;
	for (uint64_t i = 0; i < bytes; i++)
		room[i] = rig_byte(offset + i);
	return dps_transfer_commit(transfer, file_offset, bytes, flags,
				   dps_clock_now_ns(&stage->clock));
}

/* Begins the next file, when an older one is gone. */
static int begin_file(struct stage *stage, uint32_t file_index)
{
	int error;

	while ((error = dps_transfer_advance(stage->rig.transfer, file_index, NULL)) == -EAGAIN)
		sched_yield();
	return error;
}

static void *produce(void *argument)
{
	struct stage *stage = argument;
	struct dps_random random;
	uint64_t offset = 0, begin = 0;
	uint32_t file_index = 0;
	int error = 0;

	dps_random_init(&random, stage->seed);
	for (unsigned int i = 0; i < CHUNKS && error == 0; i++) {
		uint64_t bytes = dps_random_below(&random, CHUNK_BYTES + 1);
		bool is_last = i + 1 == CHUNKS;
		bool is_file_end = !is_last && dps_random_chance(&random, 1, 4);

		error = post(stage, offset, offset - begin, bytes,
			     is_last	   ? DPS_CHUNK_END
			     : is_file_end ? DPS_CHUNK_FILE_END
					   : 0);
		offset += bytes;
		if (error != 0 || !is_file_end)
			continue;
		begin = offset;
		error = begin_file(stage, ++file_index);
	}
	EXPECT(stage, error == 0 || error == -ECANCELED);
	EXPECT(stage, error == 0 || stage->cancel_at != UINT64_MAX);
	return NULL;
}

static void receive(struct stage *stage, const struct dps_slice *slice)
{
	uint64_t end = slice->offset + slice->bytes;

	if (slice->offset > stage->have)
		return;
	for (uint32_t i = 0; i < slice->bytes; i++)
		EXPECT(stage, slice->memory[i] == rig_byte(slice->offset + i));
	if (end < stage->have || slice->file_index < stage->file_index)
		return;
	if (slice->file_index > stage->file_index)
		stage->has_file_end = false;
	stage->have = end;
	stage->have_of_file = slice->file_offset + slice->bytes;
	stage->file_index = slice->file_index;
	if ((slice->flags & DPS_CHUNK_FILE_END) != 0)
		stage->has_file_end = true;
	if ((slice->flags & DPS_CHUNK_END) != 0)
		stage->has_end = true;
}

static void acknowledge(struct stage *stage, uint64_t epoch, bool is_by_file)
{
	struct dps_transfer_ack ack = {
		.epoch = epoch,
		.received = is_by_file ? stage->have_of_file : stage->have,
		.file_index = is_by_file ? stage->file_index : DPS_FILE_NONE,
		.has_end = is_by_file ? stage->has_file_end : stage->has_end,
	};

	dps_transfer_on_ack(stage->rig.transfer, &ack, dps_clock_now_ns(&stage->clock));
}

static uint64_t reconnect(struct stage *stage, uint64_t epoch, bool is_parked_first)
{
	struct dps_transfer_resume request = { .epoch = epoch + 1,
					       .offset = stage->have_of_file,
					       .file_index = stage->file_index };
	struct dps_transfer_resumed answer;
	uint64_t now_ns = dps_clock_now_ns(&stage->clock);
	enum dps_resume_code code;

	if (is_parked_first)
		EXPECT(stage, dps_transfer_park(stage->rig.transfer, epoch, now_ns) == 0);
	dps_wait_on_turn(&stage->wait);
	code = dps_transfer_resume(stage->rig.transfer, &request, &answer, now_ns);
	if (code == DPS_RESUME_WRONG_FILE) {
		/* All of it was acknowledged, and the next one has begun. */
		request.offset = stage->have;
		request.file_index = DPS_FILE_NONE;
		code = dps_transfer_resume(stage->rig.transfer, &request, &answer, now_ns);
	}
	/* Finished, when what was acknowledged last was the end. */
	EXPECT(stage, code == DPS_RESUME_OK || code == DPS_RESUME_CANCELLED ||
			      (code == DPS_RESUME_FINISHED && stage->has_end));
	return code == DPS_RESUME_OK ? epoch + 1 : epoch;
}

/* Holds what it sent for a few turns, as a port does, and reads it only then. */
static void *turn(void *argument)
{
	struct stage *stage = argument;
	struct dps_transfer *transfer = stage->rig.transfer;
	struct dps_slice held[HELD * SLICES], slices[SLICES];
	struct dps_random random;
	struct dps_transfer_snapshot snapshot = { .state = DPS_TRANSFER_ATTACHED };
	unsigned int held_count = 0, count;
	uint64_t epoch = 1;

	dps_random_init(&random, stage->seed + 1);
	do {
		uint32_t bytes_max = 1 + (uint32_t)dps_random_below(&random, CHUNK_BYTES);

		count = held_count > (HELD - 1) * SLICES
				? 0
				: dps_transfer_emit_slices(transfer, epoch, slices, SLICES,
							   bytes_max);
		for (unsigned int i = 0; i < count; i++)
			held[held_count++] = slices[i];
		if (held_count > 0 && (count == 0 || dps_random_chance(&random, 1, 2))) {
			bool is_lost = dps_random_chance(&random, 1, 50);

			if (!is_lost && held[0].epoch == epoch)
				receive(stage, &held[0]);
			dps_transfer_on_released(transfer, held[0].chunk);
			memmove(held, held + 1, --held_count * sizeof(held[0]));
			if (is_lost)
				dps_transfer_replay(transfer, epoch, stage->have);
		}
		if (dps_random_chance(&random, 1, 4))
			acknowledge(stage, epoch, dps_random_chance(&random, 1, 2));
		if (dps_random_chance(&random, 1, 500))
			epoch = reconnect(stage, epoch, dps_random_chance(&random, 1, 2));
		if (dps_random_chance(&random, 1, 100))
			dps_transfer_set_window(transfer, dps_random_below(&random, 2049));
		dps_wait_on_turn(&stage->wait);
		if (count == 0) {
			/* What was lost behind the last of it nobody misses but the far side. */
			dps_transfer_replay(transfer, epoch, stage->have);
			sched_yield();
		}
		/* The producer may have been stopped in the middle of its change: then next turn.
		 */
		dps_transfer_read(transfer, &snapshot);
	} while (snapshot.state == DPS_TRANSFER_ATTACHED || snapshot.state == DPS_TRANSFER_PARKED);
	dps_wait_on_turn(&stage->wait);
	while (held_count > 0)
		dps_transfer_on_released(transfer, held[--held_count].chunk);
	atomic_store(&stage->is_over, 1);
	return NULL;
}

/* Whatever comes and goes meanwhile: what a handle leads to is what was registered under its id. */
static void look_at_all(struct stage *stage)
{
	struct dps_handle handles[HANDLES];
	uint32_t from = 0;
	unsigned int count;

	while ((count = dps_registry_snapshot(stage->registry, &from, handles, HANDLES)) > 0) {
		for (unsigned int i = 0; i < count; i++) {
			struct dps_transfer_id id;
			void *owner = dps_registry_get(stage->registry, handles[i], &id);
			bool is_ours = id.bytes[0] != 0;

			if (owner == NULL)
				continue;
			EXPECT(stage, is_ours != (id.bytes[15] != 0));
			EXPECT(stage, owner == (is_ours ? (void *)stage->rig.transfer
							: &stage->others[id.bytes[15]]));
		}
	}
}

static void *watch(void *argument)
{
	struct stage *stage = argument;
	struct dps_transfer_snapshot before = { 0 }, now = { 0 };

	while (!is_over(stage)) {
		struct dps_transfer *transfer;
		struct dps_handle handle;

		look_at_all(stage);
		/* Registered all the time: it is found, whatever else moves. */
		if (!dps_registry_find(stage->registry, &stage->id, &handle)) {
			EXPECT(stage, false);
			continue;
		}
		transfer = dps_registry_get(stage->registry, handle, NULL);
		if (transfer == NULL || !dps_transfer_read(transfer, &now))
			continue;
		EXPECT(stage, now.acknowledged <= now.posted && now.sent_max <= now.posted);
		EXPECT(stage, now.lowest <= now.posted && now.sent <= now.sent_max);
		EXPECT(stage, now.acknowledged >= before.acknowledged);
		EXPECT(stage, now.posted >= before.posted && now.epoch >= before.epoch);
		EXPECT(stage, now.file_index >= before.file_index);
		EXPECT(stage, now.chunks_released <= now.chunks_posted);
		EXPECT(stage, now.resumes + 1 == now.epoch);
		EXPECT(stage,
		       (now.state == DPS_TRANSFER_PARKED) == (now.parks == now.resumes + 1) ||
			       now.state == DPS_TRANSFER_CANCELLED);
		before = now;
		sched_yield();
	}
	return NULL;
}

static void *cancel(void *argument)
{
	struct stage *stage = argument;
	struct dps_transfer_snapshot now = { 0 };

	while (!is_over(stage) && now.posted < stage->cancel_at) {
		dps_transfer_read(stage->rig.transfer, &now);
		sched_yield();
	}
	if (now.posted >= stage->cancel_at &&
	    dps_transfer_cancel(stage->rig.transfer, "by a thread"))
		atomic_fetch_add(&stage->cancels, 1);
	return NULL;
}

/* The registry's writer: others come and go all the while, in places that have just been used. */
static void churn(struct stage *stage)
{
	struct dps_transfer_id id = { { 0 } };
	struct dps_handle handle;
	unsigned int i = 0;

	while (!is_over(stage)) {
		id.bytes[15] = (uint8_t)(1 + i++ % 255);
		if (dps_registry_register(stage->registry, &id, &stage->others[id.bytes[15]],
					  &handle) == 0)
			dps_registry_unregister(stage->registry, handle);
		if (i % 64 == 0)
			sched_yield();
	}
}

static void run(struct stage *stage, uint64_t seed, uint64_t cancel_at)
{
	void *(*const roles[])(void *) = { produce, turn, watch, cancel, cancel };
	pthread_t threads[5];
	void *memory = aligned_alloc(64, (dps_registry_bytes(8) + 63) / 64 * 64);
	struct dps_transfer_config config = rig_config(2048, CHUNK_BYTES);

	memset(stage, 0, sizeof(*stage));
	config.files_kept = seed % (FILES_KEPT + 1);
	rig_open(&stage->rig, &config);
	dps_clock_init_real(&stage->clock);
	assert_int_equal(dps_wait_init(&stage->wait, stage->rig.transfer, &stage->clock, true), 0);
	assert_non_null(memory);
	stage->registry = dps_registry_init(memory, 2, seed);
	stage->id.bytes[0] = 1;
	assert_int_equal(dps_registry_register(stage->registry, &stage->id, stage->rig.transfer,
					       &stage->handle),
			 0);
	stage->seed = seed;
	stage->cancel_at = cancel_at;
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, roles[i], stage), 0);
	churn(stage);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	dps_transfer_on_turn(stage->rig.transfer);
	assert_int_equal(atomic_load(&stage->wrong), 0);
	dps_wait_fini(&stage->wait);
	free(memory);
}

static void threads__move_a_transfer_to_its_end(void **state)
{
	static struct stage stage;

	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		run(&stage, seed, UINT64_MAX);
		assert_int_equal(rig_read(&stage.rig).state, DPS_TRANSFER_FINISHED);
		assert_int_equal(stage.have, rig_posted(&stage.rig));
		assert_true(stage.has_end);
		assert_int_equal(rig_held(&stage.rig), 0);
		rig_close(&stage.rig);
	}
}

/* Of two that cancel one is the first; the producer hears of it wherever it is; nothing leaks. */
static void threads__end_together_when_one_cancels(void **state)
{
	static struct stage stage;

	(void)state;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		run(&stage, seed, seed * 10000);
		assert_int_equal(atomic_load(&stage.cancels), 1);
		assert_int_equal(rig_read(&stage.rig).state, DPS_TRANSFER_CANCELLED);
		assert_int_equal(rig_held(&stage.rig), 0);
		rig_close(&stage.rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads__move_a_transfer_to_its_end),
		cmocka_unit_test(threads__end_together_when_one_cancels),
	};

	return cmocka_run_group_tests_name("transfer_threads", tests, NULL, NULL);
}
