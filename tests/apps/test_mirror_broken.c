/* SPDX-License-Identifier: BSD-3-Clause */
/* Mirrors that are no longer what was written: named, with what to do, and left as they are. */
#include "apps/dpdk-streamd/mirror.h"
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

enum {
	VERSION_AT = 60, /* in the head of a database */
	NOBODY = 65534,
};

struct fixture {
	struct scratch disk;
	char folder[300];
	struct dps_options options;
	struct dps_mirror mirror;
	char sentence[DPS_MIRROR_SENTENCE_BYTES];
};

static const struct dps_transfer_id id = { { 4, 7, 1, 1 } };

static int open_mirror(struct fixture *fixture)
{
	return dps_mirror_open(&fixture->mirror, &fixture->options, fixture->sentence);
}

/* A mirror that knows a transfer of this command. */
static int set_up(void **state)
{
	static char *paths[] = { "/data/src" };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const struct dps_mirror_key *key = &fixture->mirror.key;

	scratch_create(&fixture->disk, SCRATCH_DISK);
	snprintf(fixture->folder, sizeof(fixture->folder), "%s/state", fixture->disk.path);
	fixture->options = (struct dps_options){ .paths = paths, .paths_count = 1 };
	fixture->options.state = fixture->folder;
	snprintf(fixture->options.to.host, sizeof(fixture->options.to.host), "collector");
	assert_int_equal(open_mirror(fixture), 0);
	assert_int_equal(dps_journal_begin(fixture->mirror.journal), 0);
	assert_int_equal(dps_journal_put_transfer(fixture->mirror.journal,
						  &(struct dps_journal_transfer){
							  .id = id,
							  .key = key->bytes,
							  .key_bytes = key->count,
							  .chunk_bytes = 65536,
							  .total_files = 1,
							  .total_bytes = DPS_JOURNAL_UNKNOWN,
							  .state = DPS_JOURNAL_TRANSFER_ACTIVE,
						  }),
			 0);
	assert_int_equal(dps_journal_commit(fixture->mirror.journal), 0);
	dps_mirror_close(&fixture->mirror);
	assert_int_equal(open_mirror(fixture), 0);
	assert_true(fixture->mirror.is_found);
	assert_memory_equal(&fixture->mirror.id, &id, sizeof(id));
	dps_mirror_close(&fixture->mirror);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

/* Refused, in a sentence with the file's name and these words; and no byte of it changed. */
static void expect_refused(struct fixture *fixture, int error, const char *words)
{
	size_t before_bytes = 0, after_bytes = 0;
	uint8_t *before = scratch_read(&fixture->disk, "state/mirror", &before_bytes), *after;

	assert_int_equal(open_mirror(fixture), error);
	assert_null(fixture->mirror.journal);
	assert_false(fixture->mirror.is_found);
	if (!strstr(fixture->sentence, words) || !strstr(fixture->sentence, "/state/mirror"))
		fail_msg("no \"%s\" in: %s", words, fixture->sentence);
	dps_mirror_close(&fixture->mirror);
	after = scratch_read(&fixture->disk, "state/mirror", &after_bytes);
	assert_non_null(before);
	assert_non_null(after);
	assert_int_equal(before_bytes, after_bytes);
	assert_memory_equal(before, after, before_bytes);
	free(before);
	free(after);
}

static void spoil(struct fixture *fixture, off_t at, const void *bytes, size_t count)
{
	int fd = openat(fixture->disk.fd, "state/mirror", O_WRONLY);

	assert_int_equal(pwrite(fd, bytes, count, at), (ssize_t)count);
	close(fd);
}

static void cut(struct fixture *fixture, off_t bytes)
{
	int fd = openat(fixture->disk.fd, "state/mirror", O_WRONLY);

	assert_int_equal(ftruncate(fd, bytes), 0);
	close(fd);
}

static void open__of_what_is_no_database_is_refused(void **state)
{
	struct fixture *fixture = *state;
	uint8_t noise[4096];

	memset(noise, 0x5a, sizeof(noise));
	spoil(fixture, 0, noise, sizeof(noise));
	expect_refused(fixture, -EUCLEAN, "damaged");
}

static void open__of_a_cut_one_is_refused_wherever_it_was_cut(void **state)
{
	static const off_t cuts[] = { 0, 1, 100, 4095, 4096, 4097, 8192 };

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		if (i > 0)
			set_up(state);
		cut(*state, cuts[i]);
		expect_refused(*state, -EUCLEAN, "damaged");
		if (i + 1 < sizeof(cuts) / sizeof(cuts[0]))
			tear_down(state);
	}
}

static void open__of_a_newer_version_is_refused(void **state)
{
	static const uint8_t newer[] = { 0, 0, 0x12, 0x67 };

	spoil(*state, VERSION_AT, newer, sizeof(newer));
	expect_refused(*state, -EPROTONOSUPPORT, "newer version");
}

/* As an ordinary user, since root may write anything. */
static void open__of_one_that_may_not_be_written_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char path[320];
	int status;
	pid_t child;

	snprintf(path, sizeof(path), "%s/mirror", fixture->folder);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(chmod(fixture->disk.path, 0755), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(fixture->folder, NOBODY, NOBODY), 0);
		assert_int_equal(chmod(fixture->folder, 0755), 0);
		snprintf(path, sizeof(path), "%s/exporters.lock", fixture->folder);
		assert_int_equal(chown(path, NOBODY, NOBODY), 0);
	}
	child = fork();
	if (child == 0) {
		if (geteuid() == 0 && setuid(NOBODY) != 0)
			_exit(77);
		/* Where it may not even come to the folder nothing is to be seen. */
		if (access(fixture->folder, W_OK) != 0)
			_exit(77);
		expect_refused(fixture, -EACCES, "may not be read and written");
		_exit(7);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open__of_what_is_no_database_is_refused),
		TEST(open__of_a_cut_one_is_refused_wherever_it_was_cut),
		TEST(open__of_a_newer_version_is_refused),
		TEST(open__of_one_that_may_not_be_written_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
