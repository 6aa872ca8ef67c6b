/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/congestion.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>
#include <math.h>

#define MS DPS_NS_PER_MS

enum { PACKET = 1000 };

/* A sender that uses all of its window. */
struct path {
	struct dps_congestion congestion;
	uint64_t now_ns, rtt_ns, next_number;
};

static void set_up(struct path *path, uint32_t packet_bytes, uint64_t rtt_ns)
{
	struct dps_congestion_config config = {
		.mode = DPS_CONGESTION_FAIR,
		.rate_bytes_per_s = UINT64_MAX,
		.packet_bytes = packet_bytes,
	};

	*path = (struct path){ .now_ns = 10 * DPS_NS_PER_S, .rtt_ns = rtt_ns };
	dps_congestion_init(&path->congestion, &config, path->now_ns);
}

static struct dps_congestion_ack make_ack(const struct path *path, uint64_t acked_bytes)
{
	return (struct dps_congestion_ack){
		.acked_bytes = acked_bytes,
		.in_flight_bytes = path->congestion.window_bytes,
		.largest_number = path->next_number,
		.largest_sent_at_ns = path->now_ns - path->rtt_ns,
		.next_number = path->next_number + path->congestion.window_bytes / PACKET,
		.latest_rtt_ns = path->rtt_ns,
		.smoothed_rtt_ns = path->rtt_ns,
		.min_rtt_ns = path->rtt_ns,
		.now_ns = path->now_ns,
	};
}

static void ack(struct path *path, uint64_t acked_bytes)
{
	struct dps_congestion_ack news = make_ack(path, acked_bytes);

	path->congestion.ops->on_acked(&path->congestion, &news);
}

/* One round trip in so many acknowledgements. */
static void ack_round(struct path *path, unsigned int acks)
{
	uint64_t window_bytes = path->congestion.window_bytes;
	uint64_t first_number = path->next_number;

	for (unsigned int i = 0; i < acks; i++) {
		path->now_ns += path->rtt_ns / acks;
		ack(path, window_bytes / acks);
		path->next_number = first_number + (i + 1) * (window_bytes / PACKET) / acks;
	}
}

static void lose(struct path *path)
{
	path->congestion.ops->on_lost(&path->congestion, PACKET, path->now_ns, 0, path->now_ns);
	path->now_ns += path->rtt_ns; /* what is acknowledged next was sent after it */
}

static void init__offers_ten_packets(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	assert_int_equal(path.congestion.window_bytes, 10 * PACKET);
	assert_false(path.congestion.ops->is_broken(&path.congestion, path.now_ns));
}

static void on_acked__doubles_in_slow_start(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	ack(&path, 4 * PACKET);
	assert_int_equal(path.congestion.window_bytes, 14 * PACKET);
	ack(&path, 6 * PACKET);
	assert_int_equal(path.congestion.window_bytes, 20 * PACKET);
}

static void on_acked__does_not_grow_a_window_that_is_not_used(void **state)
{
	struct dps_congestion_ack news;
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	news = make_ack(&path, 4 * PACKET);
	news.is_limited = true;
	path.congestion.ops->on_acked(&path.congestion, &news);
	assert_int_equal(path.congestion.window_bytes, 10 * PACKET);
	news.is_limited = false;
	news.in_flight_bytes = 4 * PACKET; /* a ceiling on the rate does this */
	path.congestion.ops->on_acked(&path.congestion, &news);
	assert_int_equal(path.congestion.window_bytes, 10 * PACKET);
	news.in_flight_bytes = 5 * PACKET;
	path.congestion.ops->on_acked(&path.congestion, &news);
	assert_int_equal(path.congestion.window_bytes, 14 * PACKET);
}

static void on_acked__does_not_grow_for_what_was_sent_before_the_event(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	path.congestion.window_bytes = 100 * PACKET;
	path.congestion.ops->on_lost(&path.congestion, PACKET, path.now_ns, 0, path.now_ns);
	path.now_ns += 5 * MS; /* half a round trip later */
	ack(&path, 50 * PACKET);
	assert_int_equal(path.congestion.window_bytes, 70 * PACKET);
}

static void on_acked__grows_slower_when_the_round_trip_rises(void **state)
{
	uint64_t before_bytes;
	struct path path;

	(void)state;
	set_up(&path, PACKET, 40 * MS);
	ack_round(&path, 10);
	path.rtt_ns = 44 * MS; /* 40 / 8 = 5 ms would be enough */
	ack_round(&path, 10);
	assert_false(path.congestion.cubic.in_css);
	path.rtt_ns = 49 * MS + 500000;
	ack_round(&path, 10);
	assert_true(path.congestion.cubic.in_css);
	before_bytes = path.congestion.window_bytes;
	ack(&path, 8 * PACKET);
	assert_int_equal(path.congestion.window_bytes, before_bytes + 2 * PACKET);
}

static void on_acked__needs_4_ms_and_eight_samples_to_slow_down(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 1 * MS);
	ack_round(&path, 10);
	path.rtt_ns = 5 * MS - 1;
	ack_round(&path, 10);
	assert_false(path.congestion.cubic.in_css);
	path.rtt_ns = 9 * MS;
	ack_round(&path, 7);
	assert_false(path.congestion.cubic.in_css);
	ack_round(&path, 8);
	ack_round(&path, 8);
	assert_false(path.congestion.cubic.in_css); /* compared with the round before it */
	path.rtt_ns = 13 * MS;
	ack_round(&path, 8);
	assert_true(path.congestion.cubic.in_css);
}

static void on_acked__doubles_again_when_the_round_trip_falls_back(void **state)
{
	uint64_t before_bytes;
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	ack_round(&path, 10);
	path.rtt_ns = 20 * MS;
	ack_round(&path, 10);
	assert_true(path.congestion.cubic.in_css);
	path.rtt_ns = 19 * MS;
	ack_round(&path, 10);
	assert_false(path.congestion.cubic.in_css);
	before_bytes = path.congestion.window_bytes;
	ack(&path, 8 * PACKET);
	assert_int_equal(path.congestion.window_bytes, before_bytes + 8 * PACKET);
}

static void on_acked__leaves_slow_start_after_five_slow_rounds(void **state)
{
	unsigned int rounds = 0;
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	ack_round(&path, 10);
	path.rtt_ns = 20 * MS;
	while (path.congestion.cubic.ssthresh_bytes == UINT64_MAX && rounds < 20) {
		ack_round(&path, 10);
		rounds += path.congestion.cubic.in_css;
	}
	assert_in_range(rounds, 5, 7);
	assert_int_equal(path.congestion.cubic.k_ns, 0);
	assert_true(path.congestion.window_bytes >= path.congestion.cubic.ssthresh_bytes);
	assert_int_equal(path.congestion.events_count, 0);
}

/* RFC 9438 in double: what each acknowledgement must do. */
struct reference {
	double packet, window, window_max, prior, estimate, k, started_at;
};

static double cubic_at(const struct reference *r, double t)
{
	return 0.4 * pow(t - r->k, 3) * r->packet + r->window_max;
}

static void reference_lost(struct reference *r)
{
	r->prior = r->window;
	r->window_max = r->window < r->window_max ? r->window * (1 + 0.7) / 2 : r->window;
	r->window *= 0.7;
	r->started_at = -1;
}

static void reference_acked(struct reference *r, double now, double rtt, double acked)
{
	double alpha, target;

	if (r->started_at < 0) {
		r->started_at = now;
		r->estimate = r->window;
		r->k = cbrt((r->window_max - r->window) / r->packet / 0.4);
	}
	alpha = r->estimate >= r->prior ? 1 : 3 * (1 - 0.7) / (1 + 0.7);
	r->estimate += alpha * r->packet * acked / r->window;
	if (cubic_at(r, now - r->started_at) < r->estimate) {
		r->window = fmax(r->window, r->estimate);
		return;
	}
	target = cubic_at(r, now - r->started_at + rtt);
	target = fmin(fmax(target, r->window), 1.5 * r->window);
	r->window += (target - r->window) * acked / r->window;
}

static void assert_near(double value, double expected, double packet)
{
	if (fabs(value - expected) > fmax(packet, expected * 0.01))
		fail_msg("%.0f is not near %.0f", value, expected);
}

static void follow(uint32_t packet_bytes, uint64_t packets, uint64_t rtt_ns, double duration_s,
		   unsigned int acks, bool ends_in_cubic)
{
	struct reference r = { .packet = packet_bytes };
	struct path path;
	uint64_t started_at_ns;
	double time_s = 0;

	set_up(&path, packet_bytes, rtt_ns);
	path.congestion.window_bytes = packets * packet_bytes;
	r.window = (double)path.congestion.window_bytes;
	lose(&path);
	reference_lost(&r);
	started_at_ns = path.now_ns;
	while (time_s < duration_s) {
		uint64_t acked_bytes = path.congestion.window_bytes / acks;

		path.now_ns += rtt_ns / acks;
		time_s = (double)(path.now_ns - started_at_ns) / 1e9;
		reference_acked(&r, time_s, (double)rtt_ns / 1e9, (double)acked_bytes);
		ack(&path, acked_bytes);
		assert_near((double)path.congestion.window_bytes, r.window, packet_bytes);
	}
	time_s -= r.started_at;
	assert_int_equal(cubic_at(&r, time_s) > r.estimate, ends_in_cubic);
	if (ends_in_cubic) {
		double window = (double)path.congestion.window_bytes;

		/* The window is where the curve is, or a round trip ahead at most. */
		assert_true(window > cubic_at(&r, time_s) * 0.99 - packet_bytes);
		assert_true(window <
			    cubic_at(&r, time_s + (double)rtt_ns / 1e9) * 1.01 + packet_bytes);
	}
}

static void on_acked__follows_the_cubic_of_the_rfc(void **state)
{
	(void)state;
	follow(1464, 10000, 100 * MS, 60, 100, true);
	follow(1464, 100000, 30 * MS, 90, 10, true);
	follow(8248, 3000, 20 * MS, 30, 64, true);
	follow(8248, 500000, 300 * MS, 200, 8, true);	   /* 4 GB */
	follow(8248, 5000000, 1000 * MS, 400, 1000, true); /* 41 GB */
	follow(8248, 20, 50 * MS, 30, 2, true);
}

static void on_acked__keeps_up_with_reno_on_a_short_way(void **state)
{
	(void)state;
	follow(1464, 100, 50000, 0.5, 50, false);
	follow(8248, 1000, 50000, 0.5, 16, false);
	follow(8248, 76, 50000, 0.2, 1, false);
	follow(1464, 2000, 1 * MS, 2, 31, false);
}

/* A window and a half of packets in a round trip: 0.53 packets until 100, one from there on. */
static void on_acked__reno_grows_a_packet_a_round_trip(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 50000);
	path.congestion.window_bytes = 100 * PACKET;
	lose(&path);
	for (unsigned int i = 0; i < 17; i++)
		ack_round(&path, 70);
	assert_in_range(path.congestion.window_bytes, 78 * PACKET, 80 * PACKET);
	for (unsigned int i = 0; i < 40; i++)
		ack_round(&path, 70);
	assert_in_range(path.congestion.window_bytes, 98 * PACKET, 102 * PACKET);
	for (unsigned int i = 0; i < 100; i++)
		ack_round(&path, 70);
	assert_in_range(path.congestion.window_bytes, 196 * PACKET, 204 * PACKET);
}

static void on_acked__limited_time_does_not_count_in_the_epoch(void **state)
{
	struct path busy, paused;

	(void)state;
	set_up(&busy, PACKET, 20 * MS);
	busy.congestion.window_bytes = 5000 * PACKET;
	lose(&busy);
	for (unsigned int i = 0; i < 200; i++)
		ack_round(&busy, 10);
	paused = busy;
	for (unsigned int i = 0; i < 5000; i++) { /* a minute with little to send */
		struct dps_congestion_ack news = make_ack(&paused, PACKET);

		paused.now_ns += 12 * MS;
		news.now_ns = paused.now_ns;
		news.is_limited = true;
		paused.congestion.ops->on_acked(&paused.congestion, &news);
	}
	assert_int_equal(paused.congestion.window_bytes, busy.congestion.window_bytes);
	for (unsigned int i = 0; i < 100; i++) {
		ack_round(&busy, 10);
		ack_round(&paused, 10);
	}
	assert_near((double)paused.congestion.window_bytes, (double)busy.congestion.window_bytes,
		    PACKET);
}

static void on_acked__grows_for_hours_without_overflow(void **state)
{
	uint64_t before_bytes;
	struct path path;

	(void)state;
	set_up(&path, 65536, 200 * MS);
	path.congestion.window_bytes = UINT64_C(8) << 30;
	lose(&path);
	for (unsigned int i = 0; i < 24 * 60; i++) {
		before_bytes = path.congestion.window_bytes;
		path.now_ns += 60 * DPS_NS_PER_S;
		ack(&path, path.congestion.window_bytes);
		assert_true(path.congestion.window_bytes >= before_bytes);
		assert_true(path.congestion.window_bytes <= before_bytes + before_bytes / 2);
	}
	assert_int_equal(path.congestion.window_bytes, UINT64_C(1) << 40);
	lose(&path);
	assert_int_equal(path.congestion.window_bytes, (UINT64_C(1) << 40) / 10 * 7 + 4);
	ack_round(&path, 10);
	assert_in_range(path.congestion.cubic.k_ns, 200 * DPS_NS_PER_S, 300 * DPS_NS_PER_S);
}

static void on_lost__cuts_to_seven_tenths_once_a_round_trip(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	path.congestion.window_bytes = 1000 * PACKET;
	path.congestion.ops->on_lost(&path.congestion, PACKET, path.now_ns, 0, path.now_ns);
	assert_int_equal(path.congestion.window_bytes, 700 * PACKET);
	path.congestion.ops->on_lost(&path.congestion, PACKET, path.now_ns - 1, 0,
				     path.now_ns + 5 * MS);
	assert_int_equal(path.congestion.window_bytes, 700 * PACKET);
	assert_int_equal(path.congestion.events_count, 1);
	path.congestion.ops->on_lost(&path.congestion, PACKET, path.now_ns + 1 * MS, 0,
				     path.now_ns + 11 * MS);
	assert_int_equal(path.congestion.window_bytes, 490 * PACKET);
	assert_int_equal(path.congestion.events_count, 2);
}

static void on_lost__gives_way_faster_below_the_last_maximum(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	path.congestion.window_bytes = 1000 * PACKET;
	lose(&path);
	assert_int_equal(path.congestion.cubic.window_max_bytes, 1000 * PACKET);
	path.congestion.window_bytes = 900 * PACKET;
	lose(&path);
	assert_int_equal(path.congestion.cubic.window_max_bytes, 765 * PACKET);
	path.congestion.window_bytes = 800 * PACKET;
	lose(&path);
	assert_int_equal(path.congestion.cubic.window_max_bytes, 800 * PACKET);
}

static void on_lost__leaves_two_packets(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	for (unsigned int i = 0; i < 20; i++)
		lose(&path);
	assert_int_equal(path.congestion.window_bytes, 2 * PACKET);
	ack_round(&path, 1);
	assert_true(path.congestion.window_bytes > 2 * PACKET);
}

static void on_spurious__gives_back_what_was_cut(void **state)
{
	struct dps_congestion then;
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	ack_round(&path, 4);
	then = path.congestion;
	lose(&path);
	assert_true(path.congestion.window_bytes < then.window_bytes);
	path.congestion.ops->on_spurious(&path.congestion, &then, path.now_ns);
	assert_int_equal(path.congestion.window_bytes, then.window_bytes);
	assert_int_equal(path.congestion.cubic.ssthresh_bytes, UINT64_MAX); /* slow start goes on */
	ack_round(&path, 4);
	assert_true(path.congestion.window_bytes > then.window_bytes);
	/* What has grown beyond it meanwhile stays. */
	then.window_bytes = path.congestion.window_bytes - PACKET;
	path.congestion.ops->on_spurious(&path.congestion, &then, path.now_ns);
	assert_int_equal(path.congestion.window_bytes, then.window_bytes + PACKET);
}

static void on_persistent__starts_again_up_to_the_threshold(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	path.congestion.window_bytes = 1000 * PACKET;
	path.congestion.ops->on_lost(&path.congestion, PACKET, path.now_ns, 0, path.now_ns);
	path.congestion.ops->on_persistent(&path.congestion, path.now_ns);
	assert_int_equal(path.congestion.window_bytes, 2 * PACKET);
	/* What was sent before it is part of it. */
	path.congestion.ops->on_lost(&path.congestion, PACKET, path.now_ns - 1, 0, path.now_ns);
	assert_int_equal(path.congestion.cubic.ssthresh_bytes, 700 * PACKET);
	path.now_ns += path.rtt_ns;
	for (unsigned int i = 0; i < 8; i++)
		ack_round(&path, 1);
	assert_int_equal(path.congestion.window_bytes, 512 * PACKET);
	ack_round(&path, 1);
	assert_int_equal(path.congestion.window_bytes, 700 * PACKET);
	ack_round(&path, 1); /* an epoch without a W_max: K is zero */
	assert_int_equal(path.congestion.cubic.k_ns, 0);
	assert_in_range(path.congestion.window_bytes, 700 * PACKET, 702 * PACKET);
}

static void on_idle__offers_half_and_finds_the_rest_again(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	path.congestion.window_bytes = 1000 * PACKET;
	lose(&path);
	ack_round(&path, 10);
	path.now_ns += 3600 * DPS_NS_PER_S;
	path.congestion.ops->on_idle(&path.congestion, path.now_ns);
	assert_in_range(path.congestion.window_bytes, 350 * PACKET, 352 * PACKET);
	path.now_ns += path.rtt_ns;
	ack_round(&path, 10);
	assert_in_range(path.congestion.window_bytes, 700 * PACKET, 703 * PACKET);
	ack_round(&path, 10); /* the hour did not count in the epoch */
	assert_in_range(path.congestion.window_bytes, 700 * PACKET, 710 * PACKET);
	for (unsigned int i = 0; i < 100; i++)
		path.congestion.ops->on_idle(&path.congestion, path.now_ns);
	assert_int_equal(path.congestion.window_bytes, 10 * PACKET);
}

static void pacing_rate__is_twice_the_window_then_five_fourths(void **state)
{
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	path.congestion.window_bytes = 1000 * PACKET;
	assert_int_equal(path.congestion.ops->pacing_rate_bytes_per_s(&path.congestion, 10 * MS),
			 200 * 1000 * PACKET);
	lose(&path);
	assert_int_equal(path.congestion.ops->pacing_rate_bytes_per_s(&path.congestion, 10 * MS),
			 125 * 700 * PACKET);
	path.congestion.config.rate_bytes_per_s = 1000;
	assert_int_equal(path.congestion.ops->pacing_rate_bytes_per_s(&path.congestion, 10 * MS),
			 1000);
}

static void pacing_rate__is_right_at_any_size(void **state)
{
	struct dps_random random;
	struct path path;

	(void)state;
	set_up(&path, PACKET, 10 * MS);
	dps_random_init(&random, 20260110);
	for (unsigned int i = 0; i < 200000; i++) {
		uint64_t rtt_ns =
			1000 +
			dps_random_below(&random, UINT64_C(1) << dps_random_below(&random, 34));
		uint64_t window_bytes =
			2 * PACKET +
			dps_random_below(&random,
					 UINT64_C(1) << 40 >> dps_random_below(&random, 28));
		double expected = 2.0 * (double)window_bytes / (double)rtt_ns * 1e9;
		double rate;

		path.congestion.window_bytes = window_bytes;
		rate = (double)path.congestion.ops->pacing_rate_bytes_per_s(&path.congestion,
									    rtt_ns);
		assert_true(fabs(rate - expected) <= expected * 1e-9 + 1);
	}
	assert_int_not_equal(path.congestion.ops->pacing_rate_bytes_per_s(&path.congestion, 0), 0);
	assert_int_not_equal(
		path.congestion.ops->pacing_rate_bytes_per_s(&path.congestion, UINT64_MAX), 0);
}

/* Whatever happens to it, the window stays within its bounds. */
static void fair__stays_within_bounds_through_anything(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 20260111);
	for (unsigned int run = 0; run < 500; run++) {
		uint32_t packet_bytes = 100 + (uint32_t)dps_random_below(&random, 65000);
		struct path path;

		set_up(&path, packet_bytes, 1 + dps_random_below(&random, 300 * MS));
		for (unsigned int i = 0; i < 1000; i++) {
			struct dps_congestion *c = &path.congestion;
			uint64_t choice = dps_random_below(&random, 200);
			struct dps_congestion_ack news;

			path.now_ns += dps_random_below(
				&random, UINT64_C(1) << dps_random_below(&random, 42));
			path.next_number += dps_random_below(&random, 50);
			news = make_ack(&path, dps_random_below(&random, c->window_bytes + 1));
			news.is_limited = dps_random_chance(&random, 1, 4);
			if (choice == 0)
				c->ops->on_persistent(c, path.now_ns);
			else if (choice < 3)
				c->ops->on_idle(c, path.now_ns);
			else if (choice < 6)
				c->ops->on_lost(c, packet_bytes, path.now_ns - path.rtt_ns, 0,
						path.now_ns);
			else
				c->ops->on_acked(c, &news);
			assert_in_range(c->window_bytes, 2 * packet_bytes, UINT64_C(1) << 40);
			assert_true(c->cubic.epoch_started_at_ns <= path.now_ns);
			assert_int_not_equal(c->ops->pacing_rate_bytes_per_s(c, path.rtt_ns), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__offers_ten_packets),
		cmocka_unit_test(on_acked__doubles_in_slow_start),
		cmocka_unit_test(on_acked__does_not_grow_a_window_that_is_not_used),
		cmocka_unit_test(on_acked__does_not_grow_for_what_was_sent_before_the_event),
		cmocka_unit_test(on_acked__grows_slower_when_the_round_trip_rises),
		cmocka_unit_test(on_acked__needs_4_ms_and_eight_samples_to_slow_down),
		cmocka_unit_test(on_acked__doubles_again_when_the_round_trip_falls_back),
		cmocka_unit_test(on_acked__leaves_slow_start_after_five_slow_rounds),
		cmocka_unit_test(on_acked__follows_the_cubic_of_the_rfc),
		cmocka_unit_test(on_acked__keeps_up_with_reno_on_a_short_way),
		cmocka_unit_test(on_acked__reno_grows_a_packet_a_round_trip),
		cmocka_unit_test(on_acked__limited_time_does_not_count_in_the_epoch),
		cmocka_unit_test(on_acked__grows_for_hours_without_overflow),
		cmocka_unit_test(on_lost__cuts_to_seven_tenths_once_a_round_trip),
		cmocka_unit_test(on_lost__gives_way_faster_below_the_last_maximum),
		cmocka_unit_test(on_lost__leaves_two_packets),
		cmocka_unit_test(on_spurious__gives_back_what_was_cut),
		cmocka_unit_test(on_persistent__starts_again_up_to_the_threshold),
		cmocka_unit_test(on_idle__offers_half_and_finds_the_rest_again),
		cmocka_unit_test(pacing_rate__is_twice_the_window_then_five_fourths),
		cmocka_unit_test(pacing_rate__is_right_at_any_size),
		cmocka_unit_test(fair__stays_within_bounds_through_anything),
	};

	return cmocka_run_group_tests_name("congestion_fair", tests, NULL, NULL);
}
