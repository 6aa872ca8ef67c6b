/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of stripes share; nobody else includes it. */
#pragma once
#include "apps/dpdk-streamd/stripes.h"

struct dps_striped_path {
	struct dps_striped_path *next;
	uint32_t count;
	uint32_t names[DPS_STRIPES_MAX];
	uint32_t open;		/* bits of members that are */
	uint32_t payload_bytes; /* the least of those */
};

/* An extent that was announced: over when all members are done with it, or refused it. */
struct dps_striped_extent {
	uint32_t file_index;
	uint32_t done; /* bits of members */
	int32_t error;
	bool is_refused; /* by one: it is not said to be done */
};

struct dps_striped_channel {
	struct dps_striped_channel *next;
	uint32_t count;
	uint32_t paths[DPS_STRIPES_MAX];
	uint32_t names[DPS_STRIPES_MAX];
	uint32_t generations[DPS_STRIPES_MAX];
	uint64_t written[DPS_STRIPES_MAX];
	uint64_t contiguous[DPS_STRIPES_MAX];
	uint64_t cookie;
	uint32_t answered; /* bits of members that are open, or failed to */
	uint32_t opened;
	int32_t error;
	uint32_t last_count; /* members that have nothing more */
	bool is_over;	     /* closed, or its path is */

	struct dps_striped_extent *extents; /* from extents_first on, a ring */
	uint64_t extents_first;
	uint64_t extents_end;
	uint32_t extents_room; /* a power of two */
};

struct dps_striped_path *dps_stripes_find_path(const struct dps_stripes *stripes, uint32_t name,
					       uint32_t *member);
/* Closed or lost: its channels go as well. */
void dps_stripes_end_channels(struct dps_stripes *stripes, const struct dps_striped_path *path);

/* stripes_channel.c */
void dps_stripes_open_channel(struct dps_stripes *stripes, const struct dps_striped_path *path,
			      const struct dps_lane_command *command);
bool dps_stripes_on_channel_command(struct dps_stripes *stripes,
				    const struct dps_lane_command *command);
bool dps_stripes_on_channel_event(struct dps_stripes *stripes, const struct dps_lane_event *event,
				  uint64_t now_ns);
