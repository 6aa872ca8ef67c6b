/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peer inbox: what came from a peer and the program has not taken yet.
 *
 * Room is promised before anything comes: notices have credit for it, and what requests take is
 * checked when their head is there. So bytes that come always find their place, or are thrown away
 * with an answer that says so.
 *
 * Owner: the peer's thread.
 */
#pragma once
#include "engine/blocks.h"
#include <dps/peer.h>

/* A message is known by its first block. */
struct dps_peer_arrival {
	uint64_t at_ns; /* it was whole */
	uint32_t bytes;
	uint32_t next;
	uint8_t class;
};

struct dps_peer_inbox {
	struct dps_blocks blocks;
	struct dps_peer_arrival *arrivals; /* by first block */
	uint32_t first[DPS_PEER_CLASSES];  /* notices, whole and not taken */
	uint32_t last[DPS_PEER_CLASSES];
	uint32_t limit_bytes[DPS_PEER_CLASSES]; /* in cost; requests count as calls */
	uint32_t held_bytes[DPS_PEER_CLASSES];
	uint32_t notices; /* whole and not taken */
};

/* Bytes of 8-byte aligned memory, for limits in whole blocks. */
size_t dps_peer_inbox_memory_bytes(const uint32_t limit_bytes[DPS_PEER_CLASSES]);
void dps_peer_inbox_init(struct dps_peer_inbox *inbox, void *memory,
			 const uint32_t limit_bytes[DPS_PEER_CLASSES]);

/* Room for a body of a class; DPS_BLOCK_NONE when its limit leaves none. */
uint32_t dps_peer_inbox_take(struct dps_peer_inbox *inbox, enum dps_peer_class class,
			     uint32_t bytes);
void dps_peer_inbox_give(struct dps_peer_inbox *inbox, uint32_t message);

/* A notice is whole: it can be read after those of its class before it. */
void dps_peer_inbox_add(struct dps_peer_inbox *inbox, uint32_t message);

/* The next notice of a class; still holds its room. DPS_BLOCK_NONE: there is none. */
uint32_t dps_peer_inbox_next(struct dps_peer_inbox *inbox, enum dps_peer_class class);
