/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_rooms.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>

enum { SPOILT_BYTES = 64 };

static void free_room(struct dps_sim_rooms *rooms, struct dps_sim_room *room)
{
	/* Who still reads it finds something else. */
	memset(room->bytes, 0xdb, SPOILT_BYTES);
	room->is_lent = false;
	room->next = rooms->free;
	rooms->free = room;
	rooms->free_count++;
}

void dps_sim_rooms_init(struct dps_sim_rooms *rooms, uint32_t bytes)
{
	DPS_ASSERT(bytes >= SPOILT_BYTES);
	memset(rooms, 0, sizeof(*rooms));
	rooms->memory = malloc((size_t)DPS_SIM_ROOMS * bytes);
	DPS_ASSERT(rooms->memory != NULL);
	for (uint32_t i = 0; i < DPS_SIM_ROOMS; i++) {
		rooms->rooms[i].bytes = rooms->memory + (size_t)i * bytes;
		free_room(rooms, &rooms->rooms[i]);
	}
}

void dps_sim_rooms_fini(struct dps_sim_rooms *rooms)
{
	free(rooms->memory);
	rooms->memory = NULL;
}

void dps_sim_rooms_recall(struct dps_sim_rooms *rooms)
{
	for (uint32_t i = 0; rooms->memory != NULL && i < DPS_SIM_ROOMS; i++)
		if (rooms->rooms[i].is_lent)
			free_room(rooms, &rooms->rooms[i]);
}

void dps_sim_rooms_lend(struct dps_sim_rooms *rooms, struct dps_outgoing *outgoing)
{
	struct dps_sim_room *room = rooms->free;

	DPS_ASSERT(room != NULL && !room->is_lent);
	rooms->free = room->next;
	rooms->free_count--;
	room->is_lent = true;
	outgoing->owner = room;
	outgoing->room = outgoing->body != NULL ? room->bytes : NULL;
}

bool dps_sim_rooms_is_lent(const struct dps_sim_rooms *rooms, const struct dps_outgoing *outgoing)
{
	const struct dps_sim_room *room = outgoing->owner;

	return rooms->memory != NULL && room >= rooms->rooms &&
	       room < rooms->rooms + DPS_SIM_ROOMS && room->is_lent &&
	       (outgoing->body == NULL || outgoing->body == room->bytes);
}

void dps_sim_rooms_give(struct dps_sim_rooms *rooms, const struct dps_outgoing *outgoing)
{
	DPS_ASSERT(dps_sim_rooms_is_lent(rooms, outgoing));
	free_room(rooms, outgoing->owner);
}
