/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include "engine/random.h"
#include "engine/wire.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Packets 100..90, 88 and 80..79 of a path, and one channel. */
static const struct dps_ack golden_ack = {
	.largest = 100,
	.ack_delay_us = 25,
	.echo_sent_at_us = 0x11223344,
	.sequence = 7,
	.ect0 = 1,
	.ect1 = 2,
	.ce = 3,
	.ranges_count = 3,
	.channels_count = 1,
	.ranges = { { 90, 100 }, { 88, 88 }, { 79, 80 } },
	.channels = { { .channel = 9,
			.credit = 0x04000000,
			.contiguous = 0x00020000,
			.stored = 0x00010000 } },
};

static const uint8_t golden_bytes[] = {
	0,    0,    0,	  0,	0,    0,    0,	  100,	/* largest */
	0,    0,    0,	  25,				/* ack delay */
	0x11, 0x22, 0x33, 0x44,				/* echo of the send time */
	0,    0,    0,	  7,				/* sequence */
	0,    0,    0,	  1,	0,    0,    0,	  2,	/* ECT(0), ECT(1) */
	0,    0,    0,	  3,				/* CE */
	0,    3,    0,	  1,				/* ranges, channels */
	0,    0,    0,	  0,				/* reserved */
	0,    0,    0,	  0,	0,    0,    0,	  11,	/* 100 .. 90 */
	0,    0,    0,	  1,	0,    0,    0,	  1,	/* 89 is missing; 88 */
	0,    0,    0,	  7,	0,    0,    0,	  2,	/* 87 .. 81 are missing; 80, 79 */
	0,    0,    0,	  9,	0,    0,    0,	  0,	/* channel, reserved */
	0,    0,    0,	  0,	0x04, 0x00, 0x00, 0x00, /* credit */
	0,    0,    0,	  0,	0x00, 0x02, 0x00, 0x00, /* contiguous */
	0,    0,    0,	  0,	0x00, 0x01, 0x00, 0x00, /* stored */
};

enum {
	COUNTS_AT = 32,
	RANGES_AT = 40,
	CHANNELS_AT = 64,
};

static int decode(const uint8_t *bytes, size_t length, struct dps_ack *ack)
{
	uint8_t *exact = malloc(length ? length : 1); /* so that a sanitizer sees its end */
	int result;

	assert_non_null(exact);
	memcpy(exact, bytes, length);
	result = dps_ack_decode(exact, length, ack);
	free(exact);
	return result;
}

static void assert_acks_equal(const struct dps_ack *a, const struct dps_ack *b)
{
	assert_int_equal(a->largest, b->largest);
	assert_int_equal(a->ack_delay_us, b->ack_delay_us);
	assert_int_equal(a->echo_sent_at_us, b->echo_sent_at_us);
	assert_int_equal(a->sequence, b->sequence);
	assert_int_equal(a->ect0, b->ect0);
	assert_int_equal(a->ect1, b->ect1);
	assert_int_equal(a->ce, b->ce);
	assert_int_equal(a->ranges_count, b->ranges_count);
	assert_int_equal(a->channels_count, b->channels_count);
	assert_memory_equal(a->ranges, b->ranges, a->ranges_count * sizeof(a->ranges[0]));
	if (a->channels_count)
		assert_memory_equal(a->channels, b->channels,
				    a->channels_count * sizeof(a->channels[0]));
}

/* What every decoded acknowledgement promises to those who use it. */
static void assert_is_sound(const struct dps_ack *ack)
{
	assert_in_range(ack->ranges_count, 1, DPS_WIRE_RANGES_MAX);
	assert_in_range(ack->channels_count, 0, DPS_WIRE_CHANNELS_MAX);
	assert_int_equal(ack->ranges[0].last, ack->largest);
	for (unsigned int i = 0; i < ack->ranges_count; i++) {
		assert_true(ack->ranges[i].first <= ack->ranges[i].last);
		if (i != 0)
			assert_true(ack->ranges[i - 1].first - ack->ranges[i].last >= 2 &&
				    ack->ranges[i].last < ack->ranges[i - 1].first);
	}
	for (unsigned int i = 0; i < ack->channels_count; i++) {
		assert_true(ack->channels[i].credit <= DPS_OFFSET_MAX);
		assert_true(ack->channels[i].contiguous <= DPS_OFFSET_MAX);
		assert_true(ack->channels[i].stored <= DPS_OFFSET_MAX);
	}
}

static struct dps_ack some_ack(struct dps_random *random)
{
	struct dps_ack ack = {
		.largest = DPS_PACKET_NUMBER_MAX - dps_random_below(random, 1000),
		.ack_delay_us = (uint32_t)dps_random_next(random),
		.echo_sent_at_us = (uint32_t)dps_random_next(random),
		.sequence = (uint32_t)dps_random_next(random),
		.ect0 = (uint32_t)dps_random_next(random),
		.ect1 = (uint32_t)dps_random_next(random),
		.ce = (uint32_t)dps_random_next(random),
		.ranges_count = (uint16_t)(1 + dps_random_below(random, DPS_WIRE_RANGES_MAX)),
		.channels_count = (uint16_t)dps_random_below(random, DPS_WIRE_CHANNELS_MAX + 1),
	};
	/* Narrow spans and the widest that can be written. */
	uint64_t widest = dps_random_chance(random, 1, 2) ? 9 : UINT32_MAX - 1;
	uint64_t last = ack.largest;

	for (unsigned int i = 0; i < ack.ranges_count; i++) {
		ack.ranges[i].last = last;
		ack.ranges[i].first = last - dps_random_below(random, widest);
		last = ack.ranges[i].first - 2 - dps_random_below(random, widest);
	}
	for (unsigned int i = 0; i < ack.channels_count; i++)
		ack.channels[i] = (struct dps_ack_channel){
			.channel = (uint32_t)dps_random_next(random),
			.flags = (uint32_t)dps_random_next(random),
			.credit = dps_random_below(random, DPS_OFFSET_MAX + 1),
			.contiguous = dps_random_below(random, DPS_OFFSET_MAX + 1),
			.stored = dps_random_below(random, DPS_OFFSET_MAX + 1),
		};
	return ack;
}

static void encode__writes_the_documented_bytes(void **state)
{
	uint8_t bytes[DPS_WIRE_ACK_BYTES_MAX];

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(dps_ack_encode(&golden_ack, bytes, sizeof(bytes)), sizeof(golden_bytes));
	assert_memory_equal(bytes, golden_bytes, sizeof(golden_bytes));
	assert_int_equal(bytes[sizeof(golden_bytes)], 0xee);
}

static void encode__fills_the_longest_ack_exactly(void **state)
{
	struct dps_ack ack = { .largest = 1000,
			       .ranges_count = DPS_WIRE_RANGES_MAX,
			       .channels_count = DPS_WIRE_CHANNELS_MAX };
	uint8_t bytes[DPS_WIRE_ACK_BYTES_MAX + 1];
	struct dps_ack decoded;

	(void)state;
	for (unsigned int i = 0; i < DPS_WIRE_RANGES_MAX; i++)
		ack.ranges[i] = (struct dps_ack_range){ 1000 - 2 * i, 1000 - 2 * i };
	bytes[DPS_WIRE_ACK_BYTES_MAX] = 0xee;
	assert_int_equal(dps_ack_encode(&ack, bytes, DPS_WIRE_ACK_BYTES_MAX),
			 DPS_WIRE_ACK_BYTES_MAX);
	assert_int_equal(bytes[DPS_WIRE_ACK_BYTES_MAX], 0xee);
	assert_int_equal(decode(bytes, DPS_WIRE_ACK_BYTES_MAX, &decoded), 0);
	assert_acks_equal(&ack, &decoded);
}

static void encode__keeps_the_newest_of_a_range_too_long(void **state)
{
	const uint64_t largest = UINT64_C(1) << 40;
	struct dps_ack ack = { .largest = largest, .ranges_count = 2 };
	uint8_t bytes[DPS_WIRE_ACK_BYTES_MAX];
	struct dps_ack decoded;

	(void)state;
	/* 2^32 - 1 numbers can be written, and what is below them ... */
	ack.ranges[0] = (struct dps_ack_range){ largest - UINT32_MAX + 1, largest };
	ack.ranges[1].first = ack.ranges[1].last = ack.ranges[0].first - 2;
	assert_int_equal(dps_ack_encode(&ack, bytes, sizeof(bytes)), RANGES_AT + 16);
	assert_int_equal(decode(bytes, RANGES_AT + 16, &decoded), 0);
	assert_acks_equal(&ack, &decoded);
	/* ... one more cannot. */
	ack.ranges[0].first--;
	ack.ranges[1].first = ack.ranges[1].last = ack.ranges[0].first - 2;
	assert_int_equal(dps_ack_encode(&ack, bytes, sizeof(bytes)), RANGES_AT + 8);
	assert_int_equal(decode(bytes, RANGES_AT + 8, &decoded), 0);
	assert_int_equal(decoded.ranges_count, 1);
	assert_int_equal(decoded.ranges[0].last, largest);
	assert_int_equal(decoded.ranges[0].first, largest - UINT32_MAX + 1);
}

static void encode__leaves_out_what_is_below_a_gap_too_wide(void **state)
{
	const uint64_t largest = UINT64_C(1) << 40;
	struct dps_ack ack = { .largest = largest, .ranges_count = 2, .channels_count = 1 };
	uint8_t bytes[DPS_WIRE_ACK_BYTES_MAX];
	struct dps_ack decoded;

	(void)state;
	ack.ranges[0] = (struct dps_ack_range){ largest, largest };
	ack.ranges[1].last = ack.ranges[1].first = largest - UINT32_MAX - 1;
	ack.channels[0].credit = 7;
	assert_int_equal(dps_ack_encode(&ack, bytes, sizeof(bytes)), RANGES_AT + 16 + 32);
	assert_int_equal(decode(bytes, RANGES_AT + 16 + 32, &decoded), 0);
	assert_acks_equal(&ack, &decoded);
	ack.ranges[1].last = ack.ranges[1].first = largest - UINT32_MAX - 2;
	assert_int_equal(dps_ack_encode(&ack, bytes, sizeof(bytes)), RANGES_AT + 8 + 32);
	assert_int_equal(decode(bytes, RANGES_AT + 8 + 32, &decoded), 0);
	assert_int_equal(decoded.ranges_count, 1);
	assert_int_equal(decoded.channels[0].credit, 7);
}

static void decode__reads_the_documented_bytes(void **state)
{
	struct dps_ack ack;

	(void)state;
	assert_int_equal(decode(golden_bytes, sizeof(golden_bytes), &ack), 0);
	assert_acks_equal(&ack, &golden_ack);
}

static void decode__undoes_encode(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 4);
	for (unsigned int i = 0; i < 20000; i++) {
		struct dps_ack ack = some_ack(&random);
		uint8_t bytes[DPS_WIRE_ACK_BYTES_MAX];
		size_t length = dps_ack_encode(&ack, bytes, sizeof(bytes));
		struct dps_ack decoded;

		assert_int_equal(decode(bytes, length, &decoded), 0);
		assert_is_sound(&decoded);
		assert_acks_equal(&ack, &decoded);
	}
}

static void decode__refuses_every_other_length(void **state)
{
	uint8_t bytes[sizeof(golden_bytes) + 40] = { 0 };
	struct dps_ack ack;

	(void)state;
	memcpy(bytes, golden_bytes, sizeof(golden_bytes));
	for (size_t length = 0; length <= sizeof(bytes); length++)
		assert_int_equal(decode(bytes, length, &ack),
				 length == sizeof(golden_bytes) ? 0 : -EBADMSG);
}

static void decode__refuses_counts_out_of_bounds(void **state)
{
	uint8_t bytes[RANGES_AT + 65 * 8 + 17 * 32] = { 0 };
	struct dps_ack ack;

	(void)state;
	for (unsigned int i = 0; i < 65; i++) {
		dps_store_be32(bytes + RANGES_AT + i * 8, i == 0 ? 0 : 1);
		dps_store_be32(bytes + RANGES_AT + i * 8 + 4, 1);
	}
	dps_store_be64(bytes, 1000);
	dps_store_be16(bytes + COUNTS_AT, 64);
	assert_int_equal(decode(bytes, RANGES_AT + 64 * 8, &ack), 0);
	dps_store_be16(bytes + COUNTS_AT, 65);
	assert_int_equal(decode(bytes, RANGES_AT + 65 * 8, &ack), -EBADMSG);
	dps_store_be16(bytes + COUNTS_AT, 0);
	assert_int_equal(decode(bytes, RANGES_AT, &ack), -EBADMSG);
	dps_store_be16(bytes + COUNTS_AT, 1);
	memset(bytes + RANGES_AT + 8, 0, sizeof(bytes) - RANGES_AT - 8);
	dps_store_be16(bytes + COUNTS_AT + 2, 16);
	assert_int_equal(decode(bytes, RANGES_AT + 8 + 16 * 32, &ack), 0);
	dps_store_be16(bytes + COUNTS_AT + 2, 17);
	assert_int_equal(decode(bytes, RANGES_AT + 8 + 17 * 32, &ack), -EBADMSG);
}

/* Decodes the golden acknowledgement with one u32 of a range changed. */
static int decode_with(size_t range_index, bool is_length, uint32_t value)
{
	uint8_t bytes[sizeof(golden_bytes)];
	struct dps_ack ack;

	memcpy(bytes, golden_bytes, sizeof(bytes));
	dps_store_be32(bytes + RANGES_AT + range_index * 8 + (is_length ? 4 : 0), value);
	return decode(bytes, sizeof(bytes), &ack);
}

static void decode__refuses_ranges_that_are_empty_or_touch(void **state)
{
	(void)state;
	assert_int_equal(decode_with(0, true, 0), -EBADMSG);
	assert_int_equal(decode_with(2, true, 0), -EBADMSG);
	assert_int_equal(decode_with(1, false, 0), -EBADMSG);
	assert_int_equal(decode_with(0, false, 1), -EBADMSG);
}

static void decode__refuses_ranges_below_zero(void **state)
{
	(void)state;
	/* The last range has 80 as its newest number when 7 are missing: 81 numbers end at zero. */
	assert_int_equal(decode_with(2, true, 81), 0);
	assert_int_equal(decode_with(2, true, 82), -EBADMSG);
	assert_int_equal(decode_with(2, true, UINT32_MAX), -EBADMSG);
	/* Below 88 there is room for 86 missing and the two numbers of the range. */
	assert_int_equal(decode_with(2, false, 86), 0);
	assert_int_equal(decode_with(2, false, 87), -EBADMSG);
	assert_int_equal(decode_with(2, false, 88), -EBADMSG);
	assert_int_equal(decode_with(2, false, UINT32_MAX), -EBADMSG);
}

static void decode__refuses_offsets_past_the_last(void **state)
{
	(void)state;
	for (size_t field = 0; field < 3; field++) {
		uint8_t bytes[sizeof(golden_bytes)];
		struct dps_ack ack;

		memcpy(bytes, golden_bytes, sizeof(bytes));
		dps_store_be64(bytes + CHANNELS_AT + 8 + field * 8, DPS_OFFSET_MAX);
		assert_int_equal(decode(bytes, sizeof(bytes), &ack), 0);
		dps_store_be64(bytes + CHANNELS_AT + 8 + field * 8, DPS_OFFSET_MAX + 1);
		assert_int_equal(decode(bytes, sizeof(bytes), &ack), -EBADMSG);
	}
}

static void decode__refuses_numbers_past_the_last(void **state)
{
	uint8_t bytes[sizeof(golden_bytes)];
	struct dps_ack ack;

	(void)state;
	memcpy(bytes, golden_bytes, sizeof(bytes));
	dps_store_be64(bytes, DPS_PACKET_NUMBER_MAX);
	assert_int_equal(decode(bytes, sizeof(bytes), &ack), 0);
	dps_store_be64(bytes, DPS_PACKET_NUMBER_MAX + 1);
	assert_int_equal(decode(bytes, sizeof(bytes), &ack), -EBADMSG);
	dps_store_be64(bytes, UINT64_MAX);
	assert_int_equal(decode(bytes, sizeof(bytes), &ack), -EBADMSG);
}

static void decode__stays_sound_under_mutation(void **state)
{
	struct dps_random random;
	unsigned int taken = 0;

	(void)state;
	dps_random_init(&random, 5);
	for (unsigned int i = 0; i < 200000; i++) {
		uint8_t bytes[DPS_WIRE_ACK_BYTES_MAX], again[DPS_WIRE_ACK_BYTES_MAX];
		struct dps_ack ack = some_ack(&random);
		size_t length = dps_ack_encode(&ack, bytes, sizeof(bytes));

		for (uint64_t n = 1 + dps_random_below(&random, 3); n != 0; n--)
			bytes[dps_random_below(&random, length)] =
				(uint8_t)dps_random_next(&random);
		if (decode(bytes, length, &ack) < 0)
			continue;
		taken++;
		assert_is_sound(&ack);
		memset(bytes + 36, 0, 4); /* reserved, not kept */
		assert_int_equal(dps_ack_encode(&ack, again, sizeof(again)), length);
		assert_memory_equal(again, bytes, length);
	}
	/* Both outcomes were seen often. */
	assert_in_range(taken, 10000, 190000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encode__writes_the_documented_bytes),
		cmocka_unit_test(encode__fills_the_longest_ack_exactly),
		cmocka_unit_test(encode__keeps_the_newest_of_a_range_too_long),
		cmocka_unit_test(encode__leaves_out_what_is_below_a_gap_too_wide),
		cmocka_unit_test(decode__reads_the_documented_bytes),
		cmocka_unit_test(decode__undoes_encode),
		cmocka_unit_test(decode__refuses_every_other_length),
		cmocka_unit_test(decode__refuses_counts_out_of_bounds),
		cmocka_unit_test(decode__refuses_ranges_that_are_empty_or_touch),
		cmocka_unit_test(decode__refuses_ranges_below_zero),
		cmocka_unit_test(decode__refuses_offsets_past_the_last),
		cmocka_unit_test(decode__refuses_numbers_past_the_last),
		cmocka_unit_test(decode__stays_sound_under_mutation),
	};

	return cmocka_run_group_tests_name("wire_ack", tests, NULL, NULL);
}
