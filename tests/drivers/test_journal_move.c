/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/journals.h"
#include <errno.h>
#include <string.h>

static const struct dps_transfer_id id_old = { { 1, 2, 3 } };
static const struct dps_transfer_id id_new = { { 9, 8, 7 } };

static struct dps_digest digest_of(uint8_t letter)
{
	struct dps_digest digest;

	memset(&digest, letter, sizeof(digest));
	return digest;
}

static void put(struct dps_journal *journal, const struct dps_transfer_id *id)
{
	const struct dps_journal_file files[] = {
		{ .index = 0, .path = "a", .path_bytes = 1, .state = DPS_JOURNAL_FILE_WAITING },
		{ .index = 1, .path = "b", .path_bytes = 1, .state = DPS_JOURNAL_FILE_WAITING },
		{ .index = 2, .path = "c", .path_bytes = 1, .state = DPS_JOURNAL_FILE_WAITING },
	};

	assert_int_equal(dps_journal_begin(journal), 0);
	journals_put_transfer(journal, id, "a", 1);
	assert_int_equal(dps_journal_put_files(journal, id, files, 3), 0);
	assert_int_equal(dps_journal_commit(journal), 0);
}

/* One that is open, with pieces from first on. */
static void stage(struct dps_journal *journal, uint32_t file, uint64_t first, uint8_t letter)
{
	const struct dps_journal_change change = {
		.index = file,
		.state = DPS_JOURNAL_FILE_OPEN,
		.has_identity = true,
		.has_digest = true,
		.size_bytes = DPS_JOURNAL_UNKNOWN,
		.device = 5,
		.inode = 40 + file,
	};
	const struct dps_digest digests[] = { digest_of(letter), digest_of(letter) };

	assert_int_equal(dps_journal_begin(journal), 0);
	assert_int_equal(dps_journal_change_files(journal, &id_old, &change, 1), 0);
	assert_int_equal(dps_journal_add_pieces(journal, &id_old, file, first, digests, 2), 0);
	assert_int_equal(dps_journal_commit(journal), 0);
}

struct seen {
	uint32_t count;
	struct dps_journal_file files[4];
};

static int see(void *context, const struct dps_journal_file *file)
{
	struct seen *seen = context;

	seen->files[seen->count++] = *file;
	return 0;
}

static struct seen staged(struct dps_journal *journal, const struct dps_transfer_id *id)
{
	struct seen seen = { 0 };

	assert_int_equal(dps_journal_read_staged(journal, id, see, &seen), 0);
	return seen;
}

static uint64_t pieces_of(struct dps_journal *journal, const struct dps_transfer_id *id,
			  uint32_t file)
{
	uint64_t count = 1234;

	assert_int_equal(dps_journal_count_pieces(journal, id, file, &count), 0);
	return count;
}

static void read_staged__has_what_begins_at_its_start(void **state)
{
	struct journals_fixture *fixture = *state;
	struct seen seen;
	uint64_t pieces;

	put(fixture->journal, &id_old);
	assert_int_equal(staged(fixture->journal, &id_old).count, 0);
	assert_int_equal(dps_journal_has_staged(fixture->journal, &id_old), 0);
	stage(fixture->journal, 1, 3, 'x'); /* behind a gap */
	assert_int_equal(staged(fixture->journal, &id_old).count, 0);
	stage(fixture->journal, 2, 0, 'y');
	assert_int_equal(dps_journal_count_staged(fixture->journal, &id_old, &pieces), 0);
	assert_int_equal(pieces, pieces_of(fixture->journal, &id_old, 2) + 2);
	assert_int_equal(dps_journal_count_staged(fixture->journal, &id_new, &pieces), 0);
	assert_int_equal(pieces, 0);
	seen = staged(fixture->journal, &id_old);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.files[0].index, 2);
	assert_int_equal(seen.files[0].inode, 42);
	assert_int_equal(dps_journal_has_staged(fixture->journal, &id_old), 1);
	assert_int_equal(staged(fixture->journal, &id_new).count, 0);
}

static void move_file__takes_pieces_and_identity(void **state)
{
	struct journals_fixture *fixture = *state;
	const struct dps_journal_move move = {
		.from = id_old, .to = id_new, .from_file = 2, .to_file = 0, .device = 5, .inode = 42
	};
	struct seen seen = { 0 };

	put(fixture->journal, &id_old);
	put(fixture->journal, &id_new);
	stage(fixture->journal, 2, 0, 'y');
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_move_file(fixture->journal, &move), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	journals_reopen(fixture);
	assert_int_equal(pieces_of(fixture->journal, &id_old, 2), 0);
	assert_int_equal(pieces_of(fixture->journal, &id_new, 0), 2);
	assert_int_equal(dps_journal_has_staged(fixture->journal, &id_old), 0);
	seen = staged(fixture->journal, &id_new);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.files[0].index, 0);
	assert_int_equal(seen.files[0].state, DPS_JOURNAL_FILE_OPEN);
	assert_int_equal(seen.files[0].inode, 42);
	/* The old one waits, and nothing says that it was there already. */
	seen.count = 0;
	assert_int_equal(dps_journal_read_files(fixture->journal, &id_old, 2, see, &seen), 0);
	assert_int_equal(seen.files[0].state, DPS_JOURNAL_FILE_WAITING);
	assert_false(seen.files[0].has_identity);
	assert_false(seen.files[0].has_digest);
}

static void move_file__of_what_is_not_listed_moves_nothing(void **state)
{
	struct journals_fixture *fixture = *state;
	struct dps_journal_move move = { .from = id_old, .to = id_new, .from_file = 2 };

	put(fixture->journal, &id_old);
	stage(fixture->journal, 2, 0, 'y');
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_move_file(fixture->journal, &move), -ESTALE);
	assert_int_equal(dps_journal_commit(fixture->journal), -ESTALE);
	put(fixture->journal, &id_new);
	move.from_file = 3;
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_move_file(fixture->journal, &move), -ESTALE);
	assert_int_equal(dps_journal_commit(fixture->journal), -ESTALE);
	assert_int_equal(pieces_of(fixture->journal, &id_old, 2), 2);
	assert_int_equal(pieces_of(fixture->journal, &id_new, 0), 0);
}

static void has_staged__counts_what_may_have_its_name(void **state)
{
	struct journals_fixture *fixture = *state;
	const struct dps_journal_change change = { .index = 1,
						   .state = DPS_JOURNAL_FILE_PUBLISHING,
						   .size_bytes = DPS_JOURNAL_UNKNOWN };

	put(fixture->journal, &id_old);
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_change_files(fixture->journal, &id_old, &change, 1), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_int_equal(dps_journal_has_staged(fixture->journal, &id_old), 1);
}

static void change_files__that_begin_over_lose_their_pieces(void **state)
{
	struct journals_fixture *fixture = *state;
	const struct dps_journal_change change = { .index = 2,
						   .state = DPS_JOURNAL_FILE_OPEN,
						   .begins_over = true,
						   .size_bytes = DPS_JOURNAL_UNKNOWN };

	put(fixture->journal, &id_old);
	stage(fixture->journal, 1, 0, 'x');
	stage(fixture->journal, 2, 0, 'y');
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_change_files(fixture->journal, &id_old, &change, 1), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_int_equal(pieces_of(fixture->journal, &id_old, 1), 2);
	assert_int_equal(pieces_of(fixture->journal, &id_old, 2), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journals_set_up, journals_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read_staged__has_what_begins_at_its_start),
		TEST(move_file__takes_pieces_and_identity),
		TEST(move_file__of_what_is_not_listed_moves_nothing),
		TEST(has_staged__counts_what_may_have_its_name),
		TEST(change_files__that_begin_over_lose_their_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
