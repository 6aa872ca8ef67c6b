/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/discard/discard.h"
#include "tests/support/cmocka.h"
#include <errno.h>

static void submit__writes_end_at_once_and_memory_is_not_looked_at(void **state)
{
	struct dps_disk_request requests[3] = {
		{ .tag = 1, .bytes = 100, .is_write = true },
		{ .tag = 2, .bytes = 0, .is_write = true },
		{ .tag = 3, .bytes = 1u << 20, .is_write = true },
	};
	struct dps_disk_result results[3];
	struct dps_disk *disk;

	(void)state;
	assert_int_equal(dps_discard_open(2, &disk), 0);
	assert_int_equal(disk->ops->add_file(disk, -1, true), 0);
	assert_int_equal(disk->ops->submit(disk, requests, 3), 2);
	assert_int_equal(disk->ops->in_flight(disk), 2);
	assert_int_equal(disk->ops->reap(disk, results, 3), 2);
	assert_int_equal(results[0].tag, 1);
	assert_int_equal(results[0].result, 100);
	assert_int_equal(results[1].tag, 2);
	assert_int_equal(results[1].result, 0);
	assert_int_equal(disk->ops->submit(disk, &requests[2], 1), 1);
	assert_int_equal(disk->ops->reap(disk, results, 3), 1);
	assert_int_equal(results[0].result, 1 << 20);
	assert_int_equal(disk->ops->reap(disk, results, 3), 0);
	assert_int_equal(disk->counters.writes, 3);
	assert_int_equal(disk->counters.write_bytes, 100 + (1 << 20));
	disk->ops->remove_file(disk, 0);
	disk->ops->close(disk);
}

static void submit__reads_are_refused(void **state)
{
	struct dps_disk_request request = { .bytes = 100 };
	struct dps_disk_result result;
	struct dps_disk *disk;

	(void)state;
	assert_int_equal(dps_discard_open(1, &disk), 0);
	assert_int_equal(disk->ops->submit(disk, &request, 1), 1);
	assert_int_equal(disk->ops->reap(disk, &result, 1), 1);
	assert_int_equal(result.result, -EBADF);
	assert_int_equal(disk->counters.errors, 1);
	disk->ops->close(disk);
}

static void add_file__each_file_has_an_index_of_its_own(void **state)
{
	struct dps_disk *disk;

	(void)state;
	assert_int_equal(dps_discard_open(1, &disk), 0);
	for (int i = 0; i < 65536; i++)
		assert_int_equal(disk->ops->add_file(disk, i, false), i);
	assert_int_equal(disk->ops->add_file(disk, -1, false), -ENFILE);
	disk->ops->remove_file(disk, 7);
	disk->ops->remove_file(disk, 65535);
	assert_int_equal(disk->ops->add_file(disk, -1, false), 65535);
	assert_int_equal(disk->ops->add_file(disk, -1, false), 7);
	assert_int_equal(disk->ops->add_file(disk, -1, false), -ENFILE);
	disk->ops->close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(submit__writes_end_at_once_and_memory_is_not_looked_at),
		cmocka_unit_test(submit__reads_are_refused),
		cmocka_unit_test(add_file__each_file_has_an_index_of_its_own),
	};

	return cmocka_run_group_tests_name("discard", tests, NULL, NULL);
}
