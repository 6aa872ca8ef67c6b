/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/store/sweep.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ONE DPS_STAGING_FOLDER "/000102030405060708090a0b0c0d0e0f"
#define TWO DPS_STAGING_FOLDER "/ffffffffffffffffffffffffffffffff"

static int set_up(void **state)
{
	struct scratch *disk = calloc(1, sizeof(*disk));

	scratch_create(disk, SCRATCH_DISK);
	scratch_write(disk, ONE "/0", "abc", 3);
	scratch_write(disk, ONE "/17", "", 0);
	scratch_write(disk, TWO "/0", "abc", 3);
	*state = disk;
	return 0;
}

static int tear_down(void **state)
{
	scratch_remove(*state);
	free(*state);
	return 0;
}

static void open_staging(const struct scratch *disk, struct dps_staging *staging)
{
	const struct dps_staging_config config = { .into = disk->path };
	char sentence[DPS_STAGING_SENTENCE_BYTES];

	assert_int_equal(dps_staging_open(staging, &config, sentence), 0);
}

static bool is_there(const struct scratch *disk, const char *name)
{
	return faccessat(disk->fd, name, F_OK, 0) == 0;
}

static void sweep__removes_what_is_left(void **state)
{
	struct scratch *disk = *state;
	struct dps_staging staging;

	open_staging(disk, &staging);
	assert_int_equal(dps_staging_sweep(&staging, NULL, NULL), 2);
	assert_false(is_there(disk, ONE));
	assert_false(is_there(disk, TWO));
	assert_int_equal(dps_staging_sweep(&staging, NULL, NULL), 0);
	dps_staging_close(&staging);
}

static bool is_one(void *context, const struct dps_transfer_id *id)
{
	char name[sizeof(DPS_STAGING_FOLDER) + 2 * sizeof(id->bytes) + 2] = DPS_STAGING_FOLDER "/";

	for (size_t i = 0; i < sizeof(id->bytes); i++)
		snprintf(name + strlen(name), 3, "%02x", id->bytes[i]);
	(*(unsigned int *)context)++;
	return strcmp(name, ONE) == 0;
}

static void sweep__leaves_what_is_kept(void **state)
{
	struct scratch *disk = *state;
	struct dps_staging staging;
	unsigned int asked = 0;

	open_staging(disk, &staging);
	assert_int_equal(dps_staging_sweep(&staging, is_one, &asked), 1);
	assert_true(is_there(disk, ONE));
	assert_false(is_there(disk, TWO));
	assert_true(asked >= 2);
	dps_staging_close(&staging);
}

static void sweep__leaves_what_is_not_ours(void **state)
{
	static const char *const names[] = {
		DPS_STAGING_FOLDER "/notes",
		DPS_STAGING_FOLDER "/FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF/0",
		DPS_STAGING_FOLDER "/000102030405060708090a0b0c0d0e0f0/0",
		"ffffffffffffffffffffffffffffffff/0",
	};
	struct scratch *disk = *state;
	struct dps_staging staging;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		scratch_write(disk, names[i], "x", 1);
	open_staging(disk, &staging);
	assert_int_equal(dps_staging_sweep(&staging, NULL, NULL), 2);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(is_there(disk, names[i]));
	dps_staging_close(&staging);
}

static void sweep__leaves_what_another_may_be_using(void **state)
{
	struct scratch *disk = *state;
	struct dps_staging first, second, third;

	open_staging(disk, &first);
	assert_int_equal(dps_staging_sweep(&first, NULL, NULL), 2);
	scratch_write(disk, ONE "/0", "abc", 3);
	open_staging(disk, &second);
	assert_int_equal(dps_staging_sweep(&second, NULL, NULL), 0);
	assert_true(is_there(disk, ONE "/0"));
	dps_staging_close(&first);

	/* The second is there still. */
	open_staging(disk, &third);
	assert_int_equal(dps_staging_sweep(&third, NULL, NULL), 0);
	assert_true(is_there(disk, ONE "/0"));
	dps_staging_close(&third);
	dps_staging_close(&second);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(sweep__removes_what_is_left),
		CASE(sweep__leaves_what_is_kept),
		CASE(sweep__leaves_what_is_not_ours),
		CASE(sweep__leaves_what_another_may_be_using),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
