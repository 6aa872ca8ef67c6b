/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/journals.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct dps_transfer_id id_one = { { 1, 2, 3 } }, id_two = { { 0xff, 0 } };

static int count_one(void *context, const struct dps_journal_transfer *transfer)
{
	(void)transfer;
	++*(int *)context;
	return 0;
}

static int transfers_of(struct dps_journal *journal)
{
	int count = 0;

	assert_int_equal(dps_journal_read_transfers(journal, count_one, &count), 0);
	return count;
}

static void transfers__come_back_as_they_were(void **state)
{
	static const char key[] = "10.0.0.1:7420\0/data/a\0/data/\xff";
	struct journals_fixture *fixture = *state;
	const struct dps_journal_transfer written = {
		.id = id_one,
		.key = key,
		.key_bytes = sizeof(key),
		.chunk_bytes = UINT32_MAX,
		.total_files = 10000,
		.total_bytes = INT64_MAX,
		.has_last = true,
		.state = DPS_JOURNAL_TRANSFER_CANCELLED,
		.created_at_s = -5,
		.touched_at_s = INT64_MAX,
	};
	struct dps_journal_transfer read;

	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_put_transfer(fixture->journal, &written), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	journals_reopen(fixture);
	for (int i = 0; i < 2; i++) {
		memset(&read, 0xee, sizeof(read));
		if (i == 0)
			assert_int_equal(
				dps_journal_find_transfer(fixture->journal, &id_one, &read), 0);
		else
			assert_int_equal(
				dps_journal_find_key(fixture->journal, key, sizeof(key), &read), 0);
		assert_memory_equal(&read.id, &written.id, sizeof(read.id));
		assert_int_equal(read.key_bytes, sizeof(key));
		assert_memory_equal(read.key, key, sizeof(key));
		assert_int_equal(read.chunk_bytes, written.chunk_bytes);
		assert_int_equal(read.total_files, written.total_files);
		assert_int_equal(read.total_bytes, written.total_bytes);
		assert_true(read.has_last);
		assert_int_equal(read.state, written.state);
		assert_int_equal(read.created_at_s, written.created_at_s);
		assert_int_equal(read.touched_at_s, written.touched_at_s);
	}
}

static void transfers__may_have_unknown_totals_and_no_key(void **state)
{
	struct journals_fixture *fixture = *state;
	struct dps_journal_transfer read;

	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "", 7);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_int_equal(dps_journal_find_key(fixture->journal, NULL, 0, &read), 0);
	assert_int_equal(read.key_bytes, 0);
	assert_true(read.total_files == DPS_JOURNAL_UNKNOWN);
	assert_true(read.total_bytes == DPS_JOURNAL_UNKNOWN);
	assert_false(read.has_last);
}

static void find__says_what_is_not_there(void **state)
{
	struct journals_fixture *fixture = *state;
	struct dps_journal_transfer read;

	assert_int_equal(dps_journal_find_transfer(fixture->journal, &id_one, &read), -ENOENT);
	assert_int_equal(dps_journal_find_key(fixture->journal, "x", 1, &read), -ENOENT);
	assert_int_equal(transfers_of(fixture->journal), 0);
}

static void find_key__takes_the_one_touched_last(void **state)
{
	struct journals_fixture *fixture = *state;
	struct dps_journal_transfer read;

	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "key", 10);
	journals_put_transfer(fixture->journal, &id_two, "key", 20);
	assert_int_equal(dps_journal_find_key(fixture->journal, "key", 3, &read), 0);
	assert_memory_equal(&read.id, &id_two, sizeof(id_two));
	assert_int_equal(dps_journal_touch_transfer(fixture->journal, &id_one, 30), 0);
	assert_int_equal(dps_journal_find_key(fixture->journal, "key", 3, &read), 0);
	assert_memory_equal(&read.id, &id_one, sizeof(id_one));
	assert_int_equal(read.touched_at_s, 30);
	assert_int_equal(dps_journal_find_key(fixture->journal, "ke", 2, &read), -ENOENT);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_int_equal(transfers_of(fixture->journal), 2);
}

static int stop_at_once(void *context, const struct dps_journal_transfer *transfer)
{
	(void)transfer;
	++*(int *)context;
	return 42;
}

static void read_transfers__ends_when_the_callback_says_so(void **state)
{
	struct journals_fixture *fixture = *state;
	int count = 0;

	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "a", 1);
	journals_put_transfer(fixture->journal, &id_two, "b", 2);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_int_equal(dps_journal_read_transfers(fixture->journal, stop_at_once, &count), 42);
	assert_int_equal(count, 1);
}

static void roll_back__leaves_nothing(void **state)
{
	struct journals_fixture *fixture = *state;

	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "a", 1);
	dps_journal_roll_back(fixture->journal);
	assert_int_equal(transfers_of(fixture->journal), 0);
	dps_journal_roll_back(fixture->journal);

	/* Closed without a commit. */
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_two, "a", 1);
	assert_int_equal(transfers_of(fixture->journal), 1);
	journals_reopen(fixture);
	assert_int_equal(transfers_of(fixture->journal), 0);
}

static void commit__refuses_what_a_failed_write_left_half(void **state)
{
	struct journals_fixture *fixture = *state;
	const struct dps_journal_file file = { .path = "x",
					       .path_bytes = 1,
					       .state = DPS_JOURNAL_FILE_OPEN };

	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "a", 1);
	assert_int_equal(dps_journal_put_files(fixture->journal, &id_two, &file, 1), -ESTALE);
	assert_int_equal(dps_journal_commit(fixture->journal), -ESTALE);
	assert_non_null(strstr(dps_journal_trouble(fixture->journal), "unknown transfer"));
	assert_int_equal(transfers_of(fixture->journal), 0);
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "a", 1);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_int_equal(transfers_of(fixture->journal), 1);
}

static void put__takes_the_longest_key(void **state)
{
	struct journals_fixture *fixture = *state;
	char *key = malloc(DPS_JOURNAL_KEY_BYTES_MAX);
	struct dps_journal_transfer transfer = {
		.key = key,
		.key_bytes = DPS_JOURNAL_KEY_BYTES_MAX,
		.chunk_bytes = 1,
		.state = DPS_JOURNAL_TRANSFER_ACTIVE,
	};

	memset(key, 'k', DPS_JOURNAL_KEY_BYTES_MAX);
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_put_transfer(fixture->journal, &transfer), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	journals_reopen(fixture);
	assert_int_equal(
		dps_journal_find_key(fixture->journal, key, DPS_JOURNAL_KEY_BYTES_MAX, &transfer),
		0);
	assert_int_equal(transfer.key_bytes, DPS_JOURNAL_KEY_BYTES_MAX);
	free(key);
}

static void forget__may_be_said_twice(void **state)
{
	struct journals_fixture *fixture = *state;

	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "a", 1);
	journals_put_transfer(fixture->journal, &id_two, "b", 1);
	assert_int_equal(dps_journal_forget_transfer(fixture->journal, &id_one), 0);
	assert_int_equal(dps_journal_forget_transfer(fixture->journal, &id_one), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_int_equal(transfers_of(fixture->journal), 1);
}

/* In place of the library's, also for SQLite's own calls. */
static unsigned int syncs;
static int sync_error;

int fdatasync(int fd)
{
	syncs++;
	errno = sync_error;
	return sync_error != 0 ? -1 : fsync(fd);
}

static void commit__costs_one_sync(void **state)
{
	struct journals_fixture *fixture = *state;

	for (int i = 0; i < 5; i++) {
		syncs = 0;
		assert_int_equal(dps_journal_begin(fixture->journal), 0);
		journals_put_transfer(fixture->journal, &id_one, "a", i);
		journals_put_transfer(fixture->journal, &id_two, "b", i);
		assert_int_equal(syncs, 0);
		assert_int_equal(dps_journal_commit(fixture->journal), 0);
		/* The first one has the WAL's header and its folder to sync as well. */
		assert_int_equal(syncs, i == 0 ? 3 : 1);
	}
}

static void commit__costs_no_sync_in_a_mirror(void **state)
{
	struct journals_fixture *fixture = *state;
	const struct dps_journal_config config = {
		.folder_fd = fixture->disk.fd,
		.folder = fixture->disk.path,
		.name = "mirror",
		.sync = DPS_JOURNAL_SYNC_NORMAL,
	};
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	struct dps_journal *mirror;

	assert_int_equal(dps_journal_open(&mirror, &config, sentence), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(dps_journal_begin(mirror), 0);
		journals_put_transfer(mirror, &id_one, "a", i);
		syncs = 0;
		assert_int_equal(dps_journal_commit(mirror), 0);
		/* But for a new WAL, whose header and folder are synced. */
		assert_int_equal(syncs, i == 0 ? 2 : 0);
	}
	dps_journal_close(mirror);
}

static void commit__says_that_the_disk_failed(void **state)
{
	static const struct {
		int error;
		int expected;
		const char *sentence;
	} failures[] = { { EIO, -EIO, "the disk" },
			 { ENOSPC, -ENOSPC, "no space" },
			 { EDQUOT, -ENOSPC, "no space" } };
	struct journals_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		assert_int_equal(dps_journal_begin(fixture->journal), 0);
		journals_put_transfer(fixture->journal, &id_one, "a", 1);
		sync_error = failures[i].error;
		assert_int_equal(dps_journal_commit(fixture->journal), failures[i].expected);
		sync_error = 0;
		assert_non_null(
			strstr(dps_journal_trouble(fixture->journal), failures[i].sentence));
		assert_int_equal(transfers_of(fixture->journal), 0);
	}
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "a", 1);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_int_equal(transfers_of(fixture->journal), 1);
}

#define CASE(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, journals_set_up, journals_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(transfers__come_back_as_they_were),
		CASE(transfers__may_have_unknown_totals_and_no_key),
		CASE(find__says_what_is_not_there),
		CASE(find_key__takes_the_one_touched_last),
		CASE(read_transfers__ends_when_the_callback_says_so),
		CASE(roll_back__leaves_nothing),
		CASE(commit__refuses_what_a_failed_write_left_half),
		CASE(put__takes_the_longest_key),
		CASE(forget__may_be_said_twice),
		CASE(commit__costs_one_sync),
		CASE(commit__costs_no_sync_in_a_mirror),
		CASE(commit__says_that_the_disk_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
