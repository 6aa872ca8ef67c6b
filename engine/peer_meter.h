/* SPDX-License-Identifier: BSD-3-Clause */
/* Peer meter: how long things took, in buckets that are there from the start. */
#pragma once
#include <dps/peer.h>

/* A duration that is negative, as between two clocks, counts as none. */
void dps_peer_histogram_add(struct dps_peer_histogram *histogram, uint64_t from_ns,
			    uint64_t until_ns);
