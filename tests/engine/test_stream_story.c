/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole streams: what one side writes, from the first byte on, and what the other reads of it. */
#include "tests/support/stream_rig.h"

enum { WINDOW = 1024 };

struct story {
	struct stream_rig rig;
	struct dps_handle writer, reader;
};

static void story_open(struct story *story)
{
	rig_open_streams(&story->rig);
	story->writer = rig_opened(&story->rig, 0, &story->reader);
	rig_run(&story->rig);
}

static int write_some(struct story *story, size_t bytes)
{
	return rig_send(&story->rig.near, story->writer, bytes, 0, 0);
}

/* Everything goes its way; what has arrived is read and given back, which lets more go. */
static uint64_t read_all(struct story *story, bool *has_end)
{
	uint64_t bytes, all = 0;

	do {
		rig_run(&story->rig);
		bytes = rig_read(&story->rig.far, story->reader, has_end);
		all += bytes;
	} while (bytes > 0);
	return all;
}

static int end_of(struct story *story)
{
	return dps_stream_end(story->rig.near.streams, story->writer, DPS_NEVER_NS, 0);
}

/* Both let go of it, and nothing of it is left. */
static void story_close(struct story *story)
{
	dps_stream_close(story->rig.near.streams, story->writer, DPS_STREAM_DROP);
	dps_stream_close(story->rig.far.streams, story->reader, DPS_STREAM_DROP);
	rig_run(&story->rig);
	assert_int_equal(dps_streams_count(story->rig.near.streams), 0);
	assert_int_equal(dps_streams_count(story->rig.far.streams), 0);
	rig_close_streams(&story->rig);
}

/* Four pieces fill the window, the fifth waits; so four at a time, in order, and then the end. */
static void stream__of_a_window_of_four_carries_sixteen_pieces(void **state)
{
	enum { PIECE = WINDOW / 4, PIECES = 16 };
	struct story story;
	uint64_t read = 0;
	bool has_end;

	(void)state;
	story_open(&story);
	for (unsigned int written = 0; written < PIECES; written++) {
		assert_int_equal(write_some(&story, PIECE), 0);
		if (written % 4 != 3)
			continue;
		assert_int_equal(write_some(&story, PIECE), -DPS_ERROR_FULL);
		assert_int_equal(read_all(&story, &has_end), WINDOW);
		assert_false(has_end);
		read += WINDOW;
		rig_run(&story.rig);
	}
	assert_int_equal(read, PIECE * PIECES);
	assert_int_equal(end_of(&story), -DPS_ERROR_FULL);
	assert_int_equal(read_all(&story, &has_end), 0);
	assert_true(has_end);
	assert_int_equal(end_of(&story), 0);
	story_close(&story);
}

static void stream__of_a_hundred_writes_of_ten_has_a_thousand_bytes(void **state)
{
	struct story story;
	bool has_end;

	(void)state;
	story_open(&story);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(write_some(&story, 10), 0);
	assert_int_equal(end_of(&story), -DPS_ERROR_FULL);
	assert_int_equal(read_all(&story, &has_end), 1000);
	assert_true(has_end);
	assert_int_equal(end_of(&story), 0);
	story_close(&story);
}

/* Nobody has accepted it, and nobody waits for that: what is written before is there as well. */
static void stream__written_before_it_is_open_is_whole(void **state)
{
	enum { WRITES = 1000, EACH = 3 };
	unsigned int written = 0;
	struct story story;
	uint64_t read = 0;
	bool has_end;

	(void)state;
	rig_open_asking(&story.rig);
	story.writer = rig_stream(&story.rig.near, 0);
	while (write_some(&story, EACH) == 0)
		written++;
	assert_int_equal(written, WINDOW / EACH);
	rig_run(&story.rig);
	story.reader = rig_event(&story.rig.far, DPS_STREAM_EVENT_ARRIVED).handle;
	assert_int_equal(rig_look(&story.rig.near, story.writer).sent, 0);
	assert_int_equal(dps_stream_accept(story.rig.far.streams, story.reader), 0);
	while (written < WRITES) {
		read += read_all(&story, &has_end);
		while (written < WRITES && write_some(&story, EACH) == 0)
			written++;
	}
	assert_int_equal(end_of(&story), -DPS_ERROR_FULL);
	read += read_all(&story, &has_end);
	assert_true(has_end);
	assert_int_equal(read, WRITES * EACH);
	assert_int_equal(end_of(&story), 0);
	story_close(&story);
}

/* Fifty rounds at the edge of a full window: what one acknowledgement frees is what it names. */
static void window__frees_what_is_acknowledged_and_no_more(void **state)
{
	enum { EACH = 100, HELD = WINDOW / EACH, ROUNDS = 50 };
	struct story story;
	uint64_t acked = 0;

	(void)state;
	story_open(&story);
	for (unsigned int i = 0; i < HELD; i++)
		assert_int_equal(write_some(&story, EACH), 0);
	rig_ack(&story.rig, &story.rig.near, story.writer, UINT64_C(1) << 40, 0, false);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		assert_int_equal(write_some(&story, EACH), -DPS_ERROR_FULL);
		assert_int_equal(rig_events(&story.rig.near), 0);
		rig_flush(&story.rig, &story.rig.near);
		acked += EACH;
		rig_ack(&story.rig, &story.rig.near, story.writer, UINT64_C(1) << 40, acked, false);
		rig_event(&story.rig.near, DPS_STREAM_EVENT_WRITABLE);
		assert_int_equal(write_some(&story, EACH), 0);
	}
	assert_int_equal(write_some(&story, EACH), -DPS_ERROR_FULL);
	story_close(&story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stream__of_a_window_of_four_carries_sixteen_pieces),
		cmocka_unit_test(stream__of_a_hundred_writes_of_ten_has_a_thousand_bytes),
		cmocka_unit_test(stream__written_before_it_is_open_is_whole),
		cmocka_unit_test(window__frees_what_is_acknowledged_and_no_more),
	};

	return cmocka_run_group_tests_name("stream_story", tests, NULL, NULL);
}
