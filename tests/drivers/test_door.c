/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs of two sides, each with its door, and one lane between them. What a program waits for
 * it is given, or told why not, and nothing but the lane touches a stream.
 */
#include "drivers/wait/door.h"
#include "tests/support/stream_rig.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#define SHORT_NS (20 * DPS_NS_PER_MS)
#define LONG_NS (60 * DPS_NS_PER_S)

struct lane {
	struct stream_rig rig;
	struct dps_clock clock;
	struct dps_door doors[2]; /* near's and far's */
	pthread_t thread;
	atomic_bool is_stopping;
	atomic_bool is_cut; /* nothing goes from one side to the other */
};

static void carry(struct lane *lane, struct rig_side *from, struct rig_side *to, uint64_t now_ns)
{
	struct dps_stream_placement placement;
	struct dps_stream_message message;
	struct dps_stream_slice slice;
	struct dps_stream_ack ack;

	while (dps_streams_emit_messages(from->streams, lane->rig.epoch, &message, 1) == 1)
		dps_streams_on_message(to->streams, lane->rig.epoch, &message);
	while (dps_streams_emit_slices(from->streams, lane->rig.epoch, &slice, 1, 256) == 1) {
		if (dps_streams_place(to->streams, lane->rig.epoch, &slice, &placement)) {
			if (slice.bytes > 0)
				memcpy(placement.to, slice.memory, slice.bytes);
			dps_streams_commit(to->streams, &placement, true, now_ns);
		}
		dps_streams_on_released(from->streams, slice.token);
	}
	while (dps_streams_emit_acks(from->streams, lane->rig.epoch, &ack, 1, now_ns) == 1)
		dps_streams_on_ack(to->streams, lane->rig.epoch, &ack);
}

static void *run_lane(void *argument)
{
	struct lane *lane = argument;

	while (!atomic_load(&lane->is_stopping)) {
		uint64_t now_ns = dps_clock_now_ns(&lane->clock);

		dps_door_on_turn(&lane->doors[0], lane->rig.near.streams, now_ns);
		dps_door_on_turn(&lane->doors[1], lane->rig.far.streams, now_ns);
		dps_streams_on_deadline(lane->rig.near.streams, now_ns);
		if (!atomic_load(&lane->is_cut)) {
			carry(lane, &lane->rig.near, &lane->rig.far, now_ns);
			carry(lane, &lane->rig.far, &lane->rig.near, now_ns);
		}
		sched_yield();
	}
	return NULL;
}

static void lane_start(struct lane *lane)
{
	memset(lane, 0, sizeof(*lane));
	rig_open_streams(&lane->rig);
	dps_clock_init_real(&lane->clock);
	assert_int_equal(dps_door_init(&lane->doors[0], &lane->clock), 0);
	assert_int_equal(dps_door_init(&lane->doors[1], &lane->clock), 0);
	assert_int_equal(pthread_create(&lane->thread, NULL, run_lane, lane), 0);
}

static void lane_stop(struct lane *lane)
{
	atomic_store(&lane->is_stopping, true);
	assert_int_equal(pthread_join(lane->thread, NULL), 0);
	dps_door_fini(&lane->doors[0]);
	dps_door_fini(&lane->doors[1]);
	rig_close_streams(&lane->rig);
}

static struct dps_handle open_stream(struct lane *lane)
{
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	struct dps_handle handle;

	assert_int_equal(dps_door_open(&lane->doors[0], &options, &handle), 0);
	return handle;
}

/* The next event of this type; others are passed over. */
static struct dps_stream_event wait_event(struct lane *lane, unsigned int side, uint8_t type)
{
	struct dps_stream_event event;

	do
		assert_int_equal(dps_door_wait_event(&lane->doors[side], &event, DPS_NEVER_NS), 0);
	while (event.type != type);
	return event;
}

static uint64_t soon(struct lane *lane)
{
	return dps_clock_now_ns(&lane->clock) + SHORT_NS;
}

/* A program that writes, on a thread of its own; asserts are the main thread's. */
struct writer {
	struct lane *lane;
	struct dps_handle handle;
	pthread_t thread;
	unsigned int writes;
	int error; /* of the first write that failed */
	int end;
};

static void *run_writer(void *argument)
{
	struct writer *writer = argument;
	uint8_t bytes[700];
	uint64_t offset = 0;

	for (unsigned int i = 0; i < writer->writes && writer->error == 0; i++) {
		for (unsigned int at = 0; at < sizeof(bytes); at++)
			bytes[at] = rig_stream_byte(offset + at);
		writer->error = dps_door_write(&writer->lane->doors[0], writer->handle, bytes,
					       sizeof(bytes), DPS_NEVER_NS);
		offset += sizeof(bytes);
	}
	writer->end = dps_door_end(&writer->lane->doors[0], writer->handle, DPS_NEVER_NS);
	return NULL;
}

static void start_writer(struct writer *writer, struct lane *lane, unsigned int writes)
{
	*writer = (struct writer){
		.lane = lane,
		.handle = open_stream(lane),
		.writes = writes,
	};
	assert_int_equal(pthread_create(&writer->thread, NULL, run_writer, writer), 0);
}

static void join_writer(struct writer *writer)
{
	assert_int_equal(pthread_join(writer->thread, NULL), 0);
}

/* A window of 1 KiB, half a megabyte: each write waits for its turn, and the end for all. */
static void write__goes_on_when_it_is_clear_and_end_when_all_is_there(void **state)
{
	static struct lane lane;
	struct writer writer;
	struct dps_handle far;
	uint64_t offset = 0;
	uint8_t bytes[999];
	int count;

	(void)state;
	lane_start(&lane);
	start_writer(&writer, &lane, 750);
	far = wait_event(&lane, 1, DPS_STREAM_EVENT_ARRIVED).handle;
	while ((count = dps_door_read(&lane.doors[1], far, bytes, sizeof(bytes), DPS_NEVER_NS)) > 0)
		for (int i = 0; i < count; i++)
			assert_int_equal(bytes[i], rig_stream_byte(offset++));
	assert_int_equal(count, 0);
	assert_int_equal(offset, 750 * 700);
	join_writer(&writer);
	assert_int_equal(writer.error, 0);
	assert_int_equal(writer.end, 0);
	lane_stop(&lane);
}

/* E46, from a thread that sleeps in a write. */
static void write__is_woken_by_a_stop_and_told_its_code(void **state)
{
	static struct lane lane;
	struct dps_stream_event event;
	struct writer writer;
	struct dps_handle far;
	uint8_t byte;

	(void)state;
	lane_start(&lane);
	start_writer(&writer, &lane, UINT32_MAX);
	far = wait_event(&lane, 1, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(dps_door_read(&lane.doors[1], far, &byte, 1, DPS_NEVER_NS), 1);
	assert_int_equal(dps_door_close(&lane.doors[1], far, DPS_STREAM_DROP), 0);
	join_writer(&writer);
	assert_int_equal(writer.error, -DPS_ERROR_STOPPED);
	assert_int_equal(writer.end, -DPS_ERROR_STOPPED);
	event = wait_event(&lane, 0, DPS_STREAM_EVENT_SEND_OVER);
	assert_true(event.cause.code == DPS_CODE_DROPPED);
	lane_stop(&lane);
}

/* E10: it gives up waiting, and the stream is as it was. */
static void write__gives_up_at_the_deadline(void **state)
{
	static struct lane lane;
	uint8_t bytes[1024];
	struct dps_handle handle;
	uint64_t deadline_ns;

	(void)state;
	lane_start(&lane);
	handle = open_stream(&lane);
	memset(bytes, 1, sizeof(bytes));
	atomic_store(&lane.is_cut, true);
	deadline_ns = soon(&lane);
	/* The first is sent; that it is not clear to send another is no error of it. */
	assert_int_equal(dps_door_write(&lane.doors[0], handle, bytes, 1024, deadline_ns), 0);
	assert_true(dps_clock_now_ns(&lane.clock) >= deadline_ns);
	assert_int_equal(dps_door_write(&lane.doors[0], handle, bytes, 1024, soon(&lane)),
			 -DPS_ERROR_TIMEOUT);
	assert_int_equal(dps_door_end(&lane.doors[0], handle, soon(&lane)), -DPS_ERROR_TIMEOUT);
	atomic_store(&lane.is_cut, false);
	assert_int_equal(dps_door_end(&lane.doors[0], handle, DPS_NEVER_NS), 0);
	lane_stop(&lane);
}

static void read__gives_up_at_the_deadline(void **state)
{
	static struct lane lane;
	struct dps_handle handle, far;
	uint8_t byte = 0;

	(void)state;
	lane_start(&lane);
	handle = open_stream(&lane);
	far = wait_event(&lane, 1, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(dps_door_read(&lane.doors[1], far, &byte, 1, soon(&lane)),
			 -DPS_ERROR_TIMEOUT);
	assert_int_equal(dps_door_write(&lane.doors[0], handle, &byte, 1, DPS_NEVER_NS), 0);
	assert_int_equal(dps_door_read(&lane.doors[1], far, &byte, 1, DPS_NEVER_NS), 1);
	lane_stop(&lane);
}

static void open__tells_why_it_failed(void **state)
{
	struct dps_stream_options options = { .flags = 1u << 20 };
	static struct lane lane;
	struct dps_handle handle;

	(void)state;
	lane_start(&lane);
	assert_int_equal(dps_door_open(&lane.doors[0], &options, &handle), -EINVAL);
	atomic_store(&lane.is_cut, true);
	options = (struct dps_stream_options){ .open_deadline_ns = soon(&lane) };
	assert_int_equal(dps_door_open(&lane.doors[0], &options, &handle), -DPS_ERROR_TIMEOUT);
	assert_int_equal(dps_door_close(&lane.doors[0], handle, DPS_STREAM_DROP),
			 -DPS_ERROR_CLOSED);
	lane_stop(&lane);
}

static bool abort_it(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	const struct dps_handle *handle = argument;

	(void)now_ns;
	dps_stream_abort(streams, *handle, 77);
	return true;
}

/* For programs with a loop of their own: no thread waits for a stream, and one hears of all. */
static void event_fd__is_readable_when_something_happened(void **state)
{
	struct pollfd poll_fd = { .events = POLLIN };
	struct dps_stream_event events[4];
	static struct lane lane;
	struct dps_handle handles[8];
	unsigned int over = 0, count;

	(void)state;
	lane_start(&lane);
	for (unsigned int i = 0; i < 8; i++)
		handles[i] = open_stream(&lane);
	poll_fd.fd = dps_door_event_fd(&lane.doors[1]);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(dps_door_post(&lane.doors[0], abort_it, &handles[i]), 0);
	while (over < 8) {
		assert_int_equal(poll(&poll_fd, 1, (int)(LONG_NS / DPS_NS_PER_MS)), 1);
		dps_door_clear_event(&lane.doors[1]);
		while ((count = dps_door_take_events(&lane.doors[1], events, 4)) > 0)
			for (unsigned int i = 0; i < count; i++) {
				if (events[i].type != DPS_STREAM_EVENT_RECEIVE_OVER)
					continue;
				assert_int_equal(events[i].cause.code, 77);
				over++;
			}
	}
	assert_int_equal(dps_door_wait_event(&lane.doors[1], events, soon(&lane)),
			 -DPS_ERROR_TIMEOUT);
	lane_stop(&lane);
}

static bool nothing(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	unsigned int *count = argument;

	(void)streams;
	(void)now_ns;
	(*count)++;
	return true;
}

/* Full is said; one that waits finds its place all the same, behind those that were posted. */
static void post__leaves_a_place_for_one_who_waits(void **state)
{
	struct dps_clock clock;
	static struct dps_door door;
	static struct lane lane;
	unsigned int made = 0, posted = 0;

	(void)state;
	dps_clock_init_real(&clock);
	assert_int_equal(dps_door_init(&door, &clock), 0);
	while (dps_door_post(&door, nothing, &made) == 0)
		posted++;
	assert_int_equal(posted, DPS_DOOR_CALLS - 1);
	dps_door_fini(&door);

	lane_start(&lane);
	for (unsigned int round = 0; round < 100; round++) {
		posted = made = 0;
		while (posted < 200 && dps_door_post(&lane.doors[0], nothing, &made) == 0)
			posted++;
		dps_door_wait(&lane.doors[0], nothing, &made);
		assert_int_equal(made, posted + 1);
	}
	lane_stop(&lane);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write__goes_on_when_it_is_clear_and_end_when_all_is_there),
		cmocka_unit_test(write__is_woken_by_a_stop_and_told_its_code),
		cmocka_unit_test(write__gives_up_at_the_deadline),
		cmocka_unit_test(read__gives_up_at_the_deadline),
		cmocka_unit_test(open__tells_why_it_failed),
		cmocka_unit_test(event_fd__is_readable_when_something_happened),
		cmocka_unit_test(post__leaves_a_place_for_one_who_waits),
	};

	return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
