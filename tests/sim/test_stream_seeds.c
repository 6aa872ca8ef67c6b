/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs that do anything with streams, over two engines, their peers, a path that loses,
 * repeats, damages and reorders, and a control connection that is slow and breaks; some beside a
 * file. What must hold is in tests/support/stream_world.h. 1,000 seeds; 10,000 with --full.
 * A failure prints its seed; `test_stream_seeds SEED` runs that one.
 */
#include "tests/support/full.h"
#include "tests/support/stream_link.h"
#include "tests/support/stream_world.h"

enum {
	SEEDS = 1000,
	SEEDS_FULL = 10000,
	STEPS = 4000,
	CHUNK = 16 << 10,
};

struct lanes {
	struct world world;
	struct stream_link link;
	struct pair_transfer *transfer; /* NULL: no file */
	bool is_moving;			/* paths come and go */
};

/* Of all worlds: what they were about has happened. */
struct totals {
	uint64_t packets, received, lost, acks, asks, dropped, connections, files;
};

static struct lanes lanes;
static struct totals totals;
static uint64_t running_seed; /* UINT64_MAX: none is */

static uint64_t below(uint64_t bound)
{
	return world_below(&lanes.world, bound);
}

/* ---- What it is like. ---- */

static void draw_streams(struct dps_random *random, struct dps_streams_config *config,
			 uint32_t block_bytes)
{
	config->epoch = 0;
	config->is_asking = dps_random_below(random, 2) == 0;
	config->is_adaptive = dps_random_below(random, 4) == 0;
	config->block_bytes = block_bytes;
	config->receive_blocks = config->streams + (uint32_t)dps_random_below(random, 20);
	config->peer_streams = 1 + (uint32_t)dps_random_below(random, 8);
	config->segments = 8 + (uint32_t)dps_random_below(random, 60);
	config->send_blocks = 2 + (uint32_t)dps_random_below(random, 30);
	if (dps_random_below(random, 2) == 0)
		config->flight_bytes = 1 + dps_random_below(random, 4000);
}

static void draw_way(struct dps_random *random, struct pair_options *options, uint64_t seed)
{
	bool is_bad = dps_random_below(random, 4) != 0;

	pair_options_init(options, seed);
	options->window_bytes = 8 * CHUNK;
	dps_limits_init(&options->limits, 8 * CHUNK, CHUNK);
	options->limits.paths = 4;
	options->limits.channels = 2;
	options->limits.extents = 4;
	options->limits.sent_packets = 128u << dps_random_below(random, 3);
	options->datagram_bytes = dps_random_below(random, 2) ? 1472 : 8972;
	options->delay_ns = (1 + dps_random_below(random, 100)) * 10 * DPS_NS_PER_US;
	options->hold_ns = dps_random_below(random, 2) * DPS_NS_PER_MS;
	if (dps_random_below(random, 4) == 0) {
		options->congestion_mode = DPS_CONGESTION_FIXED;
		options->rate_bytes_per_s = 10000000 + dps_random_below(random, 90000000);
	}
	if (!is_bad)
		return;
	options->loss_ppm = (uint32_t)dps_random_below(random, 80000);
	options->duplicate_ppm = (uint32_t)dps_random_below(random, 50000);
	options->damage_ppm = (uint32_t)dps_random_below(random, 30000);
	options->jitter_ns = dps_random_below(random, 2000) * DPS_NS_PER_US;
}

static void open_file(struct dps_random *random)
{
	if (dps_random_below(random, 3) != 0)
		return;
	lanes.transfer = pair_add_transfer(&lanes.link.net, (unsigned int)running_seed % 2);
	pair_open_channel(&lanes.link.net, lanes.transfer, 0);
	pair_open_channel(&lanes.link.net, lanes.transfer, 1);
	pair_add_file(&lanes.link.net, lanes.transfer, 1 + dps_random_below(random, 2 << 20));
}

static void open_lanes(uint64_t seed)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);
	struct pair_options options;
	struct dps_random random;
	uint32_t block_bytes;

	memset(&lanes.world, 0, sizeof(lanes.world));
	dps_random_init(&random, seed);
	block_bytes = 64u << (2 * dps_random_below(&random, 4));
	draw_streams(&random, &near, block_bytes);
	draw_streams(&random, &far, block_bytes);
	if (dps_random_below(&random, 4) == 0)
		world_share_flight(&lanes.world, dps_random_below(&random, 4000), &near, &far);
	draw_way(&random, &options, seed);
	world_open(&lanes.world, ~seed, &near, &far);
	stream_link_open(&lanes.link, &options, world_streams(&lanes.world, 0),
			 world_streams(&lanes.world, 1));
	lanes.transfer = NULL;
	lanes.is_moving = dps_random_below(&random, 2) == 0;
	if (lanes.is_moving)
		lanes.link.has_new_paths = true;
	else
		open_file(&random);
}

/* ---- What happens. ---- */

static void go_on(uint64_t ns)
{
	lanes.link.deliver_max = lanes.world.is_healing ? SIZE_MAX : (size_t)below(200);
	stream_link_turn(&lanes.link, ns);
	lanes.world.now_ns = lanes.link.net.now_ns;
}

static void be_unlucky(void)
{
	switch (below(4)) {
	case 0:
		stream_link_cut(&lanes.link);
		break;
	case 1:
		lanes.link.is_unreachable = !lanes.link.is_unreachable;
		break;
	case 2:
		lanes.link.net.is_cut = !lanes.link.net.is_cut;
		break;
	default:
		if (lanes.is_moving)
			stream_link_renew_paths(&lanes.link);
		break;
	}
}

static void step(void)
{
	struct world *world = &lanes.world;
	unsigned int side = (unsigned int)below(2);

	switch (below(16)) {
	case 0:
		if (below(3) == 0)
			world_open_one(world, side);
		break;
	case 1:
		world_answer(world, side);
		break;
	case 2:
	case 3:
	case 4:
		world_send_one(world, side);
		break;
	case 5:
		world_cancel_one(world, side);
		break;
	case 6:
		if (below(2) == 0)
			world_end_one(world, side);
		break;
	case 7:
		world_read_some(world, side);
		break;
	case 8:
		world_take_events(world, side);
		break;
	case 9:
		world_change_window(world, side);
		break;
	case 10:
		if (below(16) == 0)
			be_unlucky();
		break;
	default:
		go_on(1 + below(below(8) ? 100 : 5000) * DPS_NS_PER_US);
		break;
	}
	world_check(world);
}

/* Some have a grace, in which they may end, or have their turn. */
static void lose(void)
{
	uint64_t grace_ns = below(2) * DPS_NS_PER_S;

	for (unsigned int i = 0; i < 2; i++)
		dps_peer_close(lanes.link.sides[i].peer, 0, grace_ns, lanes.link.net.now_ns);
	stream_link_run(&lanes.link, 2 * DPS_NS_PER_S);
	lanes.world.is_lost = true;
}

static bool is_all_over(void)
{
	return world_close_ended(&lanes.world) == 0 &&
	       dps_streams_count(world_streams(&lanes.world, 0)) == 0 &&
	       dps_streams_count(world_streams(&lanes.world, 1)) == 0;
}

static void read_all(void)
{
	struct world *world = &lanes.world;

	for (unsigned int side = 0; side < 2; side++) {
		world_take_events(world, side);
		for (unsigned int i = 0; i < world->streams_count; i++)
			if (world->streams[i].ends[side].is_open)
				world_read_one(world, &world->streams[i], side);
	}
}

/* Nobody starves: each half comes to its end, and each that waits has its turn. */
static void heal(void)
{
	struct pair_options *options = &lanes.link.net.options;
	uint64_t end_ns = lanes.link.net.now_ns + 60 * DPS_NS_PER_S;

	lanes.world.is_healing = true;
	lanes.link.is_unreachable = lanes.link.net.is_cut = lanes.link.has_new_paths = false;
	options->loss_ppm = options->duplicate_ppm = options->damage_ppm = 0;
	while (!is_all_over()) {
		pair_check(&lanes.link.net, lanes.link.net.now_ns < end_ns && "ends in time");
		for (unsigned int i = 0; i < 8; i++)
			go_on(DPS_NS_PER_MS);
		read_all();
		world_accept_all(&lanes.world);
		world_finish_all(&lanes.world);
	}
	while (lanes.transfer && !(lanes.transfer->is_done[0] && lanes.transfer->is_done[1])) {
		pair_check(&lanes.link.net, lanes.link.net.now_ns < end_ns && "ends in time");
		go_on(DPS_NS_PER_MS);
	}
	if (lanes.transfer)
		pair_expect_written(&lanes.link.net);
}

static void count(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct dps_engine_counters counters = pair_counters(&lanes.link.net, i);

		pair_check(&lanes.link.net, counters.anomalies == 0);
		totals.packets += counters.stream_packets;
		totals.received += counters.stream_packets_received;
		totals.lost += counters.lost_packets;
		totals.acks += counters.stream_acks_sent;
		totals.asks += counters.stream_asks_sent;
		totals.dropped += counters.dropped_stream;
		totals.connections += lanes.link.sides[i].connections;
	}
	totals.files += lanes.transfer != NULL;
}

static void check_totals(void)
{
	print_message("%llu slices, %llu came, %llu packets lost, %llu acks, %llu asks, "
		      "%llu dropped, %llu connections, %llu files\n",
		      (unsigned long long)totals.packets, (unsigned long long)totals.received,
		      (unsigned long long)totals.lost, (unsigned long long)totals.acks,
		      (unsigned long long)totals.asks, (unsigned long long)totals.dropped,
		      (unsigned long long)totals.connections, (unsigned long long)totals.files);
	assert_true(world_outcomes[DPS_STREAM_EVENT_DELIVERED] > 1000);
	assert_true(world_outcomes[DPS_STREAM_EVENT_CANCELLED] > 1000);
	assert_true(world_outcomes[DPS_STREAM_EVENT_LOST] > 100);
}

static void run(uint64_t seed)
{
	running_seed = seed;
	open_lanes(seed);
	for (unsigned int i = 0; i < STEPS; i++)
		step();
	if (below(8) == 0)
		lose();
	heal();
	count();
	stream_link_close(&lanes.link);
	read_all();
	world_check_all_is_back(&lanes.world);
	world_close(&lanes.world);
}

static unsigned int seeds_count(void)
{
	return is_full_run() ? SEEDS_FULL : SEEDS;
}

static void worlds__every_send_has_one_outcome_and_all_comes_back(void **state)
{
	struct pair_seeds seeds = pair_seeds(seeds_count());

	(void)state;
	for (uint64_t seed = seeds.first; seed < seeds.end; seed++)
		run(seed);
	running_seed = UINT64_MAX;
	if (seeds.end - seeds.first < SEEDS)
		return;
	check_totals();
}

static int tell_seed(void **state)
{
	(void)state;
	if (running_seed != UINT64_MAX)
		print_message("again: test_stream_seeds %llu\n", (unsigned long long)running_seed);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(worlds__every_send_has_one_outcome_and_all_comes_back,
					  tell_seed),
	};

	pair_seeds_from(argc, argv);
	return cmocka_run_group_tests_name("stream_seeds", tests, NULL, NULL);
}
