/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/endpoint_pair.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLEEP_MS = 20000 };

uint64_t pair_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * DPS_NS_PER_S + (uint64_t)now.tv_nsec;
}

static void on_arrived(void *context, struct dps_handle peer, const char *key)
{
	struct pair_side *side = context;

	assert_int_equal(strlen(key), DPS_ENDPOINT_KEY_BYTES - 1);
	side->peer = peer;
	side->arrived++;
}

static void on_peer(void *context, struct dps_handle peer, const struct dps_peer_event *event)
{
	struct pair_side *side = context;

	(void)peer;
	side->told[event->kind]++;
	side->last[event->kind] = *event;
}

static void on_stream(void *context, struct dps_handle peer, const struct dps_stream_event *event)
{
	struct pair_side *side = context;

	(void)peer;
	side->streams_told[event->type]++;
	side->streams_last[event->type] = *event;
}

static void on_trouble(void *context, const char *who, const char *why)
{
	struct pair_side *side = context;

	side->troubles++;
	snprintf(side->trouble, sizeof(side->trouble), "%.80s: %.900s", who, why);
}

static void init_side(struct pair_side *side, const char *state)
{
	memset(side, 0, sizeof(*side));
	dps_endpoint_config_init(&side->config);
	side->config.port = "udp:127.0.0.1";
	side->config.state = state;
	side->config.peers = 2;
	side->config.streams.streams = 8;
	side->config.streams.peer_streams = 4;
	side->config.streams.send_blocks = 32;
	side->config.streams.receive_blocks = 32;
	side->config.ops = (struct dps_endpoint_ops){
		.on_arrived = on_arrived,
		.on_peer = on_peer,
		.on_stream = on_stream,
		.on_trouble = on_trouble,
		.context = side,
	};
}

int pair_setup(void **state)
{
	struct endpoint_pair *pair = malloc(sizeof(*pair));

	assert_non_null(pair);
	scratch_create(&pair->scratch, SCRATCH_DISK);
	init_side(&pair->near, pair->scratch.path);
	init_side(&pair->far, pair->scratch.path);
	pair->far.config.listen = "127.0.0.1:0";
	*state = pair;
	return 0;
}

int pair_teardown(void **state)
{
	struct endpoint_pair *pair = *state;

	pair_close(&pair->near);
	pair_close(&pair->far);
	scratch_remove(&pair->scratch);
	free(pair);
	return 0;
}

void pair_open(struct pair_side *side)
{
	char why[DPS_ENDPOINT_WHY_BYTES] = "";

	if (dps_endpoint_open(&side->endpoint, &side->config, why) != 0)
		fail_msg("%s", why);
}

void pair_close(struct pair_side *side)
{
	dps_endpoint_close(side->endpoint);
	side->endpoint = NULL;
}

const char *pair_address(const struct pair_side *side)
{
	static char text[32];

	snprintf(text, sizeof(text), "127.0.0.1:%u", dps_endpoint_listen_port(side->endpoint));
	return text;
}

int pair_dial(struct endpoint_pair *pair, const char *key)
{
	return dps_endpoint_dial(pair->near.endpoint, pair_address(&pair->far), key,
				 &pair->near.peer, pair->near.trouble);
}

void pair_connect(struct endpoint_pair *pair)
{
	pair_open(&pair->far);
	pair_open(&pair->near);
	if (pair_dial(pair, NULL) != 0)
		fail_msg("%s", pair->near.trouble);
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CONNECTED] == 1 &&
				 pair->far.told[DPS_PEER_EVENT_CONNECTED] == 1);
}

void pair_turn(struct endpoint_pair *pair)
{
	struct pollfd fds[2];
	unsigned int count = 0;
	int told = 0;

	if (pair->near.endpoint) {
		told += dps_endpoint_poll(pair->near.endpoint, 0);
		fds[count++] = (struct pollfd){ .fd = dps_endpoint_fd(pair->near.endpoint),
						.events = POLLIN };
	}
	if (pair->far.endpoint) {
		told += dps_endpoint_poll(pair->far.endpoint, 0);
		fds[count++] = (struct pollfd){ .fd = dps_endpoint_fd(pair->far.endpoint),
						.events = POLLIN };
	}
	assert_true(told >= 0);
	if (told == 0 && poll(fds, count, SLEEP_MS) == 0)
		fail_msg("neither descriptor was readable for %d ms (near: %s; far: %s)", SLEEP_MS,
			 pair->near.trouble, pair->far.trouble);
}
