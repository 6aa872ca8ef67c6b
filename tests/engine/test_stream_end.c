/* SPDX-License-Identifier: BSD-3-Clause */
/* How a sending half ends: finished, aborted, stopped, lost, or its owner gone. */
#include "tests/support/stream_room.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
		cmocka_unit_test(close__lingers_until_what_was_sent_has_arrived),
		cmocka_unit_test(close__lingering_without_an_end_is_an_abort_behind_the_data),
		cmocka_unit_test(close__drops_at_once_if_asked),
		cmocka_unit_test(close__lingers_through_the_opening),
	};

	return cmocka_run_group_tests_name("stream_end", tests, NULL, NULL);
}
