/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <errno.h>

enum { CHUNK = 64 << 10 };

static struct pair_transfer *open_one(struct pair *pair)
{
	struct pair_transfer *transfer;
	struct pair_options options;

	pair_options_init(&options, 1);
	pair_open(pair, &options);
	transfer = pair_add_transfer(pair, 0);
	pair_open_channel(pair, transfer, 0);
	pair_open_channel(pair, transfer, 1);
	return transfer;
}

static void finish(struct pair *pair)
{
	pair_run(pair, 20 * DPS_NS_PER_S);
	pair_expect_written(pair);
}

/* Room is found at the attempt after the mark-th that fails. */
static int64_t find_none_for_a_while(struct pair *pair, unsigned int which, const struct dps_io *io)
{
	(void)which;
	if (!io->is_write || pair->mark == 0)
		return io->bytes;
	pair->mark--;
	return pair->mark % 2 ? -EDQUOT : -ENOSPC;
}

static void write_again__stores_what_found_no_space(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	transfer = open_one(&pair);
	pair.end_io = find_none_for_a_while;
	pair.mark = 100;
	pair_add_file(&pair, transfer, 40 * CHUNK + 5000);
	for (unsigned int i = 0; i < 10; i++)
		pair_add_file(&pair, transfer, 3000 + i);
	finish(&pair);
	assert_int_equal(pair.no_space_count, 100);
	assert_int_equal(pair.transfers[0].files[0].refetches, 0);
	pair_close(&pair);
}

static int64_t find_none(struct pair *pair, unsigned int which, const struct dps_io *io)
{
	(void)pair;
	(void)which;
	return io->is_write ? -ENOSPC : (int64_t)io->bytes;
}

/* As many chunks as the window has, and no byte more is sent, however often it is tried. */
static void write_again__credit_waits_for_space(void **state)
{
	struct pair_transfer *transfer;
	struct dps_channel_state channel;
	struct pair pair;
	uint64_t packets;

	(void)state;
	transfer = open_one(&pair);
	pair.end_io = find_none;
	pair_add_file(&pair, transfer, 100 * CHUNK);
	pair_run_for(&pair, DPS_NS_PER_S);
	assert_int_equal(
		dps_engine_read_channel(pair.sides[1].engine, transfer->channel[1], &channel), 0);
	assert_int_equal(channel.bytes_done, 0);
	assert_true(channel.credit <= pair.options.window_bytes);
	packets = pair_counters(&pair, 0).data_packets;
	pair_run_for(&pair, DPS_NS_PER_S);
	assert_int_equal(pair_counters(&pair, 0).data_packets, packets);
	pair.end_io = NULL;
	finish(&pair);
	pair_close(&pair);
}

/* The only file for which there is no room: given up, it waits for nothing. */
static int64_t find_none_for_file_1(struct pair *pair, unsigned int which, const struct dps_io *io)
{
	(void)pair;
	(void)which;
	return io->is_write && io->file == 1 ? -ENOSPC : (int64_t)io->bytes;
}

static void skip__ends_the_wait_for_space(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	transfer = open_one(&pair);
	pair.end_io = find_none_for_file_1;
	for (unsigned int i = 0; i < 3; i++)
		pair_add_file(&pair, transfer, 3000 + i * 3 * CHUNK);
	pair_run_for(&pair, DPS_NS_PER_S / 10);
	assert_true(pair.no_space_count > 0);
	pair_skip(&pair, transfer, 1, 1, 0);
	/* Nobody asks for it any more. */
	pair.write_again_at_ns[1] = DPS_NEVER_NS;
	finish(&pair);
	assert_int_equal(transfer->files[1].done[1], 1);
	pair_close(&pair);
}

/* Of two pieces of one chunk: the first finds no space, the second is wrong, and both come right.
 */
static int64_t one_without_space_one_wrong(struct pair *pair, unsigned int which,
					   const struct dps_io *io)
{
	(void)which;
	if (!io->is_write || pair->mark >= 2)
		return io->bytes;
	pair->mark++;
	return io->file == 0 ? -ENOSPC : -EBADMSG;
}

static void refetch__writes_what_found_no_space_with_it(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	transfer = open_one(&pair);
	pair.end_io = one_without_space_one_wrong;
	pair_add_file(&pair, transfer, 3000);
	pair_add_file(&pair, transfer, 3000);
	finish(&pair);
	assert_int_equal(transfer->files[1].refetches, 1);
	assert_int_equal(pair.no_space_count, 1);
	pair_close(&pair);
}

/* It was asked for while another write of the chunk was under way: made when that is back. */
static void write_again__is_not_forgotten_while_others_are_under_way(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;
	struct pair_side *side;

	(void)state;
	transfer = open_one(&pair);
	pair.end_io = find_none_for_a_while;
	pair.mark = 1;
	pair.options.disk_ns = 1; /* at least not at once */
	pair_add_file(&pair, transfer, 3000);
	pair_add_file(&pair, transfer, 3000);
	side = &pair.sides[1];
	while (side->ios_count < 2)
		pair_turn(&pair, UINT64_MAX);
	side->ios[1].at_ns = pair.now_ns + DPS_NS_PER_S;
	while (pair.no_space_count == 0)
		pair_turn(&pair, UINT64_MAX);
	pair_run_for(&pair, DPS_NS_PER_S / 2);
	assert_int_equal(side->ios_count, 1);
	assert_int_equal(pair.write_again_at_ns[1], DPS_NEVER_NS); /* it was asked for */
	finish(&pair);
	assert_int_equal(pair.no_space_count, 1);
	pair_close(&pair);
}

static void close__forgets_what_found_no_space(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	transfer = open_one(&pair);
	pair.end_io = find_none;
	pair_add_file(&pair, transfer, 100 * CHUNK);
	pair_run_for(&pair, DPS_NS_PER_S / 10);
	assert_true(pair.no_space_count > 0);
	assert_int_equal(dps_engine_write_again(pair.sides[1].engine, 999, pair.now_ns), -ENOENT);
	pair_close_channel(&pair, transfer, 1);
	pair_close_channel(&pair, transfer, 0);
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_again__stores_what_found_no_space),
		cmocka_unit_test(write_again__credit_waits_for_space),
		cmocka_unit_test(skip__ends_the_wait_for_space),
		cmocka_unit_test(refetch__writes_what_found_no_space_with_it),
		cmocka_unit_test(write_again__is_not_forgotten_while_others_are_under_way),
		cmocka_unit_test(close__forgets_what_found_no_space),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("chunk_space", tests, NULL, NULL);
}
