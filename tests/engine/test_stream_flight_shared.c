/* SPDX-License-Identifier: BSD-3-Clause */
/* Flight that peers share: together no more than is allowed, each his part, and turns beyond it. */
#include "tests/support/stream_room.h"

enum { LIMIT = 1200, PEERS = 3, PART = 200, COMMON = 600, STREAMS = 2 };

struct member {
	struct stream_rig rig;
	struct rig_side *near;
	struct dps_handle handles[STREAMS];
	uint64_t sent[STREAMS];
	uint64_t acknowledged[STREAMS];
};

struct circle {
	struct dps_flight flight;
	struct member members[PEERS];
};

static void member_open(struct member *member, struct dps_flight *flight)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);

	memset(member, 0, sizeof(*member));
	near.flight = flight;
	near.window_bytes = 1 << 20;
	rig_open_with(&member->rig, &near, &far);
	rig_talk(&member->rig);
	member->near = &member->rig.near;
	streams_open(&member->rig, member->handles, STREAMS);
}

static void circle_open(struct circle *circle)
{
	dps_flight_init(&circle->flight, LIMIT, PEERS);
	for (unsigned int i = 0; i < PEERS; i++)
		member_open(&circle->members[i], &circle->flight);
}

/* Nothing of what they share is missing. */
static void circle_close(struct circle *circle)
{
	for (unsigned int i = 0; i < PEERS; i++) {
		struct member *member = &circle->members[i];

		dps_streams_lose(member->near->streams, DPS_CLOSE_IDLE);
		rig_release(member->near);
	}
	assert_int_equal(circle->flight.taken_bytes, 0);
	assert_true(circle->flight.line.next == &circle->flight.line);
	for (unsigned int i = 0; i < PEERS; i++) {
		dps_streams_fini(circle->members[i].near->streams);
		rig_close_streams(&circle->members[i].rig);
	}
}

static int send_of(struct circle *circle, unsigned int peer, unsigned int stream, size_t bytes)
{
	struct member *member = &circle->members[peer];
	int error = rig_send(member->near, member->handles[stream], bytes, 0, 0);

	member->sent[stream] += error == 0 ? bytes : 0;
	return error;
}

static void ack_of(struct circle *circle, unsigned int peer, unsigned int stream, uint64_t bytes)
{
	struct member *member = &circle->members[peer];

	rig_flush(&member->rig, member->near);
	member->acknowledged[stream] += bytes;
	rig_ack(&member->rig, member->near, member->handles[stream], PLENTY,
		member->acknowledged[stream], false);
}

/* Takes the events of a peer. Whether one of its streams may write now, and no other. */
static bool is_told(struct circle *circle, unsigned int peer, unsigned int stream)
{
	const struct member *member = &circle->members[peer];

	rig_events(member->near);
	return rig_count(member->near, DPS_STREAM_EVENT_WRITABLE) == 1 &&
	       member->near->events[0].handle.index == member->handles[stream].index;
}

static bool is_nobody_told(struct circle *circle)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < PEERS; i++) {
		rig_events(circle->members[i].near);
		count += rig_count(circle->members[i].near, DPS_STREAM_EVENT_WRITABLE);
	}
	return count == 0;
}

/* The first peer has all that is common, the others all of their parts. */
static void circle_fill(struct circle *circle)
{
	assert_int_equal(send_of(circle, 0, 0, PART + COMMON), 0);
	for (unsigned int i = 1; i < PEERS; i++)
		assert_int_equal(send_of(circle, i, 0, PART), 0);
}

/* ---- the limit ---- */

static void send__counts_what_all_peers_have_under_way(void **state)
{
	struct circle circle;

	(void)state;
	circle_open(&circle);
	circle_fill(&circle);
	for (unsigned int i = 0; i < PEERS; i++)
		assert_int_equal(send_of(&circle, i, 1, 1), -DPS_ERROR_FULL);
	assert_true(is_nobody_told(&circle));
	assert_int_equal(circle.flight.taken_bytes, COMMON);
	assert_int_equal(circle.flight.taken_max, COMMON);
	circle_close(&circle);
}

/* One that is away, or does not read, has all there is, and for ever. */
static void part__is_there_whatever_others_do(void **state)
{
	struct circle circle;

	(void)state;
	circle_open(&circle);
	assert_int_equal(send_of(&circle, 0, 0, PART + COMMON), 0);
	assert_int_equal(send_of(&circle, 0, 1, 1), -DPS_ERROR_FULL);
	dps_streams_park(circle.members[0].near->streams, circle.members[0].rig.epoch);
	for (unsigned int round = 0; round < 100; round++)
		for (unsigned int i = 1; i < PEERS; i++) {
			assert_int_equal(send_of(&circle, i, 0, PART), 0);
			ack_of(&circle, i, 0, PART);
		}
	circle_close(&circle);
}

static void send__longer_than_what_is_common_passes_when_all_of_it_is_free(void **state)
{
	struct circle circle;

	(void)state;
	circle_open(&circle);
	assert_int_equal(send_of(&circle, 0, 0, PART + 1), 0);
	assert_int_equal(send_of(&circle, 1, 0, 2 * LIMIT), -DPS_ERROR_FULL);
	ack_of(&circle, 0, 0, 1);
	assert_true(is_told(&circle, 1, 0));
	assert_int_equal(send_of(&circle, 1, 0, 2 * LIMIT), 0);
	assert_int_equal(send_of(&circle, 0, 0, 1), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&circle, 2, 0, PART), 0);
	circle_close(&circle);
}

/* A peer's own limit is beside this one. */
static void send__waits_for_its_own_limit_out_of_line(void **state)
{
	struct circle circle;

	(void)state;
	circle_open(&circle);
	circle.members[1].near->streams->flight.limit_bytes = PART;
	circle_fill(&circle);
	assert_int_equal(send_of(&circle, 1, 1, 10), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&circle, 2, 1, 10), -DPS_ERROR_FULL);
	ack_of(&circle, 0, 0, 10);
	assert_true(is_told(&circle, 2, 1));
	assert_int_equal(send_of(&circle, 2, 1, 10), 0);
	ack_of(&circle, 1, 0, 10);
	assert_true(is_told(&circle, 1, 1));
	circle_close(&circle);
}

/* ---- turns ---- */

static void waiting__is_by_turns(void **state)
{
	const struct {
		unsigned int peer;
		unsigned int stream;
	} order[] = { { 1, 0 }, { 2, 0 }, { 1, 1 }, { 2, 1 } };
	struct circle circle;

	(void)state;
	circle_open(&circle);
	circle_fill(&circle);
	for (unsigned int i = 1; i < PEERS; i++)
		for (unsigned int stream = 0; stream < STREAMS; stream++)
			assert_int_equal(send_of(&circle, i, stream, 100), -DPS_ERROR_FULL);
	for (unsigned int i = 0; i < 4; i++) {
		ack_of(&circle, 0, 0, 99);
		assert_true(is_nobody_told(&circle));
		ack_of(&circle, 0, 0, 1);
		/* Nor does anybody overtake who is told. */
		for (unsigned int peer = 1; peer < PEERS; peer++)
			if (peer != order[i].peer)
				assert_int_equal(send_of(&circle, peer, order[i].stream, 1),
						 -DPS_ERROR_FULL);
		assert_true(is_told(&circle, order[i].peer, order[i].stream));
		assert_int_equal(send_of(&circle, order[i].peer, order[i].stream, 100), 0);
		/* Those wait for as much as before. */
		for (unsigned int peer = 1; peer < PEERS; peer++)
			if (peer != order[i].peer)
				assert_int_equal(send_of(&circle, peer, order[i].stream, 100),
						 -DPS_ERROR_FULL);
	}
	circle_close(&circle);
}

/* Who needs much waits for it, and those who need little do not take it away. */
static void waiting__for_much_ends(void **state)
{
	struct circle circle;

	(void)state;
	circle_open(&circle);
	circle_fill(&circle);
	assert_int_equal(send_of(&circle, 1, 0, 500), -DPS_ERROR_FULL);
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(is_nobody_told(&circle));
		ack_of(&circle, 0, 0, 100);
		assert_int_equal(send_of(&circle, 0, 0, 1), -DPS_ERROR_FULL);
		assert_int_equal(send_of(&circle, 2, 0, 1), -DPS_ERROR_FULL);
	}
	assert_true(is_told(&circle, 1, 0));
	assert_int_equal(send_of(&circle, 1, 0, 500), 0);
	circle_close(&circle);
}

/* Each sends whenever it is told, as much as it is let; those asked first do not have all. */
static void waiting__starves_nobody(void **state)
{
	struct circle circle;

	(void)state;
	circle_open(&circle);
	circle_fill(&circle);
	for (unsigned int i = 0; i < PEERS; i++)
		assert_int_equal(send_of(&circle, i, 0, 100), -DPS_ERROR_FULL);
	for (unsigned int round = 0; round < 300; round++) {
		unsigned int busy = 0;

		for (unsigned int i = 1; i < PEERS; i++)
			if (circle.members[i].sent[0] - circle.members[i].acknowledged[0] >
			    circle.members[busy].sent[0] - circle.members[busy].acknowledged[0])
				busy = i;
		ack_of(&circle, busy, 0, 100);
		for (unsigned int i = 0; i < PEERS; i++)
			if (is_told(&circle, i, 0))
				while (send_of(&circle, i, 0, 100) == 0)
					continue;
	}
	for (unsigned int i = 0; i < PEERS; i++)
		assert_true(circle.members[i].sent[0] > 8000);
	circle_close(&circle);
}

/* What one was told of is another's when it does not come back for it. */
static void writable__is_over_when_its_events_are_taken_next(void **state)
{
	struct circle circle;

	(void)state;
	circle_open(&circle);
	circle_fill(&circle);
	assert_int_equal(send_of(&circle, 1, 0, 100), -DPS_ERROR_FULL);
	assert_int_equal(send_of(&circle, 2, 0, 100), -DPS_ERROR_FULL);
	ack_of(&circle, 0, 0, 100);
	assert_true(is_told(&circle, 1, 0));
	assert_int_equal(rig_events(circle.members[2].near), 0);
	assert_int_equal(rig_events(circle.members[1].near), 0);
	assert_true(is_told(&circle, 2, 0));
	circle_close(&circle);
}

/* ---- giving back ---- */

static void peer_lost(struct circle *circle, unsigned int peer)
{
	dps_streams_lose(circle->members[peer].near->streams, DPS_CLOSE_IDLE);
}

/* In whatever state. */
static void peer_let_go(struct circle *circle, unsigned int peer)
{
	dps_streams_fini(circle->members[peer].near->streams);
}

static void peer_aborts(struct circle *circle, unsigned int peer)
{
	const struct member *member = &circle->members[peer];

	for (unsigned int i = 0; i < STREAMS; i++)
		assert_int_equal(dps_stream_abort(member->near->streams, member->handles[i], 1), 0);
}

static void (*const ends[])(struct circle *, unsigned int) = { peer_lost, peer_let_go,
							       peer_aborts };

/* However a peer goes, others have what it had. */
static void end__gives_back_what_was_under_way(void **state)
{
	struct circle circle;

	(void)state;
	for (unsigned int i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		circle_open(&circle);
		circle_fill(&circle);
		assert_int_equal(send_of(&circle, 1, 0, COMMON), -DPS_ERROR_FULL);
		ends[i](&circle, 0);
		assert_int_equal(circle.flight.taken_bytes, COMMON);
		assert_true(is_told(&circle, 1, 0));
		assert_int_equal(send_of(&circle, 1, 0, COMMON), 0);
		circle_close(&circle);
	}
}

/* What the port has still is not another's yet. */
static void end__gives_back_when_the_port_has(void **state)
{
	struct circle circle;

	(void)state;
	circle_open(&circle);
	circle_fill(&circle);
	assert_int_equal(send_of(&circle, 1, 0, 1), -DPS_ERROR_FULL);
	while (rig_emit(&circle.members[0].rig, circle.members[0].near, 8) > 0)
		continue;
	peer_lost(&circle, 0);
	assert_true(is_nobody_told(&circle));
	assert_int_equal(circle.flight.taken_bytes, COMMON);
	rig_release(circle.members[0].near);
	assert_true(is_told(&circle, 1, 0));
	circle_close(&circle);
}

/* Nobody waits for one that is gone, nor has what was kept for it. */
static void end__of_who_is_waited_for(void **state)
{
	struct circle circle;

	(void)state;
	for (unsigned int i = 0; i < 2 * sizeof(ends) / sizeof(ends[0]); i++) {
		bool is_kept = i % 2 != 0;

		circle_open(&circle);
		circle_fill(&circle);
		assert_int_equal(send_of(&circle, 1, 1, 100), -DPS_ERROR_FULL);
		assert_int_equal(send_of(&circle, 2, 1, 50), -DPS_ERROR_FULL);
		ack_of(&circle, 0, 0, is_kept ? 100 : 50);
		assert_int_equal(rig_events(circle.members[2].near), 0);
		ends[i / 2](&circle, 1);
		assert_true(is_told(&circle, 2, 1));
		assert_int_equal(send_of(&circle, 2, 1, 50), 0);
		circle_close(&circle);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(send__counts_what_all_peers_have_under_way),
		cmocka_unit_test(part__is_there_whatever_others_do),
		cmocka_unit_test(send__longer_than_what_is_common_passes_when_all_of_it_is_free),
		cmocka_unit_test(send__waits_for_its_own_limit_out_of_line),
		cmocka_unit_test(waiting__is_by_turns),
		cmocka_unit_test(waiting__for_much_ends),
		cmocka_unit_test(waiting__starves_nobody),
		cmocka_unit_test(writable__is_over_when_its_events_are_taken_next),
		cmocka_unit_test(end__gives_back_what_was_under_way),
		cmocka_unit_test(end__gives_back_when_the_port_has),
		cmocka_unit_test(end__of_who_is_waited_for),
	};

	return cmocka_run_group_tests_name("stream_flight_shared", tests, NULL, NULL);
}
