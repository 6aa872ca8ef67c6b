/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/staging.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct dps_transfer_id id = { { 0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
					     15 } };
#define ID_NAME "ab0102030405060708090a0b0c0d0e0f"

struct fixture {
	struct scratch disk;
	struct scratch tmpfs;
	struct dps_staging staging;
	struct dps_staging_folder folder;
	char sentence[DPS_STAGING_SENTENCE_BYTES];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_staging_config config = { 0 };

	umask(022);
	scratch_create(&fixture->disk, SCRATCH_DISK);
	scratch_create(&fixture->tmpfs, SCRATCH_TMPFS);
	config.into = fixture->disk.path;
	assert_int_equal(dps_staging_open(&fixture->staging, &config, fixture->sentence), 0);
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
	scratch_remove(&fixture->tmpfs);
	free(fixture);
	return 0;
}

static bool is_there(const struct fixture *fixture, const char *name)
{
	return faccessat(fixture->disk.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_with(struct fixture *fixture, const char *into, const char *stage)
{
	struct dps_staging staging;
	struct dps_staging_config config = { into, stage };
	int err = dps_staging_open(&staging, &config, fixture->sentence);

	if (err == 0) {
		assert_string_equal(fixture->sentence, "");
		dps_staging_close(&staging);
	}
	return err;
}

static void open__makes_a_private_folder(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;

	assert_int_equal(fstatat(fixture->disk.fd, DPS_STAGING_FOLDER "/" ID_NAME, &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(fstatat(fixture->disk.fd, DPS_STAGING_FOLDER, &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	/* Both names last: one sync of each parent. */
	assert_int_equal(fixture->staging.counters.folder_syncs, 2);
}

static void open__says_what_is_wrong_with_the_folder(void **state)
{
	struct fixture *fixture = *state;
	char path[512];

	scratch_write(&fixture->disk, "file", "x", 1);
	snprintf(path, sizeof(path), "%s/missing", fixture->disk.path);
	assert_int_equal(open_with(fixture, path, NULL), -ENOENT);
	assert_non_null(strstr(fixture->sentence, "missing does not exist"));
	snprintf(path, sizeof(path), "%s/file", fixture->disk.path);
	assert_int_equal(open_with(fixture, path, NULL), -ENOTDIR);
	assert_non_null(strstr(fixture->sentence, "file is not a folder"));
}

static void open__refuses_a_stage_on_another_file_system(void **state)
{
	struct fixture *fixture = *state;
	char path[512];

	snprintf(path, sizeof(path), "%s/stage", fixture->tmpfs.path);
	assert_int_equal(open_with(fixture, fixture->disk.path, path), -EXDEV);
	assert_non_null(strstr(fixture->sentence, "is not on the file system"));
	assert_non_null(strstr(fixture->sentence, "--stage"));
}

static void open__refuses_a_stage_on_another_mount_of_it(void **state)
{
	struct fixture *fixture = *state;
	char source[512];
	char target[512];
	int err;

	snprintf(source, sizeof(source), "%s/source", fixture->disk.path);
	snprintf(target, sizeof(target), "%s/target", fixture->disk.path);
	assert_int_equal(mkdir(source, 0700), 0);
	assert_int_equal(mkdir(target, 0700), 0);
	if (mount(source, target, NULL, MS_BIND, NULL) != 0) {
		print_message("skipped: mount: %s\n", strerror(errno));
		skip();
	}
	err = open_with(fixture, fixture->disk.path, target);
	assert_int_equal(umount(target), 0);
	assert_int_equal(err, -EXDEV);
}

static void open__refuses_the_folder_itself_and_a_symlink_for_the_stage(void **state)
{
	struct fixture *fixture = *state;
	char path[512];

	assert_int_equal(open_with(fixture, fixture->disk.path, fixture->disk.path), -EINVAL);
	snprintf(path, sizeof(path), "%s/into", fixture->disk.path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(symlinkat("/tmp", fixture->disk.fd, "into/" DPS_STAGING_FOLDER), 0);
	assert_int_equal(open_with(fixture, path, NULL), -ELOOP);
	assert_non_null(strstr(fixture->sentence, "symlink"));
}

static void refusal__keeps_peers_out_of_the_staging_folder(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staging staging;
	struct dps_staging_config config = { .into = fixture->disk.path };
	char path[512];

	assert_non_null(dps_staging_refusal(&fixture->staging, ".dpdk-streamd/x", 15));
	assert_non_null(dps_staging_refusal(&fixture->staging, ".dpdk-streamd", 13));
	assert_non_null(dps_staging_refusal(&fixture->staging, "../x", 4));
	assert_null(dps_staging_refusal(&fixture->staging, "stage/x", 7));

	snprintf(path, sizeof(path), "%s/deep", fixture->disk.path);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/stage");
	config.stage = path;
	assert_int_equal(dps_staging_open(&staging, &config, fixture->sentence), 0);
	assert_non_null(dps_staging_refusal(&staging, "deep/stage/x", 12));
	assert_null(dps_staging_refusal(&staging, "deep/stages", 11));
	assert_null(dps_staging_refusal(&staging, ".dpdk-streamd/x", 15));
	dps_staging_close(&staging);
}

static void read_space__has_numbers(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staging_space space;

	assert_int_equal(dps_staging_read_space(&fixture->staging, &space), 0);
	assert_true(space.free_bytes > 0 && space.free_bytes < space.total_bytes);
	assert_true(space.free_files > 0);
}

static void probe__tells_what_stands_under_a_name(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_staging *staging = &fixture->staging;

	scratch_write(&fixture->disk, "sub/file", "12345", 5);
	assert_int_equal(symlinkat("sub", fixture->disk.fd, "link"), 0);
	assert_int_equal(mkfifoat(fixture->disk.fd, "fifo", 0600), 0);
	assert_int_equal(dps_staging_probe(staging, "none", 5), DPS_TARGET_NONE);
	assert_int_equal(dps_staging_probe(staging, "no/such/folder", 5), DPS_TARGET_NONE);
	assert_int_equal(dps_staging_probe(staging, "sub/file", 5), DPS_TARGET_SAME_SIZE);
	assert_int_equal(dps_staging_probe(staging, "sub/file", 6), DPS_TARGET_OTHER);
	assert_int_equal(dps_staging_probe(staging, "fifo", 0), DPS_TARGET_OTHER);
	assert_int_equal(dps_staging_probe(staging, "link", 3), DPS_TARGET_OTHER);
	assert_int_equal(dps_staging_probe(staging, "sub", 5), DPS_TARGET_FOLDER);
	assert_int_equal(dps_staging_probe(staging, "sub/file/below", 5), -ENOTDIR);
	assert_int_equal(dps_staging_probe(staging, "link/file", 5), -ELOOP);
}

static void open_target__opens_regular_files_only(void **state)
{
	struct fixture *fixture = *state;
	char byte;
	int fd;

	scratch_write(&fixture->disk, "sub/file", "x", 1);
	assert_int_equal(symlinkat("sub/file", fixture->disk.fd, "link"), 0);
	assert_int_equal(mkfifoat(fixture->disk.fd, "fifo", 0600), 0);
	fd = dps_staging_open_target(&fixture->staging, "sub/file");
	assert_int_equal(read(fd, &byte, 1), 1);
	close(fd);
	assert_int_equal(dps_staging_open_target(&fixture->staging, "link"), -ELOOP);
	assert_int_equal(dps_staging_open_target(&fixture->staging, "fifo"), -EINVAL);
	assert_int_equal(dps_staging_open_target(&fixture->staging, "sub"), -EINVAL);
	assert_int_equal(dps_staging_open_target(&fixture->staging, "none"), -ENOENT);
}

static void open_file__reserves_its_size(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staged_file file;
	struct stat status;

	assert_int_equal(
		dps_staging_open_file(&fixture->folder, 7, 1000000, DPS_WISH_CACHED, false, &file),
		0);
	assert_false(file.is_direct);
	assert_int_equal(fstat(file.fd, &status), 0);
	assert_int_equal(status.st_size, 1000000);
	assert_true(status.st_blocks * 512 >= 1000000);
	assert_int_equal(status.st_mode & 07777, 0644);
	close(file.fd);
	assert_true(is_there(fixture, DPS_STAGING_FOLDER "/" ID_NAME "/7"));
}

static void open_file__is_direct_where_the_file_system_can(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staging_config config = { .into = fixture->tmpfs.path };
	struct dps_staging staging;
	struct dps_staging_folder folder;
	struct dps_staged_file file;
	int probe = openat(fixture->disk.fd, "probe", O_WRONLY | O_CREAT | O_DIRECT, 0600);

	assert_int_equal(
		dps_staging_open_file(&fixture->folder, 0, 0, DPS_WISH_DIRECT, false, &file), 0);
	assert_int_equal(file.is_direct, probe >= 0);
	assert_int_equal((fcntl(file.fd, F_GETFL) & O_DIRECT) != 0, probe >= 0);
	close(file.fd);
	if (probe >= 0)
		close(probe);

	assert_int_equal(dps_staging_open(&staging, &config, fixture->sentence), 0);
	assert_int_equal(dps_staging_open_folder(&staging, &id, &folder), 0);
	probe = openat(fixture->tmpfs.fd, "probe", O_WRONLY | O_CREAT | O_DIRECT, 0600);
	assert_int_equal(dps_staging_open_file(&folder, 0, 0, DPS_WISH_DIRECT, false, &file), 0);
	assert_int_equal(file.is_direct, probe >= 0);
	assert_int_equal((fcntl(file.fd, F_GETFL) & O_DIRECT) != 0, file.is_direct);
	close(file.fd);
	if (probe >= 0)
		close(probe);
	dps_staging_close_folder(&folder);
	dps_staging_close(&staging);
}

static void open_file__works_where_neither_direct_nor_reserving_does(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staging_config config = { .into = fixture->tmpfs.path };
	struct dps_staging staging;
	struct dps_staging_folder folder;
	struct dps_staged_file file;
	int err;

	/* tmpfs takes O_DIRECT since Linux 6.6, ramfs neither that nor fallocate. */
	if (mount("none", fixture->tmpfs.path, "ramfs", 0, NULL) != 0) {
		print_message("skipped: mounting a ramfs: %s\n", strerror(errno));
		skip();
	}
	assert_int_equal(dps_staging_open(&staging, &config, fixture->sentence), 0);
	assert_int_equal(dps_staging_open_folder(&staging, &id, &folder), 0);
	err = dps_staging_open_file(&folder, 0, 5000, DPS_WISH_DIRECT, false, &file);
	close(file.fd);
	dps_staging_close_folder(&folder);
	dps_staging_close(&staging);
	assert_int_equal(umount(fixture->tmpfs.path), 0);
	assert_int_equal(err, 0);
	assert_false(file.is_direct);
}

static void open_file__continues_or_starts_anew(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staged_file file;
	char bytes[4] = "";

	assert_int_equal(
		dps_staging_open_file(&fixture->folder, 1, 4, DPS_WISH_CACHED, true, &file),
		-ENOENT);
	assert_int_equal(
		dps_staging_open_file(&fixture->folder, 1, 4, DPS_WISH_CACHED, false, &file), 0);
	assert_int_equal(pwrite(file.fd, "kept", 4, 0), 4);
	close(file.fd);
	assert_int_equal(
		dps_staging_open_file(&fixture->folder, 1, 4, DPS_WISH_CACHED, true, &file), 0);
	assert_int_equal(pread(file.fd, bytes, 4, 0), 4);
	assert_memory_equal(bytes, "kept", 4);
	close(file.fd);
	assert_int_equal(
		dps_staging_open_file(&fixture->folder, 1, 4, DPS_WISH_CACHED, false, &file), 0);
	assert_int_equal(pread(file.fd, bytes, 4, 0), 4);
	assert_memory_equal(bytes, "\0\0\0\0", 4);
	close(file.fd);
}

static void open_file__leaves_nothing_behind_when_there_is_no_space(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staging_space space;
	struct dps_staged_file file;
	int err;

	assert_int_equal(dps_staging_read_space(&fixture->staging, &space), 0);
	err = dps_staging_open_file(&fixture->folder, 3, space.total_bytes * 2, DPS_WISH_CACHED,
				    false, &file);
	assert_true(err == -ENOSPC || err == -EFBIG);
	assert_false(is_there(fixture, DPS_STAGING_FOLDER "/" ID_NAME "/3"));
	assert_int_equal(dps_staging_open_file(&fixture->folder, 3, UINT64_MAX, DPS_WISH_CACHED,
					       false, &file),
			 -EFBIG);
	assert_false(is_there(fixture, DPS_STAGING_FOLDER "/" ID_NAME "/3"));
}

static void open_file__does_not_follow_a_symlink_in_its_place(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staged_file file;

	scratch_write(&fixture->disk, "victim", "precious", 8);
	assert_int_equal(symlinkat("../../victim", fixture->folder.fd, "5"), 0);
	assert_int_equal(
		dps_staging_open_file(&fixture->folder, 5, 8, DPS_WISH_DIRECT, false, &file),
		-ELOOP);
	assert_int_equal(dps_staging_probe(&fixture->staging, "victim", 8), DPS_TARGET_SAME_SIZE);
}

static void finish_file__cuts_and_dates_it(void **state)
{
	static const int64_t times[] = { 1700000000123456789, 0, -1, -2500000000 };
	struct fixture *fixture = *state;
	struct dps_staged_file file;
	struct stat status;

	assert_int_equal(
		dps_staging_open_file(&fixture->folder, 1, 8192, DPS_WISH_DIRECT, false, &file), 0);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(dps_staging_finish_file(&file, 5001, times[i]), 0);
		assert_int_equal(fstat(file.fd, &status), 0);
		assert_int_equal(status.st_size, 5001);
		assert_int_equal(status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec,
				 times[i]);
	}
	assert_true(file.is_finished);
	close(file.fd);
}

static void checkpoint__syncs_few_files_each_and_their_names_once(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staging_counters before = fixture->staging.counters;
	struct dps_staged_file files[3];

	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(dps_staging_open_file(&fixture->folder, i, 10, DPS_WISH_CACHED,
						       false, &files[i]),
				 0);
	assert_int_equal(dps_staging_checkpoint(&fixture->staging, files, 3), 0);
	assert_int_equal(fixture->staging.counters.file_syncs, before.file_syncs + 3);
	assert_int_equal(fixture->staging.counters.folder_syncs, before.folder_syncs + 1);
	assert_int_equal(dps_staging_checkpoint(&fixture->staging, files, 2), 0);
	assert_int_equal(fixture->staging.counters.file_syncs, before.file_syncs + 5);
	assert_int_equal(fixture->staging.counters.folder_syncs, before.folder_syncs + 1);
	assert_int_equal(fixture->staging.counters.syncfs_calls, before.syncfs_calls);
	assert_int_equal(dps_staging_checkpoint(&fixture->staging, files, 0), 0);
	assert_int_equal(fixture->staging.counters.file_syncs, before.file_syncs + 5);
	for (uint32_t i = 0; i < 3; i++)
		close(files[i].fd);
}

static void checkpoint__syncs_many_or_closed_files_at_once(void **state)
{
	enum { FILES = DPS_STAGING_SYNCS_MAX + 1 };
	struct fixture *fixture = *state;
	struct dps_staging_counters before = fixture->staging.counters;
	struct dps_staged_file files[FILES];

	for (uint32_t i = 0; i < FILES; i++)
		assert_int_equal(dps_staging_open_file(&fixture->folder, i, 10, DPS_WISH_CACHED,
						       false, &files[i]),
				 0);
	assert_int_equal(dps_staging_checkpoint(&fixture->staging, files, FILES), 0);
	for (uint32_t i = 0; i < FILES; i++) {
		close(files[i].fd);
		files[i].fd = -1;
	}
	assert_int_equal(dps_staging_checkpoint(&fixture->staging, files, 1), 0);
	assert_int_equal(fixture->staging.counters.syncfs_calls, before.syncfs_calls + 2);
	assert_int_equal(fixture->staging.counters.file_syncs, before.file_syncs);
	assert_int_equal(fixture->staging.counters.folder_syncs, before.folder_syncs);
}

static void checkpoint__names_the_file_that_failed(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staged_file files[2];
	int own_fd;

	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(dps_staging_open_file(&fixture->folder, i, 10, DPS_WISH_CACHED,
						       false, &files[i]),
				 0);
	/* A FIFO has nothing to bring to a disk: fsync says EINVAL. */
	own_fd = files[1].fd;
	assert_int_equal(mkfifoat(fixture->disk.fd, "fifo", 0600), 0);
	files[1].fd = openat(fixture->disk.fd, "fifo", O_RDWR);
	assert_int_equal(dps_staging_checkpoint(&fixture->staging, files, 2), -EINVAL);
	assert_int_equal(files[0].error, 0);
	assert_int_equal(files[1].error, -EINVAL);
	close(own_fd);
	close(files[0].fd);
	close(files[1].fd);
}

static void drop_file__leaves_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staged_file file;

	assert_int_equal(
		dps_staging_open_file(&fixture->folder, 9, 10, DPS_WISH_CACHED, false, &file), 0);
	dps_staging_drop_file(&file);
	assert_int_equal(file.fd, -1);
	assert_false(is_there(fixture, DPS_STAGING_FOLDER "/" ID_NAME "/9"));
}

static void remove__takes_a_transfer_and_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	struct dps_transfer_id other = { { 1 } };
	struct dps_staging_folder folder;
	struct dps_staged_file file;

	assert_int_equal(dps_staging_open_folder(&fixture->staging, &other, &folder), 0);
	for (uint32_t i = 0; i < 300; i++) {
		assert_int_equal(
			dps_staging_open_file(&folder, i, 0, DPS_WISH_CACHED, false, &file), 0);
		close(file.fd);
	}
	dps_staging_close_folder(&folder);
	assert_int_equal(dps_staging_remove(&fixture->staging, &other), 0);
	assert_false(is_there(fixture, DPS_STAGING_FOLDER "/01000000000000000000000000000000"));
	assert_true(is_there(fixture, DPS_STAGING_FOLDER "/" ID_NAME));
	assert_int_equal(dps_staging_remove(&fixture->staging, &other), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- from one transfer to another ---- */

static const struct dps_transfer_id other_id = { { 0xcd } };

static void write_staged(struct fixture *fixture, struct dps_staging_folder *folder, uint32_t index,
			 const char *text)
{
	struct dps_staged_file file;

	(void)fixture;
	assert_int_equal(
		dps_staging_open_file(folder, index, strlen(text), DPS_WISH_CACHED, false, &file),
		0);
	assert_int_equal(pwrite(file.fd, text, strlen(text), 0), (ssize_t)strlen(text));
	close(file.fd);
}

static void expect_staged(struct dps_staging_folder *folder, const char *name, const char *text)
{
	char bytes[32] = "";
	int fd = openat(folder->fd, name, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), (ssize_t)strlen(text));
	assert_string_equal(bytes, text);
	close(fd);
}

static void link_file__gives_it_a_second_name(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staging_folder other;
	struct stat status;

	assert_int_equal(dps_staging_open_folder(&fixture->staging, &other_id, &other), 0);
	write_staged(fixture, &fixture->folder, 3, "old");
	write_staged(fixture, &other, 7, "in the way");
	other.has_new_names = false;
	assert_int_equal(dps_staging_link_file(&fixture->folder, 4, &other, 7), -ENOENT);
	expect_staged(&other, "7", "in the way");
	assert_int_equal(dps_staging_link_file(&fixture->folder, 3, &other, 7), 0);
	assert_true(other.has_new_names);
	assert_int_equal(dps_staging_sync_folder(&fixture->staging, &other), 0);
	assert_false(other.has_new_names);
	dps_staging_unlink_file(&fixture->folder, 3);
	assert_int_not_equal(fstatat(fixture->folder.fd, "3", &status, 0), 0);
	expect_staged(&other, "7", "old");
	dps_staging_close_folder(&other);
}

/* A kill may leave both names: who begins anew under one does not cut what lies under the other. */
static void open_file__anew_leaves_the_other_name_alone(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staging_folder other;

	assert_int_equal(dps_staging_open_folder(&fixture->staging, &other_id, &other), 0);
	write_staged(fixture, &fixture->folder, 3, "old");
	assert_int_equal(dps_staging_link_file(&fixture->folder, 3, &other, 0), 0);
	write_staged(fixture, &fixture->folder, 3, "quite new");
	expect_staged(&fixture->folder, "3", "quite new");
	expect_staged(&other, "0", "old");
	dps_staging_close_folder(&other);
}

static void take_folder__has_it_alone_or_not_at_all(void **state)
{
	struct fixture *fixture = *state;
	struct dps_staging_folder first, second;

	assert_int_equal(dps_staging_take_folder(&fixture->staging, &other_id, &first), -ENOENT);
	assert_int_equal(dps_staging_take_folder(&fixture->staging, &id, &first), 0);
	assert_int_equal(dps_staging_take_folder(&fixture->staging, &id, &second), -EBUSY);
	dps_staging_close_folder(&first);
	assert_int_equal(dps_staging_take_folder(&fixture->staging, &id, &second), 0);
	dps_staging_close_folder(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open__makes_a_private_folder),
		TEST(open__says_what_is_wrong_with_the_folder),
		TEST(open__refuses_a_stage_on_another_file_system),
		TEST(open__refuses_a_stage_on_another_mount_of_it),
		TEST(open__refuses_the_folder_itself_and_a_symlink_for_the_stage),
		TEST(refusal__keeps_peers_out_of_the_staging_folder),
		TEST(read_space__has_numbers),
		TEST(probe__tells_what_stands_under_a_name),
		TEST(open_target__opens_regular_files_only),
		TEST(open_file__reserves_its_size),
		TEST(open_file__is_direct_where_the_file_system_can),
		TEST(open_file__works_where_neither_direct_nor_reserving_does),
		TEST(open_file__continues_or_starts_anew),
		TEST(open_file__leaves_nothing_behind_when_there_is_no_space),
		TEST(open_file__does_not_follow_a_symlink_in_its_place),
		TEST(finish_file__cuts_and_dates_it),
		TEST(checkpoint__syncs_few_files_each_and_their_names_once),
		TEST(checkpoint__syncs_many_or_closed_files_at_once),
		TEST(checkpoint__names_the_file_that_failed),
		TEST(drop_file__leaves_nothing),
		TEST(remove__takes_a_transfer_and_nothing_else),
		TEST(link_file__gives_it_a_second_name),
		TEST(open_file__anew_leaves_the_other_name_alone),
		TEST(take_folder__has_it_alone_or_not_at_all),
	};

	return cmocka_run_group_tests_name("staging", tests, NULL, NULL);
}
