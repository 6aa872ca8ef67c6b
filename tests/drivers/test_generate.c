/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/generate/generate.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	CHUNK_BYTES = 65536,
	SLOTS = 4,
	DEPTH = 3,
};

static _Alignas(4096) uint8_t memory[SLOTS * CHUNK_BYTES];

static struct dps_disk *opened(uint64_t seed)
{
	struct dps_generate_config config = { memory, sizeof(memory), DEPTH, seed };
	struct dps_disk *disk;

	assert_int_equal(dps_generate_open(&config, &disk), 0);
	return disk;
}

static int64_t one(struct dps_disk *disk, struct dps_disk_request request)
{
	struct dps_disk_result result;

	request.tag = 5;
	assert_int_equal(disk->ops->submit(disk, &request, 1), 1);
	assert_int_equal(disk->ops->reap(disk, &result, 1), 1);
	assert_int_equal(result.tag, 5);
	return result.result;
}

static void open__refuses_memory_that_is_not_whole_pages(void **state)
{
	struct dps_generate_config config = { memory + 1, 4096, 1, 0 };
	struct dps_disk *disk;

	(void)state;
	assert_int_equal(dps_generate_open(&config, &disk), -EINVAL);
	config.memory = memory;
	config.memory_bytes = 4097;
	assert_int_equal(dps_generate_open(&config, &disk), -EINVAL);
}

/* Whatever the slot held and wherever in it a read goes, the content is that of the offset. */
static void read__depends_on_seed_and_offset_only(void **state)
{
	static const uint64_t offsets[] = { 0, 4096, CHUNK_BYTES, UINT64_C(3) << 40 };
	static const uint32_t sizes[] = { 0, 1, 7, 8, 4095, 4096, 4097, CHUNK_BYTES - 4096 };
	struct dps_disk *disk = opened(42);
	uint8_t *expected = malloc(CHUNK_BYTES);

	(void)state;
	for (unsigned int i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		for (unsigned int k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			for (unsigned int slot = 0; slot < SLOTS; slot++) {
				uint8_t *at = memory + slot * CHUNK_BYTES + (k % 2) * 4096;

				assert_int_equal(
					one(disk,
					    (struct dps_disk_request){ .memory = at,
								       .file_offset = offsets[i],
								       .bytes = sizes[k] }),
					sizes[k]);
				dps_generate_content(42, offsets[i], expected, sizes[k]);
				assert_memory_equal(at, expected, sizes[k]);
			}
	disk->ops->close(disk);
	free(expected);
}

static void content__can_be_told_apart(void **state)
{
	uint8_t a[8192], b[8192];

	(void)state;
	dps_generate_content(1, 0, a, 8192);
	dps_generate_content(1, 8192, b, 8192);
	assert_memory_not_equal(a, b, 8);
	assert_memory_not_equal(a + 4096, b + 4096, 8);
	assert_memory_not_equal(a, a + 4096, 8);
	dps_generate_content(2, 0, b, 8192);
	assert_memory_not_equal(a, b, 8);
	assert_memory_not_equal(a + 8, b + 8, 8);
}

static void content__any_cut_is_the_same(void **state)
{
	uint8_t whole[10000], part[10000];

	(void)state;
	dps_generate_content(9, 4000, whole, sizeof(whole));
	for (size_t at = 0; at < sizeof(whole); at += 777) {
		size_t bytes = sizeof(whole) - at < 777 ? sizeof(whole) - at : 777;

		dps_generate_content(9, 4000 + at, part + at, bytes);
	}
	assert_memory_equal(whole, part, sizeof(whole));
}

static void submit__takes_what_there_is_room_for(void **state)
{
	struct dps_disk *disk = opened(0);
	struct dps_disk_request requests[DEPTH + 1];
	struct dps_disk_result results[DEPTH + 1];

	(void)state;
	for (unsigned int i = 0; i < DEPTH + 1; i++)
		requests[i] = (struct dps_disk_request){ .memory = memory, .tag = i, .bytes = 1 };
	assert_int_equal(disk->ops->add_file(disk, -1, false), 0);
	for (unsigned int round = 0; round < 5; round++) {
		assert_int_equal(disk->ops->submit(disk, requests, DEPTH + 1), DEPTH);
		assert_int_equal(disk->ops->in_flight(disk), DEPTH);
		assert_int_equal(disk->ops->reap(disk, results, 2), 2);
		assert_int_equal(results[0].tag, 0);
		assert_int_equal(results[1].tag, 1);
		assert_int_equal(disk->ops->submit(disk, &requests[DEPTH], 1), 1);
		assert_int_equal(disk->ops->reap(disk, results, DEPTH + 1), 2);
		assert_int_equal(results[0].tag, 2);
		assert_int_equal(results[1].tag, DEPTH);
		assert_int_equal(disk->ops->in_flight(disk), 0);
	}
	assert_int_equal(disk->ops->add_file(disk, -1, false), 1);
	disk->ops->remove_file(disk, 0);
	assert_int_equal(disk->ops->add_file(disk, -1, false), 0);
	disk->ops->close(disk);
}

static void write__is_refused(void **state)
{
	struct dps_disk *disk = opened(0);

	(void)state;
	assert_int_equal(
		one(disk,
		    (struct dps_disk_request){ .memory = memory, .bytes = 1, .is_write = true }),
		-EBADF);
	assert_int_equal(disk->counters.errors, 1);
	assert_int_equal(disk->counters.reads, 0);
	disk->ops->close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__refuses_memory_that_is_not_whole_pages),
		cmocka_unit_test(read__depends_on_seed_and_offset_only),
		cmocka_unit_test(content__can_be_told_apart),
		cmocka_unit_test(content__any_cut_is_the_same),
		cmocka_unit_test(submit__takes_what_there_is_room_for),
		cmocka_unit_test(write__is_refused),
	};

	return cmocka_run_group_tests_name("generate", tests, NULL, NULL);
}
