/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/journals.h"
#include <stdlib.h>
#include <string.h>

static const struct dps_transfer_id id_one = { { 1, 2, 3 } };

static void put_two_files(struct journals_fixture *fixture)
{
	const struct dps_journal_file files[] = {
		{ .index = 0, .path = "a", .path_bytes = 1, .state = DPS_JOURNAL_FILE_OPEN },
		{ .index = 1, .path = "b", .path_bytes = 1, .state = DPS_JOURNAL_FILE_OPEN },
	};

	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "a", 1);
	assert_int_equal(dps_journal_put_files(fixture->journal, &id_one, files, 2), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
}

static struct dps_digest digest_of(uint64_t piece, uint8_t version)
{
	struct dps_digest digest = { { version } };

	memcpy(digest.bytes + 8, &piece, sizeof(piece));
	return digest;
}

static void add(struct dps_journal *journal, uint32_t file, uint64_t first, size_t count,
		uint8_t version)
{
	struct dps_digest *digests = calloc(count + 1, sizeof(*digests));

	for (size_t i = 0; i < count; i++)
		digests[i] = digest_of(first + i, version);
	assert_int_equal(dps_journal_begin(journal), 0);
	assert_int_equal(dps_journal_add_pieces(journal, &id_one, file, first, digests, count), 0);
	assert_int_equal(dps_journal_commit(journal), 0);
	free(digests);
}

static uint64_t pieces_of(struct dps_journal *journal, uint32_t file)
{
	uint64_t count = 1234;

	assert_int_equal(dps_journal_count_pieces(journal, &id_one, file, &count), 0);
	return count;
}

struct expected_pieces {
	const uint8_t *versions;
	uint64_t next;
};

static int compare_pieces(void *context, uint64_t first, const struct dps_digest *digests,
			  size_t count)
{
	struct expected_pieces *expected = context;

	assert_int_equal(first, expected->next);
	assert_true(count > 0 && count <= DPS_JOURNAL_RUN_PIECES_MAX);
	for (size_t i = 0; i < count; i++) {
		uint64_t piece = first + i;
		struct dps_digest digest =
			digest_of(piece, expected->versions ? expected->versions[piece] : 1);

		assert_memory_equal(&digests[i], &digest, sizeof(digest));
	}
	expected->next += count;
	return 0;
}

/* versions: which writing each piece is of, NULL for 1. */
static void assert_pieces(struct dps_journal *journal, uint32_t file, const uint8_t *versions,
			  uint64_t count)
{
	struct expected_pieces expected = { versions, 0 };

	assert_int_equal(pieces_of(journal, file), count);
	assert_int_equal(dps_journal_read_pieces(journal, &id_one, file, compare_pieces, &expected),
			 0);
	assert_int_equal(expected.next, count);
}

static void pieces__come_back_in_order(void **state)
{
	struct journals_fixture *fixture = *state;

	assert_pieces(fixture->journal, 0, NULL, 0);
	put_two_files(fixture);
	add(fixture->journal, 0, 0, 3, 1);
	add(fixture->journal, 0, 3, 1, 1);
	add(fixture->journal, 0, 4, 3 * DPS_JOURNAL_RUN_PIECES_MAX + 1, 1);
	add(fixture->journal, 1, 0, 2, 1);
	add(fixture->journal, 1, 2, 0, 1);
	journals_reopen(fixture);
	assert_pieces(fixture->journal, 0, NULL, 5 + 3 * DPS_JOURNAL_RUN_PIECES_MAX);
	assert_pieces(fixture->journal, 1, NULL, 2);
}

static void count_pieces__ends_at_the_first_gap(void **state)
{
	struct journals_fixture *fixture = *state;

	put_two_files(fixture);
	add(fixture->journal, 0, 5, 5, 1);
	assert_pieces(fixture->journal, 0, NULL, 0);
	add(fixture->journal, 0, 0, 4, 1);
	assert_pieces(fixture->journal, 0, NULL, 4);
	add(fixture->journal, 0, 4, 1, 1);
	assert_pieces(fixture->journal, 0, NULL, 10);
}

/* Against a plain array, over every way in which runs can meet. */
static void add_pieces__the_last_writing_of_a_piece_counts(void **state)
{
	enum { PIECES = 24, WRITINGS = 200 };
	struct journals_fixture *fixture = *state;
	uint8_t versions[PIECES] = { 0 };
	unsigned int seed = 1;

	put_two_files(fixture);
	for (int i = 1; i <= WRITINGS; i++) {
		uint64_t first = (uint64_t)rand_r(&seed) % PIECES;
		size_t count = 1 + (size_t)rand_r(&seed) % (PIECES - first);
		uint64_t prefix = 0;

		add(fixture->journal, 0, first, count, (uint8_t)i);
		memset(versions + first, i, count);
		while (prefix < PIECES && versions[prefix] != 0)
			prefix++;
		assert_pieces(fixture->journal, 0, versions, prefix);
		if (i % 10 != 0)
			continue;
		assert_int_equal(dps_journal_begin(fixture->journal), 0);
		assert_int_equal(dps_journal_drop_pieces(fixture->journal, &id_one, 0), 0);
		assert_int_equal(dps_journal_commit(fixture->journal), 0);
		memset(versions, 0, sizeof(versions));
		assert_pieces(fixture->journal, 0, versions, 0);
	}
}

static void change_files__drops_the_pieces_of_settled_ones(void **state)
{
	static const uint8_t kept[] = { DPS_JOURNAL_FILE_WAITING, DPS_JOURNAL_FILE_OPEN,
					DPS_JOURNAL_FILE_PUBLISHING };
	static const uint8_t settled[] = { DPS_JOURNAL_FILE_STORED, DPS_JOURNAL_FILE_SAME,
					   DPS_JOURNAL_FILE_FAILED };
	struct journals_fixture *fixture = *state;

	put_two_files(fixture);
	add(fixture->journal, 1, 0, 2, 1);
	for (size_t i = 0; i < 3; i++) {
		struct dps_journal_change change = { .index = 0, .state = kept[i] };

		add(fixture->journal, 0, 0, 2, 1);
		assert_int_equal(dps_journal_begin(fixture->journal), 0);
		assert_int_equal(dps_journal_change_files(fixture->journal, &id_one, &change, 1),
				 0);
		assert_int_equal(pieces_of(fixture->journal, 0), 2);
		change.state = settled[i];
		assert_int_equal(dps_journal_change_files(fixture->journal, &id_one, &change, 1),
				 0);
		assert_int_equal(pieces_of(fixture->journal, 0), 0);
		assert_int_equal(dps_journal_commit(fixture->journal), 0);
	}
	assert_pieces(fixture->journal, 1, NULL, 2);
}

static void forget__takes_pieces_along(void **state)
{
	struct journals_fixture *fixture = *state;

	put_two_files(fixture);
	add(fixture->journal, 0, 0, 2, 1);
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_forget_transfer(fixture->journal, &id_one), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_pieces(fixture->journal, 0, NULL, 0);
}

#define CASE(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, journals_set_up, journals_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pieces__come_back_in_order),
		CASE(count_pieces__ends_at_the_first_gap),
		CASE(add_pieces__the_last_writing_of_a_piece_counts),
		CASE(change_files__drops_the_pieces_of_settled_ones),
		CASE(forget__takes_pieces_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
