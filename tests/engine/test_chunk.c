/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/chunk.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdlib.h>

enum { COUNT = 3, PAGE = 4096, PIECES = 256 };

static struct dps_chunks *make(void)
{
	static struct dps_chunks chunks;
	void *memory = malloc(dps_chunks_bytes(COUNT));

	dps_chunks_init(&chunks, memory, COUNT);
	return &chunks;
}

static void chunks__are_cleared_and_given_once_each(void **state)
{
	struct dps_chunks *chunks = make();
	uint32_t taken[COUNT];

	(void)state;
	for (unsigned int i = 0; i < COUNT; i++) {
		taken[i] = dps_chunks_take(chunks);
		assert_true(taken[i] < COUNT);
		assert_int_equal(chunks->items[taken[i]].done.count, 0);
		assert_int_equal(chunks->items[taken[i]].slot, UINT32_MAX);
		chunks->items[taken[i]].needed_bytes = 9;
		chunks->items[taken[i]].is_orphan = true;
	}
	assert_int_equal(dps_chunks_take(chunks), DPS_CHUNK_NONE);
	dps_chunks_give(chunks, taken[1]);
	assert_int_equal(dps_chunks_take(chunks), taken[1]);
	assert_int_equal(chunks->items[taken[1]].needed_bytes, 0);
	assert_false(chunks->items[taken[1]].is_orphan);
	free(chunks->items);
}

static void done__counts_data_but_not_padding(void **state)
{
	struct dps_chunks *chunks = make();
	struct dps_chunk *chunk = &chunks->items[dps_chunks_take(chunks)];

	(void)state;
	chunk->needed_bytes = 150;
	assert_int_equal(dps_chunk_add_done(chunk, 0, 50, 50), 50);
	assert_int_equal(dps_chunk_add_done(chunk, 25, 100, PAGE), 50);
	assert_int_equal(dps_chunk_add_done(chunk, 0, 100, PAGE), 0);
	assert_int_equal(dps_chunk_add_done(chunk, PAGE, PAGE + 50, 2 * PAGE), 50);
	assert_int_equal(chunk->done_bytes, 150);
	assert_int_equal(chunk->done.count, 1);
	assert_int_equal(dps_ranges_contiguous_end(&chunk->done, 0), 2 * PAGE);
	free(chunks->items);
}

static void done__of_too_many_gaps_changes_nothing(void **state)
{
	struct dps_chunks *chunks = make();
	struct dps_chunk *chunk = &chunks->items[dps_chunks_take(chunks)];

	(void)state;
	chunk->needed_bytes = 1 << 20;
	for (uint64_t i = 0; i < DPS_CHUNK_RANGES; i++)
		assert_int_equal(dps_chunk_add_done(chunk, 20 * i, 20 * i + 10, 20 * i + 10), 10);
	assert_int_equal(dps_chunk_add_done(chunk, 9000, 9010, 9010), -ENOSPC);
	assert_int_equal(chunk->done_bytes, 10 * DPS_CHUNK_RANGES);
	assert_int_equal(dps_chunk_add_done(chunk, 5, 20, 20), 10); /* joins two */
	assert_int_equal(dps_chunk_add_done(chunk, 9000, 9010, 9010), 10);
	free(chunks->items);
}

/* The worst there is: all gaps taken, then every other of the most pieces a chunk can have. */
static void skipped__always_has_room(void **state)
{
	struct dps_chunks *chunks = make();
	struct dps_chunk *chunk = &chunks->items[dps_chunks_take(chunks)];
	const uint64_t base = UINT64_C(1) << 40;

	(void)state;
	chunk->needed_bytes = 1 << 20;
	for (uint64_t i = 0; i < DPS_CHUNK_RANGES; i++)
		assert_int_equal(dps_chunk_add_done(chunk, base + 20 * i, base + 20 * i + 10,
						    base + 20 * i + 10),
				 10);
	for (unsigned int odd = 1; odd < 3; odd++)
		for (uint64_t i = odd % 2; i < PIECES; i += 2)
			dps_chunk_add_skipped(chunk, base + i * PAGE, base + i * PAGE + 1000,
					      base + (i + 1) * PAGE);
	assert_int_equal(chunk->done_bytes, PIECES * 1000 + 10 * 46);
	assert_int_equal(chunk->done.count, 1);
	free(chunks->items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks__are_cleared_and_given_once_each),
		cmocka_unit_test(done__counts_data_but_not_padding),
		cmocka_unit_test(done__of_too_many_gaps_changes_nothing),
		cmocka_unit_test(skipped__always_has_room),
	};

	return cmocka_run_group_tests_name("chunk", tests, NULL, NULL);
}
