/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peer standing: who has proved its key on a connection, and what it may take here. What limits a
 * peer goes by the key, so that another connection of it is no other peer; of one that an authority
 * has certified by the first name of its certificate, since its key is another with each.
 *
 * Owner: the control core.
 */
#pragma once
#include "drivers/control/tls.h"
#include "drivers/trust/fingerprint.h"
#include "drivers/trust/grant.h"

/* Zeros: nobody has proved anything, and nothing is limited. */
struct dps_peer_standing {
	bool has_key;
	enum dps_tls_side side;	    /* which one we are */
	struct dps_fingerprint key; /* what it is known by: its key, or what its certificate says */
	struct dps_fingerprint proved;		 /* its key */
	char certified[DPS_TLS_CERTIFIED_BYTES]; /* names, as TLS has them */
	char name[DPS_TLS_NAME_BYTES];		 /* as it was judged by */
	struct dps_grant grant;
};

static inline bool dps_peer_standing_is_same_peer(const struct dps_peer_standing *one,
						  const struct dps_peer_standing *other)
{
	return one->has_key == other->has_key &&
	       (!one->has_key || dps_fingerprint_is_equal(&one->key, &other->key));
}
