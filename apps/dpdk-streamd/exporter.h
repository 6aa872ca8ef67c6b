/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter: finds a collector, offers it files, sends them, and stays until they are stored. */
#pragma once
#include "apps/dpdk-streamd/mirror.h"
#include "apps/dpdk-streamd/node.h"
#include "drivers/control/endpoint.h"
#include "drivers/store/source.h"

/* Where the collector may be. */
struct dps_exporter_peer {
	struct dps_socket_address addresses[DPS_ENDPOINT_ADDRESSES_MAX];
	unsigned int count;
};

/*
 * Lists what is to be sent; NULL with --generate and for a live source (`-`), whose
 * descriptor is in source_fd, else -1. Returns 0, or -errno and says why on stderr. Before the node
 * is started: a wrong name should not cost a start of DPDK.
 */
int dps_exporter_open_source(const struct dps_options *options, struct dps_source **source,
			     int *source_fd);

/*
 * Looks up the collector's name. Returns 0, or the exit status of the process, and says why on
 * stderr. Before the node is started: it may take long, and signals wait for the node's loop.
 */
int dps_exporter_find_peer(const struct dps_options *options, struct dps_exporter_peer *peer);

/* Runs the whole transfer, stops the node, and returns the exit status of the process. */
int dps_exporter_run(struct dps_node *node, struct dps_source *source, struct dps_mirror *mirror,
		     const struct dps_exporter_peer *peer);
