/* SPDX-License-Identifier: BSD-3-Clause */
/* What all peers of an endpoint have under way together: whose it is, and when others have it. */
#include "tests/support/endpoint_pair.h"
#include <dps/error.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { PEERS = 3, LIMIT = 600 << 10, PART = 100 << 10, COMMON = 300 << 10 };

static uint8_t memory[LIMIT]; /* lent */

struct trio {
	struct endpoint_pair *pair; /* only near is open, and nobody answers its dials */
	struct dps_handle peers[PEERS];
	struct dps_handle streams[PEERS];
	unsigned int told[PEERS]; /* WRITABLE */
};

static struct dps_streams *streams_of(struct trio *trio, unsigned int peer)
{
	return dps_endpoint_streams(trio->pair->near.endpoint, trio->peers[peer]);
}

static int lend(struct trio *trio, unsigned int peer, size_t bytes, uint64_t cookie)
{
	const struct dps_bytes piece = { memory, bytes };

	return dps_stream_send(streams_of(trio, peer), trio->streams[peer], &piece, 1,
			       DPS_SEND_BORROW, cookie);
}

static void on_stream(void *context, struct dps_handle peer, const struct dps_stream_event *event)
{
	struct trio *trio = context;
	unsigned int which = 0;

	if (event->type != DPS_STREAM_EVENT_WRITABLE)
		return;
	while (trio->peers[which].index != peer.index)
		which++;
	trio->told[which]++;
}

static int setup(void **state)
{
	const struct dps_stream_options options = { .tag = 7, .open_deadline_ns = DPS_NEVER_NS };
	struct trio *trio = calloc(1, sizeof(*trio));
	char why[DPS_ENDPOINT_WHY_BYTES];
	void *pair;

	assert_non_null(trio);
	pair_setup(&pair);
	trio->pair = pair;
	trio->pair->near.config.peers = PEERS;
	trio->pair->near.config.flight_bytes = LIMIT;
	trio->pair->near.config.ops.on_stream = on_stream;
	trio->pair->near.config.ops.context = trio;
	trio->pair->near.config.ops.on_peer = NULL;
	trio->pair->near.config.ops.on_trouble = NULL;
	pair_open(&trio->pair->near);
	for (unsigned int i = 0; i < PEERS; i++) {
		/* Port 1 of nobody. */
		assert_int_equal(dps_endpoint_dial(trio->pair->near.endpoint, "127.0.0.1:1", NULL,
						   &trio->peers[i], why),
				 0);
		assert_int_equal(dps_stream_open(streams_of(trio, i), &options, &trio->streams[i]),
				 0);
	}
	/* The last has all that is common: two sends, one of which is easily taken back. */
	assert_int_equal(lend(trio, PEERS - 1, PART + COMMON - 100, 1), 0);
	assert_int_equal(lend(trio, PEERS - 1, 100, 2), 0);
	for (unsigned int i = 0; i < PEERS - 1; i++)
		assert_int_equal(lend(trio, i, PART, 1), 0);
	*state = trio;
	return 0;
}

static int teardown(void **state)
{
	struct trio *trio = *state;
	void *pair = trio->pair;

	free(trio);
	return pair_teardown(&pair);
}

static void turn(struct trio *trio)
{
	assert_true(dps_endpoint_poll(trio->pair->near.endpoint, 0) >= 0);
}

static void flight__is_of_all_peers(void **state)
{
	struct trio *trio = *state;

	for (unsigned int i = 0; i < PEERS; i++)
		assert_int_equal(lend(trio, i, 1, 3), -DPS_ERROR_FULL);
	turn(trio);
	for (unsigned int i = 0; i < PEERS; i++)
		assert_int_equal(trio->told[i], 0);
}

static void release__gives_back_what_was_under_way(void **state)
{
	struct trio *trio = *state;

	assert_int_equal(lend(trio, 0, COMMON, 3), -DPS_ERROR_FULL);
	assert_int_equal(dps_endpoint_release(trio->pair->near.endpoint, trio->peers[PEERS - 1]),
			 0);
	turn(trio);
	assert_int_equal(trio->told[0], 1);
}

static void close__gives_back_what_was_under_way(void **state)
{
	struct trio *trio = *state;
	struct dps_endpoint *endpoint = trio->pair->near.endpoint;

	assert_int_equal(lend(trio, 0, COMMON, 3), -DPS_ERROR_FULL);
	assert_int_equal(dps_peer_close(dps_endpoint_peer(endpoint, trio->peers[PEERS - 1]), 0, 0,
					dps_endpoint_now_ns(endpoint)),
			 0);
	turn(trio);
	assert_int_equal(trio->told[0], 1);
}

/* Nobody waits for one that the program has let go of. */
static void release__of_who_is_waited_for(void **state)
{
	struct trio *trio = *state;

	assert_int_equal(lend(trio, 1, 101, 3), -DPS_ERROR_FULL);
	assert_int_equal(lend(trio, 0, 100, 3), -DPS_ERROR_FULL);
	assert_int_equal(
		dps_stream_cancel_send(streams_of(trio, PEERS - 1), trio->streams[PEERS - 1], 2),
		0);
	turn(trio);
	assert_int_equal(trio->told[0], 0);
	assert_int_equal(dps_endpoint_release(trio->pair->near.endpoint, trio->peers[1]), 0);
	turn(trio);
	assert_int_equal(trio->told[0], 1);
}

/* What the second did not take is the first's, whose turn to be told things is over by then. */
static void writable__is_told_without_anything_else_happening(void **state)
{
	struct trio *trio = *state;
	struct pollfd wanted = { .events = POLLIN };

	assert_int_equal(lend(trio, 1, 100, 3), -DPS_ERROR_FULL);
	assert_int_equal(lend(trio, 0, 100, 3), -DPS_ERROR_FULL);
	wanted.fd = dps_endpoint_fd(trio->pair->near.endpoint);
	turn(trio);
	assert_int_equal(
		dps_stream_cancel_send(streams_of(trio, PEERS - 1), trio->streams[PEERS - 1], 2),
		0);
	while (trio->told[1] == 0)
		turn(trio);
	assert_int_equal(trio->told[0], 0);
	/* Who sleeps on the descriptor is woken for it. */
	assert_int_equal(poll(&wanted, 1, 0), 1);
	turn(trio);
	assert_int_equal(trio->told[0], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(flight__is_of_all_peers, setup, teardown),
		cmocka_unit_test_setup_teardown(release__gives_back_what_was_under_way, setup,
						teardown),
		cmocka_unit_test_setup_teardown(close__gives_back_what_was_under_way, setup,
						teardown),
		cmocka_unit_test_setup_teardown(release__of_who_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(writable__is_told_without_anything_else_happening,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("endpoint_flight", tests, NULL, NULL);
}
