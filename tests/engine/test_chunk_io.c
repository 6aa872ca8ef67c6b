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
	pair_close(pair);
}

static void refetch__each_piece_of_a_chunk_has_its_own_attempts(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	transfer = open_one(&pair);
	for (unsigned int i = 0; i < 10; i++)
		pair_add_file(&pair, transfer, 1000 + i);
	pair.writes_to_spoil = 10;
	pair_run(&pair, 20 * DPS_NS_PER_S);
	assert_int_equal(pair_counters(&pair, 1).digest_mismatches, 10);
	for (unsigned int i = 0; i < 10; i++)
		assert_false(transfer->files[i].is_failed);
	finish(&pair);
}

static int64_t spoil_file_0(struct pair *pair, unsigned int which, const struct dps_io *io)
{
	(void)pair;
	(void)which;
	return io->is_write && io->file == 0 ? -EBADMSG : (int64_t)io->bytes;
}

static void refetch__the_fourth_mismatch_fails_the_file_alone(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	transfer = open_one(&pair);
	pair.end_io = spoil_file_0;
	for (unsigned int i = 0; i < 4; i++)
		pair_add_file(&pair, transfer, 5000);
	pair_run(&pair, 20 * DPS_NS_PER_S);
	assert_int_equal(pair_counters(&pair, 1).digest_mismatches, 4);
	assert_true(transfer->files[0].is_failed);
	assert_false(transfer->files[1].is_failed);
	finish(&pair);
}

static int64_t skip_then_spoil(struct pair *pair, unsigned int which, const struct dps_io *io)
{
	if (!io->is_write || io->file != 0 || pair->mark++ > 0)
		return io->bytes;
	pair_skip(pair, &pair->transfers[0], which, 0, 0);
	return -EBADMSG;
}

static void refetch__does_not_ask_for_what_was_skipped_while_it_was_written(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	transfer = open_one(&pair);
	pair.end_io = skip_then_spoil;
	pair_add_file(&pair, transfer, 3000);
	pair_add_file(&pair, transfer, 3000);
	pair_run(&pair, 20 * DPS_NS_PER_S);
	assert_int_equal(transfer->files[0].refetches, 0);
	finish(&pair);
}

/* Both pieces are wrong, and the first is given up before that is known of the second. */
static int64_t spoil_both_and_skip_one(struct pair *pair, unsigned int which,
				       const struct dps_io *io)
{
	if (!io->is_write || pair->mark == 2)
		return io->bytes;
	if (pair->mark++ == 1)
		pair_skip(pair, &pair->transfers[0], which, 0, 0);
	return -EBADMSG;
}

static void refetch__what_is_skipped_stays_skipped_when_another_piece_fails(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	transfer = open_one(&pair);
	pair.end_io = spoil_both_and_skip_one;
	pair_add_file(&pair, transfer, 3000);
	pair_add_file(&pair, transfer, 3000);
	/* Its sender would not send it any more. */
	while (transfer->files[1].refetches == 0)
		pair_turn(&pair, UINT64_MAX);
	for (uint32_t i = 0; i < pair.sides[0].messages_count; i++)
		if (pair.sides[0].messages[i].type == PAIR_REFETCH &&
		    pair.sides[0].messages[i].file == 0)
			pair.sides[0].messages[i].at_ns = UINT64_MAX;
	finish(&pair);
}

static int64_t fail_writes_of_file_1(struct pair *pair, unsigned int which, const struct dps_io *io)
{
	(void)pair;
	(void)which;
	return io->is_write && io->file == 1 ? -EIO : (int64_t)io->bytes;
}

static void write__a_file_that_cannot_be_written_fails_alone(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	transfer = open_one(&pair);
	pair.end_io = fail_writes_of_file_1;
	pair_add_file(&pair, transfer, 3000);
	pair_add_file(&pair, transfer, 30 * CHUNK + 3000);
	pair_add_file(&pair, transfer, 3000);
	pair_run(&pair, 20 * DPS_NS_PER_S);
	assert_true(transfer->files[1].is_failed);
	finish(&pair);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refetch__each_piece_of_a_chunk_has_its_own_attempts),
		cmocka_unit_test(refetch__the_fourth_mismatch_fails_the_file_alone),
		cmocka_unit_test(refetch__does_not_ask_for_what_was_skipped_while_it_was_written),
		cmocka_unit_test(refetch__what_is_skipped_stays_skipped_when_another_piece_fails),
		cmocka_unit_test(write__a_file_that_cannot_be_written_fails_alone),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("chunk_io", tests, NULL, NULL);
}
