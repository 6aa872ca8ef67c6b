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

/*
 * The cipher's pass is the copy: from the slot to a room of its own, and the slot is the engine's
 * again at once, whatever the port still holds.
 */
static void seal_packet(struct dps_lane *lane, struct dps_outgoing *outgoing)
{
	struct dps_seal *seal = dps_lane_seal_of(lane, outgoing->path);
	uint32_t slots = lane->config.limits.slots, slot = outgoing->token, room;
	uint8_t *to;

	if (!outgoing->body || seal == lane->config.seal) {
		outgoing->body = seal->make(seal, outgoing->packet_number, outgoing->head,
					    outgoing->head_bytes, outgoing->body,
					    outgoing->body_bytes, NULL);
		return;
	}
	DPS_ASSERT(lane->free_rooms_count > 0);
	DPS_ASSERT(outgoing->body_bytes <= lane->config.room_bytes);
	room = lane->free_rooms[--lane->free_rooms_count];
	to = lane->config.rooms + (size_t)room * lane->config.room_bytes;
	outgoing->body = seal->make(seal, outgoing->packet_number, outgoing->head,
				    outgoing->head_bytes, outgoing->body, outgoing->body_bytes, to);
	outgoing->token = slots + room;
	dps_engine_on_released(lane->engine, slot, 1);
}

void dps_lane_seal_burst(struct dps_lane *lane)
{
	if (lane->sealed_count == 0) {
		dps_seal_make_burst(lane->config.seal, lane->outgoing, lane->outgoing_count);
		return;
	}
	for (unsigned int i = 0; i < lane->outgoing_count; i++)
		seal_packet(lane, &lane->outgoing[i]);
}
