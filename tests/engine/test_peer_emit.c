/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes, and in which order, as the far side hears it. */
#include "tests/support/peer_pair.h"
#include <errno.h>
#include <string.h>

enum { LONG = 60000, AHEAD = 65536 };

static void open_default(struct peer_pair *pair)
{
	struct dps_peer_config config;

	dps_peer_config_init(&config);
	pair_open(pair, &config, &config);
	pair_connect(pair);
}

static int notify_long(struct peer_pair *pair, struct peer_side *side)
{
	static const uint8_t body[LONG];

	return dps_peer_notify(side->peer, DPS_PEER_BULK, body, LONG, pair->now_ns);
}

/* Writes as much as a socket with so little room, until the far side hears this kind. */
static uint64_t bytes_until(struct peer_pair *pair, enum dps_peer_event_kind kind,
			    enum dps_peer_class class)
{
	uint64_t written = 0;

	for (;;) {
		pair->a.write_max = 1000;
		assert_true(pair_do(pair, &pair->a, PAIR_WRITE));
		written += pair->a.wire_bytes;
		pair_do(pair, &pair->a, PAIR_DELIVER);
		while (pair_do(pair, &pair->b, PAIR_HEAR)) {
			const struct dps_peer_event *event =
				&pair->b.heard[pair->b.heard_count - 1].event;

			if (event->kind == kind && event->message_class == class)
				return written;
		}
		pair_do(pair, &pair->b, PAIR_WRITE);
		pair_do(pair, &pair->b, PAIR_DELIVER);
	}
}

/* A word of control waits for what the socket has been given, and for nothing that is queued. */
static void urgent__goes_before_all_that_is_queued(void **state)
{
	struct peer_pair pair;
	unsigned int queued = 0;

	(void)state;
	open_default(&pair);
	while (notify_long(&pair, &pair.a) == 0)
		queued++;
	assert_true(queued >= 5);
	pair.a.write_max = 1;
	pair_do(&pair, &pair.a, PAIR_WRITE);
	pair_notify(&pair, &pair.a, DPS_PEER_CONTROL, "now");
	assert_true(bytes_until(&pair, DPS_PEER_EVENT_NOTICE, DPS_PEER_CONTROL) <=
		    AHEAD + LONG + 2 * DPS_PEER_HEAD_BYTES + 1000);
	pair_close(&pair);
}

/* Whatever urgent comes, and it never ends, bulk gets its turn within its patience. */
static void bulk__goes_on_though_control_never_ends(void **state)
{
	struct dps_peer_config config;
	struct peer_pair pair;
	uint64_t written = 0;
	char body[1024] = "urgent";

	(void)state;
	dps_peer_config_init(&config);
	pair_open(&pair, &config, &config);
	pair_connect(&pair);
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "patient");
	while (pair_count(&pair.b, DPS_PEER_EVENT_NOTICE) == 0 ||
	       pair.b.heard[pair.b.heard_count - 1].event.message_class != DPS_PEER_BULK) {
		while (dps_peer_notify(pair.a.peer, DPS_PEER_CONTROL, body, sizeof(body),
				       pair.now_ns) == 0)
			;
		pair.a.write_max = 5000;
		pair_do(&pair, &pair.a, PAIR_WRITE);
		written += pair.a.wire_bytes;
		pair_do(&pair, &pair.a, PAIR_DELIVER);
		for (bool is_bulk = false; !is_bulk && pair_do(&pair, &pair.b, PAIR_HEAR);)
			is_bulk = pair.b.heard[pair.b.heard_count - 1].event.message_class ==
				  DPS_PEER_BULK;
		pair_do(&pair, &pair.b, PAIR_WRITE);
		pair_do(&pair, &pair.b, PAIR_DELIVER);
	}
	assert_in_range(written, config.patience_bytes[DPS_PEER_BULK] / 2,
			config.patience_bytes[DPS_PEER_BULK] + AHEAD + 3 * config.body_bytes_max);
	pair_close(&pair);
}

/* E47: what begins a stream, its data and its end share a class, so none overtakes another. */
static void end__never_overtakes_data(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	assert_int_equal(pair_notify(&pair, &pair.a, DPS_PEER_BULK, "opens"), 0);
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(pair_notify(&pair, &pair.a, DPS_PEER_BULK, "data"), 0);
		assert_int_equal(pair_notify(&pair, &pair.a, DPS_PEER_CONTROL, "else"), 0);
	}
	assert_int_equal(pair_notify(&pair, &pair.a, DPS_PEER_BULK, "end"), 0);
	dps_peer_close(pair.a.peer, 0, DPS_NS_PER_S, pair.now_ns);
	pair_run(&pair);
	for (unsigned int i = 0; i < 8; i++)
		assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "else");
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "opens");
	for (unsigned int i = 0; i < 8; i++)
		assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "data");
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "end");
	pair_heard(&pair.b, DPS_PEER_EVENT_CLOSED);
	pair_close(&pair);
}

/* A queue that bulk has filled takes the answer that the far side waits for, and sends it first. */
static void reply__finds_room_and_its_way_through_bulk(void **state)
{
	struct peer_pair pair;

	(void)state;
	open_default(&pair);
	pair_call(&pair, &pair.b, "call");
	pair_run(&pair);
	while (notify_long(&pair, &pair.a) == 0)
		;
	assert_int_equal(
		pair_reply(&pair, &pair.a, pair_heard(&pair.a, DPS_PEER_EVENT_REQUEST), "answer"),
		0);
	/* Counted in bytes, as which of the two is heard first is another thing. */
	assert_true(bytes_until(&pair, DPS_PEER_EVENT_CALL_OVER, DPS_PEER_CONTROL) <=
		    AHEAD + LONG + 3 * DPS_PEER_HEAD_BYTES + 1000);
	pair_close(&pair);
}

/* E44: both write more than the wire holds, at once. Neither waits for the other to read first. */
static void writers__that_both_fill_the_wire_do_not_lock_up(void **state)
{
	struct peer_pair pair;
	unsigned int a = 0, b = 0;

	(void)state;
	open_default(&pair);
	pair.a.wire_max = pair.b.wire_max = 100;
	for (unsigned int i = 0; i < 10; i++) {
		a += notify_long(&pair, &pair.a) == 0;
		b += notify_long(&pair, &pair.b) == 0;
	}
	pair_run(&pair);
	assert_int_equal(pair_count(&pair.b, DPS_PEER_EVENT_NOTICE), a);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_NOTICE), b);
	assert_true(a > 4 && b > 4);
	pair_close(&pair);
}

static void emit_slices__gives_the_same_until_it_is_sent(void **state)
{
	struct dps_peer_slice first[4], again[4];
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "0123456789");
	assert_int_equal(dps_peer_emit_slices(pair.a.peer, pair.a.epoch, first, 4, pair.now_ns), 2);
	assert_int_equal(dps_peer_emit_slices(pair.a.peer, pair.a.epoch, again, 4, pair.now_ns), 2);
	assert_memory_equal(first, again, 2 * sizeof(*first));
	assert_int_equal(first[0].bytes, DPS_PEER_HEAD_BYTES);
	assert_int_equal(first[1].bytes, 10);
	dps_peer_on_sent(pair.a.peer, pair.a.epoch, DPS_PEER_HEAD_BYTES + 4, pair.now_ns);
	assert_int_equal(dps_peer_emit_slices(pair.a.peer, pair.a.epoch, again, 4, pair.now_ns), 1);
	assert_int_equal(again[0].bytes, 6);
	assert_memory_equal(again[0].memory, "456789", 6);
	assert_int_equal(dps_peer_emit_slices(pair.a.peer, pair.a.epoch, again, 0, pair.now_ns), 0);
	pair_close(&pair);
}

/* E29: high is told once, low is told once, and between them nothing is dropped. */
static void backlog__is_told_once_each_way(void **state)
{
	struct peer_pair pair;
	unsigned int said = 0;

	(void)state;
	pair_open_connected(&pair);
	pair.a.is_stuck = true;
	while (pair_notify(&pair, &pair.a, DPS_PEER_BULK, "bulk") == 0)
		said++;
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(pair_notify(&pair, &pair.a, DPS_PEER_BULK, "bulk"), -EAGAIN);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_BACKLOG_HIGH)->event.message_class,
			 DPS_PEER_BULK);
	pair_heard_all(&pair.a);
	pair.a.is_stuck = false;
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_BACKLOG_LOW)->event.message_class,
			 DPS_PEER_BULK);
	pair_heard_all(&pair.a);
	assert_int_equal(pair_count(&pair.b, DPS_PEER_EVENT_NOTICE), said);
	pair_close(&pair);
}

/* What is said of somebody who has just come is heard before any answer, asked for before or not.
 */
static void notice__said_as_it_connects_goes_before_any_answer(void **state)
{
	struct dps_peer_config config;
	const struct peer_heard *request;
	struct peer_pair pair;

	(void)state;
	pair_config(&config);
	pair_open(&pair, &config, &config);
	pair_call(&pair, &pair.a, "asked before it is connected");
	dps_peer_dial(pair.a.peer, pair.now_ns);
	while (pair.b.heard_count == 0)
		for (unsigned int deed = 0; deed < PAIR_DEEDS; deed++) {
			pair_do(&pair, &pair.a, (enum pair_deed)deed);
			pair_do(&pair, &pair.b, (enum pair_deed)deed);
		}
	/* The first thing that it hears; and it is slow to say what it has to. */
	pair_heard(&pair.b, DPS_PEER_EVENT_CONNECTED);
	pair.b.is_stuck = true;
	pair_run(&pair);
	request = pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	assert_int_equal(pair_reply(&pair, &pair.b, request, "answer"), 0);
	assert_int_equal(pair_notify(&pair, &pair.b, DPS_PEER_CONTROL, "welcome"), 0);
	pair.b.is_stuck = false;
	pair_run(&pair);
	pair_heard(&pair.a, DPS_PEER_EVENT_CONNECTING);
	pair_heard(&pair.a, DPS_PEER_EVENT_CONNECTED);
	assert_string_equal(pair_heard(&pair.a, DPS_PEER_EVENT_NOTICE)->text, "welcome");
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
			 DPS_PEER_ANSWERED);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urgent__goes_before_all_that_is_queued),
		cmocka_unit_test(bulk__goes_on_though_control_never_ends),
		cmocka_unit_test(end__never_overtakes_data),
		cmocka_unit_test(reply__finds_room_and_its_way_through_bulk),
		cmocka_unit_test(writers__that_both_fill_the_wire_do_not_lock_up),
		cmocka_unit_test(emit_slices__gives_the_same_until_it_is_sent),
		cmocka_unit_test(backlog__is_told_once_each_way),
		cmocka_unit_test(notice__said_as_it_connects_goes_before_any_answer),
	};

	return cmocka_run_group_tests_name("peer_emit", tests, NULL, NULL);
}
