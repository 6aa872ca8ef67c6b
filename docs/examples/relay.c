/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A relay: passes each stream that a peer opens on to another peer. What it borrows from the one it
 * lends to the other, and gives it back when that has it: no byte is copied here, and who reads
 * slowly at the far end slows down who writes at the near one.
 *
 *     relay [ADDRESS]:PORT TO-ADDRESS:PORT
 */
#include <dps/endpoint.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAIRS = 16 };

struct pair {
	struct dps_handle from_peer, from, to;
	struct dps_bytes held; /* borrowed, and not lent yet */
	bool is_used, is_finished;
};

static struct dps_endpoint *endpoint;
static struct dps_handle to_peer;
static struct pair pairs[PAIRS];
static unsigned int open_count, closed_count;

static bool is_same(struct dps_handle one, struct dps_handle other)
{
	return one.index == other.index && one.generation == other.generation;
}

static struct pair *find(struct dps_handle peer, struct dps_handle stream)
{
	for (unsigned int i = 0; i < PAIRS; i++)
		if (pairs[i].is_used &&
		    (is_same(peer, to_peer)
			     ? is_same(stream, pairs[i].to)
			     : is_same(peer, pairs[i].from_peer) && is_same(stream, pairs[i].from)))
			return &pairs[i];
	return NULL;
}

static void begin(struct dps_handle peer, const struct dps_stream_event *event)
{
	const struct dps_stream_options options = { .tag = event->value,
						    .open_deadline_ns = DPS_NEVER_NS };
	struct dps_streams *out = dps_endpoint_streams(endpoint, to_peer);

	for (unsigned int i = 0; i < PAIRS; i++) {
		struct pair *pair = &pairs[i];

		if (pair->is_used)
			continue;
		*pair = (struct pair){ .from_peer = peer, .from = event->handle };
		pair->is_used = dps_stream_open(out, &options, &pair->to) == 0;
		open_count += pair->is_used;
		return;
	}
}

/* As far as the far side takes it. */
static void pass_on(struct pair *pair)
{
	struct dps_streams *in = dps_endpoint_streams(endpoint, pair->from_peer);
	struct dps_streams *out = dps_endpoint_streams(endpoint, to_peer);

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

/* Either end's reason goes on to the other. */
static void end(struct pair *pair, const struct dps_stream_event *event)
{
	struct dps_streams *in = dps_endpoint_streams(endpoint, pair->from_peer);
	struct dps_streams *out = dps_endpoint_streams(endpoint, to_peer);

	if (event->type == DPS_STREAM_EVENT_RECEIVE_OVER) {
		dps_stream_abort(out, pair->to, event->cause.code);
		return; /* what is lent comes back, and then that half is over, too */
	}
	if (event->cause.error != 0)
		dps_stream_stop(in, pair->from, event->cause.code);
	dps_stream_close(in, pair->from, DPS_STREAM_LINGER);
	dps_stream_close(out, pair->to, DPS_STREAM_LINGER);
	pair->is_used = false;
	if (--open_count == 0) /* this example's job is done with the last stream */
		dps_peer_close(dps_endpoint_peer(endpoint, to_peer), 0, 5 * DPS_NS_PER_S,
			       dps_endpoint_now_ns(endpoint));
}

static void on_stream(void *context, struct dps_handle peer, const struct dps_stream_event *event)
{
	struct pair *pair = find(peer, event->handle);

	(void)context;
	if (event->type == DPS_STREAM_EVENT_ARRIVED)
		begin(peer, event);
	if (pair == NULL)
		return;
	if (event->type >= DPS_STREAM_EVENT_DELIVERED) /* lent no more: give it back */
		dps_stream_release(dps_endpoint_streams(endpoint, pair->from_peer), pair->from,
				   event->bytes);
	if (event->type == DPS_STREAM_EVENT_SEND_OVER ||
	    event->type == DPS_STREAM_EVENT_RECEIVE_OVER)
		end(pair, event);
	else
		pass_on(pair);
}

static void on_peer(void *context, struct dps_handle peer, const struct dps_peer_event *event)
{
	(void)context;
	(void)peer;
	closed_count += event->kind == DPS_PEER_EVENT_CLOSED;
}

static void on_trouble(void *context, const char *who, const char *why)
{
	(void)context;
	fprintf(stderr, "%s: %s\n", who, why);
}

int main(int argc, char **argv)
{
	char why[DPS_ENDPOINT_WHY_BYTES];
	struct dps_endpoint_config config;

	if (argc != 3)
		return fprintf(stderr, "usage: relay [ADDRESS]:PORT TO-ADDRESS:PORT\n"), 2;
	dps_endpoint_config_init(&config);
	config.state = getenv("STATE");
	config.listen = argv[1];
	config.ops = (struct dps_endpoint_ops){ .on_peer = on_peer,
						.on_stream = on_stream,
						.on_trouble = on_trouble };
	if (dps_endpoint_open(&endpoint, &config, why) < 0 ||
	    dps_endpoint_dial(endpoint, argv[2], NULL, &to_peer, why) < 0)
		return fprintf(stderr, "relay: %s\n", why), 2;
	fprintf(stderr, "listening on port %u\n", dps_endpoint_listen_port(endpoint));
	while (closed_count < 2 && dps_endpoint_poll(endpoint, DPS_NEVER_NS) >= 0)
		;
	dps_endpoint_close(endpoint);
	return 0;
}
