/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that come to another lane's queue: the peer is asked to send from another port. */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"

enum { ATTEMPTS = 128 };

static void open_pair(struct pair *pair, uint64_t seed)
{
	struct pair_options options;

	pair_options_init(&options, seed);
	pair_open(pair, &options);
	pair_run_for(pair, 50 * DPS_NS_PER_MS);
}

/* How often a side is asked within a time. */
static unsigned int count_turns(struct pair *pair, unsigned int which, uint64_t ns)
{
	uint64_t end_ns = pair->now_ns + ns;
	unsigned int count = 0;
	uint32_t remote;

	while (pair->now_ns < end_ns) {
		pair_turn(pair, end_ns);
		count += dps_engine_take_turn(pair->sides[which].engine, &remote);
	}
	return count;
}

static void on_astray__asks_the_peer_at_once_and_it_alone(void **state)
{
	struct pair pair;
	uint32_t remote;

	(void)state;
	open_pair(&pair, 1);
	assert_false(dps_engine_take_turn(pair.sides[0].engine, &remote));
	dps_engine_on_astray(pair.sides[1].engine, pair.sides[1].path, pair.now_ns);
	assert_int_equal(count_turns(&pair, 0, DPS_NS_PER_MS), 1);
	assert_false(dps_engine_take_turn(pair.sides[1].engine, &remote));
	pair_close(&pair);
}

/* What was on its way when the peer turned still comes astray. */
static void on_astray__waits_for_what_was_on_its_way(void **state)
{
	struct pair pair;

	(void)state;
	open_pair(&pair, 1);
	for (unsigned int i = 0; i < 8; i++) {
		dps_engine_on_astray(pair.sides[1].engine, pair.sides[1].path, pair.now_ns);
		assert_int_equal(count_turns(&pair, 0, DPS_NS_PER_MS), i == 0);
	}
	pair_run_for(&pair, 10 * DPS_NS_PER_MS);
	dps_engine_on_astray(pair.sides[1].engine, pair.sides[1].path, pair.now_ns);
	assert_int_equal(count_turns(&pair, 0, DPS_NS_PER_MS), 1);
	pair_close(&pair);
}

static void on_astray__gives_up_where_no_port_helps(void **state)
{
	unsigned int count = 0;
	struct pair pair;

	(void)state;
	open_pair(&pair, 1);
	for (unsigned int i = 0; i < 2 * ATTEMPTS; i++) {
		dps_engine_on_astray(pair.sides[1].engine, pair.sides[1].path, pair.now_ns);
		count += count_turns(&pair, 0, 20 * DPS_NS_PER_MS);
	}
	assert_int_equal(count, ATTEMPTS);
	pair_close(&pair);
}

/* Neither a path that is gone nor one that never was is asked for, or asks. */
static void on_astray__is_nothing_without_a_path(void **state)
{
	struct pair pair;
	uint32_t remote;

	(void)state;
	open_pair(&pair, 1);
	dps_engine_on_astray(pair.sides[1].engine, pair.sides[1].path, pair.now_ns);
	pair_run_for(&pair, DPS_NS_PER_MS);
	dps_engine_close_path(pair.sides[0].engine, pair.sides[0].path, 0, pair.now_ns);
	pair_run_for(&pair, DPS_NS_PER_MS);
	assert_false(dps_engine_take_turn(pair.sides[0].engine, &remote));
	dps_engine_on_astray(pair.sides[0].engine, pair.sides[0].path, pair.now_ns);
	dps_engine_on_astray(pair.sides[0].engine, 1, pair.now_ns);
	pair_run_for(&pair, DPS_NS_PER_MS);
	pair_close(&pair);
}

/* Data go on as before. */
static void on_astray__disturbs_no_transfer(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	open_pair(&pair, 3);
	transfer = pair_add_transfer(&pair, 0);
	pair_add_file(&pair, transfer, 10 << 20);
	pair_open_channel(&pair, transfer, 0);
	pair_open_channel(&pair, transfer, 1);
	for (unsigned int i = 0; i < 20; i++) {
		dps_engine_on_astray(pair.sides[1].engine, pair.sides[1].path, pair.now_ns);
		dps_engine_on_astray(pair.sides[0].engine, pair.sides[0].path, pair.now_ns);
		pair_run_for(&pair, DPS_NS_PER_MS);
	}
	pair_run(&pair, DPS_NS_PER_S);
	pair_expect_written(&pair);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_astray__asks_the_peer_at_once_and_it_alone),
		cmocka_unit_test(on_astray__waits_for_what_was_on_its_way),
		cmocka_unit_test(on_astray__gives_up_where_no_port_helps),
		cmocka_unit_test(on_astray__is_nothing_without_a_path),
		cmocka_unit_test(on_astray__disturbs_no_transfer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
