/* SPDX-License-Identifier: BSD-3-Clause */
/* A sending half: what is sent leaves when the far side takes it, and comes to one outcome. */
#include "tests/support/stream_room.h"

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

static void send__that_asks_for_posted_is_told_of_its_outcome_too(void **state)
{
	const struct dps_bytes piece = { (const uint8_t *)"x", 1 };
	struct dps_handle handle, far;
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	handle = rig_opened(&rig, 0, &far);
	assert_int_equal(dps_stream_send(rig.near.streams, handle, &piece, 1, DPS_SEND_POSTED, 5),
			 0);
	rig_run(&rig);
	rig_events(&rig.near);
	assert_int_equal(rig_count(&rig.near, DPS_STREAM_EVENT_POSTED), 1);
	assert_int_equal(rig_count(&rig.near, DPS_STREAM_EVENT_DELIVERED), 1);
	rig_close_streams(&rig);
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

/* What was told FULL again before it heard of room is not told of that room. */
static void writable__is_of_the_last_that_was_full(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(send_some(&room, 600), 0);
	assert_int_equal(send_some(&room, 600), -DPS_ERROR_FULL);
	assert_int_equal(dps_stream_set_window(room.near->streams, room.handle, 1200), 0);
	assert_int_equal(send_some(&room, 600), 0);
	assert_int_equal(send_some(&room, 600), -DPS_ERROR_FULL);
	assert_int_equal(rig_events(room.near), 0);
	rig_flush(&room.rig, room.near);
	ack(&room, 600, false);
	rig_event(room.near, DPS_STREAM_EVENT_WRITABLE);
	assert_int_equal(rig_events(room.near), 0);
	assert_int_equal(send_some(&room, 600), 0);
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
	struct dps_handle handles[3];
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	streams_open(&rig, handles, 3);
	for (unsigned int i = 0; i < 3; i++)
		dps_stream_set_window(rig.near.streams, handles[i], PLENTY);
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
	struct dps_handle handles[2];
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	streams_open(&rig, handles, 2);
	assert_int_equal(rig_send(&rig.near, handles[0], 1024, 0, 0), 0);
	assert_int_equal(rig_send(&rig.near, handles[1], 512, 0, 0), 0);
	assert_int_equal(rig_emit(&rig, &rig.near, 3), 3);
	assert_int_equal(rig_emit(&rig, &rig.near, 8), 3);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(rig.near.slices[i].number, i % 2 == 0 ? 0 : 2);
	rig_release(&rig.near);
	rig_close_streams(&rig);
}

static void emit__takes_turns_by_weight(void **state)
{
	struct dps_handle handles[2];
	unsigned int bytes[2] = { 0 };
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	streams_open(&rig, handles, 2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(dps_stream_set_window(rig.near.streams, handles[i], 1 << 16), 0);
		assert_int_equal(rig_send(&rig.near, handles[i], 3072, 0, 0), 0);
	}
	assert_int_equal(dps_stream_set_weight(rig.near.streams, handles[0], 0), -EINVAL);
	assert_int_equal(
		dps_stream_set_weight(rig.near.streams, handles[0], DPS_STREAM_WEIGHT_MAX + 1),
		-EINVAL);
	assert_int_equal(dps_stream_set_weight(rig.near.streams, handles[0], 3), 0);
	assert_int_equal(rig_emit(&rig, &rig.near, 12), 12);
	for (unsigned int i = 0; i < 12; i++)
		bytes[rig.near.slices[i].number / 2] += rig.near.slices[i].bytes;
	assert_int_equal(bytes[0], 3 * bytes[1]);
	rig_release(&rig.near);
	rig_close_streams(&rig);
}

/* Bytes count, not slices: who lends what fits badly into them has no more than the other. */
static void emit__takes_turns_by_bytes(void **state)
{
	enum { PIECES = 30, PIECE = 90, SLICE = 100, SLICES = 64 };
	static const uint8_t memory[PIECE];
	struct dps_stream_slice slices[SLICES];
	struct dps_bytes pieces[PIECES];
	uint64_t bytes[2] = { 0 };
	struct dps_handle handles[2], far;
	struct stream_rig rig;

	(void)state;
	rig_open_streams(&rig);
	for (unsigned int i = 0; i < PIECES; i++)
		pieces[i] = (struct dps_bytes){ memory, PIECE };
	for (unsigned int i = 0; i < 2; i++) {
		handles[i] = rig_opened(&rig, 0, &far);
		rig_ack(&rig, &rig.near, handles[i], PLENTY, 0, false);
	}
	assert_int_equal(
		dps_stream_send(rig.near.streams, handles[0], pieces, PIECES, DPS_SEND_BORROW, 1),
		0);
	assert_int_equal(rig_send(&rig.near, handles[1], PIECES * PIECE, 0, 0), 0);
	for (unsigned int i = 0; bytes[0] + bytes[1] < 4000; i++) {
		assert_true(i < SLICES);
		assert_int_equal(
			dps_streams_emit_slices(rig.near.streams, rig.epoch, &slices[i], 1, SLICE),
			1);
		dps_streams_on_released(rig.near.streams, slices[i].token);
		bytes[slices[i].number / 2] += slices[i].bytes;
		/* A turn each, and the slice in which it ends. */
		assert_in_range(bytes[0] + 2 * SLICE - bytes[1], 0, 4 * SLICE);
	}
	rig_close_streams(&rig);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(send__copies_and_sends_in_order),
		cmocka_unit_test(send__lends_memory_until_its_outcome),
		cmocka_unit_test(send__that_asks_for_posted_is_told_of_its_outcome_too),
		cmocka_unit_test(send__takes_pieces_in_their_order),
		cmocka_unit_test(send__of_no_bytes_is_a_no_op_success),
		cmocka_unit_test(send__of_nonsense_changes_nothing),
		cmocka_unit_test(send__puts_small_copies_together),
		cmocka_unit_test(send__before_the_stream_is_open_leaves_when_it_is),
		cmocka_unit_test(send__full_is_told_and_writable_follows),
		cmocka_unit_test(writable__is_of_the_last_that_was_full),
		cmocka_unit_test(send__longer_than_the_window_passes_when_nothing_is_outstanding),
		cmocka_unit_test(set_window__applies_at_once),
		cmocka_unit_test(has_room__is_judged_before_its_deadline),
		cmocka_unit_test(send__shared_memory_is_given_in_order),
		cmocka_unit_test(emit__cuts_at_blocks_and_at_the_credit),
		cmocka_unit_test(emit__takes_turns),
		cmocka_unit_test(emit__takes_turns_by_weight),
		cmocka_unit_test(emit__takes_turns_by_bytes),
		cmocka_unit_test(cancel_send__takes_back_what_has_not_left),
		cmocka_unit_test(cancel_send__of_what_has_left_in_part_is_too_late),
	};

	return cmocka_run_group_tests_name("stream_send", tests, NULL, NULL);
}
