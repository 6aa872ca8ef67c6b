/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/lobby.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

enum { IPV6_PREFIX_BYTES = 8 }; /* who has one address of a /64 has all of it */

void dps_lobby_name(const struct dps_socket_address *address, char name[DPS_LOBBY_NAME_BYTES])
{
	static const char mapped[] = "::ffff:"; /* how a socket for both shows IPv4 */
	char host[DPS_LOBBY_NAME_BYTES];

	if (getnameinfo((const struct sockaddr *)&address->storage, address->bytes, host,
			sizeof(host), NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(host, sizeof(host), "unknown");
	if (strncmp(host, mapped, sizeof(mapped) - 1) == 0 && strchr(host, '.'))
		memmove(host, host + sizeof(mapped) - 1, strlen(host) - sizeof(mapped) + 2);
	snprintf(name, DPS_LOBBY_NAME_BYTES, "%s", host);
}

/* What counts as one address; IPv4 as its mapped form, so that both kinds of socket agree. */
static void key_of(const struct dps_socket_address *address, uint8_t key[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&address->storage;
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&address->storage;

	memset(key, 0, 16);
	if (address->storage.ss_family == AF_INET) {
		memcpy(key, mapped, sizeof(mapped));
		memcpy(key + sizeof(mapped), &ipv4->sin_addr, 4);
	} else if (address->storage.ss_family == AF_INET6) {
		bool is_mapped = IN6_IS_ADDR_V4MAPPED(&ipv6->sin6_addr);

		memcpy(key, &ipv6->sin6_addr, is_mapped ? 16 : IPV6_PREFIX_BYTES);
	}
}

static unsigned int count_of(const struct dps_lobby *lobby, const uint8_t key[16])
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < DPS_LOBBY_GUESTS_MAX; i++)
		count += lobby->guests[i].socket && memcmp(lobby->guests[i].address, key, 16) == 0;
	return count;
}

static void leave(struct dps_lobby_guest *guest, const char *why)
{
	struct dps_lobby *lobby = guest->lobby;
	char peer[DPS_ENDPOINT_TEXT_BYTES], text[DPS_TLS_TEXT_BYTES];
	bool is_refused = guest->socket->is_refused;

	/* The sentence may be the socket's own. */
	snprintf(peer, sizeof(peer), "%s", guest->socket->peer);
	snprintf(text, sizeof(text), "%s", why);
	dps_loop_remove(lobby->config.loop, &guest->source);
	guest->socket->ops->close(guest->socket);
	guest->socket = NULL;
	lobby->count--;
	lobby->config.on_left(lobby->config.context, peer, text, is_refused);
}

static void step(struct dps_lobby_guest *guest, uint64_t now_ns)
{
	struct dps_lobby *lobby = guest->lobby;
	struct dps_socket *socket = guest->socket;
	int result = dps_tls_handshake(socket);

	if (result == -EAGAIN) {
		dps_loop_want(lobby->config.loop, &guest->source, socket->read_waits);
		return;
	}
	if (result < 0) {
		leave(guest, socket->trouble ? socket->trouble : strerror(-result));
		return;
	}
	dps_loop_remove(lobby->config.loop, &guest->source);
	guest->socket = NULL;
	lobby->count--;
	lobby->config.on_entered(lobby->config.context, socket, now_ns);
}

/* With the first bytes of it, not with the connection: who says nothing costs no handshake. */
static void begin(struct dps_lobby_guest *guest, uint64_t now_ns)
{
	uint64_t at_ns = dps_handshake_rate_take(&guest->lobby->rate, guest->address, now_ns);

	guest->has_begun = at_ns == 0;
	guest->waits_until_ns = guest->has_begun ? DPS_NEVER_NS : at_ns;
	if (guest->has_begun)
		step(guest, now_ns);
	else
		dps_loop_want(guest->lobby->config.loop, &guest->source, 0);
}

static void on_ready(void *context, uint32_t events, uint64_t now_ns)
{
	struct dps_lobby_guest *guest = context;

	if (guest->has_begun)
		step(guest, now_ns);
	else if (events & (EPOLLHUP | EPOLLERR)) /* these come unasked for, and stay */
		leave(guest, "it hung up");
	else if (guest->waits_until_ns == DPS_NEVER_NS)
		begin(guest, now_ns);
}

/* ---- time ---- */

static uint64_t next_deadline_ns(void *context)
{
	const struct dps_lobby *lobby = context;
	uint64_t at_ns = DPS_NEVER_NS;

	for (unsigned int i = 0; i < DPS_LOBBY_GUESTS_MAX && lobby->count > 0; i++) {
		const struct dps_lobby_guest *guest = &lobby->guests[i];

		if (guest->socket && guest->until_ns < at_ns)
			at_ns = guest->until_ns;
		if (guest->socket && guest->waits_until_ns < at_ns)
			at_ns = guest->waits_until_ns;
	}
	return at_ns;
}

/* Of those whose turn may be now, the one that came first. */
static struct dps_lobby_guest *next_waiting(struct dps_lobby *lobby, uint64_t now_ns)
{
	struct dps_lobby_guest *first = NULL;

	for (unsigned int i = 0; i < DPS_LOBBY_GUESTS_MAX; i++) {
		struct dps_lobby_guest *guest = &lobby->guests[i];

		if (guest->socket && guest->waits_until_ns <= now_ns &&
		    (!first || guest->serial < first->serial))
			first = guest;
	}
	return first;
}

static void on_due(void *context, uint64_t now_ns)
{
	struct dps_lobby *lobby = context;
	struct dps_lobby_guest *guest;

	for (unsigned int i = 0; i < DPS_LOBBY_GUESTS_MAX; i++)
		if (lobby->guests[i].socket && now_ns >= lobby->guests[i].until_ns)
			leave(&lobby->guests[i], "it did not prove a key in time");
	/* Each one begins, or waits for a later moment. */
	while ((guest = next_waiting(lobby, now_ns)))
		begin(guest, now_ns);
}

void dps_lobby_init(struct dps_lobby *lobby, const struct dps_lobby_config *config)
{
	*lobby = (struct dps_lobby){ .config = *config };
	dps_handshake_rate_init(&lobby->rate);
	lobby->timer = (struct dps_loop_timer){
		.next_deadline_ns = next_deadline_ns,
		.on_due = on_due,
		.context = lobby,
	};
	dps_loop_add_timer(config->loop, &lobby->timer);
}

void dps_lobby_fini(struct dps_lobby *lobby)
{
	for (unsigned int i = 0; i < DPS_LOBBY_GUESTS_MAX; i++) {
		struct dps_lobby_guest *guest = &lobby->guests[i];

		if (!guest->socket)
			continue;
		dps_loop_remove(lobby->config.loop, &guest->source);
		guest->socket->ops->close(guest->socket);
		guest->socket = NULL;
	}
	lobby->count = 0;
	dps_loop_remove_timer(lobby->config.loop, &lobby->timer);
}

/* ---- who comes ---- */

/* The guest of an address (NULL: of any) that has waited longest. */
static struct dps_lobby_guest *oldest_of(struct dps_lobby *lobby, const uint8_t *key)
{
	struct dps_lobby_guest *oldest = NULL;

	for (unsigned int i = 0; i < DPS_LOBBY_GUESTS_MAX; i++) {
		struct dps_lobby_guest *guest = &lobby->guests[i];

		if (!guest->socket || (key && memcmp(guest->address, key, 16) != 0))
			continue;
		if (!oldest || guest->serial < oldest->serial)
			oldest = guest;
	}
	return oldest;
}

static struct dps_lobby_guest *oldest_of_most(struct dps_lobby *lobby)
{
	struct dps_lobby_guest *chosen = oldest_of(lobby, NULL);
	unsigned int most = count_of(lobby, chosen->address);

	for (unsigned int i = 0; i < DPS_LOBBY_GUESTS_MAX; i++) {
		unsigned int count = count_of(lobby, lobby->guests[i].address);

		if (count <= most)
			continue;
		most = count;
		chosen = oldest_of(lobby, lobby->guests[i].address);
	}
	return chosen;
}

static void make_room(struct dps_lobby *lobby, const uint8_t key[16])
{
	struct dps_lobby_guest *guest = NULL;

	if (count_of(lobby, key) >= DPS_LOBBY_GUESTS_OF_ADDRESS_MAX)
		guest = oldest_of(lobby, key);
	else if (lobby->count == DPS_LOBBY_GUESTS_MAX)
		guest = oldest_of_most(lobby);
	if (!guest)
		return;
	lobby->evicted++;
	leave(guest, "too many connections are waiting to prove a key");
}

static struct dps_lobby_guest *free_place(struct dps_lobby *lobby)
{
	struct dps_lobby_guest *guest = lobby->guests;

	while (guest->socket)
		guest++;
	DPS_ASSERT(guest < lobby->guests + DPS_LOBBY_GUESTS_MAX);
	return guest;
}

void dps_lobby_admit(struct dps_lobby *lobby, struct dps_socket *socket, uint64_t now_ns)
{
	const struct dps_lobby_config *config = &lobby->config;
	char name[DPS_LOBBY_NAME_BYTES], peer[DPS_ENDPOINT_TEXT_BYTES];
	struct dps_lobby_guest *guest;
	uint8_t key[16];

	key_of(&socket->peer_address, key);
	make_room(lobby, key);
	dps_lobby_name(&socket->peer_address, name);
	snprintf(peer, sizeof(peer), "%s", socket->peer);
	socket = dps_tls_wrap(config->tls, socket, DPS_TLS_ACCEPTED, name);
	if (!socket) {
		config->on_left(config->context, peer, "there is no memory for it", false);
		return;
	}
	guest = free_place(lobby);
	*guest = (struct dps_lobby_guest){
		.lobby = lobby,
		.socket = socket,
		.source = { .fd = socket->fd, .wants = socket->read_waits, .on_ready = on_ready },
		.until_ns = now_ns + DPS_LOBBY_SECONDS * DPS_NS_PER_S,
		.waits_until_ns = DPS_NEVER_NS,
		.serial = lobby->next_serial++,
	};
	guest->source.context = guest;
	memcpy(guest->address, key, sizeof(key));
	lobby->count++;
	if (dps_loop_add(config->loop, &guest->source) < 0)
		leave(guest, "it cannot be watched");
}
