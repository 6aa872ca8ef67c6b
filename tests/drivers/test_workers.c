/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/file_disk/workers.h"
#include "tests/support/cmocka.h"
#include "tests/support/disk_trip.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 65536,
	SLOTS = 16,
	FILES_MAX = 4,
};

static _Alignas(4096) uint8_t memory[SLOTS * CHUNK_BYTES];
static const struct disk_slots slots = { memory, CHUNK_BYTES, SLOTS };

struct fixture {
	struct scratch scratch;
	struct dps_disk *workers;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_workers_config config = { SLOTS, FILES_MAX, 3 };

	scratch_create(&fixture->scratch, SCRATCH_DISK);
	assert_int_equal(dps_workers_open(&config, &fixture->workers), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->workers != NULL)
		fixture->workers->ops->close(fixture->workers);
	scratch_remove(&fixture->scratch);
	free(fixture);
	return 0;
}

static int create(const struct fixture *fixture, int flags)
{
	return openat(fixture->scratch.fd, "file", O_RDWR | O_CREAT | flags, 0600);
}

static void open__refuses_a_configuration_out_of_range(void **state)
{
	static const struct dps_workers_config bad[] = {
		{ 0, 1, 1 },
		{ 1, 0, 1 },
		{ 1, 1, 0 },
		{ DPS_WORKERS_DEPTH_MAX + 1, 1, 1 },
		{ 1, DPS_WORKERS_FILES_MAX + 1, 1 },
		{ 1, 1, DPS_WORKERS_THREADS_MAX + 1 },
	};
	struct dps_disk *disk;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dps_workers_open(&bad[i], &disk), -EINVAL);
}

static void round_trip__through_the_page_cache(void **state)
{
	struct fixture *fixture = *state;

	disk_round_trip(fixture->workers, &slots, &fixture->scratch, 0);
}

static void round_trip__direct(void **state)
{
	struct fixture *fixture = *state;
	int fd = create(fixture, O_DIRECT);

	if (fd < 0) {
		print_message("skipped: the build folder's file system refuses O_DIRECT\n");
		skip();
	}
	close(fd);
	disk_round_trip(fixture->workers, &slots, &fixture->scratch, O_DIRECT);
}

static void submit__takes_what_there_is_room_for(void **state)
{
	struct fixture *fixture = *state;
	struct dps_disk *disk = fixture->workers;
	struct dps_disk_request requests[SLOTS + 1] = { 0 };
	struct dps_disk_result results[SLOTS];
	int fd = create(fixture, 0);
	unsigned int file = (unsigned int)disk->ops->add_file(disk, fd, false);
	uint32_t seen = 0;

	for (unsigned int i = 0; i < SLOTS + 1; i++)
		requests[i] = (struct dps_disk_request){
			.memory = memory, .tag = i, .bytes = 4096, .file = file
		};
	assert_int_equal(disk->ops->submit(disk, requests, 0), 0);
	assert_int_equal(disk->ops->reap(disk, results, SLOTS), 0);
	assert_int_equal(disk->ops->submit(disk, requests, SLOTS + 1), SLOTS);
	assert_int_equal(disk->ops->submit(disk, requests, 1), 0);
	assert_int_equal(disk->ops->in_flight(disk), SLOTS);
	while (disk->ops->in_flight(disk) > 0) {
		unsigned int count = disk->ops->reap(disk, results, 5);

		for (unsigned int i = 0; i < count; i++)
			seen |= UINT32_C(1) << results[i].tag;
		sched_yield();
	}
	assert_int_equal(seen, (UINT32_C(1) << SLOTS) - 1);
	assert_int_equal(disk->counters.reads, SLOTS);
	close(fd);
}

static void reap__brings_the_errors_of_the_world(void **state)
{
	struct fixture *fixture = *state;
	struct dps_disk *disk = fixture->workers;
	struct dps_disk_request request = { .memory = memory, .bytes = 5000, .is_write = true };
	int full = open("/dev/full", O_WRONLY);

	request.file = (uint32_t)disk->ops->add_file(disk, full, false);
	assert_int_equal(disk_do(disk, request), -ENOSPC);
	request.is_write = false;
	assert_int_equal(disk_do(disk, request), -EBADF);
	assert_int_equal(disk->counters.errors, 2);
	close(full);
}

static void add_file__says_when_the_table_is_full(void **state)
{
	struct fixture *fixture = *state;
	struct dps_disk *disk = fixture->workers;
	int fd = create(fixture, 0);

	assert_int_equal(disk->ops->add_file(disk, -1, false), -EBADF);
	for (unsigned int i = 0; i < FILES_MAX; i++)
		assert_int_equal(disk->ops->add_file(disk, fd, false), i);
	assert_int_equal(disk->ops->add_file(disk, fd, false), -ENFILE);
	disk->ops->remove_file(disk, 2);
	assert_int_equal(disk->ops->add_file(disk, fd, false), 2);
	close(fd);
}

static void submit_writes(struct fixture *fixture, unsigned int file)
{
	struct dps_disk_request requests[SLOTS];

	for (unsigned int i = 0; i < SLOTS; i++) {
		requests[i] = (struct dps_disk_request){ .memory = memory + i * CHUNK_BYTES,
							 .file_offset = i * CHUNK_BYTES,
							 .bytes = CHUNK_BYTES,
							 .file = file,
							 .is_write = true };
		disk_fill(requests[i].memory, i * CHUNK_BYTES, CHUNK_BYTES);
	}
	assert_int_equal(fixture->workers->ops->submit(fixture->workers, requests, SLOTS), SLOTS);
}

static void close__waits_for_what_is_in_flight_and_its_removed_files(void **state)
{
	struct fixture *fixture = *state;
	struct dps_disk *disk = fixture->workers;
	int fd = create(fixture, 0);
	unsigned int file = (unsigned int)disk->ops->add_file(disk, fd, false);
	uint8_t *bytes;
	size_t count;

	submit_writes(fixture, file);
	disk->ops->remove_file(disk, file);
	close(fd);
	disk->ops->close(disk);
	fixture->workers = NULL;
	bytes = scratch_read(&fixture->scratch, "file", &count);
	assert_int_equal(count, sizeof(memory));
	assert_memory_equal(bytes, memory, count);
	free(bytes);
}

static void close__gives_its_descriptors_back(void **state)
{
	struct fixture *fixture = *state;
	int fd = create(fixture, 0);
	int before = dup(fd);
	int after;

	close(before);
	submit_writes(fixture,
		      (unsigned int)fixture->workers->ops->add_file(fixture->workers, fd, false));
	(void)fixture->workers->ops->add_file(fixture->workers, fd, false);
	fixture->workers->ops->close(fixture->workers);
	fixture->workers = NULL;
	after = dup(fd);
	assert_int_equal(after, before);
	close(after);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open__refuses_a_configuration_out_of_range),
		TEST(round_trip__through_the_page_cache),
		TEST(round_trip__direct),
		TEST(submit__takes_what_there_is_room_for),
		TEST(reap__brings_the_errors_of_the_world),
		TEST(add_file__says_when_the_table_is_full),
		TEST(close__waits_for_what_is_in_flight_and_its_removed_files),
		TEST(close__gives_its_descriptors_back),
	};

	return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
