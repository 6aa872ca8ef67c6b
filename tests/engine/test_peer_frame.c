/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/peer_frame.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <dps/stream_carriage.h>
#include <stddef.h>
#include <string.h>

/* As docs/protocol.md has it: a call of three bytes. */
static void head__looks_as_it_is_written_down(void **state)
{
	static const uint8_t expected[DPS_PEER_HEAD_BYTES] = { 0, 0, 0, 15, 0x82, 2, 0, 0,
							       0, 0, 0, 0,  0,	  0, 1, 2 };
	struct dps_peer_head head = {
		.id = 258, .body_bytes = 3, .kind = DPS_PEER_REQUEST, .class = DPS_PEER_CALL
	};
	uint8_t bytes[DPS_PEER_HEAD_BYTES];

	(void)state;
	dps_peer_head_encode(&head, bytes);
	assert_memory_equal(bytes, expected, sizeof(bytes));
}

static void head_decode__takes_what_encode_wrote(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 1);
	for (unsigned int i = 0; i < 10000; i++) {
		struct dps_peer_head head = {
			.id = dps_random_next(&random),
			.body_bytes =
				(uint32_t)dps_random_below(&random, DPS_PEER_BODY_BYTES_LIMIT + 1),
			.code = (uint16_t)dps_random_next(&random),
			.kind = (uint8_t)dps_random_next(&random),
			.class = (uint8_t)dps_random_next(&random),
		};
		uint8_t bytes[DPS_PEER_HEAD_BYTES];
		struct dps_peer_head read;

		dps_peer_head_encode(&head, bytes);
		assert_true(dps_peer_head_decode(&read, bytes));
		assert_int_equal(read.id, head.id);
		assert_int_equal(read.body_bytes, head.body_bytes);
		assert_int_equal(read.code, head.code);
		assert_int_equal(read.kind, head.kind);
		assert_int_equal(read.class, head.class);
	}
}

/* E50: undersized, oversized, garbage. */
static void head_decode__refuses_lengths_that_no_frame_has(void **state)
{
	static const uint32_t bad[] = {
		0, 1, 11, (1 << 20) + 1, UINT32_MAX, 0x7b227479, 0x7fffffff
	};
	static const uint32_t good[] = { 12, 13, 1 << 20 };
	uint8_t bytes[DPS_PEER_HEAD_BYTES] = { 0 };
	struct dps_peer_head head;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		for (unsigned int at = 0; at < 4; at++)
			bytes[at] = (uint8_t)(bad[i] >> (24 - 8 * at));
		assert_false(dps_peer_head_decode(&head, bytes));
	}
	for (unsigned int i = 0; i < sizeof(good) / sizeof(*good); i++) {
		for (unsigned int at = 0; at < 4; at++)
			bytes[at] = (uint8_t)(good[i] >> (24 - 8 * at));
		assert_true(dps_peer_head_decode(&head, bytes));
		assert_int_equal(head.body_bytes, good[i] - 12);
	}
}

static void hello_decode__takes_what_encode_wrote_and_no_less(void **state)
{
	struct dps_peer_hello hello = {
		.version_min = 1,
		.version_max = 3,
		.body_bytes_max = 65536,
		.block_bytes = 4096,
		.credit.up_to = { [DPS_PEER_CONTROL] = 5,
				  [DPS_PEER_CALL] = 6,
				  [DPS_PEER_BULK] = UINT64_MAX },
	};
	uint8_t body[DPS_PEER_HELLO_BYTES];
	struct dps_peer_hello read;

	(void)state;
	dps_peer_hello_encode(&hello, body);
	assert_true(dps_peer_hello_decode(&read, body, sizeof(body)));
	assert_memory_equal(&read, &hello, offsetof(struct dps_peer_hello, block_bytes));
	assert_int_equal(read.block_bytes, 4096);
	assert_true(dps_peer_hello_decode(&read, body, sizeof(body) + 8));
	assert_false(dps_peer_hello_decode(&read, body, sizeof(body) - 1));
}

static void word_decode__takes_what_encode_wrote_and_no_less(void **state)
{
	static const uint8_t written[DPS_PEER_WORD_BYTES] = { 2, 1, 0, 0, 0, 0, 1, 4,
							      0, 0, 0, 0, 0, 0, 1, 0 };
	const struct dps_stream_message word = {
		.type = DPS_STREAM_SAYS_OPEN,
		.flags = DPS_STREAM_BOTH_WAYS,
		.number = 260,
		.value = 256,
	};
	uint8_t body[DPS_PEER_WORD_BYTES];
	struct dps_stream_message read;

	(void)state;
	dps_peer_word_encode(&word, body);
	assert_memory_equal(body, written, sizeof(body));
	assert_true(dps_peer_word_decode(&read, body, sizeof(body) + 1));
	assert_int_equal(read.type, word.type);
	assert_int_equal(read.flags, word.flags);
	assert_int_equal(read.number, word.number);
	assert_int_equal(read.value, word.value);
	assert_false(dps_peer_word_decode(&read, body, sizeof(body) - 1));
}

static void credit_decode__takes_what_encode_wrote_and_no_less(void **state)
{
	struct dps_peer_credit credit = {
		.up_to = { [DPS_PEER_CONTROL] = 1, [DPS_PEER_CALL] = 2, [DPS_PEER_BULK] = 3 }
	};
	uint8_t body[DPS_PEER_CREDIT_BYTES];
	struct dps_peer_credit read;

	(void)state;
	dps_peer_credit_encode(&credit, body);
	assert_true(dps_peer_credit_decode(&read, body, sizeof(body)));
	assert_memory_equal(&read, &credit, sizeof(read));
	assert_false(dps_peer_credit_decode(&read, body, sizeof(body) - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(head__looks_as_it_is_written_down),
		cmocka_unit_test(head_decode__takes_what_encode_wrote),
		cmocka_unit_test(head_decode__refuses_lengths_that_no_frame_has),
		cmocka_unit_test(hello_decode__takes_what_encode_wrote_and_no_less),
		cmocka_unit_test(word_decode__takes_what_encode_wrote_and_no_less),
		cmocka_unit_test(credit_decode__takes_what_encode_wrote_and_no_less),
	};

	return cmocka_run_group_tests_name("peer_frame", tests, NULL, NULL);
}
