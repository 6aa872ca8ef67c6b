/* SPDX-License-Identifier: BSD-3-Clause */
/* Lane seal: which seal a path has, and where bodies lie that a seal with a key encrypts. */
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

	if (token < slots || token >= DPS_TOKEN_STREAMS) {
		dps_engine_on_released(lane->engine, token, count);
		return;
	}
	DPS_ASSERT(count == 1 && lane->free_rooms_count < lane->config.rooms_count);
	lane->free_rooms[lane->free_rooms_count++] = token - slots;
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
	DPS_ASSERT(lane->config.rooms_count > 0 || lane->config.port->ops->reserve);
	DPS_ASSERT(!lane->paths[path].seal);
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

/* Rooms of the lane's own, as far as they go. */
static unsigned int take_rooms(struct dps_lane *lane, struct dps_outgoing *outgoing,
			       unsigned int count)
{
	const struct dps_lane_config *config = &lane->config;
	unsigned int i;

	for (i = 0; i < count; i++) {
		uint32_t room;

		if (!outgoing[i].body)
			continue;
		if (lane->free_rooms_count == 0)
			break;
		DPS_ASSERT(outgoing[i].body_bytes <= config->room_bytes);
		room = lane->free_rooms[--lane->free_rooms_count];
		outgoing[i].room = config->rooms + (size_t)room * config->room_bytes;
	}
	return i;
}

/* The port's own rooms where it has them: what is sealed there is not copied again. */
static unsigned int make_room(struct dps_lane *lane, struct dps_outgoing *outgoing,
			      unsigned int count)
{
	struct dps_port *port = lane->config.port;

	if (port->ops->reserve)
		return port->ops->reserve(port, outgoing, count);
	return take_rooms(lane, outgoing, count);
}

/* Rooms of the lane's own stand behind the slots in the port's tokens. */
static void name_rooms(const struct dps_lane_config *config, struct dps_outgoing *outgoing,
		       unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (outgoing[i].body)
			outgoing[i].token = config->limits.slots +
					    (uint32_t)((size_t)(outgoing[i].room - config->rooms) /
						       config->room_bytes);
}

/* How many of the first have its token. Most bursts are of one slot: four at a time. */
static unsigned int same_token(const struct dps_outgoing *outgoing, unsigned int count)
{
	const uint32_t token = outgoing[0].token;
	unsigned int i = 1;

	while (i + 4 <= count && outgoing[i].token == token && outgoing[i + 1].token == token &&
	       outgoing[i + 2].token == token && outgoing[i + 3].token == token)
		i += 4;
	while (i < count && outgoing[i].token == token)
		i++;
	return i;
}

/* Their bodies were sealed from slots, which are the engine's again. */
static void release_slots(struct dps_lane *lane, const struct dps_outgoing *outgoing,
			  unsigned int count)
{
	while (count > 0) {
		/* Those without a body have no slot, and all of a slot have one. */
		unsigned int same = same_token(outgoing, count);

		if (outgoing->body)
			dps_engine_on_released(lane->engine, outgoing->token, same);
		outgoing += same;
		count -= same;
	}
}

/* How many of the first are of one path; those of a path lie together. */
static unsigned int same_path(const struct dps_outgoing *outgoing, unsigned int count)
{
	unsigned int i = 1;

	if (outgoing[count - 1].path == outgoing[0].path)
		return count;
	while (i < count && outgoing[i].path == outgoing[0].path)
		i++;
	return i;
}

/*
 * With keys the cipher's pass is the copy: from the slot to where the port sends from, and the slot
 * is the engine's again at once, whatever the port still holds. Returns how many were sealed.
 */
static unsigned int seal_some(struct dps_lane *lane, struct dps_outgoing *outgoing,
			      unsigned int count)
{
	struct dps_seal *seal = dps_lane_seal_of(lane, outgoing->path);

	if (seal == lane->config.seal) {
		seal->make(seal, outgoing, count);
		return count;
	}
	count = make_room(lane, outgoing, count);
	if (count == 0)
		return 0;
	seal->make(seal, outgoing, count);
	release_slots(lane, outgoing, count);
	if (!lane->config.port->ops->reserve)
		name_rooms(&lane->config, outgoing, count);
	return count;
}

void dps_lane_seal_burst(struct dps_lane *lane)
{
	unsigned int left, count, sealed;

	while ((left = lane->outgoing_count - lane->outgoing_sealed) > 0) {
		struct dps_outgoing *outgoing = lane->outgoing + lane->outgoing_sealed;

		count = lane->sealed_count == 0 ? left : same_path(outgoing, left);
		sealed = seal_some(lane, outgoing, count);
		lane->outgoing_sealed += sealed;
		if (sealed < count)
			return;
	}
}

void dps_lane_drop_unsent(struct dps_lane *lane)
{
	struct dps_port *port = lane->config.port;

	for (; lane->outgoing_first < lane->outgoing_count; lane->outgoing_first++) {
		const struct dps_outgoing *outgoing = &lane->outgoing[lane->outgoing_first];

		if (outgoing->owner)
			port->ops->forgo(port, outgoing, 1);
		else if (outgoing->body)
			dps_lane_give_back(lane, outgoing->token, 1);
	}
	lane->outgoing_sealed = lane->outgoing_count;
}
