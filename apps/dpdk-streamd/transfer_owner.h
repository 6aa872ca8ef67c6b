/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transfer owner: whose an incoming transfer is, as one line of text in the journal: the address
 * that its last connection came from, the key that was proved there, and the folder its files go
 * into, if it is not the collector's own:
 *
 *     192.0.2.1:40000 sha256:4c1a…90 lab/probe-3
 *
 * Journals of earlier versions have the address alone.
 */
#pragma once
#include "apps/dpdk-streamd/peer_standing.h"
#include "drivers/control/endpoint.h"

enum dps_transfer_owner_sizes {
	DPS_TRANSFER_OWNER_BYTES = (int)DPS_ENDPOINT_TEXT_BYTES + (int)DPS_FINGERPRINT_TEXT_BYTES +
				   (int)DPS_GRANT_INTO_BYTES + 2,
};

/* address: as text, with its port. */
void dps_transfer_owner_format(char owner[DPS_TRANSFER_OWNER_BYTES], const char *address,
			       const struct dps_peer_standing *standing);

/*
 * Whether two are one peer: by their keys; when one has none, by their addresses without the port.
 * Whoever shares an address may then be taken for another.
 */
bool dps_transfer_owner_is_same_peer(const char *one, size_t one_bytes, const char *other,
				     size_t other_bytes);

/* Whether a transfer is one that a peer may go on with: its own, into the folder that it has. */
bool dps_transfer_owner_may_resume(const char *owner, size_t bytes,
				   const struct dps_peer_standing *standing);
