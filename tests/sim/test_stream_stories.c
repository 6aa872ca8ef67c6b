/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams between two programs, one misfortune at a time: all arrives, once, in order, to its end.
 */
#include "tests/sim/stream_story.h"

static void way__that_is_good_sends_nothing_twice(void **state)
{
	struct pair_options options;

	(void)state;
	pair_options_init(&options, 1);
	open_story(&options);
	for (unsigned int i = 0; i < 50; i++)
		do_all();
	assert_int_equal(pair_counters(&story.link.net, 0).lost_packets, 0);
	finish();
}

static void way__that_loses_repeats_and_reorders_is_made_good(void **state)
{
	struct pair_options options;

	(void)state;
	pair_options_init(&options, 2);
	options.loss_ppm = 10000;
	options.duplicate_ppm = 10000;
	options.damage_ppm = 5000;
	options.jitter_ns = 200 * DPS_NS_PER_US;
	options.hold_ns = DPS_NS_PER_MS;
	open_story(&options);
	finish();
}

/* Of what one in a hundred lost, little more than that is sent again. */
static void way__that_loses_little_sends_little_twice(void **state)
{
	struct dps_engine_counters counters;
	struct pair_options options;

	(void)state;
	pair_options_init(&options, 3);
	options.loss_ppm = 10000;
	options.delay_ns = DPS_NS_PER_MS;
	open_story(&options);
	while (!do_all())
		;
	counters = pair_counters(&story.link.net, 0);
	assert_true(counters.lost_packets > 20);
	assert_true(counters.stream_bytes > (uint64_t)STREAMS * BYTES);
	assert_true(counters.stream_bytes < (uint64_t)STREAMS * BYTES * 110 / 100);
	finish();
}

static void connection__that_breaks_again_and_again(void **state)
{
	struct pair_options options;

	(void)state;
	pair_options_init(&options, 4);
	options.loss_ppm = 1000;
	open_story(&options);
	break_connections(6);
	finish();
}

/* The path breaks; the connection stays. What was on its way goes over the next one. */
static void path__that_is_replaced_within_a_connection(void **state)
{
	struct pair_options options;

	(void)state;
	pair_options_init(&options, 5);
	open_story(&options);
	for (unsigned int i = 0; i < 4; i++) {
		for (unsigned int k = 0; k < 5; k++)
			do_all();
		stream_link_renew_paths(&story.link);
	}
	assert_int_equal(story.link.sides[0].connections, 1);
	finish();
}

/* Packets of streams that somebody else made, as the seal finds: some as if in order, some not. */
static void forge(struct dps_random *random, unsigned int to, const uint8_t *rubbish)
{
	const struct pair_side *side = &story.link.net.sides[to];
	const struct dps_path *path = &side->engine->paths[side->path];
	struct dps_header header = {
		.type = dps_random_below(random, 4) == 0 ? DPS_PACKET_STREAM_ACK
							 : DPS_PACKET_STREAM,
		.flags = (uint8_t)(dps_random_below(random, 8) == 0 ? DPS_PACKET_FIN : 0),
		.packet_number = path->ack.largest_number + dps_random_below(random, 100),
		.offset = dps_random_below(random, BYTES),
		.channel = (uint32_t)dps_random_below(random, 2 * STREAMS),
	};
	const struct dps_stream *stream = dps_stream_numbered(side_of(to)->streams, header.channel);

	if (stream != NULL && dps_random_below(random, 2) == 0)
		header.offset = stream->receive.contiguous + dps_random_below(random, 2000);
	(void)pair_inject(&story.link.net, to, header, rubbish,
			  (uint32_t)dps_random_below(random, 1000), false);
}

/* Every place that a slice may go to is written to by others, too, before the seal is looked at. */
static void packet__that_is_forged_changes_nothing(void **state)
{
	struct pair_options options;
	struct dps_random random;
	uint8_t rubbish[1000];
	unsigned int steps = 0;

	(void)state;
	memset(rubbish, 0xbd, sizeof(rubbish));
	dps_random_init(&random, 8);
	pair_options_init(&options, 8);
	options.loss_ppm = 10000;
	options.jitter_ns = 500 * DPS_NS_PER_US;
	open_story(&options);
	while (!do_all()) {
		pair_check(&story.link.net, ++steps < 60000);
		for (unsigned int i = 0; i < 40; i++)
			forge(&random, i % 2, rubbish);
	}
	for (unsigned int i = 0; i < 2; i++) {
		struct dps_streams_counters counters;

		dps_streams_read_counters(side_of(i)->streams, &counters);
		assert_true(counters.dropped_seal > 0);
		assert_int_equal(counters.anomalies, 0);
	}
	finish();
}

/* A file and streams both get on, each with about half of the way. */
static void share_with_file(const struct pair_options *options)
{
	struct pair_transfer *transfer;
	struct dps_channel_state channel;
	uint64_t streams = 0;

	open_story(options);
	transfer = pair_add_transfer(&story.link.net, 0);
	pair_open_channel(&story.link.net, transfer, 0);
	pair_open_channel(&story.link.net, transfer, 1);
	pair_add_file(&story.link.net, transfer, 16 << 20);
	do {
		assert_false(do_all());
		assert_int_equal(dps_engine_read_channel(story.link.net.sides[1].engine,
							 transfer->channel[1], &channel),
				 0);
		streams = 0;
		for (unsigned int i = 0; i < STREAMS; i++)
			streams += story.read[0][i];
	} while (streams + channel.contiguous < 4 << 20);
	assert_true(streams < 2 * channel.contiguous && channel.contiguous < 2 * streams);
	while (!transfer->is_done[0] || !transfer->is_done[1])
		do_all();
	pair_expect_written(&story.link.net);
	finish();
}

static void file__beside_streams_gets_its_share(void **state)
{
	struct pair_options options;

	(void)state;
	pair_options_init(&options, 6);
	options.congestion_mode = DPS_CONGESTION_FIXED;
	options.rate_bytes_per_s = 50000000;
	share_with_file(&options);
}

/* Who has the turn when the window is full goes on with it, but not for ever. */
static void file__beside_streams_gets_its_share_of_a_small_window(void **state)
{
	struct pair_options options;

	(void)state;
	pair_options_init(&options, 7);
	options.delay_ns = 2 * DPS_NS_PER_MS;
	options.loss_ppm = 10000;
	share_with_file(&options);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(way__that_is_good_sends_nothing_twice),
		cmocka_unit_test(way__that_loses_repeats_and_reorders_is_made_good),
		cmocka_unit_test(way__that_loses_little_sends_little_twice),
		cmocka_unit_test(connection__that_breaks_again_and_again),
		cmocka_unit_test(path__that_is_replaced_within_a_connection),
		cmocka_unit_test(packet__that_is_forged_changes_nothing),
		cmocka_unit_test(file__beside_streams_gets_its_share),
		cmocka_unit_test(file__beside_streams_gets_its_share_of_a_small_window),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("stream_stories", tests, NULL, NULL);
}
