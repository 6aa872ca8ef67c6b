/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim disk parts: what a simulated disk is at, for the files that make it up. */
#pragma once
#include "drivers/sim/sim_disk.h"

struct dps_sim_request {
	struct dps_sim_request *next; /* while it is free */
	struct dps_disk_request request;
	struct dps_sim_file *file;
	int64_t result;
};

struct dps_sim_fsync {
	struct dps_sim_file *file;
	struct dps_ranges written; /* when it started */
	void (*on_done)(void *context, int fd, int error);
	void *context;
	int fd;
	int error;
};

/* Adds to a set, whose room grows as it must; returns how many bytes were not in it. */
uint64_t dps_sim_add_range(struct dps_ranges *ranges, uint64_t start, uint64_t end);

void dps_sim_free_fsync(struct dps_sim_fsync *fsync);
