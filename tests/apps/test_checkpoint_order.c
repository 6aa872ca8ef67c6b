/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In which order a checkpoint reaches the disk: data, journal, name, folder. A kill between any two
 * leaves something that the next life understands only as long as that holds; seen here by taking
 * the place of the C library's functions.
 */
#include "apps/dpdk-streamd/checkpoint.h"
#include "apps/dpdk-streamd/file_opening.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STEPS_MAX = 64, PATH_BYTES = 512, WHOLE = 0, GROWING = 1 };

struct step {
	char what; /* 's': synced, 'r': renamed */
	char path[PATH_BYTES];
};

static struct step steps[STEPS_MAX];
static unsigned int steps_count;
static bool is_watched;
static const char *failing; /* a sync of what ends so fails */

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static struct step *note(char what, int fd)
{
	struct step *step = &steps[steps_count % STEPS_MAX];
	char link[32];
	ssize_t length;

	steps_count += is_watched;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, step->path, sizeof(step->path) - 1);
	step->path[length < 0 ? 0 : length] = '\0';
	step->what = what;
	return step;
}

static int sync_by(long number, int fd)
{
	const struct step *step = note('s', fd);

	if (failing != NULL && ends_with(step->path, failing)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(number, fd);
}

int fsync(int fd)
{
	return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_by(SYS_fdatasync, fd);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	note('r', to_fd);
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

/* The first and the last step of a kind at what ends so; STEPS_MAX when there is none. */
static unsigned int first_of(char what, const char *end)
{
	for (unsigned int i = 0; i < steps_count; i++)
		if (steps[i].what == what && ends_with(steps[i].path, end))
			return i;
	return STEPS_MAX;
}

static unsigned int last_of(char what, const char *end)
{
	for (unsigned int i = steps_count; i > 0; i--)
		if (steps[i - 1].what == what && ends_with(steps[i - 1].path, end))
			return i - 1;
	return STEPS_MAX;
}

struct fixture {
	struct scratch disk;
	struct dps_staging staging;
	struct dps_staging_folder folder;
	struct dps_file_opening opening;
	struct dps_checkpoint checkpoint;
	struct dps_journal *journal;
	struct dps_digest digest;
	char into[PATH_BYTES];
};

static void open_journal(struct fixture *fixture)
{
	const struct dps_journal_config config = {
		.folder_fd = fixture->staging.stage_fd,
		.folder = fixture->disk.path,
		.name = "journal",
		.sync = DPS_JOURNAL_SYNC_FULL,
		.busy_ms = 1000,
	};
	const struct dps_journal_file files[] = {
		{ .index = WHOLE,
		  .path = "whole",
		  .path_bytes = 5,
		  .size_bytes = 1,
		  .state = DPS_JOURNAL_FILE_WAITING },
		{ .index = GROWING,
		  .path = "growing",
		  .path_bytes = 7,
		  .size_bytes = 2,
		  .state = DPS_JOURNAL_FILE_WAITING },
	};
	struct dps_checkpoint *checkpoint = &fixture->checkpoint;
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];

	assert_int_equal(dps_journal_open(&fixture->journal, &config, sentence), 0);
	checkpoint->journal = fixture->journal;
	checkpoint->is_journalled = true;
	checkpoint->transfer = (struct dps_journal_transfer){
		.id = fixture->folder.id,
		.key = "",
		.chunk_bytes = 1,
		.total_files = 2,
		.total_bytes = 3,
		.state = DPS_JOURNAL_TRANSFER_ACTIVE,
	};
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	assert_int_equal(dps_journal_put_transfer(fixture->journal, &checkpoint->transfer), 0);
	assert_int_equal(dps_journal_put_files(fixture->journal, &fixture->folder.id, files, 2), 0);
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
}

/* One file that is whole and one that grows, a byte of each written. */
static void open_files(struct fixture *fixture)
{
	struct dps_checkpoint *checkpoint = &fixture->checkpoint;

	fixture->opening.count = 2;
	for (uint32_t i = 0; i < 2; i++)
		fixture->opening.items[i] =
			(struct dps_file_opening_item){ .file = i, .size_bytes = i + 1 };
	dps_file_opening_run(&fixture->opening.job);
	assert_int_equal(dps_checkpoint_reserve(checkpoint, 2), 0);
	for (uint32_t i = 0; i < 2; i++) {
		const struct dps_file_opening_item *item = &fixture->opening.items[i];

		assert_int_equal(item->error, 0);
		assert_int_equal(pwrite(item->staged.fd, "x", 1, 0), 1);
		checkpoint->items[checkpoint->count++] = (struct dps_checkpoint_item){
			.name = i == WHOLE ? "whole" : "growing",
			.size_bytes = i + 1,
			.staged = item->staged,
			.run = { .digests = &fixture->digest, .count = 1 },
			.is_new = true,
			.wish = i == WHOLE ? DPS_CHECKPOINT_PUBLISH : DPS_CHECKPOINT_SYNC,
		};
	}
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_staging_config config = { 0 };
	char sentence[DPS_STAGING_SENTENCE_BYTES];

	is_watched = false;
	failing = NULL;
	steps_count = 0;
	scratch_create(&fixture->disk, SCRATCH_DISK);
	config.into = fixture->disk.path;
	assert_int_equal(dps_staging_open(&fixture->staging, &config, sentence), 0);
	fixture->folder = (struct dps_staging_folder){ .id = { { 7 } }, .fd = -1 };
	fixture->opening.staging = fixture->checkpoint.staging = &fixture->staging;
	fixture->opening.folder = fixture->checkpoint.folder = &fixture->folder;
	open_journal(fixture);
	open_files(fixture);
	snprintf(fixture->into, sizeof(fixture->into), "%s", strrchr(fixture->disk.path, '/'));
	is_watched = true;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	is_watched = false;
	failing = NULL;
	close(fixture->opening.items[GROWING].staged.fd);
	dps_staging_close_folder(&fixture->folder);
	dps_checkpoint_fini(&fixture->checkpoint);
	dps_journal_close(fixture->journal);
	dps_staging_close(&fixture->staging);
	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

static uint64_t pieces_of(struct fixture *fixture, uint32_t file)
{
	uint64_t count;

	assert_int_equal(
		dps_journal_count_pieces(fixture->journal, &fixture->folder.id, file, &count), 0);
	return count;
}

static bool is_there(struct fixture *fixture, const char *name)
{
	return faccessat(fixture->disk.fd, name, F_OK, 0) == 0;
}

static void run__data_then_journal_then_name_then_folder(void **state)
{
	struct fixture *fixture = *state;
	unsigned int journal, renamed;

	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_in_range(steps_count, 1, STEPS_MAX);
	journal = first_of('s', "journal-wal");
	renamed = first_of('r', fixture->into);
	assert_true(last_of('s', "/0") < journal && last_of('s', "/1") < journal);
	assert_true(last_of('s', "journal-wal") < renamed);
	assert_true(renamed < last_of('s', fixture->into) &&
		    last_of('s', fixture->into) < STEPS_MAX);
	assert_int_equal(pieces_of(fixture, GROWING), 1);
	assert_true(is_there(fixture, "whole"));
}

static void run__what_was_not_synced_is_not_journalled(void **state)
{
	struct fixture *fixture = *state;

	failing = "/1";
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_int_equal(fixture->checkpoint.items[GROWING].error, -EIO);
	assert_int_equal(pieces_of(fixture, GROWING), 0);
	assert_true(is_there(fixture, "whole"));
}

static void run__what_was_not_journalled_gets_no_name(void **state)
{
	struct fixture *fixture = *state;

	failing = "journal-wal";
	dps_checkpoint_run(&fixture->checkpoint.job);
	assert_int_equal(fixture->checkpoint.journal_error, -EIO);
	assert_int_equal(first_of('r', fixture->into), STEPS_MAX);
	assert_false(is_there(fixture, "whole"));
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(run__data_then_journal_then_name_then_folder),
		CASE(run__what_was_not_synced_is_not_journalled),
		CASE(run__what_was_not_journalled_gets_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
