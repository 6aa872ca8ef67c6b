/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/tls.h"
#include "drivers/control/tls_parts.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	CERTIFICATES_BYTES_MAX = 4096, /* what a stranger may make us hold: ours have 250 */
	CHAIN_BYTES_MAX = 32768, /* the same with authorities: RSA of 4096 bits has 1500 each */
};

/* ---- our certificate ---- */

static bool fill(X509 *certificate, EVP_PKEY *key)
{
	static const char common_name[] = "dpdk-streamd";
	X509_NAME *name = X509_get_subject_name(certificate);

	/* The dates are RFC 5280's for "no end is known": clocks of appliances are often wrong. */
	return X509_set_version(certificate, X509_VERSION_3) == 1 &&
	       ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
	       ASN1_TIME_set_string(X509_getm_notBefore(certificate), "700101000000Z") == 1 &&
	       ASN1_TIME_set_string(X509_getm_notAfter(certificate), "99991231235959Z") == 1 &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					  (const unsigned char *)common_name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, name) == 1 &&
	       X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, NULL) > 0;
}

X509 *dps_tls_make_certificate(EVP_PKEY *key)
{
	X509 *certificate = X509_new();

	if (certificate && fill(certificate, key))
		return certificate;
	X509_free(certificate);
	return NULL;
}

/* ---- the peer's key ---- */

static bool keep_public_key(struct dps_tls_socket *socket, X509 *certificate)
{
	EVP_PKEY *key = certificate ? X509_get0_pubkey(certificate) : NULL;
	uint8_t *to = socket->public_key;
	int bytes;

	if (!key || (!socket->certified[0] && EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519))
		return false;
	bytes = i2d_PUBKEY(key, NULL);
	if (bytes <= 0 || (size_t)bytes > sizeof(socket->public_key))
		return false;
	socket->public_key_bytes = (size_t)i2d_PUBKEY(key, &to);
	return true;
}

static bool believes_authorities(const struct dps_tls *tls)
{
	return tls->config.authority && tls->config.authority->store;
}

/*
 * In place of a chain of certificates there is one question, unless it is of an authority. The
 * alert that a refusal sends is unknown_ca: OpenSSL chooses it by this error, and has none for "I
 * know the key and say no".
 */
int dps_tls_verify(X509_STORE_CTX *store, void *context)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct dps_tls_socket *socket = SSL_get_app_data(ssl);
	const struct dps_tls *tls = context;
	struct dps_tls_peer peer = { .side = socket->side, .name = socket->name };

	socket->certified[0] = '\0';
	if (believes_authorities(tls) && dps_tls_is_of_authority(X509_STORE_CTX_get0_cert(store)) &&
	    !dps_tls_verify_chain(socket, store))
		return 0; /* the alert is that of its error */
	X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
	if (!keep_public_key(socket, X509_STORE_CTX_get0_cert(store))) {
		snprintf(socket->text, sizeof(socket->text),
			 "%s shows a key that is not Ed25519: it is no dpdk-streamd, or shows a "
			 "certificate of an authority, which --ca has to name here",
			 socket->name);
		return 0;
	}
	peer.public_key = socket->public_key;
	peer.public_key_bytes = socket->public_key_bytes;
	peer.certified = socket->certified;
	if (!tls->config.judge(tls->config.context, &peer, socket->text))
		return 0;
	socket->text[0] = '\0';
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

/* ---- the socket below, as OpenSSL sees it ---- */

static struct dps_tls_socket *owner_of(BIO *bio)
{
	return BIO_get_data(bio);
}

/* A TLS connection begins with a handshake record (22); ours without TLS with a length below 1 MiB.
 */
static bool is_tls(struct dps_tls_socket *socket, uint8_t first)
{
	if (socket->has_begun)
		return true;
	socket->has_begun = true;
	socket->is_plain = first != SSL3_RT_HANDSHAKE && first != SSL3_RT_ALERT;
	socket->is_frames = first == 0;
	return !socket->is_plain;
}

static int read_below(BIO *bio, char *bytes, int room)
{
	struct dps_tls_socket *socket = owner_of(bio);
	ssize_t count = socket->below->ops->read(socket->below, bytes, (size_t)room);

	BIO_clear_retry_flags(bio);
	if (count == -EAGAIN)
		BIO_set_retry_read(bio);
	else if (count < 0)
		socket->below_error = (int)count;
	socket->has_ended |= count == 0;
	if (count <= 0)
		return count == 0 ? 0 : -1;
	return is_tls(socket, (uint8_t)bytes[0]) ? (int)count : -1;
}

static int write_below(BIO *bio, const char *bytes, int length)
{
	struct dps_tls_socket *socket = owner_of(bio);
	ssize_t count = socket->below->ops->write(socket->below, bytes, (size_t)length);

	BIO_clear_retry_flags(bio);
	if (count == -EAGAIN)
		BIO_set_retry_write(bio);
	else if (count < 0)
		socket->below_error = (int)count;
	return count < 0 ? -1 : (int)count;
}

static long control_below(BIO *bio, int command, long number, void *pointer)
{
	(void)number, (void)pointer;
	if (command == BIO_CTRL_EOF)
		return owner_of(bio)->has_ended;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_below(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "dps_socket");

	if (method && BIO_meth_set_read(method, read_below) == 1 &&
	    BIO_meth_set_write(method, write_below) == 1 &&
	    BIO_meth_set_ctrl(method, control_below) == 1)
		return method;
	BIO_meth_free(method);
	return NULL;
}

/* ---- the context ---- */

/*
 * TLS 1.3 alone, the suites and groups that everyone has, one kind of key, and nothing that
 * outlives a connection: no tickets, no sessions, so each one proves its key anew.
 */
static bool set_up_authority(const struct dps_tls_authority *authority, SSL_CTX *context)
{
	SSL_CTX_set_max_cert_list(context, CHAIN_BYTES_MAX);
	if (authority->store)
		SSL_CTX_set1_cert_store(context, authority->store);
	return SSL_CTX_set1_sigalgs_list(
		       context, "ed25519:ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:"
				"rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
				"rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512") == 1 &&
	       (!authority->certificate || SSL_CTX_set1_chain(context, authority->chain) == 1);
}

static bool set_up(struct dps_tls *tls, SSL_CTX *context, X509 *certificate)
{
	const struct dps_tls_authority *authority = tls->config.authority;
	EVP_PKEY *key = authority && authority->key ? authority->key : tls->config.key;

	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(context,
			    SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	/* Or a peer that changes its keys without end is all that a read ever comes to. */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_max_cert_list(context, CERTIFICATES_BYTES_MAX);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(context, dps_tls_verify, tls);
	return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_num_tickets(context, 0) == 1 &&
	       SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
						 "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
	       SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1 &&
	       SSL_CTX_set1_sigalgs_list(context, "ed25519") == 1 &&
	       SSL_CTX_use_certificate(context, certificate) == 1 &&
	       SSL_CTX_use_PrivateKey(context, key) == 1 &&
	       (!authority || set_up_authority(authority, context));
}

static X509 *certificate_of(const struct dps_tls_config *config)
{
	X509 *certificate = config->authority ? config->authority->certificate : NULL;

	if (!certificate)
		return dps_tls_make_certificate(config->key);
	X509_up_ref(certificate);
	return certificate;
}

struct dps_tls *dps_tls_create(const struct dps_tls_config *config)
{
	struct dps_tls *tls = calloc(1, sizeof(*tls));
	X509 *certificate = certificate_of(config);
	bool is_set_up = false;

	if (tls) {
		tls->config = *config;
		tls->below = make_below();
		tls->dialed = SSL_CTX_new(TLS_client_method());
		tls->accepted = SSL_CTX_new(TLS_server_method());
		is_set_up = certificate && tls->below && tls->dialed && tls->accepted &&
			    set_up(tls, tls->dialed, certificate) &&
			    set_up(tls, tls->accepted, certificate);
	}
	X509_free(certificate);
	if (is_set_up)
		return tls;
	dps_tls_destroy(tls);
	return NULL;
}

void dps_tls_destroy(struct dps_tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->dialed);
	SSL_CTX_free(tls->accepted);
	BIO_meth_free(tls->below);
	free(tls);
}
