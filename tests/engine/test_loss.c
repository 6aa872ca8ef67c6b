/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/loss.h"
#include "engine/random.h"
#include "tests/support/cmocka.h"
#include <dps/types.h>

#define MS DPS_NS_PER_MS

enum { CAPACITY = 1024 };

/* Packets 0, 1, ... sent a microsecond apart from 1 s on; the round trip is 8 ms. */
struct fixture {
	struct dps_loss loss;
	struct dps_rtt rtt;
	struct dps_sent sent;
	uint64_t memory[CAPACITY * (sizeof(struct dps_sent_packet) / 8 + 1)];
};

static uint64_t sent_at_ns(uint64_t number)
{
	return DPS_NS_PER_S + number * DPS_NS_PER_US;
}

static void set_up(struct fixture *f, unsigned int packets)
{
	dps_loss_init(&f->loss);
	dps_rtt_init(&f->rtt, 8 * MS);
	dps_rtt_on_sample(&f->rtt, 8 * MS, 0, 1);
	assert_true(dps_sent_bytes(CAPACITY) <= sizeof(f->memory));
	dps_sent_init(&f->sent, f->memory, CAPACITY, 0);
	for (unsigned int i = 0; i < packets; i++) {
		struct dps_sent_packet packet = { .sent_at_ns = sent_at_ns(i), .wire_bytes = 1500 };

		dps_sent_push(&f->sent, &packet);
		dps_loss_on_sent(&f->loss, packet.sent_at_ns);
	}
}

static void ack(struct fixture *f, uint64_t number)
{
	dps_sent_remove(&f->sent, number);
	dps_loss_on_acked(&f->loss, number, true);
}

static void on_acked__resets_the_backoff_only_for_news(void **state)
{
	static struct fixture f;

	(void)state;
	set_up(&f, 10);
	f.loss.probes_count = 3;
	dps_loss_on_acked(&f.loss, 4, false);
	assert_int_equal(f.loss.probes_count, 3);
	dps_loss_on_acked(&f.loss, 3, true);
	assert_int_equal(f.loss.probes_count, 0);
	assert_int_equal(f.loss.largest_acked_number, 4); /* an old one does not lower it */
}

static void on_spurious__waits_for_more_packets(void **state)
{
	static struct fixture f;

	(void)state;
	set_up(&f, 0);
	dps_loss_on_spurious(&f.loss, 7, MS, MS); /* the time threshold did that */
	assert_int_equal(f.loss.threshold_packets, DPS_LOSS_THRESHOLD_MIN);
	dps_loss_on_spurious(&f.loss, 20, MS, MS);
	assert_int_equal(f.loss.threshold_packets, 21);
	dps_loss_on_spurious(&f.loss, 10, MS, MS);
	assert_int_equal(f.loss.threshold_packets, 21);
	dps_loss_on_spurious(&f.loss, 100000, MS, MS);
	assert_int_equal(f.loss.threshold_packets, 100001);
	assert_int_equal(f.loss.spurious_count, 4);
}

/* Round trips are 8 ms, and 16 ms go by before what was overtaken is there. */
static void on_spurious__waits_as_long_as_it_took(void **state)
{
	static struct fixture f;
	uint64_t now_ns = sent_at_ns(0) + 16 * MS;

	(void)state;
	set_up(&f, 100);
	ack(&f, 5);
	dps_loss_on_spurious(&f.loss, 1, 16 * MS, now_ns);
	dps_loss_on_spurious(&f.loss, 1, 12 * MS, now_ns); /* it is not taken back by that */
	assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, now_ns) == UINT64_MAX);
	assert_int_equal(f.loss.loss_time_ns, sent_at_ns(0) + 18 * MS);
	assert_int_equal(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, f.loss.loss_time_ns), 0);
}

static void on_spurious__forgets_how_long_it_took(void **state)
{
	static struct fixture f;
	uint64_t learned_ns = sent_at_ns(0) - 2 * DPS_NS_PER_S;
	uint64_t now_ns = sent_at_ns(0) + 9 * MS;

	(void)state;
	set_up(&f, 100);
	ack(&f, 5);
	dps_loss_on_spurious(&f.loss, 1, 24 * MS, learned_ns); /* 27 ms, for 1,728 ms */
	assert_int_equal(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, now_ns), 0);
	dps_loss_on_spurious(&f.loss, 1, 32 * MS, learned_ns); /* 36 ms, for 2,304 ms */
	assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, now_ns) == UINT64_MAX);
	assert_int_equal(f.loss.loss_time_ns, sent_at_ns(0) + 36 * MS);
	/* What was forgotten does not count beside what is learned then. */
	dps_loss_on_spurious(&f.loss, 1, 16 * MS, learned_ns + 2304 * MS);
	assert_int_equal(f.loss.late_ns, 18 * MS);
}

static void on_spurious__does_not_wait_without_end(void **state)
{
	static struct fixture f;

	(void)state;
	set_up(&f, 100);
	ack(&f, 5);
	dps_loss_on_spurious(&f.loss, 1, UINT64_MAX / 2, sent_at_ns(0));
	assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, sent_at_ns(0)) == UINT64_MAX);
	assert_int_equal(f.loss.loss_time_ns, sent_at_ns(0) + 1000 * MS);
}

static void next__nothing_is_lost_before_a_later_packet_came(void **state)
{
	static struct fixture f;
	uint64_t hour_ns = 3600 * DPS_NS_PER_S;

	(void)state;
	set_up(&f, 100);
	assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, hour_ns) == UINT64_MAX);
	ack(&f, 0);
	assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, hour_ns) == UINT64_MAX);
	assert_true(f.loss.loss_time_ns == DPS_NEVER_NS);
}

static void next__finds_what_is_a_threshold_behind(void **state)
{
	static struct fixture f;
	uint64_t now_ns = sent_at_ns(0) + 8 * MS;

	(void)state;
	set_up(&f, 100);
	ack(&f, 9);
	assert_int_equal(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, now_ns), 0);
	dps_sent_mark_lost(&f.sent, 0);
	assert_int_equal(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, now_ns), 1);
	dps_sent_mark_lost(&f.sent, 1);
	/* Number 2 is seven behind: only time can tell. */
	assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 2, now_ns) == UINT64_MAX);
	assert_int_equal(f.loss.loss_time_ns, sent_at_ns(2) + 9 * MS);
}

static void next__finds_what_is_nine_eighths_of_a_round_trip_old(void **state)
{
	static struct fixture f;
	uint64_t now_ns = sent_at_ns(3) + 9 * MS;

	(void)state;
	set_up(&f, 100);
	ack(&f, 5);
	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, now_ns), i);
		dps_sent_mark_lost(&f.sent, i);
	}
	assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, now_ns) == UINT64_MAX);
	assert_int_equal(f.loss.loss_time_ns, sent_at_ns(4) + 9 * MS);
	ack(&f, 4);
	assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, now_ns) == UINT64_MAX);
	assert_true(f.loss.loss_time_ns == DPS_NEVER_NS);
}

static void next__waits_for_the_granularity_on_a_short_way(void **state)
{
	static struct fixture f;

	(void)state;
	set_up(&f, 100);
	dps_rtt_init(&f.rtt, 10000);
	dps_rtt_on_sample(&f.rtt, 10000, 0, 1);
	ack(&f, 1);
	assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, sent_at_ns(0) + 49999) ==
		    UINT64_MAX);
	assert_int_equal(f.loss.loss_time_ns, sent_at_ns(0) + DPS_LOSS_GRANULARITY_NS);
	assert_int_equal(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, f.loss.loss_time_ns), 0);
}

static void next__agrees_with_the_definition(void **state)
{
	static struct fixture f;
	struct dps_random random;
	unsigned int lost_count = 0;

	(void)state;
	dps_random_init(&random, 20260109);
	for (unsigned int run = 0; run < 2000; run++) {
		unsigned int packets = 2 + (unsigned int)dps_random_below(&random, 200);
		uint64_t now_ns, largest = 0, deadline_ns = DPS_NEVER_NS;

		set_up(&f, packets);
		f.loss.threshold_packets = 8 + (uint32_t)dps_random_below(&random, 121);
		for (unsigned int i = 0; i < packets; i++) {
			if (dps_random_chance(&random, 1, 2)) {
				ack(&f, i);
				largest = i;
			}
		}
		now_ns = sent_at_ns(0) + 9 * MS - 20000 + dps_random_below(&random, 100000);
		for (unsigned int i = 0; i < largest; i++) {
			uint64_t due_ns = sent_at_ns(i) + 9 * MS;

			if (!dps_sent_is_live(&f.sent, i))
				continue;
			if (largest - i < f.loss.threshold_packets && due_ns > now_ns) {
				deadline_ns = due_ns < deadline_ns ? due_ns : deadline_ns;
				continue;
			}
			assert_int_equal(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, now_ns), i);
			dps_sent_mark_lost(&f.sent, i);
			lost_count++;
		}
		assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, now_ns) == UINT64_MAX);
		assert_true(f.loss.loss_time_ns == deadline_ns);
	}
	assert_true(lost_count > 1000);
}

static void deadline__is_the_loss_time_when_there_is_one(void **state)
{
	static struct fixture f;

	(void)state;
	set_up(&f, 3);
	ack(&f, 1);
	assert_true(dps_loss_next(&f.loss, &f.sent, &f.rtt, 0, sent_at_ns(1)) == UINT64_MAX);
	assert_int_equal(dps_loss_deadline_ns(&f.loss, &f.sent, 1 * MS, 1000 * MS),
			 sent_at_ns(0) + 9 * MS);
}

static void deadline__doubles_per_probe_up_to_a_limit(void **state)
{
	static struct fixture f;
	uint64_t base_ns = sent_at_ns(2);

	(void)state;
	set_up(&f, 3);
	assert_int_equal(dps_loss_deadline_ns(&f.loss, &f.sent, 5 * MS, 1000 * MS),
			 base_ns + 5 * MS);
	f.loss.probes_count = 3;
	assert_int_equal(dps_loss_deadline_ns(&f.loss, &f.sent, 5 * MS, 1000 * MS),
			 base_ns + 40 * MS);
	f.loss.probes_count = 8;
	assert_int_equal(dps_loss_deadline_ns(&f.loss, &f.sent, 5 * MS, 1000 * MS),
			 base_ns + 1000 * MS);
	f.loss.probes_count = UINT32_MAX;
	assert_int_equal(dps_loss_deadline_ns(&f.loss, &f.sent, 5 * MS, 1000 * MS),
			 base_ns + 1000 * MS);
}

static void deadline__there_is_none_with_nothing_in_flight(void **state)
{
	static struct fixture f;

	(void)state;
	set_up(&f, 1);
	ack(&f, 0);
	assert_true(dps_loss_deadline_ns(&f.loss, &f.sent, 5 * MS, 1000 * MS) == DPS_NEVER_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_acked__resets_the_backoff_only_for_news),
		cmocka_unit_test(on_spurious__waits_for_more_packets),
		cmocka_unit_test(on_spurious__waits_as_long_as_it_took),
		cmocka_unit_test(on_spurious__forgets_how_long_it_took),
		cmocka_unit_test(on_spurious__does_not_wait_without_end),
		cmocka_unit_test(next__nothing_is_lost_before_a_later_packet_came),
		cmocka_unit_test(next__finds_what_is_a_threshold_behind),
		cmocka_unit_test(next__finds_what_is_nine_eighths_of_a_round_trip_old),
		cmocka_unit_test(next__waits_for_the_granularity_on_a_short_way),
		cmocka_unit_test(next__agrees_with_the_definition),
		cmocka_unit_test(deadline__is_the_loss_time_when_there_is_one),
		cmocka_unit_test(deadline__doubles_per_probe_up_to_a_limit),
		cmocka_unit_test(deadline__there_is_none_with_nothing_in_flight),
	};

	return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
