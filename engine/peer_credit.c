/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Credit: how many calls and how many bytes of notices each side may have under way, as absolute
 * numbers since the connection began, so that no word of it ever has to be counted twice.
 */
#include "engine/bits.h"
#include "engine/peer.h"

enum { SHARES = 4 }; /* credit is told again when a quarter of it came free */

static const uint8_t charged[] = { DPS_PEER_CONTROL, DPS_PEER_CALL, DPS_PEER_BULK };

static bool is_charged(enum dps_peer_class class)
{
	return class != DPS_PEER_REPLY;
}

static uint64_t cost_of(enum dps_peer_class class, uint32_t body_bytes)
{
	return class == DPS_PEER_CALL ? 1 : dps_peer_cost(body_bytes);
}

static uint64_t limit_of(const struct dps_peer *peer, enum dps_peer_class class)
{
	return class == DPS_PEER_CALL ? peer->config.requests : peer->inbox.limit_bytes[class];
}

/* How far the far side may be told to go: no further than there is room for all of it. */
static uint64_t reach_of(const struct dps_peer *peer, enum dps_peer_class class)
{
	uint64_t held = class == DPS_PEER_CALL ? dps_peer_requests_held(peer)
					       : peer->inbox.held_bytes[class];

	return peer->bounds.come[class] + limit_of(peer, class) - held;
}

void dps_peer_credit_reset(struct dps_peer *peer)
{
	peer->bounds = (struct dps_peer_bounds){ 0 };
}

bool dps_peer_credit_is_owed(const struct dps_peer *peer)
{
	for (unsigned int i = 0; i < sizeof(charged); i++) {
		enum dps_peer_class class = (enum dps_peer_class)charged[i];
		uint64_t share = dps_max_u64(limit_of(peer, class) / SHARES, 1);

		if (reach_of(peer, class) - peer->bounds.granted[class] >= share)
			return true;
	}
	return false;
}

void dps_peer_credit_grant(struct dps_peer *peer, struct dps_peer_credit *credit)
{
	*credit = (struct dps_peer_credit){ 0 };
	for (unsigned int i = 0; i < sizeof(charged); i++) {
		enum dps_peer_class class = (enum dps_peer_class)charged[i];

		peer->bounds.granted[class] = reach_of(peer, class);
		credit->up_to[class] = peer->bounds.granted[class];
	}
}

bool dps_peer_credit_on_come(struct dps_peer *peer, enum dps_peer_class class, uint64_t cost)
{
	if (cost > peer->bounds.granted[class] - peer->bounds.come[class])
		return false;
	peer->bounds.come[class] += cost;
	return true;
}

/* Credit only rises: what was told once is not taken back. */
void dps_peer_credit_on_told(struct dps_peer *peer, const struct dps_peer_credit *credit)
{
	for (unsigned int i = 0; i < sizeof(charged); i++)
		peer->bounds.allowed[charged[i]] =
			dps_max_u64(peer->bounds.allowed[charged[i]], credit->up_to[charged[i]]);
}

bool dps_peer_credit_allows(const struct dps_peer *peer, enum dps_peer_class class)
{
	uint32_t first = peer->queue.classes[class].first;

	if (first == DPS_BLOCK_NONE)
		return false;
	return !is_charged(class) || cost_of(class, peer->queue.messages[first].bytes) <=
					     peer->bounds.allowed[class] - peer->bounds.used[class];
}

void dps_peer_credit_use(struct dps_peer *peer, enum dps_peer_class class, uint32_t bytes)
{
	if (is_charged(class))
		peer->bounds.used[class] += cost_of(class, bytes);
}
