/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/journals.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct dps_transfer_id id_one = { { 1, 2, 3 } }, id_two = { { 0xff, 0 } };

static const struct dps_journal_file full_file = {
	.index = 0,
	.path = "a\0b\xff/c",
	.path_bytes = 6,
	.size_bytes = INT64_MAX,
	.mtime_ns = -1,
	.mode = 0100644,
	.state = DPS_JOURNAL_FILE_FAILED,
	.has_identity = true,
	.has_head = true,
	.has_digest = true,
	.device = UINT64_MAX,
	.inode = UINT64_MAX - 1,
	.head = { { 1, 0, 1 } },
	.digest = { { 2, 0, 2 } },
	.error_code = "identity_changed",
	.error_text = "it has grown",
};

static const struct dps_journal_file bare_file = {
	.index = 1,
	.path = "folder",
	.path_bytes = 6,
	.size_bytes = DPS_JOURNAL_UNKNOWN,
	.is_folder = true,
	.state = DPS_JOURNAL_FILE_WAITING,
};

static void assert_same_text(const char *one, const char *other)
{
	assert_int_equal(one == NULL, other == NULL);
	if (one != NULL)
		assert_string_equal(one, other);
}

static void assert_same_file(const struct dps_journal_file *one,
			     const struct dps_journal_file *other)
{
	assert_int_equal(one->index, other->index);
	assert_int_equal(one->path_bytes, other->path_bytes);
	assert_memory_equal(one->path, other->path, one->path_bytes);
	assert_true(one->size_bytes == other->size_bytes);
	assert_int_equal(one->mtime_ns, other->mtime_ns);
	assert_int_equal(one->mode, other->mode);
	assert_int_equal(one->is_folder, other->is_folder);
	assert_int_equal(one->state, other->state);
	assert_int_equal(one->has_identity, other->has_identity);
	assert_int_equal(one->has_head, other->has_head);
	assert_int_equal(one->has_digest, other->has_digest);
	assert_true(one->device == other->device && one->inode == other->inode);
	assert_memory_equal(&one->head, &other->head, sizeof(one->head));
	assert_memory_equal(&one->digest, &other->digest, sizeof(one->digest));
	assert_same_text(one->error_code, other->error_code);
	assert_same_text(one->error_text, other->error_text);
}

struct expected_files {
	const struct dps_journal_file *files;
	size_t count;
	size_t seen;
};

static int compare_file(void *context, const struct dps_journal_file *file)
{
	struct expected_files *expected = context;

	assert_true(expected->seen < expected->count);
	assert_same_file(file, &expected->files[expected->seen++]);
	return 0;
}

static void assert_files(struct dps_journal *journal, const struct dps_transfer_id *id,
			 uint32_t first, const struct dps_journal_file *files, size_t count)
{
	struct expected_files expected = { files, count, 0 };

	assert_int_equal(dps_journal_read_files(journal, id, first, compare_file, &expected), 0);
	assert_int_equal(expected.seen, count);
}

static void put_two_files(struct journals_fixture *fixture)
{
	const struct dps_journal_file files[] = { full_file, bare_file };

	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "a", 1);
	assert_int_equal(dps_journal_put_files(fixture->journal, &id_one, files, 2), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
}

static void files__come_back_as_they_were(void **state)
{
	const struct dps_journal_file files[] = { full_file, bare_file };
	struct journals_fixture *fixture = *state;

	put_two_files(fixture);
	journals_reopen(fixture);
	assert_files(fixture->journal, &id_one, 0, files, 2);
	assert_files(fixture->journal, &id_one, 1, files + 1, 1);
	assert_files(fixture->journal, &id_one, 2, NULL, 0);
	assert_files(fixture->journal, &id_two, 0, NULL, 0);
}

static void put_files__replaces_and_appends_and_leaves_no_gap(void **state)
{
	struct journals_fixture *fixture = *state;
	struct dps_journal_file files[] = { full_file, bare_file, bare_file };

	put_two_files(fixture);
	files[1].state = DPS_JOURNAL_FILE_OPEN;
	files[2].index = 2;
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_put_files(fixture->journal, &id_one, files + 1, 2), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_files(fixture->journal, &id_one, 0, files, 3);

	files[2].index = 4;
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_put_files(fixture->journal, &id_one, files + 2, 1), -ESTALE);
	dps_journal_roll_back(fixture->journal);
}

static void put_transfer__keeps_its_files(void **state)
{
	const struct dps_journal_file files[] = { full_file, bare_file };
	struct journals_fixture *fixture = *state;

	put_two_files(fixture);
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "other", 2);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	assert_files(fixture->journal, &id_one, 0, files, 2);
}

static void put__refuses_what_is_too_long(void **state)
{
	static char longest[DPS_JOURNAL_PATH_BYTES_MAX + 1];
	struct journals_fixture *fixture = *state;
	struct dps_journal_file file = bare_file;
	struct dps_journal_transfer transfer = {
		.key = longest,
		.key_bytes = (size_t)DPS_JOURNAL_KEY_BYTES_MAX + 1,
		.chunk_bytes = 1,
		.state = DPS_JOURNAL_TRANSFER_ACTIVE,
	};

	memset(longest, 'x', sizeof(longest) - 1);
	file.index = 0;
	for (int i = 0; i < 4; i++) {
		file.path = longest;
		file.path_bytes = i == 0   ? 0
				  : i == 1 ? DPS_JOURNAL_PATH_BYTES_MAX + 1
					   : DPS_JOURNAL_PATH_BYTES_MAX;
		file.error_text = i == 2 ? longest : NULL;
		assert_int_equal(dps_journal_begin(fixture->journal), 0);
		journals_put_transfer(fixture->journal, &id_one, "a", 1);
		assert_int_equal(dps_journal_put_files(fixture->journal, &id_one, &file, 1),
				 i == 3 ? 0 : -EMSGSIZE);
		dps_journal_roll_back(fixture->journal);
	}
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_put_transfer(fixture->journal, &transfer), -EMSGSIZE);
	dps_journal_roll_back(fixture->journal);
}

static void change_files__writes_what_is_said_and_leaves_the_rest(void **state)
{
	struct journals_fixture *fixture = *state;
	struct dps_journal_file files[] = { full_file, bare_file };
	const struct dps_journal_change changes[] = {
		{ .index = 1,
		  .state = DPS_JOURNAL_FILE_PUBLISHING,
		  .has_identity = true,
		  .has_head = true,
		  .has_digest = true,
		  .size_bytes = 77,
		  .device = 5,
		  .inode = 6,
		  .head = { { 7 } },
		  .digest = { { 8 } },
		  .error_code = "limit" },
		{ .index = 0, .state = DPS_JOURNAL_FILE_OPEN, .size_bytes = DPS_JOURNAL_UNKNOWN },
	};

	put_two_files(fixture);
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_change_files(fixture->journal, &id_one, changes, 2), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	files[0].state = DPS_JOURNAL_FILE_OPEN;
	files[0].error_code = files[0].error_text = NULL;
	files[1].state = DPS_JOURNAL_FILE_PUBLISHING;
	files[1].has_identity = files[1].has_head = files[1].has_digest = true;
	files[1].size_bytes = 77;
	files[1].device = 5;
	files[1].inode = 6;
	files[1].head = changes[0].head;
	files[1].digest = changes[0].digest;
	files[1].error_code = "limit";
	journals_reopen(fixture);
	assert_files(fixture->journal, &id_one, 0, files, 2);
}

static void change_files__what_is_said_last_counts(void **state)
{
	struct journals_fixture *fixture = *state;
	struct dps_journal_file file = full_file;
	struct dps_journal_change change = {
		.state = DPS_JOURNAL_FILE_PUBLISHING,
		.has_identity = true,
		.has_head = true,
		.has_digest = true,
		.size_bytes = file.size_bytes - 1,
		.device = file.device - 1,
		.inode = file.inode + 1,
		.head = { { 17 } },
		.digest = { { 18 } },
	};

	put_two_files(fixture);
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_change_files(fixture->journal, &id_one, &change, 1), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	file.state = change.state;
	file.size_bytes = change.size_bytes;
	file.device = change.device;
	file.inode = change.inode;
	file.head = change.head;
	file.digest = change.digest;
	file.error_code = file.error_text = NULL;
	assert_files(fixture->journal, &id_one, 0, (struct dps_journal_file[]){ file, bare_file },
		     2);
}

static void change_files__knows_only_what_was_listed(void **state)
{
	struct journals_fixture *fixture = *state;
	const struct dps_journal_change change = { .index = 2, .state = DPS_JOURNAL_FILE_OPEN };

	put_two_files(fixture);
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_change_files(fixture->journal, &id_one, &change, 1), -ESTALE);
	dps_journal_roll_back(fixture->journal);
}

static void forget__takes_files_along(void **state)
{
	struct journals_fixture *fixture = *state;

	put_two_files(fixture);
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_two, "b", 1);
	assert_int_equal(dps_journal_put_files(fixture->journal, &id_two, &full_file, 1), 0);
	assert_int_equal(dps_journal_forget_transfer(fixture->journal, &id_one), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	journals_reopen(fixture);
	assert_files(fixture->journal, &id_one, 0, NULL, 0);
	assert_files(fixture->journal, &id_two, 0, &full_file, 1);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int skip_file(void *context, const struct dps_journal_file *file)
{
	(void)file;
	++*(uint32_t *)context;
	return 0;
}

/* Measured in the thread's own time: this machine may be busy with others. */
static void put_files__takes_ten_thousand_quickly(void **state)
{
	enum { FILES = 10000 };
	struct journals_fixture *fixture = *state;
	struct dps_journal_file *files = calloc(FILES, sizeof(*files));
	struct dps_journal_change *changes = calloc(FILES, sizeof(*changes));
	double begin = seconds_now(), put, changed, read;
	uint32_t count = 0;

	for (uint32_t i = 0; i < FILES; i++) {
		files[i] = full_file;
		files[i].index = i;
		files[i].path = "captures/2024-01-01/eth0/dump-0000000000.pcap";
		files[i].path_bytes = 45;
		changes[i] =
			(struct dps_journal_change){ .index = i, .state = DPS_JOURNAL_FILE_STORED };
	}
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	journals_put_transfer(fixture->journal, &id_one, "a", 1);
	assert_int_equal(dps_journal_put_files(fixture->journal, &id_one, files, FILES), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	put = seconds_now();
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_change_files(fixture->journal, &id_one, changes, FILES), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	changed = seconds_now();
	assert_int_equal(dps_journal_read_files(fixture->journal, &id_one, 0, skip_file, &count),
			 0);
	read = seconds_now();
	assert_int_equal(count, FILES);
	print_message("%d files: put %.0f ms, changed %.0f ms, read %.0f ms\n", FILES,
		      1e3 * (put - begin), 1e3 * (changed - put), 1e3 * (read - changed));
	/* Sanitizers slow it down tenfold; an insert without its transaction, a thousandfold. */
	assert_true(put - begin < 2);
	free(files);
	free(changes);
}

#define CASE(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, journals_set_up, journals_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(files__come_back_as_they_were),
		CASE(put_files__replaces_and_appends_and_leaves_no_gap),
		CASE(put_transfer__keeps_its_files),
		CASE(put__refuses_what_is_too_long),
		CASE(change_files__writes_what_is_said_and_leaves_the_rest),
		CASE(change_files__what_is_said_last_counts),
		CASE(change_files__knows_only_what_was_listed),
		CASE(forget__takes_files_along),
		CASE(put_files__takes_ten_thousand_quickly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
