/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/aead/key_schedule.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

enum { PATHS = 400, PHASES = 5 };

/* 00 01 02 ... 1f: the example of docs/protocol.md. */
static void fill_counting(uint8_t bytes[DPS_KEY_SECRET_BYTES])
{
	for (unsigned int i = 0; i < DPS_KEY_SECRET_BYTES; i++)
		bytes[i] = (uint8_t)i;
}

static void context_encode__is_as_documented(void **state)
{
	static const uint8_t expected[DPS_KEY_CONTEXT_BYTES] = {
		0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0xf1,
		0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0x01,
	};
	struct dps_key_context context = { 0x0102030405060708, 0xf1f2f3f4f5f6f7f8, true };
	uint8_t bytes[DPS_KEY_CONTEXT_BYTES];

	(void)state;
	dps_key_context_encode(&context, bytes);
	assert_memory_equal(bytes, expected, sizeof(expected));
	context.is_from_exporter = false;
	dps_key_context_encode(&context, bytes);
	assert_memory_equal(bytes, expected, sizeof(expected) - 1);
	assert_int_equal(bytes[DPS_KEY_CONTEXT_BYTES - 1], 0);
}

/* RFC 5869, test case 1: the first block of its 42 bytes. */
static void hkdf_expand__is_that_of_rfc_5869(void **state)
{
	static const uint8_t secret[32] = {
		0x07, 0x77, 0x09, 0x36, 0x2c, 0x2e, 0x32, 0xdf, 0x0d, 0xdc, 0x3f,
		0x0d, 0xc4, 0x7b, 0xba, 0x63, 0x90, 0xb6, 0xc7, 0x3b, 0xb5, 0x0f,
		0x9c, 0x31, 0x22, 0xec, 0x84, 0x4a, 0xd7, 0xc2, 0xb3, 0xe5,
	};
	static const uint8_t info[10] = {
		0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9,
	};
	static const uint8_t expected[32] = {
		0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f,
		0x64, 0xd0, 0x36, 0x2f, 0x2a, 0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a,
		0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf,
	};
	uint8_t to[32];

	(void)state;
	dps_key_hkdf_expand(secret, sizeof(secret), info, sizeof(info), to, sizeof(to));
	assert_memory_equal(to, expected, sizeof(expected));
}

/* The example of docs/protocol.md, made by another implementation. */
static void expand__gives_the_documented_example(void **state)
{
	static const uint8_t keys[2][16] = {
		{ 0x8c, 0xce, 0xb5, 0xfb, 0xfb, 0x22, 0xe1, 0x80, 0x61, 0x28, 0x24, 0x7d, 0xf1,
		  0x0d, 0xde, 0x28 },
		{ 0xb8, 0x6d, 0x1a, 0x29, 0x39, 0xdf, 0x60, 0xb0, 0x4a, 0x9b, 0x4b, 0x58, 0xb3,
		  0x12, 0x21, 0x61 },
	};
	static const uint8_t ivs[2][12] = {
		{ 0xc6, 0x2f, 0xef, 0xb5, 0x08, 0x62, 0x74, 0xdc, 0xe8, 0x84, 0x6a, 0x83 },
		{ 0x77, 0x1a, 0x0b, 0xc0, 0xb3, 0xe8, 0x22, 0x49, 0xc9, 0x8e, 0x8a, 0x47 },
	};
	static const uint8_t key_256[32] = { 0x7b, 0xb0, 0xa1, 0xe5, 0x05, 0xbf, 0x4f, 0xe4,
					     0x71, 0x46, 0xb7, 0x2e, 0x21, 0x2f, 0x48, 0xaa,
					     0x4a, 0x56, 0x45, 0xfe, 0xa7, 0x0c, 0xdd, 0x51,
					     0xca, 0x16, 0xf2, 0x0d, 0x90, 0xb9, 0xec, 0x3c };
	struct dps_phase_secret secret;
	uint8_t bytes[DPS_KEY_SECRET_BYTES], to[32];

	(void)state;
	fill_counting(bytes);
	dps_phase_secret_init(&secret, bytes);
	dps_key_expand(secret.bytes, "key", to, 32);
	assert_memory_equal(to, key_256, 32);
	for (unsigned int phase = 0; phase < 2; phase++) {
		assert_int_equal(secret.phase, phase);
		dps_key_expand(secret.bytes, "key", to, 16);
		assert_memory_equal(to, keys[phase], 16);
		dps_key_expand(secret.bytes, "iv", to, 12);
		assert_memory_equal(to, ivs[phase], 12);
		dps_phase_secret_advance(&secret);
	}
}

static void nonce__differs_in_every_number(void **state)
{
	static const uint64_t numbers[] = {
		0, 1, 2, 255, 256, UINT64_C(1) << 22, UINT32_MAX, (UINT64_C(1) << 54) - 1
	};
	const struct dps_phase_key key = { .iv = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } };
	uint8_t one[DPS_AEAD_NONCE_BYTES], other[DPS_AEAD_NONCE_BYTES];

	(void)state;
	dps_phase_key_nonce(&key, 0, one);
	assert_memory_equal(one, key.iv, sizeof(one));
	dps_phase_key_nonce(&key, 0x0102, one);
	assert_int_equal(one[11], 12 ^ 0x02);
	assert_int_equal(one[10], 11 ^ 0x01);
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		for (unsigned int k = 0; k < i; k++) {
			dps_phase_key_nonce(&key, numbers[i], one);
			dps_phase_key_nonce(&key, numbers[k], other);
			assert_memory_not_equal(one, other, sizeof(one));
			assert_memory_equal(one, key.iv, 4);
		}
	}
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, DPS_KEY_SECRET_BYTES);
}

/*
 * Of many paths that differ in epoch, connection id or direction alone, and of each of their
 * phases: no key and no secret is another's. What TLS does is stood in for by HKDF over the
 * context, as its exporter is one.
 */
static void keys__are_of_one_path_direction_and_phase(void **state)
{
	static uint8_t made[PATHS * PHASES * 2][DPS_KEY_SECRET_BYTES];
	uint8_t master[DPS_KEY_SECRET_BYTES], exported[DPS_KEY_SECRET_BYTES];
	unsigned int count = 0;

	(void)state;
	fill_counting(master);
	for (unsigned int i = 0; i < PATHS; i++) {
		const struct dps_key_context context = { i / 20, i / 2 % 10, i % 2 };
		uint8_t bytes[DPS_KEY_CONTEXT_BYTES];
		struct dps_phase_secret secret;

		dps_key_context_encode(&context, bytes);
		dps_key_hkdf_expand(master, sizeof(master), bytes, sizeof(bytes), exported,
				    sizeof(exported));
		dps_phase_secret_init(&secret, exported);
		for (unsigned int phase = 0; phase < PHASES; phase++) {
			memcpy(made[count++], secret.bytes, DPS_KEY_SECRET_BYTES);
			dps_key_expand(secret.bytes, "key", made[count++], DPS_KEY_SECRET_BYTES);
			dps_phase_secret_advance(&secret);
		}
	}
	qsort(made, count, sizeof(made[0]), compare);
	for (unsigned int i = 1; i < count; i++)
		assert_memory_not_equal(made[i - 1], made[i], sizeof(made[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(context_encode__is_as_documented),
		cmocka_unit_test(hkdf_expand__is_that_of_rfc_5869),
		cmocka_unit_test(expand__gives_the_documented_example),
		cmocka_unit_test(nonce__differs_in_every_number),
		cmocka_unit_test(keys__are_of_one_path_direction_and_phase),
	};

	return cmocka_run_group_tests_name("key_schedule", tests, NULL, NULL);
}
