/* SPDX-License-Identifier: BSD-3-Clause */
/* The index of a journal's WAL on disks with no room for it, or for some of it. Needs root. */
#include "tests/support/cmocka.h"
#include "tests/support/journals.h"
#include "tests/support/must.h"
#include "tests/support/small_disk.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	DISK_BYTES = 4 << 20,
	BLOCK_BYTES = 1024, /* less than a page of memory: a file can have part of one */
	/* More than 36, which an index and a commit need. */
	ROOM_BLOCKS_MAX = 48,
	CANNOT_MOUNT = 99,
};

static const struct dps_transfer_id id = { { 7 } };

/* Takes all blocks but so many. */
static void leave(const struct scratch *small, unsigned int blocks)
{
	static const uint8_t block[BLOCK_BYTES];
	int fd = openat(small->fd, "filler", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	off_t bytes = 0;

	MUST(fd >= 0);
	while (write(fd, block, BLOCK_BYTES) == BLOCK_BYTES)
		bytes += BLOCK_BYTES;
	MUST(errno == ENOSPC && fsync(fd) == 0);
	MUST(ftruncate(fd, bytes - (off_t)blocks * BLOCK_BYTES) == 0 && fsync(fd) == 0);
	close(fd);
}

static int commit(struct dps_journal *journal)
{
	int err = dps_journal_begin(journal);

	if (err < 0)
		return err;
	journals_put_transfer(journal, &id, "key", 1);
	return dps_journal_commit(journal);
}

/* Opens it and writes, in a process of its own that is not ended by a signal: what it answered. */
static int try_it(const struct scratch *small)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		char sentence[DPS_JOURNAL_SENTENCE_BYTES];
		struct dps_journal *journal;
		int err;

		signal(SIGBUS, SIG_DFL); /* cmocka's would go on with the next test */
		err = journals_try(small, &journal, sentence);
		if (err == 0)
			err = commit(journal);
		/* As a kill does: what is in the WAL is gone through by the next one. */
		_exit(-err);
	}
	MUST(waitpid(child, &status, 0) == child);
	if (WIFSIGNALED(status))
		fprintf(stderr, "signal %d\n", WTERMSIG(status));
	MUST(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void try_all(const struct scratch *disk, const char *kind)
{
	unsigned int refused = 0, done = 0;
	struct scratch small;

	if (!small_disk_of_image(disk, kind, DISK_BYTES, BLOCK_BYTES, &small))
		_exit(CANNOT_MOUNT);
	/* The file and the WAL have what they need; only the index is new each time. */
	MUST(try_it(&small) == 0);
	for (unsigned int room = 0; room <= ROOM_BLOCKS_MAX; room++) {
		int err;

		(void)unlinkat(small.fd, JOURNALS_NAME "-shm", 0);
		leave(&small, room);
		err = try_it(&small);
		MUST(err == 0 || err == -ENOSPC);
		refused += err != 0;
		done += err == 0;
	}
	MUST(refused > 0 && done > 0);
	_exit(0);
}

static void index__that_finds_no_room_is_an_error(void **state)
{
	static const char *const kinds[] = { "ext2", "ext4" };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct scratch disk;
		int status;
		pid_t child;

		scratch_create(&disk, SCRATCH_DISK);
		child = fork();
		if (child == 0)
			try_all(&disk, kinds[i]);
		assert_int_equal(waitpid(child, &status, 0), child);
		scratch_remove(&disk);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == CANNOT_MOUNT) {
			print_message("skipped: no %s can be mounted here\n", kinds[i]);
			skip();
		}
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(index__that_finds_no_room_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
