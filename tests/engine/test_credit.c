/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair_parts.h"
#include <errno.h>

enum {
	CHUNK = 64 << 10,
	RATE = 50000000,
	LIMIT = 32 << 20,
	START = 4 << 20, /* what a channel is given before anything is known */
};

static struct pair_transfer *open_with(struct pair *pair, const struct pair_options *options)
{
	struct pair_transfer *transfer;

	pair_open(pair, options);
	transfer = pair_add_transfer(pair, 0);
	pair_open_channel(pair, transfer, 0);
	pair_open_channel(pair, transfer, 1);
	return transfer;
}

/* A steady 50 MB/s over a way of this length. */
static void way_init(struct pair_options *options, uint64_t rtt_ms)
{
	pair_options_init(options, 1);
	options->window_bytes = LIMIT;
	dps_limits_init(&options->limits, 2 * LIMIT, CHUNK);
	options->limits.paths = 1;
	options->limits.channels = 4;
	options->limits.extents = 128;
	options->congestion_mode = DPS_CONGESTION_FIXED;
	options->rate_bytes_per_s = RATE;
	options->datagram_bytes = 9000;
	options->delay_ns = rtt_ms * DPS_NS_PER_MS / 2;
}

static struct dps_channel *receiver_of(struct pair *pair, const struct pair_transfer *transfer)
{
	return &pair->sides[1].engine->channels[transfer->channel[1]];
}

static uint64_t bytes_in(struct pair *pair, struct pair_transfer *transfer, uint64_t ns)
{
	uint64_t before = receiver_of(pair, transfer)->bytes_done;

	pair_run_for(pair, ns);
	return receiver_of(pair, transfer)->bytes_done - before;
}

static void finish(struct pair *pair)
{
	pair_run(pair, 60 * DPS_NS_PER_S);
	pair_expect_written(pair);
	pair_close(pair);
}

static void credit__grows_until_a_long_way_is_full(void **state)
{
	static const uint32_t losses_ppm[] = { 0, 1000, 10000 };

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		struct pair_transfer *transfer;
		struct pair_options options;
		struct pair pair;

		way_init(&options, 200);
		options.loss_ppm = losses_ppm[i];
		transfer = open_with(&pair, &options);
		pair_add_file(&pair, transfer, 4 * (uint64_t)RATE);
		assert_int_equal(receiver_of(&pair, transfer)->credit_window.window_bytes, START);
		pair_run_for(&pair, 2 * DPS_NS_PER_S);
		assert_true(bytes_in(&pair, transfer, DPS_NS_PER_S) >= (uint64_t)RATE / 100 * 93);
		assert_in_range(receiver_of(&pair, transfer)->credit_window.window_bytes, RATE / 5,
				LIMIT);
		finish(&pair);
	}
}

static void credit__of_a_short_way_stays_small(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;
	struct dps_channel *receiver;

	(void)state;
	way_init(&options, 1);
	transfer = open_with(&pair, &options);
	receiver = receiver_of(&pair, transfer);
	pair_add_file(&pair, transfer, RATE);
	for (unsigned int i = 0; i < 50; i++) {
		pair_run_for(&pair, 10 * DPS_NS_PER_MS);
		assert_true((uint64_t)receiver->promised_chunks * CHUNK <= START);
	}
	finish(&pair);
}

/* What arrived and waits for the disk is not what the way holds: it is granted beyond it. */
static void credit__goes_on_while_the_disk_is_asleep(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct pair pair;

	(void)state;
	way_init(&options, 1);
	transfer = open_with(&pair, &options);
	pair_add_file(&pair, transfer, 2 * LIMIT);
	pair_run_for(&pair, 100 * DPS_NS_PER_MS);
	pair.is_disk_asleep[1] = true;
	pair_run_for(&pair, 2 * DPS_NS_PER_S);
	assert_int_equal(receiver_of(&pair, transfer)->chunks_count, LIMIT / CHUNK);
	assert_int_equal(receiver_of(&pair, transfer)->promised_chunks, 0);
	pair.is_disk_asleep[1] = false;
	finish(&pair);
}

static void set_window__moves_a_living_channel(void **state)
{
	struct pair_transfer *transfer;
	struct pair_options options;
	struct dps_channel *receiver;
	struct dps_engine *engine;
	struct pair pair;

	(void)state;
	way_init(&options, 20);
	options.window_bytes = CHUNK; /* from below the floor */
	transfer = open_with(&pair, &options);
	receiver = receiver_of(&pair, transfer);
	engine = pair.sides[1].engine;
	pair_add_file(&pair, transfer, 2 * (uint64_t)RATE);
	assert_int_equal(dps_engine_set_window(engine, transfer->channel[1], 0), -EINVAL);
	assert_int_equal(dps_engine_set_window(engine, 3, CHUNK), -ENOENT);
	assert_int_equal(dps_engine_set_window(engine, 4, CHUNK), -ENOENT);
	assert_true(bytes_in(&pair, transfer, 200 * DPS_NS_PER_MS) < RATE / 5 / 10);
	assert_int_equal(dps_engine_set_window(engine, transfer->channel[1], LIMIT), 0);
	pair_run_for(&pair, 300 * DPS_NS_PER_MS);
	assert_true(bytes_in(&pair, transfer, 200 * DPS_NS_PER_MS) >= RATE / 5 / 10 * 9);
	assert_int_equal(dps_engine_set_window(engine, transfer->channel[1], 2 * CHUNK), 0);
	pair_run_for(&pair, 200 * DPS_NS_PER_MS); /* what was granted is used up */
	for (unsigned int i = 0; i < 100; i++) {
		pair_run_for(&pair, DPS_NS_PER_MS);
		assert_true(receiver->chunks_count <= 2);
	}
	assert_true(bytes_in(&pair, transfer, 100 * DPS_NS_PER_MS) < RATE / 10 / 4);
	assert_int_equal(dps_engine_set_window(engine, transfer->channel[1], LIMIT), 0);
	pair_run_for(&pair, 300 * DPS_NS_PER_MS);
	assert_true(bytes_in(&pair, transfer, 500 * DPS_NS_PER_MS) >= RATE / 2 / 10 * 9);
	finish(&pair);
}

/* Counts packets that say so; they end where the receiver's credit ended some time. */
static bool count_blocked(struct pair *pair, unsigned int from, const uint8_t *bytes,
			  uint32_t length)
{
	struct dps_header header;

	(void)from;
	assert_int_equal(dps_header_decode(bytes, length, &header), 0);
	if (header.type == DPS_PACKET_DATA && (header.flags & DPS_PACKET_BLOCKED)) {
		uint32_t digest = header.flags & DPS_PACKET_DIGEST ? DPS_DIGEST_BYTES : 0;

		assert_int_equal((header.offset + header.payload_bytes - digest) % CHUNK, 0);
		pair->mark++;
	}
	return false;
}

static void blocked__is_said_where_credit_ends_and_data_does_not(void **state)
{
	static const struct {
		uint64_t window_bytes;
		uint64_t most;
		uint64_t least;
		uint32_t loss_ppm;
	} cases[] = {
		{ 2 * CHUNK, 20, 10, 0 }, /* one chunk in two, or each */
		{ 2 * CHUNK, 40, 10, 100000 },
		{ LIMIT, 0, 0, 0 },
		{ 20 * CHUNK, 0, 0, 0 }, /* all of it: the credit ends with the data */
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pair_transfer *transfer;
		struct pair_options options;
		struct pair pair;

		way_init(&options, 20);
		options.loss_ppm = cases[i].loss_ppm;
		options.window_bytes = cases[i].window_bytes;
		transfer = open_with(&pair, &options);
		pair.is_lost = count_blocked;
		pair_add_file(&pair, transfer, 20 * CHUNK);
		pair_run(&pair, 10 * DPS_NS_PER_S);
		assert_in_range(pair.mark, cases[i].least, cases[i].most);
		finish(&pair);
	}
}

/* A sender that waits for credit is closed: nothing of it stays, and the others have the slots. */
static void check_close_while_blocked(uint64_t window_bytes)
{
	struct pair_transfer *blocked, *other;
	struct pair_options options;
	struct dps_channel_state sender;
	struct pair pair;

	way_init(&options, 20);
	options.window_bytes = window_bytes;
	blocked = open_with(&pair, &options);
	pair_add_file(&pair, blocked, 3 * LIMIT);
	pair.is_disk_asleep[1] = true;
	pair_run_for(&pair, 3 * DPS_NS_PER_S);
	assert_int_equal(
		dps_engine_read_channel(pair.sides[0].engine, blocked->channel[0], &sender), 0);
	assert_int_equal(sender.posted, sender.credit);
	blocked->is_given_up = true;
	pair_close_channel(&pair, blocked, 0);
	pair_close_channel(&pair, blocked, 1);
	assert_int_equal(pair.sides[0].engine->active_channels, 0);
	assert_int_equal(dps_engine_free_slots(pair.sides[0].engine), options.limits.slots);
	pair.is_disk_asleep[1] = false;
	other = pair_add_transfer(&pair, 0);
	pair_open_channel(&pair, other, 0);
	pair_open_channel(&pair, other, 1);
	pair_add_file(&pair, other, 30 * CHUNK);
	finish(&pair);
}

static void close__while_blocked_frees_an_adaptive_sender(void **state)
{
	(void)state;
	check_close_while_blocked(LIMIT);
}

static void close__while_blocked_frees_a_fixed_sender(void **state)
{
	(void)state;
	check_close_while_blocked(4 * CHUNK); /* at its limit and its floor at once */
}

/* A receiver holds a sender to a rate that it was never told of, whatever is lost on the way. */
static void set_rate__bounds_what_comes(void **state)
{
	static const uint32_t losses_ppm[] = { 0, 10000 };
	enum { BOUND = RATE / 10 };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct pair_transfer *transfer;
		struct pair_options options;
		struct dps_engine *engine;
		struct pair pair;

		way_init(&options, 20);
		options.loss_ppm = losses_ppm[i];
		transfer = open_with(&pair, &options);
		engine = pair.sides[1].engine;
		assert_int_equal(dps_engine_set_rate(engine, 3, BOUND), -ENOENT);
		assert_int_equal(dps_engine_set_rate(engine, transfer->channel[1], BOUND), 0);
		pair_add_file(&pair, transfer, 4 * (uint64_t)RATE);
		for (unsigned int second = 0; second < 3; second++)
			assert_in_range(bytes_in(&pair, transfer, DPS_NS_PER_S),
					BOUND - BOUND / 10 - CHUNK, BOUND + BOUND / 20 + CHUNK);
		/* It is taken away while nothing is granted, and all comes. */
		assert_int_equal(dps_engine_set_rate(engine, transfer->channel[1], 0), 0);
		pair_run_for(&pair, DPS_NS_PER_S);
		assert_true(bytes_in(&pair, transfer, DPS_NS_PER_S) >= (uint64_t)RATE / 100 * 90);
		finish(&pair);
	}
}

/* One that is bound holds up no other on its path, and both come to their end. */
static void set_rate__is_of_one_channel(void **state)
{
	struct pair_transfer *slow, *fast;
	struct pair_options options;
	struct pair pair;

	(void)state;
	way_init(&options, 2);
	slow = open_with(&pair, &options);
	fast = pair_add_transfer(&pair, 0);
	pair_open_channel(&pair, fast, 0);
	pair_open_channel(&pair, fast, 1);
	assert_int_equal(dps_engine_set_rate(pair.sides[1].engine, slow->channel[1], RATE / 100),
			 0);
	pair_add_file(&pair, slow, RATE / 20);
	pair_add_file(&pair, fast, 3 * (uint64_t)RATE);
	pair_run_for(&pair, DPS_NS_PER_S);
	assert_true(bytes_in(&pair, fast, DPS_NS_PER_S) >= (uint64_t)RATE / 100 * 85);
	assert_true(receiver_of(&pair, slow)->bytes_done <= RATE / 100 * 3);
	finish(&pair);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(credit__grows_until_a_long_way_is_full),
		cmocka_unit_test(credit__of_a_short_way_stays_small),
		cmocka_unit_test(credit__goes_on_while_the_disk_is_asleep),
		cmocka_unit_test(set_window__moves_a_living_channel),
		cmocka_unit_test(set_rate__bounds_what_comes),
		cmocka_unit_test(set_rate__is_of_one_channel),
		cmocka_unit_test(blocked__is_said_where_credit_ends_and_data_does_not),
		cmocka_unit_test(close__while_blocked_frees_an_adaptive_sender),
		cmocka_unit_test(close__while_blocked_frees_a_fixed_sender),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("credit", tests, NULL, NULL);
}
