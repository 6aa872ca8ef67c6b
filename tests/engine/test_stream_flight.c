/* SPDX-License-Identifier: BSD-3-Clause */
/* Flight: all streams of a peer together post no more than is allowed, and nobody waits for ever.
 */
#include "tests/support/stream_room.h"

enum { LIMIT = 1000, CROWD = 3, SMALL_WINDOW = 600 };

#define WINDOW (UINT64_C(1) << 20) /* of each, and never in the way */

struct crowd {
	struct stream_rig rig;
	struct rig_side *near;
	struct dps_handle handles[CROWD];
	uint64_t acknowledged[CROWD];
};

static void crowd_open_with(struct crowd *crowd, uint64_t flight_bytes)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);

	memset(crowd, 0, sizeof(*crowd));
	near.flight_bytes = flight_bytes;
	near.window_bytes = WINDOW;
	rig_open_with(&crowd->rig, &near, &far);
	rig_talk(&crowd->rig);
	crowd->near = &crowd->rig.near;
	streams_open(&crowd->rig, crowd->handles, CROWD);
}

static void crowd_open(struct crowd *crowd)
{
	crowd_open_with(crowd, LIMIT);
}

static void crowd_close(struct crowd *crowd)
{
	rig_release(crowd->near);
	rig_close_streams(&crowd->rig);
}

static int send_of(struct crowd *crowd, unsigned int stream, size_t bytes)
{
	return rig_send(crowd->near, crowd->handles[stream], bytes, 0, 0);
}

static int lend(struct crowd *crowd, unsigned int stream, const uint8_t *memory, size_t bytes,
		uint64_t cookie)
{
	const struct dps_bytes piece = { memory, bytes };

	return dps_stream_send(crowd->near->streams, crowd->handles[stream], &piece, 1,
			       DPS_SEND_BORROW, cookie);
}

/* So many more bytes of a stream are at the far side. */
static void ack_of(struct crowd *crowd, unsigned int stream, uint64_t bytes)
{
	rig_flush(&crowd->rig, crowd->near);
	crowd->acknowledged[stream] += bytes;
	rig_ack(&crowd->rig, crowd->near, crowd->handles[stream], PLENTY,
		crowd->acknowledged[stream], false);
}

/* Which stream is told that it may write; that is all that is told. */
static unsigned int writable(struct crowd *crowd)
{
	struct dps_stream_event event = rig_event(crowd->near, DPS_STREAM_EVENT_WRITABLE);
	unsigned int stream = 0;

	assert_int_equal(crowd->near->events_count, 1);
	while (crowd->handles[stream].index != event.handle.index)
		stream++;
	return stream;
}

/* ---- the limit ---- */

static void send__counts_what_all_streams_have_under_way(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	assert_int_equal(send_of(&crowd, 0, 600), 0);
	assert_int_equal(send_of(&crowd, 1, 401), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&crowd, 1, 400), 0);
	assert_int_equal(send_of(&crowd, 2, 1), -DPS_ERROR_FULL);
	assert_int_equal(rig_events(crowd.near), 0);
	ack_of(&crowd, 0, 1);
	assert_int_equal(writable(&crowd), 2);
	assert_int_equal(send_of(&crowd, 2, 1), 0);
	assert_int_equal(rig_events(crowd.near), 0);
	crowd_close(&crowd);
}

/* Lent memory takes no block: nothing else bounds it. */
static void send__counts_what_was_lent(void **state)
{
	static const uint8_t memory[LIMIT];
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	assert_int_equal(lend(&crowd, 0, memory, 500, 1), 0);
	assert_int_equal(lend(&crowd, 1, memory, 500, 2), 0);
	assert_int_equal(lend(&crowd, 2, memory, 1, 3), -DPS_ERROR_FULL);
	assert_int_equal(dps_stream_cancel_send(crowd.near->streams, crowd.handles[0], 1), 0);
	assert_int_equal(rig_events(crowd.near), 2);
	assert_int_equal(rig_count(crowd.near, DPS_STREAM_EVENT_CANCELLED), 1);
	assert_int_equal(rig_count(crowd.near, DPS_STREAM_EVENT_WRITABLE), 1);
	assert_int_equal(lend(&crowd, 2, memory, 500, 3), 0);
	crowd_close(&crowd);
}

static void send__longer_than_the_limit_passes_when_nothing_is_under_way(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	assert_int_equal(send_of(&crowd, 0, 10), 0);
	assert_int_equal(send_of(&crowd, 1, LIMIT + 1), -DPS_ERROR_FULL);
	ack_of(&crowd, 0, 9);
	assert_int_equal(rig_events(crowd.near), 0);
	ack_of(&crowd, 0, 1);
	assert_int_equal(writable(&crowd), 1);
	assert_int_equal(send_of(&crowd, 1, LIMIT + 1), 0);
	assert_int_equal(send_of(&crowd, 0, 1), -DPS_ERROR_FULL);
	crowd_close(&crowd);
}

static void send__has_no_limit_unless_one_is_said(void **state)
{
	static const uint8_t memory[1 << 20];
	struct crowd crowd;

	(void)state;
	crowd_open_with(&crowd, 0);
	for (unsigned int i = 0; i < CROWD; i++)
		assert_int_equal(lend(&crowd, i, memory, sizeof(memory), i), 0);
	crowd_close(&crowd);
}

/* ---- giving back ---- */

static void stream_abort(struct crowd *crowd)
{
	assert_int_equal(dps_stream_abort(crowd->near->streams, crowd->handles[0], 1), 0);
}

static void stream_stopped(struct crowd *crowd)
{
	rig_say(&crowd->rig, crowd->near, DPS_STREAM_SAYS_STOP,
		rig_look(crowd->near, crowd->handles[0]).number, 4);
}

static void stream_dropped(struct crowd *crowd)
{
	assert_int_equal(dps_stream_close(crowd->near->streams, crowd->handles[0], DPS_STREAM_DROP),
			 0);
}

/* However a stream ends, what it had under way is another's. */
static void end__gives_back_what_was_under_way(void **state)
{
	void (*const ends[])(struct crowd *) = { stream_abort, stream_stopped, stream_dropped };
	struct crowd crowd;

	(void)state;
	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		crowd_open(&crowd);
		assert_int_equal(send_of(&crowd, 0, LIMIT), 0);
		assert_int_equal(send_of(&crowd, 1, LIMIT), -DPS_ERROR_FULL);
		rig_emit(&crowd.rig, crowd.near, 1);
		ends[i](&crowd);
		rig_events(crowd.near);
		assert_int_equal(rig_count(crowd.near, DPS_STREAM_EVENT_WRITABLE), 0);
		/* The port had some of it. */
		rig_release(crowd.near);
		rig_events(crowd.near);
		assert_int_equal(rig_count(crowd.near, DPS_STREAM_EVENT_WRITABLE), 1);
		assert_int_equal(send_of(&crowd, 1, LIMIT), 0);
		crowd_close(&crowd);
	}
}

/* What has to be sent again is under way still. */
static void resume__keeps_the_count(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	assert_int_equal(send_of(&crowd, 0, LIMIT), 0);
	ack_of(&crowd, 0, 100);
	rig_reconnect(&crowd.rig);
	assert_int_equal(send_of(&crowd, 1, 101), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&crowd, 1, 100), 0);
	crowd_close(&crowd);
}

static void lose__gives_all_back(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	assert_int_equal(send_of(&crowd, 0, LIMIT), 0);
	rig_emit(&crowd.rig, crowd.near, 1);
	dps_streams_lose(crowd.near->streams, DPS_CLOSE_IDLE);
	assert_true(crowd.near->streams->flight.bytes > 0);
	rig_release(crowd.near);
	assert_int_equal(crowd.near->streams->flight.bytes, 0);
	crowd_close(&crowd);
}

/* ---- turns ---- */

/* Who needs much waits for it; who needs little and comes later, comes later. */
static void send__does_not_overtake_who_waits(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	assert_int_equal(send_of(&crowd, 0, LIMIT), 0);
	assert_int_equal(send_of(&crowd, 1, 500), -DPS_ERROR_FULL);
	ack_of(&crowd, 0, 499);
	assert_int_equal(send_of(&crowd, 2, 1), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&crowd, 0, 1), -DPS_ERROR_FULL);
	ack_of(&crowd, 0, 1);
	assert_int_equal(writable(&crowd), 1);
	crowd_close(&crowd);
}

/* Each sends whenever it is told, as much as it is let: without a word of who came first, one of
 * them would have all. */
static void writable__keeps_the_room_for_who_was_told(void **state)
{
	uint64_t sent[CROWD] = { LIMIT };
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	assert_int_equal(send_of(&crowd, 0, LIMIT), 0);
	for (unsigned int i = 0; i < CROWD; i++)
		assert_int_equal(send_of(&crowd, i, 100), -DPS_ERROR_FULL);
	for (unsigned int round = 0; round < 300; round++) {
		unsigned int busy = 0;

		/* All that is under way of one, one after the other. */
		while (sent[busy] == crowd.acknowledged[busy])
			busy++;
		ack_of(&crowd, busy, dps_min_u64(100, sent[busy] - crowd.acknowledged[busy]));
		rig_events(crowd.near);
		for (unsigned int i = 0; i < crowd.near->events_count; i++) {
			unsigned int stream = 0;

			while (crowd.handles[stream].index != crowd.near->events[i].handle.index)
				stream++;
			while (send_of(&crowd, stream, 100) == 0)
				sent[stream] += 100;
		}
	}
	for (unsigned int i = 0; i < CROWD; i++)
		assert_true(sent[i] > 8000);
	crowd_close(&crowd);
}

/* Several were told at once; who is asked first does not take what another was told of. */
static void writable__of_one_is_not_sent_by_another(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	assert_int_equal(send_of(&crowd, 0, LIMIT), 0);
	assert_int_equal(send_of(&crowd, 1, 300), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&crowd, 2, 300), -DPS_ERROR_FULL);
	ack_of(&crowd, 0, 300);
	ack_of(&crowd, 0, 300);
	rig_events(crowd.near);
	assert_int_equal(rig_count(crowd.near, DPS_STREAM_EVENT_WRITABLE), 2);
	assert_int_equal(send_of(&crowd, 1, 300), 0);
	assert_int_equal(send_of(&crowd, 1, 1), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&crowd, 0, 1), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&crowd, 2, 300), 0);
	crowd_close(&crowd);
}

/* Who does not come back for it, and does not say so, keeps nobody waiting. */
static void writable__is_over_when_events_are_taken_next(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	assert_int_equal(send_of(&crowd, 0, LIMIT), 0);
	assert_int_equal(send_of(&crowd, 1, 300), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&crowd, 2, 300), -DPS_ERROR_FULL);
	ack_of(&crowd, 0, 300);
	assert_int_equal(writable(&crowd), 1);
	assert_int_equal(writable(&crowd), 2);
	assert_int_equal(send_of(&crowd, 2, 300), 0);
	assert_int_equal(rig_events(crowd.near), 0);
	crowd_close(&crowd);
}

/* The last byte is acknowledged, and somebody else is quicker than who was told. */
static void writable__keeps_the_room_with_nothing_under_way(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	assert_int_equal(send_of(&crowd, 0, LIMIT), 0);
	assert_int_equal(send_of(&crowd, 1, LIMIT), -DPS_ERROR_FULL);
	ack_of(&crowd, 0, LIMIT);
	assert_int_equal(send_of(&crowd, 2, 1), -DPS_ERROR_FULL);
	assert_int_equal(writable(&crowd), 1);
	assert_int_equal(send_of(&crowd, 2, 1), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&crowd, 1, LIMIT), 0);
	crowd_close(&crowd);
}

static void waiter_finishes(struct crowd *crowd)
{
	assert_int_equal(dps_stream_finish(crowd->near->streams, crowd->handles[1]), 0);
}

static void waiter_aborts(struct crowd *crowd)
{
	assert_int_equal(dps_stream_abort(crowd->near->streams, crowd->handles[1], 1), 0);
}

static void waiter_is_closed(struct crowd *crowd)
{
	assert_int_equal(
		dps_stream_close(crowd->near->streams, crowd->handles[1], DPS_STREAM_LINGER), 0);
}

static void waiter_sends_less(struct crowd *crowd)
{
	assert_int_equal(send_of(crowd, 1, 10), 0);
}

/* One with a byte under way, so that not all of its window is left. */
static void open_small_window(struct crowd *crowd)
{
	assert_int_equal(
		dps_stream_set_window(crowd->near->streams, crowd->handles[1], SMALL_WINDOW), 0);
	assert_int_equal(send_of(crowd, 1, 1), 0);
}

/* It waits for an acknowledgement of its own now, and for nobody else. */
static void waiter_outgrows_its_window(struct crowd *crowd)
{
	assert_int_equal(send_of(crowd, 1, SMALL_WINDOW), -DPS_ERROR_FULL);
}

/* Those behind one that does not want it any more do not wait for it. */
static void waiting__ends_with_who_is_waited_for(void **state)
{
	void (*const ends[])(struct crowd *) = { waiter_finishes, waiter_aborts, waiter_is_closed,
						 waiter_sends_less, waiter_outgrows_its_window };
	struct crowd crowd;

	(void)state;
	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		crowd_open(&crowd);
		assert_int_equal(send_of(&crowd, 0, LIMIT - 101), 0);
		open_small_window(&crowd);
		assert_int_equal(send_of(&crowd, 1, 500), -DPS_ERROR_FULL);
		assert_int_equal(send_of(&crowd, 2, 50), -DPS_ERROR_FULL);
		assert_int_equal(rig_events(crowd.near), 0);
		ends[i](&crowd);
		rig_events(crowd.near);
		assert_int_equal(rig_count(crowd.near, DPS_STREAM_EVENT_WRITABLE), 1);
		assert_int_equal(send_of(&crowd, 2, 50), 0);
		crowd_close(&crowd);
	}
}

/* What was kept for one that asks for more is told to the next, and not only when it sends. */
static void waiting__ends_when_who_was_told_asks_for_more(void **state)
{
	struct crowd crowd;

	(void)state;
	crowd_open(&crowd);
	open_small_window(&crowd);
	assert_int_equal(send_of(&crowd, 0, LIMIT - 91), 0);
	assert_int_equal(send_of(&crowd, 1, 500), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&crowd, 2, 50), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&crowd, 0, 45), -DPS_ERROR_FULL);
	/* The one they wait for waits for its own window. */
	waiter_outgrows_its_window(&crowd);
	assert_int_equal(send_of(&crowd, 2, 60), -DPS_ERROR_FULL);
	assert_int_equal(writable(&crowd), 0);
	assert_int_equal(send_of(&crowd, 0, 45), 0);
	crowd_close(&crowd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(send__counts_what_all_streams_have_under_way),
		cmocka_unit_test(send__counts_what_was_lent),
		cmocka_unit_test(send__longer_than_the_limit_passes_when_nothing_is_under_way),
		cmocka_unit_test(send__has_no_limit_unless_one_is_said),
		cmocka_unit_test(end__gives_back_what_was_under_way),
		cmocka_unit_test(resume__keeps_the_count),
		cmocka_unit_test(lose__gives_all_back),
		cmocka_unit_test(send__does_not_overtake_who_waits),
		cmocka_unit_test(writable__keeps_the_room_for_who_was_told),
		cmocka_unit_test(writable__of_one_is_not_sent_by_another),
		cmocka_unit_test(writable__is_over_when_events_are_taken_next),
		cmocka_unit_test(writable__keeps_the_room_with_nothing_under_way),
		cmocka_unit_test(waiting__ends_with_who_is_waited_for),
		cmocka_unit_test(waiting__ends_when_who_was_told_asks_for_more),
	};

	return cmocka_run_group_tests_name("stream_flight", tests, NULL, NULL);
}
