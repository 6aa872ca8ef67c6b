/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include "engine/replay_ring.h"
#include "tests/support/cmocka.h"
#include <string.h>

enum { CAPACITY = 8, NUMBERS = 4096 };

static void ring__holds_what_was_put(void **state)
{
	struct dps_replay_ring ring;
	uint32_t places[CAPACITY];

	(void)state;
	dps_replay_ring_init(&ring, places, CAPACITY);
	assert_int_equal(dps_replay_ring_at(&ring, 0), DPS_CHUNK_NONE);
	dps_replay_ring_put(&ring, 0, 10);
	dps_replay_ring_put(&ring, 1, 11);
	dps_replay_ring_put(&ring, 3, 13);
	assert_int_equal(dps_replay_ring_at(&ring, 0), 10);
	assert_int_equal(dps_replay_ring_at(&ring, 2), DPS_CHUNK_NONE);
	assert_int_equal(dps_replay_ring_at(&ring, 3), 13);
	assert_int_equal(dps_replay_ring_at(&ring, CAPACITY), DPS_CHUNK_NONE);
	assert_int_equal(dps_replay_ring_next(&ring, 0), 0);
	assert_int_equal(dps_replay_ring_next(&ring, 2), 3);
	assert_int_equal(dps_replay_ring_next(&ring, 4), UINT64_MAX);
}

static void ring__has_room_for_a_turn_from_its_floor(void **state)
{
	struct dps_replay_ring ring;
	uint32_t places[CAPACITY];

	(void)state;
	dps_replay_ring_init(&ring, places, CAPACITY);
	dps_replay_ring_put(&ring, 5, 1);
	assert_true(dps_replay_ring_has_room(&ring, 5 + CAPACITY - 1));
	assert_false(dps_replay_ring_has_room(&ring, 5 + CAPACITY));
	dps_replay_ring_put(&ring, 7, 2);
	dps_replay_ring_remove(&ring, 5);
	assert_int_equal(ring.floor, 7);
	assert_true(dps_replay_ring_has_room(&ring, 7 + CAPACITY - 1));
	dps_replay_ring_remove(&ring, 7);
	assert_true(dps_replay_ring_has_room(&ring, UINT64_C(1) << 50));
}

/* Numbers rise with gaps, chunks go in any order: as an array of all numbers has it. */
static void ring__agrees_with_an_array_of_all_numbers(void **state)
{
	static uint32_t model[NUMBERS];
	struct dps_replay_ring ring;
	struct dps_random random;
	uint32_t places[CAPACITY];
	uint64_t head = 0;

	(void)state;
	memset(model, 0xff, sizeof(model));
	dps_random_init(&random, 1);
	dps_replay_ring_init(&ring, places, CAPACITY);
	while (head < NUMBERS - 2 * CAPACITY) {
		uint64_t number = head + dps_random_below(&random, 3);
		uint64_t low = head > 2 * CAPACITY ? head - 2 * CAPACITY : 0;
		uint64_t expected = UINT64_MAX;

		if (dps_random_chance(&random, 1, 2) && dps_replay_ring_has_room(&ring, number)) {
			model[number] = (uint32_t)number + 7;
			dps_replay_ring_put(&ring, number, (uint32_t)number + 7);
			head = number + 1;
		} else {
			number = low + dps_random_below(&random, 2 * CAPACITY);
			if (model[number] != DPS_CHUNK_NONE) {
				model[number] = DPS_CHUNK_NONE;
				dps_replay_ring_remove(&ring, number);
			}
		}
		for (uint64_t at = head + CAPACITY; at-- > low;) {
			if (model[at] != DPS_CHUNK_NONE)
				expected = at;
			assert_int_equal(dps_replay_ring_at(&ring, at), model[at]);
			assert_int_equal(dps_replay_ring_next(&ring, at), expected);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring__holds_what_was_put),
		cmocka_unit_test(ring__has_room_for_a_turn_from_its_floor),
		cmocka_unit_test(ring__agrees_with_an_array_of_all_numbers),
	};

	return cmocka_run_group_tests_name("replay_ring", tests, NULL, NULL);
}
