/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <errno.h>

enum { CHUNK = 64 << 10, TRANSFERS = 8 };

static struct dps_engine *open_quiet(struct pair *pair)
{
	struct pair_options options;

	pair_options_init(&options, 1);
	pair_open(pair, &options);
	pair_run_for(pair, 50 * DPS_NS_PER_MS);
	return pair->sides[0].engine;
}

static int open_channel(struct dps_engine *engine, uint32_t number, bool is_sender)
{
	const struct dps_channel_config config = {
		.path = 0, .number = number, .is_sender = is_sender, .window_bytes = 4 * CHUNK
	};

	return dps_engine_open_channel(engine, &config);
}

static void open__refuses_what_cannot_be(void **state)
{
	struct dps_channel_config config = { .path = 0, .number = 1, .window_bytes = CHUNK };
	struct dps_engine *engine;
	struct pair pair;

	(void)state;
	engine = open_quiet(&pair);
	config.path = 99;
	assert_int_equal(dps_engine_open_channel(engine, &config), -EINVAL);
	config.path = 1;
	assert_int_equal(dps_engine_open_channel(engine, &config), -ENOENT);
	config.path = 0;
	config.window_bytes = 0;
	assert_int_equal(dps_engine_open_channel(engine, &config), -EINVAL);
	config.window_bytes = CHUNK;
	assert_true(dps_engine_open_channel(engine, &config) >= 0);
	assert_int_equal(dps_engine_open_channel(engine, &config), -EEXIST);
	config.is_sender = true; /* the other direction has numbers of its own */
	assert_true(dps_engine_open_channel(engine, &config) >= 0);
	for (uint32_t i = 0; i < engine->limits.channels - 2; i++)
		assert_true(open_channel(engine, 100 + i, false) >= 0);
	assert_int_equal(open_channel(engine, 99, false), -ENOSPC);
	for (uint32_t i = 0; i < engine->limits.channels; i++)
		dps_engine_close_channel(engine, i);
	pair_close(&pair);
}

static void announce__refuses_what_breaks_the_layout(void **state)
{
	static const struct {
		uint64_t offset, bytes;
		int result;
	} rows[] = {
		{ 1, 1, -EINVAL },	     /* not on a page */
		{ 4096, CHUNK, -EINVAL },    /* across the end of a chunk */
		{ 4096, CHUNK - 4096, 0 },   /* up to it */
		{ 4096, 1, -EINVAL },	     /* below what is announced */
		{ CHUNK, 3 * CHUNK + 5, 0 }, /* large, on a chunk */
		{ 4 * CHUNK + 7, 0, 0 },     /* empty, anywhere behind */
		{ DPS_OFFSET_MAX - 4096, 4097, -EINVAL },
		{ DPS_OFFSET_MAX + 4096, 0, -EINVAL },
		{ DPS_OFFSET_MAX - 4096, 4096, 0 },
		{ DPS_OFFSET_MAX, 0, 0 },
	};
	struct dps_engine *engine;
	struct pair pair;
	uint32_t channel;

	(void)state;
	engine = open_quiet(&pair);
	channel = (uint32_t)open_channel(engine, 1, false);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct dps_extent_config extent = { .offset = rows[i].offset,
							  .bytes = rows[i].bytes,
							  .file_index = i };

		assert_int_equal(dps_engine_announce(engine, channel, &extent), rows[i].result);
	}
	assert_int_equal(dps_engine_announce_last(engine, channel), 0);
	assert_int_equal(
		dps_engine_announce(engine, channel,
				    &(struct dps_extent_config){ .offset = DPS_OFFSET_MAX }),
		-EINVAL);
	pair_run_for(&pair, DPS_NS_PER_MS);
	dps_engine_close_channel(engine, channel);
	assert_int_equal(dps_engine_announce_last(engine, channel), -ENOENT);
	pair_close(&pair);
}

/* What is there of a file is neither read nor sent nor written again, and its end comes all the
 * same. */
static void announce__of_the_rest_of_a_file_moves_only_that(void **state)
{
	struct dps_engine_counters counters;
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	open_quiet(&pair);
	transfer = pair_add_transfer(&pair, 0);
	pair_add_file(&pair, transfer, 6 * CHUNK + 5);
	pair_hold_file(transfer, 4 * CHUNK);
	pair_add_file(&pair, transfer, 3 * CHUNK);
	pair_add_file(&pair, transfer, 5 * CHUNK);
	pair_hold_file(transfer, 5 * CHUNK); /* nothing is left of it */
	pair_add_file(&pair, transfer, 100);
	pair_open_channel(&pair, transfer, 0);
	pair_open_channel(&pair, transfer, 1);
	pair_run(&pair, 20 * DPS_NS_PER_MS);
	pair_expect_written(&pair);
	counters = pair_counters(&pair, 0);
	assert_int_equal(counters.data_bytes - counters.retransmitted_bytes,
			 2 * CHUNK + 5 + 3 * CHUNK + 100);
	pair_close(&pair);
}

static void announce__refuses_a_rest_that_is_not_on_a_chunk(void **state)
{
	struct dps_engine *engine;
	struct pair pair;
	uint32_t channel;

	(void)state;
	engine = open_quiet(&pair);
	channel = (uint32_t)open_channel(engine, 1, false);
	assert_int_equal(
		dps_engine_announce(engine, channel,
				    &(struct dps_extent_config){ .offset = CHUNK,
								 .bytes = CHUNK,
								 .file_offset = CHUNK - 4096 }),
		-EINVAL);
	assert_int_equal(dps_engine_announce(engine, channel,
					     &(struct dps_extent_config){ .offset = CHUNK + 4096,
									  .bytes = 4096,
									  .file_offset = CHUNK }),
			 -EINVAL);
	pair_close(&pair);
}

static void announce__of_empty_files_alone_is_done_at_once(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;

	(void)state;
	open_quiet(&pair);
	transfer = pair_add_transfer(&pair, 0);
	for (unsigned int i = 0; i < 500; i++) /* more than there is room for at once */
		pair_add_file(&pair, transfer, 0);
	pair_open_channel(&pair, transfer, 0);
	pair_open_channel(&pair, transfer, 1);
	pair_run(&pair, 20 * DPS_NS_PER_MS);
	pair_expect_written(&pair);
	pair_close(&pair);
}

/* A slot is free for the first of two that wait for one, but it goes away before it takes it. */
static void close__leaves_its_slot_to_the_next_in_line(void **state)
{
	struct dps_engine *engine;
	struct pair pair;
	uint32_t first, second;

	(void)state;
	engine = open_quiet(&pair);
	first = (uint32_t)open_channel(engine, 1, true);
	second = (uint32_t)open_channel(engine, 2, true);
	while (dps_slots_available(&engine->slots) > 1)
		dps_slots_reserve(&engine->slots);
	dps_channel_starve(engine, &engine->channels[first]);
	dps_channel_starve(engine, &engine->channels[second]);
	dps_channel_feed_starved(engine);
	assert_false(engine->channels[first].is_starved);
	assert_true(engine->channels[second].is_starved);
	dps_engine_close_channel(engine, first);
	assert_false(engine->channels[second].is_starved);
	assert_true(engine->channels[second].is_hungry);
	dps_engine_close_channel(engine, second);
	while (engine->slots.reserved > 0)
		dps_slots_unreserve(&engine->slots);
	pair_close(&pair);
}

/* What a channel left behind in flight, in the queues and on the disk moves nothing of the next. */
static void close__a_younger_channel_is_not_reached_by_the_remains(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	options.loss_ppm = 50000;
	options.disk_ns = 3 * DPS_NS_PER_MS;
	options.hold_ns = 3 * DPS_NS_PER_MS;
	pair_open(&pair, &options);
	for (unsigned int i = 0; i < TRANSFERS; i++) {
		struct pair_transfer *transfer = pair_add_transfer(&pair, 0);

		pair_open_channel(&pair, transfer, 0);
		pair_open_channel(&pair, transfer, 1);
		assert_int_equal(transfer->channel[0], 0); /* the same record again */
		pair_add_file(&pair, transfer, 20 * CHUNK);
		if (i + 1 == TRANSFERS)
			break;
		pair_run_for(&pair, (20 + i) * DPS_NS_PER_MS);
		transfer->is_given_up = true;
		pair_close_channel(&pair, transfer, 0);
		pair_close_channel(&pair, transfer, 1);
	}
	pair_run(&pair, 20 * DPS_NS_PER_S);
	pair_expect_written(&pair);
	pair_close(&pair);
}

/* A file may be announced in several stretches: what is skipped of it is skipped in each. */
static void skip__takes_every_stretch_of_a_file(void **state)
{
	struct dps_engine *engine;
	struct dps_event events[16];
	struct dps_io ios[4];
	struct pair pair;
	unsigned int done = 0, count;
	uint32_t channel;

	(void)state;
	engine = open_quiet(&pair);
	channel = (uint32_t)open_channel(engine, 1, false);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(dps_engine_announce(engine, channel,
						     &(struct dps_extent_config){
							     .offset = 2 * i * CHUNK,
							     .bytes = 2 * CHUNK - (i == 2),
							     .file_offset = 2 * i * CHUNK,
							     .file_index = 7,
						     }),
				 0);
	assert_int_equal(dps_engine_announce_last(engine, channel), 0);
	assert_int_equal(dps_engine_skip(engine, channel, 6, 0, pair.now_ns), -ENOENT);
	assert_int_equal(dps_engine_skip(engine, channel, 7, 3 * CHUNK + 1, pair.now_ns), 0);
	assert_int_equal(dps_engine_skip(engine, channel, 7, CHUNK, pair.now_ns), 0);
	assert_int_equal(dps_engine_skip(engine, channel, 7, 0, pair.now_ns), 0);
	for (unsigned int turn = 0; turn < 8; turn++) {
		assert_int_equal(dps_engine_emit_ios(engine, ios, 4), 0);
		count = dps_engine_emit_events(engine, events, 16);
		for (unsigned int i = 0; i < count; i++) {
			if (events[i].type != DPS_EVENT_FILE_DONE)
				continue;
			assert_int_equal(events[i].file_index, 7);
			assert_int_equal(events[i].error, -ECANCELED);
			done++;
		}
	}
	assert_int_equal(done, 3);
	assert_int_equal(dps_engine_skip(engine, channel, 7, 0, pair.now_ns), -ENOENT);
	dps_engine_close_channel(engine, channel);
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__refuses_what_cannot_be),
		cmocka_unit_test(announce__refuses_what_breaks_the_layout),
		cmocka_unit_test(announce__of_the_rest_of_a_file_moves_only_that),
		cmocka_unit_test(announce__refuses_a_rest_that_is_not_on_a_chunk),
		cmocka_unit_test(announce__of_empty_files_alone_is_done_at_once),
		cmocka_unit_test(skip__takes_every_stretch_of_a_file),
		cmocka_unit_test(close__leaves_its_slot_to_the_next_in_line),
		cmocka_unit_test(close__a_younger_channel_is_not_reached_by_the_remains),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("channels", tests, NULL, NULL);
}
