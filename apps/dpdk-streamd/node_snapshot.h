/* SPDX-License-Identifier: BSD-3-Clause */
/* Node snapshot: what the lanes of one process counted, as one. Pure. */
#pragma once
#include "drivers/lane.h"

/* Adds what another lane counted; path and channel stay those of the first. */
void dps_node_snapshot_add(struct dps_lane_snapshot *sum, const struct dps_lane_snapshot *lane);
