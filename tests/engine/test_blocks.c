/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/blocks.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

enum { COUNT = 64, ALL = COUNT * DPS_BLOCK_BYTES };

struct pool {
	struct dps_blocks blocks;
	uint64_t *memory;
};

static void pool_open(struct pool *pool)
{
	pool->memory = malloc(dps_blocks_bytes(COUNT));
	assert_non_null(pool->memory);
	dps_blocks_init(&pool->blocks, pool->memory, COUNT);
}

static void for__rounds_up_and_is_never_none(void **state)
{
	(void)state;
	assert_int_equal(dps_blocks_for(0), 1);
	assert_int_equal(dps_blocks_for(1), 1);
	assert_int_equal(dps_blocks_for(DPS_BLOCK_BYTES), 1);
	assert_int_equal(dps_blocks_for(DPS_BLOCK_BYTES + 1), 2);
	assert_int_equal(dps_blocks_for(UINT32_MAX), UINT32_MAX / DPS_BLOCK_BYTES + 1);
}

static void take__all_or_nothing(void **state)
{
	struct pool pool;
	uint32_t first;

	(void)state;
	pool_open(&pool);
	assert_int_equal(dps_blocks_take(&pool.blocks, ALL + 1), DPS_BLOCK_NONE);
	assert_int_equal(pool.blocks.free_count, COUNT);
	first = dps_blocks_take(&pool.blocks, ALL);
	assert_int_not_equal(first, DPS_BLOCK_NONE);
	assert_int_equal(dps_blocks_take(&pool.blocks, 0), DPS_BLOCK_NONE);
	dps_blocks_give(&pool.blocks, first);
	assert_int_equal(pool.blocks.free_count, COUNT);
	free(pool.memory);
}

static void run__of_a_fresh_chain_is_one_piece(void **state)
{
	struct dps_block_cursor cursor;
	struct pool pool;
	uint8_t *memory;

	(void)state;
	pool_open(&pool);
	cursor = dps_blocks_seek(&pool.blocks, dps_blocks_take(&pool.blocks, 1000), 0);
	assert_int_equal(dps_blocks_run(&pool.blocks, &cursor, 1000, &memory), 1000);
	assert_int_equal(dps_blocks_run(&pool.blocks, &cursor, 0, &memory), 0);
	free(pool.memory);
}

static uint8_t byte_of(uint32_t seed, uint32_t at)
{
	return (uint8_t)(seed * 31 + at * 7 + (at >> 8));
}

/* Chains of all lengths that come and go keep their bytes, whatever pieces these came in. */
static void put_get__keep_every_byte_of_every_chain(void **state)
{
	struct {
		uint32_t first, bytes, seed;
	} chains[COUNT];
	uint8_t bytes[ALL], read[ALL];
	uint32_t count = 0, used = 0;
	struct dps_random random;
	struct pool pool;

	(void)state;
	dps_random_init(&random, 1);
	pool_open(&pool);
	for (uint32_t step = 0; step < 20000; step++) {
		uint32_t length = (uint32_t)dps_random_below(&random, 3000), at = 0;
		struct dps_block_cursor cursor;

		if (dps_random_chance(&random, 1, 2) && count > 0) {
			uint32_t which = (uint32_t)dps_random_below(&random, count), from;

			length = chains[which].bytes;
			from = (uint32_t)dps_random_below(&random, length + 1);
			cursor = dps_blocks_seek(&pool.blocks, chains[which].first, from);
			dps_blocks_get(&pool.blocks, &cursor, read, length - from);
			for (uint32_t i = from; i < length; i++)
				assert_int_equal(read[i - from], byte_of(chains[which].seed, i));
			dps_blocks_give(&pool.blocks, chains[which].first);
			used -= dps_blocks_for(length);
			chains[which] = chains[--count];
		} else {
			uint32_t first = dps_blocks_take(&pool.blocks, length);

			assert_int_equal(first == DPS_BLOCK_NONE,
					 used + dps_blocks_for(length) > COUNT);
			if (first == DPS_BLOCK_NONE)
				continue;
			for (uint32_t i = 0; i < length; i++)
				bytes[i] = byte_of(step, i);
			cursor = dps_blocks_seek(&pool.blocks, first, 0);
			while (at < length) {
				uint32_t part =
					1 + (uint32_t)dps_random_below(&random, length - at);

				dps_blocks_put(&pool.blocks, &cursor, bytes + at, part);
				at += part;
			}
			used += dps_blocks_for(length);
			chains[count].first = first;
			chains[count].bytes = length;
			chains[count++].seed = step;
		}
		assert_int_equal(pool.blocks.free_count, COUNT - used);
	}
	free(pool.memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(for__rounds_up_and_is_never_none),
		cmocka_unit_test(take__all_or_nothing),
		cmocka_unit_test(run__of_a_fresh_chain_is_one_piece),
		cmocka_unit_test(put_get__keep_every_byte_of_every_chain),
	};

	return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
