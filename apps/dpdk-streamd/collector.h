/* SPDX-License-Identifier: BSD-3-Clause */
/* Collector: takes transfers from any number of exporters and stores their files. */
#pragma once
#include "apps/dpdk-streamd/node.h"
#include "apps/dpdk-streamd/peer_trust.h"

/*
 * Serves until SIGINT or SIGTERM, or with --once until the first accepted transfer has ended.
 * Stops the node. Returns the exit status of the process; what it could not do is said on stderr.
 */
int dps_collector_run(struct dps_node *node, struct dps_peer_trust *trust);
