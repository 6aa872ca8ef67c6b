/* SPDX-License-Identifier: BSD-3-Clause */
/* Lane loop: turns a lane until it is told to stop; polls while there is work, yields when idle. */
#pragma once
#include "drivers/lane.h"
#include <stdatomic.h>
#include <stdbool.h>

struct dps_lane_loop {
	struct dps_lane *lane;
	struct dps_clock *clock;
	atomic_bool must_stop; /* writer: control core; relaxed, nothing else depends on it */
};

/*
 * Runs on the calling thread, which owns the lane from now on. Idle turns yield the CPU at once
 * and sleep after a while, in growing steps, so that lanes may share a CPU with others.
 */
void dps_lane_loop_run(struct dps_lane_loop *loop);
