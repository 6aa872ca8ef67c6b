/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS trouble: what went wrong with a TLS connection, as a sentence for whom it concerns. */
#include "drivers/control/tls_parts.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

static int say(struct dps_tls_socket *socket, int result, const char *what)
{
	snprintf(socket->text, sizeof(socket->text), "%.255s %s", socket->name, what);
	return result;
}

/* We show a certificate of an authority: what its reader may not like about it. */
static int explain_certificate(struct dps_tls_socket *socket, int alert)
{
	const char *what =
		"does not trust our certificate: either its --ca does not name our authority, or "
		"its authorized_peers has no line `ca:NAME may=export` for a name in it";

	if (alert == SSL_AD_CERTIFICATE_EXPIRED)
		what = "says that our certificate has expired: have it renewed, and look at both "
		       "clocks";
	else if (alert == SSL_AD_HANDSHAKE_FAILURE || alert == SSL_AD_CERTIFICATE_REQUIRED)
		what = "takes no certificates of authorities: give it --ca there, or do without "
		       "--cert here";
	else if (alert == SSL_AD_UNSUPPORTED_CERTIFICATE)
		what = "says that our certificate is not for this use: its extendedKeyUsage needs "
		       "clientAuth to export, and serverAuth to collect";
	else if (alert == SSL_AD_CERTIFICATE_REVOKED)
		what = "says that our certificate was revoked: have another one made for a new key";
	else if (alert == SSL_AD_BAD_CERTIFICATE)
		what = "does not accept our certificate: it is not valid yet, or not for the name "
		       "that was dialled, or its --crl is out of date; the log there says which";
	return say(socket, -EACCES, what);
}

static bool shows_certificate(const struct dps_tls_socket *socket)
{
	const struct dps_tls_authority *authority = socket->tls->config.authority;

	return authority && authority->certificate;
}

static int explain_untrusted(struct dps_tls_socket *socket)
{
	bool is_dialed = socket->side == DPS_TLS_DIALED;
	const char *key = socket->tls->config.own_key;

	snprintf(socket->text, sizeof(socket->text),
		 "%.255s does not trust our key: add the line `%s NAME may=%s` to authorized_peers "
		 "in its state folder, or give it --peer-key",
		 socket->name, key ? key : "sha256:…", is_dialed ? "export" : "collect");
	return -EACCES;
}

/* Alerts that the peer sent (RFC 8446 section 6.2); OpenSSL gives their number on top of 1000. */
static int explain_alert(struct dps_tls_socket *socket, int alert)
{
	switch (alert) {
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
		return shows_certificate(socket) ? explain_certificate(socket, alert)
						 : explain_untrusted(socket);
	case SSL_AD_HANDSHAKE_FAILURE:
	case SSL_AD_CERTIFICATE_REQUIRED: /* it knows no kind of key that ours has */
		if (shows_certificate(socket))
			return explain_certificate(socket, alert);
		/* fall through */
	case SSL_AD_PROTOCOL_VERSION:
	case SSL_AD_UNEXPECTED_MESSAGE:
		return say(
			socket, -EACCES,
			"does not shake hands as dpdk-streamd does, in TLS 1.3 with Ed25519 keys; "
			"is it one, and of the same release?");
	default:
		snprintf(socket->text, sizeof(socket->text),
			 "%.255s broke off the TLS connection (%s)", socket->name,
			 SSL_alert_desc_string_long(alert));
		return -ECONNRESET;
	}
}

/* What OpenSSL itself did not like in what came. */
static int explain_reason(struct dps_tls_socket *socket, int reason)
{
	switch (reason) {
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return say(socket, -ECONNRESET,
			   socket->is_done ? "closed the connection without a goodbye"
					   : "closed the connection while TLS was set up");
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_WRONG_SSL_VERSION:
	case SSL_R_NO_PROTOCOLS_AVAILABLE:
	case SSL_R_VERSION_TOO_LOW:
		return say(
			socket, -EACCES,
			"speaks an older TLS than 1.3, which is refused; install the same release "
			"of dpdk-streamd on both sides");
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return say(socket, -EACCES, "shows no key: it is no dpdk-streamd of this release");
	default:
		snprintf(socket->text, sizeof(socket->text),
			 "%.255s does not speak TLS as dpdk-streamd does (%s): is it one, of the "
			 "same release, and is nothing in between?",
			 socket->name, ERR_reason_error_string(ERR_peek_error()));
		/* Before it stands, the next attempt would fare no better. */
		return socket->is_done ? -ECONNRESET : -EACCES;
	}
}

int dps_tls_explain(struct dps_tls_socket *socket, int result)
{
	unsigned long error = ERR_peek_error();
	int reason = ERR_GET_REASON(error);

	(void)result;
	if (socket->is_plain)
		return say(socket, -EACCES,
			   "does not speak TLS: it is an older dpdk-streamd, or something else");
	if (socket->text[0]) /* the judge has said it */
		return -EACCES;
	if (socket->below_error) {
		snprintf(socket->text, sizeof(socket->text),
			 "lost the control connection to %.255s: %s", socket->name,
			 strerror(-socket->below_error));
		return socket->below_error;
	}
	if (error == 0 || ERR_GET_LIB(error) != ERR_LIB_SSL)
		return say(socket, -ECONNRESET, "broke off the TLS connection");
	if (reason >= SSL_AD_REASON_OFFSET)
		return explain_alert(socket, reason - SSL_AD_REASON_OFFSET);
	return explain_reason(socket, reason);
}
