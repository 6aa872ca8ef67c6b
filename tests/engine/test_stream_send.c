/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sending half: what is sent leaves, comes to one outcome, and ends in one way. The far side's
 * acknowledgements are written by hand.
 */
#include "tests/support/stream_rig.h"

#define PLENTY (UINT64_C(1) << 40)

struct room {
	struct stream_rig rig;
	struct rig_side *near;
	struct dps_handle handle;
	struct dps_handle far;
};

/* One stream, open, with credit for everything. */
static void room_open(struct room *room)
{
	rig_open_streams(&room->rig);
	room->near = &room->rig.near;
	room->handle = rig_opened(&room->rig, 0, &room->far);
	rig_ack(&room->rig, room->near, room->handle, PLENTY, 0, false);
}

static void room_close(struct room *room)
{
	rig_release(room->near);
	rig_close_streams(&room->rig);
}

static int send_some(struct room *room, size_t bytes)
{
	return rig_send(room->near, room->handle, bytes, 0, 0);
}

static int send_told(struct room *room, size_t bytes, uint64_t cookie)
{
	return rig_send(room->near, room->handle, bytes, DPS_SEND_TELL, cookie);
}

static int finish(struct room *room)
{
	return dps_stream_finish(room->near->streams, room->handle);
}

static int end(struct room *room)
{
	return dps_stream_end(room->near->streams, room->handle, DPS_NEVER_NS, 0);
}

static int do_abort(struct room *room, uint64_t code)
{
	return dps_stream_abort(room->near->streams, room->handle, code);
}

static void ack(struct room *room, uint64_t contiguous, bool has_end)
{
	rig_ack(&room->rig, room->near, room->handle, PLENTY, contiguous, has_end);
}

static struct dps_stream_half_state send_half(const struct room *room)
{
	return rig_look(room->near, room->handle).send;
}

static uint64_t anomalies(const struct room *room)
{
	struct dps_streams_counters counters;

	dps_streams_read_counters(room->near->streams, &counters);
	return counters.anomalies;
}

/* ---- send ---- */

static void send__copies_and_sends_in_order(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(send_some(&room, 100), 0);
	assert_int_equal(rig_flush(&room.rig, room.near), 1000);
	assert_int_equal(rig_look(room.near, room.handle).sent, 1000);
	assert_int_equal(rig_events(room.near), 0);
	room_close(&room);
}

/* Not copied, not touched, and not given back before the port has let go and all has arrived. */
static void send__lends_memory_until_its_outcome(void **state)
{
	uint8_t memory[200];
	const struct dps_bytes piece = { memory, sizeof(memory) };
	struct dps_stream_event event;
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(dps_stream_send(room.near->streams, room.handle, &piece, 1,
					 DPS_SEND_BORROW | DPS_SEND_POSTED, 11),
			 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 1);
	assert_ptr_equal(room.near->slices[0].memory, memory);
	event = rig_event(room.near, DPS_STREAM_EVENT_POSTED);
	assert_int_equal(event.value, 11);
	assert_int_equal(event.bytes, 200);
	ack(&room, 200, false);
	assert_int_equal(rig_events(room.near), 0);
	rig_release(room.near);
	event = rig_event(room.near, DPS_STREAM_EVENT_DELIVERED);
	assert_int_equal(event.value, 11);
	assert_int_equal(event.delivered_bytes, 200);
	assert_int_equal(rig_events(room.near), 0);
	room_close(&room);
}

static void send__takes_pieces_in_their_order(void **state)
{
	uint8_t bytes[90];
	const struct dps_bytes pieces[] = {
		{ bytes, 30 },
		{ NULL, 0 },
		{ bytes + 30, 10 },
		{ bytes + 40, 50 },
	};
	struct room room;

	(void)state;
	room_open(&room);
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = rig_stream_byte(i);
	assert_int_equal(
		dps_stream_send(room.near->streams, room.handle, pieces, 4, DPS_SEND_BORROW, 1), 0);
	assert_int_equal(rig_flush(&room.rig, room.near), 90);
	ack(&room, 40, false);
	assert_int_equal(rig_events(room.near), 0);
	ack(&room, 90, false);
	assert_int_equal(rig_event(room.near, DPS_STREAM_EVENT_DELIVERED).bytes, 90);
	/* Copied, they are one run of bytes. */
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = rig_stream_byte(90 + i);
	assert_int_equal(
		dps_stream_send(room.near->streams, room.handle, pieces, 4, DPS_SEND_TELL, 2), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 1);
	assert_int_equal(room.near->slices[0].bytes, 90);
	room_close(&room);
}

/* E7: nothing is sent, and that succeeds; an outcome that was asked for comes in its turn. */
static void send__of_no_bytes_is_a_no_op_success(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_some(&room, 0), 0);
	assert_int_equal(dps_stream_send(room.near->streams, room.handle, NULL, 0, 0, 0), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	assert_int_equal(rig_events(room.near), 0);
	assert_int_equal(send_told(&room, 0, 1), 0);
	assert_int_equal(rig_event(room.near, DPS_STREAM_EVENT_DELIVERED).value, 1);
	assert_int_equal(send_some(&room, 10), 0);
	assert_int_equal(send_told(&room, 0, 2), 0);
	assert_int_equal(rig_events(room.near), 0);
	rig_flush(&room.rig, room.near);
	ack(&room, 10, false);
	assert_int_equal(rig_event(room.near, DPS_STREAM_EVENT_DELIVERED).value, 2);
	/* Still an error where every send is one. */
	assert_int_equal(finish(&room), 0);
	assert_int_equal(send_some(&room, 0), -DPS_ERROR_FINISHED);
	room_close(&room);
}

static void send__of_nonsense_changes_nothing(void **state)
{
	const struct dps_bytes null = { NULL, 5 }, absurd = { (const uint8_t *)"x", SIZE_MAX };
	struct dps_streams *streams;
	struct room room;

	(void)state;
	room_open(&room);
	streams = room.near->streams;
	assert_int_equal(dps_stream_send(streams, room.handle, &null, 1, 0, 0), -EINVAL);
	assert_int_equal(dps_stream_send(streams, room.handle, NULL, 1, 0, 0), -EINVAL);
	assert_int_equal(dps_stream_send(streams, room.handle, &null, UINT32_MAX, 0, 0), -EINVAL);
	assert_int_equal(dps_stream_send(streams, room.handle, &absurd, 1, 0, 0),
			 -DPS_ERROR_TOO_LONG);
	assert_int_equal(dps_stream_send(streams, room.handle, NULL, 0, 1 << 20, 0), -EINVAL);
	assert_int_equal(dps_stream_set_window(streams, room.handle, 0), -EINVAL);
	assert_int_equal(do_abort(&room, DPS_CODE_MAX + 1), -EINVAL);
	/* On the other side it is a stream that only receives. */
	assert_int_equal(dps_stream_finish(room.rig.far.streams, room.far), -DPS_ERROR_CLOSED);
	assert_int_equal(rig_look(room.near, room.handle).posted, 0);
	assert_int_equal(send_half(&room).state, DPS_STREAM_OPEN);
	room_close(&room);
}

/* Ten bytes a hundred times are one piece of memory and as many packets as ten times a hundred. */
static void send__puts_small_copies_together(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(send_some(&room, 10), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 32), 4);
	room_close(&room);
}

static void send__before_the_stream_is_open_leaves_when_it_is(void **state)
{
	struct stream_rig rig;
	struct dps_handle near, far;

	(void)state;
	rig_open_asking(&rig);
	near = rig_stream(&rig.near, 0);
	assert_int_equal(rig_send(&rig.near, near, 100, DPS_SEND_FINISH, 0), 0);
	assert_int_equal(rig_send(&rig.near, near, 1, 0, 0), -DPS_ERROR_FINISHED);
	rig_talk(&rig);
	assert_int_equal(rig_emit(&rig, &rig.near, 8), 0);
	far = rig_event(&rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(dps_stream_accept(rig.far.streams, far), 0);
	rig_talk(&rig);
	assert_int_equal(rig_look(&rig.near, near).send.state, DPS_STREAM_ENDING);
	rig_ack(&rig, &rig.near, near, PLENTY, 0, false);
	assert_int_equal(rig_emit(&rig, &rig.near, 8), 1);
	assert_int_equal(rig.near.slices[0].flags, DPS_SLICE_END);
	rig_release(&rig.near);
	rig_close_streams(&rig);
}

/* ---- window ---- */

/* E8, E29: full is said, and then that it is not. */
static void send__full_is_told_and_writable_follows(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_some(&room, 1000), 0);
	assert_int_equal(send_some(&room, 25), -DPS_ERROR_FULL);
	assert_int_equal(send_some(&room, 24), 0);
	assert_int_equal(send_some(&room, 100), -DPS_ERROR_FULL);
	rig_flush(&room.rig, room.near);
	assert_int_equal(rig_events(room.near), 0);
	ack(&room, 99, false);
	assert_int_equal(rig_events(room.near), 0);
	ack(&room, 100, false);
	rig_event(room.near, DPS_STREAM_EVENT_WRITABLE);
	assert_int_equal(send_some(&room, 100), 0);
	assert_int_equal(rig_events(room.near), 0);
	room_close(&room);
}

/* E5 */
static void send__longer_than_the_window_passes_when_nothing_is_outstanding(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_some(&room, 1), 0);
	assert_int_equal(send_some(&room, 4000), -DPS_ERROR_FULL);
	rig_flush(&room.rig, room.near);
	ack(&room, 1, false);
	assert_int_equal(send_some(&room, 4000), 0);
	assert_int_equal(send_some(&room, 1), -DPS_ERROR_FULL);
	/* More than the blocks of all streams hold never would. */
	assert_int_equal(send_some(&room, 256 * 32 + 1), -DPS_ERROR_TOO_LONG);
	room_close(&room);
}

static void set_window__applies_at_once(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_some(&room, 1024), 0);
	assert_int_equal(send_some(&room, 1), -DPS_ERROR_FULL);
	assert_int_equal(dps_stream_set_window(room.near->streams, room.handle, 2048), 0);
	rig_event(room.near, DPS_STREAM_EVENT_WRITABLE);
	assert_int_equal(send_some(&room, 1024), 0);
	/* Smaller: what is outstanding drains first. */
	assert_int_equal(dps_stream_set_window(room.near->streams, room.handle, 100), 0);
	rig_flush(&room.rig, room.near);
	ack(&room, 2000, false);
	assert_int_equal(send_some(&room, 53), -DPS_ERROR_FULL);
	assert_int_equal(send_some(&room, 52), 0);
	room_close(&room);
}

/* E9, E10: room that is there is told past the deadline; the deadline ends the waiting alone. */
static void has_room__is_judged_before_its_deadline(void **state)
{
	struct dps_streams *streams;
	struct room room;

	(void)state;
	room_open(&room);
	streams = room.near->streams;
	assert_int_equal(dps_stream_has_room(streams, room.handle, 1024, 5, 9), 0);
	assert_int_equal(send_some(&room, 1024), 0);
	assert_int_equal(dps_stream_has_room(streams, room.handle, 1, 5, 4), -DPS_ERROR_FULL);
	assert_int_equal(dps_stream_has_room(streams, room.handle, 1, 5, 5), -DPS_ERROR_TIMEOUT);
	rig_flush(&room.rig, room.near);
	ack(&room, 1024, false);
	rig_event(room.near, DPS_STREAM_EVENT_WRITABLE);
	assert_int_equal(dps_stream_has_room(streams, room.handle, 1, 5, 9), 0);
	assert_int_equal(do_abort(&room, 1), 0);
	assert_int_equal(dps_stream_has_room(streams, room.handle, 1, 5, 9), -DPS_ERROR_ABORTED);
	room_close(&room);
}

/* Memory that all share: who waits longest is told first, and a little is not given to others. */
static void send__shared_memory_is_given_in_order(void **state)
{
	struct dps_handle handles[3], far;
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	for (unsigned int i = 0; i < 3; i++) {
		handles[i] = rig_opened(&rig, 0, &far);
		rig_ack(&rig, &rig.near, handles[i], PLENTY, 0, false);
		dps_stream_set_window(rig.near.streams, handles[i], PLENTY);
	}
	assert_int_equal(rig_send(&rig.near, handles[0], 256 * 32, 0, 0), 0);
	assert_int_equal(rig_send(&rig.near, handles[1], 256 * 2, 0, 0), -DPS_ERROR_FULL);
	assert_int_equal(rig_send(&rig.near, handles[2], 1, 0, 0), -DPS_ERROR_FULL);
	rig_flush(&rig, &rig.near);
	rig_ack(&rig, &rig.near, handles[0], PLENTY, 256, false);
	assert_int_equal(rig_events(&rig.near), 0);
	rig_ack(&rig, &rig.near, handles[0], PLENTY, 512, false);
	assert_int_equal(rig_events(&rig.near), 2);
	assert_int_equal(rig.near.events[0].handle.index, handles[1].index);
	assert_int_equal(rig.near.events[1].handle.index, handles[2].index);
	assert_int_equal(rig_send(&rig.near, handles[1], 256 * 2, 0, 0), 0);
	assert_int_equal(rig_send(&rig.near, handles[2], 1, 0, 0), -DPS_ERROR_FULL);
	rig_ack(&rig, &rig.near, handles[0], PLENTY, 768, false);
	assert_int_equal(rig_event(&rig.near, DPS_STREAM_EVENT_WRITABLE).handle.index,
			 handles[2].index);
	rig_close_streams(&rig);
}

/* ---- emit ---- */

static void emit__cuts_at_blocks_and_at_the_credit(void **state)
{
	struct room room;
	struct dps_stream_slice *slices;

	(void)state;
	rig_open_streams(&room.rig);
	room.near = &room.rig.near;
	slices = room.near->slices;
	room.handle = rig_opened(&room.rig, 0, &room.far);
	assert_int_equal(send_some(&room, 1000), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	rig_ack(&room.rig, room.near, room.handle, 700, 0, false);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 3);
	assert_int_equal(slices[0].bytes, 256);
	assert_int_equal(slices[1].offset, 256);
	assert_int_equal(slices[2].bytes, 700 - 512);
	assert_int_equal(slices[1].flags, 0);
	assert_int_equal(slices[2].flags, DPS_SLICE_BLOCKED);
	/* Credit that comes late is older. */
	rig_ack(&room.rig, room.near, room.handle, 300, 0, false);
	assert_int_equal(rig_look(room.near, room.handle).credit, 700);
	rig_ack(&room.rig, room.near, room.handle, 1000, 0, false);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 2);
	assert_int_equal(slices[3].bytes, 768 - 700);
	assert_int_equal(slices[4].flags, 0);
	room_close(&room);
}

/* A stream with much to send does not hold up the others. */
static void emit__takes_turns(void **state)
{
	struct dps_handle handles[2], far;
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	for (unsigned int i = 0; i < 2; i++) {
		handles[i] = rig_opened(&rig, 0, &far);
		rig_ack(&rig, &rig.near, handles[i], PLENTY, 0, false);
	}
	assert_int_equal(rig_send(&rig.near, handles[0], 1024, 0, 0), 0);
	assert_int_equal(rig_send(&rig.near, handles[1], 512, 0, 0), 0);
	assert_int_equal(rig_emit(&rig, &rig.near, 3), 3);
	assert_int_equal(rig_emit(&rig, &rig.near, 8), 3);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(rig.near.slices[i].number, i % 2 == 0 ? 0 : 2);
	rig_release(&rig.near);
	rig_close_streams(&rig);
}

/* ---- finish ---- */

static void finish__end_leaves_with_the_last_byte(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_some(&room, 300), 0);
	assert_int_equal(finish(&room), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 2);
	assert_int_equal(room.near->slices[0].flags, 0);
	assert_int_equal(room.near->slices[1].flags, DPS_SLICE_END);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	assert_int_equal(end(&room), -DPS_ERROR_FULL);
	ack(&room, 300, true);
	assert_int_equal(end(&room), 0);
	assert_int_equal(send_half(&room).state, DPS_STREAM_FINISHED);
	rig_release(room.near);
	assert_int_equal(rig_event(room.near, DPS_STREAM_EVENT_SEND_OVER).cause.error, 0);
	room_close(&room);
}

static void finish__after_everything_has_left_sends_the_end_alone(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_some(&room, 300), 0);
	rig_flush(&room.rig, room.near);
	assert_int_equal(finish(&room), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 1);
	assert_int_equal(room.near->slices[0].bytes, 0);
	assert_int_equal(room.near->slices[0].offset, 300);
	assert_int_equal(room.near->slices[0].flags, DPS_SLICE_END);
	assert_true(room.near->slices[0].token == DPS_STREAM_TOKEN_NONE);
	room_close(&room);
}

/* E31 */
static void finish__with_nothing_sent_is_an_empty_stream(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(finish(&room), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 1);
	assert_int_equal(room.near->slices[0].flags, DPS_SLICE_END);
	ack(&room, 0, true);
	assert_int_equal(end(&room), 0);
	room_close(&room);
}

/* E30 */
static void send__after_finish_is_finished(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(rig_send(room.near, room.handle, 10, DPS_SEND_FINISH, 0), 0);
	assert_int_equal(send_some(&room, 1), -DPS_ERROR_FINISHED);
	rig_flush(&room.rig, room.near);
	ack(&room, 10, true);
	assert_int_equal(send_some(&room, 1), -DPS_ERROR_FINISHED);
	room_close(&room);
}

/* E32 */
static void finish__twice_is_once(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(finish(&room), 0);
	assert_int_equal(finish(&room), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 1);
	ack(&room, 0, true);
	assert_int_equal(finish(&room), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	room_close(&room);
}

/* ---- abort ---- */

static void abort__cancels_what_is_not_delivered_and_sends_nothing_more(void **state)
{
	struct dps_stream_event *events;
	struct room room;

	(void)state;
	room_open(&room);
	events = room.near->events;
	assert_int_equal(send_told(&room, 100, 1), 0);
	assert_int_equal(send_told(&room, 100, 2), 0);
	assert_int_equal(send_told(&room, 300, 3), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 3), 3);
	ack(&room, 150, false);
	assert_int_equal(do_abort(&room, 42), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	rig_release(room.near);
	assert_int_equal(rig_events(room.near), 4);
	assert_int_equal(events[0].type, DPS_STREAM_EVENT_DELIVERED);
	assert_int_equal(events[0].value, 1);
	assert_int_equal(events[1].type, DPS_STREAM_EVENT_CANCELLED);
	assert_int_equal(events[1].cause.error, -DPS_ERROR_ABORTED);
	assert_int_equal(events[1].cause.code, 42);
	assert_int_equal(events[1].delivered_bytes, 50);
	assert_int_equal(events[1].posted_bytes, 100);
	assert_int_equal(events[2].value, 3);
	assert_int_equal(events[2].delivered_bytes, 0);
	assert_int_equal(events[2].posted_bytes, 56);
	assert_int_equal(events[3].type, DPS_STREAM_EVENT_SEND_OVER);
	rig_talk(&room.rig);
	assert_int_equal(rig_look(&room.rig.far, room.far).receive.cause.error, -DPS_ERROR_ABORTED);
	assert_int_equal(rig_look(&room.rig.far, room.far).receive.cause.code, 42);
	/* The first code stays. */
	assert_int_equal(do_abort(&room, 43), 0);
	assert_int_equal(send_half(&room).cause.code, 42);
	assert_int_equal(send_some(&room, 1), -DPS_ERROR_ABORTED);
	room_close(&room);
}

/* E33: an abort never looks like a finish. */
static void finish__after_abort_says_aborted(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(do_abort(&room, 7), 0);
	assert_int_equal(finish(&room), -DPS_ERROR_ABORTED);
	assert_int_equal(end(&room), -DPS_ERROR_ABORTED);
	assert_int_equal(send_half(&room).cause.code, 7);
	room_close(&room);
}

/* E34 */
static void abort__after_finish_overrides_it_unless_the_end_has_arrived(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_some(&room, 10), 0);
	assert_int_equal(finish(&room), 0);
	rig_flush(&room.rig, room.near);
	ack(&room, 10, false);
	assert_int_equal(do_abort(&room, 7), 0);
	assert_int_equal(end(&room), -DPS_ERROR_ABORTED);
	/* An acknowledgement of the end that comes now is too late. */
	ack(&room, 10, true);
	assert_int_equal(end(&room), -DPS_ERROR_ABORTED);
	room_close(&room);

	room_open(&room);
	assert_int_equal(finish(&room), 0);
	rig_flush(&room.rig, room.near);
	ack(&room, 0, true);
	assert_int_equal(do_abort(&room, 7), -DPS_ERROR_FINISHED);
	assert_int_equal(end(&room), 0);
	room_close(&room);
}

/* ---- what others do to it ---- */

/* E35: all that is pending gets the code, and nothing more leaves. */
static void stop__by_the_peer_ends_pending_sends_and_finish(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_told(&room, 100, 1), 0);
	assert_int_equal(send_told(&room, 500, 2), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 1), 1);
	assert_int_equal(finish(&room), 0);
	rig_say(&room.rig, room.near, DPS_STREAM_SAYS_STOP, 0, 9);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	assert_int_equal(end(&room), -DPS_ERROR_STOPPED);
	assert_int_equal(send_some(&room, 1), -DPS_ERROR_STOPPED);
	assert_int_equal(do_abort(&room, 1), -DPS_ERROR_STOPPED);
	assert_int_equal(send_half(&room).cause.code, 9);
	/* The second cannot be told before the port has let go of the first. */
	assert_int_equal(rig_events(room.near), 0);
	rig_release(room.near);
	assert_int_equal(rig_events(room.near), 3);
	assert_int_equal(rig_count(room.near, DPS_STREAM_EVENT_CANCELLED), 2);
	assert_int_equal(room.near->events[0].cause.error, -DPS_ERROR_STOPPED);
	assert_int_equal(room.near->events[1].cause.code, 9);
	assert_int_equal(room.near->events[2].type, DPS_STREAM_EVENT_SEND_OVER);
	room_close(&room);
}

/* E36: no send is taken for delivered that is not known to be, nor left without an outcome. */
static void lose__gives_every_send_an_outcome(void **state)
{
	struct dps_stream_event *events;
	struct room room;

	(void)state;
	room_open(&room);
	events = room.near->events;
	assert_int_equal(send_told(&room, 100, 1), 0);
	assert_int_equal(send_told(&room, 100, 2), 0);
	assert_int_equal(rig_send(room.near, room.handle, 100, DPS_SEND_TELL | DPS_SEND_FINISH, 3),
			 0);
	rig_flush(&room.rig, room.near);
	ack(&room, 100, false);
	assert_int_equal(dps_streams_park(room.near->streams, 1), 0);
	/* Parked, they have none yet. */
	assert_int_equal(rig_events(room.near), 1);
	dps_streams_lose(room.near->streams, DPS_CLOSE_UNREACHABLE);
	assert_int_equal(rig_events(room.near), 3);
	assert_int_equal(events[0].type, DPS_STREAM_EVENT_LOST);
	assert_int_equal(events[0].value, 2);
	assert_int_equal(events[0].posted_bytes, 100);
	assert_int_equal(events[0].cause.reason, DPS_CLOSE_UNREACHABLE);
	assert_int_equal(events[1].type, DPS_STREAM_EVENT_LOST);
	assert_int_equal(events[2].type, DPS_STREAM_EVENT_SEND_OVER);
	/* Finished here, and lost counts more. */
	assert_int_equal(send_some(&room, 1), -DPS_ERROR_LOST);
	assert_int_equal(end(&room), -DPS_ERROR_LOST);
	room_close(&room);
}

/* What ended it first stays, whatever follows. */
static void cause__is_the_first_and_stays(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	rig_say(&room.rig, room.near, DPS_STREAM_SAYS_STOP, 0, 9);
	rig_say(&room.rig, room.near, DPS_STREAM_SAYS_STOP, 0, 10);
	rig_say(&room.rig, room.near, DPS_STREAM_SAYS_UNKNOWN, 0, 0);
	assert_int_equal(do_abort(&room, 11), -DPS_ERROR_STOPPED);
	dps_streams_lose(room.near->streams, DPS_CLOSE_IDLE);
	assert_int_equal(send_half(&room).state, DPS_STREAM_STOPPED);
	assert_int_equal(send_half(&room).cause.error, -DPS_ERROR_STOPPED);
	assert_int_equal(send_half(&room).cause.code, 9);
	rig_event(room.near, DPS_STREAM_EVENT_SEND_OVER);
	room_close(&room);
}

/* E46: one of many writes meets the far side's error: the others meet it too, and so does the end.
 */
static void end__reports_the_first_error_of_any_write(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(send_some(&room, 10), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 1), 1);
	assert_int_equal(send_some(&room, 300), 0);
	rig_say(&room.rig, room.near, DPS_STREAM_SAYS_STOP, 0, 500);
	assert_int_equal(send_some(&room, 10), -DPS_ERROR_STOPPED);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	rig_say(&room.rig, room.near, DPS_STREAM_SAYS_STOP, 0, 501);
	assert_int_equal(end(&room), -DPS_ERROR_STOPPED);
	assert_int_equal(send_half(&room).cause.code, 500);
	room_close(&room);
}

/* E47: not done before every write that was made before it is. */
static void end__observes_all_writes_before_it(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(send_told(&room, 10, i), 0);
	assert_int_equal(end(&room), -DPS_ERROR_FULL);
	rig_flush(&room.rig, room.near);
	/* The end is claimed with a write missing: not believed. */
	ack(&room, 30, true);
	assert_int_equal(anomalies(&room), 1);
	assert_int_equal(end(&room), -DPS_ERROR_FULL);
	assert_int_equal(dps_stream_end(room.near->streams, room.handle, 5, 5), -ETIMEDOUT);
	ack(&room, 40, false);
	assert_int_equal(end(&room), -DPS_ERROR_FULL);
	ack(&room, 40, true);
	assert_int_equal(end(&room), 0);
	assert_int_equal(rig_events(room.near), 5);
	assert_int_equal(room.near->events[4].type, DPS_STREAM_EVENT_SEND_OVER);
	room_close(&room);
}

/* ---- taking back (E37) ---- */

static void cancel_send__takes_back_what_has_not_left(void **state)
{
	struct dps_streams *streams;
	struct room room;
	uint8_t memory[100];
	const struct dps_bytes piece = { memory, sizeof(memory) };
	struct dps_stream_event event;

	(void)state;
	room_open(&room);
	streams = room.near->streams;
	assert_int_equal(send_told(&room, 100, 1), 0);
	assert_int_equal(dps_stream_send(streams, room.handle, &piece, 1, DPS_SEND_BORROW, 2), 0);
	assert_int_equal(send_told(&room, 0, 3), 0);
	/* Behind the first: what stands there when the second is taken back. */
	{
		uint8_t behind[50];
		const struct dps_bytes follow = { behind, sizeof(behind) };

		for (unsigned int i = 0; i < sizeof(behind); i++)
			behind[i] = rig_stream_byte(100 + i);
		assert_int_equal(dps_stream_send(streams, room.handle, &follow, 1,
						 DPS_SEND_TELL | DPS_SEND_FINISH, 4),
				 0);
	}
	assert_int_equal(dps_stream_cancel_send(streams, room.handle, 99), -DPS_ERROR_UNKNOWN);
	assert_int_equal(dps_stream_cancel_send(streams, room.handle, 2), 0);
	event = rig_event(room.near, DPS_STREAM_EVENT_CANCELLED);
	assert_int_equal(event.value, 2);
	assert_int_equal(event.cause.error, -DPS_ERROR_CANCELLED);
	assert_int_equal(event.posted_bytes, 0);
	assert_int_equal(dps_stream_cancel_send(streams, room.handle, 2), -DPS_ERROR_UNKNOWN);
	assert_int_equal(rig_look(room.near, room.handle).posted, 150);
	assert_int_equal(rig_flush(&room.rig, room.near), 150);
	assert_int_equal(dps_stream_cancel_send(streams, room.handle, 4), -DPS_ERROR_ALREADY);
	ack(&room, 150, true);
	assert_int_equal(rig_events(room.near), 4);
	assert_int_equal(rig_count(room.near, DPS_STREAM_EVENT_DELIVERED), 3);
	assert_int_equal(end(&room), 0);
	room_close(&room);
}

/* A part that is gone cannot be taken back, in a later epoch either: it may have arrived. */
static void cancel_send__of_what_has_left_in_part_is_too_late(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_told(&room, 600, 1), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 1), 1);
	rig_release(room.near);
	assert_int_equal(dps_stream_cancel_send(room.near->streams, room.handle, 1),
			 -DPS_ERROR_ALREADY);
	rig_reconnect(&room.rig);
	assert_int_equal(rig_look(room.near, room.handle).sent, 0);
	assert_int_equal(dps_stream_cancel_send(room.near->streams, room.handle, 1),
			 -DPS_ERROR_ALREADY);
	room_close(&room);
}

/* ---- close (E48) ---- */

static void close__lingers_until_what_was_sent_has_arrived(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(rig_send(room.near, room.handle, 300, DPS_SEND_TELL | DPS_SEND_FINISH, 5),
			 0);
	assert_int_equal(dps_stream_close(room.near->streams, room.handle, DPS_STREAM_LINGER), 0);
	assert_int_equal(rig_flush(&room.rig, room.near), 300);
	dps_streams_on_ack(room.near->streams, 1, &(struct dps_stream_ack){ PLENTY, 300, 0, true });
	assert_int_equal(rig_event(room.near, DPS_STREAM_EVENT_DELIVERED).value, 5);
	rig_talk(&room.rig);
	assert_int_equal(dps_streams_count(room.near->streams), 0);
	room_close(&room);
}

/* Everything arrives, and the far side hears that it was not all. */
static void close__lingering_without_an_end_is_an_abort_behind_the_data(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_told(&room, 300, 5), 0);
	assert_int_equal(dps_stream_close(room.near->streams, room.handle, DPS_STREAM_LINGER), 0);
	assert_int_equal(rig_flush(&room.rig, room.near), 300);
	rig_talk(&room.rig);
	assert_int_equal(rig_look(&room.rig.far, room.far).receive.state, DPS_STREAM_OPEN);
	dps_streams_on_ack(room.near->streams, 1,
			   &(struct dps_stream_ack){ PLENTY, 300, 0, false });
	rig_event(room.near, DPS_STREAM_EVENT_DELIVERED);
	rig_talk(&room.rig);
	assert_true(rig_look(&room.rig.far, room.far).receive.cause.code == DPS_CODE_DROPPED);
	assert_int_equal(dps_streams_count(room.near->streams), 0);
	room_close(&room);
}

static void close__drops_at_once_if_asked(void **state)
{
	struct dps_stream_event event;
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(rig_send(room.near, room.handle, 300, DPS_SEND_TELL | DPS_SEND_FINISH, 5),
			 0);
	assert_int_equal(dps_stream_close(room.near->streams, room.handle, DPS_STREAM_DROP), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	event = rig_event(room.near, DPS_STREAM_EVENT_CANCELLED);
	assert_int_equal(event.value, 5);
	rig_talk(&room.rig);
	assert_int_equal(rig_look(&room.rig.far, room.far).receive.state, DPS_STREAM_ABORTED);
	assert_int_equal(dps_streams_count(room.near->streams), 0);
	room_close(&room);
}

/* Its first turn comes after the owner has gone. */
static void close__lingers_through_the_opening(void **state)
{
	struct stream_rig rig;
	struct dps_handle near, far;

	(void)state;
	rig_open_asking(&rig);
	near = rig_stream(&rig.near, DPS_STREAM_BOTH_WAYS);
	assert_int_equal(rig_send(&rig.near, near, 100, DPS_SEND_FINISH, 0), 0);
	assert_int_equal(dps_stream_close(rig.near.streams, near, DPS_STREAM_LINGER), 0);
	rig_talk(&rig);
	far = rig_event(&rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(rig_look(&rig.far, far).send.state, DPS_STREAM_STOPPED);
	assert_int_equal(dps_stream_accept(rig.far.streams, far), 0);
	rig_talk(&rig);
	dps_streams_on_ack(rig.near.streams, 1, &(struct dps_stream_ack){ PLENTY, 0, 0, false });
	assert_int_equal(rig_flush(&rig, &rig.near), 100);
	dps_streams_on_ack(rig.near.streams, 1, &(struct dps_stream_ack){ PLENTY, 100, 0, true });
	rig_talk(&rig);
	assert_int_equal(dps_streams_count(rig.near.streams), 0);
	rig_close_streams(&rig);
}

/* ---- acknowledgements ---- */

/* E1 */
static void on_ack__beyond_what_was_sent_is_capped_and_counted(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_told(&room, 300, 1), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 1), 1);
	rig_release(room.near);
	ack(&room, UINT64_MAX, true);
	assert_int_equal(rig_look(room.near, room.handle).acknowledged, 256);
	assert_int_equal(anomalies(&room), 2);
	rig_ack(&room.rig, room.near, room.handle, UINT64_MAX, 0, false);
	assert_int_equal(anomalies(&room), 3);
	assert_true(rig_look(room.near, room.handle).credit == DPS_OFFSET_MAX);
	assert_int_equal(rig_events(room.near), 0);
	room_close(&room);
}

/* E2, E3 */
static void on_ack__that_is_old_or_anothers_moves_nothing(void **state)
{
	struct dps_streams_counters counters;
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_some(&room, 300), 0);
	rig_flush(&room.rig, room.near);
	ack(&room, 200, false);
	ack(&room, 100, false);
	assert_int_equal(rig_look(room.near, room.handle).acknowledged, 200);
	dps_streams_on_ack(room.near->streams, 2,
			   &(struct dps_stream_ack){ PLENTY, 300, 0, false });
	dps_streams_on_ack(room.near->streams, 1,
			   &(struct dps_stream_ack){ PLENTY, 300, 6, false });
	assert_int_equal(rig_look(room.near, room.handle).acknowledged, 200);
	dps_streams_read_counters(room.near->streams, &counters);
	assert_int_equal(counters.dropped_epoch, 1);
	assert_int_equal(counters.dropped_number, 1);
	room_close(&room);
}

/* ---- repair ---- */

static void on_missing__comes_again(void **state)
{
	struct dps_stream_slice lost;
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(rig_send(room.near, room.handle, 1024, DPS_SEND_FINISH, 0), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 4);
	lost = room.near->slices[1];
	rig_release(room.near);
	dps_streams_on_missing(room.near->streams, 1, &lost);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 1);
	assert_int_equal(room.near->slices[0].offset, 256);
	assert_int_equal(room.near->slices[0].bytes, 256);
	assert_int_equal(room.near->slices[0].flags, DPS_SLICE_RESENT);
	rig_release(room.near);
	/* What has arrived meanwhile does not. */
	ack(&room, 512, false);
	dps_streams_on_missing(room.near->streams, 1, &lost);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	/* The end is lost with its bytes, and comes with them. */
	lost.offset = 768;
	lost.flags = DPS_SLICE_END;
	dps_streams_on_missing(room.near->streams, 1, &lost);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 1);
	assert_int_equal(room.near->slices[0].flags, DPS_SLICE_RESENT | DPS_SLICE_END);
	rig_release(room.near);
	/* ... or alone. */
	ack(&room, 1024, false);
	dps_streams_on_missing(room.near->streams, 1, &lost);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 1);
	assert_int_equal(room.near->slices[0].bytes, 0);
	assert_int_equal(room.near->slices[0].flags, DPS_SLICE_RESENT | DPS_SLICE_END);
	ack(&room, 1024, true);
	dps_streams_on_missing(room.near->streams, 1, &lost);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	room_close(&room);
}

/* A claim of what was never sent, or of nonsense, sends nothing twice. */
static void on_missing__of_what_was_not_sent_is_nothing(void **state)
{
	struct dps_stream_slice lost = { .offset = 500, .bytes = UINT32_MAX, .flags = 1 };
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_some(&room, 100), 0);
	rig_flush(&room.rig, room.near);
	dps_streams_on_missing(room.near->streams, 1, &lost);
	dps_streams_on_missing(room.near->streams, 2, &lost);
	lost.number = 55;
	dps_streams_on_missing(room.near->streams, 1, &lost);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	room_close(&room);
}

/* What was not acknowledged goes out again, and what the old connection still brings is ignored. */
static void resume__sends_again_what_was_not_acknowledged(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(rig_send(room.near, room.handle, 1000,
				  DPS_SEND_TELL | DPS_SEND_POSTED | DPS_SEND_FINISH, 3),
			 0);
	rig_flush(&room.rig, room.near);
	rig_event(room.near, DPS_STREAM_EVENT_POSTED);
	ack(&room, 300, false);
	assert_int_equal(dps_streams_park(room.near->streams, 1), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 8), 0);
	ack(&room, 1000, true);
	assert_int_equal(rig_look(room.near, room.handle).acknowledged, 300);
	room.rig.epoch = 2;
	assert_int_equal(dps_streams_resume(room.near->streams, 2), 0);
	assert_int_equal(rig_flush(&room.rig, room.near), 700);
	/* Posted was told: it is not told again. */
	assert_int_equal(rig_events(room.near), 0);
	ack(&room, 1000, true);
	assert_int_equal(rig_event(room.near, DPS_STREAM_EVENT_DELIVERED).delivered_bytes, 1000);
	assert_int_equal(end(&room), 0);
	room_close(&room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(send__copies_and_sends_in_order),
		cmocka_unit_test(send__lends_memory_until_its_outcome),
		cmocka_unit_test(send__takes_pieces_in_their_order),
		cmocka_unit_test(send__of_no_bytes_is_a_no_op_success),
		cmocka_unit_test(send__of_nonsense_changes_nothing),
		cmocka_unit_test(send__puts_small_copies_together),
		cmocka_unit_test(send__before_the_stream_is_open_leaves_when_it_is),
		cmocka_unit_test(send__full_is_told_and_writable_follows),
		cmocka_unit_test(send__longer_than_the_window_passes_when_nothing_is_outstanding),
		cmocka_unit_test(set_window__applies_at_once),
		cmocka_unit_test(has_room__is_judged_before_its_deadline),
		cmocka_unit_test(send__shared_memory_is_given_in_order),
		cmocka_unit_test(emit__cuts_at_blocks_and_at_the_credit),
		cmocka_unit_test(emit__takes_turns),
		cmocka_unit_test(finish__end_leaves_with_the_last_byte),
		cmocka_unit_test(finish__after_everything_has_left_sends_the_end_alone),
		cmocka_unit_test(finish__with_nothing_sent_is_an_empty_stream),
		cmocka_unit_test(send__after_finish_is_finished),
		cmocka_unit_test(finish__twice_is_once),
		cmocka_unit_test(abort__cancels_what_is_not_delivered_and_sends_nothing_more),
		cmocka_unit_test(finish__after_abort_says_aborted),
		cmocka_unit_test(abort__after_finish_overrides_it_unless_the_end_has_arrived),
		cmocka_unit_test(stop__by_the_peer_ends_pending_sends_and_finish),
		cmocka_unit_test(lose__gives_every_send_an_outcome),
		cmocka_unit_test(cause__is_the_first_and_stays),
		cmocka_unit_test(end__reports_the_first_error_of_any_write),
		cmocka_unit_test(end__observes_all_writes_before_it),
		cmocka_unit_test(cancel_send__takes_back_what_has_not_left),
		cmocka_unit_test(cancel_send__of_what_has_left_in_part_is_too_late),
		cmocka_unit_test(close__lingers_until_what_was_sent_has_arrived),
		cmocka_unit_test(close__lingering_without_an_end_is_an_abort_behind_the_data),
		cmocka_unit_test(close__drops_at_once_if_asked),
		cmocka_unit_test(close__lingers_through_the_opening),
		cmocka_unit_test(on_ack__beyond_what_was_sent_is_capped_and_counted),
		cmocka_unit_test(on_ack__that_is_old_or_anothers_moves_nothing),
		cmocka_unit_test(on_missing__comes_again),
		cmocka_unit_test(on_missing__of_what_was_not_sent_is_nothing),
		cmocka_unit_test(resume__sends_again_what_was_not_acknowledged),
	};

	return cmocka_run_group_tests_name("stream_send", tests, NULL, NULL);
}
