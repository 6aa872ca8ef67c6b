/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/piece_digests.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 4096, PIECES = 64 };

static struct dps_digest digest_of_piece(uint64_t number)
{
	return dps_digest_of(&number, sizeof(number));
}

static void add__any_order_gives_the_digest_of_the_file(void **state)
{
	struct dps_file_digest expected;
	struct dps_random random;

	(void)state;
	dps_file_digest_init(&expected);
	for (uint64_t i = 0; i < PIECES; i++) {
		const struct dps_digest digest = digest_of_piece(i);

		dps_file_digest_add(&expected, &digest);
	}
	for (uint64_t seed = 0; seed < 200; seed++) {
		const struct dps_digest whole = dps_file_digest_finish(&expected);
		struct dps_piece_digests digests;
		uint64_t order[PIECES];
		struct dps_digest got;

		dps_random_init(&random, seed);
		for (uint64_t i = 0; i < PIECES; i++)
			order[i] = i;
		for (uint64_t i = PIECES - 1; i > 0; i--) {
			uint64_t other = dps_random_below(&random, i + 1), swapped = order[i];

			order[i] = order[other];
			order[other] = swapped;
		}
		dps_piece_digests_init(&digests, PIECES * CHUNK - 1, CHUNK);
		for (uint64_t i = 0; i < PIECES; i++) {
			const struct dps_digest digest = digest_of_piece(order[i]);

			assert_false(dps_piece_digests_is_whole(&digests));
			assert_int_equal(dps_piece_digests_add(&digests, order[i] * CHUNK, &digest),
					 0);
			/* One that comes again changes nothing. */
			assert_int_equal(dps_piece_digests_add(&digests, order[i] * CHUNK, &digest),
					 0);
		}
		assert_true(dps_piece_digests_is_whole(&digests));
		got = dps_piece_digests_finish(&digests);
		assert_memory_equal(&got, &whole, sizeof(whole));
		dps_piece_digests_fini(&digests);
	}
}

static void take_fresh__gives_each_piece_once_and_in_order(void **state)
{
	static const uint64_t order[] = { 1, 0, 4, 2, 3, 5 };
	struct dps_piece_digests digests;
	uint64_t next = 0;

	(void)state;
	dps_piece_digests_init(&digests, 6 * CHUNK - 7, CHUNK);
	digests.keeps_fresh = true;
	for (unsigned int i = 0; i < 6; i++) {
		const struct dps_digest digest = digest_of_piece(order[i]);
		struct dps_piece_run run;

		assert_int_equal(dps_piece_digests_add(&digests, order[i] * CHUNK, &digest), 0);
		run = dps_piece_digests_take_fresh(&digests);
		assert_int_equal(run.first, next);
		for (uint32_t k = 0; k < run.count; k++, next++) {
			const struct dps_digest expected = digest_of_piece(next);

			assert_memory_equal(&run.digests[k], &expected, sizeof(expected));
		}
		free(run.digests);
		assert_int_equal(dps_piece_digests_prefix_bytes(&digests, 6 * CHUNK - 7),
				 next == 6 ? 6 * CHUNK - 7 : next * CHUNK);
	}
	assert_int_equal(next, 6);
	dps_piece_digests_fini(&digests);
}

static void is_whole__an_empty_file_is_at_once(void **state)
{
	const struct dps_digest nothing = dps_digest_of("", 0);
	struct dps_piece_digests digests;
	struct dps_digest got;

	(void)state;
	dps_piece_digests_init(&digests, 0, CHUNK);
	assert_true(dps_piece_digests_is_whole(&digests));
	got = dps_piece_digests_finish(&digests);
	assert_memory_equal(&got, &nothing, sizeof(nothing));
	dps_piece_digests_fini(&digests);
}

static void add__a_piece_behind_the_end_is_ignored(void **state)
{
	const struct dps_digest digest = digest_of_piece(0);
	struct dps_piece_digests digests;

	(void)state;
	dps_piece_digests_init(&digests, CHUNK + 1, CHUNK);
	assert_int_equal(dps_piece_digests_add(&digests, 2 * CHUNK, &digest), 0);
	assert_int_equal(digests.waiting_count, 0);
	dps_piece_digests_fini(&digests);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add__any_order_gives_the_digest_of_the_file),
		cmocka_unit_test(take_fresh__gives_each_piece_once_and_in_order),
		cmocka_unit_test(is_whole__an_empty_file_is_at_once),
		cmocka_unit_test(add__a_piece_behind_the_end_is_ignored),
	};

	return cmocka_run_group_tests_name("piece_digests", tests, NULL, NULL);
}
