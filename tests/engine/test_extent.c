/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/extent.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>

enum { COUNT = 5 };

static void extents__are_cleared_and_given_once_each(void **state)
{
	struct dps_extents extents;
	void *memory = malloc(dps_extents_bytes(COUNT));
	uint32_t seen = 0, index = 0;

	(void)state;
	dps_extents_init(&extents, memory, COUNT);
	for (unsigned int turn = 0; turn < 3; turn++) {
		for (unsigned int i = 0; i < COUNT; i++) {
			index = dps_extents_take(&extents);
			assert_true(index < COUNT);
			assert_int_equal(extents.items[index].pieces_pending, 0);
			assert_int_equal(extents.items[index].piece.refetches, 0);
			assert_int_equal(extents.items[index].next, DPS_EXTENT_NONE);
			extents.items[index].pieces_pending = 3;
			extents.items[index].piece.refetches = 1;
			seen ^= 1u << index;
		}
		assert_int_equal(dps_extents_take(&extents), DPS_EXTENT_NONE);
		assert_int_equal(seen, turn % 2 ? 0 : (1u << COUNT) - 1);
		for (uint32_t i = 0; i < COUNT; i++)
			dps_extents_give(&extents, i);
	}
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extents__are_cleared_and_given_once_each),
	};

	return cmocka_run_group_tests_name("extent", tests, NULL, NULL);
}
