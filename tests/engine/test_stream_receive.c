/* SPDX-License-Identifier: BSD-3-Clause */
/* A receiving half: what arrives in any order is read in one, where it lies, and given back. */
#include "tests/support/stream_rig.h"

struct room {
	struct stream_rig rig;
	struct rig_side *near, *far;
	struct dps_handle handle;  /* near's, which sends */
	struct dps_handle receive; /* far's */
};

static void room_open_with(struct room *room, const struct dps_streams_config *far)
{
	struct dps_streams_config near = rig_stream_config(true);

	rig_open_with(&room->rig, &near, far);
	rig_talk(&room->rig);
	room->near = &room->rig.near;
	room->far = &room->rig.far;
	room->handle = rig_opened(&room->rig, 0, &room->receive);
}

static void room_open(struct room *room)
{
	struct dps_streams_config far = rig_stream_config(false);

	room_open_with(room, &far);
}

static void room_close(struct room *room)
{
	rig_release(room->near);
	rig_close_streams(&room->rig);
}

static bool inject(struct room *room, uint64_t offset, uint32_t bytes, uint8_t flags)
{
	return rig_inject(&room->rig, room->far, 0, offset, bytes, flags);
}

static uint64_t read_all(struct room *room)
{
	bool has_end;

	return rig_read(room->far, room->receive, &has_end);
}

static struct dps_stream_ack ack_of(struct room *room)
{
	struct dps_stream_ack ack;

	assert_int_equal(dps_streams_emit_acks(room->far->streams, room->rig.epoch, &ack, 1, 0), 1);
	return ack;
}

static struct dps_streams_counters counters_of(const struct room *room)
{
	struct dps_streams_counters counters;

	dps_streams_read_counters(room->far->streams, &counters);
	return counters;
}

static struct dps_stream_half_state receive_half(const struct room *room)
{
	return rig_look(room->far, room->receive).receive;
}

/* ---- read ---- */

static void read__gives_all_bytes_in_order_and_the_end(void **state)
{
	uint64_t got = 0;
	bool has_end = false;
	struct room room;

	(void)state;
	room_open(&room);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(rig_send(room.near, room.handle, 500, 0, 0), 0);
		if (i == 19)
			assert_int_equal(dps_stream_finish(room.near->streams, room.handle), 0);
		rig_run(&room.rig);
		got += rig_read(room.far, room.receive, &has_end);
	}
	rig_run(&room.rig);
	assert_int_equal(got, 10000);
	assert_true(has_end);
	assert_int_equal(receive_half(&room).state, DPS_STREAM_FINISHED);
	assert_int_equal(dps_stream_end(room.near->streams, room.handle, DPS_NEVER_NS, 0), 0);
	rig_event(room.near, DPS_STREAM_EVENT_SEND_OVER);
	dps_stream_close(room.near->streams, room.handle, DPS_STREAM_LINGER);
	dps_stream_close(room.far->streams, room.receive, DPS_STREAM_LINGER);
	rig_run(&room.rig);
	assert_int_equal(dps_streams_count(room.near->streams), 0);
	assert_int_equal(dps_streams_count(room.far->streams), 0);
	room_close(&room);
}

/* Borrowed: one run for each block, no copy; credit comes back with what is given back. */
static void read__lends_bytes_where_they_lie(void **state)
{
	struct dps_bytes runs[8];
	struct room room;

	(void)state;
	room_open(&room);
	rig_run(&room.rig);
	assert_int_equal(rig_look(room.near, room.handle).credit, 1024);
	assert_int_equal(rig_send(room.near, room.handle, 1000, 0, 0), 0);
	rig_run(&room.rig);
	rig_event(room.far, DPS_STREAM_EVENT_READABLE);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, runs, 2), 2);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, runs + 2, 6), 2);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, runs + 4, 4),
			 -DPS_ERROR_FULL);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(runs[i].bytes, i < 3 ? 256 : 1000 - 768);
		assert_in_range((uintptr_t)runs[i].memory, (uintptr_t)room.far->blocks,
				(uintptr_t)room.far->blocks + 256 * 96);
		assert_int_equal(runs[i].memory[9], rig_stream_byte(256 * i + 9));
	}
	rig_run(&room.rig);
	assert_int_equal(rig_look(room.near, room.handle).credit, 1024);
	assert_int_equal(dps_stream_release(room.far->streams, room.receive, 1001), -EINVAL);
	assert_int_equal(dps_stream_release(room.far->streams, room.receive, 511), 0);
	rig_run(&room.rig);
	assert_int_equal(rig_look(room.near, room.handle).credit, 1280);
	assert_int_equal(runs[1].memory[9], rig_stream_byte(256 + 9));
	assert_int_equal(dps_stream_release(room.far->streams, room.receive, 489), 0);
	rig_run(&room.rig);
	/* The last block is not full yet: what follows goes into it. */
	assert_int_equal(rig_look(room.near, room.handle).credit, 768 + 1024);
	room_close(&room);
}

static void read__of_what_came_in_any_order_is_in_order(void **state)
{
	static const uint64_t order[] = { 3, 1, 0, 2 };
	struct room room;

	(void)state;
	room_open(&room);
	for (unsigned int i = 0; i < 4; i++) {
		rig_events(room.far);
		assert_true(inject(&room, 256 * order[i] + 100, 100, 0));
		assert_int_equal(read_all(&room), 0);
	}
	assert_true(inject(&room, 200, 56, 0));
	assert_int_equal(rig_events(room.far), 0);
	assert_true(inject(&room, 0, 100, 0));
	rig_event(room.far, DPS_STREAM_EVENT_READABLE);
	assert_int_equal(read_all(&room), 256);
	assert_true(inject(&room, 256, 256, 0));
	assert_true(inject(&room, 512, 256, 0));
	assert_int_equal(read_all(&room), 512);
	room_close(&room);
}

/* E31, E47: the end is given when all before it is, every time it is asked for. */
static void read__end_does_not_overtake_data(void **state)
{
	struct dps_bytes run;
	struct room room;

	(void)state;
	room_open(&room);
	assert_true(inject(&room, 300, 100, DPS_SLICE_END));
	assert_int_equal(receive_half(&room).state, DPS_STREAM_ENDING);
	assert_int_equal(rig_events(room.far), 0);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1),
			 -DPS_ERROR_FULL);
	assert_false(ack_of(&room).has_end);
	assert_true(inject(&room, 256, 44, 0));
	assert_true(inject(&room, 0, 256, 0));
	assert_true(ack_of(&room).has_end);
	rig_event(room.far, DPS_STREAM_EVENT_READABLE);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1), 1);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1), 1);
	assert_int_equal(run.bytes, 144);
	assert_int_equal(receive_half(&room).state, DPS_STREAM_ENDING);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1), 0);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1), 0);
	assert_int_equal(receive_half(&room).state, DPS_STREAM_FINISHED);
	/* What is lent is lent still. */
	assert_int_equal(run.memory[0], rig_stream_byte(256));
	assert_int_equal(dps_stream_release(room.far->streams, room.receive, 400), 0);
	room_close(&room);
}

static void read__of_an_empty_stream_is_its_end(void **state)
{
	struct dps_bytes run;
	struct room room;

	(void)state;
	room_open(&room);
	rig_run(&room.rig);
	assert_int_equal(dps_stream_finish(room.near->streams, room.handle), 0);
	rig_run(&room.rig);
	rig_event(room.far, DPS_STREAM_EVENT_READABLE);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1), 0);
	assert_int_equal(dps_stream_end(room.near->streams, room.handle, DPS_NEVER_NS, 0), 0);
	room_close(&room);
}

static void read__of_nonsense_changes_nothing(void **state)
{
	struct dps_bytes run;
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 0), -EINVAL);
	assert_int_equal(dps_stream_read(room.near->streams, room.handle, &run, 1),
			 -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_release(room.far->streams, room.receive, 1), -EINVAL);
	assert_int_equal(dps_stream_release(room.far->streams, room.receive, UINT64_MAX), -EINVAL);
	assert_int_equal(dps_stream_set_receive_window(room.far->streams, room.receive, 0),
			 -EINVAL);
	assert_int_equal(dps_stream_stop(room.far->streams, room.receive, UINT64_MAX), -EINVAL);
	dps_stream_close(room.far->streams, room.receive, DPS_STREAM_DROP);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1),
			 -DPS_ERROR_CLOSED);
	room_close(&room);
}

static void read_copy__takes_any_part_and_gives_it_back(void **state)
{
	struct dps_bytes run;
	uint8_t bytes[700];
	struct room room;

	(void)state;
	room_open(&room);
	rig_run(&room.rig);
	assert_int_equal(rig_send(room.near, room.handle, 1000, DPS_SEND_FINISH, 0), 0);
	rig_run(&room.rig);
	assert_int_equal(dps_stream_read_copy(room.far->streams, room.receive, bytes, 0), -EINVAL);
	assert_int_equal(dps_stream_read_copy(room.far->streams, room.receive, bytes, 10), 10);
	assert_int_equal(dps_stream_read_copy(room.far->streams, room.receive, bytes, 700), 700);
	for (unsigned int i = 0; i < 700; i++)
		assert_int_equal(bytes[i], rig_stream_byte(10 + i));
	assert_int_equal(rig_look(room.far, room.receive).released, 710);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1), 1);
	assert_int_equal(dps_stream_read_copy(room.far->streams, room.receive, bytes, 1), -EINVAL);
	assert_int_equal(dps_stream_release(room.far->streams, room.receive, run.bytes), 0);
	assert_int_equal(dps_stream_read_copy(room.far->streams, room.receive, bytes, 700),
			 1000 - 710 - run.bytes);
	assert_int_equal(dps_stream_read_copy(room.far->streams, room.receive, bytes, 700), 0);
	room_close(&room);
}

/* ---- stop and abort ---- */

/* E35, from the side that stops: its code arrives, what is lent stays until it is given back. */
static void stop__tells_the_sender_and_keeps_what_is_lent(void **state)
{
	struct dps_bytes runs[4];
	struct room room;

	(void)state;
	room_open(&room);
	rig_run(&room.rig);
	assert_int_equal(rig_send(room.near, room.handle, 1000, DPS_SEND_TELL, 1), 0);
	rig_run(&room.rig);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, runs, 2), 2);
	assert_int_equal(dps_stream_stop(room.far->streams, room.receive, 31), 0);
	assert_int_equal(dps_stream_stop(room.far->streams, room.receive, 32), 0);
	assert_int_equal(receive_half(&room).cause.code, 31);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, runs + 2, 2),
			 -DPS_ERROR_STOPPED);
	rig_run(&room.rig);
	assert_int_equal(rig_look(room.near, room.handle).send.cause.error, -DPS_ERROR_STOPPED);
	assert_int_equal(rig_look(room.near, room.handle).send.cause.code, 31);
	/* It arrived before, so it was delivered. */
	rig_event(room.near, DPS_STREAM_EVENT_DELIVERED);
	assert_int_equal(runs[1].memory[0], rig_stream_byte(256));
	assert_int_equal(dps_slots_available(&room.far->streams->receive_blocks), 64 - 2);
	assert_int_equal(dps_stream_release(room.far->streams, room.receive, 256), 0);
	assert_int_equal(dps_slots_available(&room.far->streams->receive_blocks), 64 - 1);
	assert_int_equal(dps_stream_release(room.far->streams, room.receive, 256), 0);
	assert_int_equal(dps_slots_available(&room.far->streams->receive_blocks), 64);
	assert_false(inject(&room, 1000, 10, 0));
	room_close(&room);
}

static void abort__by_the_sender_is_told_and_drops_what_was_not_read(void **state)
{
	struct dps_stream_event event;
	struct dps_bytes run;
	struct room room;

	(void)state;
	room_open(&room);
	rig_run(&room.rig);
	assert_int_equal(rig_send(room.near, room.handle, 600, DPS_SEND_FINISH, 0), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 2), 2);
	rig_deliver(&room.rig, room.far, &room.near->slices[0]);
	assert_int_equal(dps_stream_abort(room.near->streams, room.handle, 5), 0);
	rig_release(room.near);
	rig_run(&room.rig);
	event = rig_event(room.far, DPS_STREAM_EVENT_RECEIVE_OVER);
	assert_int_equal(event.cause.error, -DPS_ERROR_ABORTED);
	assert_int_equal(event.cause.code, 5);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1),
			 -DPS_ERROR_ABORTED);
	assert_int_equal(dps_stream_stop(room.far->streams, room.receive, 1), -DPS_ERROR_ABORTED);
	assert_int_equal(dps_slots_available(&room.far->streams->receive_blocks), 64);
	room_close(&room);
}

/* The sender has said all of it and is gone; reading it goes on. */
static void done__by_the_sender_does_not_hurry_the_reader(void **state)
{
	bool has_end;
	struct room room;

	(void)state;
	room_open(&room);
	rig_run(&room.rig);
	assert_int_equal(rig_send(room.near, room.handle, 600, DPS_SEND_FINISH, 0), 0);
	dps_stream_close(room.near->streams, room.handle, DPS_STREAM_LINGER);
	rig_run(&room.rig);
	assert_int_equal(dps_streams_count(room.near->streams), 0);
	/* Not even when the connection goes and comes back. */
	rig_reconnect(&room.rig);
	rig_run(&room.rig);
	assert_int_equal(rig_read(room.far, room.receive, &has_end), 600);
	assert_true(has_end);
	dps_stream_close(room.far->streams, room.receive, DPS_STREAM_DROP);
	assert_int_equal(dps_streams_count(room.far->streams), 0);
	room_close(&room);
}

/* A stream outlives its connection when all of it was here; with a byte missing it does not. */
static void lose__leaves_to_the_reader_what_has_arrived_with_its_end(void **state)
{
	struct dps_bytes run;
	struct room room;
	bool has_end;

	(void)state;
	room_open(&room);
	assert_true(inject(&room, 256, 44, DPS_SLICE_END));
	assert_true(inject(&room, 0, 256, 0));
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1), 1);
	dps_streams_lose(room.far->streams, DPS_CLOSE_UNREACHABLE);
	/* What is lent stays lent, the rest is read as ever, and the end is a good one. */
	assert_int_equal(run.memory[0], rig_stream_byte(0));
	assert_int_equal(dps_stream_release(room.far->streams, room.receive, 256), 0);
	assert_int_equal(rig_read(room.far, room.receive, &has_end), 44);
	assert_true(has_end);
	assert_int_equal(receive_half(&room).state, DPS_STREAM_FINISHED);
	assert_int_equal(receive_half(&room).cause.error, 0);
	assert_int_equal(dps_stream_close(room.far->streams, room.receive, DPS_STREAM_LINGER), 0);
	assert_int_equal(dps_streams_count(room.far->streams), 0);
	room_close(&room);

	/* The end is here, and a byte before it is not. */
	room_open(&room);
	assert_true(inject(&room, 256, 44, DPS_SLICE_END));
	assert_true(inject(&room, 1, 255, 0));
	dps_streams_lose(room.far->streams, DPS_CLOSE_UNREACHABLE);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, &run, 1),
			 -DPS_ERROR_LOST);
	assert_int_equal(receive_half(&room).cause.reason, DPS_CLOSE_UNREACHABLE);
	room_close(&room);
}

static void close__gives_back_what_is_lent(void **state)
{
	struct dps_bytes runs[4];
	struct room room;

	(void)state;
	room_open(&room);
	rig_run(&room.rig);
	assert_int_equal(rig_send(room.near, room.handle, 1000, 0, 0), 0);
	rig_run(&room.rig);
	assert_int_equal(dps_stream_read(room.far->streams, room.receive, runs, 4), 4);
	dps_stream_close(room.far->streams, room.receive, DPS_STREAM_DROP);
	rig_run(&room.rig);
	assert_int_equal(dps_slots_available(&room.far->streams->receive_blocks), 64);
	assert_int_equal(dps_streams_count(room.far->streams), 0);
	room_close(&room);
}

/* ---- place and commit ---- */

/* A forgery never overwrites what has arrived, and takes nothing. */
static void commit__of_a_bad_slice_leaves_no_trace(void **state)
{
	uint8_t forged[100];
	struct dps_stream_slice slice = { .memory = forged, .bytes = sizeof(forged) };
	struct dps_stream_placement placement;
	struct room room;

	(void)state;
	room_open(&room);
	memset(forged, 0xee, sizeof(forged));
	assert_true(inject(&room, 50, 30, 0));
	for (slice.offset = 0; slice.offset < 512; slice.offset += 31) {
		slice.flags = slice.offset > 300 ? DPS_SLICE_END : 0;
		if (!dps_streams_place(room.far->streams, 1, &slice, &placement))
			continue;
		memcpy(placement.to, forged, sizeof(forged));
		assert_false(dps_streams_commit(room.far->streams, &placement, false, 0));
	}
	assert_true(counters_of(&room).dropped_seal > 5);
	assert_int_equal(receive_half(&room).state, DPS_STREAM_OPEN);
	assert_true(inject(&room, 0, 50, 0));
	assert_int_equal(read_all(&room), 80);
	room_close(&room);
}

/* Overlaps in any way: each byte is taken once, and what had arrived stays as it was. */
static void commit__takes_over_only_what_is_missing(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_true(inject(&room, 100, 20, 0));
	assert_true(inject(&room, 150, 20, 0));
	assert_true(inject(&room, 90, 70, 0));
	assert_true(inject(&room, 0, 256, 0));
	assert_int_equal(read_all(&room), 256);
	assert_true(inject(&room, 100, 20, 0));
	assert_true(inject(&room, 0, 256, 0));
	assert_int_equal(counters_of(&room).duplicates, 2);
	assert_int_equal(read_all(&room), 0);
	room_close(&room);
}

/* E24: what lies across blocks, beyond the credit, behind the end, or moves the end. */
static void place__drops_what_cannot_be(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_false(inject(&room, 250, 10, 0));
	assert_int_equal(counters_of(&room).dropped_layout, 1);
	assert_false(inject(&room, 0, 0, 0));
	assert_int_equal(counters_of(&room).dropped_layout, 2);
	assert_false(inject(&room, 1024, 1, 0));
	assert_false(inject(&room, DPS_OFFSET_MAX + 1, 1, 0));
	assert_false(inject(&room, UINT64_MAX, 1, DPS_SLICE_END));
	assert_int_equal(counters_of(&room).dropped_credit, 3);
	assert_true(inject(&room, 300, 50, 0));
	/* An end below what has come. */
	assert_false(inject(&room, 340, 5, DPS_SLICE_END));
	assert_false(inject(&room, 0, 0, DPS_SLICE_END));
	assert_int_equal(counters_of(&room).dropped_layout, 4);
	assert_true(inject(&room, 350, 50, DPS_SLICE_END));
	/* Another end, or bytes behind it. */
	assert_false(inject(&room, 350, 51, DPS_SLICE_END));
	assert_false(inject(&room, 350, 49, DPS_SLICE_END));
	assert_false(inject(&room, 400, 1, 0));
	assert_int_equal(counters_of(&room).dropped_layout + counters_of(&room).dropped_credit, 10);
	assert_true(inject(&room, 350, 50, DPS_SLICE_END));
	assert_false(rig_inject(&room.rig, room.far, 999, 0, 10, 0));
	assert_false(rig_inject(&room.rig, room.near, 0, 0, 10, 0));
	assert_int_equal(counters_of(&room).dropped_number, 1);
	room_close(&room);
}

/* An end by itself takes no memory, but what lies before it would: it is within the credit, too. */
static void place__drops_an_end_beyond_the_credit(void **state)
{
	struct room room;
	uint64_t credit;

	(void)state;
	room_open(&room);
	credit = ack_of(&room).credit;
	assert_false(inject(&room, credit + 1, 0, DPS_SLICE_END));
	assert_false(inject(&room, DPS_OFFSET_MAX, 0, DPS_SLICE_END));
	assert_int_equal(counters_of(&room).dropped_credit, 2);
	assert_false(inject(&room, credit, 100, 0));
	assert_false(inject(&room, credit << 10, 100, 0));
	assert_int_equal(counters_of(&room).dropped_credit, 4);
	assert_int_equal(receive_half(&room).state, DPS_STREAM_OPEN);
	/* Where all of the credit was used, the end stands at it. */
	assert_true(inject(&room, credit, 0, DPS_SLICE_END));
	assert_true(inject(&room, credit, 0, DPS_SLICE_END));
	assert_int_equal(receive_half(&room).state, DPS_STREAM_ENDING);
	room_close(&room);
}

/* More gaps in a block than are kept: what would make another is not kept, and comes again. */
static void commit__among_too_many_gaps_is_not_kept(void **state)
{
	struct room room;
	unsigned int kept = 0;

	(void)state;
	room_open(&room);
	for (uint64_t at = 0; at < 256; at += 2)
		kept += inject(&room, at, 1, 0);
	assert_int_equal(kept, DPS_STREAM_BLOCK_GAPS_MAX);
	assert_int_equal(counters_of(&room).dropped_full, 128 - kept);
	assert_true(inject(&room, 0, 256, 0));
	assert_int_equal(read_all(&room), 256);
	room_close(&room);
}

/* E38 */
static void place__of_another_epoch_is_dropped(void **state)
{
	struct dps_stream_slice slice = { .bytes = 10 };
	struct dps_stream_placement placement;
	struct room room;

	(void)state;
	room_open(&room);
	assert_false(dps_streams_place(room.far->streams, 2, &slice, &placement));
	dps_streams_park(room.far->streams, 1);
	assert_false(dps_streams_place(room.far->streams, 1, &slice, &placement));
	assert_int_equal(counters_of(&room).dropped_epoch, 2);
	room_close(&room);
}

/* ---- credit ---- */

/* One that is not read holds its window, and no more: every other one goes on. */
static void grant__one_that_is_not_read_does_not_starve_the_others(void **state)
{
	struct dps_streams_config far = rig_stream_config(false);
	struct dps_handle sending[4], receiving[4];
	struct room room;
	bool has_end;

	(void)state;
	far.receive_blocks = far.streams + 2;
	far.receive_window_bytes = UINT64_C(1) << 40;
	room_open_with(&room, &far);
	for (unsigned int i = 0; i < 4; i++)
		sending[i] = rig_opened(&room.rig, 0, &receiving[i]);
	rig_run(&room.rig);
	/* The first took what there is beyond one for each. */
	assert_int_equal(rig_look(room.near, room.handle).credit, 3 * 256);
	assert_int_equal(rig_send(room.near, room.handle, 1024, 0, 0), 0);
	for (unsigned int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < 4; i++)
			assert_int_equal(rig_send(room.near, sending[i], 512, 0, 0), 0);
		for (unsigned int turn = 0; turn < 2; turn++) {
			rig_run(&room.rig);
			for (unsigned int i = 0; i < 4; i++)
				assert_int_equal(rig_read(room.far, receiving[i], &has_end), 256);
		}
		rig_run(&room.rig);
	}
	/* When it is read, those who wait longest get what it gives back. */
	assert_int_equal(read_all(&room), 768);
	assert_int_equal(rig_look(room.far, receiving[0]).granted, 20 * 256 + 512);
	room_close(&room);
}

static void set_receive_window__applies_at_once(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	rig_run(&room.rig);
	assert_int_equal(rig_look(room.near, room.handle).credit, 1024);
	assert_int_equal(dps_stream_set_receive_window(room.far->streams, room.receive, 4096), 0);
	rig_run(&room.rig);
	assert_int_equal(rig_look(room.near, room.handle).credit, 4096);
	/* A smaller one takes nothing back. */
	assert_int_equal(dps_stream_set_receive_window(room.far->streams, room.receive, 256), 0);
	rig_run(&room.rig);
	assert_int_equal(rig_look(room.near, room.handle).credit, 4096);
	assert_int_equal(rig_send(room.near, room.handle, 1024, 0, 0), 0);
	rig_run(&room.rig);
	assert_int_equal(read_all(&room), 1024);
	rig_run(&room.rig);
	assert_int_equal(rig_look(room.near, room.handle).credit, 4096);
	room_close(&room);
}

enum { TRIP_STEPS = 8, WAY_ROOM = 256 };

/* What is on its way, by the step in which it arrives. */
struct way {
	struct dps_stream_slice slices[TRIP_STEPS][WAY_ROOM];
	struct dps_stream_ack acks[TRIP_STEPS][WAY_ROOM];
	unsigned int slices_count[TRIP_STEPS];
	unsigned int acks_count[TRIP_STEPS];
};

static void way_ack(struct room *room, struct way *way, unsigned int at, uint64_t step)
{
	way->acks_count[at] +=
		dps_streams_emit_acks(room->far->streams, 1, way->acks[at] + way->acks_count[at],
				      WAY_ROOM - way->acks_count[at], step * DPS_NS_PER_MS);
}

/* A step of a way without a rate: as much goes as credit allows, and what comes is read at once. */
static void way_step(struct room *room, struct way *way, uint64_t step)
{
	unsigned int at = step % TRIP_STEPS;
	struct dps_stream_placement placement;
	bool has_end;

	for (unsigned int i = 0; i < way->acks_count[at]; i++)
		dps_streams_on_ack(room->near->streams, 1, &way->acks[at][i]);
	way->acks_count[at] = 0;
	for (unsigned int i = 0; i < way->slices_count[at]; i++) {
		const struct dps_stream_slice *slice = &way->slices[at][i];

		assert_true(dps_streams_place(room->far->streams, 1, slice, &placement));
		memcpy(placement.to, slice->memory, slice->bytes);
		assert_true(dps_streams_commit(room->far->streams, &placement, true,
					       step * DPS_NS_PER_MS));
		dps_streams_on_released(room->near->streams, slice->token);
		rig_read(room->far, room->receive, &has_end);
		way_ack(room, way, at, step);
	}
	way_ack(room, way, at, step);
	while (rig_send(room->near, room->handle, 64 << 10, 0, 0) == 0)
		;
	rig_events(room->near);
	way->slices_count[at] = dps_streams_emit_slices(room->near->streams, 1, way->slices[at],
							WAY_ROOM, 64 << 10);
}

/* The window of a stream that credit holds up follows what the way can hold, up to its limit. */
static void window__follows_the_way_when_it_is_adaptive(void **state)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);
	struct dps_stream_snapshot snapshot;
	static struct way way;
	struct room room;

	(void)state;
	memset(&way, 0, sizeof(way));
	near.block_bytes = far.block_bytes = 64 << 10;
	near.segments = 512;
	near.send_blocks = 256;
	near.window_bytes = UINT64_C(1) << 30;
	far.receive_blocks = 256;
	far.receive_window_bytes = 8 << 20;
	far.is_adaptive = true;
	rig_open_with(&room.rig, &near, &far);
	rig_talk(&room.rig);
	room.near = &room.rig.near;
	room.far = &room.rig.far;
	room.handle = rig_opened(&room.rig, 0, &room.receive);
	assert_int_equal(rig_look(room.far, room.receive).granted, 1 << 20);
	for (uint64_t step = 1; step < 400; step++)
		way_step(&room, &way, step);
	snapshot = rig_look(room.far, room.receive);
	assert_int_equal(snapshot.granted - snapshot.released, 8 << 20);
	room_close(&room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read__gives_all_bytes_in_order_and_the_end),
		cmocka_unit_test(read__lends_bytes_where_they_lie),
		cmocka_unit_test(read__of_what_came_in_any_order_is_in_order),
		cmocka_unit_test(read__end_does_not_overtake_data),
		cmocka_unit_test(read__of_an_empty_stream_is_its_end),
		cmocka_unit_test(read__of_nonsense_changes_nothing),
		cmocka_unit_test(read_copy__takes_any_part_and_gives_it_back),
		cmocka_unit_test(stop__tells_the_sender_and_keeps_what_is_lent),
		cmocka_unit_test(abort__by_the_sender_is_told_and_drops_what_was_not_read),
		cmocka_unit_test(done__by_the_sender_does_not_hurry_the_reader),
		cmocka_unit_test(lose__leaves_to_the_reader_what_has_arrived_with_its_end),
		cmocka_unit_test(close__gives_back_what_is_lent),
		cmocka_unit_test(commit__of_a_bad_slice_leaves_no_trace),
		cmocka_unit_test(commit__takes_over_only_what_is_missing),
		cmocka_unit_test(place__drops_what_cannot_be),
		cmocka_unit_test(place__drops_an_end_beyond_the_credit),
		cmocka_unit_test(commit__among_too_many_gaps_is_not_kept),
		cmocka_unit_test(place__of_another_epoch_is_dropped),
		cmocka_unit_test(grant__one_that_is_not_read_does_not_starve_the_others),
		cmocka_unit_test(set_receive_window__applies_at_once),
		cmocka_unit_test(window__follows_the_way_when_it_is_adaptive),
	};

	return cmocka_run_group_tests_name("stream_receive", tests, NULL, NULL);
}
