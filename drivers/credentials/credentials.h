/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Credentials: who we are, whom we trust, and the keys of our paths: the key of the state folder,
 * its authorized peers, and TLS over both. Endpoints and dpdk-streamd have the same.
 *
 * Owner: the thread that turns the control connections.
 */
#pragma once
#include "drivers/aead/aead_choice.h"
#include "drivers/aead/sealed.h"
#include "drivers/control/tls.h"
#include "drivers/control/tls_authority.h"
#include "drivers/trust/state_folder.h"
#include "drivers/trust/trust.h"

struct dps_credentials_config {
	const char *state;    /* NULL: the usual folder of this user */
	const char *peer_key; /* as text: this one alone is trusted; NULL: those below */
	const struct dps_fingerprint *peer_keys; /* if any, only these; borrowed while it is open */
	unsigned int peer_keys_count;
	bool trusts_on_first_use; /* whom we dial */
	bool is_clear;		  /* paths have no keys */
	enum dps_aead_cipher cipher;
	const struct dps_tls_authority_files *authority; /* NULL: none */
	/* What users say for the two, in sentences; NULL: config.state and config.is_clear. */
	const char *state_option, *clear_option;
	/*
	 * Which key a peer has to prove that we dialled by this name; false: any that is trusted.
	 * May be NULL.
	 */
	bool (*find_key)(void *context, const char *name, struct dps_fingerprint *key);
	/* What a user should hear of: a key that was made or remembered. May be NULL. */
	void (*on_news)(void *context, const char *who, const char *sentence);
	/* A line of authorized_peers that counts for nothing. May be NULL. */
	void (*on_wrong)(void *context, unsigned int line, const char *why);
	void *context;
};

struct dps_credentials {
	struct dps_credentials_config config;
	char folder[DPS_STATE_FOLDER_BYTES];
	int folder_fd;
	struct dps_identity identity;
	char own_key[DPS_FINGERPRINT_TEXT_BYTES]; /* that peers are shown */
	struct dps_fingerprint pinned;
	struct dps_trust trust;
	struct dps_tls_authority *authority; /* NULL: none */
	struct dps_tls *tls;
	const struct dps_aead *aead;		 /* NULL: clear */
	char sealed_by[DPS_AEAD_SENTENCE_BYTES]; /* which one it is, and why; "": clear */
};

/*
 * Makes the key when there is none. It must not move while it is open. Texts are borrowed for the
 * call. Errors: -errno with a sentence; nothing is to be closed then.
 */
int dps_credentials_open(struct dps_credentials *credentials,
			 const struct dps_credentials_config *config,
			 char sentence[DPS_TRUST_SENTENCE_BYTES]);
void dps_credentials_close(struct dps_credentials *credentials);

/* Of a TLS socket whose handshake is done. */
void dps_credentials_read_key(const struct dps_socket *socket, struct dps_fingerprint *key);

/* What is asked of a peer that shows a key on a connection of ours; borrows all of them. */
struct dps_trust_question dps_credentials_question(enum dps_tls_side side,
						   const struct dps_fingerprint *key,
						   const char *name, const char *certified);

/*
 * Whether it is trusted, now; changes nothing. The grant (NULL: nobody asks) is what it may take
 * here. Why is a sentence when it is not.
 */
bool dps_credentials_judge(struct dps_credentials *credentials,
			   const struct dps_trust_question *question, struct dps_grant *grant,
			   char why[DPS_TRUST_SENTENCE_BYTES]);

/*
 * The seal of a path of a connection, known to both ends by the epoch: of the packets that carry
 * our connection id and of those that carry the peer's. *seal is NULL with clear data. Errors:
 * -ENOMEM, -ENOTCONN.
 */
int dps_credentials_make_seal(const struct dps_credentials *credentials, struct dps_socket *socket,
			      uint64_t epoch, uint64_t own_connection_id,
			      uint64_t peer_connection_id, struct dps_seal **seal);
