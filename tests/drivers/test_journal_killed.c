/* SPDX-License-Identifier: BSD-3-Clause */
/* Journals of processes that are killed at any instant, and of processes that share one. */
#include "tests/support/cmocka.h"
#include "tests/support/journals.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	KILLS = 20,
	BIRTHS = 40,   /* kills while the journal is being made */
	RUN = 4 * 256, /* pieces of a commit: several pages, so that checkpoints happen */
	STRANGERS = 3, /* processes that share a mirror */
	STRANGE_COMMITS = 40,
};

static const struct dps_transfer_id id = { { 5 } };

static struct dps_digest digest_of(uint64_t piece)
{
	struct dps_digest digest = { { 0 } };

	memcpy(digest.bytes, &piece, sizeof(piece));
	return digest;
}

/* In a child: a failure is its exit status. */
static void must(bool is_so)
{
	if (!is_so)
		_exit(1);
}

static uint64_t touched(struct dps_journal *journal)
{
	struct dps_journal_transfer transfer;

	return dps_journal_find_transfer(journal, &id, &transfer) == 0
		       ? (uint64_t)transfer.touched_at_s
		       : 0;
}

static void commit_one(struct dps_journal *journal, uint64_t k)
{
	static struct dps_digest digests[RUN];
	const struct dps_journal_file file = {
		.index = 0, .path = "a", .path_bytes = 1, .state = DPS_JOURNAL_FILE_OPEN
	};

	for (uint64_t i = 0; i < RUN; i++)
		digests[i] = digest_of((k - 1) * RUN + i);
	must(dps_journal_begin(journal) == 0);
	journals_put_transfer(journal, &id, "key", (int64_t)k);
	must(dps_journal_put_files(journal, &id, &file, 1) == 0);
	must(dps_journal_add_pieces(journal, &id, 0, (k - 1) * RUN, digests, RUN) == 0);
	must(dps_journal_commit(journal) == 0);
}

/* Commits for ever, and says so with a byte each. */
static void commit_on(const struct scratch *disk, int told)
{
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	struct dps_journal *journal;
	uint64_t k;

	must(journals_try(disk, &journal, sentence) == 0);
	for (k = touched(journal);;) {
		commit_one(journal, ++k);
		must(write(told, "", 1) == 1);
	}
}

/* SIGKILL, and nothing else has ended it before. */
static void kill_child(pid_t child)
{
	int status;

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static int compare_pieces(void *context, uint64_t first, const struct dps_digest *digests,
			  size_t count)
{
	(void)context;
	for (size_t i = 0; i < count; i++) {
		struct dps_digest digest = digest_of(first + i);

		assert_memory_equal(&digests[i], &digest, sizeof(digest));
	}
	return 0;
}

/* What the journal has by its own account; a commit that is there in part stops the test. */
static uint64_t commits_of(const struct scratch *disk)
{
	struct dps_journal *journal = journals_open(disk);
	uint64_t commits = touched(journal), pieces;

	assert_int_equal(dps_journal_count_pieces(journal, &id, 0, &pieces), 0);
	assert_int_equal(pieces, commits * RUN);
	assert_int_equal(dps_journal_read_pieces(journal, &id, 0, compare_pieces, NULL), 0);
	dps_journal_close(journal);
	return commits;
}

static void commit__outlives_a_kill_at_any_instant(void **state)
{
	struct scratch disk;
	uint64_t commits = 0;

	(void)state;
	scratch_create(&disk, SCRATCH_DISK);
	for (int i = 0; i < KILLS; i++) {
		uint64_t told = 0, now;
		int pipe_fds[2];
		pid_t child;
		char byte;

		assert_int_equal(pipe(pipe_fds), 0);
		child = fork();
		if (child == 0)
			commit_on(&disk, pipe_fds[1]);
		close(pipe_fds[1]);
		/* Now and then past a checkpoint, which comes after 1000 pages. */
		while (told < (i % 5 == 0 ? 250 : (uint64_t)i % 7) &&
		       read(pipe_fds[0], &byte, 1) == 1)
			told++;
		kill_child(child);
		while (read(pipe_fds[0], &byte, 1) == 1)
			told++;
		close(pipe_fds[0]);
		now = commits_of(&disk);
		/* One may have been committed and not told of. */
		assert_in_range(now, commits + told, commits + told + 1);
		commits = now;
	}
	scratch_remove(&disk);
}

static void spin_us(long us)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - begin.tv_sec) * 1000000 + (now.tv_nsec - begin.tv_nsec) / 1000 < us);
}

static void open__outlives_a_kill_while_it_makes_one(void **state)
{
	(void)state;
	for (int i = 0; i < BIRTHS; i++) {
		struct scratch disk;
		int pipe_fds[2];
		pid_t child;

		scratch_create(&disk, SCRATCH_DISK);
		assert_int_equal(pipe(pipe_fds), 0);
		child = fork();
		if (child == 0)
			commit_on(&disk, pipe_fds[1]);
		spin_us(i * 100);
		kill_child(child);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		(void)commits_of(&disk);
		scratch_remove(&disk);
	}
}

/* ---- processes that share one ---- */

static int open_mirror(const struct scratch *disk, unsigned int busy_ms,
		       struct dps_journal **journal, char *sentence)
{
	const struct dps_journal_config config = {
		.folder_fd = disk->fd,
		.folder = disk->path,
		.name = "mirror",
		.sync = DPS_JOURNAL_SYNC_NORMAL,
		.busy_ms = busy_ms,
	};

	return dps_journal_open(journal, &config, sentence);
}

/* Reads and writes what it read plus one: none is lost if no one else writes between. */
static void count_up(const struct scratch *disk)
{
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	struct dps_journal *journal;

	must(open_mirror(disk, 20000, &journal, sentence) == 0);
	for (int i = 0; i < STRANGE_COMMITS; i++) {
		must(dps_journal_begin(journal) == 0);
		journals_put_transfer(journal, &id, "key", (int64_t)touched(journal) + 1);
		must(dps_journal_commit(journal) == 0);
	}
	dps_journal_close(journal);
	_exit(0);
}

static void mirror__is_shared_by_processes(void **state)
{
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	struct dps_journal *journal;
	pid_t children[STRANGERS];
	struct scratch disk;

	(void)state;
	scratch_create(&disk, SCRATCH_DISK);
	/* They make it at the same time, too. */
	for (int i = 0; i < STRANGERS; i++) {
		children[i] = fork();
		if (children[i] == 0)
			count_up(&disk);
	}
	for (int i = 0; i < STRANGERS; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(open_mirror(&disk, 0, &journal, sentence), 0);
	assert_int_equal(touched(journal), STRANGERS * STRANGE_COMMITS);
	dps_journal_close(journal);
	scratch_remove(&disk);
}

static void begin__is_busy_while_another_writes(void **state)
{
	char sentence[DPS_JOURNAL_SENTENCE_BYTES];
	struct dps_journal *one, *other;
	struct scratch disk;

	(void)state;
	scratch_create(&disk, SCRATCH_DISK);
	assert_int_equal(open_mirror(&disk, 0, &one, sentence), 0);
	assert_int_equal(open_mirror(&disk, 1, &other, sentence), 0);
	assert_int_equal(dps_journal_begin(one), 0);
	journals_put_transfer(one, &id, "key", 7);
	assert_int_equal(dps_journal_begin(other), -EBUSY);
	assert_non_null(strstr(dps_journal_trouble(other), "another process"));
	/* Reading goes on, of what is committed. */
	assert_int_equal(touched(other), 0);
	assert_int_equal(dps_journal_commit(one), 0);
	assert_int_equal(dps_journal_begin(other), 0);
	assert_int_equal(touched(other), 7);
	dps_journal_roll_back(other);
	dps_journal_close(one);
	assert_int_equal(touched(other), 7);
	dps_journal_close(other);
	scratch_remove(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commit__outlives_a_kill_at_any_instant),
		cmocka_unit_test(open__outlives_a_kill_while_it_makes_one),
		cmocka_unit_test(mirror__is_shared_by_processes),
		cmocka_unit_test(begin__is_busy_while_another_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
