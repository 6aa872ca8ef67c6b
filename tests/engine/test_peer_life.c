/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/peer_pair.h"
#include <errno.h>
#include <string.h>

#define MS DPS_NS_PER_MS
#define SECOND DPS_NS_PER_S

static void open_idle(struct peer_pair *pair)
{
	struct dps_peer_config config;

	pair_config(&config);
	pair_open(pair, &config, &config);
}

static uint64_t ends(const struct peer_side *side, enum dps_peer_reason reason)
{
	struct dps_peer_snapshot snapshot;

	dps_peer_read(side->peer, &snapshot);
	return snapshot.ends[reason];
}

/* ---- Beginnings. ---- */

static void dial__connects_and_each_event_is_heard_once(void **state)
{
	struct peer_pair pair;

	(void)state;
	open_idle(&pair);
	assert_int_equal(dps_peer_dial(pair.a.peer, pair.now_ns), 0);
	assert_int_equal(dps_peer_dial(pair.a.peer, pair.now_ns), -EISCONN);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CONNECTING)->event.epoch, 1);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CONNECTED)->event.epoch, 1);
	pair_heard_all(&pair.a);
	pair_heard(&pair.b, DPS_PEER_EVENT_CONNECTED);
	pair_heard_all(&pair.b);
	pair_close(&pair);
}

static void retry__waits_are_fibonacci_with_jitter(void **state)
{
	static const uint64_t steps_ms[] = { 100, 100, 200, 300, 500, 800, 1300, 2100 };
	struct peer_pair pair;

	(void)state;
	open_idle(&pair);
	pair.is_unreachable = true;
	dps_peer_dial(pair.a.peer, pair.now_ns);
	for (unsigned int i = 0; i < sizeof(steps_ms) / sizeof(*steps_ms); i++) {
		uint64_t step_ns = steps_ms[i] * MS, wait_ns;
		const struct peer_heard *failed;

		pair_run(&pair);
		pair_heard(&pair.a, DPS_PEER_EVENT_CONNECTING);
		failed = pair_heard(&pair.a, DPS_PEER_EVENT_CONNECT_FAILED);
		assert_int_equal(failed->event.reason, DPS_PEER_UNREACHABLE);
		assert_int_equal(failed->event.error, ECONNREFUSED);
		wait_ns = pair_heard(&pair.a, DPS_PEER_EVENT_RETRY)->event.wait_ns;
		assert_in_range(wait_ns, step_ns * 3 / 4, step_ns * 5 / 4);
		pair_heard_all(&pair.a);
		assert_int_equal(dps_peer_next_deadline_ns(pair.a.peer), pair.now_ns + wait_ns);
		pair.now_ns += wait_ns - 1;
		pair_run(&pair);
		pair_heard_all(&pair.a);
		pair.now_ns++;
	}
	pair_close(&pair);
}

static void retry__waits_an_hour_at_most(void **state)
{
	struct peer_pair pair;

	(void)state;
	open_idle(&pair);
	pair.is_unreachable = true;
	dps_peer_dial(pair.a.peer, pair.now_ns);
	for (unsigned int i = 0; i < 40; i++) {
		pair_run(&pair);
		pair_forget(&pair.a);
		assert_true(dps_peer_next_deadline_ns(pair.a.peer) - pair.now_ns <= 3600 * SECOND);
		pair.now_ns = dps_peer_next_deadline_ns(pair.a.peer);
	}
	pair.is_unreachable = false;
	pair_run(&pair);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_CONNECTED);
	pair_close(&pair);
}

/* Connects after so many failures, stays so long, and is lost: the wait then. */
static uint64_t wait_after(uint64_t connected_ns)
{
	struct peer_pair pair;
	uint64_t wait_ns;

	open_idle(&pair);
	pair.is_unreachable = true;
	dps_peer_dial(pair.a.peer, pair.now_ns);
	pair_pass(&pair, 10 * SECOND);
	pair.is_unreachable = false;
	pair_pass(&pair, 10 * SECOND);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_CONNECTED);
	pair.is_unreachable = true;
	pair.now_ns += connected_ns;
	pair_cut(&pair);
	pair_forget(&pair.a);
	wait_ns = dps_peer_next_deadline_ns(pair.a.peer);
	pair_run(&pair);
	pair_heard(&pair.a, DPS_PEER_EVENT_LOST);
	wait_ns = pair_heard(&pair.a, DPS_PEER_EVENT_RETRY)->event.wait_ns;
	pair_close(&pair);
	return wait_ns;
}

static void retry__begins_again_after_a_stable_minute(void **state)
{
	(void)state;
	assert_true(wait_after(0) > SECOND);
	assert_true(wait_after(60 * SECOND) <= 125 * MS);
}

static void dial__that_is_never_heard_of_again_is_given_up(void **state)
{
	struct peer_pair pair;

	(void)state;
	open_idle(&pair);
	pair.is_dial_silent = true;
	dps_peer_dial(pair.a.peer, pair.now_ns);
	pair_pass(&pair, 5 * SECOND);
	pair_heard(&pair.a, DPS_PEER_EVENT_CONNECTING);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CONNECT_FAILED)->event.reason,
			 DPS_PEER_CONNECT_TIMEOUT);
	assert_int_equal(pair.a.steps[DPS_PEER_STEP_DROP], 1);
	pair_close(&pair);
}

/* Somebody who takes connections and says nothing is not connected, and neither are we for ever. */
static void greeting__that_does_not_come_is_given_up(void **state)
{
	struct peer_pair pair;

	(void)state;
	open_idle(&pair);
	pair.b.is_stuck = true;
	dps_peer_dial(pair.a.peer, pair.now_ns);
	pair_run(&pair);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_GREETING);
	pair_pass(&pair, 5 * SECOND);
	pair_heard(&pair.a, DPS_PEER_EVENT_CONNECTING);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CONNECT_FAILED)->event.reason,
			 DPS_PEER_HELLO_TIMEOUT);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_CONNECTED), 0);
	pair_close(&pair);
}

static void hurry__dials_now_and_waits_little_afterwards(void **state)
{
	struct peer_pair pair;

	(void)state;
	open_idle(&pair);
	pair.is_unreachable = true;
	dps_peer_dial(pair.a.peer, pair.now_ns);
	pair_pass(&pair, 60 * SECOND);
	pair_forget(&pair.a);
	dps_peer_hurry(pair.a.peer, pair.now_ns);
	pair_run(&pair);
	pair_heard(&pair.a, DPS_PEER_EVENT_CONNECTING);
	pair_heard(&pair.a, DPS_PEER_EVENT_CONNECT_FAILED);
	assert_true(pair_heard(&pair.a, DPS_PEER_EVENT_RETRY)->event.wait_ns <= 125 * MS);
	pair_close(&pair);
}

static void hurry__of_a_dial_that_is_under_way_waits_little_afterwards(void **state)
{
	struct dps_peer_snapshot snapshot;
	struct peer_pair pair;

	(void)state;
	open_idle(&pair);
	pair.is_unreachable = true;
	dps_peer_dial(pair.a.peer, pair.now_ns);
	pair_pass(&pair, 60 * SECOND);
	pair.is_unreachable = false;
	pair.is_dial_silent = true;
	while (dps_peer_state(pair.a.peer) != DPS_PEER_CONNECTING)
		pair_pass(&pair, SECOND);
	pair_forget(&pair.a);
	dps_peer_hurry(pair.a.peer, pair.now_ns);
	dps_peer_read(pair.a.peer, &snapshot);
	dps_peer_on_lost(pair.a.peer, snapshot.epoch, ECANCELED, pair.now_ns);
	pair_run(&pair);
	pair_heard(&pair.a, DPS_PEER_EVENT_CONNECT_FAILED);
	assert_true(pair_heard(&pair.a, DPS_PEER_EVENT_RETRY)->event.wait_ns <= 125 * MS);
	pair_close(&pair);
}

/* The far side lost its connection before ours noticed, and dials again. */
static void accept__ends_the_connection_before(void **state)
{
	struct peer_pair pair;
	uint64_t old, epoch;

	(void)state;
	pair_open_connected(&pair);
	old = pair.b.epoch;
	pair.a.is_up = false;
	pair.a.wire_bytes = 0;
	dps_peer_on_lost(pair.a.peer, pair.a.epoch, ECONNRESET, pair.now_ns);
	pair_pass(&pair, SECOND);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_LOST)->event.reason,
			 DPS_PEER_SUPERSEDED);
	epoch = pair_heard(&pair.b, DPS_PEER_EVENT_CONNECTED)->event.epoch;
	assert_true(epoch > old);
	assert_int_equal(dps_peer_accept(pair.a.peer, &epoch, pair.now_ns), -EISCONN);
	pair_close(&pair);
}

/* E38: what an old connection does comes late, and moves nothing. */
static void epoch__of_before_moves_nothing(void **state)
{
	struct dps_peer_snapshot snapshot;
	struct dps_peer_slice slices[4];
	struct peer_pair pair;
	uint64_t old;

	(void)state;
	pair_open_connected(&pair);
	old = pair.a.epoch;
	pair_cut(&pair);
	pair_pass(&pair, SECOND);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_CONNECTED);
	pair_forget(&pair.a);
	dps_peer_on_lost(pair.a.peer, old, ECONNRESET, pair.now_ns);
	dps_peer_on_end(pair.a.peer, old, pair.now_ns);
	dps_peer_on_sent(pair.a.peer, old, 1000, pair.now_ns);
	dps_peer_on_bytes(pair.a.peer, old, (const uint8_t *)"garbage", 7, pair.now_ns);
	dps_peer_on_connected(pair.a.peer, old, pair.now_ns);
	assert_int_equal(dps_peer_emit_slices(pair.a.peer, old, slices, 4, pair.now_ns), 0);
	pair_run(&pair);
	pair_heard_all(&pair.a);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_CONNECTED);
	dps_peer_read(pair.a.peer, &snapshot);
	assert_int_equal(snapshot.stale, 6);
	pair_close(&pair);
}

/* ---- Ends. ---- */

/* E39, in every state that waits: closed in the same call, whatever the grace. */
static void close__is_seen_at_every_wait(void **state)
{
	static const enum dps_peer_state waits[] = { DPS_PEER_IDLE, DPS_PEER_WAITING,
						     DPS_PEER_CONNECTING, DPS_PEER_GREETING };

	(void)state;
	for (unsigned int i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
		struct peer_pair pair;
		const struct peer_heard *over;

		open_idle(&pair);
		pair.is_unreachable = waits[i] == DPS_PEER_WAITING;
		pair.is_dial_silent = waits[i] == DPS_PEER_CONNECTING;
		pair.b.is_stuck = true;
		if (waits[i] != DPS_PEER_IDLE)
			dps_peer_dial(pair.a.peer, pair.now_ns);
		pair_run(&pair);
		assert_int_equal(dps_peer_state(pair.a.peer), waits[i]);
		pair_forget(&pair.a);
		assert_int_equal(pair_notify(&pair, &pair.a, DPS_PEER_BULK, "unsent"), 0);
		dps_peer_close(pair.a.peer, 7, 5 * SECOND, pair.now_ns);
		assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_CLOSED);
		pair_run(&pair);
		over = pair_heard(&pair.a, DPS_PEER_EVENT_CLOSED);
		assert_true(over->event.is_ours);
		assert_int_equal(over->event.unsent_messages, 1);
		assert_int_equal(over->event.unsent_bytes, 6);
		pair_heard_all(&pair.a);
		assert_int_equal(pair.a.steps[DPS_PEER_STEP_DROP], waits[i] >= DPS_PEER_CONNECTING);
		assert_int_equal(dps_peer_next_deadline_ns(pair.a.peer), DPS_NEVER_NS);
		pair_close(&pair);
	}
}

/* E40: what is queued is sent, what was asked is answered, both ways; then the end. */
static void close__drains_both_ways_and_says_goodbye(void **state)
{
	const struct peer_heard *theirs, *ours, *over;
	struct peer_pair pair;
	uint64_t id;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.b, "theirs");
	pair_run(&pair);
	theirs = pair_heard(&pair.a, DPS_PEER_EVENT_REQUEST);
	pair_call(&pair, &pair.a, "ours");
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "queued");
	dps_peer_close(pair.a.peer, 9, 5 * SECOND, pair.now_ns);
	assert_int_equal(pair_notify(&pair, &pair.a, DPS_PEER_BULK, "late"), -ESHUTDOWN);
	assert_int_equal(dps_peer_call(pair.a.peer, &(struct dps_peer_call){ 0 }, &id, pair.now_ns),
			 -ESHUTDOWN);
	pair_run(&pair);
	ours = pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE)->text, "queued");
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_DRAINING);
	assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_LEAVING);
	assert_int_equal(pair_reply(&pair, &pair.b, ours, "answer"), 0);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
			 DPS_PEER_ANSWERED);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_DRAINING);
	assert_int_equal(pair_reply(&pair, &pair.a, theirs, "reply"), 0);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
			 DPS_PEER_ANSWERED);
	over = pair_heard(&pair.a, DPS_PEER_EVENT_CLOSED);
	assert_true(over->event.is_ours);
	assert_int_equal(over->event.reason, DPS_PEER_ASKED);
	assert_int_equal(over->event.unsent_messages, 0);
	over = pair_heard(&pair.b, DPS_PEER_EVENT_CLOSED);
	assert_false(over->event.is_ours);
	assert_int_equal(over->event.code, 9);
	assert_int_equal(over->event.reason, DPS_PEER_ASKED);
	pair_heard_all(&pair.a);
	pair_heard_all(&pair.b);
	assert_int_equal(pair.a.steps[DPS_PEER_STEP_FINISH], 1);
	assert_int_equal(pair.a.steps[DPS_PEER_STEP_DROP], 1);
	assert_int_equal(pair.b.steps[DPS_PEER_STEP_DROP], 1);
	pair_close(&pair);
}

/* Admission has ended: calls that wait for the program, and new ones, hear it and are not handled.
 */
static void close__refuses_what_the_program_has_not_taken(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair.a.is_deaf = true;
	pair_call(&pair, &pair.b, "waits");
	pair_run(&pair);
	pair.a.is_stuck = true;
	dps_peer_close(pair.a.peer, 0, 5 * SECOND, pair.now_ns);
	pair_call(&pair, &pair.b, "late");
	pair_run(&pair);
	pair.a.is_stuck = false;
	pair_run(&pair);
	for (unsigned int i = 0; i < 2; i++) {
		const struct peer_heard *heard = pair_heard(&pair.b, DPS_PEER_EVENT_CALL_OVER);

		assert_int_equal(heard->event.outcome, DPS_PEER_ANSWERED);
		assert_int_equal(heard->event.code, DPS_PEER_CODE_SHUTTING_DOWN);
	}
	pair.a.is_deaf = false;
	pair_run(&pair);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_REQUEST), 0);
	pair_close(&pair);
}

/* E41: the grace is over. What hangs ends with a reason, and what was not sent is counted. */
static void grace__over_cancels_and_counts(void **state)
{
	const struct peer_heard *over, *taken;
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.b, "never answered");
	pair_run(&pair);
	taken = pair_heard(&pair.a, DPS_PEER_EVENT_REQUEST);
	pair_call(&pair, &pair.a, "no answer");
	pair_run(&pair);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	pair.a.is_stuck = true;
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "12345");
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "678");
	dps_peer_close(pair.a.peer, 0, 5 * SECOND, pair.now_ns);
	pair_pass(&pair, 5 * SECOND - 1);
	pair_heard_all(&pair.a);
	pair_pass(&pair, 1);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
			 DPS_PEER_CANCELLED);
	pair_heard(&pair.a, DPS_PEER_EVENT_REQUEST_OVER);
	pair_heard_all(&pair.a);
	pair_pass(&pair, SECOND);
	over = pair_heard(&pair.a, DPS_PEER_EVENT_CLOSED);
	assert_int_equal(over->event.reason, DPS_PEER_GRACE_OVER);
	assert_int_equal(over->event.unsent_messages, 2);
	assert_int_equal(over->event.unsent_bytes, 8);
	assert_int_equal(pair_reply(&pair, &pair.a, taken, "late"), -ECANCELED);
	assert_int_equal(pair_reply(&pair, &pair.a, taken, "twice"), -ENOENT);
	pair_close(&pair);
}

static void close__without_grace_says_goodbye_at_once(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.b, "asked");
	pair_call(&pair, &pair.a, "asked");
	pair_run(&pair);
	pair_forget(&pair.a);
	dps_peer_close(pair.a.peer, 3, 0, pair.now_ns);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
			 DPS_PEER_CANCELLED);
	pair_heard(&pair.a, DPS_PEER_EVENT_REQUEST_OVER);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CLOSED)->event.reason,
			 DPS_PEER_GRACE_OVER);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
			 DPS_PEER_CALL_LOST);
	pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST_OVER);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_CLOSED)->event.code, 3);
	pair_heard_all(&pair.a);
	pair_heard_all(&pair.b);
	pair_close(&pair);
}

/* E42: closed twice, three times, and by the end of the connection: one end. */
static void close__twice_is_one_end(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.a, "hangs");
	pair_run(&pair);
	dps_peer_close(pair.a.peer, 0, 60 * SECOND, pair.now_ns);
	pair_run(&pair);
	dps_peer_close(pair.a.peer, 0, 100 * SECOND, pair.now_ns);
	dps_peer_close(pair.a.peer, 0, SECOND, pair.now_ns);
	pair_pass(&pair, 3 * SECOND);
	dps_peer_close(pair.a.peer, 0, 0, pair.now_ns);
	dps_peer_on_lost(pair.a.peer, pair.a.epoch, ECONNRESET, pair.now_ns);
	pair_pass(&pair, 100 * SECOND);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_CLOSED), 1);
	assert_int_equal(pair_count(&pair.b, DPS_PEER_EVENT_CLOSED), 1);
	assert_int_equal(pair_count(&pair.a, DPS_PEER_EVENT_LOST), 0);
	pair_close(&pair);
}

static void close__of_both_at_once_ends_both(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "from a");
	pair_notify(&pair, &pair.b, DPS_PEER_BULK, "from b");
	dps_peer_close(pair.a.peer, 0, SECOND, pair.now_ns);
	dps_peer_close(pair.b.peer, 0, SECOND, pair.now_ns);
	pair_run(&pair);
	pair_heard(&pair.a, DPS_PEER_EVENT_NOTICE);
	assert_true(pair_heard(&pair.a, DPS_PEER_EVENT_CLOSED)->event.is_ours);
	pair_heard(&pair.b, DPS_PEER_EVENT_NOTICE);
	assert_true(pair_heard(&pair.b, DPS_PEER_EVENT_CLOSED)->event.is_ours);
	pair_close(&pair);
}

/* Halfway: the far side ends its half without a goodbye, between two frames or inside one. */
static void end__without_goodbye_is_a_loss(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes < 17; bytes++) {
		static const uint8_t notice[17] = { 0, 0, 0, 17, 0x84, 3 };
		struct peer_pair pair;

		pair_open_connected(&pair);
		dps_peer_on_bytes(pair.a.peer, pair.a.epoch, notice, bytes, pair.now_ns);
		dps_peer_on_end(pair.a.peer, pair.a.epoch, pair.now_ns);
		assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_WAITING);
		pair_run(&pair);
		assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_LOST)->event.reason,
				 bytes == 0 ? DPS_PEER_ENDED : DPS_PEER_TRUNCATED);
		pair_heard(&pair.a, DPS_PEER_EVENT_RETRY);
		assert_int_equal(pair.a.steps[DPS_PEER_STEP_DROP], 1);
		pair_close(&pair);
	}
}

/* Halfway, in order: they have said goodbye and ended their half, and still hear what we say. */
static void bye__leaves_our_half_to_say_what_is_queued(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair.b.is_stuck = true;
	pair_notify(&pair, &pair.b, DPS_PEER_BULK, "still");
	dps_peer_close(pair.a.peer, 0, SECOND, pair.now_ns);
	pair_run(&pair);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_FINISHING);
	assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_LEAVING);
	pair.b.is_stuck = false;
	pair_run(&pair);
	assert_string_equal(pair_heard(&pair.a, DPS_PEER_EVENT_NOTICE)->text, "still");
	pair_heard(&pair.a, DPS_PEER_EVENT_CLOSED);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_CLOSED)->event.unsent_messages, 0);
	pair_close(&pair);
}

static void finish__does_not_wait_for_ever(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair.b.is_stuck = true;
	dps_peer_close(pair.a.peer, 0, SECOND, pair.now_ns);
	pair_run(&pair);
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_FINISHING);
	pair_pass(&pair, SECOND);
	pair_heard(&pair.a, DPS_PEER_EVENT_CLOSED);
	assert_int_equal(pair.a.steps[DPS_PEER_STEP_DROP], 1);
	pair_close(&pair);
}

static void lost__while_draining_is_the_end(void **state)
{
	const struct peer_heard *over;
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.a, "hangs");
	pair_run(&pair);
	dps_peer_close(pair.a.peer, 0, SECOND, pair.now_ns);
	pair_run(&pair);
	pair_cut(&pair);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CALL_OVER)->event.outcome,
			 DPS_PEER_CALL_LOST);
	over = pair_heard(&pair.a, DPS_PEER_EVENT_CLOSED);
	assert_int_equal(over->event.reason, DPS_PEER_CONNECTION_FAILED);
	assert_int_equal(over->event.error, ECONNRESET);
	pair_heard_all(&pair.a);
	assert_int_equal(ends(&pair.a, DPS_PEER_CONNECTION_FAILED), 1);
	pair_close(&pair);
}

/* Both said goodbye, and then the far side's kernel is rude. */
static void lost__behind_both_goodbyes_is_no_loss(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	dps_peer_close(pair.a.peer, 0, SECOND, pair.now_ns);
	while (pair_do(&pair, &pair.a, PAIR_WRITE) || pair_do(&pair, &pair.a, PAIR_DELIVER) ||
	       pair_do(&pair, &pair.b, PAIR_WRITE) || pair_do(&pair, &pair.b, PAIR_DELIVER))
		;
	assert_int_equal(dps_peer_state(pair.a.peer), DPS_PEER_FINISHING);
	assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_FINISHING);
	pair_cut(&pair);
	pair_run(&pair);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CLOSED)->event.reason, DPS_PEER_ASKED);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_CLOSED)->event.reason, DPS_PEER_ASKED);
	assert_int_equal(ends(&pair.a, DPS_PEER_ASKED), 1);
	assert_int_equal(ends(&pair.a, DPS_PEER_CONNECTION_FAILED), 0);
	pair_close(&pair);
}

static void dial__begins_anew_after_the_end_was_heard(void **state)
{
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair.a.is_deaf = true;
	dps_peer_close(pair.a.peer, 0, SECOND, pair.now_ns);
	pair_run(&pair);
	assert_int_equal(dps_peer_dial(pair.a.peer, pair.now_ns), -EAGAIN);
	pair.a.is_deaf = false;
	pair_run(&pair);
	pair_connect(&pair);
	pair_call(&pair, &pair.a, "again");
	pair_run(&pair);
	assert_string_equal(pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST)->text, "again");
	pair_close(&pair);
}

static void hello__of_what_does_not_fit_is_refused(void **state)
{
	struct dps_peer_config small, large;
	struct peer_pair pair;

	(void)state;
	pair_config(&small);
	large = small;
	small.body_bytes_max = 512;
	pair_open(&pair, &large, &small);
	dps_peer_dial(pair.a.peer, pair.now_ns);
	pair_run(&pair);
	pair_heard(&pair.a, DPS_PEER_EVENT_CONNECTING);
	assert_int_equal(pair_heard(&pair.a, DPS_PEER_EVENT_CONNECT_FAILED)->event.reason,
			 DPS_PEER_LONGER_MESSAGES);
	pair_close(&pair);
}

/* b is greeted by one that speaks from version_min to 9 and says so many bytes more as it does. */
static void greet(struct peer_pair *pair, uint16_t version_min, uint32_t more)
{
	struct dps_peer_hello hello = { .version_min = version_min,
					.version_max = 9,
					.body_bytes_max = 1 << 20 };
	struct dps_peer_head head = { .kind = DPS_PEER_HELLO,
				      .body_bytes = DPS_PEER_HELLO_BYTES + more };
	uint8_t body[DPS_PEER_HELLO_BYTES + 32] = { 0 };
	uint64_t epoch;

	assert_true(head.body_bytes <= sizeof(body));
	open_idle(pair);
	assert_int_equal(dps_peer_accept(pair->b.peer, &epoch, pair->now_ns), 0);
	pair->b.epoch = epoch;
	dps_peer_hello_encode(&hello, body);
	pair_inject(pair, &pair->b, &head, body);
	pair_run(pair);
}

/* It speaks ours beside later ones, and says more as it greets: they speak ours. */
static void hello__of_later_versions_that_know_ours_is_taken(void **state)
{
	struct peer_pair pair;

	(void)state;
	greet(&pair, DPS_PEER_VERSION, 20);
	pair_heard(&pair.b, DPS_PEER_EVENT_CONNECTED);
	assert_int_equal(dps_peer_state(pair.b.peer), DPS_PEER_CONNECTED);
	pair_close(&pair);
}

static void hello__of_another_version_is_refused(void **state)
{
	struct peer_pair pair;

	(void)state;
	greet(&pair, 2, 0);
	assert_int_equal(pair_heard(&pair.b, DPS_PEER_EVENT_CONNECT_FAILED)->event.reason,
			 DPS_PEER_VERSION_UNKNOWN);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dial__connects_and_each_event_is_heard_once),
		cmocka_unit_test(retry__waits_are_fibonacci_with_jitter),
		cmocka_unit_test(retry__waits_an_hour_at_most),
		cmocka_unit_test(retry__begins_again_after_a_stable_minute),
		cmocka_unit_test(dial__that_is_never_heard_of_again_is_given_up),
		cmocka_unit_test(greeting__that_does_not_come_is_given_up),
		cmocka_unit_test(hurry__dials_now_and_waits_little_afterwards),
		cmocka_unit_test(hurry__of_a_dial_that_is_under_way_waits_little_afterwards),
		cmocka_unit_test(accept__ends_the_connection_before),
		cmocka_unit_test(epoch__of_before_moves_nothing),
		cmocka_unit_test(close__is_seen_at_every_wait),
		cmocka_unit_test(close__drains_both_ways_and_says_goodbye),
		cmocka_unit_test(close__refuses_what_the_program_has_not_taken),
		cmocka_unit_test(grace__over_cancels_and_counts),
		cmocka_unit_test(close__without_grace_says_goodbye_at_once),
		cmocka_unit_test(close__twice_is_one_end),
		cmocka_unit_test(close__of_both_at_once_ends_both),
		cmocka_unit_test(end__without_goodbye_is_a_loss),
		cmocka_unit_test(bye__leaves_our_half_to_say_what_is_queued),
		cmocka_unit_test(finish__does_not_wait_for_ever),
		cmocka_unit_test(lost__while_draining_is_the_end),
		cmocka_unit_test(lost__behind_both_goodbyes_is_no_loss),
		cmocka_unit_test(dial__begins_anew_after_the_end_was_heard),
		cmocka_unit_test(hello__of_what_does_not_fit_is_refused),
		cmocka_unit_test(hello__of_later_versions_that_know_ours_is_taken),
		cmocka_unit_test(hello__of_another_version_is_refused),
	};

	return cmocka_run_group_tests_name("peer_life", tests, NULL, NULL);
}
