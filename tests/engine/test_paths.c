/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64 << 10 };

static void carry_one(struct pair *pair)
{
	struct pair_transfer *transfer = pair_add_transfer(pair, 0);

	pair_open_channel(pair, transfer, 0);
	pair_open_channel(pair, transfer, 1);
	pair_add_file(pair, transfer, 10 * CHUNK + 5);
	pair_run(pair, 20 * DPS_NS_PER_S);
	pair_expect_written(pair);
}

static void path__opens_with_the_largest_datagram_that_passes(void **state)
{
	static const struct {
		uint32_t believed, way, data_bytes;
	} rows[] = {
		{ 1472, UINT32_MAX, 1408 }, { 1472, 1472, 1408 },	 { 1472, 1471, 1104 },
		{ 8972, UINT32_MAX, 8192 }, { 65507, UINT32_MAX, 8192 }, { 8972, 1500, 1104 },
		{ 1172, 1172, 1104 },	    { 65507, UINT32_MAX, 8192 }, { 4000, 4000, 3936 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair_options options;
		struct pair pair;

		pair_options_init(&options, i);
		options.datagram_bytes = rows[i].believed;
		options.way_datagram_bytes = rows[i].way;
		options.loss_ppm = 50000;
		pair_open(&pair, &options);
		carry_one(&pair);
		assert_int_equal(pair.sides[0].payload_bytes, rows[i].data_bytes);
		pair_close(&pair);
	}
}

static void path__that_carries_nothing_is_lost_after_the_silence(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	options.silence_ns = 3 * DPS_NS_PER_S;
	pair_open(&pair, &options);
	pair.is_cut = true;
	pair_run_for(&pair, 2900 * DPS_NS_PER_MS);
	assert_false(pair.sides[0].is_lost || pair.sides[1].is_lost);
	pair_run_for(&pair, 200 * DPS_NS_PER_MS);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(pair.sides[i].is_lost);
		assert_int_equal(pair.sides[i].lost_reason, DPS_CLOSE_UNREACHABLE);
	}
	pair_close(&pair);
}

static void path__that_is_quiet_is_kept_alive(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	options.silence_ns = DPS_NS_PER_S;
	pair_open(&pair, &options);
	pair_run_for(&pair, 60 * DPS_NS_PER_S);
	assert_false(pair.sides[0].is_lost || pair.sides[1].is_lost);
	pair_close(&pair);
}

static void watch(struct pair *pair, bool is_alone)
{
	for (unsigned int i = 0; i < 2; i++)
		dps_engine_watch_path(pair->sides[i].engine, pair->sides[i].path, is_alone,
				      pair->now_ns);
}

/* The pair's probe floor is 5 ms, so 250 ms are the least that it may be silent for. */
static void path__that_is_alone_is_lost_soon(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	pair_open(&pair, &options);
	carry_one(&pair);
	/* Nothing came for long, which was all right. */
	pair_run_for(&pair, 5 * DPS_NS_PER_S);
	watch(&pair, true);
	pair.is_cut = true;
	pair_run_for(&pair, 240 * DPS_NS_PER_MS);
	assert_false(pair.sides[0].is_lost || pair.sides[1].is_lost);
	pair_run_for(&pair, 20 * DPS_NS_PER_MS);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(pair.sides[i].is_lost);
		assert_int_equal(pair.sides[i].lost_reason, DPS_CLOSE_IDLE);
	}
	pair_close(&pair);
}

static void path__that_is_alone_waits_for_three_probe_timeouts(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	options.delay_ns = 100 * DPS_NS_PER_MS;
	pair_open(&pair, &options);
	carry_one(&pair);
	pair_run_for(&pair, DPS_NS_PER_S);
	watch(&pair, true);
	pair.is_cut = true;
	pair_run_for(&pair, 600 * DPS_NS_PER_MS);
	assert_false(pair.sides[0].is_lost || pair.sides[1].is_lost);
	pair_run_for(&pair, 2 * DPS_NS_PER_S);
	assert_true(pair.sides[0].is_lost && pair.sides[1].is_lost);
	pair_close(&pair);
}

static void path__that_is_alone_is_kept_alive(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	pair_open(&pair, &options);
	watch(&pair, true);
	pair_run_for(&pair, 20 * DPS_NS_PER_S);
	assert_false(pair.sides[0].is_lost || pair.sides[1].is_lost);
	carry_one(&pair);
	pair_close(&pair);
}

/* The control connection came back over another way: that the old one is dead shows as fast. */
static void path__is_alone_until_it_is_heard_of(void **state)
{
	struct pair_options options;
	struct pair pair;

	(void)state;
	for (unsigned int is_heard = 0; is_heard < 2; is_heard++) {
		pair_options_init(&options, 1);
		pair_open(&pair, &options);
		carry_one(&pair);
		pair_run_for(&pair, DPS_NS_PER_S);
		watch(&pair, true);
		pair.is_cut = !is_heard;
		watch(&pair, false);
		pair_run_for(&pair, 100 * DPS_NS_PER_MS);
		pair.is_cut = true;
		pair_run_for(&pair, 2 * DPS_NS_PER_S);
		assert_true(pair.sides[0].is_lost == !is_heard);
		assert_true(pair.sides[1].is_lost == !is_heard);
		pair_close(&pair);
	}
}

static void path__says_once_why_it_closes(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;
	uint64_t id;

	(void)state;
	pair_options_init(&options, 1);
	options.disk_ns = 5 * DPS_NS_PER_MS;
	options.hold_ns = 5 * DPS_NS_PER_MS;
	pair_open(&pair, &options);
	transfer = pair_add_transfer(&pair, 0);
	pair_open_channel(&pair, transfer, 0);
	pair_open_channel(&pair, transfer, 1);
	pair_add_file(&pair, transfer, 100 * CHUNK);
	pair_run_for(&pair, 20 * DPS_NS_PER_MS);
	dps_engine_close_path(pair.sides[0].engine, pair.sides[0].path, DPS_CLOSE_CANCELLED,
			      pair.now_ns);
	transfer->is_open[0] = false;
	pair_run_for(&pair, 20 * DPS_NS_PER_MS);
	assert_false(pair.sides[0].is_lost); /* who closes hears nothing of it */
	assert_true(pair.sides[1].is_lost);
	assert_int_equal(pair.sides[1].lost_reason, DPS_CLOSE_CANCELLED);
	assert_int_equal(dps_engine_reserve_path(pair.sides[0].engine, &id), 0);
	pair_close(&pair);
}

static struct dps_engine *make_engine(const struct dps_limits *limits)
{
	static uint8_t *slots;
	void *memory = aligned_alloc(64, (dps_engine_bytes(limits) + 63) / 64 * 64);

	free(slots);
	slots = aligned_alloc(4096, (size_t)limits->slots * limits->chunk_bytes);
	return dps_engine_init(memory, limits, slots, 0, 1, 1);
}

static void open_all_paths(struct dps_engine *engine)
{
	for (uint32_t i = 0; i < engine->limits.paths; i++) {
		const struct dps_path_config config = {
			.datagram_bytes = 1472,
			.rate_bytes_per_s = UINT64_MAX,
			.probe_floor_ns = DPS_NS_PER_MS,
			.silence_ns = DPS_NS_PER_S,
		};
		uint64_t id;

		assert_int_equal(dps_engine_reserve_path(engine, &id), (int)i);
		assert_int_equal(dps_engine_open_path(engine, i, &config, 1), 0);
	}
}

static const struct dps_limits many_paths = {
	.paths = 3000,
	.channels = 2,
	.slots = 4,
	.chunk_bytes = 4096,
	.ring_chunks = 2,
	.extents = 4,
	.sent_packets = 256,
};

static void paths__all_of_them_may_be_lost_at_once(void **state)
{
	struct dps_engine *engine = make_engine(&many_paths);
	struct dps_event event;
	uint32_t lost = 0;

	(void)state;
	open_all_paths(engine);
	dps_engine_on_deadline(engine, 1);
	/* A lane that was stopped for a while finds all of them silent. */
	for (uint32_t i = 0; i < many_paths.paths; i++)
		dps_timers_set(&engine->timers, i, 2);
	dps_engine_on_deadline(engine, 10 * DPS_NS_PER_S);
	while (dps_engine_emit_events(engine, &event, 1) == 1)
		lost += event.type == DPS_EVENT_PATH_LOST;
	assert_int_equal(lost, many_paths.paths);
	free(engine);
}

static void paths__all_of_them_may_be_closed_at_once(void **state)
{
	struct dps_engine *engine = make_engine(&many_paths);
	struct dps_outgoing packets[DPS_EMIT_PACKETS_MAX];
	uint32_t closed = 0, turns = 0;
	uint64_t id;

	(void)state;
	open_all_paths(engine);
	for (uint32_t i = 0; i < many_paths.paths; i++)
		dps_engine_close_path(engine, i, DPS_CLOSE_SHUTDOWN, 2);
	while (dps_engine_next_deadline_ns(engine) <= 2 && turns++ < many_paths.paths)
		closed += dps_engine_emit_packets(engine, packets, DPS_EMIT_PACKETS_MAX, 2);
	assert_int_equal(closed, many_paths.paths);
	for (uint32_t i = 0; i < many_paths.paths; i++)
		assert_int_equal(dps_engine_reserve_path(engine, &id), (int)i);
	assert_int_equal(dps_engine_reserve_path(engine, &id), -ENOSPC);
	free(engine);
}

static void path__ends_before_its_packet_numbers_do(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	pair_open(&pair, &options);
	transfer = pair_add_transfer(&pair, 0);
	pair_open_channel(&pair, transfer, 0);
	pair_open_channel(&pair, transfer, 1);
	pair_add_file(&pair, transfer, 100 * CHUNK);
	pair_run_for(&pair, 50 * DPS_NS_PER_MS);
	pair_run_for(&pair, 50 * DPS_NS_PER_MS);
	assert_int_equal(pair.sides[0].engine->paths[0].sent.packets_in_flight, 0);
	pair.sides[0].engine->paths[0].sent.floor_number = DPS_PACKET_NUMBER_MAX - 100;
	pair.sides[0].engine->paths[0].sent.next_number = DPS_PACKET_NUMBER_MAX - 100;
	transfer = pair_add_transfer(&pair, 0);
	pair_open_channel(&pair, transfer, 0);
	pair_open_channel(&pair, transfer, 1);
	pair_add_file(&pair, transfer, 100 * CHUNK);
	pair_run_for(&pair, DPS_NS_PER_S);
	assert_true(pair.sides[0].is_lost);
	assert_int_equal(pair.sides[0].lost_reason, DPS_CLOSE_SUPERSEDED);
	pair_close(&pair);
}

static void path__refuses_what_it_cannot_be(void **state)
{
	struct dps_path_config config = { .datagram_bytes = 1472, .rate_bytes_per_s = UINT64_MAX };
	struct dps_engine *engine = make_engine(&many_paths);
	struct dps_path_state path_state;
	uint64_t id;

	(void)state;
	assert_int_equal(dps_engine_open_path(engine, 0, &config, 1), -ENOENT);
	assert_int_equal(dps_engine_reserve_path(engine, &id), 0);
	assert_int_equal(dps_engine_read_path(engine, 0, &path_state), -ENOENT);
	config.rate_bytes_per_s = 0;
	assert_int_equal(dps_engine_open_path(engine, 0, &config, 1), -EINVAL);
	config.rate_bytes_per_s = UINT64_MAX;
	config.congestion_mode = DPS_CONGESTION_FIXED;
	assert_int_equal(dps_engine_open_path(engine, 0, &config, 1), -EINVAL);
	config.congestion_mode = 2;
	assert_int_equal(dps_engine_open_path(engine, 0, &config, 1), -EINVAL);
	config.congestion_mode = DPS_CONGESTION_FAIR;
	config.datagram_bytes = 1171;
	assert_int_equal(dps_engine_open_path(engine, 0, &config, 1), -EINVAL);
	config.datagram_bytes = 1172;
	assert_int_equal(dps_engine_open_path(engine, 0, &config, 1), 0);
	assert_int_equal(dps_engine_read_path(engine, 0, &path_state), 0);
	assert_false(path_state.is_open);
	free(engine);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path__opens_with_the_largest_datagram_that_passes),
		cmocka_unit_test(path__that_carries_nothing_is_lost_after_the_silence),
		cmocka_unit_test(path__that_is_alone_is_lost_soon),
		cmocka_unit_test(path__that_is_alone_waits_for_three_probe_timeouts),
		cmocka_unit_test(path__that_is_alone_is_kept_alive),
		cmocka_unit_test(path__is_alone_until_it_is_heard_of),
		cmocka_unit_test(path__that_is_quiet_is_kept_alive),
		cmocka_unit_test(path__says_once_why_it_closes),
		cmocka_unit_test(paths__all_of_them_may_be_lost_at_once),
		cmocka_unit_test(paths__all_of_them_may_be_closed_at_once),
		cmocka_unit_test(path__ends_before_its_packet_numbers_do),
		cmocka_unit_test(path__refuses_what_it_cannot_be),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
