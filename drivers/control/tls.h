/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS: a socket that is a TLS 1.3 connection over another one, both sides proved by an Ed25519 key.
 *
 * Each side shows a certificate that it has signed itself, of which the key alone counts. TLS
 * proves that a peer has the key; whether a key is trusted is the judge's to say. Those who have a
 * certificate authority can show certificates of it, with keys of any kind (tls_authority.h): then
 * the judge hears which names they are for.
 */
#pragma once
#include "drivers/control/socket.h"
#include <openssl/types.h>
#include <stdbool.h>

enum dps_tls_limits {
	DPS_TLS_TEXT_BYTES = 1024,
	DPS_TLS_NAME_BYTES = 256, /* of a peer, as the judge hears it */
	DPS_TLS_CERTIFIED_BYTES = 1024,
};

enum dps_tls_side {
	DPS_TLS_DIALED,
	DPS_TLS_ACCEPTED,
};

/* A peer's key: SubjectPublicKeyInfo in DER, as it stands in its certificate. */
struct dps_tls_peer {
	enum dps_tls_side side; /* which side we are */
	const char *name;	/* as it was wrapped */
	const uint8_t *public_key;
	size_t public_key_bytes;
	/*
	 * The DNS names that an authority we believe has certified, with spaces between; "-" for
	 * none, of one that was dialled by the address in it. "": the key alone counts.
	 */
	const char *certified;
};

struct dps_tls_authority;

struct dps_tls_config {
	EVP_PKEY *key; /* unless the authority has one: Ed25519 with its private part; borrowed,
			  used as long as the context is */
	/*
	 * Whether the key is trusted, before the peer has proved that it has it: changes nothing
	 * that lasts. When not, why (DPS_TLS_TEXT_BYTES) is a sentence for our user.
	 */
	bool (*judge)(void *context, const struct dps_tls_peer *peer, char *why);
	/* The peer has proved it. False ends the connection all the same. May be NULL. */
	bool (*on_proved)(void *context, const struct dps_tls_peer *peer, char *why);
	void *context;
	struct dps_tls_authority *authority; /* NULL: none; borrowed as the key */
	const char *own_key; /* its fingerprint, for sentences about peers that do not trust it */
};

struct dps_tls;

/* NULL without memory, or when OpenSSL cannot do it. Owner: the loop's thread. */
struct dps_tls *dps_tls_create(const struct dps_tls_config *config);

/* After the last of its sockets. Nothing for NULL. */
void dps_tls_destroy(struct dps_tls *tls);

/*
 * Takes a connected socket; name is what the peer is called by the judge and in sentences. Reads
 * and writes shake hands first; nothing that was written leaves, and nothing that came is read,
 * before the key of the peer was judged and proved. NULL without memory, the socket closed.
 *
 * When it fails, reads return -errno and socket->trouble says why in a sentence: with -EACCES
 * (socket->is_refused) one of both does not trust the other or does not speak this TLS, and would
 * say the same again.
 */
struct dps_socket *dps_tls_wrap(struct dps_tls *tls, struct dps_socket *socket,
				enum dps_tls_side side, const char *name);

/*
 * Goes on shaking hands. 0 it is done, -EAGAIN not yet (see read_waits), or -errno as a read. That
 * the peer trusts us as well is known when something was read.
 */
int dps_tls_handshake(struct dps_socket *socket);

/* Who has proved its key; the key is lent for as long as the socket lives. A TLS socket whose
 * handshake is done. */
void dps_tls_read_peer(const struct dps_socket *socket, struct dps_tls_peer *peer);

/*
 * Fills secret with what TLS exports to both ends of this connection alone, for a label and a
 * context (RFC 8446 section 7.5). Of a TLS socket whose handshake is done. Returns 0 or -errno.
 */
int dps_tls_export(struct dps_socket *socket, const char *label, const uint8_t *context,
		   size_t context_bytes, uint8_t *secret, size_t secret_bytes);
