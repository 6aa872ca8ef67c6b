/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint members: the peers, from their first connection until the program lets go of them. */
#include "drivers/endpoint/endpoint_state.h"
#include "drivers/lane_state.h"
#include "engine/owner.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* A port that has not given back what it sends by then keeps it for long. */
enum { LET_GO_MS = 500 };

static const char is_another[] =
	"it remembers no stream of ours, as it was started anew or gave us up; "
	"release it, and dial it again";

struct dps_endpoint_member *dps_endpoint_find(struct dps_endpoint *endpoint,
					      struct dps_handle handle)
{
	struct dps_endpoint_member *member;

	if (endpoint == NULL || handle.index >= endpoint->config.peers)
		return NULL;
	member = &endpoint->members[handle.index];
	return member->is_used && member->generation == handle.generation ? member : NULL;
}

struct dps_handle dps_endpoint_handle(const struct dps_endpoint_member *member)
{
	return (struct dps_handle){
		.index = (uint32_t)(member - member->endpoint->members),
		.generation = member->generation,
	};
}

struct dps_peer *dps_endpoint_peer(struct dps_endpoint *endpoint, struct dps_handle peer)
{
	struct dps_endpoint_member *member = dps_endpoint_find(endpoint, peer);

	return member ? member->peer : NULL;
}

struct dps_streams *dps_endpoint_streams(struct dps_endpoint *endpoint, struct dps_handle peer)
{
	struct dps_endpoint_member *member = dps_endpoint_find(endpoint, peer);

	return member ? member->streams : NULL;
}

/* ---- what its connection does ---- */

static void close_path(struct dps_endpoint_member *member, uint32_t reason)
{
	dps_endpoint_close_path(member->endpoint, &member->path, reason);
}

/* Before the program hears of it. */
static void follow(struct dps_endpoint_member *member, const struct dps_peer_event *event,
		   uint64_t now_ns)
{
	switch (event->kind) {
	case DPS_PEER_EVENT_CONNECTED:
		member->lost_at_ns = DPS_NEVER_NS;
		member->was_connected = true;
		dps_endpoint_attach_path(member);
		break;
	case DPS_PEER_EVENT_CONNECT_FAILED:
	case DPS_PEER_EVENT_LOST:
		close_path(member, DPS_CLOSE_UNREACHABLE);
		if (!member->is_dialled)
			member->lost_at_ns = now_ns;
		dps_endpoint_tell_trouble(member->endpoint, member->name,
					  member->wire->why[0]
						  ? member->wire->why
						  : dps_peer_reason_name(event->reason));
		break;
	case DPS_PEER_EVENT_CLOSED:
		close_path(member, DPS_CLOSE_DONE);
		member->is_over = true;
		member->lost_at_ns = DPS_NEVER_NS;
		break;
	default:
		break;
	}
}

static void on_event(void *context, const struct dps_peer_event *event, uint64_t now_ns)
{
	struct dps_endpoint_member *member = context;
	struct dps_endpoint *endpoint = member->endpoint;
	const struct dps_endpoint_ops *ops = &endpoint->config.ops;

	follow(member, event, now_ns);
	if (ops->on_peer == NULL)
		return;
	endpoint->told++;
	ops->on_peer(ops->context, dps_endpoint_handle(member), event);
}

static const char *on_greeted(void *context, const struct dps_greeting *greeting,
			      struct dps_socket *below)
{
	struct dps_endpoint_member *member = context;
	struct dps_endpoint *endpoint = member->endpoint;

	dps_credentials_read_key(below, &member->key);
	if (member->was_connected && member->instance != greeting->instance) {
		/* A closed peer tells of no loss, so why is said here. */
		dps_endpoint_tell_trouble(endpoint, member->name, is_another);
		/* What there was of streams is lost: numbers of theirs must not be used again. */
		dps_peer_close(member->peer, 0, 0, dps_clock_now_ns(&endpoint->clock));
		return is_another;
	}
	member->instance = greeting->instance;
	return dps_endpoint_open_path(endpoint, &member->path, greeting, below);
}

static struct dps_socket *wrap(void *context, struct dps_socket *socket)
{
	struct dps_endpoint_member *member = context;
	struct dps_endpoint *endpoint = member->endpoint;
	struct dps_greeting greeting;

	close_path(member, DPS_CLOSE_SUPERSEDED);
	if (dps_endpoint_reserve_path(endpoint, &member->path, &greeting) < 0) {
		socket->ops->close(socket);
		return NULL;
	}
	greeting.instance = member->own_instance;
	socket = dps_tls_wrap(endpoint->credentials.tls, socket, DPS_TLS_DIALED, member->name);
	return socket == NULL ? NULL
			      : dps_greeted_wrap(socket, &greeting,
						 &(struct dps_greeted_ops){
							 .on_greeted = on_greeted,
							 .context = member,
						 });
}

void dps_endpoint_drop(struct dps_endpoint_member *member, int error, uint64_t now_ns)
{
	dps_peer_wire_lose(member->wire, error, now_ns);
}

/* ---- a new one ---- */

struct dps_endpoint_member *dps_endpoint_free_member(struct dps_endpoint *endpoint)
{
	for (uint32_t i = 0; i < endpoint->config.peers; i++)
		if (!endpoint->members[i].is_used && !endpoint->members[i].is_leaving)
			return &endpoint->members[i];
	return NULL;
}

static uint64_t draw(struct dps_endpoint *endpoint)
{
	uint64_t value;

	if (getrandom(&value, sizeof(value), 0) == sizeof(value))
		return value;
	return dps_clock_now_ns(&endpoint->clock);
}

static uint64_t draw_instance(struct dps_endpoint *endpoint)
{
	uint64_t value = draw(endpoint);

	return value != 0 ? value : 1;
}

int dps_endpoint_begin(struct dps_endpoint_member *member, bool is_dialler, const char *name,
		       const struct dps_socket_address *addresses, unsigned int count)
{
	struct dps_endpoint *endpoint = member->endpoint;
	struct dps_streams_config streams = endpoint->config.streams;
	struct dps_peer_config peer = endpoint->config.peer;
	int result;

	streams.epoch = 0;
	streams.seed = draw(endpoint);
	streams.is_dialer = is_dialler;
	streams.flight = endpoint->config.flight_bytes > 0 ? &endpoint->flight : NULL;
	/* Nobody hears of one that arrives, nor has its handle; so with calls. */
	if (endpoint->config.ops.on_stream == NULL)
		streams.takes_none = true;
	result = dps_streams_init(member->streams_memory, &streams, member->blocks,
				  &member->streams);
	if (result < 0)
		return result;
	peer.streams = member->streams;
	peer.seed = draw(endpoint);
	if (endpoint->config.ops.on_peer == NULL)
		peer.takes_none = true;
	member->peer = dps_peer_init(member->peer_memory, &peer);
	dps_peer_wire_init(member->wire, member->peer, &endpoint->loop,
			   &(struct dps_peer_wire_ops){
				   .on_event = on_event,
				   .wrap = wrap,
				   .context = member,
			   },
			   addresses, count);
	member->is_used = true;
	member->is_dialled = is_dialler;
	member->is_over = member->was_connected = member->has_wanted_key = false;
	member->generation++;
	member->instance = 0;
	member->own_instance = draw_instance(endpoint);
	member->lost_at_ns = DPS_NEVER_NS;
	member->path.name = DPS_ENDPOINT_NO_PATH;
	snprintf(member->name, sizeof(member->name), "%s", name);
	return 0;
}

static struct dps_endpoint_member *known(struct dps_endpoint *endpoint,
					 const struct dps_endpoint_guest *guest)
{
	for (uint32_t i = 0; i < endpoint->config.peers; i++) {
		struct dps_endpoint_member *member = &endpoint->members[i];

		if (member->is_used && !member->is_over && !member->is_dialled &&
		    member->instance == guest->instance &&
		    dps_fingerprint_is_equal(&member->key, &guest->key))
			return member;
	}
	return NULL;
}

static const struct dps_greeted_ops member_ops;

static void on_closed(void *context)
{
	struct dps_endpoint_member *member = context;

	dps_listener_release(&member->endpoint->listener);
}

static void tell_arrived(struct dps_endpoint_member *member)
{
	struct dps_endpoint *endpoint = member->endpoint;
	const struct dps_endpoint_ops *ops = &endpoint->config.ops;
	char key[DPS_FINGERPRINT_TEXT_BYTES];

	if (ops->on_arrived == NULL)
		return;
	dps_fingerprint_format(&member->key, key);
	endpoint->told++;
	ops->on_arrived(ops->context, dps_endpoint_handle(member), key);
}

uint64_t dps_endpoint_instance_for(struct dps_endpoint *endpoint,
				   const struct dps_endpoint_guest *guest)
{
	const struct dps_endpoint_member *member = known(endpoint, guest);

	return member != NULL ? member->own_instance : draw_instance(endpoint);
}

const char *dps_endpoint_enter(struct dps_endpoint *endpoint, struct dps_endpoint_guest *guest,
			       uint64_t now_ns)
{
	struct dps_endpoint_member *member = known(endpoint, guest);
	struct dps_greeted_ops ops = member_ops;
	bool is_new = member == NULL;

	if (is_new)
		member = dps_endpoint_free_member(endpoint);
	if (member == NULL)
		return "there are as many peers as the program takes";
	if (is_new && dps_endpoint_begin(member, false, guest->socket->peer, NULL, 0) < 0)
		return "its streams cannot be set up";
	ops.context = member;
	dps_greeted_set_ops(guest->socket, &ops);
	if (is_new) {
		member->key = guest->key;
		member->instance = guest->instance;
		member->own_instance = guest->greeting.instance;
		tell_arrived(member);
	}
	/* What ends of an older connection is told within, and closes the path of that one. */
	if (dps_peer_wire_accept(member->wire, guest->socket, now_ns) == 0 &&
	    member->wire->socket != NULL)
		member->path = guest->path;
	else
		dps_endpoint_close_path(endpoint, &guest->path, DPS_CLOSE_CANCELLED);
	return NULL;
}

static const struct dps_greeted_ops member_ops = { .on_closed = on_closed };

/* ---- the end of one ---- */

static void end(struct dps_endpoint_member *member)
{
	dps_peer_wire_fini(member->wire);
	close_path(member, DPS_CLOSE_SHUTDOWN);
	dps_peer_fini(member->peer);
	/* Nobody hears of its streams any more: none may stand in line with those of others. */
	dps_streams_lose(member->streams, DPS_CLOSE_SHUTDOWN);
	member->is_used = false;
	member->is_leaving = true;
}

/* Its memory is free when the path is closed, and the port has what is of it no more. */
static bool has_left(struct dps_endpoint_member *member)
{
	struct dps_endpoint *endpoint = member->endpoint;
	uint64_t until_ns = dps_clock_now_ns(&endpoint->clock) + LET_GO_MS * DPS_NS_PER_MS;

	while (dps_engine_holds_streams(endpoint->lane->engine, member->streams)) {
		if (dps_clock_now_ns(&endpoint->clock) >= until_ns)
			return false;
		(void)dps_lane_turn(endpoint->lane);
	}
	return true;
}

static int let_go(struct dps_endpoint_member *member)
{
	if (!member->is_leaving)
		end(member);
	if (!has_left(member))
		return -DPS_ERROR_BUSY;
	dps_streams_fini(member->streams);
	member->is_leaving = false;
	return 0;
}

/* One that leaves, too. */
static struct dps_endpoint_member *find_any(struct dps_endpoint *endpoint, struct dps_handle peer)
{
	struct dps_endpoint_member *member;

	if (endpoint == NULL || peer.index >= endpoint->config.peers)
		return NULL;
	member = &endpoint->members[peer.index];
	return (member->is_used || member->is_leaving) && member->generation == peer.generation
		       ? member
		       : NULL;
}

int dps_endpoint_release(struct dps_endpoint *endpoint, struct dps_handle peer)
{
	struct dps_endpoint_member *member = find_any(endpoint, peer);

	if (endpoint == NULL)
		return -EINVAL;
	if (member == NULL)
		return -DPS_ERROR_CLOSED;
	if (!dps_owner_is_here(endpoint->owner))
		return -DPS_ERROR_THREAD;
	/* Who made the callback goes on with this peer when it returns. */
	if (endpoint->is_polling)
		return -EDEADLK;
	return let_go(member);
}

void dps_endpoint_forget_all(struct dps_endpoint *endpoint)
{
	for (uint32_t i = 0; i < endpoint->config.peers; i++)
		if (endpoint->members[i].is_used || endpoint->members[i].is_leaving)
			(void)let_go(&endpoint->members[i]); /* or it ends with the port */
}
