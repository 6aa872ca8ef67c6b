/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay of docs/examples, as it stands there, between a sender and a receiver: its ports note
 * where the bytes lie that leave, which must be where those that came were put.
 */
#include "drivers/ports.h"
#include "drivers/udp/udp.h"
#include "engine/bits.h"
#include "tests/support/endpoint_pair.h"
#include <dps/engine.h>
#include <dps/ethdev.h>
#include <dps/version.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In clear what leaves is not made anew by a cipher. */
static void init_clear(struct dps_endpoint_config *config)
{
	dps_endpoint_config_init(config);
	config->is_clear = true;
}

#define OVER_DPDK
#define dps_endpoint_config_init init_clear
#define main relay_main
#include "docs/examples/relay.c"
#undef main
#undef dps_endpoint_config_init

enum { FILE_BYTES = 30 << 20, AREAS = 8 };

/* What the relay's ports saw. writer: the relay's thread; read after it has ended. */
static struct {
	const uint8_t *areas[AREAS]; /* that the near port's endpoint puts into what it receives */
	size_t areas_bytes[AREAS];
	unsigned int areas_count;
	uint64_t lent_bytes;	  /* left out of these */
	uint64_t elsewhere_bytes; /* or out of any other memory */
} noted;

static struct dps_port_ops near_ops, far_ops;
static const struct dps_port_ops *udp_ops;
static sem_t is_listening;

static void *note_allocate(struct dps_port *port, size_t bytes)
{
	void *memory = udp_ops->allocate(port, bytes);

	assert_true(noted.areas_count < AREAS);
	noted.areas[noted.areas_count] = memory;
	noted.areas_bytes[noted.areas_count++] = bytes;
	return memory;
}

static bool is_in_near(const uint8_t *body, uint32_t bytes)
{
	for (unsigned int i = 0; i < noted.areas_count; i++) {
		uintptr_t at = (uintptr_t)body - (uintptr_t)noted.areas[i];

		if (at < noted.areas_bytes[i] && bytes <= noted.areas_bytes[i] - at)
			return true;
	}
	return false;
}

static unsigned int note_send(struct dps_port *port, const struct dps_outgoing *outgoing,
			      unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		const struct dps_outgoing *out = &outgoing[i];

		if (out->body == NULL || out->token < DPS_TOKEN_STREAMS)
			continue;
		if (is_in_near(out->body, out->body_bytes))
			noted.lent_bytes += out->body_bytes;
		else
			noted.elsewhere_bytes += out->body_bytes;
	}
	return udp_ops->send(port, outgoing, count);
}

/* Kernel sockets, looked at. The far one is opened when the near one listens. */
static int open_noted(const struct dps_port_wish *wish, struct dps_port **port, char *why,
		      size_t why_bytes)
{
	const struct dps_udp_options options = {
		.name = wish->name,
		.bind = { .family = DPS_ADDRESS_IPV4, .ip = { 127, 0, 0, 1 } },
	};
	bool is_far = strcmp(wish->name, "noted:far") == 0;
	int result = dps_udp_open(&options, port);

	if (result < 0) {
		snprintf(why, why_bytes, "%s", strerror(-result));
		return result;
	}
	udp_ops = (*port)->ops;
	near_ops = far_ops = *udp_ops;
	near_ops.allocate = note_allocate;
	far_ops.send = note_send;
	(*port)->ops = is_far ? &far_ops : &near_ops;
	if (is_far)
		sem_post(&is_listening);
	return 0;
}

const struct dps_ports *dps_ethdev_ports(void)
{
	static const struct dps_ports ports = { .version = DPS_VERSION_NUMBER, .open = open_noted };

	return &ports;
}

int dps_ethdev_start(const struct dps_ethdev_start *start, char why[DPS_ENDPOINT_WHY_BYTES])
{
	(void)start;
	why[0] = '\0';
	return 0;
}

static void *run_relay(void *to)
{
	char name[] = "relay", listen[] = "127.0.0.1:0";
	char *arguments[] = { name, listen, to, NULL };

	return (void *)(intptr_t)relay_main(3, arguments);
}

static uint8_t content(uint64_t offset)
{
	return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static struct dps_streams *streams_of(struct pair_side *side)
{
	return dps_endpoint_streams(side->endpoint, side->peer);
}

static uint64_t send_some(struct pair_side *side, struct dps_handle stream, uint64_t sent)
{
	static uint8_t memory[64 << 10];
	struct dps_bytes piece = { memory, 0 };
	int error = 0;

	while (sent < FILE_BYTES && error == 0) {
		piece.bytes = (size_t)dps_min_u64(FILE_BYTES - sent, sizeof(memory));
		for (size_t i = 0; i < piece.bytes; i++)
			memory[i] = content(sent + i);
		error = dps_stream_send(streams_of(side), stream, &piece, 1, 0, 0);
		if (error == 0)
			sent += piece.bytes;
	}
	assert_true(error == 0 || error == -DPS_ERROR_FULL);
	return sent;
}

/* True at the end. */
static bool read_some(struct pair_side *side, uint64_t *got)
{
	struct dps_handle stream = side->streams_last[DPS_STREAM_EVENT_ARRIVED].handle;
	struct dps_bytes run;
	int count;

	if (side->streams_told[DPS_STREAM_EVENT_ARRIVED] == 0)
		return false;
	while ((count = dps_stream_read(streams_of(side), stream, &run, 1)) > 0) {
		for (size_t i = 0; i < run.bytes; i++)
			assert_int_equal(run.memory[i], content(*got + i));
		*got += run.bytes;
		assert_int_equal(dps_stream_release(streams_of(side), stream, run.bytes), 0);
	}
	assert_true(count == 0 || count == -DPS_ERROR_FULL);
	return count == 0;
}

static void send_through(struct endpoint_pair *pair)
{
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	struct dps_streams *streams = streams_of(&pair->near);
	struct dps_handle stream;
	uint64_t sent = 0, got = 0;
	bool is_finished = false;

	assert_int_equal(dps_stream_open(streams, &options, &stream), 0);
	while (!read_some(&pair->far, &got)) {
		sent = send_some(&pair->near, stream, sent);
		if (sent == FILE_BYTES && !is_finished)
			is_finished = dps_stream_finish(streams, stream) == 0;
		pair_turn(pair);
	}
	assert_int_equal(got, FILE_BYTES);
	PAIR_UNTIL(pair, dps_stream_end(streams, stream, DPS_NEVER_NS, pair_now_ns()) == 0);
}

static void relay__sends_out_of_the_memory_that_it_received_into(void **state)
{
	struct endpoint_pair *pair = *state;
	char why[DPS_ENDPOINT_WHY_BYTES], to[32], relay_at[32];
	pthread_t thread;
	void *status;

	pair->near.config.is_clear = pair->far.config.is_clear = true;
	pair_open(&pair->far);
	pair_open(&pair->near);
	setenv("STATE", pair->scratch.path, 1);
	setenv("PORT", "noted:near", 1);
	setenv("TO_PORT", "noted:far", 1);
	snprintf(to, sizeof(to), "%s", pair_address(&pair->far));
	sem_init(&is_listening, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, run_relay, to), 0);
	sem_wait(&is_listening);
	snprintf(relay_at, sizeof(relay_at), "127.0.0.1:%u", dps_endpoint_listen_port(near));
	assert_int_equal(
		dps_endpoint_dial(pair->near.endpoint, relay_at, NULL, &pair->near.peer, why), 0);
	send_through(pair);
	dps_peer_close(dps_endpoint_peer(pair->near.endpoint, pair->near.peer), 0, DPS_NS_PER_S,
		       dps_endpoint_now_ns(pair->near.endpoint));
	PAIR_UNTIL(pair, pair->near.told[DPS_PEER_EVENT_CLOSED] == 1 &&
				 pair->far.told[DPS_PEER_EVENT_CLOSED] == 1);
	assert_int_equal(pthread_join(thread, &status), 0);
	assert_ptr_equal(status, NULL);
	assert_int_equal(noted.elsewhere_bytes, 0);
	/* Some perhaps twice. */
	assert_in_range(noted.lent_bytes, FILE_BYTES, 2 * (uint64_t)FILE_BYTES);
	sem_destroy(&is_listening);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR_TEST(relay__sends_out_of_the_memory_that_it_received_into),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
