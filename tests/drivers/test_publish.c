/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/publish.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	struct scratch disk;
	struct scratch outside;
	struct dps_staging staging;
	struct dps_staging_folder folder;
	atomic_bool stop; /* one writer: the test; reader: its swapping thread */
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_staging_config config = { 0 };
	struct dps_transfer_id id = { { 1 } };
	char sentence[DPS_STAGING_SENTENCE_BYTES];

	scratch_create(&fixture->disk, SCRATCH_DISK);
	scratch_create(&fixture->outside, SCRATCH_DISK);
	config.into = fixture->disk.path;
	assert_int_equal(dps_staging_open(&fixture->staging, &config, sentence), 0);
	assert_int_equal(dps_staging_open_folder(&fixture->staging, &id, &fixture->folder), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	dps_staging_close_folder(&fixture->folder);
	dps_staging_close(&fixture->staging);
	scratch_remove(&fixture->disk);
	scratch_remove(&fixture->outside);
	free(fixture);
	return 0;
}

/* Stages a file that holds its own index as text. */
static void stage(struct fixture *fixture, uint32_t index)
{
	struct dps_staged_file file;
	char text[16];
	int bytes = snprintf(text, sizeof(text), "%u", index);

	assert_int_equal(
		dps_staging_open_file(&fixture->folder, index, 0, DPS_WISH_CACHED, false, &file),
		0);
	assert_int_equal(write(file.fd, text, (size_t)bytes), bytes);
	close(file.fd);
}

static struct dps_publication publication_of(struct fixture *fixture, const char *name,
					     uint32_t index)
{
	stage(fixture, index);
	return (struct dps_publication){ .name = name, .folder = &fixture->folder, .index = index };
}

static int publish_one(struct fixture *fixture, const char *name, uint32_t index, bool is_overwrite)
{
	struct dps_publication publication = publication_of(fixture, name, index);
	int err;

	publication.is_overwrite = is_overwrite;
	err = dps_publish(&fixture->staging, &publication, 1);
	assert_int_equal(publication.error, err);
	return err;
}

static void assert_holds(const struct scratch *scratch, const char *name, const char *text)
{
	size_t bytes;
	uint8_t *content = scratch_read(scratch, name, &bytes);

	if (content == NULL)
		fail_msg("%s is not there", name);
	assert_int_equal(bytes, strlen(text));
	assert_memory_equal(content, text, bytes);
	free(content);
}

static bool is_staged(const struct fixture *fixture, const char *index)
{
	return faccessat(fixture->folder.fd, index, F_OK, 0) == 0;
}

static void publish__makes_folders_and_moves_files(void **state)
{
	static const char raw[] = "a/\xff\xfe \xc3\xbc/x";
	struct fixture *fixture = *state;
	struct dps_publication publications[5] = {
		publication_of(fixture, "a/b/c/deep", 0),
		publication_of(fixture, raw, 1),
		publication_of(fixture, "top", 2),
		(struct dps_publication){ .name = "a/empty/er", .is_folder = true },
		(struct dps_publication){ .name = "a/b", .is_folder = true },
	};
	struct stat status;

	assert_int_equal(dps_publish(&fixture->staging, publications, 5), 0);
	assert_holds(&fixture->disk, "a/b/c/deep", "0");
	assert_holds(&fixture->disk, raw, "1");
	assert_holds(&fixture->disk, "top", "2");
	assert_int_equal(fstatat(fixture->disk.fd, "a/empty/er", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_false(is_staged(fixture, "0"));
	assert_int_equal(fixture->staging.counters.published, 3);
}

static void publish__never_replaces_unasked(void **state)
{
	struct fixture *fixture = *state;

	scratch_write(&fixture->disk, "sub/file", "old", 3);
	assert_int_equal(publish_one(fixture, "sub/file", 4, false), -EEXIST);
	assert_holds(&fixture->disk, "sub/file", "old");
	assert_true(is_staged(fixture, "4"));
	assert_int_equal(publish_one(fixture, "sub/file", 4, true), 0);
	assert_holds(&fixture->disk, "sub/file", "4");
}

static void publish__one_failure_leaves_the_others(void **state)
{
	struct fixture *fixture = *state;
	struct dps_publication publications[4];

	scratch_write(&fixture->disk, "file", "old", 3);
	assert_int_equal(mkdirat(fixture->disk.fd, "folder", 0700), 0);
	publications[0] = publication_of(fixture, "file/below", 0);
	publications[1] = publication_of(fixture, "folder", 1);
	publications[1].is_overwrite = true;
	publications[2] = publication_of(fixture, "new", 2);
	publications[3] = (struct dps_publication){ .name = "file", .is_folder = true };
	assert_int_equal(dps_publish(&fixture->staging, publications, 4), -ENOTDIR);
	assert_int_equal(publications[0].error, -ENOTDIR);
	assert_int_equal(publications[1].error, -EISDIR);
	assert_int_equal(publications[2].error, 0);
	assert_int_equal(publications[3].error, -ENOTDIR);
	assert_holds(&fixture->disk, "new", "2");
	assert_holds(&fixture->disk, "file", "old");
}

/* A symlink placed by someone who may write into the tree, anywhere on the way, leads nowhere. */
static void publish__never_follows_a_symlink(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;

	assert_int_equal(symlinkat(fixture->outside.path, fixture->disk.fd, "out"), 0);
	assert_int_equal(symlinkat("inside", fixture->disk.fd, "alias"), 0);
	assert_int_equal(mkdirat(fixture->disk.fd, "inside", 0700), 0);
	assert_int_equal(publish_one(fixture, "out/file", 0, true), -ELOOP);
	assert_int_equal(publish_one(fixture, "out/new/file", 1, true), -ELOOP);
	assert_int_equal(publish_one(fixture, "alias/file", 2, true), -ELOOP);
	assert_int_equal(faccessat(fixture->outside.fd, "file", F_OK, 0), -1);
	assert_int_equal(faccessat(fixture->outside.fd, "new", F_OK, 0), -1);

	/* As the last part it is a target like any other: refused, or replaced itself. */
	scratch_write(&fixture->outside, "victim", "precious", 8);
	assert_int_equal(symlinkat("../victim", fixture->disk.fd, "last"), 0);
	assert_int_equal(publish_one(fixture, "last", 3, false), -EEXIST);
	assert_int_equal(publish_one(fixture, "last", 3, true), 0);
	assert_int_equal(fstatat(fixture->disk.fd, "last", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(status.st_mode));
	assert_holds(&fixture->outside, "victim", "precious");
}

static void publish__a_folder_swapped_for_a_symlink_between_calls_is_noticed(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(publish_one(fixture, "a/b/one", 0, false), 0);
	assert_int_equal(renameat(fixture->disk.fd, "a/b", fixture->disk.fd, "a/moved"), 0);
	assert_int_equal(symlinkat(fixture->outside.path, fixture->disk.fd, "a/b"), 0);
	assert_int_equal(publish_one(fixture, "a/b/two", 1, false), -ELOOP);
	assert_int_equal(faccessat(fixture->outside.fd, "two", F_OK, 0), -1);
	assert_true(is_staged(fixture, "1"));
	assert_int_equal(dps_staging_probe(&fixture->staging, "a/b/one", 1), -ELOOP);
}

/* Swaps a folder and a symlink to the outside until told to stop. */
static void *swap(void *context)
{
	struct fixture *fixture = context;

	while (!atomic_load(&fixture->stop))
		assert_int_equal(renameat2(fixture->disk.fd, "a/b", fixture->disk.fd, "a/link",
					   RENAME_EXCHANGE),
				 0);
	return NULL;
}

static void publish__never_follows_a_symlink_swapped_in_meanwhile(void **state)
{
	enum {
		ENOUGH = 50,
		TRIES_MAX = 100000,
	};
	struct fixture *fixture = *state;
	unsigned int passed = 0;
	unsigned int refused = 0;
	pthread_t swapper;
	DIR *outside;

	assert_int_equal(mkdirat(fixture->disk.fd, "a", 0700), 0);
	assert_int_equal(mkdirat(fixture->disk.fd, "a/b", 0700), 0);
	assert_int_equal(symlinkat(fixture->outside.path, fixture->disk.fd, "a/link"), 0);
	assert_int_equal(pthread_create(&swapper, NULL, swap, fixture), 0);
	for (unsigned int i = 0; i < TRIES_MAX && (passed < ENOUGH || refused < ENOUGH); i++) {
		int err = publish_one(fixture, "a/b/file", 0, true);

		if (err != 0 && err != -ELOOP)
			fail_msg("try %u: %s", i, strerror(-err));
		passed += err == 0;
		refused += err == -ELOOP;
	}
	atomic_store(&fixture->stop, true);
	pthread_join(swapper, NULL);
	assert_true(passed > 0 && refused > 0);
	outside = fdopendir(dup(fixture->outside.fd));
	for (struct dirent *entry = readdir(outside); entry != NULL; entry = readdir(outside))
		assert_int_equal(entry->d_name[0], '.');
	closedir(outside);
}

static void publish__refuses_hostile_names_itself(void **state)
{
	static const char *const names[] = { "../x", "/tmp/x",		"a/../../x", "",
					     "a//b", ".dpdk-streamd/x", "./x",	     "a/" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(publish_one(fixture, names[i], 0, true), -EINVAL);
	assert_int_equal(faccessat(fixture->disk.fd, "a", F_OK, 0), -1);
	assert_true(is_staged(fixture, "0"));
}

static void publish__two_thousand_files_take_a_handful_of_syncs(void **state)
{
	enum {
		FILES = 2000,
	};
	struct fixture *fixture = *state;
	struct dps_staged_file *files = calloc(FILES, sizeof(*files));
	struct dps_publication *publications = calloc(FILES, sizeof(*publications));
	char(*names)[32] = calloc(FILES, sizeof(*names));
	const struct dps_staging_counters before = fixture->staging.counters;
	const struct dps_staging_counters *after = &fixture->staging.counters;

	for (uint32_t i = 0; i < FILES; i++) {
		assert_int_equal(dps_staging_open_file(&fixture->folder, i, 100, DPS_WISH_CACHED,
						       false, &files[i]),
				 0);
		assert_int_equal(dps_staging_finish_file(&files[i], 100, i), 0);
		close(files[i].fd);
		files[i].fd = -1;
		snprintf(names[i], sizeof(names[i]), "many/%u/%u", i / 500, i);
		publications[i] = (struct dps_publication){ .name = names[i],
							    .folder = &fixture->folder,
							    .index = i };
	}
	assert_int_equal(dps_staging_checkpoint(&fixture->staging, files, FILES), 0);
	assert_int_equal(dps_publish(&fixture->staging, publications, FILES), 0);
	assert_int_equal(after->published - before.published, FILES);
	assert_int_equal(after->folders_made - before.folders_made, 5);
	assert_int_equal(after->syncfs_calls - before.syncfs_calls, 1);
	assert_int_equal(after->file_syncs - before.file_syncs, 0);
	/* The collector's own, `many`, and the four below: each once. */
	assert_int_equal(after->folder_syncs - before.folder_syncs, 6);
	free(names);
	free(publications);
	free(files);
}

static void publish__many_folders_take_one_sync_of_all(void **state)
{
	enum {
		FILES = 100,
	};
	struct fixture *fixture = *state;
	struct dps_publication publications[FILES];
	char names[FILES][32];
	const struct dps_staging_counters before = fixture->staging.counters;
	const struct dps_staging_counters *after = &fixture->staging.counters;

	for (uint32_t i = 0; i < FILES; i++) {
		snprintf(names[i], sizeof(names[i]), "%u/file", i);
		publications[i] = publication_of(fixture, names[i], i);
	}
	assert_int_equal(dps_publish(&fixture->staging, publications, FILES), 0);
	assert_int_equal(after->syncfs_calls - before.syncfs_calls, 1);
	assert_int_equal(after->folder_syncs - before.folder_syncs, 0);
	for (uint32_t i = 0; i < FILES; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", i);
		assert_holds(&fixture->disk, names[i], text);
	}
}

static void publish__a_missing_staged_file_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	struct dps_publication publication = { .name = "x",
					       .folder = &fixture->folder,
					       .index = 1 };

	assert_int_equal(dps_publish(&fixture->staging, &publication, 1), -ENOENT);
	assert_int_equal(dps_publish(&fixture->staging, NULL, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(publish__makes_folders_and_moves_files),
		TEST(publish__never_replaces_unasked),
		TEST(publish__one_failure_leaves_the_others),
		TEST(publish__never_follows_a_symlink),
		TEST(publish__a_folder_swapped_for_a_symlink_between_calls_is_noticed),
		TEST(publish__never_follows_a_symlink_swapped_in_meanwhile),
		TEST(publish__refuses_hostile_names_itself),
		TEST(publish__two_thousand_files_take_a_handful_of_syncs),
		TEST(publish__many_folders_take_one_sync_of_all),
		TEST(publish__a_missing_staged_file_is_an_error),
	};

	return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
