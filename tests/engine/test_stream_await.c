/* SPDX-License-Identifier: BSD-3-Clause */
/* Who waits for a word asks for it, ever more rarely; who hears one does not. */
#include "tests/support/stream_room.h"

static unsigned int asks(struct room *room)
{
	uint32_t numbers[4];
	unsigned int count = dps_streams_emit_asks(room->near->streams, 1, numbers, 4);

	if (count > 0)
		assert_int_equal(numbers[0], rig_look(room->near, room->handle).number);
	return count;
}

static void ask__comes_when_nothing_was_heard_and_ever_more_rarely(void **state)
{
	unsigned int count = 0, looks[16];
	struct room room;

	(void)state;
	room_open(&room);
	assert_false(dps_streams_is_awaiting(room.near->streams, 1));
	assert_int_equal(send_some(&room, 300), 0);
	assert_true(dps_streams_is_awaiting(room.near->streams, 1));
	assert_int_equal(asks(&room), 0); /* there is something to send */
	rig_flush(&room.rig, room.near);
	for (unsigned int i = 0; i < 64; i++)
		if (asks(&room) > 0)
			looks[count++] = i;
	assert_true(count >= 4 && count < 10);
	for (unsigned int i = 2; i < count; i++)
		assert_true(looks[i] - looks[i - 1] > looks[i - 1] - looks[i - 2]);
	/* A word, and it begins anew. */
	ack(&room, 100, false);
	assert_int_equal(asks(&room), 0);
	assert_int_equal(asks(&room), 1);
	ack(&room, 300, false);
	asks(&room);
	assert_int_equal(asks(&room), 0);
	assert_false(dps_streams_is_awaiting(room.near->streams, 1));
	room_close(&room);
}

static void ask__is_also_for_the_end_and_for_credit(void **state)
{
	struct room room;

	(void)state;
	room_open(&room);
	assert_int_equal(dps_stream_finish(room.near->streams, room.handle), 0);
	rig_flush(&room.rig, room.near);
	asks(&room);
	assert_int_equal(asks(&room), 1);
	assert_int_equal(dps_streams_emit_asks(room.near->streams, 2, (uint32_t[1]){ 0 }, 1), 0);
	ack(&room, 0, true);
	assert_false(asks(&room) > 0);
	assert_false(dps_streams_is_awaiting(room.near->streams, 1));
	room_close(&room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ask__comes_when_nothing_was_heard_and_ever_more_rarely),
		cmocka_unit_test(ask__is_also_for_the_end_and_for_credit),
	};

	return cmocka_run_group_tests_name("stream_await", tests, NULL, NULL);
}
