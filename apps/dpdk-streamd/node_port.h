/* SPDX-License-Identifier: BSD-3-Clause */
/* Node port: opens what --port, --ip, --mtu, --vlan and --impair ask for. Main thread. */
#pragma once
#include "apps/dpdk-streamd/options.h"
#include "drivers/port.h"
#include <stdbool.h>

struct dps_node_port {
	struct dps_port *port; /* the one to use: with --impair it wraps the real one */
	bool has_eal;	       /* EAL was started: the lane runs on an lcore of it */
	bool is_impaired;
};

/* memory_bytes: what will be allocated from it. Returns 0, or -errno with a sentence in why. */
int dps_node_port_open(struct dps_node_port *port, const struct dps_options *options,
		       const char *program, size_t memory_bytes, uint64_t now_ns, char *why,
		       size_t why_bytes);
void dps_node_port_close(struct dps_node_port *port);
