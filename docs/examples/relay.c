/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay: passes each stream that a peer opens on to another peer. What it borrows from the one it
 * lends to the other, and gives it back when that has it: no byte is copied here, and who reads
 * slowly at the far end slows down who writes at the near one.
 *
 *     relay [ADDRESS]:PORT TO-ADDRESS:PORT
 *
 * It has an endpoint to each side, so the two may have ports of different kinds: $PORT and $TO_PORT
 * with -DOVER_DPDK and libdpdk-stream-ethdev, otherwise kernel sockets.
 */
#include <dps/endpoint.h>
#ifdef OVER_DPDK
#include <dps/ethdev.h>
#endif
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAIRS = 16 };

struct pair {
	struct dps_handle from_peer, from, to;
	struct dps_bytes held; /* borrowed, and not lent yet */
	bool is_used, is_finished;
};

static struct dps_endpoint *near, *far; /* who comes, and who is dialled */
static struct dps_handle to_peer;
static struct pair pairs[PAIRS];
static unsigned int open_count, near_count; /* streams; who has come and not gone */
static bool is_far_closed;

static bool is_same(struct dps_handle one, struct dps_handle other)
{
	return one.index == other.index && one.generation == other.generation;
}

static struct dps_streams *streams_in(const struct pair *pair)
{
	return dps_endpoint_streams(near, pair->from_peer);
}

static struct dps_streams *streams_out(void)
{
	return dps_endpoint_streams(far, to_peer);
}

static struct pair *find(bool is_near, struct dps_handle peer, struct dps_handle stream)
{
	for (unsigned int i = 0; i < PAIRS; i++)
		if (pairs[i].is_used &&
		    (is_near ? is_same(peer, pairs[i].from_peer) && is_same(stream, pairs[i].from)
			     : is_same(stream, pairs[i].to)))
			return &pairs[i];
	return NULL;
}

static void begin(struct dps_handle peer, const struct dps_stream_event *event)
{
	const struct dps_stream_options options = { .tag = event->value,
						    .open_deadline_ns = DPS_NEVER_NS };

	for (unsigned int i = 0; i < PAIRS; i++) {
		struct pair *pair = &pairs[i];

		if (pair->is_used)
			continue;
		*pair = (struct pair){ .from_peer = peer, .from = event->handle };
		if (dps_stream_open(streams_out(), &options, &pair->to) != 0)
			break;
		pair->is_used = true;
		open_count++;
		return;
	}
	/* No more at once: who opened it is told. */
	dps_stream_close(dps_endpoint_streams(near, peer), event->handle, DPS_STREAM_DROP);
}

/* As far as the far side takes it. */
static void pass_on(struct pair *pair)
{
	struct dps_streams *in = streams_in(pair), *out = streams_out();

	while (!pair->is_finished) {
		if (pair->held.bytes == 0) {
			int count = dps_stream_read(in, pair->from, &pair->held, 1);

			if (count < 0)
				return; /* no more has come; or an end of which we are told */
			if (count == 0)
				pair->is_finished = dps_stream_finish(out, pair->to) == 0;
			if (count == 0)
				return;
		}
		if (dps_stream_send(out, pair->to, &pair->held, 1, DPS_SEND_BORROW, 0) != 0)
			return;
		pair->held.bytes = 0;
	}
}

/* What the library says where a program gave no code, is not a program's to say. */
static uint64_t code_of(const struct dps_error *cause)
{
	return cause->code < DPS_CODE_MAX ? cause->code : DPS_CODE_MAX;
}

/* Either end's reason goes on to the other. */
static void end(struct pair *pair, const struct dps_stream_event *event)
{
	struct dps_streams *in = streams_in(pair), *out = streams_out();

	if (event->type == DPS_STREAM_EVENT_RECEIVE_OVER) {
		dps_stream_abort(out, pair->to, code_of(&event->cause));
		return; /* what is lent comes back, and then that half is over, too */
	}
	if (event->cause.error != 0)
		dps_stream_stop(in, pair->from, code_of(&event->cause));
	dps_stream_close(in, pair->from, DPS_STREAM_LINGER);
	dps_stream_close(out, pair->to, DPS_STREAM_LINGER);
	pair->is_used = false;
	if (--open_count == 0) /* this example's job is done with the last stream */
		dps_peer_close(dps_endpoint_peer(far, to_peer), 0, 5 * DPS_NS_PER_S,
			       dps_endpoint_now_ns(far));
}

static void on_stream(void *context, struct dps_handle peer, const struct dps_stream_event *event)
{
	bool is_near = context == &near;
	struct pair *pair = find(is_near, peer, event->handle);

	if (is_near && event->type == DPS_STREAM_EVENT_ARRIVED)
		begin(peer, event);
	if (pair == NULL)
		return;
	if (event->type >= DPS_STREAM_EVENT_DELIVERED) /* lent no more: give it back */
		dps_stream_release(streams_in(pair), pair->from, event->bytes);
	if (event->type == DPS_STREAM_EVENT_SEND_OVER ||
	    event->type == DPS_STREAM_EVENT_RECEIVE_OVER)
		end(pair, event);
	else
		pass_on(pair);
}

static void on_arrived(void *context, struct dps_handle peer, const char *key)
{
	(void)context;
	(void)peer;
	(void)key;
	near_count++;
}

static void on_peer(void *context, struct dps_handle peer, const struct dps_peer_event *event)
{
	(void)peer;
	if (event->kind != DPS_PEER_EVENT_CLOSED)
		return;
	if (context == &near)
		near_count--;
	else
		is_far_closed = true;
}

static void on_trouble(void *context, const char *who, const char *why)
{
	(void)context;
	fprintf(stderr, "%s: %s\n", who, why);
}

static int open_both(const char *listen, const char *to, char why[DPS_ENDPOINT_WHY_BYTES])
{
	struct dps_endpoint_config in, out;

	dps_endpoint_config_init(&in);
	in.state = getenv("STATE");
	in.ops = (struct dps_endpoint_ops){ .on_arrived = on_arrived,
					    .on_peer = on_peer,
					    .on_stream = on_stream,
					    .on_trouble = on_trouble };
	out = in;
	in.listen = listen;
	in.ops.context = &near;
	out.ops.context = &far;
	out.peers = 1;
#ifdef OVER_DPDK
	in.port = getenv("PORT") ? getenv("PORT") : in.port;
	out.port = getenv("TO_PORT") ? getenv("TO_PORT") : out.port;
	in.ports = out.ports = dps_ethdev_ports();
	/* The first that is opened would start DPDK for itself alone. */
	if (dps_ethdev_start(
		    &(struct dps_ethdev_start){
			    .endpoints = (const struct dps_endpoint_config *[]){ &in, &out },
			    .endpoints_count = 2 },
		    why) < 0)
		return -1;
#endif
	if (dps_endpoint_open(&near, &in, why) < 0 || dps_endpoint_open(&far, &out, why) < 0)
		return -1;
	return dps_endpoint_dial(far, to, NULL, &to_peer, why);
}

/* Until one of the two has something to do. */
static void rest(void)
{
	struct pollfd both[] = { { .fd = dps_endpoint_fd(near), .events = POLLIN },
				 { .fd = dps_endpoint_fd(far), .events = POLLIN } };

	poll(both, 2, -1);
}

int main(int argc, char **argv)
{
	char why[DPS_ENDPOINT_WHY_BYTES];

	if (argc != 3)
		return fprintf(stderr, "usage: relay [ADDRESS]:PORT TO-ADDRESS:PORT\n"), 2;
	if (open_both(argv[1], argv[2], why) < 0)
		return fprintf(stderr, "relay: %s\n", why), 2;
	fprintf(stderr, "listening on port %u\n", dps_endpoint_listen_port(near));
	while (!is_far_closed || near_count > 0) {
		int told = dps_endpoint_poll(near, 0), also_told = dps_endpoint_poll(far, 0);

		if (told < 0 || also_told < 0)
			return fprintf(stderr, "relay: it cannot be polled\n"), 1;
		if (told + also_told == 0)
			rest();
	}
	dps_endpoint_close(far); /* first: what it holds lies in the near one's memory */
	dps_endpoint_close(near);
	return 0;
}
