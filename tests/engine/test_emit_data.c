/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair_parts.h"

enum {
	CHUNK = 64 << 10,
	RTT_MS = 10,
	BURST = 8 << 20,
	LOST_AFTER = 1 << 20,
};

/* One packet, so that the window leaves slow start below what credit and memory allow. */
static bool lose_one(struct pair *pair, unsigned int from, const uint8_t *bytes, uint32_t length)
{
	(void)bytes;
	if (from != 0 || length < 1000 || pair->mark > LOST_AFTER)
		return false;
	pair->mark += length;
	return pair->mark > LOST_AFTER;
}

static struct pair_transfer *open_with(struct pair *pair, uint8_t mode)
{
	struct pair_transfer *transfer;
	struct pair_options options;

	pair_options_init(&options, 1);
	options.window_bytes = 32 << 20;
	dps_limits_init(&options.limits, 64 << 20, CHUNK);
	options.limits.paths = 1;
	options.limits.channels = 4;
	options.limits.extents = 128;
	options.datagram_bytes = 9000;
	options.delay_ns = RTT_MS * DPS_NS_PER_MS / 2;
	options.congestion_mode = mode;
	if (mode == DPS_CONGESTION_FIXED)
		options.rate_bytes_per_s = 100000000;
	pair_open(pair, &options);
	pair->is_lost = lose_one;
	transfer = pair_add_transfer(pair, 0);
	transfer->is_whole = false;
	pair_open_channel(pair, transfer, 0);
	pair_open_channel(pair, transfer, 1);
	return transfer;
}

static uint64_t window_of(const struct pair *pair)
{
	struct dps_path_state path;

	assert_int_equal(dps_engine_read_path(pair->sides[0].engine, pair->sides[0].path, &path),
			 0);
	return path.window_bytes;
}

static void send_all(struct pair *pair, struct pair_transfer *transfer, uint64_t bytes)
{
	pair_add_file(pair, transfer, bytes);
	while (transfer->files[transfer->files_count - 1].done[0] == 0) {
		pair_check(pair, pair->now_ns < 100 * DPS_NS_PER_S && "is sent in time");
		pair_turn(pair, UINT64_MAX);
	}
}

static void finish(struct pair *pair, struct pair_transfer *transfer)
{
	transfer->is_whole = true;
	pair_add_file(pair, transfer, 1);
	pair_run(pair, 10 * DPS_NS_PER_S);
	pair_expect_written(pair);
	pair_close(pair);
}

/* CUBIC of 20 s is far above any window here: the pause must not count for it. */
static void pause__halves_the_window_and_grows_nothing(void **state)
{
	(void)state;
	/* Among the others are those in which a ping is under way when the data comes. */
	for (uint64_t pause_ms = 20000; pause_ms > 14980; pause_ms -= pause_ms > 15004 ? 4996 : 4) {
		struct pair_transfer *transfer;
		uint64_t before, packets;
		struct pair pair;

		transfer = open_with(&pair, DPS_CONGESTION_FAIR);
		send_all(&pair, transfer, BURST);
		before = window_of(&pair);
		assert_in_range(before, LOST_AFTER / 4, BURST);
		pair_run_for(&pair, pause_ms * DPS_NS_PER_MS);
		assert_int_equal(window_of(&pair), before);

		packets = pair_counters(&pair, 0).data_packets;
		pair_add_file(&pair, transfer, BURST);
		while (pair_counters(&pair, 0).data_packets == packets)
			pair_turn(&pair, UINT64_MAX);
		assert_int_equal(window_of(&pair), before / 2);
		pair_run_for(&pair, 3 * RTT_MS * DPS_NS_PER_MS);
		assert_in_range(window_of(&pair), before / 10 * 9, before / 10 * 11);
		finish(&pair, transfer);
	}
}

/* A chunk now and then is no pause, and no use of the window either. */
static void trickle__neither_halves_nor_grows_the_window(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;
	uint64_t before, paused = 0;

	(void)state;
	transfer = open_with(&pair, DPS_CONGESTION_FAIR);
	send_all(&pair, transfer, BURST);
	before = window_of(&pair);
	for (unsigned int i = 0; i < 500; i++) {
		pair_add_file(&pair, transfer, CHUNK);
		pair_run_for(&pair, RTT_MS * DPS_NS_PER_MS / 20 * 21); /* all is acknowledged */
		if (i < 3) /* the first waits for its credit: that was a pause */
			paused = window_of(&pair);
		assert_int_equal(window_of(&pair), paused);
	}
	pair_add_file(&pair, transfer, BURST);
	pair_run_for(&pair, 4 * RTT_MS * DPS_NS_PER_MS);
	assert_in_range(window_of(&pair), before / 10 * 9, before / 10 * 11);
	finish(&pair, transfer);
}

/* Silence of the other side is no pause: there is data under way. */
static void cut__is_not_a_pause(void **state)
{
	struct pair_transfer *transfer;
	struct pair pair;
	uint64_t before;

	(void)state;
	transfer = open_with(&pair, DPS_CONGESTION_FAIR);
	send_all(&pair, transfer, BURST);
	pair_add_file(&pair, transfer, BURST);
	pair_run_for(&pair, 3 * RTT_MS * DPS_NS_PER_MS);
	before = window_of(&pair);
	pair.is_cut = true;
	pair_run_for(&pair, 8 * RTT_MS * DPS_NS_PER_MS);
	assert_in_range(pair_counters(&pair, 0).probe_timeouts, 2, 10);
	assert_in_range(window_of(&pair), before / 10 * 9, before / 10 * 11);
	pair.is_cut = false;
	finish(&pair, transfer);
}

static void pause__leaves_a_fixed_rate_alone(void **state)
{
	struct pair_transfer *transfer;
	struct dps_path_state path;
	struct pair pair;

	(void)state;
	transfer = open_with(&pair, DPS_CONGESTION_FIXED);
	send_all(&pair, transfer, BURST);
	pair_run_for(&pair, 20 * DPS_NS_PER_S);
	send_all(&pair, transfer, BURST);
	assert_int_equal(dps_engine_read_path(pair.sides[0].engine, pair.sides[0].path, &path), 0);
	assert_int_equal(path.pacing_bytes_per_s, 100000000);
	finish(&pair, transfer);
}

/* ---- turns of several channels ---- */

/* What a side sends: how much of one channel in a row, and of those that are not watched. */
static struct {
	uint32_t number;
	uint64_t in_a_row, longest;
	uint32_t watched;
	uint64_t of_others;
	bool is_seen;
} turns;

static bool watch_turns(struct pair *pair, unsigned int from, const uint8_t *bytes, uint32_t length)
{
	struct dps_header header;

	(void)pair;
	if (from != 0 || dps_header_decode(bytes, length, &header) < 0 ||
	    header.type != DPS_PACKET_DATA)
		return false;
	if (header.channel != turns.number)
		turns.in_a_row = 0;
	turns.number = header.channel;
	turns.in_a_row += header.payload_bytes;
	turns.longest = dps_max_u64(turns.longest, turns.in_a_row);
	turns.is_seen |= header.channel == turns.watched;
	turns.of_others += turns.is_seen ? 0 : header.payload_bytes;
	return false;
}

static struct pair_transfer *add_opened(struct pair *pair, uint64_t bytes)
{
	struct pair_transfer *transfer = pair_add_transfer(pair, 0);

	pair_add_file(pair, transfer, bytes);
	pair_open_channel(pair, transfer, 0);
	pair_open_channel(pair, transfer, 1);
	return transfer;
}

static bool is_read(const struct pair *pair, const struct pair_transfer *transfer)
{
	const struct dps_engine *engine = pair->sides[0].engine;
	uint32_t index = dps_chunk_find(engine, &engine->channels[transfer->channel[0]], 0);

	return index != DPS_CHUNK_NONE && engine->chunks.items[index].state == DPS_CHUNK_READY;
}

static void turns__are_long_until_one_waits_that_has_little(void **state)
{
	struct pair_transfer *bulk[2], *brief;
	struct pair_options options;
	struct pair pair;

	(void)state;
	pair_options_init(&options, 1);
	options.window_bytes = 32 << 20;
	dps_limits_init(&options.limits, 64 << 20, 1 << 20);
	options.limits.paths = 1;
	options.limits.channels = 4;
	options.limits.extents = 128;
	options.datagram_bytes = 9000;
	options.congestion_mode = DPS_CONGESTION_FIXED;
	options.rate_bytes_per_s = 1000000000;
	pair_open(&pair, &options);
	pair.is_lost = watch_turns;
	turns.watched = UINT32_MAX;
	for (unsigned int i = 0; i < 2; i++)
		bulk[i] = add_opened(&pair, UINT64_C(1) << 28);
	pair_run_for(&pair, 20 * DPS_NS_PER_MS);
	turns.longest = 0;
	pair_run_for(&pair, 10 * DPS_NS_PER_MS);
	assert_in_range(turns.longest, DPS_ENGINE_QUANTUM_BYTES - 9000,
			DPS_ENGINE_QUANTUM_BYTES + 9000);

	for (unsigned int i = 0; i < 20; i++) {
		turns.is_seen = true;
		brief = add_opened(&pair, 20000);
		while (!is_read(&pair, brief))
			pair_turn(&pair, UINT64_MAX);
		turns.watched = brief->number;
		turns.is_seen = false;
		turns.of_others = 0;
		while (!turns.is_seen)
			pair_turn(&pair, UINT64_MAX);
		assert_in_range(turns.of_others, 0, 2 * (DPS_ENGINE_SHORT_QUANTUM_BYTES + 9000));
		while (!brief->is_done[0] || !brief->is_done[1])
			pair_turn(&pair, UINT64_MAX);
		pair_close_channel(&pair, brief, 0);
		pair_close_channel(&pair, brief, 1);
	}
	for (unsigned int i = 0; i < 2; i++)
		bulk[i]->is_given_up = true;
	pair_close(&pair);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pause__halves_the_window_and_grows_nothing),
		cmocka_unit_test(trickle__neither_halves_nor_grows_the_window),
		cmocka_unit_test(cut__is_not_a_pause),
		cmocka_unit_test(pause__leaves_a_fixed_rate_alone),
		cmocka_unit_test(turns__are_long_until_one_waits_that_has_little),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("emit_data", tests, NULL, NULL);
}
