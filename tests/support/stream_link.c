/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/stream_link.h"

enum { SLICES = 8 };

static void config_of(struct dps_peer_config *config, struct dps_streams *streams, uint64_t seed)
{
	dps_peer_config_init(config);
	config->body_bytes_max = 1024;
	config->queue_bytes = 8192;
	config->control_bytes = 2048;
	config->bulk_bytes = 4096;
	config->request_bytes = 4096;
	config->calls = config->requests = 4;
	config->requests_waiting = 2;
	config->backoff_cap_ns = 200 * DPS_NS_PER_MS;
	config->stable_ns = DPS_NS_PER_MS;
	config->seed = seed;
	config->streams = streams;
}

static void open_side(struct stream_link *link, unsigned int which, struct dps_streams *streams)
{
	struct stream_link_side *side = &link->sides[which];
	struct dps_peer_config config;

	config_of(&config, streams, link->net.options.seed);
	*side = (struct stream_link_side){
		.streams = streams,
		.memory = aligned_alloc(64, dps_round_up(dps_peer_bytes(&config), 64)),
		.wire = malloc(STREAM_LINK_WIRE_BYTES),
	};
	assert_non_null(side->memory);
	assert_non_null(side->wire);
	side->peer = dps_peer_init(side->memory, &config);
}

void stream_link_open(struct stream_link *link, const struct pair_options *options,
		      struct dps_streams *near, struct dps_streams *far)
{
	link->deliver_max = SIZE_MAX;
	link->is_unreachable = link->has_new_paths = false;
	pair_open(&link->net, options);
	open_side(link, 0, near);
	open_side(link, 1, far);
	assert_int_equal(dps_peer_dial(link->sides[0].peer, link->net.now_ns), 0);
}

/* ---- The paths. ---- */

static void attach(struct stream_link *link, unsigned int which)
{
	struct stream_link_side *side = &link->sides[which];
	uint64_t epoch = dps_streams_epoch(side->streams);

	if (epoch != 0)
		pair_check(&link->net, dps_engine_attach_streams(link->net.sides[which].engine,
								 link->net.sides[which].path,
								 side->streams, epoch) == 0);
}

void stream_link_renew_paths(struct stream_link *link)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct pair_side *side = &link->net.sides[i];
		int path = dps_engine_reserve_path(side->engine, &side->connection_id);

		pair_check(&link->net, path >= 0);
		dps_engine_close_path(side->engine, side->path, DPS_CLOSE_SUPERSEDED,
				      link->net.now_ns);
		side->path = (uint32_t)path;
	}
	for (unsigned int i = 0; i < 2; i++) {
		pair_open_path(&link->net, i);
		attach(link, i);
	}
}

/* ---- The control connection. ---- */

static void begin(struct stream_link_side *side, uint64_t epoch)
{
	side->epoch = epoch;
	side->is_up = true;
	side->is_ended = side->is_end_due = false;
	side->wire_bytes = 0;
}

static void dial(struct stream_link *link, unsigned int which, uint64_t epoch)
{
	struct stream_link_side *side = &link->sides[which], *other = &link->sides[1 - which];
	uint64_t theirs, now_ns = link->net.now_ns;

	if (link->is_unreachable || dps_peer_accept(other->peer, &theirs, now_ns) != 0) {
		dps_peer_on_lost(side->peer, epoch, ECONNREFUSED, now_ns);
		return;
	}
	begin(side, epoch);
	begin(other, theirs);
	dps_peer_on_connected(side->peer, epoch, now_ns);
	if (link->has_new_paths)
		stream_link_renew_paths(link);
}

static void do_step(struct stream_link *link, unsigned int which)
{
	struct stream_link_side *side = &link->sides[which];
	uint64_t epoch;

	switch (dps_peer_emit_step(side->peer, &epoch, link->net.now_ns)) {
	case DPS_PEER_STEP_DIAL:
		dial(link, which, epoch);
		break;
	case DPS_PEER_STEP_FINISH:
		side->is_ended = side->is_end_due = true;
		break;
	case DPS_PEER_STEP_DROP:
		side->is_up = false;
		side->is_end_due = !side->is_ended;
		side->is_ended = true;
		break;
	default:
		break;
	}
}

static void do_write(struct stream_link *link, unsigned int which)
{
	struct stream_link_side *side = &link->sides[which];
	struct dps_peer_slice slices[SLICES];
	unsigned int count = 0;
	size_t sent = 0;

	if (side->is_up && !side->is_ended)
		count = dps_peer_emit_slices(side->peer, side->epoch, slices, SLICES,
					     link->net.now_ns);
	for (unsigned int i = 0; i < count; i++) {
		size_t part =
			dps_min_u64(slices[i].bytes, STREAM_LINK_WIRE_BYTES - side->wire_bytes);

		memcpy(side->wire + side->wire_bytes, slices[i].memory, part);
		side->wire_bytes += part;
		sent += part;
	}
	if (sent > 0)
		dps_peer_on_sent(side->peer, side->epoch, sent, link->net.now_ns);
}

static void do_deliver(struct stream_link *link, unsigned int from)
{
	struct stream_link_side *side = &link->sides[from], *to = &link->sides[1 - from];
	size_t bytes = dps_min_u64(side->wire_bytes, link->deliver_max);

	if (!to->is_up) {
		side->wire_bytes = 0;
		side->is_end_due = false;
		return;
	}
	if (bytes > 0)
		dps_peer_on_bytes(to->peer, to->epoch, side->wire, bytes, link->net.now_ns);
	side->wire_bytes -= bytes;
	memmove(side->wire, side->wire + bytes, side->wire_bytes);
	if (!side->is_end_due || side->wire_bytes > 0)
		return;
	side->is_end_due = false;
	dps_peer_on_end(to->peer, to->epoch, link->net.now_ns);
}

static void do_hear(struct stream_link *link, unsigned int which)
{
	struct stream_link_side *side = &link->sides[which];
	struct dps_peer_event event;

	while (dps_peer_emit_event(side->peer, &event, link->net.now_ns)) {
		side->is_closed |= event.kind == DPS_PEER_EVENT_CLOSED;
		if (event.kind != DPS_PEER_EVENT_CONNECTED)
			continue;
		side->connections++;
		attach(link, which);
	}
}

void stream_link_cut(struct stream_link *link)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct stream_link_side *side = &link->sides[i];

		side->wire_bytes = 0;
		side->is_end_due = false;
		if (!side->is_up)
			continue;
		side->is_up = false;
		dps_peer_on_lost(side->peer, side->epoch, ECONNRESET, link->net.now_ns);
	}
}

void stream_link_turn(struct stream_link *link, uint64_t ns)
{
	uint64_t now_ns = link->net.now_ns, until_ns = now_ns + ns;

	for (unsigned int i = 0; i < 2; i++) {
		struct stream_link_side *side = &link->sides[i];

		if (dps_peer_next_deadline_ns(side->peer) <= now_ns)
			dps_peer_on_deadline(side->peer, now_ns);
		if (dps_streams_next_deadline_ns(side->streams) <= now_ns)
			dps_streams_on_deadline(side->streams, now_ns);
		do_step(link, i);
		do_write(link, i);
		do_deliver(link, i);
		do_hear(link, i);
		until_ns = dps_min_u64(until_ns, dps_peer_next_deadline_ns(side->peer));
	}
	pair_turn(&link->net, dps_max_u64(until_ns, now_ns));
}

void stream_link_run(struct stream_link *link, uint64_t ns)
{
	uint64_t end_ns = link->net.now_ns + ns;

	while (link->net.now_ns < end_ns)
		stream_link_turn(link, end_ns - link->net.now_ns);
}

void stream_link_close(struct stream_link *link)
{
	for (unsigned int i = 0; i < 2; i++)
		dps_engine_detach_streams(link->net.sides[i].engine, link->net.sides[i].path);
	stream_link_run(link, DPS_NS_PER_S);
	for (unsigned int i = 0; i < 2; i++) {
		struct stream_link_side *side = &link->sides[i];

		dps_engine_detach_streams(link->net.sides[i].engine, link->net.sides[i].path);
		pair_check(&link->net,
			   !dps_engine_holds_streams(link->net.sides[i].engine, side->streams));
		free(side->memory);
		free(side->wire);
	}
	pair_close(&link->net);
}
