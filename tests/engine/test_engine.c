/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <errno.h>

enum { CHUNK = 64 << 10 };

static const uint64_t LIMIT_NS = 100 * DPS_NS_PER_S;

/* One transfer from side 0, its channel open at both ends. */
static struct pair_transfer *open_one(struct pair *pair, const struct pair_options *options)
{
	struct pair_transfer *transfer;

	pair_open(pair, options);
	transfer = pair_add_transfer(pair, 0);
	pair_open_channel(pair, transfer, 0);
	pair_open_channel(pair, transfer, 1);
	return transfer;
}

static void finish(struct pair *pair)
{
	pair_run(pair, LIMIT_NS);
	pair_expect_written(pair);
	pair_close(pair);
}

static void add_mixed_files(struct pair *pair, struct pair_transfer *transfer)
{
	static const uint64_t sizes[] = { 0,	1,	   4095,	   4096,
					  4097, CHUNK - 1, CHUNK,	   CHUNK + 1,
					  0,	0,	   5 * CHUNK + 77, 1408,
					  1400, 10,	   3 * CHUNK,	   0 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		pair_add_file(pair, transfer, sizes[i]);
}

static void transfer__delivers_files_of_all_sizes(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	add_mixed_files(&pair, open_one(&pair, &options));
	finish(&pair);
}

static void transfer__larger_than_the_ring_by_a_hundred(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 2);
	pair_add_file(&pair, open_one(&pair, &options), 800 * CHUNK + 5);
	finish(&pair);
}

static void transfer__repairs_what_is_lost(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct pair_transfer *transfer;

		pair_options_init(&options, seed);
		options.loss_ppm = 50000;
		transfer = open_one(&pair, &options);
		add_mixed_files(&pair, transfer);
		pair_add_file(&pair, transfer, 40 * CHUNK + 1000);
		pair_run(&pair, LIMIT_NS);
		assert_true(pair_counters(&pair, 0).retransmitted_packets > 0);
		finish(&pair);
	}
}

static void transfer__many_small_files_share_chunks(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 3);
	options.loss_ppm = 10000;
	transfer = open_one(&pair, &options);
	for (unsigned int i = 0; i < 512; i++)
		pair_add_file(&pair, transfer, (i * 37) % 9000);
	finish(&pair);
}

static int64_t end_before_mark(struct pair *pair, unsigned int which, const struct dps_io *io)
{
	(void)which;
	return !io->is_write && io->file == 0 && io->file_offset >= pair->mark ? 0
									       : (int64_t)io->bytes;
}

static void skip__a_file_that_shrinks_fails_alone(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct pair_transfer *transfer;

		pair_options_init(&options, seed);
		options.loss_ppm = 20000;
		transfer = open_one(&pair, &options);
		pair.mark = (seed * 7 % 100) * CHUNK;
		pair.end_io = end_before_mark;
		pair_add_file(&pair, transfer, 100 * CHUNK + 123);
		add_mixed_files(&pair, transfer);
		pair_run(&pair, LIMIT_NS);
		assert_true(transfer->files[0].is_failed);
		for (uint64_t at = 0; at < pair.mark; at += DPS_PAGE_BYTES)
			assert_int_equal(transfer->files[0].writes[at / DPS_PAGE_BYTES], 1);
		finish(&pair);
	}
}

static void refetch__a_piece_with_a_wrong_digest_comes_again(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 4);
	transfer = open_one(&pair, &options);
	pair.writes_to_spoil = 2;
	pair_add_file(&pair, transfer, 300);
	pair_add_file(&pair, transfer, 20 * CHUNK);
	pair_run(&pair, LIMIT_NS);
	assert_int_equal(pair_counters(&pair, 1).digest_mismatches, 2);
	finish(&pair);
}

/* The share of time, in thousandths, that counts to a limit while one side's disk sleeps. */
static uint64_t share_while_asleep(unsigned int sleeper, enum dps_limit limit)
{
	struct dps_engine_counters counters;
	struct pair_options options;
	uint64_t counted_ns = 0;
	struct pair pair;

	pair_options_init(&options, 5);
	pair_add_file(&pair, open_one(&pair, &options), 100 * CHUNK);
	pair.is_disk_asleep[sleeper] = true;
	pair_run_for(&pair, 10 * DPS_NS_PER_S);
	counters = pair_counters(&pair, 0);
	for (unsigned int i = 0; i < DPS_LIMITS_COUNT; i++)
		counted_ns += counters.limited_ns[i];
	assert_true(counted_ns > 5 * DPS_NS_PER_S); /* up to the last turn */
	pair.is_disk_asleep[sleeper] = false;
	finish(&pair);
	return counters.limited_ns[limit] * 1000 / counted_ns;
}

/* Probes go out meanwhile, and find nothing to send. */
static void limited__is_what_the_sender_waits_for(void **state)
{
	(void)state;
	assert_in_range(share_while_asleep(0, DPS_LIMIT_DISK), 990, 1000);
	assert_in_range(share_while_asleep(1, DPS_LIMIT_CREDIT), 990, 1000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transfer__delivers_files_of_all_sizes),
		cmocka_unit_test(transfer__larger_than_the_ring_by_a_hundred),
		cmocka_unit_test(transfer__repairs_what_is_lost),
		cmocka_unit_test(transfer__many_small_files_share_chunks),
		cmocka_unit_test(skip__a_file_that_shrinks_fails_alone),
		cmocka_unit_test(limited__is_what_the_sender_waits_for),
		cmocka_unit_test(refetch__a_piece_with_a_wrong_digest_comes_again),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
