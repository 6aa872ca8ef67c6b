/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoints that are called as they should not be, and peers that are let go of with things open.
 */
#include "drivers/endpoint/endpoint_state.h"
#include "drivers/ports.h"
#include "drivers/udp/udp.h"
#include "engine/owner.h"
#include "tests/support/endpoint_pair.h"
#include <dps/engine.h>
#include <dps/error.h>
#include <dps/version.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ---- nothing where something should be ---- */

static void nothing(void *argument)
{
	(void)argument;
}

static void endpoint__that_is_none_has_its_error(void **state)
{
	const struct dps_handle peer = { .generation = 1 };
	struct endpoint_pair *pair = *state;
	struct dps_endpoint_config config = pair->near.config;
	struct dps_endpoint *endpoint;
	struct dps_handle dialled;

	assert_int_equal(dps_endpoint_open(NULL, &config, NULL), -EINVAL);
	assert_int_equal(dps_endpoint_open(&endpoint, NULL, NULL), -EINVAL);
	config.peers = 0;
	assert_int_equal(dps_endpoint_open(&endpoint, &config, NULL), -EINVAL);
	assert_int_equal(dps_endpoint_dial(NULL, "127.0.0.1:9", NULL, &dialled, NULL), -EINVAL);
	assert_int_equal(dps_endpoint_move(NULL, peer, "127.0.0.1:9", NULL), -EINVAL);
	assert_int_equal(dps_endpoint_release(NULL, peer), -EINVAL);
	assert_int_equal(dps_endpoint_poll(NULL, 0), -EINVAL);
	assert_int_equal(dps_endpoint_fd(NULL), -EINVAL);
	assert_int_equal(dps_endpoint_post(NULL, nothing, NULL), -EINVAL);
	assert_null(dps_endpoint_peer(NULL, peer));
	assert_null(dps_endpoint_streams(NULL, peer));
	assert_null(dps_endpoint_key(NULL));
	assert_int_equal(dps_endpoint_listen_port(NULL), 0);
	assert_int_equal(dps_endpoint_now_ns(NULL), 0);
	assert_int_equal(dps_endpoint_port_bytes(NULL), 0);
	dps_endpoint_wake(NULL);

	pair_open(&pair->near);
	assert_int_equal(dps_endpoint_dial(pair->near.endpoint, "127.0.0.1:9", NULL, NULL, NULL),
			 -EINVAL);
	assert_int_equal(dps_endpoint_dial(pair->near.endpoint, "[", NULL, &dialled, NULL),
			 -EINVAL);
	assert_int_equal(dps_endpoint_post(pair->near.endpoint, NULL, NULL), -EINVAL);
}

/* ---- another thread ---- */

static void *call_all(void *argument)
{
	struct pair_side *side = argument;
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	char why[DPS_ENDPOINT_WHY_BYTES];
	struct dps_handle handle;

	assert_int_equal(dps_endpoint_poll(side->endpoint, 0), -DPS_ERROR_THREAD);
	assert_int_equal(dps_endpoint_dial(side->endpoint, "127.0.0.1:9", NULL, &handle, why),
			 -DPS_ERROR_THREAD);
	assert_non_null(strstr(why, "dps_endpoint_post"));
	assert_int_equal(dps_endpoint_release(side->endpoint, side->peer), -DPS_ERROR_THREAD);
	assert_int_equal(dps_endpoint_fd(side->endpoint), -DPS_ERROR_THREAD);
	assert_int_equal(dps_stream_open(dps_endpoint_streams(side->endpoint, side->peer), &options,
					 &handle),
			 -DPS_ERROR_THREAD);
	assert_int_equal(dps_peer_close(dps_endpoint_peer(side->endpoint, side->peer), 0, 0, 0),
			 -DPS_ERROR_THREAD);
	return NULL;
}

static void open_stream(void *argument)
{
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	const struct pair_side *side = argument;
	struct dps_handle handle;

	assert_int_equal(dps_stream_open(dps_endpoint_streams(side->endpoint, side->peer), &options,
					 &handle),
			 0);
}

static void *close_near(void *argument)
{
	struct pair_side *side = argument;

	assert_int_equal(dps_endpoint_post(side->endpoint, open_stream, side), 0);
	pair_close(side);
	return NULL;
}

static void thread__that_does_not_poll_is_told(void **state)
{
	struct endpoint_pair *pair = *state;
	pthread_t thread;

	if (dps_owner_here() == NULL)
		skip(); /* only debug builds look */
	pair_connect(pair);
	assert_int_equal(pthread_create(&thread, NULL, call_all, &pair->near), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* Who closes when the poller has ended may be another, and what it runs is its own. */
	assert_int_equal(pthread_create(&thread, NULL, close_near, &pair->near), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- letting go ---- */

static void release__closes_what_the_program_still_has(void **state)
{
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	const struct dps_peer_call call = { .body = "x", .bytes = 1 };
	struct endpoint_pair *pair = *state;
	struct dps_handle before, now;
	struct dps_streams *streams;
	struct dps_peer *peer;

	pair_connect(pair);
	streams = dps_endpoint_streams(pair->near.endpoint, pair->near.peer);
	peer = dps_endpoint_peer(pair->near.endpoint, pair->near.peer);
	assert_int_equal(dps_stream_open(streams, &options, &before), 0);
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, pair->near.peer), 0);
	assert_int_equal(dps_stream_finish(streams, before), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_open(streams, &options, &now), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_peer_call(peer, &call, NULL, 0), -DPS_ERROR_CLOSED);
	/* Another one in its place: the old handle is not one of its streams. */
	assert_int_equal(pair_dial(pair, NULL), 0);
	streams = dps_endpoint_streams(pair->near.endpoint, pair->near.peer);
	assert_int_equal(dps_stream_open(streams, &options, &now), 0);
	assert_int_equal(dps_stream_finish(streams, before), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_stream_finish(streams, now), 0);
}

static void release__gives_permits_back(void **state)
{
	const struct dps_peer_call call = { .body = "x", .bytes = 1 };
	struct endpoint_pair *pair = *state;
	struct dps_handle first, second;
	struct dps_permits permits;

	dps_permits_init(&permits, 1);
	pair->far.config.peer.permits = &permits;
	pair_connect(pair);
	first = pair->far.peer;
	assert_int_equal(dps_peer_call(dps_endpoint_peer(pair->near.endpoint, pair->near.peer),
				       &call, NULL, pair_now_ns()),
			 0);
	PAIR_UNTIL(pair, pair->far.told[DPS_PEER_EVENT_REQUEST] == 1);
	assert_int_equal(pair_dial(pair, NULL), 0);
	PAIR_UNTIL(pair, pair->far.arrived == 2);
	second = pair->far.peer;
	assert_int_equal(dps_peer_call(dps_endpoint_peer(pair->near.endpoint, pair->near.peer),
				       &call, NULL, pair_now_ns()),
			 0);
	PAIR_UNTIL(pair, permits.line.next != &permits.line);
	assert_int_equal(dps_endpoint_release(pair->far.endpoint, first), 0);
	PAIR_UNTIL(pair, pair->far.told[DPS_PEER_EVENT_REQUEST] == 2);
	assert_int_equal(permits.taken, 1);
	assert_int_equal(dps_endpoint_release(pair->far.endpoint, second), 0);
	assert_int_equal(permits.taken, 0);
	pair_close(&pair->far);
	dps_permits_set_limit(&permits, 2); /* nobody whose memory is gone is in line */
}

/* ---- a port that keeps what it sends ---- */

enum { KEPT_MAX = 4096 };

static struct {
	struct dps_port_ops ops;
	const struct dps_port_ops *udp;
	void (*on_released)(void *context, uint32_t token, uint32_t count);
	uint32_t tokens[KEPT_MAX];
	unsigned int count;
	bool is_keeping;
} keeper;

static void keep(void *context, uint32_t token, uint32_t count)
{
	if (!keeper.is_keeping || token < DPS_TOKEN_STREAMS) {
		keeper.on_released(context, token, count);
		return;
	}
	for (; count > 0; count--) {
		assert_true(keeper.count < KEPT_MAX);
		keeper.tokens[keeper.count++] = token;
	}
}

static unsigned int keep_sent(struct dps_port *port, const struct dps_outgoing *outgoing,
			      unsigned int count)
{
	unsigned int taken;

	keeper.on_released = port->on_released;
	port->on_released = keep;
	taken = keeper.udp->send(port, outgoing, count);
	port->on_released = keeper.on_released;
	return taken;
}

static void give_back(struct dps_port *port)
{
	for (; keeper.count > 0; keeper.count--)
		port->on_released(port->released_context, keeper.tokens[keeper.count - 1], 1);
}

static void close_keeper(struct dps_port *port)
{
	give_back(port);
	keeper.udp->close(port);
}

static int open_keeper(const struct dps_port_wish *wish, struct dps_port **port, char *why,
		       size_t why_bytes)
{
	const struct dps_udp_options options = {
		.name = wish->name,
		.bind = { .family = DPS_ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } },
	};
	int result = dps_udp_open(&options, port);

	(void)why;
	(void)why_bytes;
	assert_int_equal(result, 0);
	keeper.udp = (*port)->ops;
	keeper.ops = *keeper.udp;
	keeper.ops.send = keep_sent;
	keeper.ops.close = close_keeper;
	(*port)->ops = &keeper.ops;
	return 0;
}

/* Something that was lent has left, and the port keeps it. */
static void keep_something(struct endpoint_pair *pair)
{
	static const struct dps_ports ports = { .version = DPS_VERSION_NUMBER,
						.open = open_keeper };
	static const uint8_t memory[64];
	const struct dps_bytes piece = { memory, sizeof(memory) };
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	struct dps_streams *streams;
	struct dps_handle stream;

	memset(&keeper, 0, sizeof(keeper));
	pair->near.config.port = "keeper:";
	pair->near.config.ports = &ports;
	pair->near.config.is_clear = pair->far.config.is_clear = true;
	pair_connect(pair);
	keeper.is_keeping = true;
	streams = dps_endpoint_streams(pair->near.endpoint, pair->near.peer);
	assert_int_equal(dps_stream_open(streams, &options, &stream), 0);
	assert_int_equal(dps_stream_send(streams, stream, &piece, 1, DPS_SEND_BORROW, 1), 0);
	PAIR_UNTIL(pair, keeper.count > 0);
}

static void release__does_not_wait_for_ever(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_handle peer;

	keep_something(pair);
	peer = pair->near.peer;
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, peer), -DPS_ERROR_BUSY);
	assert_null(dps_endpoint_streams(pair->near.endpoint, peer));
	assert_null(dps_endpoint_peer(pair->near.endpoint, peer));
	/* Two places, one of which is taken still. */
	assert_int_equal(pair_dial(pair, NULL), 0);
	assert_int_equal(pair_dial(pair, NULL), -ENOSPC);
	give_back(pair->near.endpoint->port);
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, peer), 0);
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, peer), -DPS_ERROR_CLOSED);
	assert_int_equal(pair_dial(pair, NULL), 0);
}

static void close__does_not_wait_for_ever(void **state)
{
	struct endpoint_pair *pair = *state;

	keep_something(pair);
	pair_close(&pair->near);
	assert_int_equal(keeper.count, 0);
}

/* ---- another address ---- */

static void move__is_where_it_is_dialled_next(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_endpoint_config config = pair->far.config;
	char before[64];

	pair_connect(pair);
	snprintf(before, sizeof(before), "%s", pair_address(&pair->far));
	assert_int_equal(dps_endpoint_move(pair->far.endpoint, pair->far.peer, before, NULL),
			 -EINVAL);
	assert_int_equal(dps_endpoint_move(pair->near.endpoint, pair->near.peer, "[", NULL),
			 -EINVAL);
	/* Gone there, and here with another port. */
	pair_close(&pair->far);
	pair->far.config = config;
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_LOST] == 1);
	pair_open(&pair->far);
	assert_string_not_equal(pair_address(&pair->far), before);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CONNECT_FAILED] > 0);
	assert_int_equal(dps_endpoint_move(pair->near.endpoint, pair->near.peer,
					   pair_address(&pair->far), NULL),
			 0);
	/* It remembers nothing of us, which it could only say itself. */
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CLOSED] == 1);
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, pair->near.peer), 0);
	assert_int_equal(dps_endpoint_move(pair->near.endpoint, pair->near.peer, before, NULL),
			 -DPS_ERROR_CLOSED);
}

static void move__before_there_was_a_connection(void **state)
{
	struct endpoint_pair *pair = *state;

	pair_open(&pair->near);
	assert_int_equal(
		dps_endpoint_dial(pair->near.endpoint, "127.0.0.1:9", NULL, &pair->near.peer, NULL),
		0);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CONNECT_FAILED] > 0);
	pair_open(&pair->far);
	assert_int_equal(dps_endpoint_move(pair->near.endpoint, pair->near.peer,
					   pair_address(&pair->far), NULL),
			 0);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CONNECTED] == 1);
}

/* Who is there has not proved its key, and under another name nobody knows which that is. */
static void move__while_it_is_greeted_asks_for_the_same_key(void **state)
{
	static const char other[] =
		"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	struct endpoint_pair *pair = *state;
	struct dps_endpoint *near;

	pair_open(&pair->far);
	pair_open(&pair->near);
	near = pair->near.endpoint;
	assert_int_equal(pair_dial(pair, other), 0);
	while (dps_peer_state(dps_endpoint_peer(near, pair->near.peer)) != DPS_PEER_GREETING)
		assert_true(dps_endpoint_poll(near, DPS_NS_PER_S) >= 0);
	assert_int_equal(dps_endpoint_move(near, pair->near.peer, "127.0.0.1:9", NULL), 0);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CONNECT_FAILED] > 1);
	assert_int_equal(pair->near.told[DPS_PEER_EVENT_CONNECTED], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(endpoint__that_is_none_has_its_error),
		PAIR_TEST(thread__that_does_not_poll_is_told),
		PAIR_TEST(release__closes_what_the_program_still_has),
		PAIR_TEST(release__gives_permits_back),
		PAIR_TEST(release__does_not_wait_for_ever),
		PAIR_TEST(close__does_not_wait_for_ever),
		PAIR_TEST(move__is_where_it_is_dialled_next),
		PAIR_TEST(move__before_there_was_a_connection),
		PAIR_TEST(move__while_it_is_greeted_asks_for_the_same_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
