/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/encoding/encoding.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <string.h>

static void hex__survives_the_round_trip(void **state)
{
	const uint8_t bytes[4] = { 0x00, 0x9a, 0xff, 0x10 };
	uint8_t again[4];
	char text[9];

	(void)state;
	dps_hex_encode(bytes, sizeof(bytes), text);
	assert_string_equal(text, "009aff10");
	assert_true(dps_hex_decode(text, again, sizeof(again)));
	assert_memory_equal(again, bytes, sizeof(bytes));
	assert_true(dps_hex_decode("009AFF10", again, sizeof(again)));
	assert_memory_equal(again, bytes, sizeof(bytes));
}

static void hex_decode__takes_digits_of_the_exact_length_only(void **state)
{
	uint8_t bytes[2];

	(void)state;
	assert_false(dps_hex_decode("123", bytes, 2));
	assert_false(dps_hex_decode("12345", bytes, 2));
	assert_false(dps_hex_decode("12g4", bytes, 2));
	assert_false(dps_hex_decode(" 123", bytes, 2));
	assert_true(dps_hex_decode("", bytes, 0));
}

/* RFC 4648 section 10 */
static void base64__matches_the_vectors_of_the_rfc(void **state)
{
	static const char *const vectors[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	char text[16];
	uint8_t bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t length = strlen(vectors[i][0]);

		dps_base64_encode((const uint8_t *)vectors[i][0], length, text);
		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(dps_base64_bytes(length), strlen(text));
		assert_int_equal(dps_base64_decode(text, strlen(text), bytes), length);
		assert_memory_equal(bytes, vectors[i][0], length);
	}
}

static void base64__survives_the_round_trip(void **state)
{
	struct dps_random random;
	uint8_t bytes[100], again[102];
	char text[140];

	(void)state;
	dps_random_init(&random, 3);
	for (unsigned int round = 0; round < 2000; round++) {
		size_t length = dps_random_below(&random, sizeof(bytes) + 1);

		for (size_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)dps_random_next(&random);
		dps_base64_encode(bytes, length, text);
		assert_int_equal(dps_base64_decode(text, strlen(text), again), length);
		assert_memory_equal(again, bytes, length);
	}
}

static void base64_decode__takes_only_what_encode_writes(void **state)
{
	static const char *const bad[] = {
		"Zg=",	    "Zg",   "Z===", "====", "Zg==Zg==", "Zm9v\n",
		"Zm9v!m9v", "Zm9-", "Zh==", "Zm9=", "=m9v",	"Zm=v",
	};
	uint8_t bytes[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dps_base64_decode(bad[i], strlen(bad[i]), bytes), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex__survives_the_round_trip),
		cmocka_unit_test(hex_decode__takes_digits_of_the_exact_length_only),
		cmocka_unit_test(base64__matches_the_vectors_of_the_rfc),
		cmocka_unit_test(base64__survives_the_round_trip),
		cmocka_unit_test(base64_decode__takes_only_what_encode_writes),
	};

	return cmocka_run_group_tests_name("encoding", tests, NULL, NULL);
}
