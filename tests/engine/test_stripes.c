/* SPDX-License-Identifier: BSD-3-Clause */
/* One transfer over several channels: each moves its own chunks, together they move all. */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <errno.h>

enum { CHUNK = 64 << 10 };

static void open_pair(struct pair *pair, uint64_t seed)
{
	struct pair_options options;

	pair_options_init(&options, seed);
	pair_open(pair, &options);
}

/* A channel for each stripe, all with the same files. */
static void add_stripes(struct pair *pair, uint16_t stripes, const uint64_t *sizes,
			unsigned int count)
{
	for (uint16_t i = 0; i < stripes; i++) {
		struct pair_transfer *transfer = pair_add_transfer(pair, 0);

		transfer->stripe = i;
		transfer->stripes = stripes;
		for (unsigned int k = 0; k < count; k++)
			pair_add_file(pair, transfer, sizes[k]);
		pair_open_channel(pair, transfer, 0);
		pair_open_channel(pair, transfer, 1);
	}
}

/* That every byte is written once, by the stripe whose chunk it is in, the pair checks. */
static void finish(struct pair *pair)
{
	pair_run(pair, 100 * DPS_NS_PER_S);
	pair_expect_written(pair);
	assert_int_equal(pair_counters(pair, 0).anomalies, 0);
	assert_int_equal(pair_counters(pair, 1).anomalies, 0);
	assert_int_equal(pair_counters(pair, 1).dropped_layout, 0);
	assert_int_equal(pair_counters(pair, 1).dropped_credit, 0);
	pair_close(pair);
}

static void stripes__share_the_chunks_of_a_large_file(void **state)
{
	static const uint64_t sizes[] = { 100 * CHUNK + 5000 };

	(void)state;
	for (uint16_t stripes = 1; stripes <= 5; stripes++) {
		struct pair pair;

		open_pair(&pair, stripes);
		add_stripes(&pair, stripes, sizes, 1);
		finish(&pair);
	}
}

static void stripes__leave_small_files_to_who_has_their_chunk(void **state)
{
	static const uint64_t sizes[] = { 100, 0, 5000, 60000, CHUNK, 1, 4 * CHUNK, 3, 9000, 0 };

	(void)state;
	for (uint16_t stripes = 2; stripes <= 4; stripes++) {
		struct pair pair;

		open_pair(&pair, stripes);
		add_stripes(&pair, stripes, sizes, 10);
		finish(&pair);
	}
}

/* More stripes than chunks: some have nothing at all, and are done. */
static void stripes__without_a_chunk_are_done(void **state)
{
	static const uint64_t sizes[] = { 10, CHUNK + 1 };
	struct pair pair;

	(void)state;
	open_pair(&pair, 1);
	add_stripes(&pair, 8, sizes, 2);
	finish(&pair);
}

static void stripes__repair_what_is_lost(void **state)
{
	static const uint64_t sizes[] = { 40 * CHUNK, 7000, 33 * CHUNK + 1 };

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct pair_options options;
		struct pair pair;

		pair_options_init(&options, seed);
		options.loss_ppm = 20000;
		options.duplicate_ppm = 10000;
		options.damage_ppm = 5000;
		options.jitter_ns = 200 * DPS_NS_PER_US;
		options.disk_ns = 500 * DPS_NS_PER_US;
		options.bad_digest_ppm = 20000;
		pair_open(&pair, &options);
		add_stripes(&pair, (uint16_t)(2 + seed % 3), sizes, 3);
		finish(&pair);
	}
}

/* What is there from an earlier life begins in the middle: on any stripe. */
static void stripes__go_on_behind_what_is_there(void **state)
{
	(void)state;
	for (unsigned int held = 0; held < 21; held++) {
		const uint16_t stripes = (uint16_t)(1 + held % 3);
		struct pair pair;

		open_pair(&pair, held + 1);
		for (uint16_t i = 0; i < stripes; i++) {
			struct pair_transfer *transfer = pair_add_transfer(&pair, 0);

			transfer->stripe = i;
			transfer->stripes = stripes;
			pair_add_file(&pair, transfer, 20 * CHUNK + 17);
			if (held >= 3)
				pair_hold_file(transfer, (uint64_t)(held / 3) * CHUNK);
			pair_add_file(&pair, transfer, 5 * CHUNK);
			pair_open_channel(&pair, transfer, 0);
			pair_open_channel(&pair, transfer, 1);
		}
		finish(&pair);
	}
}

/* A window of one stripe is for its own chunks: the others' do not use it up. */
static void credit__reaches_across_other_stripes(void **state)
{
	static const uint64_t sizes[] = { 4000 * (uint64_t)CHUNK };
	struct dps_channel_state channel;
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	options.window_bytes = 4 * CHUNK;
	pair_open(&pair, &options);
	transfer = pair_add_transfer(&pair, 0);
	transfer->stripe = 1;
	transfer->stripes = 4;
	pair_add_endless_file(&pair, transfer, sizes[0]);
	pair_open_channel(&pair, transfer, 1);
	pair_run_for(&pair, 10 * DPS_NS_PER_MS);
	assert_int_equal(
		dps_engine_read_channel(pair.sides[1].engine, transfer->channel[1], &channel), 0);
	/* Chunks 1, 5, 9 and 13. */
	assert_int_equal(channel.credit / CHUNK, 14);
	pair_close(&pair);
}

static void receive__drops_what_is_another_stripes(void **state)
{
	struct dps_header header = { .type = 1, .offset = 0 };
	struct pair_transfer *transfer;
	uint8_t payload[1000] = { 0 };
	struct pair pair;

	(void)state;
	open_pair(&pair, 1);
	transfer = pair_add_transfer(&pair, 0);
	transfer->stripe = 1;
	transfer->stripes = 2;
	pair_add_file(&pair, transfer, 10 * CHUNK);
	pair_open_channel(&pair, transfer, 1);
	pair_run_for(&pair, 10 * DPS_NS_PER_MS);
	header.channel = transfer->number;
	header.packet_number = 1000;
	assert_false(pair_inject(&pair, 1, header, payload, sizeof(payload), true));
	assert_int_equal(pair_counters(&pair, 1).dropped_layout, 1);
	header.offset = CHUNK;
	header.packet_number = 1001;
	assert_true(pair_inject(&pair, 1, header, payload, sizeof(payload), false));
	pair_close(&pair);
}

static void open_channel__refuses_a_stripe_that_is_none(void **state)
{
	struct dps_channel_config config = { .number = 9, .window_bytes = CHUNK };
	struct pair pair;

	(void)state;
	open_pair(&pair, 1);
	config.path = pair.sides[0].path;
	config.stripe = 2;
	config.stripes = 2;
	assert_int_equal(dps_engine_open_channel(pair.sides[0].engine, &config), -EINVAL);
	config.stripes = 0;
	assert_int_equal(dps_engine_open_channel(pair.sides[0].engine, &config), -EINVAL);
	config.stripe = 0;
	assert_true(dps_engine_open_channel(pair.sides[0].engine, &config) >= 0);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stripes__share_the_chunks_of_a_large_file),
		cmocka_unit_test(stripes__leave_small_files_to_who_has_their_chunk),
		cmocka_unit_test(stripes__without_a_chunk_are_done),
		cmocka_unit_test(stripes__repair_what_is_lost),
		cmocka_unit_test(stripes__go_on_behind_what_is_there),
		cmocka_unit_test(credit__reaches_across_other_stripes),
		cmocka_unit_test(receive__drops_what_is_another_stripes),
		cmocka_unit_test(open_channel__refuses_a_stripe_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
