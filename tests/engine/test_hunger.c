/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair_parts.h"

enum {
	CHUNK = 16 << 10,
	CHANNELS = 1000,
	FILE_CHUNKS = 12,
	SLOTS = 65, /* one for sixteen channels */
	/* A turn is four chunks: the first have had one when the last begin. One more is under way,
	 * and with loss its repair. */
	SPREAD_MAX = 6,
	QUEUE = 3,
};

/* ---- The queue, by hand: three that found no slot. ---- */

struct queue {
	struct pair pair;
	struct dps_engine *engine;
	struct dps_channel *channels[QUEUE];
};

/* senders: a bit for each of them that sends. */
static void open_queue(struct queue *queue, unsigned int senders)
{
	struct pair_options options;

	pair_options_init(&options, 1);
	pair_open(&queue->pair, &options);
	queue->engine = queue->pair.sides[0].engine;
	for (unsigned int i = 0; i < QUEUE; i++) {
		const struct dps_channel_config config = {
			.number = i + 1,
			.is_sender = senders >> i & 1,
			.window_bytes = 8 * CHUNK,
		};

		queue->channels[i] =
			&queue->engine->channels[dps_engine_open_channel(queue->engine, &config)];
		dps_channel_starve(queue->engine, queue->channels[i]);
	}
}

/* So many slots are free and not promised. */
static void set_available(struct queue *queue, uint32_t count)
{
	while (dps_slots_available(&queue->engine->slots) < count)
		dps_slots_unreserve(&queue->engine->slots);
	while (dps_slots_available(&queue->engine->slots) > count)
		dps_slots_reserve(&queue->engine->slots);
}

static void close_queue(struct queue *queue)
{
	for (unsigned int i = 0; i < QUEUE; i++)
		dps_engine_close_channel(queue->engine,
					 dps_channel_index(queue->engine, queue->channels[i]));
	while (queue->engine->slots.reserved > 0)
		dps_slots_unreserve(&queue->engine->slots);
	pair_close(&queue->pair);
}

static void feed_starved__in_the_order_they_came(void **state)
{
	struct queue queue;

	(void)state;
	open_queue(&queue, 7);
	set_available(&queue, 2);
	dps_channel_feed_starved(queue.engine);
	assert_ptr_equal(dps_channel_take_hungry(queue.engine), queue.channels[0]);
	assert_ptr_equal(dps_channel_take_hungry(queue.engine), queue.channels[1]);
	assert_null(dps_channel_take_hungry(queue.engine));
	assert_true(queue.channels[2]->is_starved);
	close_queue(&queue);
}

static void feed_starved__a_claim_is_not_for_who_comes_later(void **state)
{
	struct queue queue;

	(void)state;
	open_queue(&queue, 7);
	set_available(&queue, 2);
	dps_channel_feed_starved(queue.engine);
	assert_true(dps_channel_may_have_slot(queue.engine, queue.channels[0]));
	assert_true(dps_channel_may_have_slot(queue.engine, queue.channels[1]));
	assert_false(dps_channel_may_have_slot(queue.engine, queue.channels[2]));
	/* What is not needed goes to the next. */
	dps_channel_unfeed(queue.engine, queue.channels[0]);
	assert_true(dps_channel_may_have_slot(queue.engine, queue.channels[2]));
	dps_channel_feed_starved(queue.engine);
	assert_false(dps_channel_may_have_slot(queue.engine, queue.channels[0]));
	close_queue(&queue);
}

static void feed_starved__the_last_slots_are_for_senders(void **state)
{
	struct queue queue;

	(void)state;
	open_queue(&queue, 4);
	set_available(&queue, DPS_ENGINE_READ_AHEAD_CHUNKS_MIN);
	dps_channel_feed_starved(queue.engine);
	assert_ptr_equal(dps_channel_take_hungry(queue.engine), queue.channels[2]);
	assert_null(dps_channel_take_hungry(queue.engine));
	set_available(&queue, DPS_ENGINE_READ_AHEAD_CHUNKS_MIN + 2); /* one is claimed */
	dps_channel_feed_starved(queue.engine);
	assert_ptr_equal(dps_channel_take_hungry(queue.engine), queue.channels[0]);
	assert_null(dps_channel_take_hungry(queue.engine));
	close_queue(&queue);
}

static void starve__who_lost_its_slot_keeps_its_place(void **state)
{
	struct queue queue;

	(void)state;
	open_queue(&queue, 0);
	set_available(&queue, DPS_ENGINE_READ_AHEAD_CHUNKS_MIN + 1);
	dps_channel_feed_starved(queue.engine);
	assert_ptr_equal(dps_channel_take_hungry(queue.engine), queue.channels[0]);
	set_available(&queue, DPS_ENGINE_READ_AHEAD_CHUNKS_MIN); /* a sender took one */
	assert_false(dps_channel_may_have_slot(queue.engine, queue.channels[0]));
	dps_channel_starve(queue.engine, queue.channels[0]);
	set_available(&queue, DPS_ENGINE_READ_AHEAD_CHUNKS_MIN + 1);
	dps_channel_feed_starved(queue.engine);
	assert_ptr_equal(dps_channel_take_hungry(queue.engine), queue.channels[0]);
	close_queue(&queue);
}

static void make__a_claim_that_is_not_needed_goes_on(void **state)
{
	struct queue queue;

	(void)state;
	open_queue(&queue, 7);
	set_available(&queue, 1);
	dps_channel_feed_starved(queue.engine);
	for (unsigned int i = 0; i < QUEUE; i++) {
		assert_false(queue.channels[i]->is_starved);
		dps_make_chunks(queue.engine); /* nothing is announced: it makes none */
	}
	assert_int_equal(queue.engine->fed_count, 0);
	close_queue(&queue);
}

static void make__a_claim_is_for_one_slot(void **state)
{
	const struct dps_extent_config extent = { .bytes = 8 * (64 << 10) };
	struct queue queue;

	(void)state;
	open_queue(&queue, 0);
	for (unsigned int i = 0; i < QUEUE; i++)
		assert_int_equal(
			dps_engine_announce(queue.engine,
					    dps_channel_index(queue.engine, queue.channels[i]),
					    &extent),
			0);
	set_available(&queue, DPS_ENGINE_READ_AHEAD_CHUNKS_MIN + 2);
	dps_channel_feed_starved(queue.engine);
	dps_make_chunks(queue.engine);
	assert_int_equal(queue.channels[0]->chunks_count, 1);
	assert_int_equal(queue.channels[1]->chunks_count, 1);
	assert_int_equal(queue.channels[2]->chunks_count, 0);
	/* Who had one waits behind who had none. */
	assert_ptr_equal(&queue.engine->channels[queue.engine->first_starved], queue.channels[2]);
	close_queue(&queue);
}

/* ---- E53: a thousand channels on one engine share its memory, and none waits for ever. ---- */

/* Received chunks of the channel that is furthest, less those of the one that is least far. */
static uint32_t spread_chunks(const struct pair *pair)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (uint32_t i = 0; i < pair->transfers_count; i++) {
		const struct pair_transfer *transfer = &pair->transfers[i];
		unsigned int to = 1 - transfer->from;
		struct dps_channel_state channel;

		assert_int_equal(dps_engine_read_channel(pair->sides[to].engine,
							 transfer->channel[to], &channel),
				 0);
		least = dps_min_u64(least, channel.bytes_done);
		most = dps_max_u64(most, channel.bytes_done);
	}
	return (uint32_t)((most - least) / CHUNK);
}

static bool is_over(const struct pair *pair)
{
	for (uint32_t i = 0; i < pair->transfers_count; i++)
		if (!pair->transfers[i].is_done[0] || !pair->transfers[i].is_done[1])
			return false;
	return true;
}

static void options_init(struct pair_options *options, uint64_t seed)
{
	pair_options_init(options, seed);
	options->limits.chunk_bytes = CHUNK;
	options->limits.slots = SLOTS;
	options->limits.channels = CHANNELS;
	options->limits.extents = CHANNELS;
	options->window_bytes = 16 * CHUNK;
	options->datagram_bytes = 9000;
	options->disk_ns = 200 * DPS_NS_PER_US;
	options->hold_ns = 50 * DPS_NS_PER_US;
}

static struct pair *open_all(const struct pair_options *options, unsigned int directions)
{
	struct pair *pair = test_malloc(sizeof(*pair));

	pair_open(pair, options);
	for (uint32_t i = 0; i < CHANNELS; i++) {
		struct pair_transfer *transfer = pair_add_transfer(pair, i % directions);

		pair_open_channel(pair, transfer, 0);
		pair_open_channel(pair, transfer, 1);
		pair_add_file(pair, transfer, FILE_CHUNKS * CHUNK);
	}
	return pair;
}

/* Slots in use never exceed the pool: pair_turn checks that, and every other invariant. */
static void check(struct pair_options *options, unsigned int directions)
{
	struct pair *pair = open_all(options, directions);
	uint32_t spread = 0;

	while (!is_over(pair)) {
		pair_check(pair, pair->now_ns < 100 * DPS_NS_PER_S && "finishes in time");
		pair_turn(pair, UINT64_MAX);
		if (pair->turns % 64 == 0)
			spread = (uint32_t)dps_max_u64(spread, spread_chunks(pair));
	}
	assert_in_range(spread, 1, SPREAD_MAX);
	pair_expect_written(pair);
	pair_close(pair);
	test_free(pair);
}

static void share__a_thousand_channels_finish_side_by_side(void **state)
{
	struct pair_options options;

	(void)state;
	options_init(&options, 1);
	check(&options, 1);
}

static void share__a_thousand_channels_in_both_directions(void **state)
{
	struct pair_options options;

	(void)state;
	options_init(&options, 2);
	check(&options, 2);
}

static void share__a_thousand_channels_with_loss(void **state)
{
	struct pair_options options;

	(void)state;
	options_init(&options, 3);
	options.loss_ppm = 10000;
	options.jitter_ns = 20 * DPS_NS_PER_US;
	check(&options, 1);
}

/* What the receiver has promised, or has and may not let go of: of all channels together. */
static uint64_t held_bytes(const struct pair *pair)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < pair->transfers_count; i++) {
		struct dps_channel_state channel;

		assert_int_equal(dps_engine_read_channel(pair->sides[1].engine,
							 pair->transfers[i].channel[1], &channel),
				 0);
		bytes += channel.credit - channel.bytes_done;
	}
	return bytes;
}

/* A thousand windows are many times the pool; with a disk that takes nothing, all is held. */
static void share__a_thousand_channels_stay_within_the_lanes_bound(void **state)
{
	struct pair_options options;
	struct pair *pair;
	uint64_t most = 0;

	(void)state;
	options_init(&options, 4);
	assert_true(CHANNELS * options.window_bytes > 100 * SLOTS * CHUNK);
	pair = open_all(&options, 1);
	pair->is_disk_asleep[1] = true;
	for (unsigned int i = 0; !is_over(pair); i++) {
		pair_check(pair, pair->now_ns < 100 * DPS_NS_PER_S && "finishes in time");
		pair_turn(pair, pair->now_ns + DPS_NS_PER_MS);
		if (i % 16 == 0)
			most = dps_max_u64(most, held_bytes(pair));
		pair_check(pair, most <= SLOTS * CHUNK);
		if (i == 1000)
			pair->is_disk_asleep[1] = false;
	}
	assert_true(most > SLOTS * CHUNK / 2); /* the bound was come up to */
	pair_expect_written(pair);
	pair_close(pair);
	test_free(pair);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(feed_starved__in_the_order_they_came),
		cmocka_unit_test(feed_starved__a_claim_is_not_for_who_comes_later),
		cmocka_unit_test(feed_starved__the_last_slots_are_for_senders),
		cmocka_unit_test(starve__who_lost_its_slot_keeps_its_place),
		cmocka_unit_test(make__a_claim_that_is_not_needed_goes_on),
		cmocka_unit_test(make__a_claim_is_for_one_slot),
		cmocka_unit_test(share__a_thousand_channels_finish_side_by_side),
		cmocka_unit_test(share__a_thousand_channels_in_both_directions),
		cmocka_unit_test(share__a_thousand_channels_with_loss),
		cmocka_unit_test(share__a_thousand_channels_stay_within_the_lanes_bound),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("hunger", tests, NULL, NULL);
}
