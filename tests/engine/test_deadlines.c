/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <errno.h>

enum { CHUNK = 64 << 10 };

/* Nobody is woken by keepalives. */
static void open_silent(struct pair *pair, uint64_t seed)
{
	struct pair_options options;

	pair_options_init(&options, seed);
	options.silence_ns = 10000 * DPS_NS_PER_S;
	pair_open(pair, &options);
}

static void finish(struct pair *pair, uint64_t limit_ns)
{
	pair_run(pair, limit_ns);
	pair_expect_written(pair);
	pair_close(pair);
}

/* The control connection is slower than packets are: credit came before the channel was open. */
static void credit__is_asked_for_when_it_came_too_early(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	open_silent(&pair, 1);
	pair_run_for(&pair, 50 * DPS_NS_PER_MS);
	transfer = pair_add_transfer(&pair, 0);
	pair_add_file(&pair, transfer, 3 * CHUNK);
	pair_open_channel(&pair, transfer, 1);
	pair_run_for(&pair, 50 * DPS_NS_PER_MS);
	pair_open_channel(&pair, transfer, 0);
	finish(&pair, 20 * DPS_NS_PER_MS);
}

/* The sender is there first; the receiver's first word is lost. */
static void credit__is_asked_for_when_the_first_word_of_it_is_lost(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	open_silent(&pair, 1);
	pair_run_for(&pair, 50 * DPS_NS_PER_MS);
	transfer = pair_add_transfer(&pair, 0);
	pair_add_file(&pair, transfer, 3 * CHUNK);
	pair_open_channel(&pair, transfer, 0);
	pair_run_for(&pair, DPS_NS_PER_MS);
	pair_open_channel(&pair, transfer, 1);
	pair.is_cut = true;
	pair_run_for(&pair, 2 * DPS_NS_PER_MS);
	pair.is_cut = false;
	finish(&pair, 50 * DPS_NS_PER_MS);
}

/* Twenty channels wait for credit at once: more than one acknowledgement tells of. */
static void credit__of_many_channels_comes_without_being_asked_for(void **state)
{
	struct pair_options options;
	struct dps_engine *engine;
	struct pair pair;
	uint32_t channels[20];

	(void)state;
	pair_options_init(&options, 1);
	options.silence_ns = 10000 * DPS_NS_PER_S;
	options.limits.slots = 64;
	pair_open(&pair, &options);
	engine = pair.sides[1].engine;
	pair_run_for(&pair, 50 * DPS_NS_PER_MS);
	for (uint32_t i = 0; i < 20; i++) {
		const struct dps_extent_config extent = { .bytes = 100 };
		struct dps_channel_config config = { .path = pair.sides[1].path,
						     .number = 100 + i,
						     .window_bytes = CHUNK };

		channels[i] = (uint32_t)dps_engine_open_channel(engine, &config);
		assert_int_equal(dps_engine_announce(engine, channels[i], &extent), 0);
		assert_int_equal(dps_engine_announce_last(engine, channels[i]), 0);
	}
	pair_run_for(&pair, 5 * DPS_NS_PER_MS);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(engine->channels[channels[i]].reported_credit, 100);
	for (uint32_t i = 0; i < 20; i++)
		dps_engine_close_channel(engine, channels[i]);
	pair_close(&pair);
}

static void ack__that_cannot_be_said_yet_keeps_nobody_awake(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;
	uint64_t turns;

	(void)state;
	open_silent(&pair, 1);
	pair.is_cut = true; /* nothing came yet: there is nothing to acknowledge */
	transfer = pair_add_transfer(&pair, 0);
	pair_add_file(&pair, transfer, 3 * CHUNK);
	pair_open_channel(&pair, transfer, 1);
	turns = pair.turns;
	pair_run_for(&pair, DPS_NS_PER_S);
	assert_true(pair.turns - turns < 200);
	transfer->is_given_up = true;
	pair_close(&pair);
}

static bool lose_marked(struct pair *pair, unsigned int from, const uint8_t *bytes, uint32_t length)
{
	(void)bytes;
	(void)length;
	return (pair->mark >> from & 1) != 0;
}

/*
 * What is in flight was received long ago, by another packet: its copies are not sent on a probe
 * timeout, but something has to be, or the word of new credit that got lost is lost for ever.
 */
static void probe__asks_also_when_nothing_in_flight_needs_repair(void **state)
{
	struct dps_sent_packet old = { .flags = DPS_SENT_DATA,
				       .data_bytes = 1000,
				       .wire_bytes = 1056 };
	struct pair_transfer *transfer;
	struct dps_engine *engine;
	struct pair pair;

	(void)state;
	open_silent(&pair, 1);
	pair.is_lost = lose_marked;
	transfer = pair_add_transfer(&pair, 0);
	pair_open_channel(&pair, transfer, 0);
	pair_open_channel(&pair, transfer, 1);
	transfer->is_whole = false;
	pair_add_file(&pair, transfer, CHUNK);
	pair_run_for(&pair, 100 * DPS_NS_PER_MS);
	engine = pair.sides[0].engine;
	assert_int_equal(engine->channels[transfer->channel[0]].contiguous, CHUNK);
	/* A copy of a packet, sent last of all, and lost. */
	old.channel = transfer->channel[0];
	old.generation = engine->channels[transfer->channel[0]].generation;
	old.sent_at_ns = pair.now_ns;
	dps_sent_push(&engine->paths[0].sent, &old);
	dps_loss_on_sent(&engine->paths[0].loss, pair.now_ns);
	dps_path_touch(engine, &engine->paths[0]);
	/* The receiver's word of more credit is lost as well. */
	pair.mark = 2;
	pair_add_file(&pair, transfer, CHUNK);
	transfer->is_whole = true;
	pair_run_for(&pair, 2 * DPS_NS_PER_MS);
	pair.mark = 0;
	finish(&pair, 200 * DPS_NS_PER_MS);
}

/* All that the numbers reach is in flight when the way is cut for a while. */
static void probe__finds_a_number_when_all_are_in_flight(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	options.silence_ns = 10000 * DPS_NS_PER_S;
	options.limits.sent_packets = 128;
	pair_open(&pair, &options);
	transfer = pair_add_transfer(&pair, 0);
	pair_open_channel(&pair, transfer, 0);
	pair_open_channel(&pair, transfer, 1);
	pair_add_file(&pair, transfer, 100 * CHUNK);
	pair_run_for(&pair, 3 * DPS_NS_PER_MS);
	pair.is_cut = true;
	pair_run_for(&pair, 500 * DPS_NS_PER_MS);
	pair.is_cut = false;
	finish(&pair, 10 * DPS_NS_PER_S);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credit__is_asked_for_when_it_came_too_early),
		cmocka_unit_test(credit__is_asked_for_when_the_first_word_of_it_is_lost),
		cmocka_unit_test(credit__of_many_channels_comes_without_being_asked_for),
		cmocka_unit_test(ack__that_cannot_be_said_yet_keeps_nobody_awake),
		cmocka_unit_test(probe__asks_also_when_nothing_in_flight_needs_repair),
		cmocka_unit_test(probe__finds_a_number_when_all_are_in_flight),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("deadlines", tests, NULL, NULL);
}
