/* SPDX-License-Identifier: BSD-3-Clause */
/* What is measured, and that a peer counts what happens to it. */
#include "engine/peer_meter.h"
#include "tests/support/peer_pair.h"

#define US DPS_NS_PER_US
#define SECOND DPS_NS_PER_S

static void histogram_add__finds_its_bucket(void **state)
{
	static const struct {
		uint64_t took_ns;
		unsigned int bucket;
	} cases[] = {
		{ 0, 0 },
		{ US - 1, 0 },
		{ US, 1 },
		{ 4 * US - 1, 1 },
		{ 4 * US, 2 },
		{ 1000 * US, 5 },
		{ SECOND, 10 },
		{ 60 * SECOND, 13 },
		{ 1000 * SECOND, 15 },
		{ UINT64_MAX / 2, 15 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct dps_peer_histogram histogram = { 0 };

		dps_peer_histogram_add(&histogram, 5, 5 + cases[i].took_ns);
		assert_int_equal(histogram.counts[cases[i].bucket], 1);
		assert_int_equal(histogram.count, 1);
		assert_int_equal(histogram.total_ns, cases[i].took_ns);
		assert_int_equal(histogram.longest_ns, cases[i].took_ns);
	}
	assert_int_equal(dps_peer_bucket_ns(DPS_PEER_BUCKETS - 1), DPS_NEVER_NS);
	assert_int_equal(dps_peer_bucket_ns(UINT32_MAX), DPS_NEVER_NS);
}

static void histogram_add__time_that_goes_back_is_none(void **state)
{
	struct dps_peer_histogram histogram = { 0 };

	(void)state;
	dps_peer_histogram_add(&histogram, 10, 5);
	assert_int_equal(histogram.counts[0], 1);
	assert_int_equal(histogram.total_ns, 0);
}

/* One call, with a time in each phase that can be told from the others. */
static void read__has_each_phase_and_its_time(void **state)
{
	struct dps_peer_snapshot a, b;
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.a, "12345");
	dps_peer_read(pair.a.peer, &a);
	assert_int_equal(a.in_phase[DPS_PEER_QUEUED], 1);
	pair.now_ns += 10;
	pair.a.write_max = 1;
	pair_do(&pair, &pair.a, PAIR_WRITE);
	dps_peer_read(pair.a.peer, &a);
	assert_int_equal(a.in_phase[DPS_PEER_QUEUED], 0);
	assert_int_equal(a.in_phase[DPS_PEER_TRANSFERRING], 1);
	pair.now_ns += 200;
	pair.a.write_max = SIZE_MAX;
	pair.b.is_deaf = true;
	pair_run(&pair);
	dps_peer_read(pair.a.peer, &a);
	dps_peer_read(pair.b.peer, &b);
	assert_int_equal(a.in_phase[DPS_PEER_TRANSFERRING], 0);
	assert_int_equal(b.in_phase[DPS_PEER_RECEIVED], 1);
	pair.now_ns += 3000;
	pair.b.is_deaf = false;
	pair_run(&pair);
	dps_peer_read(pair.b.peer, &b);
	assert_int_equal(b.in_phase[DPS_PEER_RECEIVED], 0);
	assert_int_equal(b.in_phase[DPS_PEER_HANDLED], 1);
	pair.now_ns += 40000;
	pair_reply(&pair, &pair.b, pair_heard(&pair.b, DPS_PEER_EVENT_REQUEST), "678");
	pair_run(&pair);
	dps_peer_read(pair.a.peer, &a);
	dps_peer_read(pair.b.peer, &b);
	assert_int_equal(a.phases[DPS_PEER_QUEUED].total_ns, 10);
	assert_int_equal(a.phases[DPS_PEER_TRANSFERRING].total_ns, 200);
	assert_int_equal(b.phases[DPS_PEER_RECEIVED].total_ns, 3000);
	assert_int_equal(b.phases[DPS_PEER_HANDLED].total_ns, 40000);
	assert_int_equal(a.calls.total_ns, 43210);
	assert_int_equal(b.in_phase[DPS_PEER_HANDLED], 0);
	pair_close(&pair);
}

static void read__counts_messages_and_bytes_by_class(void **state)
{
	struct dps_peer_snapshot a, b;
	struct peer_pair pair;

	(void)state;
	pair_open_connected(&pair);
	pair_call(&pair, &pair.a, "12345");
	pair_notify(&pair, &pair.a, DPS_PEER_CONTROL, "1");
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "12");
	pair_notify(&pair, &pair.a, DPS_PEER_BULK, "123");
	pair_run(&pair);
	pair_reply(&pair, &pair.b, &pair.b.heard[1], "1234");
	pair_run(&pair);
	dps_peer_read(pair.a.peer, &a);
	dps_peer_read(pair.b.peer, &b);
	for (unsigned int i = 0; i < DPS_PEER_CLASSES; i++) {
		static const uint64_t bytes[] = { 1, 4, 5, 5 }, messages[] = { 1, 1, 1, 2 };
		const struct dps_peer_snapshot *from = i == DPS_PEER_REPLY ? &b : &a;
		const struct dps_peer_snapshot *to = i == DPS_PEER_REPLY ? &a : &b;

		assert_int_equal(from->sent[i].bytes, bytes[i]);
		assert_int_equal(from->sent[i].messages, messages[i]);
		assert_int_equal(to->received[i].bytes, bytes[i]);
		assert_int_equal(to->received[i].messages, messages[i]);
	}
	assert_int_equal(a.wire_bytes_sent, b.wire_bytes_received);
	assert_int_equal(b.wire_bytes_sent, a.wire_bytes_received);
	assert_int_equal(a.outcomes[DPS_PEER_ANSWERED], 1);
	assert_int_equal(a.connections, 1);
	pair_close(&pair);
}

static void reason_name__is_distinct_and_stable(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < DPS_PEER_REASONS; i++) {
		assert_non_null(dps_peer_reason_name((enum dps_peer_reason)i));
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(dps_peer_reason_name((enum dps_peer_reason)i),
						dps_peer_reason_name((enum dps_peer_reason)j));
	}
	assert_string_equal(dps_peer_reason_name(DPS_PEER_GRACE_OVER), "grace_over");
	assert_string_equal(dps_peer_reason_name((enum dps_peer_reason)99), "unknown");
}

static void bytes__is_none_of_what_cannot_be(void **state)
{
	struct dps_peer_config good, bad;

	(void)state;
	dps_peer_config_init(&good);
	assert_true(dps_peer_bytes(&good) > 0);
	assert_true(dps_peer_bytes(&good) < 2 << 20);
	bad = good;
	bad.body_bytes_max = 0;
	assert_int_equal(dps_peer_bytes(&bad), 0);
	bad.body_bytes_max = UINT32_MAX;
	assert_int_equal(dps_peer_bytes(&bad), 0);
	bad = good;
	bad.queue_bytes = 8 * good.body_bytes_max - 1;
	assert_int_equal(dps_peer_bytes(&bad), 0);
	bad.queue_bytes = UINT32_MAX;
	assert_int_equal(dps_peer_bytes(&bad), 0);
	bad = good;
	bad.bulk_bytes = 2 * good.body_bytes_max - 1;
	assert_int_equal(dps_peer_bytes(&bad), 0);
	bad = good;
	bad.calls = 0;
	assert_int_equal(dps_peer_bytes(&bad), 0);
	bad = good;
	bad.requests = UINT32_MAX;
	assert_int_equal(dps_peer_bytes(&bad), 0);
	bad = good;
	bad.requests_waiting = good.requests + 1;
	assert_int_equal(dps_peer_bytes(&bad), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(histogram_add__finds_its_bucket),
		cmocka_unit_test(histogram_add__time_that_goes_back_is_none),
		cmocka_unit_test(read__has_each_phase_and_its_time),
		cmocka_unit_test(read__counts_messages_and_bytes_by_class),
		cmocka_unit_test(reason_name__is_distinct_and_stable),
		cmocka_unit_test(bytes__is_none_of_what_cannot_be),
	};

	return cmocka_run_group_tests_name("peer_meter", tests, NULL, NULL);
}
