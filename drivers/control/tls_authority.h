/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS authority: X.509 for those who have an authority: whose certificates are believed, and the
 * certificate that we show instead of one of our own making. All in PEM.
 *
 * Owner: whoever opened it; it outlives the TLS context that borrows it.
 */
#pragma once
#include "drivers/control/tls.h"

/* NULL: not given. */
struct dps_tls_authority_files {
	const char *ca;	  /* certificates of authorities, one or more */
	const char *crl;  /* what they have revoked; read again when it has changed: to be kept */
	const char *cert; /* ours, and those between it and the authority */
	const char *key;  /* of cert, of any kind that TLS 1.3 knows; nobody else may read it */
};

struct dps_tls_authority;

/*
 * Reads the files. Returns 0 with *authority NULL when none is given, or -errno and a sentence
 * (DPS_TLS_TEXT_BYTES) that names the file and says what to do.
 */
int dps_tls_authority_open(struct dps_tls_authority **authority,
			   const struct dps_tls_authority_files *files, char *sentence);
/* Nothing for NULL. */
void dps_tls_authority_close(struct dps_tls_authority *authority);

/* The key that our certificate shows; NULL when it is of our own making. Lent. */
EVP_PKEY *dps_tls_authority_key(const struct dps_tls_authority *authority);
