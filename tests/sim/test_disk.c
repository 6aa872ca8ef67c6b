/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_content.h"
#include "drivers/sim/sim_disk.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { START = 1000000, CHUNK = 65536, SEED = 42 };

struct disk_world {
	struct dps_sim sim;
	struct dps_sim_disk disk;
	uint8_t *memory; /* 16 chunks */
	int fsync_error;
	unsigned int fsyncs_count;
};

static struct disk_world *new_world(const struct dps_sim_disk_config *config)
{
	struct disk_world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	dps_sim_init(&world->sim, 1, START);
	dps_sim_disk_open(&world->disk, &world->sim, "disk", config);
	world->memory = aligned_alloc(4096, 16 * CHUNK);
	assert_non_null(world->memory);
	memset(world->memory, 0, 16 * CHUNK);
	return world;
}

static void end_world(struct disk_world *world, const char *failure)
{
	if (*failure == '\0')
		assert_string_equal(world->sim.failure, "");
	else
		assert_non_null(strstr(world->sim.failure, failure));
	world->disk.disk.ops->close(&world->disk.disk);
	dps_sim_disk_fini(&world->disk);
	dps_sim_fini(&world->sim);
	free(world->memory);
	free(world);
}

/* A file of so many bytes, known to the disk as the index that is returned. */
static uint32_t new_file(struct disk_world *world, uint64_t bytes, bool is_sink, int *fd)
{
	const struct dps_sim_file_config config = {
		.seed = SEED,
		.bytes = bytes,
		.bad_offset = UINT64_MAX,
		.is_sink = is_sink,
	};
	int index;

	*fd = dps_sim_disk_create(&world->disk, &config);
	index = world->disk.disk.ops->add_file(&world->disk.disk, *fd, true);
	assert_true(index >= 0);
	return (uint32_t)index;
}

static unsigned int submit(struct disk_world *world, uint32_t file, uint64_t offset, uint32_t bytes,
			   bool is_write)
{
	const struct dps_disk_request request = {
		.memory = world->memory + offset % (16 * CHUNK),
		.file_offset = offset,
		.tag = offset,
		.bytes = bytes,
		.file = file,
		.is_write = is_write,
	};

	return world->disk.disk.ops->submit(&world->disk.disk, &request, 1);
}

/* The result of the one request that ends at exactly this moment. */
static int64_t result_at(struct disk_world *world, uint64_t at_ns)
{
	struct dps_disk_result result;
	struct dps_disk *disk = &world->disk.disk;

	assert_true(dps_sim_run_until(&world->sim, at_ns - 1));
	assert_int_equal(disk->ops->reap(disk, &result, 1), 0);
	assert_true(dps_sim_run_until(&world->sim, at_ns));
	assert_int_equal(disk->ops->reap(disk, &result, 1), 1);
	return result.result;
}

static int64_t result(struct disk_world *world)
{
	struct dps_disk_result results[1];
	struct dps_disk *disk = &world->disk.disk;

	assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + DPS_NS_PER_S));
	assert_int_equal(disk->ops->reap(disk, results, 1), 1);
	return results[0].result;
}

static void write_right(struct disk_world *world, uint32_t file, uint64_t offset, uint32_t bytes)
{
	dps_sim_content_fill(SEED, offset, world->memory + offset % (16 * CHUNK), bytes);
	assert_int_equal(submit(world, file, offset, bytes, true), 1);
	assert_int_equal(result(world), bytes);
}

static void content__depends_on_file_page_and_place(void **state)
{
	uint8_t one[8192], other[8192];

	(void)state;
	dps_sim_content_fill(1, 0, one, 8192);
	dps_sim_content_fill(2, 0, other, 8192);
	assert_memory_not_equal(one, other, 8);
	assert_memory_not_equal(one, one + 4096, 8);
	dps_sim_content_fill(1, 77, other, 8000);
	assert_memory_equal(other, one + 77, 8000);
	assert_int_equal(dps_sim_content_check(1, 77, other, 8000), 8000);
	other[5001] ^= 4;
	assert_int_equal(dps_sim_content_check(1, 77, other, 8000), 5001);
	dps_sim_content_fill(DPS_SIM_CONTENT_ZEROS, 0, other, 8192);
	assert_int_equal(other[0] | other[8191], 0);
}

static void content_print__sees_a_change_and_a_swap(void **state)
{
	uint8_t bytes[1003];
	uint64_t print;

	(void)state;
	dps_sim_content_fill(1, 0, bytes, sizeof(bytes));
	print = dps_sim_content_print(bytes, sizeof(bytes));
	for (unsigned int i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 0x10;
		assert_int_not_equal(dps_sim_content_print(bytes, sizeof(bytes)), print);
		bytes[i] ^= 0x10;
	}
	for (unsigned int i = 0; i + 32 < sizeof(bytes); i++) {
		uint8_t swapped[sizeof(bytes)];

		memcpy(swapped, bytes, sizeof(bytes));
		swapped[i] = bytes[i + 32];
		swapped[i + 32] = bytes[i];
		if (bytes[i] != bytes[i + 32])
			assert_int_not_equal(dps_sim_content_print(swapped, sizeof(bytes)), print);
	}
}

static void read__brings_the_content_when_it_is_due(void **state)
{
	struct dps_sim_disk_config config = dps_sim_disk_plain;
	struct disk_world *world;
	uint32_t file;
	int fd;

	(void)state;
	config.bytes_per_s = DPS_NS_PER_S; /* a nanosecond a byte */
	world = new_world(&config);
	file = new_file(world, UINT64_C(1) << 40, false, &fd);
	assert_int_equal(submit(world, file, UINT64_C(1) << 39, CHUNK, false), 1);
	assert_int_equal(submit(world, file, (UINT64_C(1) << 39) + CHUNK, CHUNK, false), 1);
	assert_int_equal(world->disk.disk.ops->in_flight(&world->disk.disk), 2);
	assert_int_equal(result_at(world, START + CHUNK + 100000), CHUNK);
	assert_int_equal(result_at(world, START + 2 * CHUNK + 100000), CHUNK);
	assert_int_equal(dps_sim_content_check(SEED, UINT64_C(1) << 39, world->memory, 2 * CHUNK),
			 2 * CHUNK);
	end_world(world, "");
}

static void read__ends_at_the_end_of_the_file(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	int fd;
	uint32_t file = new_file(world, 5000, false, &fd);

	(void)state;
	submit(world, file, 0, CHUNK, false);
	assert_int_equal(result(world), 5000);
	submit(world, file, 8192, CHUNK, false);
	assert_int_equal(result(world), 0);
	end_world(world, "");
}

static void read__fails_where_and_as_often_as_told(void **state)
{
	struct dps_sim_disk_config config = dps_sim_disk_plain;
	struct dps_sim_file_config bad = { .seed = 1, .bytes = 1 << 20, .bad_offset = 70000 };
	struct disk_world *world;
	unsigned int errors = 0;
	uint32_t file;
	int fd;

	(void)state;
	config.read_error_ppm = 100000;
	world = new_world(&config);
	file = new_file(world, UINT64_C(1) << 40, false, &fd);
	for (unsigned int i = 0; i < 1000; i++) {
		submit(world, file, i * UINT64_C(4096), 4096, false);
		errors += result(world) == -EIO;
	}
	assert_in_range(errors, 60, 140);
	world->disk.config.read_error_ppm = 0;
	fd = dps_sim_disk_create(&world->disk, &bad);
	file = (uint32_t)world->disk.disk.ops->add_file(&world->disk.disk, fd, true);
	submit(world, file, 0, CHUNK, false);
	assert_int_equal(result(world), CHUNK);
	submit(world, file, CHUNK, CHUNK, false);
	assert_int_equal(result(world), -EIO);
	end_world(world, "");
}

static void write__of_every_byte_completes_a_file(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	int fd;
	uint32_t file = new_file(world, 2 * CHUNK + 100, true, &fd);
	const struct dps_sim_file *sink = dps_sim_disk_file(&world->disk, fd);

	(void)state;
	write_right(world, file, CHUNK, CHUNK);
	write_right(world, file, 2 * CHUNK, 100);
	assert_false(dps_sim_file_is_written(sink));
	write_right(world, file, 0, CHUNK);
	assert_true(dps_sim_file_is_written(sink));
	assert_false(dps_sim_file_is_synced(sink));
	end_world(world, "");
}

static void write__finds_a_wrong_byte(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	int fd;
	uint32_t file = new_file(world, 2 * CHUNK, true, &fd);

	(void)state;
	dps_sim_content_fill(SEED, 0, world->memory, CHUNK);
	world->memory[12345] ^= 0x80;
	submit(world, file, 0, CHUNK, true);
	end_world(world, "wrong byte at 12345 ");
}

static void write__finds_memory_that_changes_under_it(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	struct dps_disk_result results[1];
	int fd;
	uint32_t file = new_file(world, CHUNK, true, &fd);

	(void)state;
	dps_sim_content_fill(SEED, 0, world->memory, CHUNK);
	submit(world, file, 0, CHUNK, true);
	world->memory[7] ^= 1;
	assert_true(dps_sim_run_until(&world->sim, START + DPS_NS_PER_S));
	world->disk.disk.ops->reap(&world->disk.disk, results, 1);
	end_world(world, "wrong byte at 7 ");
}

static void write__finds_a_byte_that_is_written_twice(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	struct dps_disk_result results[1];
	int fd;
	uint32_t file = new_file(world, 4 * CHUNK, true, &fd);

	(void)state;
	write_right(world, file, 0, CHUNK);
	dps_sim_content_fill(SEED, CHUNK - 4096, world->memory + CHUNK - 4096, 8192);
	submit(world, file, CHUNK - 4096, 8192, true);
	assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + DPS_NS_PER_S));
	world->disk.disk.ops->reap(&world->disk.disk, results, 1);
	end_world(world, "4096 bytes within 61440+8192");
}

static void write__may_come_twice_where_that_is_declared(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	const struct dps_sim_file_config config = {
		.seed = SEED,
		.bytes = CHUNK,
		.bad_offset = UINT64_MAX,
		.is_sink = true,
		.may_rewrite = true,
	};
	int fd = dps_sim_disk_create(&world->disk, &config);
	int index = world->disk.disk.ops->add_file(&world->disk.disk, fd, true);

	(void)state;
	write_right(world, (uint32_t)index, 0, CHUNK);
	write_right(world, (uint32_t)index, 0, CHUNK);
	assert_true(dps_sim_file_is_written(dps_sim_disk_file(&world->disk, fd)));
	end_world(world, "");
}

static void write__past_the_end_is_found(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	int fd;
	uint32_t file = new_file(world, 5000, true, &fd);

	(void)state;
	submit(world, file, 4096, 4096, true);
	end_world(world, "write past the end");
}

static void write__fails_when_the_space_is_used_up(void **state)
{
	struct dps_sim_disk_config config = dps_sim_disk_plain;
	struct disk_world *world;
	uint32_t file;
	int fd;

	(void)state;
	config.space_bytes = CHUNK + 5000;
	world = new_world(&config);
	file = new_file(world, 4 * CHUNK, true, &fd);
	write_right(world, file, 0, CHUNK);
	dps_sim_content_fill(SEED, CHUNK, world->memory + CHUNK, CHUNK);
	submit(world, file, CHUNK, CHUNK, true);
	assert_int_equal(result(world), -ENOSPC);
	write_right(world, file, CHUNK, 4096);
	end_world(world, "");
}

static void write__finds_space_again(void **state)
{
	struct dps_sim_disk_config config = dps_sim_disk_plain;
	struct disk_world *world;
	uint32_t file;
	int fd;

	(void)state;
	config.space_bytes = CHUNK - 1;
	config.room_at_ns = DPS_NS_PER_S;
	world = new_world(&config);
	file = new_file(world, 4 * CHUNK, true, &fd);
	dps_sim_content_fill(SEED, 0, world->memory, CHUNK);
	submit(world, file, 0, CHUNK, true);
	assert_int_equal(result(world), -ENOSPC);
	world->sim.now_ns = DPS_NS_PER_S;
	write_right(world, file, 0, CHUNK);
	end_world(world, "");
}

static void submit__takes_no_more_than_fits_in_flight(void **state)
{
	struct dps_sim_disk_config config = dps_sim_disk_plain;
	struct disk_world *world;
	uint32_t file;
	int fd;

	(void)state;
	config.in_flight_max = 2;
	world = new_world(&config);
	file = new_file(world, 4 * CHUNK, false, &fd);
	assert_int_equal(submit(world, file, 0, CHUNK, false), 1);
	assert_int_equal(submit(world, file, CHUNK, CHUNK, false), 1);
	assert_int_equal(submit(world, file, 2 * CHUNK, CHUNK, false), 0);
	assert_int_equal(result(world), CHUNK);
	assert_int_equal(submit(world, file, 2 * CHUNK, CHUNK, false), 1);
	end_world(world, "");
}

static void submit__finds_memory_that_another_request_uses(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	int fd;
	uint32_t file = new_file(world, 64 * CHUNK, false, &fd);

	(void)state;
	submit(world, file, 0, CHUNK, false);
	submit(world, file, 16 * CHUNK, 4096, false); /* the same memory */
	end_world(world, "in use by another");
}

static void remove_file__waits_for_nothing(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	struct dps_disk *disk = &world->disk.disk;
	int fd;
	uint32_t file = new_file(world, CHUNK, false, &fd), again;

	(void)state;
	disk->ops->remove_file(disk, file);
	again = (uint32_t)disk->ops->add_file(disk, fd, false);
	assert_int_equal(again, file);
	submit(world, file, 0, CHUNK, false);
	disk->ops->remove_file(disk, file);
	end_world(world, "with requests in flight");
}

static void remove_file__looks_at_its_own_requests_only(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	struct dps_disk *disk = &world->disk.disk;
	int fd;
	uint32_t file = new_file(world, CHUNK, false, &fd), other;

	(void)state;
	other = (uint32_t)disk->ops->add_file(disk, fd, false);
	assert_int_not_equal(other, file);
	submit(world, file, 0, CHUNK, false);
	disk->ops->remove_file(disk, other);
	assert_int_equal(result(world), CHUNK);
	disk->ops->remove_file(disk, file);
	end_world(world, "");
}

static void on_fsynced(void *context, int fd, int error)
{
	struct disk_world *world = context;

	assert_true(fd >= DPS_SIM_DISK_FIRST_FD);
	world->fsyncs_count++;
	world->fsync_error = error;
}

static void fsync__covers_what_was_written_when_it_started(void **state)
{
	struct dps_sim_disk_config config = dps_sim_disk_plain;
	struct disk_world *world;
	const struct dps_sim_file *sink;
	uint32_t file;
	int fd;

	(void)state;
	config.fsync_ns_min = 10 * DPS_NS_PER_S;
	config.fsync_ns_max = 10 * DPS_NS_PER_S;
	world = new_world(&config);
	file = new_file(world, 2 * CHUNK, true, &fd);
	sink = dps_sim_disk_file(&world->disk, fd);
	write_right(world, file, 0, CHUNK);
	dps_sim_disk_fsync(&world->disk, fd, on_fsynced, world);
	write_right(world, file, CHUNK, CHUNK);
	assert_int_equal(sink->synced_bytes, 0);
	assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + 10 * DPS_NS_PER_S));
	assert_int_equal(world->fsyncs_count, 1);
	assert_int_equal(world->fsync_error, 0);
	assert_int_equal(sink->synced_bytes, CHUNK);
	dps_sim_disk_fsync(&world->disk, fd, on_fsynced, world);
	assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + 10 * DPS_NS_PER_S));
	assert_true(dps_sim_file_is_synced(sink));
	end_world(world, "");
}

static void sync_all(struct disk_world *world, int fd)
{
	dps_sim_disk_fsync(&world->disk, fd, on_fsynced, world);
	assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + 10 * DPS_NS_PER_S));
}

/* Over many crashes: all, none and some pages of what was not fsynced are seen to survive. */
static void crash__keeps_what_was_fsynced_and_any_of_the_rest(void **state)
{
	unsigned int all = 0, none = 0, some = 0;

	(void)state;
	for (unsigned int i = 0; i < 30; i++) {
		struct disk_world *world = new_world(&dps_sim_disk_plain);
		int fd;
		uint32_t file = new_file(world, 3 * CHUNK, true, &fd);
		const struct dps_sim_file *sink = dps_sim_disk_file(&world->disk, fd);
		uint64_t bytes;

		dps_random_init(&world->disk.node.random, i);
		write_right(world, file, 0, CHUNK);
		sync_all(world, fd);
		write_right(world, file, CHUNK, CHUNK);
		/* One that is under way, and an fsync that nobody hears of. */
		dps_sim_content_fill(SEED, 2 * CHUNK, world->memory + 2 * CHUNK, CHUNK);
		assert_int_equal(submit(world, file, 2 * CHUNK, CHUNK, true), 1);
		dps_sim_disk_fsync(&world->disk, fd, on_fsynced, world);
		dps_sim_disk_crash(&world->disk);
		assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + DPS_NS_PER_S));
		assert_int_equal(world->fsyncs_count, 1);
		assert_int_equal(world->disk.disk.ops->in_flight(&world->disk.disk), 0);
		assert_true(dps_ranges_has_all(&sink->synced, 0, CHUNK));
		bytes = sink->synced_bytes;
		assert_int_equal(bytes, sink->written_bytes);
		assert_int_equal(bytes % 4096, 0);
		all += bytes == 3 * CHUNK;
		none += bytes == CHUNK;
		some += bytes > CHUNK && bytes < 3 * CHUNK;
		end_world(world, "");
	}
	assert_true(all > 0 && none > 0 && some > 0);
}

static void resume__lets_what_is_behind_be_written_once_more(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	int fd;
	uint32_t file = new_file(world, 2 * CHUNK, true, &fd);
	const struct dps_sim_file *sink = dps_sim_disk_file(&world->disk, fd);

	(void)state;
	write_right(world, file, 0, CHUNK);
	write_right(world, file, CHUNK, CHUNK);
	sync_all(world, fd);
	/* What such an fsync would bring is not counted: it is of bytes that come again. */
	dps_sim_disk_fsync(&world->disk, fd, on_fsynced, world);
	dps_sim_disk_resume(&world->disk, fd, CHUNK);
	assert_true(dps_sim_run_until(&world->sim, world->sim.now_ns + DPS_NS_PER_S));
	assert_int_equal(sink->synced_bytes, CHUNK);
	write_right(world, file, CHUNK, CHUNK);
	assert_true(dps_sim_file_is_written(sink));
	assert_false(dps_sim_file_is_synced(sink));
	end_world(world, "");
}

static void resume__behind_what_was_not_fsynced_is_found(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	int fd;
	uint32_t file = new_file(world, 2 * CHUNK, true, &fd);

	(void)state;
	write_right(world, file, 0, CHUNK);
	dps_sim_disk_resume(&world->disk, fd, CHUNK);
	end_world(world, "does not have all of its first");
}

static void resume__of_a_file_that_is_still_written_is_found(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	int fd;
	uint32_t file = new_file(world, 2 * CHUNK, true, &fd);

	(void)state;
	dps_sim_content_fill(SEED, 0, world->memory, CHUNK);
	assert_int_equal(submit(world, file, 0, CHUNK, true), 1);
	dps_sim_disk_resume(&world->disk, fd, 0);
	end_world(world, "still being written to");
}

static void freeze__wants_a_file_that_is_whole_and_fsynced(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	int fd;
	uint32_t file = new_file(world, CHUNK, true, &fd);

	(void)state;
	write_right(world, file, 0, CHUNK);
	dps_sim_disk_freeze(&world->disk, fd);
	end_world(world, "is published with 0 of 65536 bytes fsynced");
}

static void freeze__finds_a_write_that_comes_later(void **state)
{
	struct disk_world *world = new_world(&dps_sim_disk_plain);
	int fd;
	uint32_t file = new_file(world, CHUNK, true, &fd);

	(void)state;
	write_right(world, file, 0, CHUNK);
	sync_all(world, fd);
	dps_sim_disk_freeze(&world->disk, fd);
	(void)submit(world, file, 0, CHUNK, true);
	end_world(world, "write to a published file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content__depends_on_file_page_and_place),
		cmocka_unit_test(content_print__sees_a_change_and_a_swap),
		cmocka_unit_test(read__brings_the_content_when_it_is_due),
		cmocka_unit_test(read__ends_at_the_end_of_the_file),
		cmocka_unit_test(read__fails_where_and_as_often_as_told),
		cmocka_unit_test(write__of_every_byte_completes_a_file),
		cmocka_unit_test(write__finds_a_wrong_byte),
		cmocka_unit_test(write__finds_memory_that_changes_under_it),
		cmocka_unit_test(write__finds_a_byte_that_is_written_twice),
		cmocka_unit_test(write__may_come_twice_where_that_is_declared),
		cmocka_unit_test(write__past_the_end_is_found),
		cmocka_unit_test(write__fails_when_the_space_is_used_up),
		cmocka_unit_test(write__finds_space_again),
		cmocka_unit_test(submit__takes_no_more_than_fits_in_flight),
		cmocka_unit_test(submit__finds_memory_that_another_request_uses),
		cmocka_unit_test(remove_file__waits_for_nothing),
		cmocka_unit_test(remove_file__looks_at_its_own_requests_only),
		cmocka_unit_test(fsync__covers_what_was_written_when_it_started),
		cmocka_unit_test(crash__keeps_what_was_fsynced_and_any_of_the_rest),
		cmocka_unit_test(resume__lets_what_is_behind_be_written_once_more),
		cmocka_unit_test(resume__behind_what_was_not_fsynced_is_found),
		cmocka_unit_test(resume__of_a_file_that_is_still_written_is_found),
		cmocka_unit_test(freeze__wants_a_file_that_is_whole_and_fsynced),
		cmocka_unit_test(freeze__finds_a_write_that_comes_later),
	};

	return cmocka_run_group_tests_name("sim-disk", tests, NULL, NULL);
}
