/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/wire.h"
#include "tests/support/cmocka.h"
#include <dps/stream_carriage.h>
#include <errno.h>
#include <string.h>

static void acks__look_as_they_are_written_down(void **state)
{
	static const uint8_t written[] = {
		0, 2, 0, 0, 0, 0, 0, 0, /* count */
		0, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,
		0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 8,
	};
	const struct dps_stream_ack acks[] = {
		{ .number = 260, .credit = 65536, .contiguous = 7 },
		{ .number = 3, .credit = 9, .contiguous = 8, .has_end = true },
	};
	struct dps_stream_ack read[DPS_WIRE_STREAMS_MAX];
	uint8_t bytes[DPS_WIRE_BODY_BYTES_MAX];

	(void)state;
	assert_int_equal(dps_stream_acks_encode(acks, 2, bytes, sizeof(bytes)), sizeof(written));
	assert_memory_equal(bytes, written, sizeof(written));
	assert_int_equal(dps_stream_acks_decode(bytes, sizeof(written), read), 2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(read[i].number, acks[i].number);
		assert_int_equal(read[i].credit, acks[i].credit);
		assert_int_equal(read[i].contiguous, acks[i].contiguous);
		assert_int_equal(read[i].has_end, acks[i].has_end);
	}
}

static void decode__refuses_what_does_not_fit(void **state)
{
	struct dps_stream_ack acks[DPS_WIRE_STREAMS_MAX] = { { .number = 1 } };
	uint8_t bytes[2000] = { 0 };
	size_t length = dps_stream_acks_encode(acks, DPS_WIRE_STREAMS_MAX, bytes, sizeof(bytes));

	(void)state;
	assert_true(length <= DPS_WIRE_BODY_BYTES_MAX);
	assert_int_equal(dps_stream_acks_decode(bytes, length, acks), DPS_WIRE_STREAMS_MAX);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(dps_stream_acks_decode(bytes, i, acks), -EBADMSG);
	assert_int_equal(dps_stream_acks_decode(bytes, length + 1, acks), -EBADMSG);
	bytes[1] = DPS_WIRE_STREAMS_MAX + 1;
	assert_int_equal(dps_stream_acks_decode(bytes, length + 24, acks), -EBADMSG);
	bytes[1] = 0;
	assert_int_equal(dps_stream_acks_decode(bytes, 8, acks), 0);
}

static void decode__refuses_offsets_past_the_last(void **state)
{
	struct dps_stream_ack acks[] = { { .credit = DPS_OFFSET_MAX,
					   .contiguous = DPS_OFFSET_MAX } };
	uint8_t bytes[32];

	(void)state;
	dps_stream_acks_encode(acks, 1, bytes, sizeof(bytes));
	assert_int_equal(dps_stream_acks_decode(bytes, sizeof(bytes), acks), 1);
	acks[0].credit++;
	dps_stream_acks_encode(acks, 1, bytes, sizeof(bytes));
	assert_int_equal(dps_stream_acks_decode(bytes, sizeof(bytes), acks), -EBADMSG);
	acks[0].credit = 0;
	acks[0].contiguous++;
	dps_stream_acks_encode(acks, 1, bytes, sizeof(bytes));
	assert_int_equal(dps_stream_acks_decode(bytes, sizeof(bytes), acks), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acks__look_as_they_are_written_down),
		cmocka_unit_test(decode__refuses_what_does_not_fit),
		cmocka_unit_test(decode__refuses_offsets_past_the_last),
	};

	return cmocka_run_group_tests_name("wire_stream", tests, NULL, NULL);
}
