/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay: what it borrows from one peer it lends to another, and gives back when that has it. No
 * byte is copied, and who reads slowly at the far end slows down who writes at the near one.
 */
#include "tests/support/stream_rig.h"

struct relay {
	struct stream_rig in;  /* from near to the relay, which is its far side */
	struct stream_rig out; /* from the relay, its near side, to far */
	struct dps_handle writer, from, to, reader;
	struct dps_bytes held; /* read, and not sent on yet */
};

static void relay_open(struct relay *relay)
{
	memset(relay, 0, sizeof(*relay));
	rig_open_streams(&relay->in);
	rig_open_streams(&relay->out);
	relay->writer = rig_opened(&relay->in, 0, &relay->from);
	relay->to = rig_opened(&relay->out, 0, &relay->reader);
}

static void relay_close(struct relay *relay)
{
	rig_close_streams(&relay->in);
	rig_close_streams(&relay->out);
}

/* What the other side has, or does not want, is given back to where it came from. */
static void give_back(struct relay *relay)
{
	struct rig_side *side = &relay->out.near;

	rig_events(side);
	for (unsigned int i = 0; i < side->events_count; i++) {
		if (side->events[i].type < DPS_STREAM_EVENT_DELIVERED)
			continue;
		assert_int_equal(dps_stream_release(relay->in.far.streams, relay->from,
						    side->events[i].bytes),
				 0);
	}
}

/* Sends on what is held, and reads more; returns what ended it, -DPS_ERROR_FULL while it goes on.
 */
static int pass_on(struct relay *relay)
{
	struct dps_streams *in = relay->in.far.streams, *out = relay->out.near.streams;
	int error = 0;

	while (error == 0) {
		if (relay->held.bytes == 0) {
			int count = dps_stream_read(in, relay->from, &relay->held, 1);

			if (count == 0)
				return dps_stream_finish(out, relay->to);
			if (count < 0)
				return count;
		}
		error = dps_stream_send(out, relay->to, &relay->held, 1, DPS_SEND_BORROW, 0);
		if (error == 0)
			relay->held.bytes = 0;
	}
	return error;
}

static void turn(struct relay *relay)
{
	rig_run(&relay->in);
	pass_on(relay);
	rig_run(&relay->out);
	give_back(relay);
}

static void relay__moves_a_stream_without_a_copy(void **state)
{
	static struct relay relay;
	uint64_t sent = 0, got = 0;
	bool has_end = false;

	(void)state;
	relay_open(&relay);
	for (unsigned int i = 0; i < 1000 && !has_end; i++) {
		while (sent < 20000 && rig_send(&relay.in.near, relay.writer, 500, 0, 0) == 0)
			sent += 500;
		if (sent == 20000)
			dps_stream_finish(relay.in.near.streams, relay.writer);
		turn(&relay);
		/* Compared with what was written: its place in the stream is in each byte. */
		got += rig_read(&relay.out.far, relay.reader, &has_end);
	}
	assert_true(has_end);
	assert_int_equal(got, 20000);
	assert_int_equal(dps_slots_available(&relay.out.near.streams->send_blocks), 32);
	rig_run(&relay.out);
	give_back(&relay);
	rig_run(&relay.in);
	assert_int_equal(dps_stream_end(relay.in.near.streams, relay.writer, DPS_NEVER_NS, 0), 0);
	assert_int_equal(rig_look(&relay.in.far, relay.from).released, 20000);
	relay_close(&relay);
}

/* The bytes that leave lie where they arrived. */
static void relay__sends_from_where_it_received(void **state)
{
	static struct relay relay;
	uintptr_t first, last;

	(void)state;
	relay_open(&relay);
	rig_run(&relay.in);
	rig_run(&relay.out);
	assert_int_equal(rig_send(&relay.in.near, relay.writer, 900, 0, 0), 0);
	rig_run(&relay.in);
	assert_int_equal(pass_on(&relay), -DPS_ERROR_FULL);
	first = (uintptr_t)relay.in.far.blocks;
	last = first + 96 * 256;
	assert_int_equal(rig_emit(&relay.out, &relay.out.near, 8), 4);
	for (unsigned int i = 0; i < 4; i++)
		assert_in_range((uintptr_t)relay.out.near.slices[i].memory, first, last);
	rig_release(&relay.out.near);
	relay_close(&relay);
}

/* Nobody reads: what is under way is two windows and what the relay holds, and no more. */
static void relay__holds_the_writer_back_when_the_reader_is_slow(void **state)
{
	static struct relay relay;
	uint64_t sent = 0, got = 0;
	bool has_end;

	(void)state;
	relay_open(&relay);
	for (unsigned int i = 0; i < 100; i++) {
		while (rig_send(&relay.in.near, relay.writer, 100, 0, 0) == 0)
			sent += 100;
		turn(&relay);
	}
	assert_in_range(sent, 2048, 4 * 1024);
	for (unsigned int i = 0; i < 20; i++) {
		got += rig_read(&relay.out.far, relay.reader, &has_end);
		turn(&relay);
	}
	assert_int_equal(got, sent);
	relay_close(&relay);
}

/* A stop at the far end comes through: what is lent comes back, and the writer is told the code. */
static void relay__passes_a_stop_on(void **state)
{
	static struct relay relay;
	struct dps_stream_half_state half;

	(void)state;
	relay_open(&relay);
	rig_run(&relay.in);
	rig_run(&relay.out);
	assert_int_equal(rig_send(&relay.in.near, relay.writer, 900, 0, 0), 0);
	rig_run(&relay.in);
	assert_int_equal(pass_on(&relay), -DPS_ERROR_FULL);
	assert_int_equal(dps_stream_stop(relay.out.far.streams, relay.reader, 12), 0);
	rig_run(&relay.out);
	give_back(&relay);
	half = rig_look(&relay.out.near, relay.to).send;
	assert_int_equal(half.cause.error, -DPS_ERROR_STOPPED);
	assert_int_equal(dps_stream_stop(relay.in.far.streams, relay.from, half.cause.code), 0);
	assert_int_equal(dps_slots_available(&relay.in.far.streams->receive_blocks), 64);
	rig_run(&relay.in);
	assert_int_equal(rig_look(&relay.in.near, relay.writer).send.cause.code, 12);
	relay_close(&relay);
}

/* Who writes goes away without an end: behind what came of it, the reader is told so. */
static void relay__passes_an_abort_on(void **state)
{
	static struct relay relay;
	struct dps_stream_half_state half;
	uint64_t got = 0;
	bool has_end;

	(void)state;
	relay_open(&relay);
	rig_run(&relay.in);
	rig_run(&relay.out);
	assert_int_equal(rig_send(&relay.in.near, relay.writer, 900, 0, 0), 0);
	for (unsigned int i = 0; i < 4; i++) {
		turn(&relay);
		got += rig_read(&relay.out.far, relay.reader, &has_end);
		assert_false(has_end);
	}
	dps_stream_close(relay.in.near.streams, relay.writer, DPS_STREAM_LINGER);
	rig_run(&relay.in);
	half = rig_look(&relay.in.far, relay.from).receive;
	assert_int_equal(half.cause.error, -DPS_ERROR_ABORTED);
	assert_true(half.cause.code == DPS_CODE_DROPPED);
	assert_int_equal(pass_on(&relay), -DPS_ERROR_ABORTED);
	/* The library's own code is not the relay's to say. */
	assert_int_equal(dps_stream_abort(relay.out.near.streams, relay.to, half.cause.code),
			 -EINVAL);
	assert_int_equal(dps_stream_abort(relay.out.near.streams, relay.to, DPS_CODE_MAX), 0);
	rig_run(&relay.out);
	give_back(&relay);
	assert_int_equal(got, 900);
	half = rig_look(&relay.out.far, relay.reader).receive;
	assert_int_equal(half.cause.error, -DPS_ERROR_ABORTED);
	assert_true(half.cause.code == DPS_CODE_MAX);
	assert_int_equal(dps_slots_available(&relay.in.far.streams->receive_blocks), 64);
	relay_close(&relay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relay__moves_a_stream_without_a_copy),
		cmocka_unit_test(relay__sends_from_where_it_received),
		cmocka_unit_test(relay__holds_the_writer_back_when_the_reader_is_slow),
		cmocka_unit_test(relay__passes_a_stop_on),
		cmocka_unit_test(relay__passes_an_abort_on),
	};

	return cmocka_run_group_tests_name("stream_relay", tests, NULL, NULL);
}
