/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/digest/digest.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <stdio.h>
#include <xxhash.h>

static uint8_t pattern[262144];

static int fill_pattern(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + (i >> 8));
	return 0;
}

static void assert_digest(struct dps_digest digest, const char *expected)
{
	char text[2 * DPS_DIGEST_BYTES + 1];

	for (unsigned int i = 0; i < DPS_DIGEST_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", digest.bytes[i]);
	assert_string_equal(text, expected);
}

/* Computed with xxHash's portable code, one byte order and no vectors. */
static void of__gives_the_known_answers(void **state)
{
	(void)state;
	assert_digest(dps_digest_of(NULL, 0), "99aa06d3014798d86001c324468d497f");
	assert_digest(dps_digest_of("a", 1), "a96faf705af16834e6c632b61e964e1f");
	assert_digest(dps_digest_of("abc", 3), "06b05ab6733a618578af5f94892f3950");
	assert_digest(dps_digest_of("123456789", 9), "33119477ede5dcd5e9716427681d5860");
	assert_digest(dps_digest_of(pattern, 4096), "08ef8fc6d37a71915c722d9ceb6f9064");
	assert_digest(dps_digest_of(pattern, 262144), "cca71684a0b3e9c97473bf08fae84c07");
	assert_int_equal(dps_digest_short_of("abc", 3), UINT64_C(0x78af5f94892f3950));
	assert_int_equal(dps_digest_short_of(pattern, 262144), UINT64_C(0x7473bf08fae84c07));
}

/* The variant for this processor against the library's plain one. */
static void of__agrees_with_the_plain_function(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 5);
	for (unsigned int i = 0; i < 3000; i++) {
		size_t bytes = i < 1200 ? i : dps_random_below(&random, 65536);
		const uint8_t *from = pattern + dps_random_below(&random, 4096);
		XXH128_canonical_t expected;
		struct dps_digest digest = dps_digest_of(from, bytes);

		XXH128_canonicalFromHash(&expected, XXH3_128bits(from, bytes));
		assert_memory_equal(digest.bytes, expected.digest, DPS_DIGEST_BYTES);
		assert_int_equal(dps_digest_short_of(from, bytes), XXH3_64bits(from, bytes));
	}
}

static void file__of_no_pieces_is_the_digest_of_nothing(void **state)
{
	struct dps_file_digest file;

	(void)state;
	dps_file_digest_init(&file);
	assert_digest(dps_file_digest_finish(&file), "99aa06d3014798d86001c324468d497f");
}

static void file__is_the_digest_of_its_pieces_digests_in_order(void **state)
{
	struct dps_digest a = dps_digest_of(pattern, 262144), b = dps_digest_of(pattern, 4096);
	struct dps_digest first, swapped;
	struct dps_file_digest file;

	(void)state;
	dps_file_digest_init(&file);
	dps_file_digest_add(&file, &a);
	first = dps_file_digest_finish(&file);
	assert_memory_equal(first.bytes, dps_digest_of(a.bytes, 16).bytes, 16);
	dps_file_digest_add(&file, &b); /* asking in between changed nothing */
	assert_digest(dps_file_digest_finish(&file), "027eb79d0a62af096050eb73d1c416cf");

	dps_file_digest_init(&file);
	dps_file_digest_add(&file, &b);
	dps_file_digest_add(&file, &a);
	swapped = dps_file_digest_finish(&file);
	assert_memory_not_equal(swapped.bytes, "\x02\x7e\xb7\x9d", 4);
}

static void file__holds_for_many_pieces(void **state)
{
	static struct dps_digest pieces[1000];
	struct dps_file_digest file;
	struct dps_digest whole;

	(void)state;
	dps_file_digest_init(&file);
	for (unsigned int i = 0; i < 1000; i++) {
		pieces[i] = dps_digest_of(pattern + i, 64);
		dps_file_digest_add(&file, &pieces[i]);
		whole = dps_file_digest_finish(&file);
		assert_memory_equal(whole.bytes,
				    dps_digest_of(pieces, (i + 1) * sizeof(pieces[0])).bytes, 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of__gives_the_known_answers),
		cmocka_unit_test(of__agrees_with_the_plain_function),
		cmocka_unit_test(file__of_no_pieces_is_the_digest_of_nothing),
		cmocka_unit_test(file__is_the_digest_of_its_pieces_digests_in_order),
		cmocka_unit_test(file__holds_for_many_pieces),
	};

	return cmocka_run_group_tests_name("digest", tests, fill_pattern, NULL);
}
