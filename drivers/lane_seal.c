/* SPDX-License-Identifier: BSD-3-Clause */
/* Lane seal: which seal a path has, and where bodies lie that a seal with a key has encrypted. */
#include "drivers/lane_state.h"
#include <dps/assert.h>
#include <stdlib.h>

bool dps_lane_init_rooms(struct dps_lane *lane)
{
	const struct dps_lane_config *config = &lane->config;

	if (config->rooms_count == 0)
		return true;
	lane->free_rooms = malloc(config->rooms_count * sizeof(*lane->free_rooms));
	if (!lane->free_rooms)
		return false;
	/* The first ones lie on top: a stack keeps the few that are in use in the cache. */
	for (uint32_t i = 0; i < config->rooms_count; i++)
		lane->free_rooms[i] = config->rooms_count - 1 - i;
	lane->free_rooms_count = config->rooms_count;
	return true;
}

void dps_lane_give_back(struct dps_lane *lane, uint32_t token, uint32_t count)
{
	uint32_t slots = lane->config.limits.slots;

	if (token < slots) {
		dps_engine_on_released(lane->engine, token, count);
		return;
	}
	DPS_ASSERT(count == 1 && lane->free_rooms_count < lane->config.rooms_count);
	lane->free_rooms[lane->free_rooms_count++] = token - slots;
}

unsigned int dps_lane_burst_room(const struct dps_lane *lane)
{
	if (lane->sealed_count == 0 || lane->free_rooms_count >= DPS_PORT_BURST)
		return DPS_PORT_BURST;
	return lane->free_rooms_count;
}

struct dps_seal *dps_lane_seal_of(const struct dps_lane *lane, uint32_t path)
{
	struct dps_seal *seal = lane->paths[path].seal;

	return seal ? seal : lane->config.seal;
}

void dps_lane_take_seal(struct dps_lane *lane, uint32_t path, struct dps_seal *seal)
{
	if (!seal)
		return;
	DPS_ASSERT(lane->config.rooms_count > 0 && !lane->paths[path].seal);
	lane->paths[path].seal = seal;
	lane->sealed_count++;
}

void dps_lane_drop_seal(struct dps_lane *lane, uint32_t path)
{
	struct dps_seal *seal = lane->paths[path].seal;

	if (!seal)
		return;
	lane->paths[path].seal = NULL;
	lane->sealed_count--;
	seal->destroy(seal);
}

/* Where the bodies of these, of a path with keys, are to lie. */
static void take_rooms(struct dps_lane *lane, struct dps_outgoing *outgoing, unsigned int count)
{
	const struct dps_lane_config *config = &lane->config;

	for (unsigned int i = 0; i < count; i++) {
		uint32_t room;

		if (!outgoing[i].body)
			continue;
		DPS_ASSERT(lane->free_rooms_count > 0);
		DPS_ASSERT(outgoing[i].body_bytes <= config->room_bytes);
		room = lane->free_rooms[--lane->free_rooms_count];
		outgoing[i].room = config->rooms + (size_t)room * config->room_bytes;
	}
}

/* Their bodies were sealed from slots, to rooms that stand behind them in the port's tokens. */
static void release_slots(struct dps_lane *lane, struct dps_outgoing *outgoing, unsigned int count)
{
	const struct dps_lane_config *config = &lane->config;
	unsigned int i = 0;

	while (i < count) {
		uint32_t slot = outgoing[i].token, bodies = 0;

		for (; i < count && outgoing[i].token == slot; i++) {
			size_t at;

			if (!outgoing[i].body)
				continue;
			bodies++;
			at = (size_t)(outgoing[i].room - config->rooms);
			outgoing[i].token =
				config->limits.slots + (uint32_t)(at / config->room_bytes);
		}
		if (bodies > 0)
			dps_engine_on_released(lane->engine, slot, bodies);
	}
}

/* How many of the first are of one path. */
static unsigned int same_path(const struct dps_outgoing *outgoing, unsigned int count)
{
	unsigned int i = 1;

	while (i < count && outgoing[i].path == outgoing[0].path)
		i++;
	return i;
}

/*
 * With keys the cipher's pass is the copy: from the slot to a room of its own, and the slot is the
 * engine's again at once, whatever the port still holds.
 */
static void seal_some(struct dps_lane *lane, struct dps_outgoing *outgoing, unsigned int count)
{
	struct dps_seal *seal = dps_lane_seal_of(lane, outgoing->path);
	bool has_keys = seal != lane->config.seal;

	if (has_keys)
		take_rooms(lane, outgoing, count);
	seal->make(seal, outgoing, count);
	if (has_keys)
		release_slots(lane, outgoing, count);
}

void dps_lane_seal_burst(struct dps_lane *lane)
{
	struct dps_outgoing *outgoing = lane->outgoing;
	unsigned int left = lane->outgoing_count;

	while (left > 0) {
		unsigned int count = lane->sealed_count == 0 ? left : same_path(outgoing, left);

		seal_some(lane, outgoing, count);
		outgoing += count;
		left -= count;
	}
}
