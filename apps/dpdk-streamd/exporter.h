/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter: finds a collector, offers it files, sends them, and stays until they are stored. */
#pragma once
#include "apps/dpdk-streamd/mirror.h"
#include "apps/dpdk-streamd/node.h"
#include "apps/dpdk-streamd/peer_trust.h"
#include "drivers/control/endpoint.h"
#include "drivers/store/source.h"

/* Where the collector may be, and how it is known to be it. */
struct dps_exporter_peer {
	struct dps_peer_trust *trust;
	struct dps_socket_address addresses[DPS_ENDPOINT_ADDRESSES_MAX];
	unsigned int count;
};

/* What is to be sent; with --generate nothing of it is there. */
struct dps_exporter_input {
	struct dps_source *source;    /* files; NULL: none */
	struct dps_live_input live;   /* `-`, a FIFO or --exec; fd -1: none */
	struct dps_producer producer; /* of --exec */
};

/*
 * Lists files, opens a live source, starts its producer. Returns 0, or -errno and says why on
 * stderr; then there is nothing to close. Before the node is started: a wrong name should not cost
 * a start of DPDK, and a producer is not to inherit it.
 */
int dps_exporter_open_input(const struct dps_options *options, struct dps_exporter_input *input);
/* Ends the producer. After the node is stopped, which takes the descriptor. */
void dps_exporter_close_input(struct dps_exporter_input *input);

/*
 * Looks up the collector's name. Returns 0, or the exit status of the process, and says why on
 * stderr. Before the node is started: it may take long, and signals wait for the node's loop.
 */
int dps_exporter_find_peer(const struct dps_options *options, struct dps_exporter_peer *peer);

/* Runs the whole transfer, stops the node, and returns the exit status of the process. */
int dps_exporter_run(struct dps_node *node, const struct dps_exporter_input *input,
		     struct dps_mirror *mirror, const struct dps_exporter_peer *peer);
