/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/name.h"
#include "drivers/store/source.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	struct scratch disk;
	struct dps_source *source;
	char sentence[DPS_SOURCE_SENTENCE_BYTES];
	char troubles[4096]; /* one line each: kind, last part of the path, reason */
	int start_fd;	     /* the folder the test was started in */
};

/* Tests name paths relative to the scratch folder, as a user would in it. */
static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->start_fd = open(".", O_RDONLY | O_DIRECTORY);
	scratch_create(&fixture->disk, SCRATCH_DISK);
	assert_int_equal(chdir(fixture->disk.path), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->source != NULL)
		dps_source_close(fixture->source);
	assert_int_equal(fchdir(fixture->start_fd), 0);
	close(fixture->start_fd);
	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

static void on_trouble(void *context, enum dps_source_trouble trouble, const char *path,
		       const char *reason)
{
	struct fixture *fixture = context;
	size_t done = strlen(fixture->troubles);

	snprintf(fixture->troubles + done, sizeof(fixture->troubles) - done, "%s %s %s\n",
		 trouble == DPS_SOURCE_SKIPPED ? "skipped" : "failed", path, reason);
}

static int walk(struct fixture *fixture, const char *const *paths, size_t count)
{
	struct dps_source_listener listener = { on_trouble, fixture };

	if (fixture->source != NULL)
		dps_source_close(fixture->source);
	fixture->source = NULL;
	fixture->troubles[0] = '\0';
	return dps_source_open(paths, count, &listener, &fixture->source, fixture->sentence);
}

static int walk_one(struct fixture *fixture, const char *path)
{
	return walk(fixture, &path, 1);
}

static void assert_names(const struct fixture *fixture, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count && i < dps_source_count(fixture->source); i++) {
		assert_string_equal(dps_source_name(fixture->source, i), names[i]);
		assert_int_equal(dps_source_at(fixture->source, i)->name_bytes, strlen(names[i]));
	}
	assert_int_equal(dps_source_count(fixture->source), count);
}

static void write_file(const struct fixture *fixture, const char *name)
{
	scratch_write(&fixture->disk, name, name, strlen(name));
}

/* Opens an entry and checks that it is the file called so beneath the scratch folder. */
static void assert_opens(const struct fixture *fixture, size_t index, const char *content)
{
	char bytes[256];
	bool is_direct;
	int fd = dps_source_open_file(fixture->source, index, DPS_WISH_CACHED, &is_direct);
	ssize_t got;

	if (fd < 0)
		fail_msg("%s: %s", content, strerror(-fd));
	got = read(fd, bytes, sizeof(bytes));
	assert_int_equal(got, strlen(content));
	assert_memory_equal(bytes, content, (size_t)got);
	assert_int_equal(dps_source_check(fixture->source, index, fd), 0);
	close(fd);
}

static void make_tree(const struct fixture *fixture)
{
	write_file(fixture, "data/src/b");
	write_file(fixture, "data/src/a/z");
	write_file(fixture, "data/src/a/y");
	write_file(fixture, "data/src/a b/\xff\xfe");
	assert_int_equal(mkdirat(fixture->disk.fd, "data/src/empty", 0700), 0);
	assert_int_equal(mkdirat(fixture->disk.fd, "data/src/e", 0700), 0);
	assert_int_equal(mkdirat(fixture->disk.fd, "data/src/e/e", 0700), 0);
}

static void open__a_folder_keeps_its_last_name(void **state)
{
	static const char *const names[] = { "src/a b/\xff\xfe", "src/a/y",  "src/a/z", "src/b",
					     "src/e/e",		 "src/empty" };
	static const char *const spellings[] = { "data/src", "data/src/", "./data//src///" };
	struct fixture *fixture = *state;

	make_tree(fixture);
	for (size_t i = 0; i < 3; i++) {
		const struct dps_source_totals *totals;

		assert_int_equal(walk_one(fixture, spellings[i]), 0);
		assert_names(fixture, names, 6);
		totals = dps_source_totals(fixture->source);
		assert_int_equal(totals->files, 4);
		assert_int_equal(totals->folders, 2);
		assert_int_equal(totals->bytes, strlen("data/src/bdata/src/a/zdata/src/a/y"
						       "data/src/a b/xx"));
		assert_opens(fixture, 0, "data/src/a b/\xff\xfe");
		assert_opens(fixture, 2, "data/src/a/z");
	}
	assert_int_equal(dps_source_at(fixture->source, 4)->kind, DPS_SOURCE_FOLDER);
	assert_int_equal(dps_source_at(fixture->source, 3)->kind, DPS_SOURCE_FILE);
}

static void open__a_dot_gives_the_contents(void **state)
{
	static const char *const names[] = { "a b/\xff\xfe", "a/y", "a/z", "b", "e/e", "empty" };
	static const char *const spellings[] = { "data/src/.", "data/src/./" };
	struct fixture *fixture = *state;

	make_tree(fixture);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(walk_one(fixture, spellings[i]), 0);
		assert_names(fixture, names, 6);
		assert_opens(fixture, 1, "data/src/a/y");
	}
	assert_int_equal(chdir("data/src"), 0);
	assert_int_equal(walk_one(fixture, "."), 0);
	assert_names(fixture, names, 6);
	assert_opens(fixture, 3, "data/src/b");
	assert_int_equal(mkdir("empty/none", 0700), 0);
	assert_int_equal(walk_one(fixture, "empty/none/."), 0);
	assert_int_equal(dps_source_count(fixture->source), 0);
}

static void open__a_file_gives_its_last_name_in_the_order_asked(void **state)
{
	static const char *const paths[] = { "z", "data/src/b", "data/src/a/y", "data/src/a/z2" };
	static const char *const names[] = { "z", "b", "y", "z2" };
	struct fixture *fixture = *state;
	char text[256];

	make_tree(fixture);
	write_file(fixture, "z");
	write_file(fixture, "data/src/a/z2");
	assert_int_equal(walk(fixture, paths, 4), 0);
	assert_names(fixture, names, 4);
	assert_opens(fixture, 0, "z");
	assert_opens(fixture, 1, "data/src/b");
	assert_opens(fixture, 2, "data/src/a/y");
	assert_opens(fixture, 3, "data/src/a/z2");
	assert_int_equal(dps_source_at(fixture->source, 3)->argument, 3);
	assert_string_equal(dps_source_show(fixture->source, 2, text, sizeof(text)),
			    "data/src/a/y");
}

static void open__keeps_size_and_times(void **state)
{
	struct fixture *fixture = *state;
	const struct timespec times[2] = { { 5, 6 }, { 1234567890, 123456789 } };
	const struct dps_source_entry *entry;

	write_file(fixture, "file");
	assert_int_equal(utimensat(fixture->disk.fd, "file", times, 0), 0);
	assert_int_equal(walk_one(fixture, "file"), 0);
	entry = dps_source_at(fixture->source, 0);
	assert_int_equal(entry->size_bytes, 4);
	assert_int_equal(entry->mtime_ns, 1234567890123456789);
	assert_true(S_ISREG(entry->mode));
	assert_true(sizeof(*entry) <= 64);
}

static void open__says_what_is_wrong_with_a_path(void **state)
{
	static const struct {
		const char *path;
		int error;
		const char *sentence;
	} bad[] = {
		{ "missing", -ENOENT, "missing does not exist" },
		{ "missing/file", -ENOENT, "missing/file does not exist" },
		{ "", -ENOENT, "an empty path names nothing" },
		{ "file/below", -ENOTDIR, "has a file where a folder is needed" },
		{ "file/", -ENOTDIR, "has a file where a folder is needed" },
		{ "link", -ELOOP, "link is a symlink; name what it points to" },
		{ "folderlink", -ELOOP, "folderlink is a symlink" },
		{ "folderlink/", -ELOOP, "is a symlink" },
		{ "fifo", -EINVAL, "fifo is not a regular file or folder" },
		{ "/dev/null", -EINVAL, "/dev/null is not a regular file or folder" },
		{ "..", -EINVAL, "name the folder itself" },
		{ "folder/..", -EINVAL, "name the folder itself" },
	};
	struct fixture *fixture = *state;

	write_file(fixture, "file");
	assert_int_equal(mkdirat(fixture->disk.fd, "folder", 0700), 0);
	assert_int_equal(symlinkat("file", fixture->disk.fd, "link"), 0);
	assert_int_equal(symlinkat("folder", fixture->disk.fd, "folderlink"), 0);
	assert_int_equal(mkfifoat(fixture->disk.fd, "fifo", 0600), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(walk_one(fixture, bad[i].path), bad[i].error);
		if (strstr(fixture->sentence, bad[i].sentence) == NULL)
			fail_msg("%s: %s", bad[i].path, fixture->sentence);
	}
}

static void open__a_symlinked_parent_is_the_users_own(void **state)
{
	static const char *const names[] = { "file" };
	struct fixture *fixture = *state;

	write_file(fixture, "folder/file");
	assert_int_equal(symlinkat("folder", fixture->disk.fd, "link"), 0);
	assert_int_equal(walk_one(fixture, "link/file"), 0);
	assert_names(fixture, names, 1);
	assert_int_equal(walk_one(fixture, "link/."), 0);
	assert_names(fixture, names, 1);
}

static void open__refuses_two_of_one_name(void **state)
{
	static const char *const files[] = { "a/x", "b/x" };
	static const char *const mixed[] = { "y", "a/x", "c/x" };
	static const char *const same[] = { "y", "./y" };
	static const char *const contents[] = { ".", "b/y" };
	static const char *const two_contents[] = { "a/.", "b/." };
	static const char *const fine[] = { "a/.", "y", "b" };
	struct fixture *fixture = *state;

	write_file(fixture, "a/x");
	write_file(fixture, "b/x");
	write_file(fixture, "b/y");
	write_file(fixture, "c/x/file");
	write_file(fixture, "y");
	assert_int_equal(walk(fixture, files, 2), -EEXIST);
	assert_string_equal(fixture->sentence, "a/x and b/x would both be stored as x; "
					       "export them one after the other");
	assert_int_equal(walk(fixture, mixed, 3), -EEXIST);
	assert_int_equal(walk(fixture, same, 2), -EEXIST);
	assert_int_equal(walk(fixture, contents, 2), -EEXIST);
	assert_non_null(strstr(fixture->sentence, "stored as y"));
	assert_int_equal(walk(fixture, two_contents, 2), -EEXIST);
	assert_int_equal(walk(fixture, fine, 3), 0);
	assert_int_equal(dps_source_count(fixture->source), 4);
}

static void open__skips_and_names_what_is_not_a_file(void **state)
{
	static const char *const names[] = { "tree/file", "tree/sub" };
	struct fixture *fixture = *state;

	write_file(fixture, "tree/file");
	write_file(fixture, "outside/secret");
	write_file(fixture, "tree/.dpdk-streamd/00/0");
	assert_int_equal(mkdirat(fixture->disk.fd, "tree/sub", 0700), 0);
	assert_int_equal(symlinkat("../../outside", fixture->disk.fd, "tree/sub/link"), 0);
	assert_int_equal(mkfifoat(fixture->disk.fd, "tree/fi\nfo", 0600), 0);
	assert_int_equal(walk_one(fixture, "tree"), 0);
	assert_names(fixture, names, 2);
	assert_int_equal(dps_source_totals(fixture->source)->skipped, 3);
	assert_int_equal(dps_source_totals(fixture->source)->failed, 0);
	assert_non_null(strstr(fixture->troubles, "skipped tree/sub/link is a symlink\n"));
	assert_non_null(
		strstr(fixture->troubles, "skipped tree/fi\\x0afo is not a regular file\n"));
	assert_non_null(strstr(fixture->troubles,
			       "skipped tree/.dpdk-streamd is a collector's staging folder\n"));
}

/* In a child that is nobody: 0 when what may not be read is named and the rest is listed. */
static int run_as_nobody(struct fixture *fixture)
{
	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return 1;
	if (walk_one(fixture, "tree") != 0)
		return 2;
	if (dps_source_count(fixture->source) != 1 ||
	    strcmp(dps_source_name(fixture->source, 0), "tree/file") != 0)
		return 3;
	if (dps_source_totals(fixture->source)->failed != 1 ||
	    strcmp(fixture->troubles, "failed tree/locked may not be accessed by this user\n") != 0)
		return 4;
	if (walk_one(fixture, "tree/locked") != -EACCES ||
	    strcmp(fixture->sentence, "tree/locked may not be accessed by this user") != 0)
		return 5;
	if (walk_one(fixture, "unreadable") != -EACCES)
		return 6;
	return 0;
}

static void open__names_what_it_may_not_read(void **state)
{
	struct fixture *fixture = *state;
	int status;
	pid_t child;

	write_file(fixture, "tree/file");
	write_file(fixture, "tree/locked/file");
	write_file(fixture, "unreadable");
	assert_int_equal(fchmod(fixture->disk.fd, 0755), 0);
	assert_int_equal(fchmodat(fixture->disk.fd, "tree/locked", 0, 0), 0);
	assert_int_equal(fchmodat(fixture->disk.fd, "unreadable", 0, 0), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(run_as_nobody(fixture));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(fchmodat(fixture->disk.fd, "tree/locked", 0700, 0), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void open__walks_deep_and_wide_trees(void **state)
{
	enum {
		DEPTH = 500,
		WIDTH = 3000,
	};
	struct fixture *fixture = *state;
	int fd = dup(fixture->disk.fd);
	char name[32];

	for (unsigned int i = 0; i < DEPTH; i++) {
		int below_fd;

		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		below_fd = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = below_fd;
	}
	for (unsigned int i = 0; i < WIDTH; i++) {
		snprintf(name, sizeof(name), "%04u", WIDTH - 1 - i);
		assert_int_equal(mknodat(fd, name, S_IFREG | 0600, 0), 0);
	}
	close(fd);
	assert_int_equal(walk_one(fixture, "d"), 0);
	assert_int_equal(dps_source_count(fixture->source), WIDTH);
	for (unsigned int i = 0; i < WIDTH; i++) {
		const char *found = dps_source_name(fixture->source, i);

		snprintf(name, sizeof(name), "d/%04u", i);
		assert_string_equal(found + strlen(found) - strlen(name), name);
	}
}

static void open__ten_thousand_paths_take_few_descriptors(void **state)
{
	enum {
		FILES = 2000,
	};
	struct fixture *fixture = *state;
	char(*names)[16] = calloc(FILES, sizeof(*names));
	const char **paths = calloc(FILES, sizeof(*paths));
	int fd;

	for (unsigned int i = 0; i < FILES; i++) {
		snprintf(names[i], sizeof(names[i]), "many/%u", i);
		scratch_write(&fixture->disk, names[i], "", 0);
		paths[i] = names[i];
	}
	assert_int_equal(walk(fixture, paths, FILES), 0);
	assert_int_equal(dps_source_count(fixture->source), FILES);
	fd = dup(0);
	assert_true(fd < 64);
	close(fd);
	free(paths);
	free(names);
}

static void open_file__is_direct_where_the_file_system_can(void **state)
{
	struct fixture *fixture = *state;
	bool is_direct;
	int probe;
	int fd;

	write_file(fixture, "file");
	probe = openat(fixture->disk.fd, "file", O_RDONLY | O_DIRECT);
	assert_int_equal(walk_one(fixture, "file"), 0);
	fd = dps_source_open_file(fixture->source, 0, DPS_WISH_DIRECT, &is_direct);
	assert_true(fd >= 0);
	assert_int_equal(is_direct, probe >= 0);
	assert_int_equal((fcntl(fd, F_GETFL) & O_DIRECT) != 0, is_direct);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	if (probe >= 0)
		close(probe);
}

static int reopen(struct fixture *fixture)
{
	bool is_direct;
	int fd = dps_source_open_file(fixture->source, 0, DPS_WISH_CACHED, &is_direct);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

static void open_file__notices_what_changed_since_the_walk(void **state)
{
	struct fixture *fixture = *state;

	write_file(fixture, "tree/sub/file");
	write_file(fixture, "other/file");
	assert_int_equal(walk_one(fixture, "tree"), 0);
	assert_int_equal(reopen(fixture), 0);

	scratch_write(&fixture->disk, "tree/sub/file", "longer than before", 18);
	assert_int_equal(reopen(fixture), -ESTALE);

	assert_int_equal(unlinkat(fixture->disk.fd, "tree/sub/file", 0), 0);
	assert_int_equal(reopen(fixture), -ENOENT);
	assert_int_equal(mkfifoat(fixture->disk.fd, "tree/sub/file", 0600), 0);
	assert_int_equal(reopen(fixture), -ESTALE);
	assert_int_equal(unlinkat(fixture->disk.fd, "tree/sub/file", 0), 0);
	assert_int_equal(symlinkat("../../other/file", fixture->disk.fd, "tree/sub/file"), 0);
	assert_int_equal(reopen(fixture), -ELOOP);

	assert_int_equal(renameat(fixture->disk.fd, "tree/sub", fixture->disk.fd, "moved"), 0);
	assert_int_equal(symlinkat("../other", fixture->disk.fd, "tree/sub"), 0);
	assert_int_equal(reopen(fixture), -ELOOP);
}

static void check__notices_what_changed_while_it_was_read(void **state)
{
	static const struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct fixture *fixture = *state;
	const struct dps_source_entry *entry;
	struct timespec back[2] = { { 0, UTIME_OMIT }, { 0, 0 } };
	bool is_direct;
	int fd;

	write_file(fixture, "file");
	assert_int_equal(walk_one(fixture, "file"), 0);
	entry = dps_source_at(fixture->source, 0);
	fd = dps_source_open_file(fixture->source, 0, DPS_WISH_CACHED, &is_direct);
	assert_int_equal(dps_source_check(fixture->source, 0, fd), 0);

	/* Written in place and its time put back: only the ctime tells. */
	assert_int_equal(utimensat(fixture->disk.fd, "file", now, 0), 0);
	back[1].tv_sec = entry->mtime_ns / 1000000000;
	back[1].tv_nsec = entry->mtime_ns % 1000000000;
	do {
		struct stat status;

		/* The kernel's clock ticks in milliseconds; wait until it has. */
		assert_int_equal(utimensat(fixture->disk.fd, "file", back, 0), 0);
		assert_int_equal(fstat(fd, &status), 0);
		if (status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec != entry->ctime_ns)
			break;
	} while (true);
	assert_int_equal(dps_source_check(fixture->source, 0, fd), -ESTALE);
	assert_int_equal(ftruncate(fd, 1), -1);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open__a_folder_keeps_its_last_name),
		TEST(open__a_dot_gives_the_contents),
		TEST(open__a_file_gives_its_last_name_in_the_order_asked),
		TEST(open__keeps_size_and_times),
		TEST(open__says_what_is_wrong_with_a_path),
		TEST(open__a_symlinked_parent_is_the_users_own),
		TEST(open__refuses_two_of_one_name),
		TEST(open__skips_and_names_what_is_not_a_file),
		TEST(open__names_what_it_may_not_read),
		TEST(open__walks_deep_and_wide_trees),
		TEST(open__ten_thousand_paths_take_few_descriptors),
		TEST(open_file__is_direct_where_the_file_system_can),
		TEST(open_file__notices_what_changed_since_the_walk),
		TEST(check__notices_what_changed_while_it_was_read),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
