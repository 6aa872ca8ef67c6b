/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peer trust: who we are and whom we trust, as the control connections of this process use it: the
 * key of the state folder, its authorized peers, and TLS over both.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/state_folder.h"
#include "drivers/control/tls.h"
#include "drivers/trust/trust.h"

struct dps_peer_trust {
	char folder[DPS_STATE_FOLDER_BYTES];
	int folder_fd;
	struct dps_identity identity;
	char own_key[DPS_FINGERPRINT_TEXT_BYTES];
	struct dps_trust trust;
	struct dps_tls *tls;
};

/* Makes the key when there is none. Returns 0, or -errno with a sentence. */
int dps_peer_trust_open(struct dps_peer_trust *trust, const struct dps_options *options,
			char sentence[DPS_TRUST_SENTENCE_BYTES]);
void dps_peer_trust_close(struct dps_peer_trust *trust);

/*
 * TLS over a connection that was dialled. Takes the socket; NULL without memory. The collector has
 * to prove the key that stands for `to` as the user wrote it.
 */
struct dps_socket *dps_peer_trust_dial(struct dps_peer_trust *trust, struct dps_socket *socket,
				       const struct dps_endpoint *to);
