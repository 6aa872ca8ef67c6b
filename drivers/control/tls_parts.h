/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of TLS share. */
#pragma once
#include "drivers/control/tls.h"
#include "drivers/control/tls_revoked.h"
#include <openssl/ssl.h>

struct dps_tls {
	struct dps_tls_config config;
	SSL_CTX *dialed;
	SSL_CTX *accepted;
	BIO_METHOD *below; /* reads and writes the socket below */
};

struct dps_tls_authority {
	X509_STORE *store;	/* whose certificates are believed; NULL: nobody's */
	X509 *certificate;	/* ours; NULL: one of our own making */
	STACK_OF(X509) * chain; /* from it to the authority, without that */
	EVP_PKEY *key;		/* of the certificate */
	struct dps_tls_revoked revoked;
};

struct dps_tls_socket {
	struct dps_socket socket;
	struct dps_tls *tls;
	struct dps_socket *below;
	SSL *ssl;
	enum dps_tls_side side;
	bool has_begun;		  /* something came from the peer */
	bool is_plain;		  /* and it was no TLS */
	bool is_frames;		  /* but frames of ours without TLS */
	bool is_done;		  /* the handshake */
	bool has_ended;		  /* the stream below */
	int failed;		  /* -errno that every later call gives */
	int below_error;	  /* of the socket below, that OpenSSL does not pass on */
	uint8_t public_key[2304]; /* of the peer: 44 bytes for Ed25519, 2086 for RSA of 16384 bits
				   */
	size_t public_key_bytes;
	char name[DPS_TLS_NAME_BYTES];
	char certified[DPS_TLS_CERTIFIED_BYTES];
	char text[DPS_TLS_TEXT_BYTES];
};

/* A certificate for the key, signed with it, of which nothing but the key means anything. */
X509 *dps_tls_make_certificate(EVP_PKEY *key);

/* For SSL_CTX_set_cert_verify_callback. */
int dps_tls_verify(X509_STORE_CTX *store, void *context);

/* No prompt on a terminal for what somebody has put a password on. */
int dps_tls_no_password(char *buffer, int room, int is_writing, void *context);

/* tls_chain.c */
/* Whether it claims to be of an authority, and not of who shows it. */
bool dps_tls_is_of_authority(X509 *certificate);
/* The certificate has to be for the name that was dialled. False without memory. */
bool dps_tls_expect_name(struct dps_tls_socket *socket);
/* Whether the chain holds: then certified has its names; else text says why not. */
bool dps_tls_verify_chain(struct dps_tls_socket *socket, X509_STORE_CTX *store);

/* Says in text what went wrong below or in OpenSSL; -errno of it. */
int dps_tls_explain(struct dps_tls_socket *socket, int result);
