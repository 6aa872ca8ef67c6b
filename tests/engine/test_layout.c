/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <dps/layout.h>
#include <dps/types.h>
#include <errno.h>

#define KIB UINT64_C(1024)
#define CHUNK (256 * KIB)

static uint64_t place(struct dps_layout *layout, uint64_t size_bytes)
{
	uint64_t offset = UINT64_MAX;

	assert_int_equal(dps_layout_place(layout, size_bytes, &offset), 0);
	return offset;
}

static void place__starts_at_a_multiple_of_the_rounded_size(void **state)
{
	struct dps_layout layout;

	(void)state;
	dps_layout_init(&layout, CHUNK);
	assert_int_equal(place(&layout, 1), 0);
	assert_int_equal(place(&layout, 1), 4 * KIB);
	assert_int_equal(place(&layout, 5 * KIB), 8 * KIB);
	assert_int_equal(place(&layout, 4 * KIB), 16 * KIB);
	assert_int_equal(place(&layout, 8 * KIB + 1), 32 * KIB);
	assert_int_equal(place(&layout, CHUNK), CHUNK);
	assert_int_equal(place(&layout, 10 * CHUNK + 1), 2 * CHUNK);
	assert_int_equal(place(&layout, 1), 12 * CHUNK + 4 * KIB);
	assert_int_equal(place(&layout, CHUNK / 2 + 1), 13 * CHUNK);
}

static void place__an_empty_file_takes_no_bytes(void **state)
{
	struct dps_layout layout;

	(void)state;
	dps_layout_init(&layout, CHUNK);
	assert_int_equal(place(&layout, 0), 0);
	assert_int_equal(place(&layout, 5), 0);
	assert_int_equal(place(&layout, 0), 5);
	assert_int_equal(place(&layout, 0), 5);
	assert_int_equal(layout.next_offset, 5);
	assert_int_equal(place(&layout, 1), 4 * KIB);
}

static void place__refuses_what_passes_the_last_offset(void **state)
{
	struct dps_layout layout;
	uint64_t offset = 77;

	(void)state;
	dps_layout_init(&layout, CHUNK);
	assert_int_equal(dps_layout_place(&layout, DPS_OFFSET_MAX + 1, &offset), -EFBIG);
	assert_int_equal(dps_layout_place(&layout, UINT64_MAX, &offset), -EFBIG);
	assert_int_equal(layout.next_offset, 0);
	assert_int_equal(place(&layout, DPS_OFFSET_MAX - CHUNK - 1), 0);
	assert_int_equal(dps_layout_place(&layout, CHUNK + 1, &offset), -EFBIG);
	assert_int_equal(offset, 77);
	assert_int_equal(place(&layout, CHUNK), DPS_OFFSET_MAX - CHUNK);
	assert_int_equal(dps_layout_place(&layout, 1, &offset), -EFBIG);
	assert_int_equal(layout.next_offset, DPS_OFFSET_MAX);
}

static void place__never_straddles_stays_aligned_and_ascends(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 20260107);
	for (unsigned int run = 0; run < 1000; run++) {
		uint64_t chunk = UINT64_C(1) << (12 + dps_random_below(&random, 14));
		uint64_t end = 0;
		struct dps_layout layout;

		dps_layout_init(&layout, (uint32_t)chunk);
		for (unsigned int i = 0; i < 200; i++) {
			uint64_t size = dps_random_below(
				&random, UINT64_C(2) << dps_random_below(&random, 32));
			uint64_t offset = place(&layout, size);

			assert_true(offset >= end);
			assert_int_equal(layout.next_offset, offset + size);
			if (size != 0) {
				assert_int_equal(offset % DPS_PAGE_BYTES, 0);
				assert_true(offset - end <
					    dps_min_u64(chunk, 2 * size + DPS_PAGE_BYTES));
			}
			if (size > 0 && size <= chunk)
				assert_int_equal(offset / chunk, (offset + size - 1) / chunk);
			if (size > chunk)
				assert_int_equal(offset % chunk, 0);
			end = layout.next_offset;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(place__starts_at_a_multiple_of_the_rounded_size),
		cmocka_unit_test(place__an_empty_file_takes_no_bytes),
		cmocka_unit_test(place__refuses_what_passes_the_last_offset),
		cmocka_unit_test(place__never_straddles_stays_aligned_and_ascends),
	};

	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
