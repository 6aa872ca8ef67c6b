/* SPDX-License-Identifier: BSD-3-Clause */
/* Journals that others wrote or edited, and what is no journal at all. */
#include "tests/support/cmocka.h"
#include "tests/support/journals.h"
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct dps_transfer_id id = { { 7 } };

/* What another program does to it. */
static void edit(const struct scratch *disk, const char *sql)
{
	sqlite3 *db;
	char path[300];

	snprintf(path, sizeof(path), "%s/" JOURNALS_NAME, disk->path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA ignore_check_constraints=ON", 0, 0, 0),
			 SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void fill(struct dps_journal *journal)
{
	const struct dps_digest digests[4] = { { { 1 } }, { { 2 } } };
	const struct dps_journal_file files[] = {
		{ .index = 0, .path = "a", .path_bytes = 1, .state = DPS_JOURNAL_FILE_OPEN },
		{ .index = 1, .path = "b", .path_bytes = 1, .state = DPS_JOURNAL_FILE_OPEN },
	};

	assert_int_equal(dps_journal_begin(journal), 0);
	journals_put_transfer(journal, &id, "key", 1);
	assert_int_equal(dps_journal_put_files(journal, &id, files, 2), 0);
	assert_int_equal(dps_journal_add_pieces(journal, &id, 0, 0, digests, 2), 0);
	assert_int_equal(dps_journal_add_pieces(journal, &id, 0, 2, digests, 2), 0);
	assert_int_equal(dps_journal_commit(journal), 0);
}

/* Refused with that error and these words, and no byte of it changed. */
static void assert_refused(const struct scratch *disk, int error, const char *words)
{
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	struct dps_journal *journal = NULL;
	size_t before_bytes = 0, after_bytes = 0;
	uint8_t *before = scratch_read(disk, JOURNALS_NAME, &before_bytes), *after;

	assert_int_equal(journals_try(disk, &journal, sentence), error);
	assert_null(journal);
	if (strstr(sentence, words) == NULL || strstr(sentence, disk->path) == NULL)
		fail_msg("no \"%s\" in: %s", words, sentence);
	if (strchr(sentence, '\n') != NULL)
		fail_msg("more than one line: %s", sentence);
	after = scratch_read(disk, JOURNALS_NAME, &after_bytes);
	assert_int_equal(before == NULL, after == NULL);
	assert_int_equal(before_bytes, after_bytes);
	if (before != NULL)
		assert_memory_equal(before, after, before_bytes);
	free(before);
	free(after);
}

static void open__refuses_what_we_did_not_write(void **state)
{
	static const struct {
		const char *sql;
		int error;
		const char *words;
	} edits[] = {
		{ "PRAGMA user_version=2", -EPROTONOSUPPORT, "newer version" },
		{ "PRAGMA user_version=0", -EUCLEAN, "no format" },
		{ "PRAGMA user_version=-1", -EUCLEAN, "no format" },
		{ "PRAGMA application_id=5", -EUCLEAN, "another program" },
		{ "INSERT INTO pieces VALUES(x'00',0,0,zeroblob(16))", -EUCLEAN, "CHECK" },
		{ "DROP TABLE pieces", -EUCLEAN, "tables" },
		{ "CREATE TABLE notes(x)", -EUCLEAN, "tables" },
		{ "ALTER TABLE files ADD COLUMN x INTEGER", -EUCLEAN, "tables" },
		{ "CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM pieces; END", -EUCLEAN,
		  "tables" },
		{ "PRAGMA journal_mode=DELETE;PRAGMA page_size=1024;VACUUM", -EUCLEAN, "" },
	};

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct journals_fixture *fixture;

		journals_set_up(state);
		fixture = *state;
		fill(fixture->journal);
		dps_journal_close(fixture->journal);
		fixture->journal = NULL;
		edit(&fixture->disk, edits[i].sql);
		assert_refused(&fixture->disk, edits[i].error, edits[i].words);
		journals_tear_down(state);
	}
}

static int ignore_transfer(void *context, const struct dps_journal_transfer *transfer)
{
	(void)context;
	(void)transfer;
	return 0;
}

static int ignore_file(void *context, const struct dps_journal_file *file)
{
	(void)context;
	(void)file;
	return 0;
}

static int ignore_pieces(void *context, uint64_t first, const struct dps_digest *digests,
			 size_t count)
{
	(void)context;
	(void)first;
	(void)digests;
	(void)count;
	return 0;
}

/* The first error of reading everything. */
static int read_all(struct dps_journal *journal)
{
	uint64_t count;
	int err = dps_journal_read_transfers(journal, ignore_transfer, NULL);

	if (err == 0)
		err = dps_journal_read_files(journal, &id, 0, ignore_file, NULL);
	if (err == 0)
		err = dps_journal_read_pieces(journal, &id, 0, ignore_pieces, NULL);
	if (err != 0)
		return err;
	return dps_journal_count_pieces(journal, &id, 0, &count);
}

static void read__refuses_rows_that_we_did_not_write(void **state)
{
	static const char *const edits[] = {
		"UPDATE transfers SET id=x'00'",
		"UPDATE transfers SET key=zeroblob(4194305)",
		"UPDATE transfers SET key=zeroblob(20000000)",
		"UPDATE transfers SET chunk_bytes=0",
		"UPDATE transfers SET chunk_bytes=4294967296",
		"UPDATE transfers SET total_files=-2",
		"UPDATE transfers SET total_bytes=-9223372036854775808",
		"UPDATE transfers SET has_last=2",
		"UPDATE transfers SET state=0",
		"UPDATE transfers SET state=4",
		"UPDATE files SET number=-1 WHERE number=0",
		"UPDATE files SET number=5 WHERE number=1",
		"UPDATE files SET number=4294967296 WHERE number=1",
		"DELETE FROM files WHERE number=0",
		"UPDATE files SET path=x''",
		"UPDATE files SET path=zeroblob(4097)",
		"UPDATE files SET size_bytes=-1",
		"UPDATE files SET mode=-1",
		"UPDATE files SET is_folder=7",
		"UPDATE files SET state=0",
		"UPDATE files SET state=7",
		"UPDATE files SET device=1",
		"UPDATE files SET inode=1",
		"UPDATE files SET head=x'01'",
		"UPDATE files SET digest=zeroblob(17)",
		"UPDATE files SET error_code=CAST(x'610062' AS TEXT)",
		"UPDATE files SET error_text=CAST(zeroblob(1025) AS TEXT)",
		"UPDATE pieces SET digests=x''",
		"UPDATE pieces SET digests=x'00'",
		"UPDATE pieces SET digests=zeroblob(33)",
		"UPDATE pieces SET digests=zeroblob(16*4097)",
		"UPDATE pieces SET first=-1 WHERE first=0",
		"UPDATE pieces SET first=1 WHERE first=2",
		"UPDATE pieces SET first=9223372036854775807 WHERE first=2",
	};

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct journals_fixture *fixture;
		char sentence[DPS_JOURNAL_SENTENCE_BYTES];
		int err;

		journals_set_up(state);
		fixture = *state;
		fill(fixture->journal);
		assert_int_equal(read_all(fixture->journal), 0);
		edit(&fixture->disk, edits[i]);
		err = read_all(fixture->journal);
		if (err != -EUCLEAN ||
		    strstr(dps_journal_trouble(fixture->journal), "damaged") == NULL)
			fail_msg("%s: %d", edits[i], err);
		dps_journal_close(fixture->journal);
		fixture->journal = NULL;

		/* The same when it was edited before. */
		err = journals_try(&fixture->disk, &fixture->journal, sentence);
		if (err == 0)
			err = read_all(fixture->journal);
		if (err != -EUCLEAN)
			fail_msg("opened, %s: %d", edits[i], err);
		journals_tear_down(state);
	}
}

static void open__refuses_what_is_no_file_of_its_folder(void **state)
{
	static const char *const names[] = { JOURNALS_NAME, JOURNALS_NAME "-wal",
					     JOURNALS_NAME "-shm" };
	struct scratch disk;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		scratch_create(&disk, SCRATCH_DISK);
		scratch_write(&disk, "elsewhere", "x", 1);
		assert_int_equal(symlinkat("elsewhere", disk.fd, names[i]), 0);
		assert_refused(&disk, -ELOOP, "symlink");
		assert_int_equal(unlinkat(disk.fd, names[i], 0), 0);
		assert_int_equal(symlinkat("nowhere", disk.fd, names[i]), 0);
		assert_refused(&disk, -ELOOP, "symlink");
		assert_int_equal(unlinkat(disk.fd, names[i], 0), 0);
		assert_int_equal(mkfifoat(disk.fd, names[i], 0600), 0);
		{
			char sentence[DPS_JOURNAL_SENTENCE_BYTES];
			struct dps_journal *journal;

			assert_int_equal(journals_try(&disk, &journal, sentence), -EINVAL);
			assert_non_null(strstr(sentence, "move it away"));
		}
		scratch_remove(&disk);
	}
	scratch_create(&disk, SCRATCH_DISK);
	scratch_write(&disk, JOURNALS_NAME, "This is no database.", 20);
	assert_refused(&disk, -EUCLEAN, "damaged");
	scratch_remove(&disk);
	scratch_create(&disk, SCRATCH_DISK);
	{
		char *text = calloc(1, 8192);

		memset(text, 'x', 8192);
		scratch_write(&disk, JOURNALS_NAME, text, 8192);
		free(text);
	}
	assert_refused(&disk, -EUCLEAN, "damaged");
	scratch_remove(&disk);
}

static void open__says_in_one_line_that_pages_are_damaged(void **state)
{
	struct journals_fixture *fixture;
	size_t bytes = 0;
	uint8_t *file;

	journals_set_up(state);
	fixture = *state;
	fill(fixture->journal);
	dps_journal_close(fixture->journal);
	fixture->journal = NULL;
	file = scratch_read(&fixture->disk, JOURNALS_NAME, &bytes);
	assert_true(bytes > 4096);
	memset(file + 4096, 0xa5, bytes - 4096);
	scratch_write(&fixture->disk, JOURNALS_NAME, file, bytes);
	free(file);
	assert_refused(&fixture->disk, -EUCLEAN, "damaged");
	journals_tear_down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__says_in_one_line_that_pages_are_damaged),
		cmocka_unit_test(open__refuses_what_we_did_not_write),
		cmocka_unit_test(read__refuses_rows_that_we_did_not_write),
		cmocka_unit_test(open__refuses_what_is_no_file_of_its_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
