/* SPDX-License-Identifier: BSD-3-Clause */
/* Two endpoints over real sockets: connections, calls, streams, and what becomes of them. */
#include "drivers/endpoint/endpoint_state.h"
#include "tests/support/endpoint_pair.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOME_BYTES = 20 << 20 };

static struct dps_streams *streams_of(struct pair_side *side)
{
	return dps_endpoint_streams(side->endpoint, side->peer);
}

static uint8_t content(uint64_t offset)
{
	return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

/* Sends as much as there is room for; returns how far it came. */
static uint64_t send_some(struct pair_side *side, struct dps_handle stream, uint64_t sent,
			  uint64_t end)
{
	static uint8_t memory[64 << 10];

	while (sent < end) {
		uint64_t left = end - sent;
		struct dps_bytes piece = { memory, left < sizeof(memory) ? left : sizeof(memory) };
		int result;

		for (size_t i = 0; i < piece.bytes; i++)
			memory[i] = content(sent + i);
		result = dps_stream_send(streams_of(side), stream, &piece, 1, 0, 0);
		if (result == -DPS_ERROR_FULL)
			break;
		assert_int_equal(result, 0);
		sent += piece.bytes;
	}
	return sent;
}

/* Reads and compares all that is there; true at the end. */
static bool read_some(struct pair_side *side, struct dps_handle stream, uint64_t *got)
{
	struct dps_bytes runs[16];
	int count;

	while ((count = dps_stream_read(streams_of(side), stream, runs, 16)) > 0)
		for (int i = 0; i < count; i++) {
			for (size_t j = 0; j < runs[i].bytes; j++)
				assert_int_equal(runs[i].memory[j], content(*got + j));
			*got += runs[i].bytes;
			assert_int_equal(
				dps_stream_release(streams_of(side), stream, runs[i].bytes), 0);
		}
	if (count == 0)
		return true;
	assert_int_equal(count, -DPS_ERROR_FULL);
	return false;
}

static struct dps_handle open_stream(struct pair_side *side)
{
	const struct dps_stream_options options = { .tag = 7, .open_deadline_ns = DPS_NEVER_NS };
	struct dps_handle stream;

	assert_int_equal(dps_stream_open(streams_of(side), &options, &stream), 0);
	return stream;
}

/* From one side to the other, whatever happens at a moment of it. */
static void move(struct endpoint_pair *pair, uint64_t bytes,
		 void (*happens)(struct endpoint_pair *pair), uint64_t at)
{
	struct dps_handle out = open_stream(&pair->near), in = { 0 };
	uint64_t sent = 0, got = 0;
	unsigned int arrived = pair->far.streams_told[DPS_STREAM_EVENT_ARRIVED];
	bool is_finished = false, has_ended = false;

	while (!has_ended) {
		sent = send_some(&pair->near, out, sent, bytes);
		if (sent == bytes && !is_finished) {
			assert_int_equal(dps_stream_finish(streams_of(&pair->near), out), 0);
			is_finished = true;
		}
		pair_turn(pair);
		if (in.generation == 0 &&
		    pair->far.streams_told[DPS_STREAM_EVENT_ARRIVED] > arrived) {
			in = pair->far.streams_last[DPS_STREAM_EVENT_ARRIVED].handle;
			assert_int_equal(pair->far.streams_last[DPS_STREAM_EVENT_ARRIVED].value, 7);
		}
		if (in.generation != 0)
			has_ended = read_some(&pair->far, in, &got);
		if (happens != NULL && got >= at) {
			happens(pair);
			happens = NULL;
		}
	}
	assert_int_equal(got, bytes);
	assert_null(happens);
	PAIR_UNTIL(pair, dps_stream_end(streams_of(&pair->near), out, DPS_NEVER_NS,
					dps_endpoint_now_ns(pair->near.endpoint)) == 0);
	assert_int_equal(dps_stream_close(streams_of(&pair->near), out, DPS_STREAM_LINGER), 0);
	assert_int_equal(dps_stream_close(streams_of(&pair->far), in, DPS_STREAM_LINGER), 0);
}

static void stream__arrives_whole_and_ends(void **state)
{
	struct endpoint_pair *pair = *state;

	pair_connect(pair);
	assert_int_equal(pair->far.arrived, 1);
	move(pair, SOME_BYTES, NULL, 0);
}

static void stream__goes_clear_where_both_want_it(void **state)
{
	struct endpoint_pair *pair = *state;

	pair->near.config.is_clear = pair->far.config.is_clear = true;
	pair_connect(pair);
	move(pair, SOME_BYTES, NULL, 0);
}

/* As one that is reset: no word is said. */
static void cut_control(struct endpoint_pair *pair)
{
	dps_endpoint_drop(dps_endpoint_find(pair->near.endpoint, pair->near.peer), ECONNRESET,
			  dps_endpoint_now_ns(pair->near.endpoint));
}

static void stream__goes_on_over_another_connection(void **state)
{
	struct endpoint_pair *pair = *state;

	pair_connect(pair);
	move(pair, SOME_BYTES, cut_control, SOME_BYTES / 3);
	assert_int_equal(pair->near.told[DPS_PEER_EVENT_LOST], 1);
	assert_int_equal(pair->near.told[DPS_PEER_EVENT_CONNECTED], 2);
	assert_int_equal(pair->far.arrived, 1);
	/* And it is one as before. */
	move(pair, 1000, NULL, 0);
}

static void stream__is_opened_before_there_is_a_connection(void **state)
{
	struct endpoint_pair *pair = *state;

	pair_open(&pair->far);
	pair_open(&pair->near);
	assert_int_equal(pair_dial(pair, NULL), 0);
	move(pair, 100000, NULL, 0);
}

static void ping(struct endpoint_pair *pair, char *answer, size_t room)
{
	const struct dps_peer_call call = {
		.body = "ping", .bytes = 4, .answer = answer, .answer_room = room
	};
	uint64_t id;

	assert_int_equal(dps_peer_call(dps_endpoint_peer(pair->near.endpoint, pair->near.peer),
				       &call, &id, dps_endpoint_now_ns(pair->near.endpoint)),
			 0);
}

static void call__is_answered(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_peer *handler;
	char answer[16] = "";

	pair_connect(pair);
	handler = dps_endpoint_peer(pair->far.endpoint, pair->far.peer);
	ping(pair, answer, sizeof(answer));
	PAIR_UNTIL(pair, pair->far.told[DPS_PEER_EVENT_REQUEST] == 1);
	assert_int_equal(dps_peer_reply(handler, pair->far.last[DPS_PEER_EVENT_REQUEST].request,
					DPS_PEER_CODE_OK, "pong", 4,
					dps_endpoint_now_ns(pair->far.endpoint)),
			 0);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CALL_OVER] == 1);
	assert_int_equal(pair->near.last[DPS_PEER_EVENT_CALL_OVER].outcome, DPS_PEER_ANSWERED);
	assert_memory_equal(answer, "pong", 4);
}

/* What arrives keeps it busy whenever it is polled, for nobody though it is. */
static void call__does_not_wait_behind_packets(void **state)
{
	struct endpoint_pair *pair = *state;
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int flood = socket(AF_INET, SOCK_DGRAM, 0);
	char answer[16];

	pair_connect(pair);
	to.sin_port = htons(pair->far.endpoint->port->local.udp_port);
	ping(pair, answer, sizeof(answer));
	for (int i = 0; i < 100000 && pair->far.told[DPS_PEER_EVENT_REQUEST] == 0; i++) {
		assert_int_equal(sendto(flood, "flood", 5, 0, (struct sockaddr *)&to, sizeof(to)),
				 5);
		assert_true(dps_endpoint_poll(pair->near.endpoint, 0) >= 0);
		assert_true(dps_endpoint_poll(pair->far.endpoint, 0) >= 0);
	}
	assert_int_equal(pair->far.told[DPS_PEER_EVENT_REQUEST], 1);
	close(flood);
}

/* What arrived would stay unread: nobody is told of it. */
static void stream__is_refused_by_who_hears_of_none(void **state)
{
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	struct endpoint_pair *pair = *state;
	struct dps_handle stream;

	pair->far.config.ops.on_stream = NULL;
	pair_connect(pair);
	assert_int_equal(dps_stream_open(dps_endpoint_streams(pair->near.endpoint, pair->near.peer),
					 &options, &stream),
			 0);
	PAIR_UNTIL(pair, pair->near.streams_told[DPS_STREAM_EVENT_SEND_OVER] +
					 pair->near.streams_told[DPS_STREAM_EVENT_OPENED] ==
				 1);
	assert_int_equal(pair->near.streams_last[DPS_STREAM_EVENT_SEND_OVER].cause.code,
			 DPS_CODE_UNWANTED);
}

static void call__of_who_hears_of_none_is_answered(void **state)
{
	const struct dps_peer_call call = { .body = "anybody?", .bytes = 8 };
	struct endpoint_pair *pair = *state;

	pair->far.config.ops.on_peer = NULL;
	pair_open(&pair->far);
	pair_open(&pair->near);
	assert_int_equal(dps_endpoint_dial(pair->near.endpoint, pair_address(&pair->far), NULL,
					   &pair->near.peer, NULL),
			 0);
	assert_int_equal(dps_peer_call(dps_endpoint_peer(pair->near.endpoint, pair->near.peer),
				       &call, NULL, dps_endpoint_now_ns(pair->near.endpoint)),
			 0);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CALL_OVER] == 1);
	assert_int_equal(pair->near.last[DPS_PEER_EVENT_CALL_OVER].outcome, DPS_PEER_ANSWERED);
	assert_int_equal(pair->near.last[DPS_PEER_EVENT_CALL_OVER].code, DPS_PEER_CODE_UNKNOWN);
}

static void close__says_goodbye_behind_what_was_sent(void **state)
{
	struct endpoint_pair *pair = *state;
	uint64_t now_ns;

	pair_connect(pair);
	move(pair, 100000, NULL, 0);
	now_ns = dps_endpoint_now_ns(pair->near.endpoint);
	dps_peer_close(dps_endpoint_peer(pair->near.endpoint, pair->near.peer), 3,
		       10 * DPS_NS_PER_S, now_ns);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CLOSED] == 1 &&
				 pair->far.told[DPS_PEER_EVENT_CLOSED] == 1);
	assert_int_equal(pair->near.last[DPS_PEER_EVENT_CLOSED].reason, DPS_PEER_ASKED);
	assert_int_equal(pair->far.last[DPS_PEER_EVENT_CLOSED].code, 3);
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, pair->near.peer), 0);
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, pair->near.peer),
			 -DPS_ERROR_CLOSED);
	assert_null(dps_endpoint_peer(pair->near.endpoint, pair->near.peer));
	assert_null(dps_endpoint_streams(pair->near.endpoint, pair->near.peer));
}

/* Who comes back as another remembers no stream of ours: they are lost, and that is said. */
static void peer__that_was_started_anew_is_another(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_handle stream;
	char listen[32], why[DPS_ENDPOINT_WHY_BYTES];

	pair_connect(pair);
	stream = open_stream(&pair->near);
	snprintf(listen, sizeof(listen), "%s", pair_address(&pair->far));
	pair_close(&pair->far);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_LOST] == 1);
	pair->far.config.listen = listen;
	pair_open(&pair->far);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CLOSED] == 1);
	assert_non_null(strstr(pair->near.trouble, "remembers no stream of ours"));
	assert_int_equal(dps_stream_send(streams_of(&pair->near), stream,
					 &(struct dps_bytes){ (const uint8_t *)"x", 1 }, 1, 0, 0),
			 -DPS_ERROR_LOST);
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, pair->near.peer), 0);
	assert_int_equal(
		dps_endpoint_dial(pair->near.endpoint, listen, NULL, &pair->near.peer, why), 0);
	move(pair, 100000, NULL, 0);
}

static void dial__accepts_only_the_key_that_was_asked_for(void **state)
{
	static const char other[] =
		"sha256:0000000000000000000000000000000000000000000000000000000000000000";
	struct endpoint_pair *pair = *state;

	pair_open(&pair->far);
	pair_open(&pair->near);
	assert_int_equal(pair_dial(pair, other), 0);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_LOST] +
					 pair->near.told[DPS_PEER_EVENT_CONNECT_FAILED] ==
				 1);
	assert_non_null(strstr(pair->near.trouble, other));
	assert_int_equal(pair->near.told[DPS_PEER_EVENT_CONNECTED], 0);
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, pair->near.peer), 0);
	assert_int_equal(pair_dial(pair, dps_endpoint_key(pair->far.endpoint)), 0);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CONNECTED] == 1);
}

static void dial__is_refused_where_one_side_encrypts(void **state)
{
	struct endpoint_pair *pair = *state;

	pair->far.config.is_clear = true;
	pair_open(&pair->far);
	pair_open(&pair->near);
	assert_int_equal(pair_dial(pair, NULL), 0);
	PAIR_UNTIL(pair, pair->near.troubles > 0 && pair->far.troubles > 0);
	assert_int_equal(pair->near.told[DPS_PEER_EVENT_CONNECTED], 0);
	assert_int_equal(pair->far.told[DPS_PEER_EVENT_CONNECTED], 0);
}

static void stranger__is_not_let_in(void **state)
{
	struct endpoint_pair *pair = *state;
	struct scratch other;

	scratch_create(&other, SCRATCH_DISK);
	pair->near.config.state = other.path;
	pair_open(&pair->far);
	pair_open(&pair->near);
	assert_int_equal(pair_dial(pair, dps_endpoint_key(pair->far.endpoint)), 0);
	PAIR_UNTIL(pair, pair->far.troubles > 0);
	assert_int_equal(pair->far.arrived, 0);
	pair_close(&pair->near);
	scratch_remove(&other);
}

static void misuse__has_its_error(void **state)
{
	struct endpoint_pair *pair = *state;
	const struct dps_handle nobody = { .index = UINT32_MAX, .generation = 1 };
	struct dps_endpoint_config config = pair->near.config;
	struct dps_endpoint *endpoint;
	char why[DPS_ENDPOINT_WHY_BYTES];

	config.port = "memif:/tmp/x";
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), -EINVAL);
	assert_non_null(strstr(why, "udp"));
	assert_null(endpoint);
	config.port = "udp:nowhere";
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), -EINVAL);
	config = pair->near.config;
	config.peers = 0;
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), -EINVAL);
	config = pair->near.config;
	config.streams.block_bytes = 3;
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), -EINVAL);
	config = pair->near.config;
	config.peer_key = "sha256:12";
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), -EINVAL);
	config = pair->near.config;
	config.listen = "127.0.0.1:99999";
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), -EINVAL);

	pair_open(&pair->near);
	endpoint = pair->near.endpoint;
	assert_null(dps_endpoint_peer(endpoint, nobody));
	assert_int_equal(dps_endpoint_release(endpoint, nobody), -DPS_ERROR_CLOSED);
	assert_int_equal(dps_endpoint_dial(endpoint, "[::1", NULL, &pair->near.peer, why), -EINVAL);
	assert_int_equal(dps_endpoint_dial(endpoint, "127.0.0.1:9", "md5:1", &pair->near.peer, why),
			 -EINVAL);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(
			dps_endpoint_dial(endpoint, "127.0.0.1:9", NULL, &pair->near.peer, why), 0);
	assert_int_equal(dps_endpoint_dial(endpoint, "127.0.0.1:9", NULL, &pair->near.peer, why),
			 -ENOSPC);
	dps_endpoint_close(NULL);
}

static void wake__ends_a_wait(void **state)
{
	struct endpoint_pair *pair = *state;

	pair_open(&pair->near);
	dps_endpoint_wake(pair->near.endpoint);
	assert_int_equal(dps_endpoint_poll(pair->near.endpoint, DPS_NEVER_NS), 0);
}

/* Who waits for it before it has polled at all would wait for ever: a dial is due. */
static void fd__is_readable_when_first_asked_for(void **state)
{
	struct endpoint_pair *pair = *state;
	struct pollfd fd = { .events = POLLIN };

	pair_open(&pair->near);
	assert_int_equal(
		dps_endpoint_dial(pair->near.endpoint, "127.0.0.1:9", NULL, &pair->near.peer, NULL),
		0);
	fd.fd = dps_endpoint_fd(pair->near.endpoint);
	assert_int_equal(poll(&fd, 1, 20000), 1);
	/* And from then on whenever there is something to do, until it has failed. */
	while (pair->near.told[DPS_PEER_EVENT_CONNECT_FAILED] == 0) {
		assert_int_equal(poll(&fd, 1, 20000), 1);
		assert_true(dps_endpoint_poll(pair->near.endpoint, 0) >= 0);
	}
}

/* Who came and does not come back is given up, in its time. */
static void peer__that_stays_away_is_over(void **state)
{
	struct endpoint_pair *pair = *state;

	pair->far.config.reconnect_ns = DPS_NS_PER_MS;
	pair_connect(pair);
	pair_close(&pair->near);
	PAIR_UNTIL(pair, pair->far.told[DPS_PEER_EVENT_CLOSED] == 1);
	assert_int_equal(pair->far.told[DPS_PEER_EVENT_LOST], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(stream__arrives_whole_and_ends),
		PAIR_TEST(stream__goes_clear_where_both_want_it),
		PAIR_TEST(stream__goes_on_over_another_connection),
		PAIR_TEST(stream__is_opened_before_there_is_a_connection),
		PAIR_TEST(call__is_answered),
		PAIR_TEST(call__does_not_wait_behind_packets),
		PAIR_TEST(stream__is_refused_by_who_hears_of_none),
		PAIR_TEST(call__of_who_hears_of_none_is_answered),
		PAIR_TEST(close__says_goodbye_behind_what_was_sent),
		PAIR_TEST(peer__that_was_started_anew_is_another),
		PAIR_TEST(peer__that_stays_away_is_over),
		PAIR_TEST(dial__accepts_only_the_key_that_was_asked_for),
		PAIR_TEST(dial__is_refused_where_one_side_encrypts),
		PAIR_TEST(stranger__is_not_let_in),
		PAIR_TEST(misuse__has_its_error),
		PAIR_TEST(wake__ends_a_wait),
		PAIR_TEST(fd__is_readable_when_first_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
