/* SPDX-License-Identifier: BSD-3-Clause */
/* What the far side says has arrived, and what is sent again. */
#include "tests/support/stream_room.h"

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

/* Nor does what lies between, unless there are too many of them. */
static void on_missing__leaves_out_what_lies_between(void **state)
{
	struct dps_stream_slice slices[16];
	struct room room;
	uint64_t bytes;

	(void)state;
	room_open(&room);
	assert_int_equal(dps_stream_set_window(room.near->streams, room.handle, 1 << 16), 0);
	assert_int_equal(send_some(&room, 4096), 0);
	assert_int_equal(rig_emit(&room.rig, room.near, 16), 16);
	memcpy(slices, room.near->slices, sizeof(slices));
	rig_release(room.near);
	dps_streams_on_missing(room.near->streams, 1, &slices[15]);
	dps_streams_on_missing(room.near->streams, 1, &slices[0]);
	assert_int_equal(rig_flush(&room.rig, room.near), 512);
	for (unsigned int i = 0; i < 16; i += 2)
		dps_streams_on_missing(room.near->streams, 1, &slices[i]);
	bytes = rig_flush(&room.rig, room.near);
	assert_true(bytes >= 2048 && bytes < 3072);
	ack(&room, 4096, false);
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
	dps_streams_on_ack(room.near->streams, 1,
			   &(struct dps_stream_ack){ PLENTY, 1000, 0, true });
	assert_int_equal(rig_look(room.near, room.handle).acknowledged, 300);
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
		cmocka_unit_test(on_ack__beyond_what_was_sent_is_capped_and_counted),
		cmocka_unit_test(on_ack__that_is_old_or_anothers_moves_nothing),
		cmocka_unit_test(on_missing__comes_again),
		cmocka_unit_test(on_missing__leaves_out_what_lies_between),
		cmocka_unit_test(on_missing__of_what_was_not_sent_is_nothing),
		cmocka_unit_test(resume__sends_again_what_was_not_acknowledged),
	};

	return cmocka_run_group_tests_name("stream_ack", tests, NULL, NULL);
}
