/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim host: one polling core: turns a lane when polling would find something, and takes its time.
 */
#pragma once
#include "drivers/sim/sim.h"

/* What a turn did, and when the next has something to do by itself. */
struct dps_sim_turn {
	unsigned int work; /* packets, results, commands: anything; 0 for an idle turn */
	uint64_t next_deadline_ns;
};

struct dps_sim_host_config {
	uint64_t turn_ns;   /* what a turn costs */
	uint64_t work_ns;   /* and each unit of its work */
	uint32_t stall_ppm; /* a turn is followed by a stall (the core is taken away) of ... */
	uint64_t stall_ns_min;
	uint64_t stall_ns_max;
};

/* Owner: the world. Ports and disks of the host point to its node and wake it. */
struct dps_sim_host {
	struct dps_sim_node node;
	struct dps_sim_host_config config;
	struct dps_sim_turn (*turn)(void *context);
	void *context;
	uint64_t turns_count;
	uint64_t stalls_count;
};

/* 1 us a turn, 100 ns a unit of work, no stalls. */
extern const struct dps_sim_host_config dps_sim_host_plain;

/* Adds a host that takes its first turn at once. The name is unique in the world. */
void dps_sim_host_init(struct dps_sim_host *host, struct dps_sim *sim, const char *name,
		       const struct dps_sim_host_config *config,
		       struct dps_sim_turn (*turn)(void *context), void *context);
