/* SPDX-License-Identifier: BSD-3-Clause */
/* Node state: what a node holds, for the files that make it up (node.c, node_path.c). */
#pragma once
#include "apps/dpdk-streamd/node.h"
#include "apps/dpdk-streamd/node_lane.h"
#include "apps/dpdk-streamd/node_port.h"
#include "apps/dpdk-streamd/seal_alarm.h"
#include "apps/dpdk-streamd/statistics.h"
#include "apps/dpdk-streamd/stripes.h"

struct dps_node {
	const struct dps_options *options;
	struct dps_node_listener listener;
	struct dps_clock clock;
	struct dps_loop loop;
	struct dps_node_port port;
	struct dps_node_lane lanes[DPS_NODE_LANES_MAX];
	uint32_t lanes_count;
	struct dps_stripes stripes;
	struct dps_worker worker;
	uint32_t chunk_bytes;
	int signals_count;

	struct dps_statistics_file statistics; /* --stats-file */
	struct dps_loop_timer statistics_timer;
	uint64_t statistics_at_ns;

	struct dps_seal_alarm alarm;
	struct dps_loop_timer alarm_timer;
	uint64_t alarm_at_ns;
};

/* From now on the log tells of packets that do not open. */
void dps_node_add_alarm(struct dps_node *node);

/* To the lane that the command's path or channel is of, striped or not. */
void dps_node_command_one(struct dps_node *node, const struct dps_lane_command *command);
