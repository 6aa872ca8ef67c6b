/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint guests: who comes, proves a key in the lobby, and then greets. */
#include "drivers/endpoint/endpoint_state.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

/* Ends one that came to nothing. */
static void dismiss(struct dps_endpoint_guest *guest, const char *why)
{
	struct dps_endpoint *endpoint = guest->endpoint;
	struct dps_socket *socket = guest->socket;

	dps_endpoint_tell_trouble(endpoint, socket->peer, why);
	dps_loop_remove(&endpoint->loop, &guest->source);
	dps_endpoint_close_path(endpoint, &guest->path, DPS_CLOSE_CANCELLED);
	guest->socket = NULL;
	socket->ops->close(socket);
}

static const char *on_greeted(void *context, const struct dps_greeting *greeting,
			      struct dps_socket *below)
{
	struct dps_endpoint_guest *guest = context;

	dps_credentials_read_key(below, &guest->key);
	guest->instance = greeting->instance;
	guest->greeting.instance = dps_endpoint_instance_for(guest->endpoint, guest);
	dps_greeted_say(guest->socket, &guest->greeting);
	return dps_endpoint_open_path(guest->endpoint, &guest->path, greeting, below);
}

static void on_closed(void *context)
{
	struct dps_endpoint_guest *guest = context;

	dps_listener_release(&guest->endpoint->listener);
}

static void step(struct dps_endpoint_guest *guest, uint64_t now_ns)
{
	struct dps_endpoint *endpoint = guest->endpoint;
	int result = dps_greeted_step(guest->socket);
	const char *why;

	if (result == -EAGAIN) {
		dps_loop_want(&endpoint->loop, &guest->source, guest->socket->read_waits);
		return;
	}
	if (result < 0) {
		dismiss(guest, guest->socket->trouble ? guest->socket->trouble : strerror(-result));
		return;
	}
	dps_loop_remove(&endpoint->loop, &guest->source);
	why = dps_endpoint_enter(endpoint, guest, now_ns);
	if (why != NULL)
		dismiss(guest, why);
	guest->socket = NULL;
}

static void on_ready(void *context, uint32_t events, uint64_t now_ns)
{
	(void)events;
	step(context, now_ns);
}

static struct dps_endpoint_guest *free_place(struct dps_endpoint *endpoint)
{
	for (unsigned int i = 0; i < DPS_ENDPOINT_GUESTS_MAX; i++)
		if (endpoint->guests[i].socket == NULL)
			return &endpoint->guests[i];
	return NULL;
}

/* Takes the socket: one more that greets, or why not. */
static const char *take(struct dps_endpoint *endpoint, struct dps_socket *socket, uint64_t now_ns)
{
	struct dps_endpoint_guest *guest = free_place(endpoint);

	if (guest != NULL)
		*guest = (struct dps_endpoint_guest){
			.endpoint = endpoint,
			.path.name = DPS_ENDPOINT_NO_PATH,
			.until_ns = now_ns + DPS_ENDPOINT_GREETING_SECONDS * DPS_NS_PER_S,
		};
	if (guest == NULL ||
	    dps_endpoint_reserve_path(endpoint, &guest->path, &guest->greeting) < 0) {
		socket->ops->close(socket);
		return "too many come at once";
	}
	/* Whether it is remembered here is known when it has greeted; what we say says so. */
	guest->socket = dps_greeted_wrap(socket, NULL,
					 &(struct dps_greeted_ops){ .on_greeted = on_greeted,
								    .on_closed = on_closed,
								    .context = guest });
	if (guest->socket == NULL) {
		dps_endpoint_close_path(endpoint, &guest->path, DPS_CLOSE_CANCELLED);
		return "there is no memory for it";
	}
	guest->source = (struct dps_loop_source){
		.fd = guest->socket->fd,
		.wants = guest->socket->read_waits,
		.on_ready = on_ready,
		.context = guest,
	};
	if (dps_loop_add(&endpoint->loop, &guest->source) < 0)
		dismiss(guest, "it cannot be watched");
	return NULL;
}

static void on_entered(void *context, struct dps_socket *socket, uint64_t now_ns)
{
	struct dps_endpoint *endpoint = context;
	char peer[DPS_ENDPOINT_TEXT_BYTES];
	const char *why;

	snprintf(peer, sizeof(peer), "%s", socket->peer);
	why = take(endpoint, socket, now_ns);
	if (why == NULL)
		return;
	dps_listener_release(&endpoint->listener);
	dps_endpoint_tell_trouble(endpoint, peer, why);
}

static void on_left(void *context, const char *peer, const char *why, bool is_refused)
{
	struct dps_endpoint *endpoint = context;

	(void)is_refused;
	dps_listener_release(&endpoint->listener);
	dps_endpoint_tell_trouble(endpoint, peer, why);
}

/* ---- the listener ---- */

static void on_listener(void *context, uint32_t events, uint64_t now_ns)
{
	struct dps_endpoint *endpoint = context;
	struct dps_socket *socket;

	(void)events;
	while ((socket = dps_listener_accept(&endpoint->listener, now_ns)))
		dps_lobby_admit(&endpoint->lobby, socket, now_ns);
}

int dps_endpoint_listen(struct dps_endpoint *endpoint, char *why)
{
	char error[DPS_ENDPOINT_ERROR_BYTES] = "";
	struct dps_endpoint_name name;
	int result = -EINVAL;

	if (dps_endpoint_parse(&name, endpoint->config.listen, DPS_ENDPOINT_LISTEN, error))
		result = dps_listener_open(&endpoint->listener, &name, error);
	if (result < 0) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "%s", error);
		return result;
	}
	endpoint->is_listening = true;
	dps_lobby_init(&endpoint->lobby, &(struct dps_lobby_config){
						 .loop = &endpoint->loop,
						 .tls = endpoint->credentials.tls,
						 .on_entered = on_entered,
						 .on_left = on_left,
						 .context = endpoint,
					 });
	endpoint->listener_source = (struct dps_loop_source){
		.fd = endpoint->listener.fd,
		.wants = dps_listener_wants(&endpoint->listener, 0),
		.on_ready = on_listener,
		.context = endpoint,
	};
	result = dps_loop_add(&endpoint->loop, &endpoint->listener_source);
	if (result < 0)
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "%s cannot be watched: %s",
			 endpoint->config.listen, strerror(-result));
	return result;
}

void dps_endpoint_unlisten(struct dps_endpoint *endpoint)
{
	if (!endpoint->is_listening)
		return;
	for (unsigned int i = 0; i < DPS_ENDPOINT_GUESTS_MAX; i++) {
		struct dps_endpoint_guest *guest = &endpoint->guests[i];

		if (guest->socket == NULL)
			continue;
		dps_loop_remove(&endpoint->loop, &guest->source);
		guest->socket->ops->close(guest->socket);
		guest->socket = NULL;
	}
	dps_lobby_fini(&endpoint->lobby);
	dps_loop_remove(&endpoint->loop, &endpoint->listener_source);
	dps_listener_close(&endpoint->listener);
	endpoint->is_listening = false;
}

uint64_t dps_endpoint_guests_deadline_ns(const struct dps_endpoint *endpoint, uint64_t now_ns)
{
	uint64_t at_ns = DPS_NEVER_NS;

	if (!endpoint->is_listening)
		return at_ns;
	at_ns = dps_listener_deadline_ns(&endpoint->listener, now_ns);
	for (unsigned int i = 0; i < DPS_ENDPOINT_GUESTS_MAX; i++)
		if (endpoint->guests[i].socket && endpoint->guests[i].until_ns < at_ns)
			at_ns = endpoint->guests[i].until_ns;
	return at_ns;
}

void dps_endpoint_guests_on_time(struct dps_endpoint *endpoint, uint64_t now_ns)
{
	if (!endpoint->is_listening)
		return;
	for (unsigned int i = 0; i < DPS_ENDPOINT_GUESTS_MAX; i++)
		if (endpoint->guests[i].socket && now_ns >= endpoint->guests[i].until_ns)
			dismiss(&endpoint->guests[i], "it did not greet in time");
	dps_loop_want(&endpoint->loop, &endpoint->listener_source,
		      dps_listener_wants(&endpoint->listener, now_ns));
}
