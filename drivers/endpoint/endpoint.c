/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/endpoint/endpoint_state.h"
#include "engine/peer.h"
#include "engine/stream.h"
#include <arpa/inet.h>
#include <dps/assert.h>
#include <dps/endpoint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_BYTES = 64,
	PEERS = 8,
	STREAMS = 64,
	BLOCKS = 256,
	RECONNECT_S = 30,
};

void dps_endpoint_config_init(struct dps_endpoint_config *config)
{
	*config = (struct dps_endpoint_config){
		.port = "udp",
		.peers = PEERS,
		.rate_bytes_per_s = UINT64_MAX,
		.reconnect_ns = RECONNECT_S * DPS_NS_PER_S,
	};
	dps_peer_config_init(&config->peer);
	dps_streams_config_init(&config->streams, false);
	config->streams.streams = STREAMS;
	config->streams.peer_streams = STREAMS / 2;
	config->streams.send_blocks = BLOCKS;
	config->streams.receive_blocks = BLOCKS;
	config->streams.window_bytes = (uint64_t)BLOCKS * config->streams.block_bytes;
	config->streams.receive_window_bytes = config->streams.window_bytes;
}

void dps_endpoint_tell_trouble(struct dps_endpoint *endpoint, const char *who, const char *why)
{
	const struct dps_endpoint_ops *ops = &endpoint->config.ops;

	if (ops->on_trouble == NULL)
		return;
	endpoint->told++;
	ops->on_trouble(ops->context, who, why);
}

/* ---- opening ---- */

static bool find_key(void *context, const char *name, struct dps_fingerprint *key)
{
	struct dps_endpoint *endpoint = context;

	for (uint32_t i = 0; i < endpoint->config.peers; i++) {
		const struct dps_endpoint_member *member = &endpoint->members[i];

		/* TLS cuts what is longer. */
		if (!member->is_used || !member->has_wanted_key ||
		    strncmp(member->name, name, DPS_TLS_NAME_BYTES - 1) != 0)
			continue;
		*key = member->wanted_key;
		return true;
	}
	return false;
}

static void on_news(void *context, const char *who, const char *sentence)
{
	dps_endpoint_tell_trouble(context, who, sentence);
}

static int open_credentials(struct dps_endpoint *endpoint, char *why)
{
	_Static_assert((int)DPS_TRUST_SENTENCE_BYTES <= (int)DPS_ENDPOINT_WHY_BYTES, "it fits");
	return dps_credentials_open(
		&endpoint->credentials,
		&(struct dps_credentials_config){
			.state = endpoint->config.state,
			.peer_key = endpoint->config.peer_key,
			.trusts_on_first_use = endpoint->config.trusts_on_first_use,
			.is_clear = endpoint->config.is_clear,
			.find_key = find_key,
			.on_news = on_news,
			.context = endpoint,
		},
		why);
}

static void *aligned(size_t bytes)
{
	return aligned_alloc(LINE_BYTES, (bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
}

static bool make_members(struct dps_endpoint *endpoint)
{
	const struct dps_endpoint_config *config = &endpoint->config;

	endpoint->members = calloc(config->peers, sizeof(*endpoint->members));
	for (uint32_t i = 0; endpoint->members && i < config->peers; i++) {
		struct dps_endpoint_member *member = &endpoint->members[i];

		member->endpoint = endpoint;
		member->path.name = DPS_ENDPOINT_NO_PATH;
		member->peer_memory = aligned(dps_peer_bytes(&config->peer));
		member->streams_memory = aligned(dps_streams_bytes(&config->streams));
		member->wire = malloc(sizeof(*member->wire));
		if (!member->peer_memory || !member->streams_memory || !member->wire)
			return false;
	}
	return endpoint->members != NULL;
}

static void free_members(struct dps_endpoint *endpoint)
{
	for (uint32_t i = 0; endpoint->members && i < endpoint->config.peers; i++) {
		free(endpoint->members[i].peer_memory);
		free(endpoint->members[i].streams_memory);
		free(endpoint->members[i].wire);
	}
	free(endpoint->members);
}

static const char *judge(const struct dps_endpoint_config *config)
{
	if (config == NULL)
		return "an endpoint needs a configuration (dps_endpoint_config_init)";
	if (config->port == NULL)
		return "a port is needed: udp, or udp:ADDRESS";
	if (config->peers == 0 || config->peers > DPS_ENDPOINT_PEERS_MAX)
		return "an endpoint has 1 to 64 peers";
	if (config->rate_bytes_per_s == 0)
		return "a rate of 0 bytes a second moves nothing; UINT64_MAX is no limit";
	if (dps_peer_bytes(&config->peer) == 0)
		return "the configuration of peers is not valid (dps_peer_bytes)";
	if (dps_streams_bytes(&config->streams) == 0)
		return "the configuration of streams is not valid (dps_streams_bytes)";
	return NULL;
}

static void on_wake(void *context, uint64_t now_ns)
{
	struct dps_endpoint *endpoint = context;

	(void)now_ns;
	endpoint->is_woken = true;
	dps_endpoint_run_posts(endpoint);
}

static int open_loop(struct dps_endpoint *endpoint)
{
	int result = dps_loop_init(&endpoint->loop, &endpoint->clock, NULL);

	if (result < 0) {
		endpoint->loop.epoll_fd = -1;
		return result;
	}
	dps_loop_set_wake(&endpoint->loop, on_wake, endpoint);
	return dps_alarm_open(&endpoint->alarm, &endpoint->loop);
}

static int open_parts(struct dps_endpoint *endpoint, char *why)
{
	int result = open_loop(endpoint);

	if (result == 0 && !make_members(endpoint))
		result = -ENOMEM;
	if (result < 0) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "an endpoint cannot be set up: %s",
			 strerror(-result));
		return result;
	}
	result = open_credentials(endpoint, why);
	if (result == 0)
		result = dps_endpoint_open_port(endpoint, why);
	if (result == 0 && endpoint->config.listen)
		result = dps_endpoint_listen(endpoint, why);
	return result;
}

int dps_endpoint_open(struct dps_endpoint **made, const struct dps_endpoint_config *config,
		      char why[DPS_ENDPOINT_WHY_BYTES])
{
	const char *wrong = judge(config);
	char unheard[DPS_ENDPOINT_WHY_BYTES];
	struct dps_endpoint *endpoint;
	int result;

	why = why != NULL ? why : unheard;
	if (made == NULL)
		wrong = "there is no room for the endpoint (NULL)";
	else
		*made = NULL;
	if (wrong != NULL) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "%s", wrong);
		return -EINVAL;
	}
	endpoint = calloc(1, sizeof(*endpoint));
	if (endpoint == NULL) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "not enough memory");
		return -ENOMEM;
	}
	endpoint->config = *config;
	dps_flight_init(&endpoint->flight, config->flight_bytes, config->peers);
	endpoint->credentials.folder_fd = -1;
	dps_alarm_init(&endpoint->alarm);
	pthread_mutex_init(&endpoint->posts.lock, NULL);
	pthread_mutex_init(&endpoint->doors.lock, NULL);
	dps_clock_init_real(&endpoint->clock);
	result = open_parts(endpoint, why);
	/* They were the caller's. */
	endpoint->config.port = endpoint->config.listen = NULL;
	endpoint->config.state = endpoint->config.peer_key = endpoint->config.ip = NULL;
	if (result < 0)
		dps_endpoint_close(endpoint);
	else
		*made = endpoint;
	return result < 0 ? result : 0;
}

/* Who closes may be another than who polled and has ended: what it calls is its own to call. */
static void hand_over(struct dps_endpoint *endpoint)
{
	endpoint->owner = dps_owner_here();
	for (uint32_t i = 0; endpoint->members && i < endpoint->config.peers; i++)
		if (endpoint->members[i].is_used) {
			dps_peer_hand_over(endpoint->members[i].peer);
			dps_streams_hand_over(endpoint->members[i].streams);
		}
}

void dps_endpoint_close(struct dps_endpoint *endpoint)
{
	if (endpoint == NULL)
		return;
	/* In a callback: whoever called that needs what would be freed. */
	DPS_ASSERT(!endpoint->is_polling);
	/* What is run from here on is a callback, too. */
	endpoint->is_polling = true;
	hand_over(endpoint);
	dps_endpoint_take_poll(endpoint);
	dps_endpoint_end_posts(endpoint);
	dps_endpoint_end_doors(endpoint);
	pthread_mutex_destroy(&endpoint->posts.lock);
	pthread_mutex_destroy(&endpoint->doors.lock);
	if (endpoint->lane)
		dps_endpoint_forget_all(endpoint);
	dps_endpoint_unlisten(endpoint);
	dps_endpoint_close_port(endpoint);
	free_members(endpoint);
	dps_credentials_close(&endpoint->credentials);
	dps_alarm_close(&endpoint->alarm);
	if (endpoint->loop.epoll_fd >= 0)
		dps_loop_fini(&endpoint->loop);
	free(endpoint);
}

const char *dps_endpoint_key(const struct dps_endpoint *endpoint)
{
	return endpoint != NULL ? endpoint->credentials.own_key : NULL;
}

uint16_t dps_endpoint_listen_port(const struct dps_endpoint *endpoint)
{
	const struct sockaddr_storage *local;

	if (endpoint == NULL || !endpoint->is_listening)
		return 0;
	local = &endpoint->listener.local.storage;
	return ntohs(local->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)local)->sin6_port
						  : ((const struct sockaddr_in *)local)->sin_port);
}

uint64_t dps_endpoint_now_ns(const struct dps_endpoint *endpoint)
{
	struct dps_clock clock;

	if (endpoint == NULL)
		return 0;
	clock = endpoint->clock;
	return dps_clock_now_ns(&clock);
}

void dps_endpoint_wake(struct dps_endpoint *endpoint)
{
	if (endpoint != NULL)
		dps_loop_wake(&endpoint->loop);
}
