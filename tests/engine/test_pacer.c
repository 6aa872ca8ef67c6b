/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/pacer.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>

#define GBIT_PER_S UINT64_C(125000000) /* in bytes */

static uint32_t take_all(struct dps_pacer *pacer, uint32_t packet_bytes, uint64_t now_ns)
{
	uint32_t packets = 0;

	while (dps_pacer_take(pacer, packet_bytes, now_ns))
		packets++;
	return packets;
}

static void init__is_not_paced_until_a_rate_is_set(void **state)
{
	struct dps_pacer pacer;

	(void)state;
	dps_pacer_init(&pacer, 5);
	for (unsigned int i = 0; i < 1000; i++)
		assert_true(dps_pacer_take(&pacer, 9000, 5));
	assert_true(dps_pacer_ready_at_ns(&pacer, 9000) <= 5);
}

static void set_rate__bounds_the_burst(void **state)
{
	struct dps_pacer pacer;

	(void)state;
	dps_pacer_init(&pacer, 0);
	dps_pacer_set_rate(&pacer, 1 * GBIT_PER_S, 1500, 0); /* 10 us: 1250 B */
	assert_int_equal(pacer.burst_bytes, 3000);
	dps_pacer_set_rate(&pacer, 10 * GBIT_PER_S, 1500, 0);
	assert_int_equal(pacer.burst_bytes, 12500);
	dps_pacer_set_rate(&pacer, 400 * GBIT_PER_S, 1500, 0);
	assert_int_equal(pacer.burst_bytes, 48000);
}

static void set_rate__starts_with_one_burst_and_keeps_credit(void **state)
{
	struct dps_pacer pacer;

	(void)state;
	dps_pacer_init(&pacer, 0);
	dps_pacer_set_rate(&pacer, 12 * GBIT_PER_S, 1500, 0); /* 10 us: 15000 B */
	assert_int_equal(take_all(&pacer, 1500, 0), 10);
	/* 1 us at the old rate is one packet; the new rate counts from then on. */
	dps_pacer_set_rate(&pacer, 24 * GBIT_PER_S, 1500, 1000);
	assert_int_equal(take_all(&pacer, 1500, 1000), 1);
	assert_int_equal(take_all(&pacer, 1500, 2000), 2);
	/* A smaller burst cuts what was saved. */
	dps_pacer_set_rate(&pacer, 1 * GBIT_PER_S, 1500, 1000000);
	assert_int_equal(take_all(&pacer, 1500, 1000000), 2);
	/* A path that was not paced owes nothing. */
	dps_pacer_set_rate(&pacer, UINT64_MAX, 1500, 1000000);
	assert_true(dps_pacer_take(&pacer, 1500, 1000000));
	dps_pacer_set_rate(&pacer, 1 * GBIT_PER_S, 1500, 1000000);
	assert_int_equal(take_all(&pacer, 1500, 1000000), 2);
}

static void take__a_stall_earns_one_burst(void **state)
{
	const uint64_t stalls_ns[] = { 1000000, 3600 * DPS_NS_PER_S, UINT64_MAX - 20000000 };
	struct dps_pacer pacer;
	uint64_t now_ns = 0;

	(void)state;
	dps_pacer_init(&pacer, 0);
	dps_pacer_set_rate(&pacer, 400 * GBIT_PER_S, 8248, 0);
	assert_int_equal(take_all(&pacer, 8248, 0), 32);
	for (unsigned int i = 0; i < 3; i++) {
		now_ns = i == 2 ? stalls_ns[i] : now_ns + stalls_ns[i];
		assert_int_equal(take_all(&pacer, 8248, now_ns), 32);
	}
}

static void take__time_that_stands_or_goes_back_earns_nothing(void **state)
{
	struct dps_pacer pacer;

	(void)state;
	dps_pacer_init(&pacer, 1000000);
	dps_pacer_set_rate(&pacer, 1 * GBIT_PER_S, 1500, 1000000);
	assert_int_equal(take_all(&pacer, 1500, 1000000), 2);
	assert_false(dps_pacer_take(&pacer, 1, 1000000));
	assert_false(dps_pacer_take(&pacer, 1500, 0));
	assert_false(dps_pacer_take(&pacer, 1500, 1000000 + 11999));
	assert_true(dps_pacer_take(&pacer, 1500, 1000000 + 12000));
}

static void take__lets_a_packet_out_that_is_larger_than_the_burst(void **state)
{
	struct dps_pacer pacer;

	(void)state;
	dps_pacer_init(&pacer, 0);
	dps_pacer_set_rate(&pacer, 1 * GBIT_PER_S, 1500, 0);
	assert_true(dps_pacer_take(&pacer, 9000, 0));
	assert_false(dps_pacer_take(&pacer, 1, 0));
	assert_int_equal(dps_pacer_ready_at_ns(&pacer, 9000), 24000);
	assert_true(dps_pacer_take(&pacer, 9000, 24000));
}

/* Any rate from 1 B/s to 800 Gb/s, any packet, polled at any pace. */
struct configuration {
	struct dps_pacer pacer;
	uint64_t rate, now_ns, gap_max_ns;
	uint32_t packet_bytes;
};

static void draw(struct configuration *c, struct dps_random *random)
{
	c->rate = 1 + dps_random_below(random, UINT64_C(1) << dps_random_below(random, 37));
	c->packet_bytes = 1 + (uint32_t)dps_random_below(random, 16440);
	c->gap_max_ns = UINT64_C(1) << dps_random_below(random, 40);
	c->now_ns = dps_random_below(random, UINT64_C(1) << 60);
	dps_pacer_init(&c->pacer, c->now_ns);
	dps_pacer_set_rate(&c->pacer, c->rate, c->packet_bytes, c->now_ns);
}

static void take__grants_rate_times_time_plus_one_burst_and_no_more(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 20260104);
	for (unsigned int i = 0; i < 200000; i++) {
		struct configuration c;
		uint64_t started_at_ns;
		double granted = 0, limit;

		draw(&c, &random);
		started_at_ns = c.now_ns;
		assert_in_range(c.pacer.burst_bytes, 2 * c.packet_bytes, 32 * c.packet_bytes);
		for (unsigned int poll = 0; poll < 8; poll++) {
			uint32_t burst = 0;

			c.now_ns += dps_random_below(&random, c.gap_max_ns);
			while (dps_pacer_take(&c.pacer, c.packet_bytes, c.now_ns))
				burst += c.packet_bytes;
			assert_true(burst <= c.pacer.burst_bytes);
			granted += burst;
		}
		limit = (double)c.rate * (double)(c.now_ns - started_at_ns) / 1e9 +
			c.pacer.burst_bytes;
		assert_true(granted <= limit * (1 + 1e-12) + 1e-3);
	}
}

/* Polled often enough that the bucket never overflows, not a byte is lost: exact to the credit. */
static void take__loses_nothing_however_often_it_is_polled(void **state)
{
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 20260105);
	for (unsigned int i = 0; i < 2000; i++) {
		struct configuration c;
		uint64_t started_at_ns, granted = 0, gap_max_ns;

		draw(&c, &random);
		started_at_ns = c.now_ns;
		gap_max_ns = c.packet_bytes * DPS_NS_PER_S / c.rate; /* earns one packet */
		while (dps_pacer_take(&c.pacer, c.packet_bytes, c.now_ns))
			granted += c.packet_bytes;
		for (unsigned int poll = 0; poll < 500; poll++) {
			c.now_ns += dps_random_below(&random, gap_max_ns + 1);
			while (dps_pacer_take(&c.pacer, c.packet_bytes, c.now_ns))
				granted += c.packet_bytes;
		}
		/* In byte-nanoseconds, modulo 2^64 on both sides: earned - spent is what is left.
		 */
		assert_int_equal(c.pacer.burst_bytes * DPS_NS_PER_S +
					 c.rate * (c.now_ns - started_at_ns) -
					 granted * DPS_NS_PER_S,
				 c.pacer.credit);
		assert_true(c.pacer.credit < c.packet_bytes * DPS_NS_PER_S);
	}
}

static void ready_at__is_the_first_moment_that_succeeds(void **state)
{
	struct dps_random random;
	unsigned int waits = 0;

	(void)state;
	dps_random_init(&random, 20260106);
	for (unsigned int i = 0; i < 200000; i++) {
		struct configuration c;
		struct dps_pacer before;
		uint64_t ready_at_ns;

		draw(&c, &random);
		take_all(&c.pacer, c.packet_bytes, c.now_ns);
		ready_at_ns = dps_pacer_ready_at_ns(&c.pacer, c.packet_bytes);
		if (ready_at_ns > c.now_ns) {
			before = c.pacer;
			assert_false(dps_pacer_take(&before, c.packet_bytes, ready_at_ns - 1));
			waits++;
		}
		assert_true(dps_pacer_take(&c.pacer, c.packet_bytes, ready_at_ns));
	}
	assert_true(waits > 190000);
}

static void take__a_lane_that_comes_late_gets_larger_bursts(void **state)
{
	struct dps_pacer pacer;
	uint64_t sent_bytes = 0, now_ns = 0;

	(void)state;
	dps_pacer_init(&pacer, 0);
	for (; now_ns < 1000 * 40000; now_ns += 40000) { /* a turn every 40 us, 8 Gb/s: 40 kB */
		dps_pacer_set_rate(&pacer, 1000000000, 1500, now_ns);
		while (dps_pacer_take(&pacer, 1500, now_ns))
			sent_bytes += 1500;
	}
	/* Bursts of 10 us alone would come to a quarter of the rate. */
	assert_true(sent_bytes > 36 * 1000 * 1000);
	/* Not more than a turn's worth and the usual 10 us either. */
	assert_true(pacer.burst_bytes <= 50 * 1000);
}

/* As when a burst was asked for, and there was less than that to send. */
static void release__leaves_nothing_late(void **state)
{
	struct dps_pacer pacer;

	(void)state;
	dps_pacer_init(&pacer, 0);
	dps_pacer_set_rate(&pacer, 1000000000, 1500, 0);
	assert_true(dps_pacer_take_many(&pacer, 1500, 100, 0) < 100);
	assert_int_not_equal(pacer.waiting_until_ns, 0);
	dps_pacer_release(&pacer);
	assert_true(dps_pacer_take(&pacer, 1500, 1000000));
	assert_int_equal(pacer.late_ns, 0);
}

static void assert_same_pacer(const struct dps_pacer *a, const struct dps_pacer *b)
{
	assert_int_equal(a->rate_bytes_per_s, b->rate_bytes_per_s);
	assert_int_equal(a->refilled_at_ns, b->refilled_at_ns);
	assert_int_equal(a->credit, b->credit);
	assert_int_equal(a->waiting_until_ns, b->waiting_until_ns);
	assert_int_equal(a->late_ns, b->late_ns);
	assert_int_equal(a->late_noted_at_ns, b->late_noted_at_ns);
	assert_int_equal(a->burst_bytes, b->burst_bytes);
}

/* Not a packet nor a bit of state apart, however many are asked for at once. */
static void take_many__is_taking_one_by_one(void **state)
{
	unsigned int all = 0, some = 0, none = 0;
	struct dps_random random;

	(void)state;
	dps_random_init(&random, 20260107);
	for (unsigned int i = 0; i < 100000; i++) {
		struct configuration c;
		struct dps_pacer single;

		draw(&c, &random);
		single = c.pacer;
		for (unsigned int poll = 0; poll < 8; poll++) {
			uint32_t count = 1 + (uint32_t)dps_random_below(&random, 64);
			uint32_t granted, one_by_one = 0;

			/* A lane that comes late has larger bursts than one of the rate. */
			if (dps_random_chance(&random, 1, 4)) {
				dps_pacer_set_rate(&c.pacer, c.rate, c.packet_bytes, c.now_ns);
				dps_pacer_set_rate(&single, c.rate, c.packet_bytes, c.now_ns);
			}
			granted = dps_pacer_take_many(&c.pacer, c.packet_bytes, count, c.now_ns);
			while (one_by_one < count &&
			       dps_pacer_take(&single, c.packet_bytes, c.now_ns))
				one_by_one++;
			assert_int_equal(granted, one_by_one);
			assert_same_pacer(&c.pacer, &single);
			all += granted == count;
			some += granted > 0 && granted < count;
			none += granted == 0;
			c.now_ns += dps_random_below(&random, c.gap_max_ns);
		}
	}
	assert_true(all > 1000 && some > 1000 && none > 1000);
}

static void take_many__is_not_bounded_without_a_rate(void **state)
{
	struct dps_pacer pacer;

	(void)state;
	dps_pacer_init(&pacer, 5);
	assert_int_equal(dps_pacer_take_many(&pacer, 9000, UINT32_MAX, 5), UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init__is_not_paced_until_a_rate_is_set),
		cmocka_unit_test(set_rate__bounds_the_burst),
		cmocka_unit_test(take__a_lane_that_comes_late_gets_larger_bursts),
		cmocka_unit_test(release__leaves_nothing_late),
		cmocka_unit_test(set_rate__starts_with_one_burst_and_keeps_credit),
		cmocka_unit_test(take__a_stall_earns_one_burst),
		cmocka_unit_test(take__time_that_stands_or_goes_back_earns_nothing),
		cmocka_unit_test(take__lets_a_packet_out_that_is_larger_than_the_burst),
		cmocka_unit_test(take__grants_rate_times_time_plus_one_burst_and_no_more),
		cmocka_unit_test(take__loses_nothing_however_often_it_is_polled),
		cmocka_unit_test(take_many__is_taking_one_by_one),
		cmocka_unit_test(take_many__is_not_bounded_without_a_rate),
		cmocka_unit_test(ready_at__is_the_first_moment_that_succeeds),
	};

	return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
