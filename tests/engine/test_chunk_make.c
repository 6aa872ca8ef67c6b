/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair_parts.h"
#include <errno.h>

enum { CHUNK = 64 << 10 };

static struct pair_transfer *open_with(struct pair *pair, const struct pair_options *options)
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
	pair_run(pair, 30 * DPS_NS_PER_S);
	pair_expect_written(pair);
	pair_close(pair);
}

/* A transfer that goes on where an earlier one ended: what is done is not announced again. */
static void start_after(struct pair_transfer *transfer, uint64_t bytes)
{
	uint64_t offset;

	assert_int_equal(dps_layout_place(&transfer->layout, bytes, &offset), 0);
}

static void make__an_empty_file_in_padding_is_not_what_a_chunk_starts_with(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	transfer = open_with(&pair, &options);
	start_after(transfer, 10000);
	for (unsigned int i = 0; i < 3; i++) {
		pair_add_file(&pair, transfer, 0);
		pair_add_file(&pair, transfer, 20);
	}
	finish(&pair);
}

static void make__goes_on_far_into_a_channel_at_once(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	transfer = open_with(&pair, &options);
	start_after(transfer, UINT64_C(1) << 60);
	pair_add_file(&pair, transfer, 40 * CHUNK + 5);
	start_after(transfer, UINT64_C(1) << 60);
	pair_add_file(&pair, transfer, 3 * CHUNK + 5);
	finish(&pair);
}

static int64_t fail_first_read(struct pair *pair, unsigned int which, const struct dps_io *io)
{
	(void)pair;
	(void)which;
	return !io->is_write && io->file == 0 ? -EIO : (int64_t)io->bytes;
}

/* A file without end, of which nothing can be read: no turn may take as long as it is. */
static void make__steps_over_a_skipped_file_of_any_size(void **state)
{
	static const uint64_t sizes[] = { UINT64_C(1) << 30, (UINT64_C(1) << 30) + 77,
					  UINT64_C(1) << 60, (UINT64_C(1) << 60) + 77 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct pair_transfer *transfer;
		struct pair_options options;
		struct pair pair;

		pair_options_init(&options, 1);
		transfer = open_with(&pair, &options);
		pair.end_io = fail_first_read;
		pair_add_endless_file(&pair, transfer, sizes[i]);
		pair_add_file(&pair, transfer, 3000);
		pair_add_file(&pair, transfer, 3 * CHUNK + 5);
		pair_run(&pair, 30 * DPS_NS_PER_S);
		assert_true(transfer->files[0].is_failed);
		finish(&pair);
	}
}

static void make__a_skipped_end_counts_as_written(void **state)
{
	struct pair_transfer *transfer;
	struct dps_channel_state sender;
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	transfer = open_with(&pair, &options);
	pair.end_io = fail_first_read;
	pair_add_endless_file(&pair, transfer, 1000 * CHUNK);
	pair_run(&pair, 30 * DPS_NS_PER_S);
	assert_int_equal(transfer->written, 1000 * CHUNK);
	pair_run_for(&pair, DPS_NS_PER_S);
	assert_int_equal(
		dps_engine_read_channel(pair.sides[0].engine, transfer->channel[0], &sender), 0);
	assert_int_equal(sender.stored, 1000 * CHUNK);
	assert_int_equal(sender.contiguous, 1000 * CHUNK);
	assert_int_equal(pair_counters(&pair, 0).anomalies, 0);
	finish(&pair);
}

static void make__a_large_chunk_holds_a_file_in_every_page(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;

	(void)state;
	for (uint64_t seed = 0; seed < 3; seed++) {
		pair_options_init(&options, seed);
		options.limits.chunk_bytes = 1 << 20;
		options.limits.slots = 4;
		options.limits.extents = 600;
		options.window_bytes = 3 << 20;
		options.loss_ppm = 20000;
		transfer = open_with(&pair, &options);
		for (unsigned int i = 0; i < 1000; i++)
			pair_add_file(&pair, transfer, 1 + seed * 1500);
		pair.writes_to_spoil = 300;
		for (unsigned int i = 0; i < 256; i += 2) {
			pair_run_for(&pair, 100 * DPS_NS_PER_US);
			pair_skip(&pair, transfer, 1, 256 + i, 0);
		}
		finish(&pair);
	}
}

/* Both sides grant the other all of their slots before they want to send themselves. */
static void make__receivers_leave_slots_for_senders(void **state)
{
	struct pair_transfer *transfers[2];
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	pair_open(&pair, &options);
	for (unsigned int i = 0; i < 2; i++) {
		transfers[i] = pair_add_transfer(&pair, i);
		pair_open_channel(&pair, transfers[i], 1 - i);
		pair_add_file(&pair, transfers[i], 100 * CHUNK);
	}
	pair_run_for(&pair, 100 * DPS_NS_PER_MS);
	for (unsigned int i = 0; i < 2; i++)
		pair_open_channel(&pair, transfers[i], i);
	finish(&pair);
}

/* The most chunks that a sender has read and not posted, once it is at its pace. */
static uint32_t most_unsent(uint64_t disk_ns)
{
	struct pair_transfer *transfer;
	const struct dps_channel *channel;
	struct pair_options options;
	struct pair pair;
	uint32_t most = 0;

	pair_options_init(&options, 1);
	options.window_bytes = 256 * CHUNK;
	dps_limits_init(&options.limits, options.window_bytes, CHUNK);
	options.congestion_mode = DPS_CONGESTION_FIXED;
	options.rate_bytes_per_s = 1000000000; /* four milliseconds are 61 chunks */
	options.disk_ns = disk_ns;
	transfer = open_with(&pair, &options);
	pair_add_file(&pair, transfer, 2000 * CHUNK);
	pair_run_for(&pair, 50 * DPS_NS_PER_MS);
	channel = &pair.sides[0].engine->channels[transfer->channel[0]];
	for (unsigned int i = 0; i < 200; i++) {
		pair_run_for(&pair, 100 * DPS_NS_PER_US);
		most = (uint32_t)dps_max_u64(most, channel->unsent_chunks);
	}
	finish(&pair);
	return most;
}

static void read_ahead__is_as_long_as_the_disk_takes(void **state)
{
	(void)state;
	assert_in_range(most_unsent(0), 1, 9);
	assert_in_range(most_unsent(2 * DPS_NS_PER_MS), 30, 64);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(make__an_empty_file_in_padding_is_not_what_a_chunk_starts_with),
		cmocka_unit_test(make__goes_on_far_into_a_channel_at_once),
		cmocka_unit_test(make__steps_over_a_skipped_file_of_any_size),
		cmocka_unit_test(make__a_skipped_end_counts_as_written),
		cmocka_unit_test(make__a_large_chunk_holds_a_file_in_every_page),
		cmocka_unit_test(make__receivers_leave_slots_for_senders),
		cmocka_unit_test(read_ahead__is_as_long_as_the_disk_takes),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("chunk_make", tests, NULL, NULL);
}
