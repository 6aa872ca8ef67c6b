/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stripes: several paths that are one to who uses them, and a channel over all of them that is one.
 * Commands go to each that they concern; what the lanes say becomes one word when all have said it.
 * So a transfer over several lanes is, for exporter and collector, like any other.
 *
 * Member i of a path pairs with member i of the peer's, and carries stripe i: the chunks whose
 * number modulo the stripes is i. A path has the name of its first member, a channel too. Paths of
 * one member are left alone.
 *
 * Owner: the control core. Decides and says through the functions it is given; touches no lane.
 */
#pragma once
#include "drivers/lane.h"

enum { DPS_STRIPES_MAX = 16 };

struct dps_striped_path;
struct dps_striped_channel;

/* How often a descriptor still comes back before all lanes are done with it. */
struct dps_striped_file {
	uint16_t lanes; /* at once; 0: not striped */
	uint16_t returned;
	struct dps_event refused; /* by whichever did; error 0: by none */
};

struct dps_stripes_ops {
	/* To the lane that its path or channel is of. */
	void (*command)(void *context, const struct dps_lane_command *command);
	/* What all lanes together say. */
	void (*say)(void *context, const struct dps_lane_event *event, uint64_t now_ns);
};

struct dps_stripes {
	const struct dps_stripes_ops *ops;
	void *context;
	uint32_t chunk_bytes;
	struct dps_striped_path *paths;
	struct dps_striped_channel *channels;
	struct dps_striped_file *files; /* by descriptor */
	size_t files_room;
};

void dps_stripes_init(struct dps_stripes *stripes, const struct dps_stripes_ops *ops, void *context,
		      uint32_t chunk_bytes);
void dps_stripes_fini(struct dps_stripes *stripes);

/* Two or more paths, not opened yet, are one from now on, by the name of the first. */
void dps_stripes_add_path(struct dps_stripes *stripes, const uint32_t *names, uint32_t count);
/* The peer has only so many, at least one: the rest is closed. */
void dps_stripes_trim_path(struct dps_stripes *stripes, uint32_t name, uint32_t count);
/* The members of a path, in order; itself where it is not striped. Returns how many. */
uint32_t dps_stripes_path_members(const struct dps_stripes *stripes, uint32_t name,
				  uint32_t names[DPS_STRIPES_MAX]);
/* The same for a channel, with their generations. */
uint32_t dps_stripes_channel_members(const struct dps_stripes *stripes, uint32_t name,
				     uint32_t generation, uint32_t names[DPS_STRIPES_MAX],
				     uint32_t generations[DPS_STRIPES_MAX]);

/* False: it concerns no striped path or channel, and nothing was done. */
bool dps_stripes_on_command(struct dps_stripes *stripes, const struct dps_lane_command *command);
/* The same for what a lane says. OPEN_PATH is given to the members by their own names. */
bool dps_stripes_on_event(struct dps_stripes *stripes, const struct dps_lane_event *event,
			  uint64_t now_ns);
