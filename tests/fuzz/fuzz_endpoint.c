/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An endpoint and all that peers make it read: the input says who connects or is dialled, which
 * bytes come from whom and in which pieces, how time passes, and what the program does. Keys are
 * not proved here (tests/support/everybody_in.c), and no packet leaves. Each step is one byte for
 * what it is and one for how.
 */
#include "drivers/endpoint/endpoint_state.h"
#include "engine/bits.h"
#include "engine/peer_frame.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/support/nowhere_port.h"
#include <arpa/inet.h>
#include <dps/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PEERS = 3,
	LINKS = 6,
	HELD = 64,
	BLOCK = 256,
	INPUTS = 64, /* of one endpoint: opening one costs more than most of them */
	FRAME_BYTES_MAX = 600,
};

struct link {
	int fd; /* the far side's; -1: free */
	bool has_ended;
};

struct held {
	struct dps_handle peer, request;
};

struct world {
	struct dps_endpoint *endpoint;
	struct input input;
	struct link links[LINKS];
	unsigned int current;
	int listen_fd; /* that the endpoint dials; -1: it has not yet */
	struct dps_handle peers[PEERS];
	bool is_closed[PEERS];
	struct held held[HELD];
	uint32_t held_count;
	uint64_t made, over; /* calls of ours */
	char answer[16];
};

static uint64_t fuzz_now_ns;

/* ---- the program ---- */

static unsigned int place_of(const struct world *world, struct dps_handle peer)
{
	unsigned int i = 0;

	while (i < PEERS && (world->peers[i].index != peer.index ||
			     world->peers[i].generation != peer.generation))
		i++;
	return i;
}

static void remember(struct world *world, struct dps_handle peer)
{
	DPS_ASSERT(peer.index < PEERS && world->peers[peer.index].generation == 0);
	world->peers[peer.index] = peer;
	world->is_closed[peer.index] = false;
}

static void on_arrived(void *context, struct dps_handle peer, const char *key)
{
	DPS_ASSERT(strlen(key) == DPS_ENDPOINT_KEY_BYTES - 1);
	remember(context, peer);
}

static void on_peer(void *context, struct dps_handle peer, const struct dps_peer_event *event)
{
	struct world *world = context;
	unsigned int place = place_of(world, peer);
	char body[32];

	/* Of none that is not known, and nothing behind its end. */
	DPS_ASSERT(place < PEERS && !world->is_closed[place]);
	(void)dps_peer_read_body(dps_endpoint_peer(world->endpoint, peer), 0, body, sizeof(body));
	world->is_closed[place] = event->kind == DPS_PEER_EVENT_CLOSED;
	world->over += event->kind == DPS_PEER_EVENT_CALL_OVER;
	if (event->kind == DPS_PEER_EVENT_REQUEST) {
		DPS_ASSERT(world->held_count < HELD);
		world->held[world->held_count++] = (struct held){ peer, event->request };
	}
}

static void on_stream(void *context, struct dps_handle peer, const struct dps_stream_event *event)
{
	struct world *world = context;
	struct dps_streams *streams = dps_endpoint_streams(world->endpoint, peer);

	DPS_ASSERT(place_of(world, peer) < PEERS);
	if (event->type == DPS_STREAM_EVENT_ARRIVED && event->value % 2 == 0)
		(void)dps_stream_close(streams, event->handle, DPS_STREAM_DROP);
}

static void on_trouble(void *context, const char *who, const char *why)
{
	(void)context;
	DPS_ASSERT(who[0] != '\0' && why[0] != '\0');
}

static void reply(struct world *world, uint8_t how)
{
	uint32_t at = world->held_count > 0 ? how % world->held_count : 0;
	struct held held = world->held[at];
	struct dps_peer *peer = dps_endpoint_peer(world->endpoint, held.peer);

	if (world->held_count == 0)
		return;
	if (peer == NULL ||
	    dps_peer_reply(peer, held.request, how % 3, "answer", how % 7, fuzz_now_ns) != -EAGAIN)
		world->held[at] = world->held[--world->held_count];
}

/* With its calls, whose ends nobody hears. */
static void release(struct world *world, unsigned int place)
{
	if (world->peers[place].generation == 0 || !world->is_closed[place])
		return;
	DPS_ASSERT(dps_endpoint_release(world->endpoint, world->peers[place]) == 0);
	world->peers[place] = (struct dps_handle){ 0 };
}

static void do_program(struct world *world, uint8_t how)
{
	const struct dps_stream_options options = { .open_deadline_ns = DPS_NEVER_NS };
	struct dps_peer_call call = {
		.body = "a call",
		.bytes = how % 7,
		.answer = world->answer,
		.answer_room = sizeof(world->answer),
		.timeout_ns = DPS_NS_PER_S,
	};
	unsigned int place = how / 8 % PEERS;
	struct dps_peer *peer = dps_endpoint_peer(world->endpoint, world->peers[place]);
	struct dps_bytes piece = { (const uint8_t *)"some", 4 };
	struct dps_handle stream;
	uint64_t id;

	if (how % 8 == 0)
		reply(world, how / 8);
	else if (how % 8 == 1)
		release(world, place);
	if (peer == NULL || how % 8 < 2)
		return;
	if (how % 8 == 2)
		dps_peer_close(peer, how, how * DPS_NS_PER_MS, fuzz_now_ns);
	else if (how % 8 == 3)
		world->made += dps_peer_call(peer, &call, &id, fuzz_now_ns) == 0;
	else if (how % 8 == 4)
		(void)dps_peer_notify(peer, DPS_PEER_BULK, "notice", 6, fuzz_now_ns);
	else if (dps_stream_open(dps_endpoint_streams(world->endpoint, world->peers[place]),
				 &options, &stream) == 0)
		(void)dps_stream_send(dps_endpoint_streams(world->endpoint, world->peers[place]),
				      stream, &piece, 1, 0, 0);
}

/* ---- what comes ---- */

static struct link *free_link(struct world *world)
{
	for (unsigned int i = 0; i < LINKS; i++)
		if (world->links[i].fd < 0) {
			world->current = i;
			return &world->links[i];
		}
	return NULL;
}

static void connect_one(struct world *world, uint8_t how)
{
	const struct dps_socket_address nobody = { .storage.ss_family = AF_INET,
						   .bytes = sizeof(struct sockaddr_in) };
	struct dps_endpoint *endpoint = world->endpoint;
	struct link *link = free_link(world);
	struct dps_socket *socket;
	int fds[2];

	if (link == NULL)
		return;
	DPS_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	*link = (struct link){ .fd = fds[0] };
	socket = dps_socket_create_tcp(fds[1], &nobody);
	DPS_ASSERT(socket != NULL);
	socket->peer[0] = (char)('a' + how % 2); /* its key */
	/* As one that has been through the lobby. */
	endpoint->listener.open_count++;
	endpoint->lobby.config.on_entered(endpoint, socket, fuzz_now_ns);
}

/* By whoever has the listening socket: one that does not accept is dialled in vain. */
static void dial(struct world *world)
{
	struct sockaddr_in local = { .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t bytes = sizeof(local);
	char to[32], why[DPS_ENDPOINT_WHY_BYTES];
	struct dps_handle peer;

	if (world->listen_fd < 0) {
		world->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		DPS_ASSERT(bind(world->listen_fd, (struct sockaddr *)&local, bytes) == 0 &&
			   listen(world->listen_fd, LINKS) == 0);
	}
	DPS_ASSERT(getsockname(world->listen_fd, (struct sockaddr *)&local, &bytes) == 0);
	snprintf(to, sizeof(to), "127.0.0.1:%u", ntohs(local.sin_port));
	if (dps_endpoint_dial(world->endpoint, to, NULL, &peer, why) == 0)
		remember(world, peer);
}

static void accept_one(struct world *world)
{
	struct link *link = free_link(world);
	int fd = link != NULL && world->listen_fd >= 0 ? accept(world->listen_fd, NULL, NULL) : -1;

	if (fd >= 0)
		*link = (struct link){ .fd = fd };
}

static void say(struct world *world, const void *bytes, size_t length)
{
	const struct link *link = &world->links[world->current];

	if (link->fd >= 0 && !link->has_ended)
		(void)send(link->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void say_raw(struct world *world, uint8_t how)
{
	uint32_t length;
	const uint8_t *run = take_run(&world->input, how, &length);

	say(world, run, length);
}

/* One that makes sense, but for what how has of it; or only its beginning. */
static void say_greeting(struct world *world, uint8_t how)
{
	const struct dps_greeting greeting = {
		.instance = how & 3,
		.connection_id = how,
		.address = { .family = how & 4 ? DPS_ADDRESS_NONE : DPS_ADDRESS_IPV4,
			     .ip = { how & 8 ? 0xff : 10 },
			     .udp_port = 1,
			     .mtu = how & 16 ? 1280 : 0 },
		.payload_bytes = how & 32 ? 1116 : DPS_PAYLOAD_BYTES_MAX,
		.seal = (how & 0xc0) == 0xc0 ? DPS_GREETING_AES_128_GCM : DPS_GREETING_CLEAR,
	};
	uint8_t bytes[DPS_GREETING_BYTES];

	dps_greeting_encode(&greeting, bytes);
	say(world, bytes, how & 64 ? take_byte(&world->input) % sizeof(bytes) : sizeof(bytes));
}

static void say_frame(struct world *world, uint8_t how)
{
	const struct dps_peer_hello hello = {
		.version_min = DPS_PEER_VERSION,
		.version_max = DPS_PEER_VERSION,
		.body_bytes_max = 512,
		.credit.up_to = { 1 << 16, 1 << 16, 1 << 16, 1 << 16 },
		.block_bytes = how & 16 ? 64 : BLOCK,
	};
	struct dps_peer_head head = { .kind = (uint8_t)(0x81 + (how & 15) % 9) };
	uint8_t bytes[DPS_PEER_HEAD_BYTES + FRAME_BYTES_MAX], *body = bytes + DPS_PEER_HEAD_BYTES;

	head.class = take_byte(&world->input) % 5;
	head.code = take_byte(&world->input);
	head.id = take_byte(&world->input);
	head.body_bytes = take_byte(&world->input) * 2u;
	if (head.kind == DPS_PEER_HELLO && (how & 32) == 0) {
		head.body_bytes = DPS_PEER_HELLO_BYTES;
		dps_peer_hello_encode(&hello, body);
	} else {
		for (uint32_t i = 0; i < head.body_bytes; i++)
			body[i] = take_byte(&world->input);
	}
	dps_peer_head_encode(&head, bytes);
	say(world, bytes,
	    DPS_PEER_HEAD_BYTES + (how & 64 ? take_byte(&world->input) : head.body_bytes));
}

static void drain(struct world *world)
{
	uint8_t memory[4096];
	const struct link *link = &world->links[world->current];

	while (link->fd >= 0 && recv(link->fd, memory, sizeof(memory), MSG_DONTWAIT) > 0)
		;
}

static void leave(struct link *link, bool is_half)
{
	/* With a reset: no address is kept from the next ones. */
	const struct linger none = { .l_onoff = 1 };

	if (link->fd < 0)
		return;
	link->has_ended = true;
	if (is_half) {
		(void)shutdown(link->fd, SHUT_WR);
		return;
	}
	(void)setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(link->fd);
	link->fd = -1;
}

/* A turn that has packets may leave the connections to the next. */
static void poll_it(struct world *world)
{
	for (unsigned int i = 0; i < 2; i++)
		DPS_ASSERT(dps_endpoint_poll(world->endpoint, 0) >= 0);
}

static void step(struct world *world)
{
	uint8_t what = take_byte(&world->input), how = take_byte(&world->input);

	switch (what % 12) {
	case 0:
		connect_one(world, how);
		break;
	case 1:
		if (how % 2 == 0)
			dial(world);
		poll_it(world);
		accept_one(world);
		break;
	case 2:
	case 3:
		say_raw(world, how);
		break;
	case 4:
		say_greeting(world, how);
		break;
	case 5:
	case 6:
		say_frame(world, how);
		break;
	case 7:
		world->current = how % LINKS;
		break;
	case 8:
		fuzz_now_ns += how * (DPS_NS_PER_S / 8);
		break;
	case 9:
		drain(world);
		break;
	case 10:
		leave(&world->links[world->current], how % 2 == 0);
		break;
	default:
		do_program(world, how);
		break;
	}
	if ((what & 0x80) == 0)
		poll_it(world);
}

/* ---- beginning and end ---- */

static uint64_t tell_time(struct dps_clock *clock)
{
	(void)clock;
	return fuzz_now_ns;
}

static struct dps_endpoint *open_endpoint(void)
{
	struct dps_endpoint *endpoint;
	struct dps_endpoint_config config;
	char why[DPS_ENDPOINT_WHY_BYTES];

	dps_endpoint_config_init(&config);
	config.port = "nowhere";
	config.ports = &nowhere_ports;
	config.listen = "127.0.0.1:0";
	config.is_clear = true;
	config.peers = PEERS;
	config.streams.streams = config.streams.segments = 4;
	config.streams.peer_streams = 2;
	config.streams.send_blocks = config.streams.receive_blocks = 8;
	config.streams.block_bytes = BLOCK;
	config.streams.window_bytes = config.streams.receive_window_bytes = 8 * BLOCK;
	config.peer.body_bytes_max = 512;
	config.peer.queue_bytes = config.peer.request_bytes = 4096;
	config.peer.control_bytes = config.peer.bulk_bytes = 1024;
	config.peer.calls = config.peer.requests = 4;
	config.peer.requests_waiting = 1;
	config.ops = (struct dps_endpoint_ops){ .on_arrived = on_arrived,
						.on_peer = on_peer,
						.on_stream = on_stream,
						.on_trouble = on_trouble };
	DPS_ASSERT(dps_endpoint_open(&endpoint, &config, why) == 0);
	fuzz_now_ns = dps_endpoint_now_ns(endpoint);
	endpoint->clock.now_ns = tell_time;
	return endpoint;
}

/* What one input leaves behind is nothing, so the next begins as it did. */
static struct dps_endpoint *endpoint_for_next(void)
{
	static struct dps_endpoint *endpoint;
	static unsigned int inputs;

	if (inputs++ % INPUTS == 0) {
		dps_endpoint_close(endpoint);
		endpoint = open_endpoint();
	}
	return endpoint;
}

/* All leave: every guest and every connection comes back, every peer and every call has its end. */
static void finish(struct world *world)
{
	struct dps_endpoint *endpoint = world->endpoint;

	for (unsigned int i = 0; i < LINKS; i++)
		leave(&world->links[i], false);
	if (world->listen_fd >= 0)
		close(world->listen_fd);
	for (unsigned int i = 0; i < PEERS; i++) {
		struct dps_peer *peer = dps_endpoint_peer(endpoint, world->peers[i]);

		if (peer != NULL)
			dps_peer_close(peer, 0, 0, fuzz_now_ns);
	}
	for (unsigned int i = 0; i < 4; i++) { /* the grace, the linger, guests */
		poll_it(world);
		fuzz_now_ns += 10 * DPS_NS_PER_S;
	}
	DPS_ASSERT(world->over == world->made);
	DPS_ASSERT(endpoint->listener.open_count == 0);
	for (unsigned int i = 0; i < DPS_ENDPOINT_GUESTS_MAX; i++)
		DPS_ASSERT(endpoint->guests[i].socket == NULL);
	for (unsigned int i = 0; i < PEERS; i++) {
		DPS_ASSERT(world->peers[i].generation == 0 || world->is_closed[i]);
		release(world, i);
		DPS_ASSERT(!endpoint->members[i].is_used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .input = input_of(data, size), .listen_fd = -1 };

	world.endpoint = endpoint_for_next();
	world.endpoint->config.ops.context = &world;
	for (unsigned int i = 0; i < LINKS; i++)
		world.links[i].fd = -1;
	while (!input_is_over(&world.input))
		step(&world);
	finish(&world);
	return 0;
}
