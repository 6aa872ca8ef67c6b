/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS chain: a certificate of an authority: whether it holds, and for which names. */
#include "drivers/control/tls_parts.h"
#include <ctype.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* ---- what was dialled ---- */

/* The name as it was wrapped, without its port: HOST, HOST:PORT, an address, or [ADDRESS]:PORT. */
static void host_of(const char *name, char host[DPS_TLS_NAME_BYTES])
{
	const char *colon = strchr(name, ':');
	size_t bytes = strlen(name);

	if (name[0] == '[') {
		name++;
		bytes = strcspn(name, "]");
	} else if (colon && !strchr(colon + 1, ':')) {
		bytes = (size_t)(colon - name);
	}
	snprintf(host, DPS_TLS_NAME_BYTES, "%.*s", (int)bytes, name);
}

bool dps_tls_expect_name(struct dps_tls_socket *socket)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(socket->ssl);
	char host[DPS_TLS_NAME_BYTES];

	host_of(socket->name, host);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
						       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ||
	       X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

/* ---- the names that it is for ---- */

/* As one that people and files may write: what else is in it, nobody is to be called. */
static bool is_plain(const unsigned char *text, int bytes)
{
	for (int i = 0; i < bytes; i++)
		if (!isalnum(text[i]) && !strchr("-._", text[i]))
			return false;
	return bytes > 0;
}

/* Those that fit, with spaces between. */
static void list_names(X509 *certificate, char names[DPS_TLS_CERTIFIED_BYTES])
{
	GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	size_t at = 0;

	names[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
		const unsigned char *text;
		int bytes;

		if (name->type != GEN_DNS)
			continue;
		text = ASN1_STRING_get0_data(name->d.dNSName);
		bytes = ASN1_STRING_length(name->d.dNSName);
		if (!is_plain(text, bytes) || at + (size_t)bytes + 2 > DPS_TLS_CERTIFIED_BYTES)
			continue;
		at += (size_t)sprintf(names + at, "%s%.*s", at > 0 ? " " : "", bytes, text);
	}
	GENERAL_NAMES_free(all);
}

/* ---- what is wrong with it ---- */

static void format_time(const ASN1_TIME *time, char text[32])
{
	struct tm parts;

	if (ASN1_TIME_to_tm(time, &parts) != 1 || strftime(text, 32, "%F %T UTC", &parts) == 0)
		snprintf(text, 32, "a time that cannot be read");
}

static void explain_use(struct dps_tls_socket *socket, char *text, size_t room)
{
	snprintf(text, room,
		 "is not for this use: one of %s with an extendedKeyUsage needs %s in it",
		 socket->side == DPS_TLS_DIALED ? "a collector" : "an exporter",
		 socket->side == DPS_TLS_DIALED ? "serverAuth" : "clientAuth");
}

static void say(struct dps_tls_socket *socket, const char *what)
{
	snprintf(socket->text, sizeof(socket->text), "the certificate of %.255s %s", socket->name,
		 what);
}

static void explain(struct dps_tls_socket *socket, X509_STORE_CTX *store)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(store),
	     *wrong = X509_STORE_CTX_get_current_cert(store);
	int error = X509_STORE_CTX_get_error(store);
	char names[DPS_TLS_CERTIFIED_BYTES], at[32], what[512];

	wrong = wrong ? wrong : leaf;
	if (dps_tls_revoked_explain(&socket->tls->config.authority->revoked, store, what,
				    sizeof(what))) {
		say(socket, what);
		/* Else the alert would be about the certificate, which may be good. */
		if (error != X509_V_ERR_CERT_REVOKED)
			X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
		return;
	}
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		format_time(X509_get0_notAfter(wrong), at);
		snprintf(what, sizeof(what),
			 "has expired, at %s: have it renewed there, and look at both clocks", at);
		break;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		format_time(X509_get0_notBefore(wrong), at);
		snprintf(what, sizeof(what),
			 "is not valid yet, before %s: look at both clocks, or wait", at);
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		list_names(leaf, names);
		snprintf(
			what, sizeof(what),
			"is for another name (%.300s): dial it by one that it has, or have it made "
			"for this one",
			names[0] ? names : "of none that could be dialled");
		break;
	case X509_V_ERR_INVALID_PURPOSE:
		explain_use(socket, what, sizeof(what));
		break;
	default:
		snprintf(what, sizeof(what),
			 "is of no authority that --ca names (%s): have one made by it there, or "
			 "give its authority with --ca",
			 X509_verify_cert_error_string(error));
		break;
	}
	say(socket, what);
}

/* ---- the whole ---- */

bool dps_tls_is_of_authority(X509 *certificate)
{
	return X509_NAME_cmp(X509_get_subject_name(certificate),
			     X509_get_issuer_name(certificate)) != 0;
}

/* The lists of what is revoked, as they are now. */
static bool ask_revoked(struct dps_tls_socket *socket, X509_STORE_CTX *store)
{
	struct dps_tls_revoked *revoked = &socket->tls->config.authority->revoked;

	if (dps_tls_revoked_renew(revoked) && dps_tls_revoked_ask(revoked, store))
		return true;
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
	snprintf(socket->text, sizeof(socket->text),
		 "no certificate is believed, that of %.255s neither: --crl %.200s %s; put the "
		 "authority's newest list there",
		 socket->name, revoked->file,
		 revoked->trouble ? revoked->trouble : "finds no room in memory");
	return false;
}

bool dps_tls_verify_chain(struct dps_tls_socket *socket, X509_STORE_CTX *store)
{
	if (!ask_revoked(socket, store))
		return false;
	if (X509_verify_cert(store) <= 0) {
		explain(socket, store);
		return false;
	}
	list_names(X509_STORE_CTX_get0_cert(store), socket->certified);
	if (socket->certified[0])
		return true;
	/* One that is dialled by its address may have no other name. */
	if (socket->side == DPS_TLS_DIALED) {
		snprintf(socket->certified, sizeof(socket->certified), "-");
		return true;
	}
	X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
	snprintf(socket->text, sizeof(socket->text),
		 "the certificate of %.255s says no name: its subjectAltName needs a DNS name, "
		 "which "
		 "authorized_peers can have a line for",
		 socket->name);
	return false;
}
