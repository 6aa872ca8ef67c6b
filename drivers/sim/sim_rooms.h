/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim rooms: a port's own memory that bodies are sealed into; whose it is, is looked after. */
#pragma once
#include <dps/datagram.h>

enum { DPS_SIM_ROOMS = 48 }; /* more than a burst, less than two */

struct dps_sim_room {
	uint8_t *bytes;
	struct dps_sim_room *next; /* while it is free */
	bool is_lent;
};

/* Owner: the port's world. */
struct dps_sim_rooms {
	struct dps_sim_room rooms[DPS_SIM_ROOMS];
	struct dps_sim_room *free;
	uint32_t free_count;
	uint8_t *memory; /* NULL: there are none */
};

/* Each for bodies of so many bytes. */
void dps_sim_rooms_init(struct dps_sim_rooms *rooms, uint32_t bytes);
void dps_sim_rooms_fini(struct dps_sim_rooms *rooms);

/* Those that were lent are free again, whoever has them. */
void dps_sim_rooms_recall(struct dps_sim_rooms *rooms);

/* Lends one to a datagram; there is one. */
void dps_sim_rooms_lend(struct dps_sim_rooms *rooms, struct dps_outgoing *outgoing);

/* Whether its owner is a room that is lent, with its body where it belongs. */
bool dps_sim_rooms_is_lent(const struct dps_sim_rooms *rooms, const struct dps_outgoing *outgoing);

/* Takes it back; what is in it is worth nothing from then on. */
void dps_sim_rooms_give(struct dps_sim_rooms *rooms, const struct dps_outgoing *outgoing);
