/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lobby: where accepted connections wait until they have proved a key that is trusted. Strangers
 * cost a bounded number of descriptors and a bounded time here, and nothing anywhere else.
 */
#pragma once
#include "drivers/control/handshake_rate.h"
#include "drivers/control/loop.h"
#include "drivers/control/tls.h"

enum dps_lobby_limits {
	DPS_LOBBY_GUESTS_MAX = 64,
	DPS_LOBBY_GUESTS_OF_ADDRESS_MAX = 16, /* of one IPv4 address, or one IPv6 /64 */
	DPS_LOBBY_SECONDS = 5,		      /* to prove a key, however slowly it comes */
	DPS_LOBBY_NAME_BYTES = 80,
};

struct dps_lobby_config {
	struct dps_loop *loop;
	struct dps_tls *tls;
	/* Takes a socket that has proved its key. */
	void (*on_entered)(void *context, struct dps_socket *socket, uint64_t now_ns);
	/*
	 * One has left without, and its socket is closed. why is a sentence; is_refused: one that
	 * its user, or ours, can do something about.
	 */
	void (*on_left)(void *context, const char *peer, const char *why, bool is_refused);
	void *context;
};

struct dps_lobby;

struct dps_lobby_guest {
	struct dps_lobby *lobby;
	struct dps_socket *socket; /* NULL: the place is free */
	struct dps_loop_source source;
	uint64_t until_ns;
	bool has_begun;		 /* its handshake counts already */
	uint64_t waits_until_ns; /* its address begins too many; DPS_NEVER_NS: it does not wait */
	uint64_t serial;	 /* rises: the lowest has waited longest */
	uint8_t address[16];
};

/* Owner: the loop's thread. */
struct dps_lobby {
	struct dps_lobby_config config;
	struct dps_loop_timer timer;
	struct dps_lobby_guest guests[DPS_LOBBY_GUESTS_MAX];
	unsigned int count;
	uint64_t next_serial;
	uint64_t evicted; /* made room for others */
	struct dps_handshake_rate rate;
};

void dps_lobby_init(struct dps_lobby *lobby, const struct dps_lobby_config *config);

/* Closes who waits; nobody hears of it. */
void dps_lobby_fini(struct dps_lobby *lobby);

/*
 * Takes a connection that was accepted. When its address has too many here, the one of them that
 * has waited longest makes room; when all places are taken, the one that has waited longest of the
 * address with the most. So a flood evicts itself, and a good peer, which needs two round
 * trips, is done long before its turn comes. What an address says beyond the rate of handshakes it
 * may begin is not read until it is its turn: the first that came, first.
 */
void dps_lobby_admit(struct dps_lobby *lobby, struct dps_socket *socket, uint64_t now_ns);

/* The host of an address, without its port, as a name that people would write. */
void dps_lobby_name(const struct dps_socket_address *address, char name[DPS_LOBBY_NAME_BYTES]);
