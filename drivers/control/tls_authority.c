/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/tls_authority.h"
#include "drivers/control/tls_parts.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(char *sentence, const char *option, const char *file, const char *why, int result)
{
	snprintf(sentence, DPS_TLS_TEXT_BYTES, "%s %.500s %s", option, file, why);
	return result;
}

int dps_tls_no_password(char *buffer, int room, int is_writing, void *context)
{
	(void)buffer, (void)room, (void)is_writing, (void)context;
	return -1;
}

static FILE *open_file(const char *option, const char *name, char *sentence)
{
	FILE *file = fopen(name, "re");

	if (!file) {
		int error = errno;

		fail(sentence, option, name, strerror(error), -error);
		errno = error;
	}
	return file;
}

static int read_ca(struct dps_tls_authority *authority, const char *name, char *sentence)
{
	FILE *file = open_file("--ca", name, sentence);
	unsigned int count = 0;
	X509 *certificate;

	if (!file)
		return -errno;
	authority->store = X509_STORE_new();
	/* One between them and a root may be whom somebody believes. */
	if (authority->store)
		X509_STORE_set_flags(authority->store, X509_V_FLAG_PARTIAL_CHAIN);
	while (authority->store &&
	       (certificate = PEM_read_X509(file, NULL, dps_tls_no_password, NULL))) {
		count += X509_STORE_add_cert(authority->store, certificate) == 1;
		X509_free(certificate);
	}
	fclose(file);
	ERR_clear_error(); /* the end of the file is one */
	return count > 0
		       ? 0
		       : fail(sentence, "--ca", name, "has no certificate in PEM in it", -EBADMSG);
}

static int read_crl(struct dps_tls_authority *authority, const char *name, char *sentence)
{
	int result = dps_tls_revoked_open(&authority->revoked, name);

	return result < 0 ? fail(sentence, "--crl", name, authority->revoked.trouble, result) : 0;
}

static int read_certificate(struct dps_tls_authority *authority, const char *name, char *sentence)
{
	FILE *file = open_file("--cert", name, sentence);
	X509 *between;

	if (!file)
		return -errno;
	authority->certificate = PEM_read_X509(file, NULL, dps_tls_no_password, NULL);
	authority->chain = sk_X509_new_null();
	while (authority->certificate && authority->chain &&
	       (between = PEM_read_X509(file, NULL, dps_tls_no_password, NULL)))
		if (sk_X509_push(authority->chain, between) == 0)
			X509_free(between);
	fclose(file);
	ERR_clear_error();
	return authority->certificate ? 0
				      : fail(sentence, "--cert", name,
					     "has no certificate in PEM in it", -EBADMSG);
}

/* As the key of the state folder: whoever can read it is us. */
static int check_key_file(FILE *file, const char *name, char *sentence)
{
	struct stat status;

	if (fstat(fileno(file), &status) != 0)
		return fail(sentence, "--key", name, strerror(errno), -errno);
	if (status.st_uid != geteuid() && status.st_uid != 0)
		return fail(sentence, "--key", name, "belongs to another user: chown it", -EPERM);
	if (status.st_mode & 077)
		return fail(sentence, "--key", name,
			    "can be read or written by others: chmod 600 it, and if one of them "
			    "may have read it, have a certificate made for another key",
			    -EPERM);
	return 0;
}

static int read_key(struct dps_tls_authority *authority, const char *name, char *sentence)
{
	FILE *file = open_file("--key", name, sentence);
	int result;

	if (!file)
		return -errno;
	result = check_key_file(file, name, sentence);
	if (result == 0)
		authority->key = PEM_read_PrivateKey(file, NULL, dps_tls_no_password, NULL);
	fclose(file);
	ERR_clear_error();
	if (result == 0 && !authority->key)
		result = fail(sentence, "--key", name,
			      "has no private key in PEM without a password in it", -EBADMSG);
	return result;
}

static int read_own(struct dps_tls_authority *authority,
		    const struct dps_tls_authority_files *files, char *sentence)
{
	int result = read_certificate(authority, files->cert, sentence);

	if (result == 0)
		result = read_key(authority, files->key, sentence);
	if (result == 0 && X509_check_private_key(authority->certificate, authority->key) != 1) {
		ERR_clear_error();
		result = fail(sentence, "--key", files->key, "is not the key of --cert", -EBADMSG);
	}
	return result;
}

int dps_tls_authority_open(struct dps_tls_authority **authority,
			   const struct dps_tls_authority_files *files, char *sentence)
{
	int result = 0;

	*authority = NULL;
	if (!files->cert != !files->key) {
		snprintf(sentence, DPS_TLS_TEXT_BYTES, "--cert and --key belong together");
		return -EINVAL;
	}
	if (files->crl && !files->ca) {
		snprintf(sentence, DPS_TLS_TEXT_BYTES,
			 "--crl is of what authorities have revoked: --ca has to name them");
		return -EINVAL;
	}
	if (!files->ca && !files->cert)
		return 0;
	*authority = calloc(1, sizeof(**authority));
	if (!*authority)
		return fail(sentence, "--ca", "", strerror(ENOMEM), -ENOMEM);
	if (files->ca)
		result = read_ca(*authority, files->ca, sentence);
	if (result == 0 && files->crl)
		result = read_crl(*authority, files->crl, sentence);
	if (result == 0 && files->cert)
		result = read_own(*authority, files, sentence);
	if (result < 0) {
		dps_tls_authority_close(*authority);
		*authority = NULL;
	}
	return result;
}

void dps_tls_authority_close(struct dps_tls_authority *authority)
{
	if (!authority)
		return;
	dps_tls_revoked_close(&authority->revoked);
	X509_STORE_free(authority->store);
	X509_free(authority->certificate);
	sk_X509_pop_free(authority->chain, X509_free);
	EVP_PKEY_free(authority->key);
	free(authority);
}

EVP_PKEY *dps_tls_authority_key(const struct dps_tls_authority *authority)
{
	return authority ? authority->key : NULL;
}
