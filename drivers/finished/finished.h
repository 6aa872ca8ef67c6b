/* SPDX-License-Identifier: BSD-3-Clause */
/* Finished: results waiting to be reaped, for disks that are done as soon as they are asked. */
#pragma once
#include "drivers/disk.h"

/* First in, first out. Owner: the disk's lane. */
struct dps_finished {
	struct dps_disk_result *results;
	unsigned int room;
	unsigned int first;
	unsigned int count;
};

/* Room for this many results, at least one. -ENOMEM. */
int dps_finished_create(struct dps_finished *finished, unsigned int room);
void dps_finished_destroy(struct dps_finished *finished);

bool dps_finished_is_full(const struct dps_finished *finished);
/* Puts one; there must be room. Counts it as the disk's own work. */
void dps_finished_put(struct dps_finished *finished, struct dps_disk *disk,
		      const struct dps_disk_request *request, int64_t result);
/* Takes the oldest, at most room; returns how many. */
unsigned int dps_finished_take(struct dps_finished *finished, struct dps_disk_result *results,
			       unsigned int room);
