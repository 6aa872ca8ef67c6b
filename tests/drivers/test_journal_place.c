/* SPDX-License-Identifier: BSD-3-Clause */
/* Journals in places that can not be written, and on disks that fill. */
#include "tests/support/cmocka.h"
#include "tests/support/journals.h"
#include "tests/support/must.h"
#include "tests/support/small_disk.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL_BYTES = 256 << 10 };

static const struct dps_transfer_id id = { { 7 } };

/* The folder's name may come to mean another folder while the journal is open. */
static void open__stays_in_the_folder_that_it_was_given(void **state)
{
	char moved[300];
	struct scratch disk;
	struct dps_journal *journal;

	(void)state;
	scratch_create(&disk, SCRATCH_DISK);
	journal = journals_open(&disk);
	snprintf(moved, sizeof(moved), "%s-moved", disk.path);
	assert_int_equal(rename(disk.path, moved), 0);
	assert_int_equal(mkdir(disk.path, 0700), 0);
	assert_int_equal(dps_journal_begin(journal), 0);
	journals_put_transfer(journal, &id, "key", 1);
	assert_int_equal(dps_journal_commit(journal), 0);
	dps_journal_close(journal);
	assert_int_equal(faccessat(disk.fd, JOURNALS_NAME "-wal", F_OK, 0), -1);
	/* Nothing came to the other one. */
	assert_int_equal(rmdir(disk.path), 0);
	assert_int_equal(rename(moved, disk.path), 0);
	scratch_remove(&disk);
}

struct report {
	int error;
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
};

/* What act finds out in a child: it changes what a process may do, and where. */
static struct report in_child(void (*act)(const struct scratch *disk, struct report *report),
			      const struct scratch *disk)
{
	struct report *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct report report;
	int status;
	pid_t child = fork();

	if (child == 0) {
		act(disk, shared);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	report = *shared;
	munmap(shared, sizeof(*shared));
	return report;
}

static void open_as_nobody(const struct scratch *disk, struct report *report)
{
	struct dps_journal *journal;

	if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
		_exit(1);
	report->error = journals_try(disk, &journal, report->sentence);
	if (report->error == 0)
		dps_journal_close(journal);
}

static void open__says_who_may_not_write(void **state)
{
	static const struct {
		mode_t folder, file;
		int error;
	} places[] = {
		{ 0777, 0666, 0 },	 { 0755, 0666, -EACCES }, { 0777, 0644, -EACCES },
		{ 0777, 0600, -EACCES }, { 0755, 0, -EACCES }, /* none yet, and none can be made */
	};

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only root can become another user\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct scratch disk;
		struct report report;

		scratch_create(&disk, SCRATCH_TMPFS);
		if (places[i].file != 0) {
			dps_journal_close(journals_open(&disk));
			assert_int_equal(fchmodat(disk.fd, JOURNALS_NAME, places[i].file, 0), 0);
		}
		assert_int_equal(fchmod(disk.fd, places[i].folder), 0);
		report = in_child(open_as_nobody, &disk);
		assert_int_equal(report.error, places[i].error);
		if (report.error < 0) {
			assert_non_null(strstr(report.sentence, disk.path));
			assert_non_null(strstr(report.sentence, "owner or mode"));
		}
		scratch_remove(&disk);
	}
}

static void open_on_read_only(const struct scratch *disk, struct report *report)
{
	struct scratch small;
	struct dps_journal *journal;

	report->error = 1;
	if (!small_disk_of_memory(disk, SMALL_BYTES, &small))
		return;
	MUST(journals_try(&small, &journal, report->sentence) == 0);
	dps_journal_close(journal);
	MUST(mount(NULL, disk->path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	report->error = journals_try(&small, &journal, report->sentence);
}

static void open__says_that_the_disk_is_read_only(void **state)
{
	struct scratch disk;
	struct report report;

	(void)state;
	scratch_create(&disk, SCRATCH_DISK);
	report = in_child(open_on_read_only, &disk);
	scratch_remove(&disk);
	if (report.error == 1) {
		print_message("skipped: nothing can be mounted here\n");
		skip();
	}
	assert_int_equal(report.error, -EROFS);
	assert_non_null(strstr(report.sentence, "for writing"));
}

/* Commits until one fails: what that one said, and how many there were. */
static int commit_until_full(struct dps_journal *journal, int64_t *commits)
{
	static struct dps_digest digests[512];
	int err = 0;

	for (*commits = 0; err == 0 && *commits < 10000; *commits += err == 0) {
		const struct dps_journal_transfer transfer = {
			.id = id,
			.chunk_bytes = 1,
			.total_files = DPS_JOURNAL_UNKNOWN,
			.total_bytes = DPS_JOURNAL_UNKNOWN,
			.state = DPS_JOURNAL_TRANSFER_ACTIVE,
			.touched_at_s = *commits + 1,
		};

		err = dps_journal_begin(journal);
		if (err != 0)
			break;
		(void)dps_journal_put_transfer(journal, &transfer);
		(void)dps_journal_add_pieces(journal, &id, 0, (uint64_t)*commits * 512, digests,
					     512);
		err = dps_journal_commit(journal);
	}
	return err;
}

static void check_commits(struct dps_journal *journal, int64_t commits)
{
	struct dps_journal_transfer transfer;
	uint64_t pieces;

	MUST(dps_journal_find_transfer(journal, &id, &transfer) == 0);
	MUST(transfer.touched_at_s == commits);
	MUST(dps_journal_count_pieces(journal, &id, 0, &pieces) == 0);
	MUST(pieces == (uint64_t)commits * 512);
}

static void fill_limited(const struct scratch *disk, struct report *report)
{
	const struct rlimit limit = { 1 << 20, RLIM_INFINITY };
	struct dps_journal *journal;
	int64_t commits;

	signal(SIGXFSZ, SIG_IGN);
	MUST(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	MUST(journals_try(disk, &journal, report->sentence) == 0);
	report->error = commit_until_full(journal, &commits);
	snprintf(report->sentence, sizeof(report->sentence), "%s", dps_journal_trouble(journal));
	MUST(commits > 10);
	check_commits(journal, commits);
	dps_journal_close(journal);
	MUST(journals_try(disk, &journal, report->sentence + 512) == 0);
	check_commits(journal, commits);
	dps_journal_close(journal);
}

static void commit__says_that_a_limit_is_reached(void **state)
{
	struct scratch disk;
	struct report report;

	(void)state;
	scratch_create(&disk, SCRATCH_DISK);
	report = in_child(fill_limited, &disk);
	assert_int_equal(report.error, -ENOSPC);
	assert_non_null(strstr(report.sentence, "make room"));
	scratch_remove(&disk);
}

static void write_ballast(const struct scratch *disk)
{
	int fd = openat(disk->fd, "ballast", O_WRONLY | O_CREAT, 0600);
	static const char page[4096];

	while (write(fd, page, sizeof(page)) > 0)
		continue;
	close(fd);
}

/* A disk that fills, refuses to open, and empties again. */
static void fill_small(const struct scratch *disk, struct report *report)
{
	struct dps_journal *journal;
	struct scratch small;
	int64_t commits, more;

	report->error = 1;
	if (!small_disk_of_memory(disk, SMALL_BYTES, &small))
		return;
	write_ballast(&small);
	MUST(journals_try(&small, &journal, report->sentence) == -ENOSPC);
	MUST(strstr(report->sentence, "make room") != NULL);
	MUST(faccessat(small.fd, JOURNALS_NAME, F_OK, 0) != 0);

	MUST(unlinkat(small.fd, "ballast", 0) == 0);
	MUST(journals_try(&small, &journal, report->sentence) == 0);
	report->error = commit_until_full(journal, &commits);
	MUST(commits > 0);
	check_commits(journal, commits);

	/* Room comes from elsewhere: the same journal goes on. */
	MUST(mount(NULL, disk->path, NULL, MS_REMOUNT, "size=4m") == 0);
	MUST(dps_journal_begin(journal) == 0);
	MUST(dps_journal_touch_transfer(journal, &id, commits) == 0);
	MUST(dps_journal_commit(journal) == 0);
	check_commits(journal, commits);
	dps_journal_close(journal);

	/* Full again, and a journal that is there. */
	write_ballast(&small);
	MUST(journals_try(&small, &journal, report->sentence) == -ENOSPC);
	MUST(unlinkat(small.fd, "ballast", 0) == 0);
	MUST(journals_try(&small, &journal, report->sentence) == 0);
	check_commits(journal, commits);
	MUST(commit_until_full(journal, &more) == -ENOSPC);
	dps_journal_close(journal);
}

static void commit__says_that_the_disk_is_full_and_goes_on_later(void **state)
{
	struct scratch disk;
	struct report report;

	(void)state;
	scratch_create(&disk, SCRATCH_DISK);
	report = in_child(fill_small, &disk);
	scratch_remove(&disk);
	if (report.error == 1) {
		print_message("skipped: nothing can be mounted here\n");
		skip();
	}
	assert_int_equal(report.error, -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__stays_in_the_folder_that_it_was_given),
		cmocka_unit_test(open__says_who_may_not_write),
		cmocka_unit_test(open__says_that_the_disk_is_read_only),
		cmocka_unit_test(commit__says_that_a_limit_is_reached),
		cmocka_unit_test(commit__says_that_the_disk_is_full_and_goes_on_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
