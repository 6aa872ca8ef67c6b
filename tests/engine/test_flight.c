/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/flight.h"
#include "tests/support/cmocka.h"

enum { LIMIT = 1200, PEERS = 3, PART = 200, COMMON = 600 };

struct peer {
	struct dps_flight_waiter waiter;
	struct dps_flight *flight;
	uint64_t bytes;
	uint64_t wants;
	unsigned int turns;
};

static void move_to(struct peer *peer, uint64_t bytes)
{
	dps_flight_move(peer->flight, peer->bytes, bytes);
	peer->bytes = bytes;
}

/* Takes what it wants if there is room, and then wants as much again. */
static void on_turn(void *owner)
{
	struct peer *peer = owner;

	if (!dps_flight_fits(peer->flight, peer->bytes, 0, peer->wants))
		return;
	peer->turns++;
	move_to(peer, peer->bytes + peer->wants);
	dps_flight_leave(&peer->waiter);
	dps_flight_join(peer->flight, &peer->waiter);
}

static void open_peers(struct dps_flight *flight, struct peer peers[PEERS])
{
	dps_flight_init(flight, LIMIT, PEERS);
	for (unsigned int i = 0; i < PEERS; i++) {
		peers[i] = (struct peer){ .flight = flight, .wants = 100 };
		dps_flight_waiter_init(&peers[i].waiter, on_turn, &peers[i]);
	}
}

static void init__halves_it_between_parts_and_all(void **state)
{
	struct dps_flight flight;

	(void)state;
	dps_flight_init(&flight, LIMIT, PEERS);
	assert_int_equal(flight.part_bytes, PART);
	assert_int_equal(flight.common_bytes, COMMON);
	dps_flight_init(&flight, 1, PEERS);
	assert_int_equal(flight.part_bytes, 0);
	assert_int_equal(flight.common_bytes, 1);
	dps_flight_init(&flight, LIMIT, 0);
	assert_int_equal(flight.common_bytes, LIMIT);
	dps_flight_init(&flight, UINT64_MAX, UINT32_MAX);
	assert_true(flight.part_bytes * UINT32_MAX <= UINT64_MAX - flight.common_bytes);
}

static void move__counts_what_is_beyond_a_part(void **state)
{
	struct peer peers[PEERS];
	struct dps_flight flight;

	(void)state;
	open_peers(&flight, peers);
	move_to(&peers[0], PART);
	assert_int_equal(flight.taken_bytes, 0);
	move_to(&peers[0], PART + 10);
	move_to(&peers[1], PART + 5);
	assert_int_equal(flight.taken_bytes, 15);
	move_to(&peers[0], PART - 1);
	assert_int_equal(flight.taken_bytes, 5);
	move_to(&peers[1], 0);
	assert_int_equal(flight.taken_bytes, 0);
	assert_int_equal(flight.taken_max, 15);
}

static void fits__up_to_the_limit_and_not_a_byte_more(void **state)
{
	struct peer peers[PEERS];
	struct dps_flight flight;

	(void)state;
	open_peers(&flight, peers);
	move_to(&peers[0], PART + COMMON - 1);
	assert_true(dps_flight_fits(&flight, 0, 0, PART + 1));
	assert_false(dps_flight_fits(&flight, 0, 0, PART + 2));
	assert_true(dps_flight_fits(&flight, peers[0].bytes, 0, 1));
	assert_false(dps_flight_fits(&flight, peers[0].bytes, 0, 2));
	move_to(&peers[0], PART + COMMON);
	assert_true(dps_flight_fits(&flight, PART - 1, 0, 1));
	assert_false(dps_flight_fits(&flight, PART, 0, 1));
	assert_true(dps_flight_is_own(&flight, PART));
	assert_false(dps_flight_is_own(&flight, PART + 1));
}

/* What is kept for a send is not in its way. */
static void fits__within_what_is_kept_for_it(void **state)
{
	struct peer peers[PEERS];
	struct dps_flight flight;

	(void)state;
	open_peers(&flight, peers);
	move_to(&peers[0], PART + COMMON);
	assert_true(dps_flight_fits(&flight, PART + COMMON, 50, 50));
	assert_false(dps_flight_fits(&flight, PART + COMMON, 50, 51));
	assert_true(dps_flight_fits(&flight, PART + COMMON, COMMON + 10, COMMON + 10));
	assert_false(dps_flight_fits(&flight, PART + COMMON, COMMON - 10, COMMON));
}

static void fits__more_than_all_while_nobody_is_beyond_his_part(void **state)
{
	struct peer peers[PEERS];
	struct dps_flight flight;

	(void)state;
	open_peers(&flight, peers);
	move_to(&peers[0], PART);
	assert_true(dps_flight_fits(&flight, PART, 0, 10 * LIMIT));
	move_to(&peers[1], PART + 1);
	assert_false(dps_flight_fits(&flight, PART, 0, 10 * LIMIT));
	move_to(&peers[1], PART + 10 * LIMIT);
	assert_false(dps_flight_fits(&flight, PART, 0, 1));
	assert_true(dps_flight_fits(&flight, 0, 0, PART));
}

static void fits__anything_without_a_limit(void **state)
{
	struct dps_flight flight;

	(void)state;
	dps_flight_init(&flight, 0, PEERS);
	dps_flight_move(&flight, 0, UINT64_MAX / 2);
	assert_true(dps_flight_is_own(&flight, UINT64_MAX / 2));
	assert_true(dps_flight_fits(&flight, UINT64_MAX / 2, 0, UINT32_MAX));
}

static void wake__takes_turns(void **state)
{
	struct peer peers[PEERS];
	struct dps_flight flight;

	(void)state;
	open_peers(&flight, peers);
	move_to(&peers[0], PART + COMMON);
	for (unsigned int i = 1; i < PEERS; i++) {
		move_to(&peers[i], PART);
		dps_flight_join(&flight, &peers[i].waiter);
		dps_flight_join(&flight, &peers[i].waiter);
	}
	for (unsigned int i = 0; i < 4; i++) {
		move_to(&peers[0], peers[0].bytes - 100);
		assert_false(dps_flight_is_turn(&flight, &peers[0].waiter));
		dps_flight_wake(&flight);
		assert_int_equal(peers[1].turns, (i + 2) / 2);
		assert_int_equal(peers[2].turns, (i + 1) / 2);
	}
}

/* Who needs much is waited for by who needs little, and leaves the line whenever it likes. */
static void wake__stops_at_the_first_that_does_not_fit(void **state)
{
	struct peer peers[PEERS];
	struct dps_flight flight;

	(void)state;
	open_peers(&flight, peers);
	peers[1].wants = PART + 300;
	peers[2].wants = PART + 1;
	move_to(&peers[0], PART + COMMON);
	dps_flight_join(&flight, &peers[1].waiter);
	dps_flight_join(&flight, &peers[2].waiter);
	move_to(&peers[0], PART + COMMON - 299);
	dps_flight_wake(&flight);
	assert_int_equal(peers[1].turns + peers[2].turns, 0);
	assert_true(dps_flight_is_turn(&flight, &peers[1].waiter));
	assert_false(dps_flight_is_turn(&flight, &peers[2].waiter));
	dps_flight_leave(&peers[1].waiter);
	dps_flight_leave(&peers[1].waiter);
	dps_flight_wake(&flight);
	assert_int_equal(peers[2].turns, 1);
	dps_flight_leave(&peers[2].waiter);
	assert_true(dps_flight_is_turn(&flight, &peers[0].waiter));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__halves_it_between_parts_and_all),
		cmocka_unit_test(move__counts_what_is_beyond_a_part),
		cmocka_unit_test(fits__up_to_the_limit_and_not_a_byte_more),
		cmocka_unit_test(fits__within_what_is_kept_for_it),
		cmocka_unit_test(fits__more_than_all_while_nobody_is_beyond_his_part),
		cmocka_unit_test(fits__anything_without_a_limit),
		cmocka_unit_test(wake__takes_turns),
		cmocka_unit_test(wake__stops_at_the_first_that_does_not_fit),
	};

	return cmocka_run_group_tests_name("flight", tests, NULL, NULL);
}
