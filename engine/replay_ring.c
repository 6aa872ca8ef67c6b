/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/replay_ring.h"
#include "engine/bits.h"
#include <dps/assert.h>

static uint32_t *place_of(const struct dps_replay_ring *ring, uint64_t number)
{
	return &ring->chunks[number & (ring->capacity - 1)];
}

void dps_replay_ring_init(struct dps_replay_ring *ring, uint32_t *chunks, uint32_t capacity)
{
	DPS_ASSERT(dps_is_power_of_two(capacity));
	ring->chunks = chunks;
	ring->capacity = capacity;
	ring->floor = 0;
	ring->head = 0;
	for (uint32_t i = 0; i < capacity; i++)
		chunks[i] = DPS_CHUNK_NONE;
}

bool dps_replay_ring_has_room(const struct dps_replay_ring *ring, uint64_t number)
{
	/* An empty ring may jump: a file that was skipped leaves numbers without chunks. */
	return ring->floor == ring->head || number - ring->floor < ring->capacity;
}

void dps_replay_ring_put(struct dps_replay_ring *ring, uint64_t number, uint32_t chunk)
{
	if (ring->floor == ring->head)
		ring->floor = number;
	DPS_ASSERT(number + 1 >= ring->head && number - ring->floor < ring->capacity);
	DPS_ASSERT(*place_of(ring, number) == DPS_CHUNK_NONE);
	*place_of(ring, number) = chunk;
	if (number >= ring->head)
		ring->head = number + 1;
}

uint64_t dps_replay_ring_next(const struct dps_replay_ring *ring, uint64_t number)
{
	for (number = dps_max_u64(number, ring->floor); number < ring->head; number++)
		if (*place_of(ring, number) != DPS_CHUNK_NONE)
			return number;
	return UINT64_MAX;
}

void dps_replay_ring_remove(struct dps_replay_ring *ring, uint64_t number)
{
	DPS_ASSERT(dps_replay_ring_at(ring, number) != DPS_CHUNK_NONE);
	*place_of(ring, number) = DPS_CHUNK_NONE;
	while (ring->floor < ring->head && *place_of(ring, ring->floor) == DPS_CHUNK_NONE)
		ring->floor++;
}
