/* SPDX-License-Identifier: BSD-3-Clause */
/* Node port: opens what --port, --lanes, --ip, --mtu, --vlan and --impair ask for. Main thread. */
#pragma once
#include "apps/dpdk-streamd/options.h"
#include "drivers/port.h"
#include <stdbool.h>

enum { DPS_NODE_PORTS_MAX = 16 };

struct dps_node_port {
	/* Of each lane the one to use: with --impair it wraps the real one. */
	struct dps_port *ports[DPS_NODE_PORTS_MAX];
	struct dps_port *bare[DPS_NODE_PORTS_MAX]; /* DPDK\'s own within it, or NULL */
	uint32_t count;
	bool faces_peer; /* its queues meet the peer's, one by one: both have as many */
	bool has_eal;	 /* EAL was started: the lanes run on lcores of it */
	bool is_impaired;
};

/* memory_bytes: what each lane will allocate from its own. Returns 0, or -errno with a sentence in
 * why. */
int dps_node_port_open(struct dps_node_port *port, const struct dps_options *options,
		       const char *program, size_t memory_bytes, uint64_t now_ns, char *why,
		       size_t why_bytes);
void dps_node_port_close(struct dps_node_port *port);
