/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/frame_buffer.h"
#include "drivers/control/frame_queue.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void push__puts_the_length_in_front(void **state)
{
	struct dps_frame_queue queue;
	const uint8_t *bytes;

	(void)state;
	dps_frame_queue_init(&queue, DPS_FRAME_QUEUE_BYTES);
	assert_int_equal(dps_frame_queue_peek(&queue, &bytes), 0);
	assert_int_equal(dps_frame_queue_push(&queue, "hello", 5), 0);
	assert_int_equal(dps_frame_queue_peek(&queue, &bytes), 9);
	assert_memory_equal(bytes, "\0\0\0\5hello", 9);

	dps_frame_queue_consume(&queue, 6);
	assert_int_equal(dps_frame_queue_peek(&queue, &bytes), 3);
	assert_memory_equal(bytes, "llo", 3);
	dps_frame_queue_fini(&queue);
}

static void push__answers_full_and_changes_nothing(void **state)
{
	struct dps_frame_queue queue;
	uint8_t *body = calloc(1, DPS_FRAME_BYTES_MAX);
	size_t before;

	(void)state;
	assert_non_null(body);
	dps_frame_queue_init(&queue, 4 + DPS_FRAME_BYTES_MAX);
	assert_int_equal(dps_frame_queue_push(&queue, body, DPS_FRAME_BYTES_MAX - 100), 0);
	before = dps_frame_queue_bytes(&queue);
	assert_true(dps_frame_queue_has_room(&queue, 96));
	assert_false(dps_frame_queue_has_room(&queue, 97));
	assert_int_equal(dps_frame_queue_push(&queue, body, 97), -ENOBUFS);
	assert_int_equal(dps_frame_queue_bytes(&queue), before);
	assert_int_equal(dps_frame_queue_push(&queue, body, 96), 0);
	assert_int_equal(dps_frame_queue_push(&queue, "x", 1), -ENOBUFS);

	dps_frame_queue_consume(&queue, 5);
	assert_int_equal(dps_frame_queue_push(&queue, "x", 1), 0);
	dps_frame_queue_fini(&queue);
	free(body);
}

static void push_last__fits_a_full_queue(void **state)
{
	struct dps_frame_queue queue;
	uint8_t *body = calloc(1, DPS_FRAME_BYTES_MAX);

	(void)state;
	assert_non_null(body);
	dps_frame_queue_init(&queue, 4 + DPS_FRAME_BYTES_MAX);
	assert_int_equal(dps_frame_queue_push(&queue, body, DPS_FRAME_BYTES_MAX), 0);
	assert_int_equal(dps_frame_queue_push(&queue, "why", 3), -ENOBUFS);
	assert_int_equal(dps_frame_queue_push_last(&queue, "why", 3), 0);
	assert_int_equal(dps_frame_queue_push_last(&queue, body, 9000), -ENOBUFS);
	dps_frame_queue_fini(&queue);
	free(body);
}

/* What goes in comes out, through a frame buffer, however writes and pushes fall. */
static void consume__keeps_order_and_bytes(void **state)
{
	struct dps_frame_queue queue;
	struct dps_frame_buffer buffer;
	struct dps_random random;
	uint8_t body[3000];
	unsigned int pushed = 0, popped = 0;

	(void)state;
	dps_random_init(&random, 5);
	dps_frame_queue_init(&queue, DPS_FRAME_QUEUE_BYTES);
	dps_frame_buffer_init(&buffer);
	while (popped < 5000) {
		const uint8_t *bytes;
		size_t length, room;
		uint8_t *to;

		while (pushed < 5000 && dps_random_below(&random, 8) > 0) {
			memset(body, (int)(pushed & 0xff), sizeof(body));
			if (dps_frame_queue_push(&queue, body,
						 1 + dps_random_below(&random, sizeof(body))) != 0)
				break;
			pushed++;
		}
		length = dps_frame_queue_peek(&queue, &bytes);
		to = dps_frame_buffer_room(&buffer, &room);
		assert_non_null(to);
		length = length < room ? length : room;
		if (length > 0)
			length = 1 + dps_random_below(&random, length);
		memcpy(to, bytes, length);
		dps_frame_buffer_filled(&buffer, length);
		dps_frame_queue_consume(&queue, length);
		while (dps_frame_buffer_next(&buffer, &bytes, &length) == DPS_FRAME_READY) {
			assert_int_equal(bytes[0], popped & 0xff);
			assert_int_equal(bytes[length - 1], popped & 0xff);
			popped++;
		}
	}
	assert_int_equal(pushed, 5000);
	assert_int_equal(dps_frame_queue_bytes(&queue), 0);
	assert_true(queue.capacity <= 65536);
	dps_frame_queue_fini(&queue);
	dps_frame_buffer_fini(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(push__puts_the_length_in_front),
		cmocka_unit_test(push__answers_full_and_changes_nothing),
		cmocka_unit_test(push_last__fits_a_full_queue),
		cmocka_unit_test(consume__keeps_order_and_bytes),
	};

	return cmocka_run_group_tests_name("frame_queue", tests, NULL, NULL);
}
