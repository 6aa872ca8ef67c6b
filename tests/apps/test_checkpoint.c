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
	struct dps_file_opening opening;
	struct dps_checkpoint checkpoint;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_staging_config config = { 0 };
	char sentence[DPS_STAGING_SENTENCE_BYTES];

	scratch_create(&fixture->disk, SCRATCH_DISK);
	config.into = fixture->disk.path;
	assert_int_equal(dps_staging_open(&fixture->staging, &config, sentence), 0);
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
	*item = (struct dps_file_opening_item){ .file = 0, .size_bytes = UINT64_C(1) << 61 };
	dps_file_opening_run(&fixture->opening.job);
	assert_true(item->error == -ENOSPC || item->error == -EFBIG);
	assert_true(item->staged.fd >= 0);
	assert_int_equal(write(item->staged.fd, "x", 1), 1);
	assert_int_equal(faccessat(fixture->folder.fd, "0", F_OK, 0), -1);
	dps_staging_drop_file(&item->staged);
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
		CASE(open__gives_what_takes_data_when_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
