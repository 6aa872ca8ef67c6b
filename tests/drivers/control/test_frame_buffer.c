/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/frame_buffer.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <stdlib.h>
#include <string.h>

static void feed(struct dps_frame_buffer *buffer, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;

	while (length > 0) {
		size_t room, part;
		uint8_t *to = dps_frame_buffer_room(buffer, &room);

		assert_non_null(to);
		assert_true(room > 0);
		part = room < length ? room : length;
		memcpy(to, from, part);
		dps_frame_buffer_filled(buffer, part);
		from += part;
		length -= part;
	}
}

static void assert_frame(struct dps_frame_buffer *buffer, const char *text)
{
	const uint8_t *body;
	size_t length;

	assert_int_equal(dps_frame_buffer_next(buffer, &body, &length), DPS_FRAME_READY);
	assert_int_equal(length, strlen(text));
	assert_memory_equal(body, text, length);
}

static void assert_status(struct dps_frame_buffer *buffer, enum dps_frame_status status)
{
	const uint8_t *body;
	size_t length;

	assert_int_equal(dps_frame_buffer_next(buffer, &body, &length), status);
	assert_int_equal(dps_frame_buffer_next(buffer, &body, &length), status);
}

static void next__gives_frames_in_order(void **state)
{
	struct dps_frame_buffer buffer;

	(void)state;
	dps_frame_buffer_init(&buffer);
	feed(&buffer, "\0\0\0\1a\0\0\0\3bcd", 12);

	assert_frame(&buffer, "a");
	assert_frame(&buffer, "bcd");
	assert_status(&buffer, DPS_FRAME_NONE);
	dps_frame_buffer_ended(&buffer);
	assert_status(&buffer, DPS_FRAME_END);
	dps_frame_buffer_fini(&buffer);
}

/* E51: a read that ends anywhere loses nothing. */
static void next__waits_at_every_byte_of_a_frame(void **state)
{
	struct dps_frame_buffer buffer;
	const char bytes[] = "\0\0\0\5hello";

	(void)state;
	dps_frame_buffer_init(&buffer);
	for (size_t i = 0; i + 1 < 9; i++) {
		feed(&buffer, bytes + i, 1);
		assert_status(&buffer, DPS_FRAME_NONE);
	}
	feed(&buffer, bytes + 8, 1);
	assert_frame(&buffer, "hello");
	dps_frame_buffer_fini(&buffer);
}

/* E49 */
static void next__calls_an_end_inside_a_frame_truncated(void **state)
{
	static const size_t cuts[] = { 1, 3, 4, 8 };

	(void)state;
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct dps_frame_buffer buffer;

		dps_frame_buffer_init(&buffer);
		feed(&buffer, "\0\0\0\5hello", cuts[i]);
		dps_frame_buffer_ended(&buffer);
		assert_status(&buffer, DPS_FRAME_TRUNCATED);
		dps_frame_buffer_fini(&buffer);
	}
}

static void next__gives_whole_frames_before_the_end(void **state)
{
	struct dps_frame_buffer buffer;

	(void)state;
	dps_frame_buffer_init(&buffer);
	feed(&buffer, "\0\0\0\1a\0\0\0\1", 9);
	dps_frame_buffer_ended(&buffer);
	assert_frame(&buffer, "a");
	assert_status(&buffer, DPS_FRAME_TRUNCATED);
	dps_frame_buffer_fini(&buffer);
}

/* E50 */
static void next__refuses_bad_lengths_before_allocating(void **state)
{
	static const struct {
		const char *head;
		enum dps_frame_status status;
	} cases[] = {
		{ "\0\0\0\0", DPS_FRAME_EMPTY },
		{ "\x00\x10\x00\x01", DPS_FRAME_OVERSIZED },
		{ "\xff\xff\xff\xff", DPS_FRAME_OVERSIZED },
		{ "GET ", DPS_FRAME_OVERSIZED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dps_frame_buffer buffer;

		dps_frame_buffer_init(&buffer);
		feed(&buffer, cases[i].head, 4);
		assert_status(&buffer, cases[i].status);
		assert_true(buffer.capacity <= 8192);
		feed(&buffer, "\0\0\0\1a", 5);
		assert_status(&buffer, cases[i].status);
		dps_frame_buffer_ended(&buffer);
		assert_status(&buffer, cases[i].status);
		dps_frame_buffer_fini(&buffer);
	}
}

static void room__grows_with_what_arrived_not_with_what_was_announced(void **state)
{
	struct dps_frame_buffer buffer;

	(void)state;
	dps_frame_buffer_init(&buffer);
	feed(&buffer, "\x00\x10\x00\x00only this", 13);
	assert_status(&buffer, DPS_FRAME_NONE);
	assert_true(buffer.capacity <= 8192);
	dps_frame_buffer_fini(&buffer);
}

static void next__takes_the_largest_frame(void **state)
{
	struct dps_frame_buffer buffer;
	uint8_t *frame = calloc(1, 4 + DPS_FRAME_BYTES_MAX);
	const uint8_t *body;
	size_t length;

	(void)state;
	assert_non_null(frame);
	frame[1] = 0x10;
	frame[4] = 'x';
	frame[3 + DPS_FRAME_BYTES_MAX] = 'y';
	dps_frame_buffer_init(&buffer);
	for (unsigned int i = 0; i < 3; i++) {
		feed(&buffer, frame, 4 + DPS_FRAME_BYTES_MAX);
		assert_int_equal(dps_frame_buffer_next(&buffer, &body, &length), DPS_FRAME_READY);
		assert_int_equal(length, DPS_FRAME_BYTES_MAX);
		assert_int_equal(body[0], 'x');
		assert_int_equal(body[length - 1], 'y');
	}
	assert_true(buffer.capacity < DPS_FRAME_BYTES_MAX + 8192);
	dps_frame_buffer_fini(&buffer);
	free(frame);
}

static void next__does_not_depend_on_how_reads_fall(void **state)
{
	struct dps_random random;
	struct dps_frame_buffer buffer;
	unsigned int written = 0, read = 0;
	uint8_t stream[65536];
	size_t length = 0, at = 0;

	(void)state;
	dps_random_init(&random, 11);
	while (length + 4 + 700 < sizeof(stream)) {
		size_t bytes = 1 + dps_random_below(&random, 700);

		stream[length++] = 0;
		stream[length++] = 0;
		stream[length++] = (uint8_t)(bytes >> 8);
		stream[length++] = (uint8_t)bytes;
		memset(stream + length, (int)(written++ & 0xff), bytes);
		length += bytes;
	}
	dps_frame_buffer_init(&buffer);
	while (at < length) {
		size_t part = 1 + dps_random_below(&random, 3000);
		const uint8_t *body;
		size_t bytes;

		part = part < length - at ? part : length - at;
		feed(&buffer, stream + at, part);
		at += part;
		while (dps_frame_buffer_next(&buffer, &body, &bytes) == DPS_FRAME_READY) {
			assert_int_equal(body[0], read & 0xff);
			assert_int_equal(body[bytes - 1], read & 0xff);
			read++;
		}
	}
	assert_int_equal(read, written);
	dps_frame_buffer_fini(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(next__gives_frames_in_order),
		cmocka_unit_test(next__waits_at_every_byte_of_a_frame),
		cmocka_unit_test(next__calls_an_end_inside_a_frame_truncated),
		cmocka_unit_test(next__gives_whole_frames_before_the_end),
		cmocka_unit_test(next__refuses_bad_lengths_before_allocating),
		cmocka_unit_test(room__grows_with_what_arrived_not_with_what_was_announced),
		cmocka_unit_test(next__takes_the_largest_frame),
		cmocka_unit_test(next__does_not_depend_on_how_reads_fall),
	};

	return cmocka_run_group_tests_name("frame_buffer", tests, NULL, NULL);
}
