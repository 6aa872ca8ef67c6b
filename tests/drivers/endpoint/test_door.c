/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads that use the streams of two endpoints, which the main thread polls: each is given what it
 * waits for, or told why not. What they are told is asserted by the main thread.
 */
#include "drivers/endpoint/endpoint_state.h"
#include "tests/support/endpoint_pair.h"
#include <dps/door.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

enum {
	PIECE = 7000,
	PIECES = 100,
	WINDOW = 16 << 10,
	STOP_CODE = 77,
	WRITERS = 4,
	SHORT_PIECE = 64,
	SHORT_PIECES = 300,
};
#define SHORT_NS (20 * DPS_NS_PER_MS)

/* A thread of a program, what it does, and what became of that. */
struct visitor {
	struct dps_door door;
	void (*run)(struct visitor *visitor);
	pthread_t thread;
	atomic_bool is_over;
	struct dps_handle stream;
	unsigned int writes;
	uint8_t letter;
	uint64_t bytes;
	bool is_wrong;	  /* other bytes than were written */
	uint64_t late_ns; /* how long after the deadline; UINT64_MAX: before it */
	int opened, error, end;
};

static int setup(void **state)
{
	pair_setup(state);
	pair_connect(*state);
	return 0;
}

static void *run_visitor(void *argument)
{
	struct visitor *visitor = argument;

	visitor->run(visitor);
	atomic_store(&visitor->is_over, true);
	dps_endpoint_wake(visitor->door.endpoint);
	return NULL;
}

static void start(struct visitor *visitor, struct pair_side *side,
		  void (*run)(struct visitor *visitor))
{
	visitor->door = (struct dps_door){ side->endpoint, side->peer };
	visitor->run = run;
	atomic_store(&visitor->is_over, false);
	assert_int_equal(pthread_create(&visitor->thread, NULL, run_visitor, visitor), 0);
}

static void join(struct visitor *visitor)
{
	assert_int_equal(pthread_join(visitor->thread, NULL), 0);
}

static void until_over(struct endpoint_pair *pair, struct visitor *visitor)
{
	PAIR_UNTIL(pair, atomic_load(&visitor->is_over));
	join(visitor);
}

/* The far side does not hear of it: nobody polls there. */
static void until_over_alone(struct endpoint_pair *pair, struct visitor *visitor)
{
	while (!atomic_load(&visitor->is_over))
		assert_true(dps_endpoint_poll(pair->near.endpoint, DPS_NEVER_NS) >= 0);
	join(visitor);
}

static void until_it_sleeps(struct endpoint_pair *pair)
{
	PAIR_UNTIL(pair, pair->near.endpoint->doors.waiting != NULL);
}

static uint8_t content(uint64_t offset)
{
	return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static uint64_t soon(const struct visitor *visitor)
{
	return dps_endpoint_now_ns(visitor->door.endpoint) + SHORT_NS;
}

static void open_stream(struct visitor *visitor)
{
	const struct dps_stream_options options = {
		.open_deadline_ns = DPS_NEVER_NS,
		.window_bytes = WINDOW,
	};

	visitor->opened = dps_door_open(&visitor->door, &options, &visitor->stream);
}

static void write_all(struct visitor *visitor)
{
	uint8_t bytes[PIECE];

	open_stream(visitor);
	for (unsigned int i = 0; i < visitor->writes && visitor->error == 0; i++) {
		for (unsigned int at = 0; at < sizeof(bytes); at++)
			bytes[at] = content(visitor->bytes + at);
		visitor->error = dps_door_write(&visitor->door, visitor->stream, bytes,
						sizeof(bytes), DPS_NEVER_NS);
		visitor->bytes += sizeof(bytes);
	}
	visitor->end = dps_door_end(&visitor->door, visitor->stream, DPS_NEVER_NS);
}

static void read_all(struct visitor *visitor)
{
	uint8_t bytes[999];

	while ((visitor->error = dps_door_read(&visitor->door, visitor->stream, bytes,
					       sizeof(bytes), DPS_NEVER_NS)) > 0)
		for (int i = 0; i < visitor->error; i++)
			visitor->is_wrong |= bytes[i] != content(visitor->bytes++);
}

static struct dps_handle arrived(struct endpoint_pair *pair)
{
	PAIR_UNTIL(pair, pair->far.streams_told[DPS_STREAM_EVENT_ARRIVED] > 0);
	return pair->far.streams_last[DPS_STREAM_EVENT_ARRIVED].handle;
}

/* A window of two pieces: each write waits for its turn, and the end for all. */
static void write__goes_on_when_it_is_clear_and_end_when_all_is_there(void **state)
{
	struct endpoint_pair *pair = *state;
	struct visitor writer = { .writes = PIECES }, reader = { 0 };

	start(&writer, &pair->near, write_all);
	reader.stream = arrived(pair);
	start(&reader, &pair->far, read_all);
	until_over(pair, &writer);
	until_over(pair, &reader);
	assert_int_equal(writer.opened, 0);
	assert_int_equal(writer.error, 0);
	assert_int_equal(writer.end, 0);
	assert_int_equal(reader.error, 0);
	assert_int_equal(reader.bytes, PIECES * PIECE);
	assert_false(reader.is_wrong);
}

/* E46, from a thread that sleeps in a write. */
static void write__is_woken_by_a_stop_and_told_its_code(void **state)
{
	struct endpoint_pair *pair = *state;
	struct visitor writer = { .writes = UINT32_MAX };
	struct dps_streams *streams;

	start(&writer, &pair->near, write_all);
	streams = dps_endpoint_streams(pair->far.endpoint, pair->far.peer);
	assert_int_equal(dps_stream_stop(streams, arrived(pair), STOP_CODE), 0);
	until_over(pair, &writer);
	assert_int_equal(writer.error, -DPS_ERROR_STOPPED);
	assert_int_equal(writer.end, -DPS_ERROR_STOPPED);
	PAIR_UNTIL(pair, pair->near.streams_told[DPS_STREAM_EVENT_SEND_OVER] == 1);
	assert_int_equal(pair->near.streams_last[DPS_STREAM_EVENT_SEND_OVER].cause.code, STOP_CODE);
}

static void write_window(struct visitor *visitor)
{
	static const uint8_t bytes[WINDOW];
	uint64_t deadline_ns = soon(visitor), now_ns;

	visitor->error =
		dps_door_write(&visitor->door, visitor->stream, bytes, sizeof(bytes), deadline_ns);
	now_ns = dps_endpoint_now_ns(visitor->door.endpoint);
	visitor->late_ns = now_ns >= deadline_ns ? now_ns - deadline_ns : UINT64_MAX;
}

static void end_soon(struct visitor *visitor)
{
	visitor->end = dps_door_end(&visitor->door, visitor->stream, soon(visitor));
}

static void end_ever(struct visitor *visitor)
{
	visitor->end = dps_door_end(&visitor->door, visitor->stream, DPS_NEVER_NS);
}

/* E10: it gives up waiting, for which a poll that sleeps wakes up, and the stream is as it was. */
static void write__gives_up_at_the_deadline(void **state)
{
	struct endpoint_pair *pair = *state;
	struct visitor visitor = { 0 };

	start(&visitor, &pair->near, open_stream);
	until_over(pair, &visitor);
	assert_int_equal(visitor.opened, 0);
	/* The first is sent; that it is not clear to send another is no error of it. */
	start(&visitor, &pair->near, write_window);
	until_over_alone(pair, &visitor);
	assert_int_equal(visitor.error, 0);
	assert_true(visitor.late_ns != UINT64_MAX);
	start(&visitor, &pair->near, write_window);
	until_over_alone(pair, &visitor);
	assert_int_equal(visitor.error, -DPS_ERROR_TIMEOUT);
	start(&visitor, &pair->near, end_soon);
	until_over_alone(pair, &visitor);
	assert_int_equal(visitor.end, -DPS_ERROR_TIMEOUT);
	start(&visitor, &pair->near, end_ever);
	until_over(pair, &visitor);
	assert_int_equal(visitor.end, 0);
}

static void read_soon(struct visitor *visitor)
{
	uint8_t byte;

	visitor->error = dps_door_read(&visitor->door, visitor->stream, &byte, 1, soon(visitor));
}

static void read_ever(struct visitor *visitor)
{
	uint8_t byte;

	visitor->error = dps_door_read(&visitor->door, visitor->stream, &byte, 1, DPS_NEVER_NS);
}

static void read_nothing(struct visitor *visitor)
{
	uint8_t byte;

	visitor->error = dps_door_read(&visitor->door, visitor->stream, &byte, 0, DPS_NEVER_NS);
}

static void read__gives_up_at_the_deadline(void **state)
{
	struct endpoint_pair *pair = *state;
	struct visitor writer = { 0 }, reader = { 0 };

	start(&writer, &pair->near, open_stream);
	reader.stream = arrived(pair);
	until_over(pair, &writer);
	start(&reader, &pair->far, read_soon);
	until_over(pair, &reader);
	assert_int_equal(reader.error, -DPS_ERROR_TIMEOUT);
	/* No room: not to be taken for the end. */
	start(&reader, &pair->far, read_nothing);
	until_over(pair, &reader);
	assert_int_equal(reader.error, -EINVAL);
	start(&reader, &pair->far, read_ever);
	start(&writer, &pair->near, write_window);
	until_over(pair, &writer);
	until_over(pair, &reader);
	assert_int_equal(reader.error, 1);
}

static void open_wrongly(struct visitor *visitor)
{
	const struct dps_stream_options options = { .flags = 1u << 20 };

	visitor->opened = dps_door_open(&visitor->door, &options, &visitor->stream);
}

static void open_soon(struct visitor *visitor)
{
	const struct dps_stream_options options = { .open_deadline_ns = soon(visitor) };

	visitor->opened = dps_door_open(&visitor->door, &options, &visitor->stream);
}

static void close_it(struct visitor *visitor)
{
	visitor->error = dps_door_close(&visitor->door, visitor->stream, DPS_STREAM_DROP);
}

static void open__tells_why_it_failed(void **state)
{
	struct endpoint_pair *pair = *state;
	struct visitor visitor = { 0 };

	start(&visitor, &pair->near, open_wrongly);
	until_over(pair, &visitor);
	assert_int_equal(visitor.opened, -EINVAL);
	start(&visitor, &pair->near, open_soon);
	until_over_alone(pair, &visitor);
	assert_int_equal(visitor.opened, -DPS_ERROR_TIMEOUT);
	/* And there is no stream. */
	start(&visitor, &pair->near, close_it);
	until_over(pair, &visitor);
	assert_int_equal(visitor.error, -DPS_ERROR_CLOSED);
	PAIR_UNTIL(pair, dps_streams_count(
				 dps_endpoint_streams(pair->near.endpoint, pair->near.peer)) == 0);
}

/* Each piece is whole, whoever wrote it. */
static void write_letters(struct visitor *visitor)
{
	uint8_t bytes[SHORT_PIECE];

	memset(bytes, visitor->letter, sizeof(bytes));
	for (unsigned int i = 0; i < SHORT_PIECES && visitor->error == 0; i++)
		visitor->error = dps_door_write(&visitor->door, visitor->stream, bytes,
						sizeof(bytes), DPS_NEVER_NS);
}

static void read_letters(struct visitor *visitor)
{
	uint8_t bytes[SHORT_PIECE], letter = 0;

	while ((visitor->error = dps_door_read(&visitor->door, visitor->stream, bytes,
					       sizeof(bytes), DPS_NEVER_NS)) > 0)
		for (int i = 0; i < visitor->error; i++) {
			letter = visitor->bytes++ % SHORT_PIECE == 0 ? bytes[i] : letter;
			visitor->is_wrong |= bytes[i] != letter;
		}
}

static void writers__of_one_stream_do_not_mix_what_they_write(void **state)
{
	struct endpoint_pair *pair = *state;
	struct visitor writers[WRITERS] = { 0 }, opener = { 0 }, reader = { 0 };

	start(&opener, &pair->near, open_stream);
	reader.stream = arrived(pair);
	until_over(pair, &opener);
	start(&reader, &pair->far, read_letters);
	for (unsigned int i = 0; i < WRITERS; i++) {
		writers[i].stream = opener.stream;
		writers[i].letter = (uint8_t)('a' + i);
		start(&writers[i], &pair->near, write_letters);
	}
	for (unsigned int i = 0; i < WRITERS; i++) {
		until_over(pair, &writers[i]);
		assert_int_equal(writers[i].error, 0);
	}
	start(&opener, &pair->near, end_ever);
	until_over(pair, &opener);
	until_over(pair, &reader);
	assert_int_equal(reader.bytes, WRITERS * SHORT_PIECES * SHORT_PIECE);
	assert_false(reader.is_wrong);
}

static void open_and_read(struct visitor *visitor)
{
	const struct dps_stream_options options = {
		.flags = DPS_STREAM_BOTH_WAYS,
		.open_deadline_ns = DPS_NEVER_NS,
	};

	visitor->opened = dps_door_open(&visitor->door, &options, &visitor->stream);
	read_ever(visitor);
}

/* It waits as long as it takes, and costs the polling thread no turn of its own meanwhile. */
static void one_who_sleeps__keeps_nobody_busy(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_endpoint *near = pair->near.endpoint;
	struct visitor visitor = { 0 };

	start(&visitor, &pair->near, open_and_read);
	(void)arrived(pair);
	PAIR_UNTIL(pair, pair->near.streams_told[DPS_STREAM_EVENT_OPENED] == 1);
	until_it_sleeps(pair);
	assert_int_equal(dps_endpoint_run_doors(near, dps_endpoint_now_ns(near)), 0);
	assert_true(dps_endpoint_doors_deadline_ns(near) == DPS_NEVER_NS);
	assert_int_equal(dps_endpoint_release(near, pair->near.peer), 0);
	until_over(pair, &visitor);
	assert_int_equal(visitor.opened, 0);
	assert_int_equal(visitor.error, -DPS_ERROR_CLOSED);
}

static void read_only(struct visitor *visitor)
{
	uint8_t byte;

	visitor->error = dps_door_read(&visitor->door, visitor->stream, &byte, 1, DPS_NEVER_NS);
	/* The endpoint is there no more: it is not to be woken. */
	visitor->door.endpoint = NULL;
}

static void close__tells_those_who_sleep(void **state)
{
	struct endpoint_pair *pair = *state;
	struct visitor visitor = { 0 };
	const struct dps_stream_options options = {
		.flags = DPS_STREAM_BOTH_WAYS,
		.open_deadline_ns = DPS_NEVER_NS,
	};

	assert_int_equal(dps_stream_open(dps_endpoint_streams(pair->near.endpoint, pair->near.peer),
					 &options, &visitor.stream),
			 0);
	start(&visitor, &pair->near, read_only);
	until_it_sleeps(pair);
	pair_close(&pair->near);
	join(&visitor);
	assert_int_equal(visitor.error, -DPS_ERROR_CLOSED);
}

static int nothing(struct dps_streams *streams, void *argument, uint64_t now_ns)
{
	(void)streams;
	(void)argument;
	(void)now_ns;
	return 0;
}

static void call__that_could_never_be_answered_is_refused(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_door door = { pair->near.endpoint, pair->near.peer }, none = { 0 };
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };

	assert_int_equal(dps_door_call(&door, nothing, NULL, DPS_NEVER_NS), -EDEADLK);
	assert_int_equal(dps_door_call(&door, NULL, NULL, DPS_NEVER_NS), -EINVAL);
	assert_int_equal(dps_door_call(&none, nothing, NULL, DPS_NEVER_NS), -EINVAL);
	assert_int_equal(dps_door_call(NULL, nothing, NULL, DPS_NEVER_NS), -EINVAL);
	assert_int_equal(dps_door_open(&door, &options, NULL), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(write__goes_on_when_it_is_clear_and_end_when_all_is_there),
		TEST(write__is_woken_by_a_stop_and_told_its_code),
		TEST(write__gives_up_at_the_deadline),
		TEST(read__gives_up_at_the_deadline),
		TEST(open__tells_why_it_failed),
		TEST(writers__of_one_stream_do_not_mix_what_they_write),
		TEST(one_who_sleeps__keeps_nobody_busy),
		TEST(close__tells_those_who_sleep),
		TEST(call__that_could_never_be_answered_is_refused),
	};

	return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
