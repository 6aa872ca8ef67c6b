/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls of theirs, and permits over several connections. */
#include "tests/support/peer_pair.h"
#include <errno.h>
#include <string.h>

#define SECOND DPS_NS_PER_S

static struct dps_peer_snapshot read_side(const struct peer_side *side)
{
	struct dps_peer_snapshot snapshot;

	dps_peer_read(side->peer, &snapshot);
	return snapshot;
}

/* Connected, and B handles no more at once than there are permits. */
static void open_with(struct peer_pair *pair, struct dps_permits *permits)
{
	struct dps_peer_config a, b;

	pair_config(&a);
	pair_config(&b);
	b.permits = permits;
	pair_open(pair, &a, &b);
	pair_connect(pair);
}

/* Two permits: the third call waits until one of the first two is answered. */
static void permit__bp_respect_bp(void **state)
{
	const struct peer_heard *first;
	struct dps_permits permits;
	struct peer_pair pair;

	(void)state;
	dps_permits_init(&permits, 2);
	open_with(&pair, &permits);
	pair_call(&pair, &pair.a, "A");
	pair_call(&pair, &pair.a, "B");
	pair_call(&pair, &pair.a, "C");
	pair_run(&pair);
	first = pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	assert_string_equal(first->text, "A");
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "B");
	pair_heard_all(&pair.b);
	pair_reply(&pair, &pair.b, first, "done");
	pair_run(&pair);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "C");
	assert_int_equal(permits.taken, 2);
	pair_close(&pair);
}

static void permit__bp_send_does_not_consume_slot(void **state)
{
	struct dps_permits permits;
	struct peer_pair pair;

	(void)state;
	dps_permits_init(&permits, 1);
	open_with(&pair, &permits);
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "notice");
	pair_notify(&pair, &pair.a, DPS_PEER_CONTROL, "control");
	pair_run(&pair);
	pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE);
	pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE);
	assert_int_equal(permits.granted, 0);
	pair_call(&pair, &pair.a, "call");
	pair_run(&pair);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	assert_int_equal(permits.taken, 1);
	pair_close(&pair);
}

/* E44: with every permit out, the reader goes on: notices, answers and cancellations are heard. */
static void permit__bp_send_gets_in_when_backed_up(void **state)
{
	struct dps_permits permits;
	struct peer_pair pair;
	uint64_t waits;

	(void)state;
	dps_permits_init(&permits, 1);
	open_with(&pair, &permits);
	pair_call(&pair, &pair.a, "has it");
	waits = pair_call(&pair, &pair.a, "waits");
	pair_notify(&pair, &pair.a, DPS_PEER_CONTROL, "urgent");
	pair_call(&pair, &pair.b, "ours");
	pair_run(&pair);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "urgent");
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "has it");
	pair_reply(&pair, &pair.a, pair_heard(&pair.a, DPS_PEER_EVENT_REQUEST), "answer");
	dps_peer_cancel(pair.a.peer, waits, pair.now_ns);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
			 DPS_PEER_ANSWERED);
	pair_heard_all(&pair.b);
	assert_int_equal(read_side(&pair.b).requests_now, 1);
	assert_int_equal(permits.line.next == &permits.line, 1);
	pair_close(&pair);
}

/* E52: beyond the permits and those who may wait for one, the answer is `busy`, and at once. */
static void saturated__answers_busy(void **state)
{
	const struct peer_heard *over;
	struct dps_permits permits;
	struct peer_pair pair;

	(void)state;
	dps_permits_init(&permits, 1);
	open_with(&pair, &permits);
	for (unsigned int i = 0; i < 4; i++)
		pair_call(&pair, &pair.a, "call");
	pair_run(&pair);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	pair_heard_all(&pair.b);
	over = pair_heard(&pair.a, DPS_PEER_EVENT_CALL_OVER);
	assert_int_equal(over->event.cookie, 3);
	assert_int_equal(over->event.outcome, DPS_PEER_ANSWERED);
	assert_int_equal(over->event.code, DPS_PEER_CODE_BUSY);
	assert_int_not_equal(DPS_PEER_CODE_BUSY, DPS_PEER_CODE_INTERNAL);
	pair_heard_all(&pair.a);
	assert_int_equal(read_side(&pair.b).requests_refused, 1);
	pair_close(&pair);
}

/* Nobody is there to handle it: that is said at once, costs no permit, and comes to nobody's ears.
 */
static void request__of_who_handles_none_is_unknown(void **state)
{
	struct dps_peer_config a, b;
	struct dps_permits permits;
	struct peer_pair pair;

	(void)state;
	dps_permits_init(&permits, 1);
	pair_config(&a);
	pair_config(&b);
	b.permits = &permits;
	b.takes_none = true;
	pair_open(&pair, &a, &b);
	pair_connect(&pair);
	for (unsigned int i = 0; i < 20; i++) {
		pair_call(&pair, &pair.a, "anybody?");
		pair_run(&pair);
		assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CALL_OVER)->event.code,
				 DPS_PEER_CODE_UNKNOWN);
	}
	pair_heard_all(&pair.a);
	pair_heard_all(&pair.b);
	assert_int_equal(permits.granted, 0);
	assert_int_equal(read_side(&pair.b).requests_refused, 20);
	assert_int_equal(read_side(&pair.b).requests_now, 0);
	pair_close(&pair);
}

/* What the program has not taken is bounded in bytes too, and the answer is the same. */
static void saturated__of_bytes_answers_busy(void **state)
{
	static const uint8_t body[1024];
	struct dps_peer_call call = { .body = body, .bytes = sizeof(body) };
	struct dps_peer_config a, b;
	struct peer_pair pair;
	uint64_t id;

	(void)state;
	pair_config(&a);
	pair_config(&b);
	b.request_bytes = 2048;
	pair_open(&pair, &a, &b);
	pair_connect(&pair);
	pair.b.is_deaf = true;
	for (unsigned int i = 0; i < 3; i++) {
		call.cookie = i;
		assert_int_equal(dps_peer_call(pair.a.peer, &call, &id, pair.now_ns), 0);
	}
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CALL_OVER)->event.code,
			 DPS_PEER_CODE_BUSY);
	assert_int_equal(pair.a.heard[0].event.cookie, 2);
	pair_heard_all(&pair.a);
	pair.b.is_deaf = false;
	pair_run(&pair);
	assert_int_equal(pair_count(&pair.b, DPS_PEER_EVENT_REQUEST), 2);
	pair_close(&pair);
}

/* Permits over several connections: one pool, in turns, and what one peer gives back another has.
 */
static void permits__are_shared_over_connections(void **state)
{
	const struct peer_heard *first;
	struct dps_permits permits;
	struct peer_pair one, two;

	(void)state;
	dps_permits_init(&permits, 1);
	open_with(&one, &permits);
	open_with(&two, &permits);
	pair_call(&one, &one.a, "one 1");
	pair_call(&one, &one.a, "one 2");
	pair_run(&one);
	first = pair_heard(&one.b, DPS_PEER_EVENT_REQUEST);
	pair_call(&two, &two.a, "two 1");
	pair_call(&two, &two.a, "two 2");
	pair_run(&two);
	pair_heard_all(&one.b);
	pair_heard_all(&two.b);
	/* In turns: one waited before two did, and goes behind it with its next. */
	pair_call(&one, &one.a, "one 3");
	pair_run(&one);
	pair_reply(&one, &one.b, first, "done");
	pair_run(&one);
	first = pair_heard(&one.b, DPS_PEER_EVENT_REQUEST);
	assert_string_equal(first->text, "one 2");
	assert_int_equal(dps_peer_next_deadline_ns(two.b.peer), DPS_NEVER_NS);
	pair_reply(&one, &one.b, first, "done");
	pair_run(&one);
	pair_heard_all(&one.b);
	/* Its loop is told that there is something to hear, though nothing came of its own. */
	assert_int_equal(dps_peer_next_deadline_ns(two.b.peer), 0);
	pair_run(&two);
	first = pair_heard(&two.b, DPS_PEER_EVENT_REQUEST);
	assert_string_equal(first->text, "two 1");
	/* A connection that is lost gives its turn to the next. */
	pair_cut(&two);
	pair_run(&two);
	pair_heard(&two.b, DPS_PEER_EVENT_LOST);
	pair_heard(&two.b, DPS_PEER_EVENT_REQUEST_OVER);
	assert_int_equal(pair_reply(&two, &two.b, first, "late"), -ECANCELED);
	pair_run(&one);
	assert_string_equal(pair_heard(&one.b, DPS_PEER_EVENT_REQUEST)->text, "one 3");
	assert_int_equal(permits.taken, 1);
	pair_close(&one);
	pair_close(&two);
}

/* E45: a permit comes back on every way that a request can end. */
static void permit__comes_back_when_the_connection_is_lost(void **state)
{
	const struct peer_heard *taken;
	struct dps_permits permits;
	struct peer_pair pair;

	(void)state;
	dps_permits_init(&permits, 2);
	open_with(&pair, &permits);
	for (unsigned int i = 0; i < 3; i++)
		pair_call(&pair, &pair.a, "call");
	pair_run(&pair);
	taken = pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	pair_reply(&pair, &pair.b, taken, "on its way");
	pair_cut(&pair);
	/* The answer's went with it; the other is with a program that has not heard yet. */
	assert_int_equal(permits.taken, 1);
	assert_ptr_equal(permits.line.next, &permits.line);
	pair_run(&pair);
	pair_heard(&pair.b, DPS_PEER_EVENT_LOST);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST_OVER);
	assert_int_equal(permits.taken, 1);
	assert_int_equal(pair_reply(&pair, &pair.b, &pair.b.heard[1], "late"), -ECANCELED);
	assert_int_equal(permits.taken, 0);
	assert_int_equal(read_side(&pair.b).answers_unsent, 1);
	pair_close(&pair);
}

/*
 * A peer that calls and cancels in a loop has no more handlers at work than there are permits: a
 * handler that nobody waits for is work all the same, until the program lets go of it.
 */
static void permit__of_a_cancelled_call_stays_with_its_handler(void **state)
{
	struct dps_permits permits;
	struct peer_pair pair;

	(void)state;
	dps_permits_init(&permits, 2);
	open_with(&pair, &permits);
	for (unsigned int i = 0; i < 20; i++) {
		uint64_t id = pair_call(&pair, &pair.a, "rapid");

		pair_run(&pair);
		dps_peer_cancel(pair.a.peer, id, pair.now_ns);
		pair_run(&pair);
	}
	assert_int_equal(pair_count(&pair.b, DPS_PEER_EVENT_REQUEST), 2);
	assert_int_equal(pair_count(&pair.b, DPS_PEER_EVENT_REQUEST_OVER), 2);
	assert_int_equal(permits.taken, 2);
	for (unsigned int i = 0; i < pair.b.heard_count; i++)
		if (pair.b.heard[i].event.kind == DPS_PEER_EVENT_REQUEST_OVER)
			assert_int_equal(pair_reply(&pair, &pair.b, &pair.b.heard[i], ""),
					 -ECANCELED);
	assert_int_equal(permits.taken, 0);
	pair_close(&pair);
}

/* Cancelled before the program had it: nobody hears of it, and its place in line is given up. */
static void cancel__of_a_call_that_waits_is_silent(void **state)
{
	struct dps_permits permits;
	struct peer_pair pair;
	uint64_t id;

	(void)state;
	dps_permits_init(&permits, 1);
	open_with(&pair, &permits);
	pair_call(&pair, &pair.a, "has it");
	id = pair_call(&pair, &pair.a, "waits");
	pair_run(&pair);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	dps_peer_cancel(pair.a.peer, id, pair.now_ns);
	pair_run(&pair);
	pair_heard_all(&pair.b);
	assert_ptr_equal(permits.line.next, &permits.line);
	assert_int_equal(read_side(&pair.b).requests_over, 1);
	pair_close(&pair);
}

static void reply__that_finds_no_room_keeps_the_request(void **state)
{
	static const uint8_t body[1024];
	const struct peer_heard *requests[4];
	struct peer_pair pair;
	unsigned int given = 0;

	(void)state;
	pair_open_connected(&pair);
	for (unsigned int i = 0; i < 4; i++)
		pair_call(&pair, &pair.a, "call");
	pair_run(&pair);
	for (unsigned int i = 0; i < 4; i++)
		requests[i] = pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	pair.b.is_stuck = true;
	while (dps_peer_notify(pair.b.peer, DPS_PEER_CONTROL, body, 1024, pair.now_ns) == 0)
		given++;
	assert_int_equal(given, 8);
	assert_int_equal(pair_reply(&pair, &pair.b, requests[0], "wait"), -EAGAIN);
	assert_int_equal(
		dps_peer_reply(pair.b.peer, requests[0]->event.request, 0, body, 1025, pair.now_ns),
		-EMSGSIZE);
	pair_run(&pair);
	pair_heard(&pair.b, DPS_PEER_EVENT_BACKLOG_HIGH);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_BACKLOG_HIGH)->event.message_class,
			 DPS_PEER_REPLY);
	pair_heard_all(&pair.b);
	pair.b.is_stuck = false;
	pair_run(&pair);
	pair_heard(&pair.b, DPS_PEER_EVENT_BACKLOG_LOW);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_BACKLOG_LOW)->event.message_class,
			 DPS_PEER_REPLY);
	assert_int_equal(pair_reply(&pair, &pair.b, requests[0], "now"), 0);
	pair_run(&pair);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_CALL_OVER), 1);
	pair_heard_all(&pair.b);
	pair_close(&pair);
}

/* More calls than it was allowed: that is no saturation but a peer that does not keep to it. */
static void request__beyond_credit_ends_the_connection(void **state)
{
	struct dps_peer_head head = { .kind = DPS_PEER_REQUEST, .class = DPS_PEER_CALL };
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	for (head.id = 1; head.id <= 4; head.id++)
		pair_inject(&pair, &pair.b, &head, NULL);
	assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_CONNECTED);
	pair_inject(&pair, &pair.b, &head, NULL);
	assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_IDLE);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_LOST)->event.reason,
			 DPS_PEER_BEYOND_CREDIT);
	pair_close(&pair);
}

static void request__with_an_id_twice_ends_the_connection(void **state)
{
	struct dps_peer_head head = { .kind = DPS_PEER_REQUEST, .class = DPS_PEER_CALL, .id = 9 };
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_inject(&pair, &pair.b, &head, NULL);
	pair_inject(&pair, &pair.b, &head, NULL);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_LOST)->event.reason, DPS_PEER_PROTOCOL);
	pair_close(&pair);
}

/* A thousand calls through four slots: credit follows what was answered. */
static void credit__follows_what_was_answered(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	for (unsigned int i = 0; i < 200; i++) {
		pair_call(&pair, &pair.a, "call");
		pair_run(&pair);
		pair_reply(&pair, &pair.b, pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST), "answer");
		pair_run(&pair);
		assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
				 DPS_PEER_ANSWERED);
		pair_heard_all(&pair.a);
	}
	assert_int_equal(read_side(&pair.b).requests_now, 0);
	pair_close(&pair);
}

/* The program lets go of a peer with calls of it at work and in line: another gets the permit. */
static void fini__gives_permits_back(void **state)
{
	struct peer_pair one, other, third;
	struct dps_permits permits;

	(void)state;
	dps_permits_init(&permits, 1);
	open_with(&one, &permits);
	open_with(&other, &permits);
	open_with(&third, &permits);
	pair_call(&one, &one.a, "at work");
	pair_run(&one);
	pair_heard(&one.b, DPS_PEER_EVENT_REQUEST);
	pair_call(&one, &one.a, "behind it");
	pair_run(&one);
	pair_call(&other, &other.a, "in line");
	pair_run(&other);
	pair_call(&third, &third.a, "behind that");
	pair_run(&third);
	dps_peer_fini(other.b.peer);
	assert_int_equal(permits.taken, 1);
	dps_peer_fini(one.b.peer);
	assert_int_equal(permits.taken, 1);
	pair_run(&third);
	assert_string_equal(pair_heard(&third.b, DPS_PEER_EVENT_REQUEST)->text, "behind that");
	dps_peer_fini(third.b.peer);
	assert_int_equal(permits.taken, 0);
	assert_ptr_equal(permits.line.next, &permits.line);
	pair_close(&one);
	pair_close(&other);
	pair_close(&third);
}

/* Whoever calls and then does not read keeps nobody else from being served. */
static void reply__gives_the_permit_before_it_is_read(void **state)
{
	const struct peer_heard *request;
	struct peer_pair one, other;
	struct dps_permits permits;

	(void)state;
	dps_permits_init(&permits, 1);
	open_with(&one, &permits);
	open_with(&other, &permits);
	pair_call(&one, &one.a, "and reads no answer");
	pair_run(&one);
	request = pair_heard(&one.b, DPS_PEER_EVENT_REQUEST);
	pair_call(&other, &other.a, "in line");
	pair_run(&other);
	assert_int_equal(permits.taken, 1);
	pair_reply(&one, &one.b, request, "never read");
	pair_run(&other);
	assert_string_equal(pair_heard(&other.b, DPS_PEER_EVENT_REQUEST)->text, "in line");
	assert_int_equal(permits.taken, 1);
	pair_close(&one);
	pair_close(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(permit__bp_respect_bp),
		cmocka_unit_test(permit__bp_send_does_not_consume_slot),
		cmocka_unit_test(permit__bp_send_gets_in_when_backed_up),
		cmocka_unit_test(saturated__answers_busy),
		cmocka_unit_test(request__of_who_handles_none_is_unknown),
		cmocka_unit_test(saturated__of_bytes_answers_busy),
		cmocka_unit_test(permits__are_shared_over_connections),
		cmocka_unit_test(permit__comes_back_when_the_connection_is_lost),
		cmocka_unit_test(permit__of_a_cancelled_call_stays_with_its_handler),
		cmocka_unit_test(cancel__of_a_call_that_waits_is_silent),
		cmocka_unit_test(reply__that_finds_no_room_keeps_the_request),
		cmocka_unit_test(request__beyond_credit_ends_the_connection),
		cmocka_unit_test(request__with_an_id_twice_ends_the_connection),
		cmocka_unit_test(credit__follows_what_was_answered),
		cmocka_unit_test(fini__gives_permits_back),
		cmocka_unit_test(reply__gives_the_permit_before_it_is_read),
	};

	return cmocka_run_group_tests_name("peer_requests", tests, NULL, NULL);
}
