/* SPDX-License-Identifier: BSD-3-Clause */
/* Replay ring: the chunks a channel holds, in order of their numbers, each a reference to a record.
 */
#pragma once
#include "engine/chunk.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * Chunk number n stands at n modulo the capacity. floor is the lowest number that may still be
 * held, head one past the highest that ever was; between them numbers may be empty (done, or
 * padding).
 *
 * Invariant: head - floor <= capacity; outside floor..head-1 every place is empty.
 * Owner: the lane.
 */
struct dps_replay_ring {
	uint32_t *chunks; /* DPS_CHUNK_NONE: empty */
	uint64_t floor;
	uint64_t head;
	uint32_t capacity; /* a power of two */
};

void dps_replay_ring_init(struct dps_replay_ring *ring, uint32_t *chunks, uint32_t capacity);

/* Whether a chunk of this number, not below head, may be put in. */
bool dps_replay_ring_has_room(const struct dps_replay_ring *ring, uint64_t number);

/* Puts a chunk at a number >= head, for which there is room, or into the empty place head - 1. */
void dps_replay_ring_put(struct dps_replay_ring *ring, uint64_t number, uint32_t chunk);

/* The chunk of a number, DPS_CHUNK_NONE when it is not held. */
static inline uint32_t dps_replay_ring_at(const struct dps_replay_ring *ring, uint64_t number)
{
	if (number < ring->floor || number >= ring->head)
		return DPS_CHUNK_NONE;
	return ring->chunks[number & (ring->capacity - 1)];
}

/* The lowest number that is held and not below this one, or UINT64_MAX. */
uint64_t dps_replay_ring_next(const struct dps_replay_ring *ring, uint64_t number);

/* Takes out a chunk that is held; the floor follows. */
void dps_replay_ring_remove(struct dps_replay_ring *ring, uint64_t number);
