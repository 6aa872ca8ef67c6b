/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ours: a lane that sends a file without end out of memory, or one that checks and drops it; the
 * same engine, loop, port and disks as `export --generate` and `collect --discard` have. Its clock
 * stands still while it does not run, so that a pause looks like nothing to it.
 */
#pragma once
#include "drivers/lane.h"
#include "tests/bench/pair_shared.h"

struct pair_clock {
	struct dps_clock clock; /* first: what the lane is given */
	struct dps_clock real;
	uint64_t lost_ns;
	uint64_t paused_at_ns; /* real */
};

struct pair_ours {
	struct pair_clock clock;
	struct dps_port *port;
	struct dps_disk *disk;
	struct dps_seal seal; /* where nothing is encrypted */
	struct dps_lane *lane;
	struct pair_shared *shared;
	unsigned int which;
	int bell; /* an eventfd that the lane rings */
	int path;
	uint64_t connection_id;
	bool is_path_asked;
	uint64_t pieces;
	uint64_t stored; /* told to the lane */
};

enum { PAIR_ROOMS_BYTES = 4 << 20 };

/* What the port has to allocate for it. */
size_t pair_ours_bytes(void);

/* Before its lane runs; paused. Returns 0, or -errno with why. */
int pair_ours_init(struct pair_ours *ours, struct pair_shared *shared, unsigned int which,
		   struct dps_port *port, char *why);

/* What a control core does: takes events, until the lane rings again or 10 ms. The main thread. */
int pair_ours_control(struct pair_ours *ours, char *why);

/* The lane's thread. */
void pair_ours_resume(struct pair_ours *ours);
void pair_ours_pause(struct pair_ours *ours);

/* Payload that was checked and taken so far. The lane's thread. */
uint64_t pair_ours_moved(const struct pair_ours *ours);
