/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Credentials: who an endpoint is, whom it trusts, and the keys of its paths: the key of the state
 * folder, its authorized peers, and TLS over both. Owner: the endpoint's thread.
 */
#pragma once
#include "drivers/aead/sealed.h"
#include "drivers/control/tls.h"
#include "drivers/trust/state_folder.h"
#include "drivers/trust/trust.h"

struct dps_credentials_config {
	const char *state;	  /* NULL: the usual folder of this user */
	const char *peer_key;	  /* NULL: those of the folder */
	bool trusts_on_first_use; /* whom we dial */
	bool is_clear;		  /* paths have no keys */
	/* Which key a peer has to prove that we dialled by this name; false: any that is trusted.
	 */
	bool (*find_key)(void *context, const char *name, struct dps_fingerprint *key);
	/* What a user should hear of: a key that was made or remembered. May be NULL. */
	void (*on_news)(void *context, const char *who, const char *sentence);
	void *context;
};

struct dps_credentials {
	struct dps_credentials_config config;
	char folder[DPS_STATE_FOLDER_BYTES];
	int folder_fd;
	struct dps_identity identity;
	char own_key[DPS_FINGERPRINT_TEXT_BYTES];
	struct dps_fingerprint pinned;
	struct dps_trust trust;
	struct dps_tls *tls;
	const struct dps_aead *aead; /* NULL: clear */
};

/* Texts are borrowed for the call. Errors: -errno with a sentence; nothing is to be closed then. */
int dps_credentials_open(struct dps_credentials *credentials,
			 const struct dps_credentials_config *config,
			 char sentence[DPS_TRUST_SENTENCE_BYTES]);
void dps_credentials_close(struct dps_credentials *credentials);

/* Of a TLS socket whose handshake is done. */
void dps_credentials_read_key(const struct dps_socket *socket, struct dps_fingerprint *key);

/*
 * The seal of the path of a connection: of the packets that carry our connection id and of those
 * that carry the peer's. *seal is NULL with clear data. Errors: -ENOMEM, -ENOTCONN.
 */
int dps_credentials_make_seal(const struct dps_credentials *credentials, struct dps_socket *socket,
			      uint64_t own_connection_id, uint64_t peer_connection_id,
			      struct dps_seal **seal);
