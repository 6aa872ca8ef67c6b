/* SPDX-License-Identifier: BSD-3-Clause */
/* Identity: the Ed25519 key that this user of this machine proves to its peers. */
#pragma once
#include "drivers/trust/fingerprint.h"
#include <openssl/types.h>

#define DPS_IDENTITY_NAME "identity.pem"

enum { DPS_TRUST_SENTENCE_BYTES = 1024 };

struct dps_identity {
	EVP_PKEY *key; /* with the private part */
	struct dps_fingerprint fingerprint;
};

/*
 * Reads the key from its file in the state folder (PKCS #8, PEM). may_make: one that is missing is
 * made first, readable for its owner alone; of several processes that do so at once one wins, and
 * all have its key. *is_new says whether this call made it (may be NULL).
 *
 * Errors, each with a sentence: -ENOENT there is none, -EPERM others can read it, it is
 * somebody else's, or everyone may write in the folder, -EBADMSG it is no Ed25519 key, other -errno
 * of the file.
 */
int dps_identity_open(struct dps_identity *identity, int folder_fd, const char *folder,
		      bool may_make, bool *is_new, char sentence[DPS_TRUST_SENTENCE_BYTES]);
void dps_identity_close(struct dps_identity *identity);
