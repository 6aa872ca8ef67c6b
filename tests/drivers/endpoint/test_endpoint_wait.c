/* SPDX-License-Identifier: BSD-3-Clause */
/* The descriptor that a loop of the program's own waits for. */
#include "tests/support/endpoint_pair.h"
#include <poll.h>

enum { POLLS_MAX = 1000 };

static struct dps_streams *streams_of(const struct pair_side *side)
{
	return dps_endpoint_streams(side->endpoint, side->peer);
}

static bool is_readable(const struct pair_side *side)
{
	struct pollfd wanted = { .fd = dps_endpoint_fd(side->endpoint), .events = POLLIN };
	int count = poll(&wanted, 1, 0);

	assert_true(count >= 0);
	return count == 1;
}

static void send_byte(const struct pair_side *side, struct dps_handle stream)
{
	const struct dps_bytes piece = { (const uint8_t *)"x", 1 };

	assert_int_equal(dps_stream_send(streams_of(side), stream, &piece, 1, 0, 0), 0);
}

static uint64_t acknowledged(const struct pair_side *side, struct dps_handle stream)
{
	struct dps_stream_snapshot snapshot;

	assert_int_equal(dps_stream_look(streams_of(side), stream, &snapshot), 0);
	return snapshot.acknowledged;
}

/* A stream whose first byte has arrived: what is sent from now on leaves with the next poll. */
static struct dps_handle open_stream(struct endpoint_pair *pair)
{
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	struct dps_handle stream;

	pair_connect(pair);
	assert_int_equal(dps_stream_open(streams_of(&pair->near), &options, &stream), 0);
	send_byte(&pair->near, stream);
	PAIR_UNTIL(pair, acknowledged(&pair->near, stream) == 1);
	return stream;
}

/* Polls without waiting; nobody else does, so nothing arrives. */
static void poll_until_quiet(const struct pair_side *side)
{
	unsigned int polls = 0;

	while (is_readable(side)) {
		assert_true(polls++ < POLLS_MAX);
		assert_true(dps_endpoint_poll(side->endpoint, 0) >= 0);
	}
}

static void descriptor__says_that_a_poll_left_off_busy(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_handle stream = open_stream(pair);

	poll_until_quiet(&pair->near);
	send_byte(&pair->near, stream);
	assert_true(dps_endpoint_poll(pair->near.endpoint, 0) >= 0);
	assert_true(is_readable(&pair->near));
}

static void descriptor__is_quiet_when_nothing_is_due(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_handle stream = open_stream(pair);

	for (unsigned int i = 0; i < 3; i++) {
		send_byte(&pair->near, stream);
		assert_true(dps_endpoint_poll(pair->near.endpoint, 0) >= 0);
		poll_until_quiet(&pair->near);
	}
}

static void descriptor__says_that_a_deadline_is_over(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_handle stream = open_stream(pair);
	struct pollfd wanted = { .fd = dps_endpoint_fd(pair->near.endpoint), .events = POLLIN };

	send_byte(&pair->near, stream);
	assert_true(dps_endpoint_poll(pair->near.endpoint, 0) >= 0);
	poll_until_quiet(&pair->near);
	/* The far side does not poll, so it is asked again. */
	assert_int_equal(poll(&wanted, 1, 30000), 1);
	PAIR_UNTIL(pair, acknowledged(&pair->near, stream) == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(descriptor__says_that_a_poll_left_off_busy),
		PAIR_TEST(descriptor__is_quiet_when_nothing_is_due),
		PAIR_TEST(descriptor__says_that_a_deadline_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
