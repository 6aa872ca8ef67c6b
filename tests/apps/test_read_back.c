/* SPDX-License-Identifier: BSD-3-Clause */
/* What the disk gives back of a file that was verified when it came. */
#include "apps/dpdk-streamd/checkpoint.h"
#include "apps/dpdk-streamd/digester.h"
#include "drivers/store/read_back.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 65536 };

struct fixture {
	struct scratch disk;
	struct dps_staging staging;
	struct dps_staging_folder folder;
	struct dps_staged_file file;
	struct dps_read_back read_back;
	atomic_bool stop;
};

static int set_up_on(void **state, enum scratch_place place)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_staging_config config = { 0 };
	char sentence[DPS_STAGING_SENTENCE_BYTES];

	scratch_create(&fixture->disk, place);
	config.into = fixture->disk.path;
	assert_int_equal(dps_staging_open(&fixture->staging, &config, sentence), 0);
	fixture->folder = (struct dps_staging_folder){ .id = { { 7 } }, .fd = -1 };
	assert_int_equal(dps_staging_own_folder(&fixture->staging, &fixture->folder), 0);
	fixture->read_back = (struct dps_read_back){
		.chunk_bytes = CHUNK,
		.stop = &fixture->stop,
		.digester = &dps_transfer_digester,
	};
	*state = fixture;
	return 0;
}

static int set_up(void **state)
{
	return set_up_on(state, SCRATCH_DISK);
}

/* Which has no O_DIRECT on most kernels, and no disk. */
static int set_up_tmpfs(void **state)
{
	return set_up_on(state, SCRATCH_TMPFS);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->folder.fd >= 0)
		dps_staging_close_folder(&fixture->folder);
	dps_staging_close(&fixture->staging);
	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

/* A staged file as it came, and what it has to be. */
static void stage(struct fixture *fixture, uint64_t size_bytes)
{
	uint8_t *bytes = malloc(size_bytes + 1);
	struct dps_digest pieces[8];
	size_t count = 0;

	for (uint64_t i = 0; i < size_bytes; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	for (uint64_t at = 0; at < size_bytes; at += CHUNK)
		pieces[count++] = dps_digest_of(bytes + at,
						size_bytes - at < CHUNK ? size_bytes - at : CHUNK);
	dps_transfer_digester.digest_pieces(pieces, count, &fixture->read_back.wanted);
	fixture->read_back.size_bytes = size_bytes;
	assert_int_equal(dps_staging_open_file(&fixture->folder, 3, size_bytes, DPS_WISH_CACHED,
					       false, &fixture->file),
			 0);
	assert_int_equal(pwrite(fixture->file.fd, bytes, size_bytes, 0), (ssize_t)size_bytes);
	assert_int_equal(dps_staging_finish_file(&fixture->file, size_bytes, 0), 0);
	assert_int_equal(fsync(fixture->file.fd), 0);
	free(bytes);
}

static void flip(struct fixture *fixture, uint64_t offset)
{
	uint8_t byte;

	assert_int_equal(pread(fixture->file.fd, &byte, 1, (off_t)offset), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fixture->file.fd, &byte, 1, (off_t)offset), 1);
}

static int read_back(struct fixture *fixture)
{
	return dps_staging_read_back(&fixture->file, &fixture->read_back);
}

static const uint64_t sizes[] = { 1, 4095, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 4097 };

static void read_back__finds_every_size_as_it_was(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		stage(fixture, sizes[i]);
		assert_int_equal(read_back(fixture), 0);
		close(fixture->file.fd);
	}
	stage(fixture, 0);
	assert_int_equal(read_back(fixture), 0);
	close(fixture->file.fd);
}

static void read_back__notices_a_bit_anywhere(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		stage(fixture, sizes[i]);
		flip(fixture, sizes[i] - 1);
		assert_int_equal(read_back(fixture), -EILSEQ);
		flip(fixture, sizes[i] - 1);
		flip(fixture, sizes[i] / 2);
		assert_int_equal(read_back(fixture), -EILSEQ);
		flip(fixture, sizes[i] / 2);
		assert_int_equal(read_back(fixture), 0);
		close(fixture->file.fd);
	}
}

static void read_back__notices_another_length(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		stage(fixture, sizes[i]);
		assert_int_equal(ftruncate(fixture->file.fd, (off_t)sizes[i] - 1), 0);
		assert_int_equal(read_back(fixture), -EILSEQ);
		close(fixture->file.fd);
	}
	stage(fixture, CHUNK + 1);
	assert_int_equal(ftruncate(fixture->file.fd, CHUNK + 2), 0);
	assert_int_equal(read_back(fixture), -EILSEQ);
	close(fixture->file.fd);
}

static void read_back__stops_when_it_has_to(void **state)
{
	struct fixture *fixture = *state;

	stage(fixture, 3 * CHUNK);
	fixture->stop = true;
	assert_int_equal(read_back(fixture), -ECANCELED);
	close(fixture->file.fd);
	assert_int_equal(unlinkat(fixture->folder.fd, "3", 0), 0);
	assert_int_equal(read_back(fixture), -ENOENT);
}

/* ---- in a checkpoint ---- */

static void run_checkpoint(struct fixture *fixture, struct dps_checkpoint *checkpoint)
{
	*checkpoint = (struct dps_checkpoint){
		.staging = &fixture->staging,
		.folder = &fixture->folder,
		.read_back_bytes = CHUNK,
		.must_hurry = &fixture->stop,
	};
	assert_int_equal(dps_checkpoint_reserve(checkpoint, 1), 0);
	checkpoint->items[checkpoint->count++] = (struct dps_checkpoint_item){
		.name = "whole",
		.size_bytes = fixture->read_back.size_bytes,
		.digest = fixture->read_back.wanted,
		.wish = DPS_CHECKPOINT_PUBLISH,
		.staged = fixture->file,
	};
	dps_checkpoint_run(&checkpoint->job);
}

static bool is_there(struct fixture *fixture, const char *name)
{
	return faccessat(fixture->disk.fd, name, F_OK, 0) == 0;
}

static bool is_staged(struct fixture *fixture)
{
	return faccessat(fixture->folder.fd, "3", F_OK, 0) == 0;
}

static void checkpoint__publishes_what_the_disk_has(void **state)
{
	struct fixture *fixture = *state;
	struct dps_checkpoint checkpoint;

	stage(fixture, CHUNK + 5);
	run_checkpoint(fixture, &checkpoint);
	assert_int_equal(checkpoint.items[0].error, 0);
	assert_true(is_there(fixture, "whole"));
	dps_checkpoint_fini(&checkpoint);
}

/* It has neither its name nor a place any more: it has to come again. */
static void checkpoint__publishes_nothing_else(void **state)
{
	struct fixture *fixture = *state;
	struct dps_checkpoint checkpoint;

	stage(fixture, CHUNK + 5);
	flip(fixture, CHUNK);
	run_checkpoint(fixture, &checkpoint);
	assert_int_equal(checkpoint.items[0].error, -EILSEQ);
	assert_false(is_there(fixture, "whole"));
	assert_false(is_staged(fixture));
	dps_checkpoint_fini(&checkpoint);
}

static void checkpoint__in_a_hurry_leaves_it_staged(void **state)
{
	struct fixture *fixture = *state;
	struct dps_checkpoint checkpoint;

	stage(fixture, CHUNK + 5);
	fixture->stop = true;
	run_checkpoint(fixture, &checkpoint);
	assert_int_equal(checkpoint.items[0].wish, DPS_CHECKPOINT_CLOSE);
	assert_int_equal(checkpoint.items[0].error, 0);
	assert_false(is_there(fixture, "whole"));
	assert_true(is_staged(fixture));
	dps_checkpoint_fini(&checkpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_TMPFS(name) cmocka_unit_test_setup_teardown(name, set_up_tmpfs, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read_back__finds_every_size_as_it_was),
		TEST_TMPFS(read_back__finds_every_size_as_it_was),
		TEST(read_back__notices_a_bit_anywhere),
		TEST_TMPFS(read_back__notices_a_bit_anywhere),
		TEST(read_back__notices_another_length),
		TEST(read_back__stops_when_it_has_to),
		TEST(checkpoint__publishes_what_the_disk_has),
		TEST(checkpoint__publishes_nothing_else),
		TEST(checkpoint__in_a_hurry_leaves_it_staged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
