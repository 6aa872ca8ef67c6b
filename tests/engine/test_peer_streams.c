/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams of two peers: what they say goes over the connection, and its life is theirs. */
#include "tests/support/peer_pair.h"
#include "tests/support/stream_rig.h"

struct streams_pair {
	struct peer_pair peers;
	struct stream_rig rig;
};

enum { STREAMS = 8 }; /* that each side allows the other, unless said otherwise */

static void open_limited(struct streams_pair *pair, uint32_t near_block_bytes, bool has_far,
			 uint32_t limit)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);
	struct dps_peer_config a, b;

	near.epoch = far.epoch = 0;
	near.block_bytes = near_block_bytes;
	near.peer_streams = far.peer_streams = limit;
	rig_open_with(&pair->rig, &near, &far);
	pair_config(&a);
	pair_config(&b);
	a.streams = pair->rig.near.streams;
	b.streams = has_far ? pair->rig.far.streams : NULL;
	pair_open(&pair->peers, &a, &b);
}

static void open_with(struct streams_pair *pair, uint32_t near_block_bytes, bool has_far)
{
	open_limited(pair, near_block_bytes, has_far, STREAMS);
}

static void open_pair(struct streams_pair *pair)
{
	open_with(pair, 256, true);
	assert_int_equal(dps_streams_epoch(pair->rig.near.streams), 0);
	pair_connect(&pair->peers);
}

static void close_both(struct streams_pair *pair)
{
	pair_close(&pair->peers);
	rig_close_streams(&pair->rig);
}

/* A stream of near's, and far's handle of it. */
static struct dps_handle opened(struct streams_pair *pair, struct dps_handle *far)
{
	struct dps_handle near = rig_stream(&pair->rig.near, 0);

	pair_run(&pair->peers);
	*far = rig_event(&pair->rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	rig_event(&pair->rig.near, DPS_STREAM_EVENT_OPENED);
	return near;
}

/* What goes over a path: straight across. */
static void carry(struct streams_pair *pair)
{
	struct rig_side *near = &pair->rig.near, *far = &pair->rig.far;

	for (unsigned int i = 0; i < 8; i++) {
		struct dps_stream_slice slice;
		struct dps_stream_placement placement;
		struct dps_stream_ack ack;

		while (dps_streams_emit_acks(far->streams, dps_streams_epoch(far->streams), &ack, 1,
					     0) == 1)
			dps_streams_on_ack(near->streams, dps_streams_epoch(near->streams), &ack);
		while (dps_streams_emit_slices(near->streams, dps_streams_epoch(near->streams),
					       &slice, 1, 256) == 1) {
			if (dps_streams_place(far->streams, dps_streams_epoch(far->streams), &slice,
					      &placement)) {
				if (slice.bytes > 0)
					memcpy(placement.to, slice.memory, slice.bytes);
				dps_streams_commit(far->streams, &placement, true, 0);
			}
			dps_streams_on_released(near->streams, slice.token);
		}
	}
}

static void stream__is_opened_and_ended_over_the_connection(void **state)
{
	struct dps_handle near, far;
	struct streams_pair pair;
	bool has_end;

	(void)state;
	open_pair(&pair);
	assert_int_equal(dps_streams_epoch(pair.rig.near.streams), 1);
	near = opened(&pair, &far);
	assert_int_equal(rig_send(&pair.rig.near, near, 100, DPS_SEND_FINISH, 0), 0);
	carry(&pair);
	assert_int_equal(rig_read(&pair.rig.far, far, &has_end), 100);
	assert_true(has_end);
	pair_run(&pair.peers);
	dps_stream_close(pair.rig.near.streams, near, DPS_STREAM_LINGER);
	dps_stream_close(pair.rig.far.streams, far, DPS_STREAM_LINGER);
	pair_run(&pair.peers);
	assert_int_equal(dps_streams_count(pair.rig.near.streams), 0);
	assert_int_equal(dps_streams_count(pair.rig.far.streams), 0);
	close_both(&pair);
}

static void connection__that_is_lost_parks_and_the_next_goes_on(void **state)
{
	struct dps_handle near, far;
	struct streams_pair pair;
	bool has_end;

	(void)state;
	open_pair(&pair);
	near = opened(&pair, &far);
	assert_int_equal(rig_send(&pair.rig.near, near, 100, DPS_SEND_FINISH, 0), 0);
	pair_cut(&pair.peers);
	assert_int_equal(dps_streams_epoch(pair.rig.near.streams), 0);
	assert_int_equal(dps_streams_epoch(pair.rig.far.streams), 0);
	carry(&pair);
	assert_int_equal(rig_look(&pair.rig.far, far).arrived, 0);
	pair_pass(&pair.peers, DPS_NS_PER_S);
	assert_int_equal(dps_streams_epoch(pair.rig.near.streams), 2);
	carry(&pair);
	assert_int_equal(rig_read(&pair.rig.far, far, &has_end), 100);
	assert_true(has_end);
	close_both(&pair);
}

static void block_bytes__that_differ_are_told_apart_from_all_else(void **state)
{
	struct streams_pair pair;

	(void)state;
	open_with(&pair, 512, true);
	dps_peer_dial(pair.peers.a.peer, pair.peers.now_ns);
	pair_run(&pair.peers);
	/* Who reads the other's hello first finds it out. */
	assert_int_equal(pair_heard(&pair.peers.b, DPS_PEER_EVENT_CONNECT_FAILED)->event.reason,
			 DPS_PEER_OTHER_BLOCKS);
	assert_int_equal(dps_streams_epoch(pair.rig.near.streams), 0);
	assert_int_equal(dps_streams_epoch(pair.rig.far.streams), 0);
	assert_string_equal(dps_peer_reason_name(DPS_PEER_OTHER_BLOCKS), "other_blocks");
	close_both(&pair);
}

/* A peer without streams is one all the same; who has some waits with them. */
static void streams__wait_where_the_far_side_has_none(void **state)
{
	struct streams_pair pair;

	(void)state;
	open_with(&pair, 512, false);
	pair_connect(&pair.peers);
	rig_stream(&pair.rig.near, 0);
	pair_run(&pair.peers);
	assert_int_equal(dps_streams_epoch(pair.rig.near.streams), 0);
	pair_heard_all(&pair.peers.a);
	pair_heard_all(&pair.peers.b);
	close_both(&pair);
}

static void send_last_and_close(struct streams_pair *pair, struct dps_handle near)
{
	assert_int_equal(rig_send(&pair->rig.near, near, 100, DPS_SEND_FINISH, 0), 0);
	dps_peer_close(pair->peers.a.peer, 0, DPS_NS_PER_S, pair->peers.now_ns);
}

/* Then it is closed as asked; and nothing of the stream was read before: all of it is there. */
static void carry_to_the_end(struct streams_pair *pair, struct dps_handle far, uint64_t bytes)
{
	bool has_end;

	carry(pair);
	pair_run(&pair->peers);
	assert_int_equal(dps_peer_state(pair->peers.a.peer), DPS_PEER_CLOSED);
	assert_int_equal(pair_heard(&pair->peers.a, DPS_PEER_EVENT_CLOSED)->event.reason,
			 DPS_PEER_ASKED);
	assert_int_equal(rig_read(&pair->rig.far, far, &has_end), bytes);
	assert_true(has_end);
}

static void close__waits_for_streams_to_end(void **state)
{
	struct dps_handle near, far;
	struct streams_pair pair;

	(void)state;
	open_pair(&pair);
	near = opened(&pair, &far);
	send_last_and_close(&pair, near);
	pair_run(&pair.peers);
	assert_int_equal(dps_peer_state(pair.peers.a.peer), DPS_PEER_DRAINING);
	carry_to_the_end(&pair, far, 100);
	assert_int_equal(rig_look(&pair.rig.near, near).send.state, DPS_STREAM_FINISHED);
	close_both(&pair);
}

static void close__loses_what_does_not_end_in_time(void **state)
{
	struct dps_handle near, far;
	struct streams_pair pair;

	(void)state;
	open_pair(&pair);
	near = opened(&pair, &far);
	assert_int_equal(rig_send(&pair.rig.near, near, 100, DPS_SEND_TELL, 5), 0);
	dps_peer_close(pair.peers.a.peer, 0, DPS_NS_PER_S, pair.peers.now_ns);
	pair_pass(&pair.peers, 2 * DPS_NS_PER_S);
	assert_int_equal(pair_heard(&pair.peers.a, DPS_PEER_EVENT_CLOSED)->event.reason,
			 DPS_PEER_GRACE_OVER);
	assert_int_equal(rig_look(&pair.rig.near, near).send.state, DPS_STREAM_LOST);
	assert_int_equal(rig_look(&pair.rig.near, near).send.cause.reason, DPS_CLOSE_SHUTDOWN);
	assert_int_equal(rig_event(&pair.rig.near, DPS_STREAM_EVENT_LOST).value, 5);
	assert_int_equal(rig_look(&pair.rig.far, far).receive.state, DPS_STREAM_LOST);
	close_both(&pair);
}

static int try_open(const struct rig_side *side)
{
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	struct dps_handle handle;

	return dps_stream_open(side->streams, &options, &handle);
}

/* Whoever goes on opening streams would hold the close until its grace is over. */
static void close__stops_the_opening_of_streams(void **state)
{
	struct dps_handle near, far, late;
	struct streams_pair pair;

	(void)state;
	open_pair(&pair);
	near = opened(&pair, &far);
	send_last_and_close(&pair, near);
	assert_int_equal(try_open(&pair.rig.near), -DPS_ERROR_SHUTTING_DOWN);
	/* Opened before the far side has heard of it. */
	late = rig_stream(&pair.rig.far, 0);
	pair_run(&pair.peers);
	assert_int_equal(rig_look(&pair.rig.far, late).send.state, DPS_STREAM_REFUSED);
	assert_int_equal(rig_look(&pair.rig.far, late).send.cause.code, DPS_CODE_SHUTTING_DOWN);
	rig_event(&pair.rig.far, DPS_STREAM_EVENT_SEND_OVER);
	assert_int_equal(rig_events(&pair.rig.near), 0);
	assert_int_equal(try_open(&pair.rig.far), -DPS_ERROR_SHUTTING_DOWN);
	carry_to_the_end(&pair, far, 100);
	assert_int_equal(try_open(&pair.rig.near), -DPS_ERROR_LOST);
	close_both(&pair);
}

/* Whether the closing or the naming goes out first is the writer's affair. */
static void close__lets_what_was_opened_before_end(void **state)
{
	struct streams_pair pair;
	struct dps_handle near, far;

	(void)state;
	open_pair(&pair);
	near = rig_stream(&pair.rig.near, 0);
	send_last_and_close(&pair, near);
	pair_run(&pair.peers);
	assert_int_equal(dps_peer_state(pair.peers.b.peer), DPS_PEER_LEAVING);
	far = rig_event(&pair.rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	carry_to_the_end(&pair, far, 100);
	close_both(&pair);
}

/* Each allows the other one stream, which there is. */
static void open_full(struct streams_pair *pair, struct dps_handle *near, struct dps_handle *far)
{
	open_limited(pair, 256, true, 1);
	pair_connect(&pair->peers);
	*near = opened(pair, far);
	assert_int_equal(rig_send(&pair->rig.near, *near, 100, DPS_SEND_FINISH, 0), 0);
}

/* It would hold the close until its grace is over, where the other side does not let go of one. */
static void close__gives_up_what_waits_for_its_turn(void **state)
{
	struct dps_handle near, far, waiting;
	struct dps_stream_half_state half;
	struct streams_pair pair;

	(void)state;
	open_full(&pair, &near, &far);
	waiting = rig_stream(&pair.rig.near, DPS_STREAM_BOTH_WAYS);
	assert_int_equal(rig_send(&pair.rig.near, waiting, 50, DPS_SEND_TELL, 5), 0);
	dps_peer_close(pair.peers.a.peer, 0, DPS_NS_PER_S, pair.peers.now_ns);
	half = rig_look(&pair.rig.near, waiting).send;
	assert_int_equal(half.state, DPS_STREAM_REFUSED);
	assert_int_equal(half.cause.code, DPS_CODE_SHUTTING_DOWN);
	assert_int_equal(rig_look(&pair.rig.near, waiting).receive.state, DPS_STREAM_REFUSED);
	rig_events(&pair.rig.near);
	assert_int_equal(pair.rig.near.events[0].type, DPS_STREAM_EVENT_CANCELLED);
	assert_int_equal(pair.rig.near.events[0].value, 5);
	assert_int_equal(pair.rig.near.events[0].posted_bytes, 0);
	assert_int_equal(rig_count(&pair.rig.near, DPS_STREAM_EVENT_SEND_OVER), 1);
	assert_int_equal(rig_count(&pair.rig.near, DPS_STREAM_EVENT_RECEIVE_OVER), 1);
	assert_int_equal(dps_stream_close(pair.rig.near.streams, waiting, DPS_STREAM_LINGER), 0);
	assert_int_equal(dps_streams_count(pair.rig.near.streams), 1);
	carry_to_the_end(&pair, far, 100);
	close_both(&pair);
}

/* What was said to its end goes when its turn comes, if that is in time. */
static void close__lets_what_is_finished_have_its_turn(void **state)
{
	struct dps_handle near, far, waiting;
	struct streams_pair pair;
	bool has_end;

	(void)state;
	for (unsigned int is_lingering = 0; is_lingering < 2; is_lingering++) {
		open_full(&pair, &near, &far);
		waiting = rig_stream(&pair.rig.near, 0);
		assert_int_equal(rig_send(&pair.rig.near, waiting, 50, DPS_SEND_FINISH, 0), 0);
		if (is_lingering)
			dps_stream_close(pair.rig.near.streams, waiting, DPS_STREAM_LINGER);
		dps_peer_close(pair.peers.a.peer, 0, DPS_NS_PER_S, pair.peers.now_ns);
		carry(&pair);
		pair_run(&pair.peers);
		assert_int_equal(dps_peer_state(pair.peers.a.peer), DPS_PEER_DRAINING);
		assert_int_equal(rig_read(&pair.rig.far, far, &has_end), 100);
		dps_stream_close(pair.rig.far.streams, far, DPS_STREAM_LINGER);
		dps_stream_close(pair.rig.near.streams, near, DPS_STREAM_LINGER);
		pair_run(&pair.peers);
		far = rig_event(&pair.rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
		carry_to_the_end(&pair, far, 50);
		close_both(&pair);
	}
}

/* Whatever was said of it: the far side would refuse it. */
static void close__of_the_far_side_gives_up_all_that_waits(void **state)
{
	struct dps_handle near, far, waiting[2];
	struct streams_pair pair;

	(void)state;
	open_full(&pair, &near, &far);
	for (unsigned int i = 0; i < 2; i++)
		waiting[i] = rig_stream(&pair.rig.near, 0);
	assert_int_equal(rig_send(&pair.rig.near, waiting[0], 50, DPS_SEND_FINISH, 0), 0);
	dps_peer_close(pair.peers.b.peer, 0, DPS_NS_PER_S, pair.peers.now_ns);
	pair_run(&pair.peers);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(rig_look(&pair.rig.near, waiting[i]).send.state,
				 DPS_STREAM_REFUSED);
		assert_int_equal(rig_look(&pair.rig.near, waiting[i]).send.cause.code,
				 DPS_CODE_SHUTTING_DOWN);
	}
	rig_events(&pair.rig.near);
	assert_int_equal(rig_count(&pair.rig.near, DPS_STREAM_EVENT_SEND_OVER), 2);
	close_both(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream__is_opened_and_ended_over_the_connection),
		cmocka_unit_test(connection__that_is_lost_parks_and_the_next_goes_on),
		cmocka_unit_test(block_bytes__that_differ_are_told_apart_from_all_else),
		cmocka_unit_test(streams__wait_where_the_far_side_has_none),
		cmocka_unit_test(close__waits_for_streams_to_end),
		cmocka_unit_test(close__loses_what_does_not_end_in_time),
		cmocka_unit_test(close__stops_the_opening_of_streams),
		cmocka_unit_test(close__lets_what_was_opened_before_end),
		cmocka_unit_test(close__gives_up_what_waits_for_its_turn),
		cmocka_unit_test(close__lets_what_is_finished_have_its_turn),
		cmocka_unit_test(close__of_the_far_side_gives_up_all_that_waits),
	};

	return cmocka_run_group_tests_name("peer_streams", tests, NULL, NULL);
}
