/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/trust.h"
#include "drivers/trust/trust_watch.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct world {
	struct scratch scratch;
	struct dps_trust_watch watch;
};

static int begin(void **state)
{
	static struct world world;

	scratch_create(&world.scratch, SCRATCH_DISK);
	assert_int_equal(dps_trust_watch_open(&world.watch, world.scratch.fd), 0);
	*state = &world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	dps_trust_watch_close(&world->watch);
	scratch_remove(&world->scratch);
	return 0;
}

static void take__tells_of_each_way_to_change_the_file(void **state)
{
	struct world *world = *state;
	int folder = world->scratch.fd;

	assert_false(dps_trust_watch_take(&world->watch));
	scratch_write(&world->scratch, DPS_TRUST_NAME, "a", 1);
	assert_true(dps_trust_watch_take(&world->watch));
	assert_false(dps_trust_watch_take(&world->watch));
	scratch_write(&world->scratch, "new", "b", 1);
	assert_false(dps_trust_watch_take(&world->watch));
	assert_int_equal(renameat(folder, "new", folder, DPS_TRUST_NAME), 0);
	assert_true(dps_trust_watch_take(&world->watch));
	assert_int_equal(fchmodat(folder, DPS_TRUST_NAME, 0640, 0), 0);
	assert_true(dps_trust_watch_take(&world->watch));
	assert_false(world->watch.is_gone);
}

/* Removed or moved away it is gone, whatever is done to the next one until that is whole. */
static void take__waits_for_what_comes_in_its_place(void **state)
{
	struct world *world = *state;
	int folder = world->scratch.fd, fd;

	scratch_write(&world->scratch, DPS_TRUST_NAME, "a", 1);
	assert_true(dps_trust_watch_take(&world->watch));
	assert_int_equal(renameat(folder, DPS_TRUST_NAME, folder, "old"), 0);
	assert_false(dps_trust_watch_take(&world->watch));
	assert_true(world->watch.is_gone);
	fd = openat(folder, DPS_TRUST_NAME, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0640), 0);
	assert_false(dps_trust_watch_take(&world->watch));
	assert_true(world->watch.is_gone);
	assert_int_equal(close(fd), 0);
	assert_true(dps_trust_watch_take(&world->watch));
	assert_false(world->watch.is_gone);
	assert_int_equal(unlinkat(folder, DPS_TRUST_NAME, 0), 0);
	assert_false(dps_trust_watch_take(&world->watch));
	assert_true(world->watch.is_gone);
	assert_int_equal(renameat(folder, "old", folder, DPS_TRUST_NAME), 0);
	assert_true(dps_trust_watch_take(&world->watch));
	assert_false(world->watch.is_gone);
	/* The last word counts. */
	assert_int_equal(renameat(folder, DPS_TRUST_NAME, folder, "old"), 0);
	assert_int_equal(renameat(folder, "old", folder, DPS_TRUST_NAME), 0);
	assert_int_equal(unlinkat(folder, DPS_TRUST_NAME, 0), 0);
	assert_false(dps_trust_watch_take(&world->watch));
	assert_true(world->watch.is_gone);
}

/* An editor that empties the file and writes it anew takes trust from nobody in between. */
static void take__waits_until_it_is_written(void **state)
{
	struct world *world = *state;
	int fd = openat(world->scratch.fd, DPS_TRUST_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a", 1), 1);
	assert_false(dps_trust_watch_take(&world->watch));
	assert_int_equal(close(fd), 0);
	assert_true(dps_trust_watch_take(&world->watch));
}

static void take__says_nothing_of_a_watch_that_there_is_not(void **state)
{
	struct dps_trust_watch none = { .fd = -1 };

	(void)state;
	assert_false(dps_trust_watch_take(&none));
	assert_true(dps_trust_watch_open(&none, -1) < 0);
	assert_int_equal(none.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(take__tells_of_each_way_to_change_the_file, begin,
						end),
		cmocka_unit_test_setup_teardown(take__waits_until_it_is_written, begin, end),
		cmocka_unit_test_setup_teardown(take__waits_for_what_comes_in_its_place, begin,
						end),
		cmocka_unit_test(take__says_nothing_of_a_watch_that_there_is_not),
	};

	return cmocka_run_group_tests_name("trust_watch", tests, NULL, NULL);
}
