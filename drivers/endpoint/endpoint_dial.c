/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoint dial: who is to be reached where, and what it has to prove. */
#include "drivers/endpoint/endpoint_state.h"
#include "engine/owner.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_key(struct dps_fingerprint *wanted, const char *key, char *why)
{
	if (key == NULL)
		return 0;
	if (!dps_fingerprint_parse(wanted, key, strlen(key))) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES,
			 "\"%.80s\" is no key: sha256: and 64 hexadecimal digits", key);
		return -EINVAL;
	}
	return 0;
}

/* As authorized_peers has it: without the usual port. */
static void write_name(const struct dps_endpoint_name *to, char *name, size_t room)
{
	bool is_ipv6 = strchr(to->host, ':') != NULL;

	if (to->port == DPS_ENDPOINT_PORT)
		snprintf(name, room, "%s", to->host);
	else
		snprintf(name, room, is_ipv6 ? "[%s]:%u" : "%s:%u", to->host, to->port);
}

/* TLS asks for the key of a name: what is dialled by one name has to prove one key. */
static bool is_asked_alike(const struct dps_endpoint *endpoint,
			   const struct dps_endpoint_member *mover, const char *name,
			   const struct dps_fingerprint *key)
{
	for (uint32_t i = 0; i < endpoint->config.peers; i++) {
		const struct dps_endpoint_member *member = &endpoint->members[i];

		if (!member->is_used || !member->is_dialled || member == mover ||
		    strcmp(member->name, name) != 0)
			continue;
		if (member->has_wanted_key != (key != NULL) ||
		    (key && !dps_fingerprint_is_equal(key, &member->wanted_key)))
			return false;
	}
	return true;
}

/* Where a peer is to be dialled. */
struct place {
	struct dps_socket_address addresses[DPS_ENDPOINT_ADDRESSES_MAX];
	unsigned int count;
	char name[DPS_LOBBY_NAME_BYTES + DPS_ENDPOINT_HOST_BYTES];
};

/* mover: the member that goes there, NULL: a new one. key: that it has to prove, NULL: any. */
static int find_place(const struct dps_endpoint *endpoint, const struct dps_endpoint_member *mover,
		      const char *to, const struct dps_fingerprint *key, struct place *place,
		      char *why)
{
	char error[DPS_ENDPOINT_ERROR_BYTES];
	struct dps_endpoint_name parsed;

	if (!dps_endpoint_parse(&parsed, to != NULL ? to : "", DPS_ENDPOINT_CONNECT, error)) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "%s", error);
		return -EINVAL;
	}
	place->count = dps_endpoint_resolve(&parsed, DPS_ENDPOINT_CONNECT, place->addresses, error);
	if (place->count == 0) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "%s", error);
		return -EHOSTUNREACH;
	}
	write_name(&parsed, place->name, sizeof(place->name));
	if (is_asked_alike(endpoint, mover, place->name, key))
		return 0;
	snprintf(why, DPS_ENDPOINT_WHY_BYTES,
		 "%s is dialled already, and has to prove another key; release that one, or dial "
		 "both with one key",
		 place->name);
	return -EINVAL;
}

static int begin_dialled(struct dps_endpoint *endpoint, const char *to, const char *key,
			 struct dps_handle *peer, char *why)
{
	struct dps_endpoint_member *member = dps_endpoint_free_member(endpoint);
	struct dps_fingerprint wanted;
	struct place place;
	int result;

	if (member == NULL) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "there are %u peers already; release one",
			 endpoint->config.peers);
		return -ENOSPC;
	}
	result = read_key(&wanted, key, why);
	if (result == 0)
		result = find_place(endpoint, NULL, to, key != NULL ? &wanted : NULL, &place, why);
	if (result < 0)
		return result;
	result = dps_endpoint_begin(member, true, place.name, place.addresses, place.count);
	if (result < 0) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "%s", strerror(-result));
		return result;
	}
	member->has_wanted_key = key != NULL;
	if (key != NULL)
		member->wanted_key = wanted;
	*peer = dps_endpoint_handle(member);
	return dps_peer_dial(member->peer, dps_clock_now_ns(&endpoint->clock));
}

/* Of any call that is the owner's to make. */
static int judge_call(const struct dps_endpoint *endpoint, bool makes_sense, char *why)
{
	if (endpoint == NULL || !makes_sense) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "there is no endpoint, or no peer (NULL)");
		return -EINVAL;
	}
	if (dps_owner_is_here(endpoint->owner))
		return 0;
	snprintf(why, DPS_ENDPOINT_WHY_BYTES,
		 "another thread polls this endpoint; have that one do it (dps_endpoint_post)");
	return -DPS_ERROR_THREAD;
}

int dps_endpoint_dial(struct dps_endpoint *endpoint, const char *to, const char *key,
		      struct dps_handle *peer, char why[DPS_ENDPOINT_WHY_BYTES])
{
	char unheard[DPS_ENDPOINT_WHY_BYTES];
	int result;

	why = why != NULL ? why : unheard;
	result = judge_call(endpoint, peer != NULL, why);
	return result == 0 ? begin_dialled(endpoint, to, key, peer, why) : result;
}

int dps_endpoint_move(struct dps_endpoint *endpoint, struct dps_handle peer, const char *to,
		      char why[DPS_ENDPOINT_WHY_BYTES])
{
	struct dps_endpoint_member *member = dps_endpoint_find(endpoint, peer);
	char unheard[DPS_ENDPOINT_WHY_BYTES];
	struct place place;
	int result;

	why = why != NULL ? why : unheard;
	result = judge_call(endpoint, true, why);
	if (result < 0)
		return result;
	if (member == NULL || !member->is_dialled) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES,
			 member == NULL ? "the peer was let go of"
					: "it comes by itself, nobody dials it");
		return member == NULL ? -DPS_ERROR_CLOSED : -EINVAL;
	}
	result = find_place(endpoint, member, to,
			    member->has_wanted_key ? &member->wanted_key : NULL, &place, why);
	if (result < 0)
		return result;
	snprintf(member->name, sizeof(member->name), "%s", place.name);
	dps_peer_wire_move(member->wire, place.addresses, place.count,
			   dps_clock_now_ns(&endpoint->clock));
	return 0;
}
