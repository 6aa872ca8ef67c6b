/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "engine/slots.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>

enum { COUNT = 8, BYTES = 4096 };

struct pool {
	struct dps_slots slots;
	uint32_t memory[2 * COUNT];
	uint8_t bytes[COUNT * BYTES];
};

static void make(struct pool *pool)
{
	assert_int_equal(dps_slots_bytes(COUNT), sizeof(pool->memory));
	dps_slots_init(&pool->slots, pool->memory, COUNT, pool->bytes, BYTES);
}

static uint32_t take(struct pool *pool)
{
	dps_slots_reserve(&pool->slots);
	return dps_slots_take_reserved(&pool->slots);
}

static void slots__are_handed_out_once_each(void **state)
{
	struct pool pool;
	uint32_t seen = 0;

	(void)state;
	make(&pool);
	for (unsigned int i = 0; i < COUNT; i++) {
		uint32_t slot = take(&pool);

		assert_true(slot < COUNT);
		assert_int_equal(seen >> slot & 1, 0);
		assert_ptr_equal(dps_slots_at(&pool.slots, slot), pool.bytes + slot * BYTES);
		seen |= 1u << slot;
	}
	assert_int_equal(dps_slots_available(&pool.slots), 0);
}

static void slots__the_warmest_comes_back_first(void **state)
{
	struct pool pool;
	uint32_t first, second;

	(void)state;
	make(&pool);
	first = take(&pool);
	second = take(&pool);
	dps_slots_drop(&pool.slots, first, 1);
	dps_slots_drop(&pool.slots, second, 1);
	assert_int_equal(take(&pool), second);
	assert_int_equal(take(&pool), first);
}

static void slots__are_free_when_the_last_reference_is_gone(void **state)
{
	struct pool pool;
	uint32_t slot;

	(void)state;
	make(&pool);
	slot = take(&pool);
	dps_slots_hold(&pool.slots, slot, 1);
	dps_slots_hold(&pool.slots, slot, 3);
	assert_false(dps_slots_drop(&pool.slots, slot, 1));
	assert_false(dps_slots_drop(&pool.slots, slot, 3));
	assert_int_equal(pool.slots.free_count, COUNT - 1);
	assert_true(dps_slots_drop(&pool.slots, slot, 1));
	assert_int_equal(pool.slots.free_count, COUNT);
}

static void slots__the_least_that_was_free_is_known(void **state)
{
	struct pool pool;
	uint32_t slot;

	(void)state;
	make(&pool);
	assert_int_equal(pool.slots.free_low, COUNT);
	dps_slots_reserve(&pool.slots); /* a promise takes none */
	assert_int_equal(pool.slots.free_low, COUNT);
	dps_slots_unreserve(&pool.slots);
	slot = take(&pool);
	take(&pool);
	assert_int_equal(pool.slots.free_low, COUNT - 2);
	dps_slots_drop(&pool.slots, slot, 1);
	take(&pool);
	assert_int_equal(pool.slots.free_low, COUNT - 2);
}

static void slots__what_is_promised_is_not_available(void **state)
{
	struct pool pool;

	(void)state;
	make(&pool);
	for (unsigned int i = 0; i < COUNT; i++) {
		assert_int_equal(dps_slots_available(&pool.slots), COUNT - i);
		dps_slots_reserve(&pool.slots);
	}
	assert_int_equal(pool.slots.free_count, COUNT);
	dps_slots_unreserve(&pool.slots);
	assert_int_equal(dps_slots_available(&pool.slots), 1);
}

static void slots__a_random_life_loses_none(void **state)
{
	struct dps_random random;
	uint32_t references[COUNT] = { 0 };
	uint32_t reserved = 0, in_use = 0;
	struct pool pool;

	(void)state;
	make(&pool);
	dps_random_init(&random, 1);
	for (unsigned int step = 0; step < 100000; step++) {
		uint32_t slot = (uint32_t)dps_random_below(&random, COUNT);

		switch (dps_random_below(&random, 5)) {
		case 0:
			if (dps_slots_available(&pool.slots) == 0)
				break;
			dps_slots_reserve(&pool.slots);
			reserved++;
			break;
		case 1:
			if (reserved == 0)
				break;
			reserved--;
			slot = dps_slots_take_reserved(&pool.slots);
			assert_int_equal(references[slot]++, 0);
			in_use++;
			break;
		case 2:
			if (reserved == 0)
				break;
			reserved--;
			dps_slots_unreserve(&pool.slots);
			break;
		case 3:
			if (references[slot] == 0)
				break;
			references[slot]++;
			dps_slots_hold(&pool.slots, slot, 1);
			break;
		default:
			if (references[slot] == 0)
				break;
			dps_slots_drop(&pool.slots, slot, 1);
			in_use -= --references[slot] == 0;
			break;
		}
		assert_int_equal(pool.slots.free_count, COUNT - in_use);
		assert_int_equal(dps_slots_available(&pool.slots), COUNT - in_use - reserved);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots__are_handed_out_once_each),
		cmocka_unit_test(slots__the_warmest_comes_back_first),
		cmocka_unit_test(slots__are_free_when_the_last_reference_is_gone),
		cmocka_unit_test(slots__the_least_that_was_free_is_known),
		cmocka_unit_test(slots__what_is_promised_is_not_available),
		cmocka_unit_test(slots__a_random_life_loses_none),
	};

	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
