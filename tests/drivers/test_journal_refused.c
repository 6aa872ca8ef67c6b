/* SPDX-License-Identifier: BSD-3-Clause */
/* Journals that others wrote or edited, in places that can not be written, on disks that fill. */
#include "tests/support/cmocka.h"
#include "tests/support/journals.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* ---- places: in a child, since they change what the process may do ---- */

struct report {
	int error;
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
};

/* What act finds out in a child. */
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

	if (setgid(65534) != 0 || setuid(65534) != 0)
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

/* A small tmpfs over the scratch folder, in a mount namespace that ends with the child. */
static bool mount_small(const struct scratch *disk, struct scratch *small)
{
	*small = *disk;
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", disk->path, "tmpfs", 0, "size=256k") != 0)
		return false;
	small->fd = open(disk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return small->fd >= 0;
}

static void must(bool is_so, int line)
{
	if (!is_so) {
		fprintf(stderr, "line %d\n", line);
		_exit(1);
	}
}
#define MUST(condition) must(condition, __LINE__)

static void open_on_read_only(const struct scratch *disk, struct report *report)
{
	struct scratch small;
	struct dps_journal *journal;

	report->error = 1;
	if (!mount_small(disk, &small))
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
	if (!mount_small(disk, &small))
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
		cmocka_unit_test(open__refuses_what_we_did_not_write),
		cmocka_unit_test(read__refuses_rows_that_we_did_not_write),
		cmocka_unit_test(open__refuses_what_is_no_file_of_its_folder),
		cmocka_unit_test(open__says_who_may_not_write),
		cmocka_unit_test(open__says_that_the_disk_is_read_only),
		cmocka_unit_test(commit__says_that_a_limit_is_reached),
		cmocka_unit_test(commit__says_that_the_disk_is_full_and_goes_on_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
