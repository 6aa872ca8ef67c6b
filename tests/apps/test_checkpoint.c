/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/checkpoint.h"
#include "apps/dpdk-streamd/file_opening.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	struct scratch disk;
	struct dps_staging staging;
	struct dps_staging_folder folder;
	struct dps_journal *journal;
	struct dps_file_opening opening;
	struct dps_checkpoint checkpoint;
};

static struct dps_journal *open_journal(struct fixture *fixture)
{
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	struct dps_journal *journal;

	assert_int_equal(dps_journal_open(&journal,
					  &(struct dps_journal_config){
						  .folder_fd = fixture->staging.stage_fd,
						  .folder = fixture->disk.path,
						  .name = "journal",
						  .sync = DPS_JOURNAL_SYNC_FULL,
						  .busy_ms = 50,
					  },
					  sentence),
			 0);
	return journal;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_staging_config config = { 0 };
	char sentence[DPS_STAGING_SENTENCE_BYTES];

	scratch_create(&fixture->disk, SCRATCH_DISK);
	config.into = fixture->disk.path;
	assert_int_equal(dps_staging_open(&fixture->staging, &config, sentence), 0);
	fixture->journal = open_journal(fixture);
	fixture->folder = (struct dps_staging_folder){ .id = { { 7 } }, .fd = -1 };
	fixture->opening.staging = fixture->checkpoint.staging = &fixture->staging;
	fixture->opening.folder = fixture->checkpoint.folder = &fixture->folder;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->folder.fd >= 0)
		dps_staging_close_folder(&fixture->folder);
	dps_checkpoint_fini(&fixture->checkpoint);
	dps_journal_close(fixture->journal);
	dps_staging_close(&fixture->staging);
	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

/* Opens staged files 0 to count - 1; each gets one byte. */
static void open_files(struct fixture *fixture, uint32_t count)
{
	fixture->opening.count = count;
	for (uint32_t i = 0; i < count; i++)
		fixture->opening.items[i] =
			(struct dps_file_opening_item){ .file = i, .size_bytes = 1 };
	dps_file_opening_run(&fixture->opening.job);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(fixture->opening.items[i].error, 0);
		assert_int_equal(pwrite(fixture->opening.items[i].staged.fd, "x", 1, 0), 1);
	}
}

static struct dps_checkpoint_item *add(struct fixture *fixture, uint32_t file,
				       enum dps_checkpoint_wish wish, const char *name)
{
	struct dps_checkpoint *checkpoint = &fixture->checkpoint;
	struct dps_checkpoint_item *item;

	assert_int_equal(dps_checkpoint_reserve(checkpoint, 64), 0);
	item = &checkpoint->items[checkpoint->count++];
	*item = (struct dps_checkpoint_item){
		.name = name,
		.size_bytes = 1,
		.mtime_ns = 1000000007,
		.wish = (uint8_t)wish,
		.staged = fixture->opening.items[file].staged,
	};
	return item;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_there(struct fixture *fixture, const char *name)
{
	return faccessat(fixture->disk.fd, name, F_OK, 0) == 0;
}

static void run__publishes_what_is_whole(void **state)
{
	struct fixture *fixture = *state;
	struct dps_checkpoint_item *item;
	struct stat status;

	open_files(fixture, 2);
	item = add(fixture, 0, DPS_CHECKPOINT_PUBLISH, "tree/one");
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_int_equal(item->error, 0);
	assert_int_equal(fstatat(fixture->disk.fd, "tree/one", &status, 0), 0);
	assert_int_equal(status.st_size, 1);
	assert_int_equal(status.st_mtim.tv_sec, 1);
	assert_int_equal(status.st_mtim.tv_nsec, 7);
	assert_false(is_open(fixture->opening.items[0].staged.fd));
	close(fixture->opening.items[1].staged.fd);
}

static void run__leaves_what_grows_open(void **state)
{
	struct fixture *fixture = *state;
	uint64_t syncs = fixture->staging.counters.file_syncs;

	open_files(fixture, 1);
	add(fixture, 0, DPS_CHECKPOINT_SYNC, "one");
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_true(is_open(fixture->opening.items[0].staged.fd));
	assert_int_equal(fixture->staging.counters.file_syncs, syncs + 1);
	assert_false(is_there(fixture, "one"));
	close(fixture->opening.items[0].staged.fd);
}

static void run__removes_what_failed(void **state)
{
	struct fixture *fixture = *state;

	open_files(fixture, 1);
	add(fixture, 0, DPS_CHECKPOINT_DROP, "one");
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_false(is_open(fixture->opening.items[0].staged.fd));
	assert_int_equal(faccessat(fixture->folder.fd, "0", F_OK, 0), -1);
	assert_false(is_there(fixture, "one"));
}

static void run__makes_folders(void **state)
{
	struct fixture *fixture = *state;
	struct dps_checkpoint_item *item = add(fixture, 0, DPS_CHECKPOINT_PUBLISH, "a/b");

	item->is_folder = true;
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_int_equal(item->error, 0);
	assert_true(is_there(fixture, "a/b"));
}

static void run__says_which_name_was_taken(void **state)
{
	struct fixture *fixture = *state;
	struct dps_checkpoint_item *first, *second;
	size_t bytes;
	uint8_t *content;

	scratch_write(&fixture->disk, "one", "old", 3);
	open_files(fixture, 2);
	first = add(fixture, 0, DPS_CHECKPOINT_PUBLISH, "one");
	second = add(fixture, 1, DPS_CHECKPOINT_PUBLISH, "two");
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_int_equal(first->error, -EEXIST);
	assert_int_equal(second->error, 0);
	assert_true(is_there(fixture, "two"));
	content = scratch_read(&fixture->disk, "one", &bytes);
	assert_int_equal(bytes, 3);
	free(content);
	assert_int_equal(faccessat(fixture->folder.fd, "0", F_OK, 0), -1);
}

static void run__syncs_many_files_at_once(void **state)
{
	struct fixture *fixture = *state;
	static char names[60][16];
	struct dps_staging_counters before = fixture->staging.counters;

	open_files(fixture, 60);
	for (uint32_t i = 0; i < 60; i++) {
		snprintf(names[i], sizeof(names[i]), "tree/%u", i);
		add(fixture, i, DPS_CHECKPOINT_PUBLISH, names[i]);
	}
	dps_checkpoint_run(&fixture->checkpoint.job);
	for (uint32_t i = 0; i < 60; i++)
		assert_true(is_there(fixture, names[i]));
	assert_int_equal(fixture->staging.counters.file_syncs, before.file_syncs);
	assert_true(fixture->staging.counters.syncfs_calls <= before.syncfs_calls + 2);
}

static void run__leaves_nothing_behind_at_last(void **state)
{
	struct fixture *fixture = *state;

	open_files(fixture, 2);
	assert_true(is_there(fixture, ".dpdk-streamd/07000000000000000000000000000000"));
	add(fixture, 0, DPS_CHECKPOINT_DROP, "one");
	close(fixture->opening.items[1].staged.fd);
	fixture->checkpoint.is_last = true;
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_int_equal(fixture->folder.fd, -1);
	assert_false(is_there(fixture, ".dpdk-streamd/07000000000000000000000000000000"));
}

static void open__gives_what_takes_data_when_it_fails(void **state)
{
	struct fixture *fixture = *state;
	struct dps_file_opening_item *item = &fixture->opening.items[0];

	fixture->opening.count = 1;
	fixture->opening.is_final = true;
	*item = (struct dps_file_opening_item){ .file = 0, .size_bytes = UINT64_C(1) << 61 };
	dps_file_opening_run(&fixture->opening.job);
	assert_true(item->error == -ENOSPC || item->error == -EFBIG);
	assert_true(item->staged.fd >= 0);
	assert_int_equal(write(item->staged.fd, "x", 1), 1);
	assert_int_equal(faccessat(fixture->folder.fd, "0", F_OK, 0), -1);
	dps_staging_drop_file(&item->staged);
}

/* ---- with a journal ---- */

/* Two files that the journal is to list with this checkpoint. */
static void journal_files(struct fixture *fixture, struct dps_manifest_batch **batches)
{
	static const struct dps_message_file files[] = {
		{ .path = "one", .path_bytes = 3, .size_bytes = 1, .kind = DPS_FILE_REGULAR },
		{ .path = "two", .path_bytes = 3, .size_bytes = 9, .kind = DPS_FILE_REGULAR },
	};
	const struct dps_message_offer offer = { .files_count = 2, .files = files };

	*batches = dps_manifest_batch_create(&offer, "");
	fixture->checkpoint.journal = fixture->journal;
	fixture->checkpoint.batches = batches;
	fixture->checkpoint.batches_count = 1;
	fixture->checkpoint.transfer = (struct dps_journal_transfer){
		.id = fixture->folder.id,
		.key = "exporter",
		.key_bytes = 8,
		.chunk_bytes = 4096,
		.total_files = 2,
		.total_bytes = 10,
		.state = DPS_JOURNAL_TRANSFER_ACTIVE,
	};
}

struct rows {
	struct dps_journal_file files[2];
	unsigned int count;
};

static int on_row(void *context, const struct dps_journal_file *file)
{
	struct rows *rows = context;

	assert_true(rows->count < 2);
	rows->files[rows->count++] = *file;
	return 0;
}

static void run__journals_what_it_publishes_and_what_grows(void **state)
{
	struct fixture *fixture = *state;
	struct dps_digest pieces[2] = { { { 1 } }, { { 2 } } };
	struct dps_manifest_batch *batch;
	struct dps_checkpoint_item *item;
	struct rows rows = { .count = 0 };
	struct stat status;
	uint64_t count;

	open_files(fixture, 2);
	journal_files(fixture, &batch);
	add(fixture, 0, DPS_CHECKPOINT_PUBLISH, "one")->digest = pieces[1];
	item = add(fixture, 1, DPS_CHECKPOINT_SYNC, "two");
	item->is_new = true;
	item->run = (struct dps_piece_run){ .digests = pieces, .count = 2 };
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_int_equal(fixture->checkpoint.journal_error, 0);
	assert_true(fixture->checkpoint.was_written);
	assert_int_equal(
		dps_journal_read_files(fixture->journal, &fixture->folder.id, 0, on_row, &rows), 0);
	assert_int_equal(rows.count, 2);
	assert_int_equal(rows.files[0].state, DPS_JOURNAL_FILE_PUBLISHING);
	assert_memory_equal(&rows.files[0].digest, &pieces[1], sizeof(pieces[1]));
	/* The row knows the file by its name of now. */
	assert_int_equal(fstatat(fixture->disk.fd, "one", &status, 0), 0);
	assert_int_equal(rows.files[0].inode, status.st_ino);
	assert_int_equal(rows.files[0].device, status.st_dev);
	assert_int_equal(rows.files[1].state, DPS_JOURNAL_FILE_OPEN);
	assert_int_equal(dps_journal_count_pieces(fixture->journal, &fixture->folder.id, 1, &count),
			 0);
	assert_int_equal(count, 2);
	close(fixture->opening.items[1].staged.fd);
	dps_manifest_batch_free(batch);
}

static void run__gives_no_name_to_what_is_not_journalled(void **state)
{
	struct fixture *fixture = *state;
	struct dps_journal *other = open_journal(fixture);
	struct dps_manifest_batch *batch;
	struct dps_checkpoint_item *item;

	assert_int_equal(dps_journal_begin(other), 0); /* and never ends */
	open_files(fixture, 1);
	journal_files(fixture, &batch);
	item = add(fixture, 0, DPS_CHECKPOINT_PUBLISH, "one");
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_int_equal(fixture->checkpoint.journal_error, -EBUSY);
	assert_non_null(strstr(fixture->checkpoint.trouble, "journal"));
	assert_int_equal(item->error, -EBUSY);
	assert_false(is_there(fixture, "one"));
	/* It is closed, and stays for another time. */
	assert_false(is_open(fixture->opening.items[0].staged.fd));
	assert_true(is_there(fixture, ".dpdk-streamd/07000000000000000000000000000000/0"));
	dps_journal_close(other);
	dps_manifest_batch_free(batch);
}

static void run__forgets_at_last_unless_it_is_kept(void **state)
{
	struct fixture *fixture = *state;
	struct dps_transfer_id id = fixture->folder.id;
	struct dps_journal_transfer transfer;
	struct dps_manifest_batch *batch;

	open_files(fixture, 1);
	journal_files(fixture, &batch);
	add(fixture, 0, DPS_CHECKPOINT_CLOSE, "one");
	fixture->checkpoint.is_last = fixture->checkpoint.is_kept = true;
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_int_equal(dps_journal_find_transfer(fixture->journal, &id, &transfer), 0);
	assert_true(is_there(fixture, ".dpdk-streamd/07000000000000000000000000000000/0"));
	assert_int_equal(dps_staging_open_folder(&fixture->staging, &id, &fixture->folder), 0);
	fixture->checkpoint.count = fixture->checkpoint.batches_count = 0;
	fixture->checkpoint.is_kept = false;
	fixture->checkpoint.is_journalled = true;
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_int_equal(dps_journal_find_transfer(fixture->journal, &id, &transfer), -ENOENT);
	assert_false(is_there(fixture, ".dpdk-streamd/07000000000000000000000000000000"));
	dps_manifest_batch_free(batch);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(run__publishes_what_is_whole),
		CASE(run__leaves_what_grows_open),
		CASE(run__removes_what_failed),
		CASE(run__makes_folders),
		CASE(run__says_which_name_was_taken),
		CASE(run__syncs_many_files_at_once),
		CASE(run__leaves_nothing_behind_at_last),
		CASE(run__journals_what_it_publishes_and_what_grows),
		CASE(run__gives_no_name_to_what_is_not_journalled),
		CASE(run__forgets_at_last_unless_it_is_kept),
		CASE(open__gives_what_takes_data_when_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
