/* SPDX-License-Identifier: BSD-3-Clause */
/* Two peers over TCP and TLS on the loopback, in one loop: A dials, B listens and echoes. */
#include "drivers/control/listener.h"
#include "drivers/control/peer_wire.h"
#include "drivers/control/tls.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { PATIENCE_S = 60, CALLS = 64, BODY = 60000 };

struct node {
	struct dps_peer *peer;
	void *memory;
	struct dps_peer_wire wire;
	struct dps_permits permits;
	EVP_PKEY *key;
	struct dps_tls *tls;
	bool is_trusting;
	unsigned int heard[DPS_PEER_EVENT_BACKLOG_LOW + 1];
	struct dps_peer_event last[DPS_PEER_EVENT_BACKLOG_LOW + 1];
	uint64_t notice_bytes;
	uint32_t notice_next; /* number expected */
	char answers[CALLS][16];
};

struct world {
	struct dps_clock clock;
	struct dps_loop loop;
	struct node a, b;
	struct dps_listener listener;
	struct dps_loop_source listening;
	bool is_tls;
	uint64_t until_ns; /* nothing takes longer, or something hangs */
};

static uint64_t monotonic_ns(struct dps_clock *clock)
{
	struct timespec now;

	(void)clock;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * DPS_NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t now_of(struct world *world)
{
	return dps_clock_now_ns(&world->clock);
}

static void turn(struct world *world)
{
	assert_true(now_of(world) < world->until_ns);
	assert_int_equal(dps_loop_turn(&world->loop, world->until_ns), 0);
}

static void run_until(struct world *world, const struct node *node, enum dps_peer_event_kind kind,
		      unsigned int count)
{
	while (node->heard[kind] < count)
		turn(world);
}

/* ---- The programs: both answer a call with its body, and count. ---- */

static void on_notice(struct node *node, const struct dps_peer_event *event)
{
	uint32_t number = 0;

	node->notice_bytes += event->bytes;
	dps_peer_read_body(node->peer, 0, &number, sizeof(number));
	if (event->bytes >= sizeof(number))
		assert_int_equal(number, node->notice_next++);
}

static void on_request(struct node *node, const struct dps_peer_event *event, uint64_t now_ns)
{
	uint8_t body[64];
	uint32_t bytes = dps_peer_read_body(node->peer, 0, body, sizeof(body));

	assert_int_equal(
		dps_peer_reply(node->peer, event->request, DPS_PEER_CODE_OK, body, bytes, now_ns),
		0);
}

static void on_event(void *context, const struct dps_peer_event *event, uint64_t now_ns)
{
	struct node *node = context;

	node->heard[event->kind]++;
	node->last[event->kind] = *event;
	if (event->kind == DPS_PEER_EVENT_REQUEST)
		on_request(node, event, now_ns);
	else if (event->kind == DPS_PEER_EVENT_NOTICE)
		on_notice(node, event);
}

static void call(struct world *world, struct node *node, uint64_t cookie)
{
	char text[16];
	struct dps_peer_call call = {
		.body = text,
		.bytes = (uint32_t)snprintf(text, sizeof(text), "call %u", (unsigned int)cookie),
		.answer = node->answers[cookie],
		.answer_room = sizeof(node->answers[cookie]),
		.cookie = cookie,
	};
	uint64_t id;

	assert_int_equal(dps_peer_call(node->peer, &call, &id, now_of(world)), 0);
	dps_peer_wire_flush(&node->wire, now_of(world));
}

/* ---- The world. ---- */

static bool judge(void *context, const struct dps_tls_peer *peer, char *why)
{
	const struct node *node = context;

	snprintf(why, DPS_TLS_TEXT_BYTES, "we do not trust %s", peer->name);
	return node->is_trusting;
}

static struct dps_socket *wrap_dialled(void *context, struct dps_socket *socket)
{
	struct node *node = context;

	return node->tls == NULL ? socket
				 : dps_tls_wrap(node->tls, socket, DPS_TLS_DIALED, "server");
}

static void on_listening(void *context, uint32_t events, uint64_t now_ns)
{
	struct world *world = context;
	struct dps_socket *socket = dps_listener_accept(&world->listener, now_ns);

	(void)events;
	if (socket != NULL && world->b.tls != NULL)
		socket = dps_tls_wrap(world->b.tls, socket, DPS_TLS_ACCEPTED, "client");
	if (socket != NULL)
		(void)dps_peer_wire_accept(&world->b.wire, socket, now_ns);
}

static void open_node(struct world *world, struct node *node,
		      const struct dps_socket_address *address)
{
	struct dps_peer_wire_ops ops = { .on_event = on_event,
					 .wrap = wrap_dialled,
					 .context = node };
	struct dps_tls_config tls = { .judge = judge, .context = node, .own_key = "sha256:xx" };
	struct dps_peer_config config;

	dps_permits_init(&node->permits, 8);
	dps_peer_config_init(&config);
	config.permits = &node->permits;
	node->memory = aligned_alloc(64, (dps_peer_bytes(&config) + 63) / 64 * 64);
	assert_non_null(node->memory);
	node->peer = dps_peer_init(node->memory, &config);
	node->is_trusting = true;
	if (world->is_tls) {
		node->key = tls.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		node->tls = dps_tls_create(&tls);
		assert_non_null(node->tls);
	}
	dps_peer_wire_init(&node->wire, node->peer, &world->loop, &ops, address, address != NULL);
}

static void open_world(struct world *world, bool is_tls)
{
	struct dps_endpoint_name endpoint = { .host = "127.0.0.1" };
	char error[DPS_ENDPOINT_ERROR_BYTES];

	memset(world, 0, sizeof(*world));
	world->is_tls = is_tls;
	world->clock.now_ns = monotonic_ns;
	world->until_ns = now_of(world) + PATIENCE_S * DPS_NS_PER_S;
	assert_int_equal(dps_loop_init(&world->loop, &world->clock, NULL), 0);
	assert_int_equal(dps_listener_open(&world->listener, &endpoint, error), 0);
	world->listening = (struct dps_loop_source){
		.fd = world->listener.fd,
		.wants = EPOLLIN,
		.on_ready = on_listening,
		.context = world,
	};
	assert_int_equal(dps_loop_add(&world->loop, &world->listening), 0);
	open_node(world, &world->a, &world->listener.local);
	open_node(world, &world->b, NULL);
}

static void close_node(struct node *node)
{
	dps_peer_wire_fini(&node->wire);
	dps_tls_destroy(node->tls);
	EVP_PKEY_free(node->key);
	free(node->memory);
}

static void close_world(struct world *world)
{
	close_node(&world->a);
	close_node(&world->b);
	dps_loop_remove(&world->loop, &world->listening);
	dps_listener_close(&world->listener);
	dps_loop_fini(&world->loop);
}

static void dial(struct world *world)
{
	assert_int_equal(dps_peer_dial(world->a.peer, now_of(world)), 0);
	dps_peer_wire_flush(&world->a.wire, now_of(world));
}

static void connect_both(struct world *world)
{
	dial(world);
	run_until(world, &world->a, DPS_PEER_EVENT_CONNECTED, 1);
	run_until(world, &world->b, DPS_PEER_EVENT_CONNECTED, 1);
	/* At once: a write that a handshake held up is tried again when that is over. */
	assert_int_equal(world->a.heard[DPS_PEER_EVENT_CONNECT_FAILED], 0);
}

static void peers__call_each_other(void **state)
{
	(void)state;
	for (unsigned int is_tls = 0; is_tls < 2; is_tls++) {
		struct world world;
		char expected[16];

		open_world(&world, is_tls);
		connect_both(&world);
		for (uint64_t i = 0; i < CALLS / 2; i++) {
			call(&world, &world.a, i);
			call(&world, &world.b, i);
		}
		run_until(&world, &world.a, DPS_PEER_EVENT_CALL_OVER, CALLS / 2);
		run_until(&world, &world.b, DPS_PEER_EVENT_CALL_OVER, CALLS / 2);
		for (unsigned int i = 0; i < CALLS / 2; i++) {
			int bytes = snprintf(expected, sizeof(expected), "call %u", i);

			assert_memory_equal(world.a.answers[i], expected, (size_t)bytes);
			assert_memory_equal(world.b.answers[i], expected, (size_t)bytes);
		}
		close_world(&world);
	}
}

/* More than sockets hold, both ways at once, through queues that fill. */
static void peers__send_more_than_sockets_hold(void **state)
{
	enum { NOTICES = 300 };
	static uint8_t body[BODY];

	(void)state;
	for (unsigned int is_tls = 0; is_tls < 2; is_tls++) {
		struct node *nodes[2];
		struct world world;
		uint32_t said[2] = { 0 };

		open_world(&world, is_tls);
		nodes[0] = &world.a;
		nodes[1] = &world.b;
		connect_both(&world);
		while (world.a.notice_next < NOTICES || world.b.notice_next < NOTICES) {
			for (unsigned int i = 0; i < 2; i++) {
				memcpy(body, &said[i], sizeof(said[i]));
				while (said[i] < NOTICES &&
				       dps_peer_notify(nodes[i]->peer, DPS_PEER_BULK, body, BODY,
						       now_of(&world)) == 0) {
					said[i]++;
					memcpy(body, &said[i], sizeof(said[i]));
				}
				dps_peer_wire_flush(&nodes[i]->wire, now_of(&world));
			}
			if (world.a.notice_next < NOTICES || world.b.notice_next < NOTICES)
				turn(&world);
		}
		assert_int_equal(world.a.notice_bytes, (uint64_t)NOTICES * BODY);
		assert_int_equal(world.b.notice_bytes, (uint64_t)NOTICES * BODY);
		assert_true(world.a.heard[DPS_PEER_EVENT_BACKLOG_HIGH] > 0);
		close_world(&world);
	}
}

static void lost__is_dialled_again(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, true);
	connect_both(&world);
	for (unsigned int i = 1; i <= 3; i++) {
		shutdown(world.b.wire.socket->fd, SHUT_RDWR);
		run_until(&world, &world.a, DPS_PEER_EVENT_LOST, i);
		assert_int_equal(world.a.heard[DPS_PEER_EVENT_RETRY], i);
		call(&world, &world.a, i); /* waits for the next connection */
		run_until(&world, &world.a, DPS_PEER_EVENT_CALL_OVER, i);
		assert_int_equal(world.a.last[DPS_PEER_EVENT_CALL_OVER].outcome, DPS_PEER_ANSWERED);
		assert_int_equal(world.a.heard[DPS_PEER_EVENT_CONNECTED], i + 1);
	}
	close_world(&world);
}

static void close__ends_both_in_order(void **state)
{
	(void)state;
	for (unsigned int is_tls = 0; is_tls < 2; is_tls++) {
		struct world world;

		open_world(&world, is_tls);
		connect_both(&world);
		call(&world, &world.a, 0);
		dps_peer_close(world.a.peer, 4, 10 * DPS_NS_PER_S, now_of(&world));
		dps_peer_wire_flush(&world.a.wire, now_of(&world));
		run_until(&world, &world.a, DPS_PEER_EVENT_CLOSED, 1);
		run_until(&world, &world.b, DPS_PEER_EVENT_CLOSED, 1);
		assert_int_equal(world.a.last[DPS_PEER_EVENT_CALL_OVER].outcome, DPS_PEER_ANSWERED);
		assert_int_equal(world.a.last[DPS_PEER_EVENT_CLOSED].reason, DPS_PEER_ASKED);
		assert_int_equal(world.b.last[DPS_PEER_EVENT_CLOSED].reason, DPS_PEER_ASKED);
		assert_int_equal(world.b.last[DPS_PEER_EVENT_CLOSED].code, 4);
		assert_null(world.a.wire.socket);
		assert_null(world.b.wire.socket);
		close_world(&world);
	}
}

/* E39: nobody answers, and while that is waited for it is closed: in the same call. */
static void close__while_dialling_is_at_once(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, false);
	/* Connections are made by the kernel, and nobody takes them. */
	dps_loop_remove(&world.loop, &world.listening);
	dial(&world);
	while (dps_peer_state(world.a.peer) != DPS_PEER_GREETING)
		turn(&world);
	dps_peer_close(world.a.peer, 0, 10 * DPS_NS_PER_S, now_of(&world));
	dps_peer_wire_flush(&world.a.wire, now_of(&world));
	assert_int_equal(world.a.heard[DPS_PEER_EVENT_CLOSED], 1);
	assert_null(world.a.wire.socket);
	assert_false(world.a.wire.is_dialling);
	assert_int_equal(dps_loop_add(&world.loop, &world.listening), 0);
	close_world(&world);
}

static void dial__of_nobody_fails_and_is_tried_again(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, false);
	dps_loop_remove(&world.loop, &world.listening);
	dps_listener_close(&world.listener);
	dial(&world);
	run_until(&world, &world.a, DPS_PEER_EVENT_CONNECT_FAILED, 2);
	assert_int_equal(world.a.last[DPS_PEER_EVENT_CONNECT_FAILED].error, ECONNREFUSED);
	assert_non_null(strstr(world.a.wire.why, "127.0.0.1"));
	assert_int_equal(world.a.heard[DPS_PEER_EVENT_RETRY], 2);
	/* It has moved. */
	assert_int_equal(dps_listener_open(&world.listener,
					   &(struct dps_endpoint_name){ .host = "127.0.0.1" },
					   (char[DPS_ENDPOINT_ERROR_BYTES]){ 0 }),
			 0);
	world.listening.fd = world.listener.fd;
	assert_int_equal(dps_loop_add(&world.loop, &world.listening), 0);
	dps_peer_wire_move(&world.a.wire, &world.listener.local, 1, now_of(&world));
	run_until(&world, &world.a, DPS_PEER_EVENT_CONNECTED, 1);
	close_world(&world);
}

/* Who is not trusted never gets as far as a greeting, and the sentence says whose fault it is. */
static void stranger__is_not_greeted(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, true);
	world.b.is_trusting = false;
	dial(&world);
	run_until(&world, &world.a, DPS_PEER_EVENT_CONNECT_FAILED, 1);
	assert_int_equal(world.a.heard[DPS_PEER_EVENT_CONNECTED], 0);
	assert_int_equal(world.b.heard[DPS_PEER_EVENT_CONNECTED], 0);
	assert_true(world.a.wire.why[0] != '\0');
	close_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers__call_each_other),
		cmocka_unit_test(peers__send_more_than_sockets_hold),
		cmocka_unit_test(lost__is_dialled_again),
		cmocka_unit_test(close__ends_both_in_order),
		cmocka_unit_test(close__while_dialling_is_at_once),
		cmocka_unit_test(dial__of_nobody_fails_and_is_tried_again),
		cmocka_unit_test(stranger__is_not_greeted),
	};

	return cmocka_run_group_tests_name("peer_wire", tests, NULL, NULL);
}
