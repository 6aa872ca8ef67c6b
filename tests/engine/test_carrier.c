/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams over a path: both ways, through a bad one, beside files, and when it goes. */
#include "tests/support/stream_pair.h"

enum { BYTES = 300000 };

static struct stream_pair pair;

static void open_pair(uint64_t seed)
{
	struct pair_options options;

	pair_options_init(&options, seed);
	stream_pair_open(&pair, &options);
}

/* Sends so much of a stream as it takes, reads what comes, and ends it; until it has ended. */
static void send_and_read(struct rig_side *from, struct dps_handle out, struct rig_side *to,
			  struct dps_handle in, uint64_t bytes)
{
	uint64_t sent = 0, read = 0, end_ns = pair.net.now_ns + 60 * DPS_NS_PER_S;
	bool has_end = false;

	while (!has_end) {
		size_t part = (size_t)dps_min_u64(1 + sent % 3000, bytes - sent);

		pair_check(&pair.net, pair.net.now_ns < end_ns);
		if (part > 0 && rig_send(from, out, part, 0, 0) == 0)
			sent += part;
		else if (sent == bytes)
			assert_int_equal(dps_stream_finish(from->streams, out), 0);
		stream_pair_turn(&pair, DPS_NS_PER_MS);
		read += rig_read(to, in, &has_end);
	}
	assert_int_equal(read, bytes);
	while (rig_look(from, out).send.state != DPS_STREAM_FINISHED) {
		pair_check(&pair.net, pair.net.now_ns < end_ns);
		stream_pair_turn(&pair, DPS_NS_PER_MS);
	}
}

static void attach__names_what_it_does_not_take(void **state)
{
	struct dps_engine *engine;

	(void)state;
	open_pair(1);
	engine = stream_pair_engine(&pair, 0);
	assert_int_equal(dps_engine_attach_streams(engine, 99, pair.rig.near.streams, 1), -ENOENT);
	assert_int_equal(dps_engine_attach_streams(engine, pair.net.sides[0].path + 1,
						   pair.rig.near.streams, 1),
			 -ENOENT);
	assert_int_equal(
		dps_engine_attach_streams(engine, pair.net.sides[0].path, pair.rig.near.streams, 2),
		-ESTALE);
	assert_int_equal(
		dps_engine_attach_streams(engine, pair.net.sides[0].path, pair.rig.far.streams, 1),
		-EBUSY);
	assert_true(dps_engine_holds_streams(engine, pair.rig.near.streams));
	assert_false(dps_engine_holds_streams(engine, pair.rig.far.streams));
	assert_int_equal(stream_pair_attach(&pair, 0), 0); /* again */
	stream_pair_close(&pair);
}

static void stream__arrives_whole_both_ways(void **state)
{
	struct dps_handle near, far;

	(void)state;
	open_pair(1);
	near = stream_pair_opened(&pair, DPS_STREAM_BOTH_WAYS, &far);
	send_and_read(&pair.rig.near, near, &pair.rig.far, far, BYTES);
	send_and_read(&pair.rig.far, far, &pair.rig.near, near, BYTES);
	assert_int_equal(pair_counters(&pair.net, 0).dropped_stream, 0);
	assert_int_equal(pair_counters(&pair.net, 0).lost_packets, 0);
	assert_true(pair_counters(&pair.net, 0).stream_bytes >= BYTES);
	stream_pair_close(&pair);
}

static void stream__arrives_whole_through_a_bad_way(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct pair_options options;
		struct dps_handle near, far;

		pair_options_init(&options, seed);
		options.loss_ppm = 30000;
		options.duplicate_ppm = 30000;
		options.damage_ppm = 10000;
		options.jitter_ns = 300 * DPS_NS_PER_US;
		options.hold_ns = DPS_NS_PER_MS;
		stream_pair_open(&pair, &options);
		near = stream_pair_opened(&pair, DPS_STREAM_BOTH_WAYS, &far);
		send_and_read(&pair.rig.near, near, &pair.rig.far, far, BYTES / 4);
		send_and_read(&pair.rig.far, far, &pair.rig.near, near, BYTES / 4);
		stream_pair_close(&pair);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach__names_what_it_does_not_take),
		cmocka_unit_test(stream__arrives_whole_both_ways),
		cmocka_unit_test(stream__arrives_whole_through_a_bad_way),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("carrier", tests, NULL, NULL);
}
