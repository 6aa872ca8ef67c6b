/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/owner.h"
#include "tests/support/peer_pair.h"
#include <dps/error.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define SECOND DPS_NS_PER_S

static const struct peer_heard *call_over(struct peer_side *side, enum dps_peer_outcome outcome)
{
	const struct peer_heard *heard = pair_heard(side, DPS_PEER_EVENT_CALL_OVER);

	assert_int_equal(heard->event.outcome, outcome);
	return heard;
}

static struct dps_peer_snapshot read_side(const struct peer_side *side)
{
	struct dps_peer_snapshot snapshot;

	dps_peer_read(side->peer, &snapshot);
	return snapshot;
}

static void call__is_answered_by_id(void **state)
{
	const struct peer_heard *requests[3], *over;
	static const char *const texts[] = { "one", "two", "three" };
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	for (unsigned int i = 0; i < 3; i++)
		pair_call(&pair, &pair.a, texts[i]);
	pair_run(&pair);
	for (unsigned int i = 0; i < 3; i++) {
		requests[i] = pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
		assert_string_equal(requests[i]->text, texts[i]);
	}
	/* In another order than they were asked. */
	for (unsigned int i = 3; i-- > 0;) {
		assert_int_equal(pair_reply(&pair, &pair.b, requests[i], texts[i]), 0);
		pair_run(&pair);
		over = call_over(&pair.a, DPS_PEER_ANSWERED);
		assert_int_equal(over->event.cookie, i);
		assert_int_equal(over->event.code, DPS_PEER_CODE_OK);
		assert_int_equal(over->event.bytes, strlen(texts[i]));
		assert_string_equal(pair_answer(&pair.a, i), texts[i]);
	}
	pair_heard_all(&pair.a);
	pair_close(&pair);
}

/* Calls both ways at once, and notices between them, while others hang. */
static void call__does_not_hold_up_what_else_is_said(void **state)
{
	const struct peer_heard *theirs;
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.a, "hangs");
	pair_run(&pair);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "notice");
	pair_call(&pair, &pair.b, "theirs");
	pair_run(&pair);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "notice");
	theirs = pair_heard(&pair.a, DPS_PEER_EVENT_REQUEST);
	pair_reply(&pair, &pair.a, theirs, "yes");
	pair_run(&pair);
	call_over(&pair.b, DPS_PEER_ANSWERED);
	assert_int_equal(read_side(&pair.a).calls_now, 1);
	pair_close(&pair);
}

static void call__carries_the_programs_code(void **state)
{
	const struct peer_heard *request;
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.a, "");
	pair_run(&pair);
	request = pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	assert_int_equal(request->event.bytes, 0);
	dps_peer_reply(pair.b.peer, request->event.request, DPS_PEER_CODE_OWN + 5, NULL, 0,
		       pair.now_ns);
	pair_run(&pair);
	assert_int_equal(call_over(&pair.a, DPS_PEER_ANSWERED)->event.code, DPS_PEER_CODE_OWN + 5);
	pair_close(&pair);
}

static void timeout__ends_the_call_on_both_sides(void **state)
{
	const struct peer_heard *request;
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.a, "slow");
	pair_pass(&pair, 60 * SECOND - 1);
	request = pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	pair_heard_all(&pair.a);
	pair_pass(&pair, 1);
	call_over(&pair.a, DPS_PEER_TIMED_OUT);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST_OVER);
	assert_int_equal(pair_reply(&pair, &pair.b, request, "late"), -ECANCELED);
	pair_run(&pair);
	pair_heard_all(&pair.a);
	assert_int_equal(read_side(&pair.b).requests_now, 0);
	pair_close(&pair);
}

/* The answer and the cancellation pass each other on the way. */
static void answer__that_is_late_is_counted(void **state)
{
	const struct peer_heard *request;
	struct peer_pair pair;
	uint64_t id;

	(void)state;
	pair_open_connected(&pair);
	id = pair_call(&pair, &pair.a, "call");
	pair_run(&pair);
	request = pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	pair_reply(&pair, &pair.b, request, "in time, it thinks");
	assert_int_equal(dps_peer_cancel(pair.a.peer, id, pair.now_ns), 0);
	assert_int_equal(dps_peer_cancel(pair.a.peer, id, pair.now_ns), -ENOENT);
	pair_run(&pair);
	call_over(&pair.a, DPS_PEER_CANCELLED);
	pair_heard_all(&pair.a);
	assert_string_equal(pair_answer(&pair.a, 0), "");
	assert_int_equal(read_side(&pair.a).answers_late, 1);
	assert_int_equal(read_side(&pair.a).answers_to_nothing, 0);
	pair_close(&pair);
}

/* Half of an answer is there when the call ends: its room is not written any more. */
static void answer__does_not_touch_the_room_of_a_call_that_is_over(void **state)
{
	struct dps_peer_head head = { .kind = DPS_PEER_ANSWER,
				      .class = DPS_PEER_REPLY,
				      .body_bytes = 8 };
	uint8_t bytes[DPS_PEER_HEAD_BYTES];
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	head.id = pair_call(&pair, &pair.a, "call");
	pair_run(&pair);
	dps_peer_head_encode(&head, bytes);
	dps_peer_on_bytes(pair.a.peer, pair.a.epoch, bytes, sizeof(bytes), pair.now_ns);
	dps_peer_on_bytes(pair.a.peer, pair.a.epoch, (const uint8_t *)"half", 4, pair.now_ns);
	dps_peer_cancel(pair.a.peer, head.id, pair.now_ns);
	memset(pair.a.answers[0], '-', 8);
	dps_peer_on_bytes(pair.a.peer, pair.a.epoch, (const uint8_t *)"half", 4, pair.now_ns);
	assert_memory_equal(pair.a.answers[0], "--------", 8);
	pair_notify(&pair, &pair.b, DPS_PEER_BULK, "next");
	pair_run(&pair);
	call_over(&pair.a, DPS_PEER_CANCELLED);
	assert_string_equal(pair_heard(&pair.a, DPS_PEER_EVENT_NOTICE)->text, "next");
	pair_close(&pair);
}

static void answer__longer_than_its_room_says_how_long(void **state)
{
	char room[4] = "....";
	struct dps_peer_call call = { .answer = room, .answer_room = 3, .cookie = 5 };
	const struct peer_heard *over;
	struct peer_pair pair;
	uint64_t id;

	(void)state;
	pair_open_connected(&pair);
	dps_peer_call(pair.a.peer, &call, &id, pair.now_ns);
	pair_run(&pair);
	pair_reply(&pair, &pair.b, pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST), "four");
	pair_run(&pair);
	over = call_over(&pair.a, DPS_PEER_LONG);
	assert_int_equal(over->event.bytes, 4);
	assert_memory_equal(room, "fou.", 4);
	pair_close(&pair);
}

static void answer__to_a_call_never_made_is_counted_and_then_too_much(void **state)
{
	struct dps_peer_head head = { .kind = DPS_PEER_ANSWER, .class = DPS_PEER_REPLY };
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.a, "made");
	pair_run(&pair);
	for (uint64_t id = 0; id < 64; id++) {
		head.id = id == 0 ? 0 : id + 4; /* not the one that was */
		pair_inject(&pair, &pair.a, &head, NULL);
	}
	assert_int_equal(read_side(&pair.a).answers_to_nothing, 64);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_CONNECTED);
	pair_inject(&pair, &pair.a, &head, NULL);
	assert_int_not_equal(dps_peer_state(pair.a.peer), DPS_PEER_CONNECTED);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_LOST)->event.reason,
			 DPS_PEER_ANSWERS_NOTHING);
	pair_close(&pair);
}

/* A call that is still in our queue cannot have an answer. */
static void answer__to_a_call_not_yet_sent_answers_nothing(void **state)
{
	struct dps_peer_head head = { .kind = DPS_PEER_ANSWER, .class = DPS_PEER_REPLY };
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	head.id = pair_call(&pair, &pair.a, "queued");
	pair_inject(&pair, &pair.a, &head, NULL);
	assert_int_equal(read_side(&pair.a).answers_to_nothing, 1);
	pair_run(&pair);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "queued");
	pair_heard_all(&pair.a);
	pair_close(&pair);
}

/* Without a connection it waits for one, as far as its time goes. */
static void call__waits_for_a_connection(void **state)
{
	struct dps_peer_config config;
	struct peer_pair pair;
	uint64_t id;

	(void)state;
	pair_config(&config);
	pair_open(&pair, &config, &config);
	pair.is_unreachable = true;
	dps_peer_dial(pair.a.peer, pair.now_ns);
	dps_peer_call(pair.a.peer, &(struct dps_peer_call){ .timeout_ns = SECOND }, &id,
		      pair.now_ns);
	pair_call(&pair, &pair.a, "waits");
	pair_pass(&pair, 2 * SECOND);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_CALL_OVER), 1);
	pair.is_unreachable = false;
	pair_pass(&pair, 2 * SECOND);
	pair_heard(&pair.b, DPS_PEER_EVENT_CONNECTED);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "waits");
	pair_heard_all(&pair.b);
	pair_close(&pair);
}

/* E36: what was sent may have been handled, and the program is told just that. */
static void lost__calls_that_were_sent_end_and_others_go_on(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.a, "sent");
	pair_run(&pair);
	pair.a.is_stuck = true;
	pair_call(&pair, &pair.a, "queued");
	pair_run(&pair);
	pair_cut(&pair);
	pair_run(&pair);
	pair_heard(&pair.a, DPS_PEER_EVENT_LOST);
	pair_heard(&pair.a, DPS_PEER_EVENT_RETRY);
	assert_int_equal(call_over(&pair.a, DPS_PEER_CALL_LOST)->event.cookie, 0);
	pair_heard_all(&pair.a);
	pair.a.is_stuck = false;
	pair_pass(&pair, SECOND);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	pair_heard(&pair.b, DPS_PEER_EVENT_LOST);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST_OVER);
	pair_heard(&pair.b, DPS_PEER_EVENT_CONNECTED);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "queued");
	pair_close(&pair);
}

/* E43: half a message is nothing to the far side, and goes out whole on the next connection. */
static void lost__half_a_message_is_sent_again(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes < DPS_PEER_HEAD_BYTES + 5; bytes++) {
		struct peer_pair pair;

		pair_open_connected(&pair);
		pair_call(&pair, &pair.a, "first");
		pair_call(&pair, &pair.a, "second");
		pair_notify(&pair, &pair.a, DPS_PEER_BULK, "third");
		pair.a.write_max = bytes;
		if (bytes > 0) {
			struct dps_peer_slice slices[2];

			/* As far as a socket takes it, and no further. */
			dps_peer_emit_slices(pair.a.peer, pair.a.epoch, slices, 2, pair.now_ns);
			dps_peer_on_sent(pair.a.peer, pair.a.epoch, bytes, pair.now_ns);
			dps_peer_on_bytes(pair.b.peer, pair.b.epoch, slices[0].memory,
					  bytes < slices[0].bytes ? bytes : slices[0].bytes,
					  pair.now_ns);
		}
		pair_cut(&pair);
		pair.a.write_max = SIZE_MAX;
		pair_pass(&pair, SECOND);
		assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_CALL_OVER), 0);
		pair_heard(&pair.b, DPS_PEER_EVENT_LOST);
		pair_heard(&pair.b, DPS_PEER_EVENT_CONNECTED);
		assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "first");
		assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "second");
		assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "third");
		pair_heard_all(&pair.b);
		pair_close(&pair);
	}
}

static void cancel__of_a_call_not_yet_sent_never_sends_it(void **state)
{
	struct peer_pair pair;
	uint64_t id;

	(void)state;
	pair_open_connected(&pair);
	id = pair_call(&pair, &pair.a, "never");
	pair_call(&pair, &pair.a, "second");
	assert_int_equal(dps_peer_cancel(pair.a.peer, id, pair.now_ns), 0);
	pair_run(&pair);
	call_over(&pair.a, DPS_PEER_CANCELLED);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "second");
	pair_heard_all(&pair.b);
	assert_int_equal(read_side(&pair.a).sent[DPS_PEER_CALL].messages, 1);
	pair_close(&pair);
}

/* Slots and queue are bounds with an answer, and a call that ended gives its slot back. */
static void call__too_many_is_eagain_and_room_comes_back(void **state)
{
	struct dps_peer_call call = { .timeout_ns = SECOND };
	struct peer_pair pair;
	uint64_t id, again;

	(void)state;
	pair_open_connected(&pair);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(dps_peer_call(pair.a.peer, &call, &id, pair.now_ns), 0);
	assert_int_equal(dps_peer_call(pair.a.peer, &call, &again, pair.now_ns), -EAGAIN);
	assert_int_equal(read_side(&pair.a).refused, 1);
	pair_pass(&pair, SECOND);
	pair_heard(&pair.a, DPS_PEER_EVENT_BACKLOG_HIGH);
	for (unsigned int i = 0; i < 4; i++)
		call_over(&pair.a, DPS_PEER_TIMED_OUT);
	pair_heard(&pair.a, DPS_PEER_EVENT_BACKLOG_LOW);
	assert_int_equal(dps_peer_call(pair.a.peer, &call, &again, pair.now_ns), 0);
	assert_true(again > id);
	pair_close(&pair);
}

/* Places that are not free yet when the last end was heard: that they are is told, too. */
static void call__too_many_that_are_called_off_is_told_when_there_is_room(void **state)
{
	const struct dps_peer_call call = { .body = "again", .bytes = 5 };
	struct peer_pair pair;
	uint64_t ids[4];

	(void)state;
	pair_open_connected(&pair);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(dps_peer_call(pair.a.peer, &call, &ids[i], pair.now_ns), 0);
	pair_run(&pair);
	pair.a.is_stuck = true;
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(dps_peer_cancel(pair.a.peer, ids[i], pair.now_ns), 0);
	pair_run(&pair);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_CALL_OVER), 4);
	assert_int_equal(dps_peer_call(pair.a.peer, &call, NULL, pair.now_ns), -EAGAIN);
	pair_run(&pair);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_BACKLOG_HIGH), 1);
	pair.a.is_stuck = false;
	pair_run(&pair);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_BACKLOG_LOW), 1);
	assert_int_equal(dps_peer_call(pair.a.peer, &call, NULL, pair.now_ns), 0);
	pair_close(&pair);
}

static void call__misuse_is_an_error(void **state)
{
	struct dps_peer_call call = { .bytes = 1025 };
	static const uint8_t body[1025];
	struct dps_handle none = { 0 }, far = { .index = 100, .generation = 1 };
	struct peer_pair pair;
	uint64_t id;

	(void)state;
	pair_open_connected(&pair);
	call.body = body;
	assert_int_equal(dps_peer_call(pair.a.peer, &call, &id, pair.now_ns), -EMSGSIZE);
	assert_int_equal(dps_peer_notify(pair.a.peer, DPS_PEER_BULK, body, 1025, pair.now_ns),
			 -EMSGSIZE);
	assert_int_equal(dps_peer_notify(pair.a.peer, DPS_PEER_CALL, body, 1, pair.now_ns),
			 -EINVAL);
	assert_int_equal(dps_peer_notify(pair.a.peer, DPS_PEER_REPLY, body, 1, pair.now_ns),
			 -EINVAL);
	assert_int_equal(dps_peer_cancel(pair.a.peer, 0, pair.now_ns), -ENOENT);
	assert_int_equal(dps_peer_cancel(pair.a.peer, 77, pair.now_ns), -ENOENT);
	assert_int_equal(dps_peer_reply(pair.a.peer, none, 0, NULL, 0, pair.now_ns), -ENOENT);
	assert_int_equal(dps_peer_reply(pair.a.peer, far, 0, NULL, 0, pair.now_ns), -ENOENT);
	/* What was refused left nothing behind. */
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_CONNECTED);
	pair_call(&pair, &pair.a, "goes on");
	pair_run(&pair);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "goes on");
	pair_close(&pair);
}

static void call__of_nothing_is_an_error(void **state)
{
	const struct dps_peer_call no_body = { .bytes = 1 }, no_room = { .answer_room = 1 };
	const struct dps_peer_call good = { .body = "x", .bytes = 1 };
	struct peer_pair pair;
	uint64_t id;

	(void)state;
	pair_open_connected(&pair);
	assert_int_equal(dps_peer_call(pair.a.peer, NULL, &id, pair.now_ns), -EINVAL);
	assert_int_equal(dps_peer_call(pair.a.peer, &no_body, &id, pair.now_ns), -EINVAL);
	assert_int_equal(dps_peer_call(pair.a.peer, &no_room, &id, pair.now_ns), -EINVAL);
	assert_int_equal(dps_peer_notify(pair.a.peer, DPS_PEER_BULK, NULL, 1, pair.now_ns),
			 -EINVAL);
	assert_int_equal(dps_peer_notify(pair.a.peer, DPS_PEER_BULK, NULL, 0, pair.now_ns), 0);
	assert_int_equal(dps_peer_call(pair.a.peer, &good, NULL, pair.now_ns), 0);
	pair_run(&pair);
	pair_close(&pair);
}

static void expect_closed(struct dps_peer *peer, int error)
{
	const struct dps_peer_call call = { .body = "x", .bytes = 1 };
	const struct dps_handle request = { .generation = 1 };
	uint64_t id;

	assert_int_equal(dps_peer_call(peer, &call, &id, 0), error);
	assert_int_equal(dps_peer_cancel(peer, 1, 0), error);
	assert_int_equal(dps_peer_notify(peer, DPS_PEER_BULK, "x", 1, 0), error);
	assert_int_equal(dps_peer_reply(peer, request, 0, "x", 1, 0), error);
	assert_int_equal(dps_peer_dial(peer, 0), error);
	assert_int_equal(dps_peer_accept(peer, &id, 0), error);
	assert_int_equal(dps_peer_hurry(peer, 0), error);
	assert_int_equal(dps_peer_close(peer, 0, 0, 0), error);
}

/* Whoever carries it may be late: nothing moves, and nothing comes out. */
static void expect_nothing(struct dps_peer *peer)
{
	struct dps_peer_slice slice;
	struct dps_peer_event event;
	uint64_t epoch;

	dps_peer_on_connected(peer, 1, 0);
	dps_peer_on_bytes(peer, 1, (const uint8_t *)"x", 1, 0);
	dps_peer_on_sent(peer, 1, 1, 0);
	dps_peer_on_end(peer, 1, 0);
	dps_peer_on_lost(peer, 1, 0, 0);
	dps_peer_on_deadline(peer, 0);
	assert_int_equal(dps_peer_next_deadline_ns(peer), DPS_NEVER_NS);
	assert_int_equal(dps_peer_emit_step(peer, &epoch, 0), DPS_PEER_STEP_NONE);
	assert_int_equal(dps_peer_emit_slices(peer, 1, &slice, 1, 0), 0);
	assert_false(dps_peer_emit_event(peer, &event, 0));
	assert_int_equal(dps_peer_read_body(peer, 0, &epoch, sizeof(epoch)), 0);
}

static void peer__that_is_none_is_closed(void **state)
{
	struct dps_peer_snapshot snapshot;
	struct dps_peer_config config;
	static _Alignas(64) uint8_t memory[64];
	struct peer_pair pair;

	(void)state;
	expect_closed(NULL, -DPS_ERROR_CLOSED);
	assert_int_equal(dps_peer_state(NULL), DPS_PEER_CLOSED);
	dps_peer_read(NULL, &snapshot);
	assert_int_equal(snapshot.connections, 0);
	dps_peer_fini(NULL);
	expect_nothing(NULL);
	dps_peer_config_init(&config);
	assert_null(dps_peer_init(NULL, &config));
	assert_null(dps_peer_init(memory + 1, &config));
	config.calls = 0;
	assert_null(dps_peer_init(memory, &config));
	assert_null(dps_peer_init(memory, NULL));
	assert_int_equal(dps_peer_bytes(NULL), 0);

	pair_open_connected(&pair);
	assert_int_equal(dps_peer_accept(pair.b.peer, NULL, 0), -EINVAL);
	assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_CONNECTED);
	pair_call(&pair, &pair.a, "never heard of again");
	assert_int_equal(dps_peer_emit_step(pair.b.peer, NULL, pair.now_ns), DPS_PEER_STEP_NONE);
	dps_peer_read(pair.b.peer, NULL);
	dps_peer_fini(pair.a.peer);
	expect_closed(pair.a.peer, -DPS_ERROR_CLOSED);
	expect_nothing(pair.a.peer);
	dps_peer_fini(pair.a.peer);
	pair_close(&pair);
}

static void *call_all(void *argument)
{
	expect_closed(argument, -DPS_ERROR_THREAD);
	return NULL;
}

static void thread__that_is_not_the_owner_is_told(void **state)
{
	struct peer_pair pair;
	pthread_t thread;

	(void)state;
	if (dps_owner_here() == NULL)
		skip(); /* only debug builds look */
	pair_open_connected(&pair);
	assert_int_equal(pthread_create(&thread, NULL, call_all, pair.a.peer), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_CONNECTED);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(call__is_answered_by_id),
		cmocka_unit_test(call__does_not_hold_up_what_else_is_said),
		cmocka_unit_test(call__carries_the_programs_code),
		cmocka_unit_test(timeout__ends_the_call_on_both_sides),
		cmocka_unit_test(answer__that_is_late_is_counted),
		cmocka_unit_test(answer__does_not_touch_the_room_of_a_call_that_is_over),
		cmocka_unit_test(answer__longer_than_its_room_says_how_long),
		cmocka_unit_test(answer__to_a_call_never_made_is_counted_and_then_too_much),
		cmocka_unit_test(answer__to_a_call_not_yet_sent_answers_nothing),
		cmocka_unit_test(call__waits_for_a_connection),
		cmocka_unit_test(lost__calls_that_were_sent_end_and_others_go_on),
		cmocka_unit_test(lost__half_a_message_is_sent_again),
		cmocka_unit_test(cancel__of_a_call_not_yet_sent_never_sends_it),
		cmocka_unit_test(call__too_many_is_eagain_and_room_comes_back),
		cmocka_unit_test(call__too_many_that_are_called_off_is_told_when_there_is_room),
		cmocka_unit_test(call__misuse_is_an_error),
		cmocka_unit_test(call__of_nothing_is_an_error),
		cmocka_unit_test(peer__that_is_none_is_closed),
		cmocka_unit_test(thread__that_is_not_the_owner_is_told),
	};

	return cmocka_run_group_tests_name("peer_calls", tests, NULL, NULL);
}
