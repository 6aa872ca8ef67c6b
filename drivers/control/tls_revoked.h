/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS revoked: lists of certificates that their authorities have taken back (CRLs, RFC 5280 section
 * 5), of a file in PEM that somebody replaces now and then. Whoever asks whether a chain holds has
 * the file looked at, and read again when it is another.
 *
 * Owner: the authority that it belongs to; the control core.
 */
#pragma once
#include <openssl/x509.h>
#include <stdbool.h>
#include <sys/stat.h>

enum dps_tls_revoked_limits {
	DPS_TLS_REVOKED_BYTES_MAX = 64 << 20, /* of the file: a million certificates, and more */
};

struct dps_tls_revoked {
	const char *file; /* as it was given; NULL: there are no lists */
	struct stat seen; /* the file as it was read */
	STACK_OF(X509_CRL) * lists;
	const char *trouble; /* why there are no lists now, as a part of a sentence; or NULL */
};

/* Reads the file: 0, or -errno with trouble. The name has to outlive it. */
int dps_tls_revoked_open(struct dps_tls_revoked *revoked, const char *file);
/* Nothing for zeros. */
void dps_tls_revoked_close(struct dps_tls_revoked *revoked);

/*
 * Has the file looked at. False when it cannot be read any more, or has become something else: then
 * trouble says why, and nobody is to be believed until it is mended.
 */
bool dps_tls_revoked_renew(struct dps_tls_revoked *revoked);

/*
 * The chain is to be looked up in the lists, each certificate in that of who made it; but the one
 * at its end is believed because our user named it, and needs no list of who made that.
 */
bool dps_tls_revoked_ask(const struct dps_tls_revoked *revoked, X509_STORE_CTX *store);

/* What an error of X509_verify_cert says of the lists, as a part of a sentence about a certificate;
 * false when it says nothing of them. */
bool dps_tls_revoked_explain(const struct dps_tls_revoked *revoked, X509_STORE_CTX *store,
			     char *text, size_t room);
