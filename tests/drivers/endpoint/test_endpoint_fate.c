/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoints whose peers are let go, come back, or come twice. */
#include "drivers/endpoint/endpoint_state.h"
#include "tests/support/endpoint_pair.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 8 };

static unsigned int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static struct dps_handle send_word(struct pair_side *side, struct dps_handle peer, const char *word)
{
	const struct dps_stream_options options = { .tag = 7, .open_deadline_ns = DPS_NEVER_NS };
	struct dps_streams *streams = dps_endpoint_streams(side->endpoint, peer);
	struct dps_bytes piece = { (const uint8_t *)word, strlen(word) };
	struct dps_handle stream;

	assert_int_equal(dps_stream_open(streams, &options, &stream), 0);
	assert_int_equal(dps_stream_send(streams, stream, &piece, 1, 0, 0), 0);
	return stream;
}

/* What came of the stream that arrived last, at the peer that arrived last. */
static void expect_word(struct endpoint_pair *pair, unsigned int arrived, const char *word)
{
	struct pair_side *far = &pair->far;
	struct dps_bytes run = { 0 };

	PAIR_UNTIL(pair, far->streams_told[DPS_STREAM_EVENT_ARRIVED] == arrived);
	PAIR_UNTIL(pair, dps_stream_read(dps_endpoint_streams(far->endpoint, far->peer),
					 far->streams_last[DPS_STREAM_EVENT_ARRIVED].handle, &run,
					 1) == 1);
	assert_int_equal(run.bytes, strlen(word));
	assert_memory_equal(run.memory, word, run.bytes);
}

/* ---- connections ---- */

static void connection__that_is_dropped_leaves_no_descriptor(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_endpoint_member *member;
	unsigned int before;

	pair_connect(pair);
	before = descriptors();
	for (unsigned int i = 1; i <= ROUNDS; i++) {
		member = dps_endpoint_find(pair->near.endpoint, pair->near.peer);
		/* As when its data path is lost. */
		dps_endpoint_drop(member, ENETUNREACH, dps_endpoint_now_ns(pair->near.endpoint));
		PAIR_UNTIL(pair, pair->far.told[DPS_PEER_EVENT_LOST] == i);
		PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CONNECTED] == i + 1 &&
					 pair->far.told[DPS_PEER_EVENT_CONNECTED] == i + 1);
	}
	assert_int_equal(descriptors(), before);
	assert_int_equal(pair->far.arrived, 1);
}

static void connection__of_many_leaves_no_descriptor_and_no_place(void **state)
{
	struct endpoint_pair *pair = *state;
	unsigned int before;

	pair_connect(pair);
	before = descriptors();
	for (unsigned int i = 1; i <= 10 * ROUNDS; i++) {
		dps_peer_close(dps_endpoint_peer(pair->near.endpoint, pair->near.peer), 0,
			       DPS_NS_PER_S, dps_endpoint_now_ns(pair->near.endpoint));
		PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CLOSED] == i &&
					 pair->far.told[DPS_PEER_EVENT_CLOSED] == i);
		assert_int_equal(dps_endpoint_release(pair->near.endpoint, pair->near.peer), 0);
		assert_int_equal(dps_endpoint_release(pair->far.endpoint, pair->far.peer), 0);
		assert_int_equal(pair_dial(pair, NULL), 0);
		PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CONNECTED] == i + 1 &&
					 pair->far.told[DPS_PEER_EVENT_CONNECTED] == i + 1);
	}
	assert_int_equal(descriptors(), before);
}

/* ---- who remembers whom ---- */

/* Its new streams have the numbers of those before: they must not be taken for them. */
static void dialler__that_forgot_and_dials_again_is_another(void **state)
{
	struct endpoint_pair *pair = *state;

	pair_connect(pair);
	(void)send_word(&pair->near, pair->near.peer, "what came before");
	expect_word(pair, 1, "what came before");
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, pair->near.peer), 0);
	assert_int_equal(pair_dial(pair, NULL), 0);
	(void)send_word(&pair->near, pair->near.peer, "something else");
	PAIR_UNTIL(pair, pair->far.arrived == 2);
	expect_word(pair, 2, "something else");
}

static void listener__that_forgot_is_another_to_who_dialled(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_handle stream;

	pair_connect(pair);
	stream = send_word(&pair->near, pair->near.peer, "what came before");
	expect_word(pair, 1, "what came before");
	assert_int_equal(dps_endpoint_release(pair->far.endpoint, pair->far.peer), 0);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CLOSED] == 1);
	assert_int_equal(dps_stream_send(dps_endpoint_streams(pair->near.endpoint, pair->near.peer),
					 stream, &(struct dps_bytes){ (const uint8_t *)"x", 1 }, 1,
					 0, 0),
			 -DPS_ERROR_LOST);
}

/* One program may dial another twice: these are two peers, which do not push each other out. */
static void dialler__may_come_twice(void **state)
{
	struct endpoint_pair *pair = *state;

	pair_connect(pair);
	assert_int_equal(pair_dial(pair, NULL), 0);
	PAIR_UNTIL(pair, pair->far.arrived == 2 && pair->far.told[DPS_PEER_EVENT_CONNECTED] == 2);
	(void)send_word(&pair->near, pair->near.peer, "of the second");
	expect_word(pair, 1, "of the second");
	assert_int_equal(pair->near.told[DPS_PEER_EVENT_LOST], 0);
	assert_int_equal(pair->far.told[DPS_PEER_EVENT_LOST], 0);
}

/* Nothing was begun with one that had no place: it may have forgotten that. */
static void dialler__waits_for_a_place(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_handle first;

	pair->far.config.peers = 1;
	pair->near.config.peer.backoff_cap_ns = DPS_NS_PER_MS;
	pair_connect(pair);
	first = pair->near.peer;
	assert_int_equal(pair_dial(pair, NULL), 0);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CONNECT_FAILED] == 3);
	assert_int_equal(pair->far.arrived, 1);
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, first), 0);
	assert_int_equal(dps_endpoint_release(pair->far.endpoint, pair->far.peer), 0);
	PAIR_UNTIL(pair, pair->far.arrived == 2 && pair->near.told[DPS_PEER_EVENT_CONNECTED] == 2);
	assert_int_equal(pair->near.told[DPS_PEER_EVENT_CLOSED], 0);
}

/* ---- keys ---- */

/* The key that one was dialled with counts for it alone. */
static void dial__of_one_name_has_one_key(void **state)
{
	static const char other[] =
		"sha256:0000000000000000000000000000000000000000000000000000000000000000";
	struct endpoint_pair *pair = *state;
	struct dps_handle right;

	pair_open(&pair->far);
	pair_open(&pair->near);
	assert_int_equal(pair_dial(pair, dps_endpoint_key(pair->far.endpoint)), 0);
	right = pair->near.peer;
	assert_int_equal(pair_dial(pair, other), -EINVAL);
	assert_int_equal(pair_dial(pair, NULL), -EINVAL);
	assert_int_equal(dps_endpoint_release(pair->near.endpoint, right), 0);
	assert_int_equal(pair_dial(pair, other), 0);
}

/* ---- in callbacks ---- */

struct meddler {
	struct dps_endpoint *endpoint;
	struct dps_handle peer;
	unsigned int told;
};

static void meddle(struct meddler *meddler, struct dps_handle peer)
{
	assert_int_equal(dps_endpoint_release(meddler->endpoint, peer), -EDEADLK);
	assert_int_equal(dps_endpoint_poll(meddler->endpoint, 0), -EDEADLK);
	meddler->told++;
	meddler->peer = peer;
}

static void on_arrived(void *context, struct dps_handle peer, const char *key)
{
	struct meddler *meddler = context;

	(void)key;
	meddle(meddler, peer);
}

static void on_peer(void *context, struct dps_handle peer, const struct dps_peer_event *event)
{
	(void)event;
	meddle(context, peer);
}

static void on_stream(void *context, struct dps_handle peer, const struct dps_stream_event *event)
{
	(void)event;
	meddle(context, peer);
}

static void callback__cannot_release_nor_poll(void **state)
{
	struct endpoint_pair *pair = *state;
	struct meddler meddler = { 0 };

	pair->far.config.ops = (struct dps_endpoint_ops){
		.on_arrived = on_arrived,
		.on_peer = on_peer,
		.on_stream = on_stream,
		.context = &meddler,
	};
	pair_open(&pair->far);
	pair_open(&pair->near);
	meddler.endpoint = pair->far.endpoint;
	assert_int_equal(pair_dial(pair, NULL), 0);
	(void)send_word(&pair->near, pair->near.peer, "word");
	PAIR_UNTIL(pair, meddler.told >= 4);
	/* And when the poll is over. */
	assert_int_equal(dps_endpoint_release(pair->far.endpoint, meddler.peer), 0);
}

/* Who is turned away as it arrives has no place for longer than the program keeps it. */
static void turn_away(void *context, struct dps_handle peer, const char *key)
{
	struct meddler *meddler = context;

	(void)key;
	meddler->told++;
	dps_peer_close(dps_endpoint_peer(meddler->endpoint, peer), 9, 0,
		       dps_endpoint_now_ns(meddler->endpoint));
}

static void release_later(void *context, struct dps_handle peer, const struct dps_peer_event *event)
{
	struct meddler *meddler = context;

	if (event->kind == DPS_PEER_EVENT_CLOSED)
		meddler->peer = peer;
}

static void arrival__is_turned_away(void **state)
{
	struct endpoint_pair *pair = *state;
	struct meddler meddler = { 0 };

	pair->far.config.ops = (struct dps_endpoint_ops){
		.on_arrived = turn_away,
		.on_peer = release_later,
		.context = &meddler,
	};
	pair->near.config.peer.backoff_cap_ns = DPS_NS_PER_MS;
	pair_open(&pair->far);
	pair_open(&pair->near);
	meddler.endpoint = pair->far.endpoint;
	assert_int_equal(pair_dial(pair, NULL), 0);
	/* More often than there are places. */
	for (unsigned int i = 0; i < 2 * pair->far.config.peers; i++) {
		meddler.peer = (struct dps_handle){ 0 };
		PAIR_UNTIL(pair, meddler.told > i && meddler.peer.generation != 0);
		assert_int_equal(dps_endpoint_release(pair->far.endpoint, meddler.peer), 0);
	}
	assert_int_equal(pair->near.told[DPS_PEER_EVENT_CONNECTED], 0);
}

/* Who lets go of a stream in a callback has forgotten it when the next one comes. */
struct closer {
	struct endpoint_pair *pair;
	struct dps_handle stream;
	unsigned int ends;
	unsigned int late; /* told of it behind its close */
};

static void close_at_its_end(void *context, struct dps_handle peer,
			     const struct dps_stream_event *event)
{
	struct closer *closer = context;
	struct dps_endpoint *endpoint = closer->pair->near.endpoint;

	if (event->handle.generation != closer->stream.generation)
		return;
	closer->late += closer->ends > 0;
	if (event->type == DPS_STREAM_EVENT_SEND_OVER)
		closer->ends++;
	if (event->type == DPS_STREAM_EVENT_SEND_OVER)
		assert_int_equal(dps_stream_close(dps_endpoint_streams(endpoint, peer),
						  closer->stream, DPS_STREAM_DROP),
				 0);
}

static void close__in_a_callback_is_the_last_of_the_stream(void **state)
{
	const struct dps_stream_options options = {
		.flags = DPS_STREAM_BOTH_WAYS,
		.open_deadline_ns = DPS_NEVER_NS,
	};
	struct endpoint_pair *pair = *state;
	struct closer closer = { .pair = pair };
	struct pair_side *near = &pair->near;

	near->config.ops = (struct dps_endpoint_ops){
		.on_stream = close_at_its_end,
		.context = &closer,
	};
	pair_open(&pair->far);
	pair_open(near);
	assert_int_equal(pair_dial(pair, NULL), 0);
	assert_int_equal(dps_stream_open(dps_endpoint_streams(near->endpoint, near->peer), &options,
					 &closer.stream),
			 0);
	PAIR_UNTIL(pair, pair->far.streams_told[DPS_STREAM_EVENT_ARRIVED] == 1);
	/* Both of its halves end at once, and would be told one behind the other. */
	dps_peer_close(dps_endpoint_peer(near->endpoint, near->peer), 0, 0,
		       dps_endpoint_now_ns(near->endpoint));
	PAIR_UNTIL(pair, closer.ends > 0);
	assert_int_equal(closer.ends, 1);
	assert_int_equal(closer.late, 0);
}

/* ---- misuse ---- */

static void misuse__of_sizes_and_texts_has_its_error(void **state)
{
	struct endpoint_pair *pair = *state;
	struct dps_endpoint_config config = pair->near.config;
	struct dps_endpoint *endpoint;
	char why[DPS_ENDPOINT_WHY_BYTES], name[400];

	config.rate_bytes_per_s = 0;
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), -EINVAL);
	assert_non_null(strstr(why, "rate"));
	config = pair->near.config;
	config.mtu = 1;
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), -ERANGE);
	assert_non_null(strstr(why, "MTU is to be"));
	config.mtu = 16384;
	config.port = "udp:127.0.0.1";
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), 0);
	dps_endpoint_close(endpoint);
	/* What only a port over DPDK has, asked of the kernel's, would be missed by nobody. */
	config = pair->near.config;
	config.vlan = 5;
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), -EINVAL);
	assert_non_null(strstr(why, "vlan"));
	config = pair->near.config;
	config.ip = "192.0.2.1/24";
	assert_int_equal(dps_endpoint_open(&endpoint, &config, why), -EINVAL);
	config = pair->near.config;
	config.mtu = UINT32_MAX;
	assert_true(dps_endpoint_open(&endpoint, &config, why) < 0);
	config = pair->near.config;
	config.streams.send_blocks = UINT32_MAX;
	assert_true(dps_endpoint_open(&endpoint, &config, why) < 0);
	config = pair->near.config;
	config.streams.streams = UINT32_MAX;
	assert_true(dps_endpoint_open(&endpoint, &config, why) < 0);
	config = pair->near.config;
	config.state = "/dev/null/state";
	assert_true(dps_endpoint_open(&endpoint, &config, why) < 0);

	pair_open(&pair->near);
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(dps_endpoint_dial(pair->near.endpoint, name, NULL, &pair->near.peer, why),
			 -EINVAL);
	assert_int_equal(dps_endpoint_dial(pair->near.endpoint, NULL, NULL, &pair->near.peer, why),
			 -EINVAL);
	assert_int_equal(dps_endpoint_dial(pair->near.endpoint, "", NULL, &pair->near.peer, why),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(connection__that_is_dropped_leaves_no_descriptor),
		PAIR_TEST(connection__of_many_leaves_no_descriptor_and_no_place),
		PAIR_TEST(dialler__that_forgot_and_dials_again_is_another),
		PAIR_TEST(listener__that_forgot_is_another_to_who_dialled),
		PAIR_TEST(dialler__may_come_twice),
		PAIR_TEST(dialler__waits_for_a_place),
		PAIR_TEST(dial__of_one_name_has_one_key),
		PAIR_TEST(callback__cannot_release_nor_poll),
		PAIR_TEST(arrival__is_turned_away),
		PAIR_TEST(close__in_a_callback_is_the_last_of_the_stream),
		PAIR_TEST(misuse__of_sizes_and_texts_has_its_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
