/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peer trust: the credentials of this process as its options have them, how a peer stands by them,
 * and when to ask again, since authorized_peers has changed.
 *
 * Owner: the control core.
 */
#pragma once
#include "apps/dpdk-streamd/peer_standing.h"
#include "apps/dpdk-streamd/state_folder.h"
#include "drivers/control/loop.h"
#include "drivers/credentials/credentials.h"
#include "drivers/trust/trust_watch.h"

struct dps_peer_trust {
	struct dps_credentials credentials;
	struct dps_trust_watch watch; /* of the file, while somebody wants to know */
	struct dps_loop *loop;
	struct dps_loop_source watch_source;
	struct dps_loop_timer gone_timer;
	uint64_t gone_until_ns; /* when a file that was taken away counts as none */
	void (*on_changed)(void *context, uint64_t now_ns);
	void *context; /* of on_changed */
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
				       const struct dps_endpoint_name *to);

/*
 * Who has proved its key on a TLS socket, and what it may take here. False when it is not trusted
 * any more: why (DPS_TLS_TEXT_BYTES) is a sentence.
 */
bool dps_peer_trust_stand(struct dps_peer_trust *trust, const struct dps_socket *socket,
			  struct dps_peer_standing *standing, char *why);

/* Asks again, since the file may have changed; the grant is the new one. False as above. */
bool dps_peer_trust_renew(struct dps_peer_trust *trust, struct dps_peer_standing *standing,
			  char *why);

/*
 * Calls back whenever authorized_peers may be another, from the loop; of one that is gone a second
 * later, if none has come in its place. Where that cannot be, or
 * nobody reads the file, as with --peer-key, nothing is called.
 */
void dps_peer_trust_watch(struct dps_peer_trust *trust, struct dps_loop *loop,
			  void (*on_changed)(void *context, uint64_t now_ns), void *context);
/* Before the loop ends. */
void dps_peer_trust_unwatch(struct dps_peer_trust *trust);

/* What the keys of a connection's paths are made of. */
struct dps_peer_keys {
	const struct dps_peer_trust *trust;
	struct dps_socket *socket; /* of the control connection that both hellos were said on */
	uint64_t epoch;		   /* of the exporter's hello */
};

/*
 * The seal of a path that both hellos have named by these connection ids. *seal is NULL with
 * --clear. Returns 0 or -errno.
 */
int dps_peer_trust_make_seal(const struct dps_peer_keys *keys, uint64_t own_connection_id,
			     uint64_t peer_connection_id, struct dps_seal **seal);
