/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream over a way of one bandwidth and one round trip, on a clock of its own. The cases are
 * those that Cap'n Proto tests its adaptive window with (origins 2.4), and what must always hold.
 */
#include "engine/bits.h"
#include "engine/credit_window.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>

enum {
	KIB = 1024,
	FLOOR = 64 * KIB,
	START = 256 * KIB,
	RTT_MS = 100,
	BYTES_PER_MS = 10 * KIB,
	BDP = RTT_MS * BYTES_PER_MS,
	LARGE = 64 * KIB, /* a chunk that four of fill the first window */
	FLIGHT_MAX = 1 << 17,
};

#define LIMIT (UINT64_C(1) << 30)
#define WITHOUT_END UINT64_MAX

struct chunk {
	uint64_t at_ns;
	uint64_t end;
	uint64_t bytes;
	bool is_blocked;
};

struct credit {
	uint64_t at_ns;
	uint64_t offset;
};

/* Both ends and the way between them: a queue in front of a bandwidth, and a delay. */
static struct stream {
	struct dps_credit_window window;
	uint64_t now_ns;
	uint64_t one_way_ns;
	uint64_t bytes_per_ms;
	uint64_t chunk_bytes;  /* 0: of all sizes */
	uint64_t source_bytes; /* what there is to send */

	uint64_t told, arrived; /* receiver */
	uint64_t credit, sent;	/* sender */
	unsigned int chunks_sent;
	uint64_t link_free_at_ns;

	struct chunk chunks[FLIGHT_MAX];
	unsigned int chunks_head, chunks_tail;
	struct credit credits[FLIGHT_MAX];
	unsigned int credits_head, credits_tail;
} stream;

static void open_stream_with(uint64_t slack_ns, uint64_t slack_bytes_max)
{
	const struct dps_credit_window_config config = {
		.floor_bytes = FLOOR,
		.limit_bytes = LIMIT,
		.start_bytes = START,
		.slack_ns = slack_ns,
		.slack_bytes_max = slack_bytes_max,
	};

	stream = (struct stream){
		.now_ns = 1,
		.one_way_ns = RTT_MS * DPS_NS_PER_MS / 2,
		.bytes_per_ms = BYTES_PER_MS,
		.source_bytes = WITHOUT_END,
	};
	dps_credit_window_init(&stream.window, &config);
}

static void open_stream(uint64_t slack_ns)
{
	open_stream_with(slack_ns, UINT64_MAX);
}

static uint64_t next_chunk_bytes(void)
{
	static const uint64_t sizes[] = { 32 * KIB, 4 * KIB, 16000, 12345, 16, 9999, 4321, 8 };

	return stream.chunk_bytes ? stream.chunk_bytes : sizes[stream.chunks_sent % 8];
}

static bool may_send(void)
{
	return stream.sent + next_chunk_bytes() <= stream.credit;
}

static bool has_source(void)
{
	return stream.source_bytes >= next_chunk_bytes();
}

static void receive(void)
{
	uint64_t told = stream.arrived + stream.window.window_bytes;

	while (stream.chunks_tail != stream.chunks_head) {
		const struct chunk *chunk = &stream.chunks[stream.chunks_tail % FLIGHT_MAX];

		if (chunk->at_ns > stream.now_ns)
			break;
		stream.chunks_tail++;
		stream.arrived = chunk->end;
		dps_credit_window_on_data(&stream.window, chunk->end, chunk->bytes,
					  chunk->is_blocked, chunk->at_ns);
		told = stream.arrived + stream.window.window_bytes;
	}
	if (told <= stream.told)
		return;
	dps_credit_window_on_told(&stream.window, stream.told, true, stream.now_ns);
	stream.told = told;
	stream.credits[stream.credits_head++ % FLIGHT_MAX] =
		(struct credit){ stream.now_ns + stream.one_way_ns, told };
	assert_true(stream.credits_head - stream.credits_tail < FLIGHT_MAX);
}

static void send_chunk(void)
{
	uint64_t bytes = next_chunk_bytes();
	uint64_t wire_ns = bytes * DPS_NS_PER_MS / stream.bytes_per_ms;

	stream.link_free_at_ns = dps_max_u64(stream.link_free_at_ns, stream.now_ns) + wire_ns;
	stream.sent += bytes;
	stream.chunks_sent++;
	if (stream.source_bytes != WITHOUT_END)
		stream.source_bytes -= bytes;
	stream.chunks[stream.chunks_head++ % FLIGHT_MAX] = (struct chunk){
		.at_ns = stream.link_free_at_ns + stream.one_way_ns,
		.end = stream.sent,
		.bytes = bytes,
		.is_blocked = has_source() && !may_send(),
	};
	assert_true(stream.chunks_head - stream.chunks_tail < FLIGHT_MAX);
}

static void run_ms(uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i++) {
		receive();
		while (stream.credits_tail != stream.credits_head &&
		       stream.credits[stream.credits_tail % FLIGHT_MAX].at_ns <= stream.now_ns)
			stream.credit = stream.credits[stream.credits_tail++ % FLIGHT_MAX].offset;
		while (has_source() && may_send())
			send_chunk();
		stream.now_ns += DPS_NS_PER_MS;
	}
}

static void run_rtts(uint64_t count)
{
	run_ms(count * RTT_MS);
}

static uint64_t window_bytes(void)
{
	return stream.window.window_bytes;
}

/* ---- The ten, of which the last two are in test_credit.c: a channel that is closed. ---- */

static void sender__blocks_when_window_is_full(void **state)
{
	(void)state;
	open_stream(0);
	stream.chunk_bytes = LARGE;
	run_ms(RTT_MS); /* credit is there, and nothing has arrived yet */
	assert_int_equal(stream.chunks_sent, 4);
	assert_int_equal(stream.sent, START);
}

static void sender__unblocks_after_ack_frees_space(void **state)
{
	(void)state;
	open_stream(0);
	stream.chunk_bytes = LARGE;
	run_ms(2 * RTT_MS);
	assert_true(stream.chunks_sent > 4);
	assert_true(stream.sent <= stream.arrived + 2 * START);
}

static void window__grows_during_startup(void **state)
{
	(void)state;
	open_stream(0);
	run_rtts(5);
	assert_true(stream.window.is_starting);
	assert_true(window_bytes() > 2 * START);
}

static void window__exits_startup_after_growth_plateaus(void **state)
{
	uint64_t before;

	(void)state;
	open_stream(0);
	run_rtts(20);
	assert_false(stream.window.is_starting);
	before = window_bytes();
	run_rtts(20);
	assert_true(window_bytes() <= 2 * before);
}

static void window__converges_near_bdp(void **state)
{
	uint64_t arrived;

	(void)state;
	open_stream(0);
	run_rtts(50);
	arrived = stream.arrived;
	for (unsigned int i = 0; i < 100; i++) {
		run_rtts(1);
		assert_in_range(window_bytes(), BDP, 2 * BDP);
	}
	assert_true(stream.arrived - arrived >= 100 * (uint64_t)BDP / 100 * 99);
}

static void window__does_not_shrink_when_app_limited(void **state)
{
	uint64_t before;

	(void)state;
	open_stream(0);
	run_rtts(50);
	before = window_bytes();
	stream.chunk_bytes = KIB;
	stream.source_bytes = 0;
	run_rtts(5); /* what is under way may still move it */
	assert_in_range(window_bytes(), before - before / 4, before + before / 4);
	before = window_bytes();
	for (unsigned int i = 0; i < 100; i++) {
		stream.source_bytes = KIB;
		run_rtts(1);
	}
	assert_int_equal(window_bytes(), before);
	assert_int_equal(stream.source_bytes, 0);
}

static void window__shrinks_when_bandwidth_decreases(void **state)
{
	(void)state;
	open_stream(0);
	run_rtts(50);
	stream.bytes_per_ms /= 4;
	run_rtts(200);
	assert_in_range(window_bytes(), BDP / 4, BDP / 2);
}

static void window__minimum_is_enforced(void **state)
{
	(void)state;
	open_stream(0);
	run_rtts(50);
	stream.bytes_per_ms = 100; /* BDP: 10 KB */
	run_rtts(3000);
	assert_int_equal(window_bytes(), FLOOR);
}

/* ---- What else is promised. ---- */

static void window__grows_again_when_bandwidth_returns(void **state)
{
	(void)state;
	open_stream(0);
	run_rtts(50);
	stream.bytes_per_ms /= 4;
	run_rtts(200);
	stream.bytes_per_ms *= 4;
	run_rtts(50);
	assert_in_range(window_bytes(), BDP, 2 * BDP);
}

/* The shortest trip of a way that has become ten times as long is forgotten. */
static void window__follows_a_longer_way(void **state)
{
	uint64_t arrived;

	(void)state;
	open_stream(0);
	run_rtts(50);
	stream.one_way_ns *= 10;
	run_ms(60000);
	arrived = stream.arrived;
	run_ms(10000);
	assert_true(stream.arrived - arrived >= 10000 / 100 * 95 * (uint64_t)BYTES_PER_MS);
	assert_in_range(window_bytes(), 10 * BDP / 10 * 9, 20 * BDP);
}

/* Without slack a host that is late by more than the way is long would starve itself. */
static void window__slack_is_room_for_late_hosts(void **state)
{
	uint64_t with, without;

	(void)state;
	open_stream(0);
	run_rtts(100);
	without = window_bytes();
	open_stream(RTT_MS * DPS_NS_PER_MS);
	run_rtts(100);
	with = window_bytes();
	assert_in_range(with, without / 10 * 17, without / 10 * 23);
}

/* On a fast way it would be more than helps: there it is so many bytes, whatever the rate. */
static void window__slack_has_a_bound_in_bytes(void **state)
{
	uint64_t without;

	(void)state;
	open_stream(0);
	run_rtts(100);
	without = window_bytes();
	open_stream_with(RTT_MS * DPS_NS_PER_MS, BDP / 4);
	run_rtts(100);
	assert_in_range(window_bytes(), without / 10 * 11, without / 10 * 14);
	open_stream_with(UINT64_MAX, 0);
	run_rtts(100);
	assert_int_equal(window_bytes(), without);
}

static void on_told__only_a_full_window_is_judged(void **state)
{
	const struct dps_credit_window_config config = { FLOOR, LIMIT, START, 0, 0 };
	struct dps_credit_window window;

	(void)state;
	dps_credit_window_init(&window, &config);
	for (unsigned int i = 0; i < 4; i++) {
		bool is_full = i & 1, is_blocked = i & 2;

		dps_credit_window_on_told(&window, 1000 + i, is_full, 1000 * (i + 1));
		assert_int_equal(dps_credit_window_on_data(&window, 1001 + i, START, is_blocked,
							   1000 * (i + 1) + 500),
				 is_full && is_blocked);
	}
	assert_int_equal(window.window_bytes, 2 * START);
}

static void on_data__a_round_ends_with_what_needed_the_credit(void **state)
{
	const struct dps_credit_window_config config = { FLOOR, LIMIT, START, 0, 0 };
	struct dps_credit_window window;

	(void)state;
	dps_credit_window_init(&window, &config);
	assert_false(dps_credit_window_on_data(&window, 500, 500, true, 10));
	dps_credit_window_on_told(&window, 1000, true, 20);
	dps_credit_window_on_told(&window, 2000, true, 30); /* the round runs already */
	assert_false(dps_credit_window_on_data(&window, 1000, START, true, 40));
	assert_true(dps_credit_window_on_data(&window, 1001, 1, false, 50));
	assert_int_equal(window.trip_min_ns, 30);
	assert_false(dps_credit_window_on_data(&window, 3000, START, true, 60));
}

static void set_limit__moves_the_window_at_once(void **state)
{
	const struct dps_credit_window_config config = { FLOOR, LIMIT, START, 0, 0 };
	struct dps_credit_window window;

	(void)state;
	dps_credit_window_init(&window, &config);
	dps_credit_window_set_limit(&window, START - 1);
	assert_int_equal(window.window_bytes, START - 1);
	dps_credit_window_set_limit(&window, 5); /* below the floor: no floor */
	assert_int_equal(window.window_bytes, 5);
	dps_credit_window_set_limit(&window, LIMIT);
	assert_int_equal(window.window_bytes, FLOOR);
}

static uint64_t any(struct dps_random *random)
{
	return dps_random_next(random) >> dps_random_below(random, 64);
}

/* Whatever is said, at whatever moment, also one before the last. */
static void window__is_always_between_floor_and_limit(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 5);
	for (unsigned int run = 0; run < 2000; run++) {
		struct dps_credit_window_config config = { any(&random), any(&random), any(&random),
							   any(&random), any(&random) };
		struct dps_credit_window window;

		dps_credit_window_init(&window, &config);
		for (unsigned int i = 0; i < 100; i++) {
			uint64_t before, limit = window.config.limit_bytes;

			if (dps_random_chance(&random, 1, 20))
				dps_credit_window_set_limit(&window, limit = any(&random));
			limit = dps_min_u64(limit, DPS_OFFSET_MAX);
			before = window.window_bytes;
			dps_credit_window_on_told(&window, any(&random),
						  dps_random_chance(&random, 3, 4), any(&random));
			dps_credit_window_on_data(&window, any(&random), any(&random),
						  dps_random_chance(&random, 3, 4), any(&random));
			assert_true(window.window_bytes <= limit);
			assert_true(window.window_bytes >= dps_min_u64(config.floor_bytes, limit));
			assert_true(window.window_bytes <= 2 * before);
			assert_true(window.window_bytes >= before - before / 8);
		}
	}
}

/* Any bandwidth, any way: no round moves the window by more than it may, nor starves the way. */
static void window__uses_any_way(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 7);
	for (unsigned int run = 0; run < 60; run++) {
		uint64_t rtt_ms, bytes_per_ms, arrived;

		open_stream(8 * DPS_NS_PER_MS);
		rtt_ms = 2 * (1 + dps_random_below(&random, 200));
		bytes_per_ms = 1000 + dps_random_below(&random, 100000);
		stream.one_way_ns = rtt_ms * DPS_NS_PER_MS / 2;
		stream.bytes_per_ms = bytes_per_ms;
		run_ms(40 * rtt_ms + 1000);
		arrived = stream.arrived;
		run_ms(2000);
		assert_true(stream.arrived - arrived >= 2000 * bytes_per_ms / 100 * 95);
		/*
		 * The slack of 8 ms, a turn, the largest chunk that may be in front; and a first
		 * window that is larger than the way is never seen without its queue.
		 */
		assert_true(window_bytes() <=
			    dps_max_u64(2 * ((rtt_ms + 10) * bytes_per_ms + 32 * KIB), 2 * START));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sender__blocks_when_window_is_full),
		cmocka_unit_test(sender__unblocks_after_ack_frees_space),
		cmocka_unit_test(window__grows_during_startup),
		cmocka_unit_test(window__exits_startup_after_growth_plateaus),
		cmocka_unit_test(window__converges_near_bdp),
		cmocka_unit_test(window__does_not_shrink_when_app_limited),
		cmocka_unit_test(window__shrinks_when_bandwidth_decreases),
		cmocka_unit_test(window__minimum_is_enforced),
		cmocka_unit_test(window__grows_again_when_bandwidth_returns),
		cmocka_unit_test(window__follows_a_longer_way),
		cmocka_unit_test(window__slack_is_room_for_late_hosts),
		cmocka_unit_test(window__slack_has_a_bound_in_bytes),
		cmocka_unit_test(on_told__only_a_full_window_is_judged),
		cmocka_unit_test(on_data__a_round_ends_with_what_needed_the_credit),
		cmocka_unit_test(set_limit__moves_the_window_at_once),
		cmocka_unit_test(window__is_always_between_floor_and_limit),
		cmocka_unit_test(window__uses_any_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
