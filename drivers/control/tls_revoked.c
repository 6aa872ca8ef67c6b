/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/tls_revoked.h"
#include "drivers/control/tls_parts.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool is_same(const struct stat *one, const struct stat *other)
{
	return one->st_ino == other->st_ino && one->st_dev == other->st_dev &&
	       one->st_size == other->st_size && one->st_mtim.tv_sec == other->st_mtim.tv_sec &&
	       one->st_mtim.tv_nsec == other->st_mtim.tv_nsec &&
	       one->st_ctim.tv_sec == other->st_ctim.tv_sec &&
	       one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

static void forget(struct dps_tls_revoked *revoked)
{
	sk_X509_CRL_pop_free(revoked->lists, X509_CRL_free);
	revoked->lists = NULL;
}

static int fail(struct dps_tls_revoked *revoked, const char *trouble, int result)
{
	forget(revoked);
	revoked->trouble = trouble;
	return result;
}

/* All that there is, up to the end: a list that is cut off is not the end of a file. */
static int read_lists(struct dps_tls_revoked *revoked, FILE *file)
{
	X509_CRL *list;
	unsigned long error;

	revoked->lists = sk_X509_CRL_new_null();
	ERR_clear_error();
	while (revoked->lists && (list = PEM_read_X509_CRL(file, NULL, dps_tls_no_password, NULL)))
		if (sk_X509_CRL_push(revoked->lists, list) == 0) {
			X509_CRL_free(list);
			return fail(revoked, "has no room in memory", -ENOMEM);
		}
	error = ERR_peek_last_error();
	ERR_clear_error();
	if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
		return fail(revoked, "has a list in it that cannot be read", -EBADMSG);
	if (sk_X509_CRL_num(revoked->lists) <= 0)
		return fail(revoked, "has no list of revoked certificates in PEM in it", -EBADMSG);
	return 0;
}

/* A FIFO in its place must not hold up who reads it. */
static FILE *open_file(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (!file && fd >= 0)
		close(fd);
	return file;
}

static int read_file(struct dps_tls_revoked *revoked)
{
	FILE *file = open_file(revoked->file);
	int result;

	forget(revoked);
	revoked->trouble = NULL;
	if (!file)
		return fail(revoked, strerror(errno), -errno);
	if (fstat(fileno(file), &revoked->seen) != 0)
		result = fail(revoked, strerror(errno), -errno);
	else if (!S_ISREG(revoked->seen.st_mode))
		result = fail(revoked, "is no file", -EINVAL);
	else if (revoked->seen.st_size > DPS_TLS_REVOKED_BYTES_MAX)
		result = fail(revoked, "is larger than 64 MiB", -EFBIG);
	else
		result = read_lists(revoked, file);
	fclose(file);
	return result;
}

int dps_tls_revoked_open(struct dps_tls_revoked *revoked, const char *file)
{
	*revoked = (struct dps_tls_revoked){ .file = file };
	return file ? read_file(revoked) : 0;
}

void dps_tls_revoked_close(struct dps_tls_revoked *revoked)
{
	forget(revoked);
	*revoked = (struct dps_tls_revoked){ .file = NULL };
}

bool dps_tls_revoked_renew(struct dps_tls_revoked *revoked)
{
	struct stat now;

	if (!revoked->file)
		return true;
	if (revoked->lists && stat(revoked->file, &now) == 0 && is_same(&now, &revoked->seen))
		return true;
	return read_file(revoked) == 0;
}

/* The end of the chain has a list only if whoever made it is in the file as well. */
static int on_verified(int is_good, X509_STORE_CTX *store)
{
	int last = sk_X509_num(X509_STORE_CTX_get0_chain(store)) - 1;

	if (is_good || X509_STORE_CTX_get_error(store) != X509_V_ERR_UNABLE_TO_GET_CRL ||
	    X509_STORE_CTX_get_error_depth(store) != last || last == 0)
		return is_good;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

bool dps_tls_revoked_ask(const struct dps_tls_revoked *revoked, X509_STORE_CTX *store)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);

	if (!revoked->file)
		return true;
	X509_STORE_CTX_set0_crls(store, revoked->lists);
	X509_STORE_CTX_set_verify_cb(store, on_verified);
	return X509_VERIFY_PARAM_set_flags(param,
					   X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

/* The list of who made the certificate that is wrong; NULL when there is none. */
static const X509_CRL *list_about(const struct dps_tls_revoked *revoked, X509_STORE_CTX *store)
{
	const X509 *wrong = X509_STORE_CTX_get_current_cert(store);

	for (int i = 0; wrong && i < sk_X509_CRL_num(revoked->lists); i++) {
		X509_CRL *list = sk_X509_CRL_value(revoked->lists, i);

		if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_issuer_name(wrong)) == 0)
			return list;
	}
	return NULL;
}

static void format_end(const X509_CRL *list, char text[32])
{
	const ASN1_TIME *end = list ? X509_CRL_get0_nextUpdate(list) : NULL;
	struct tm parts;

	if (!end || ASN1_TIME_to_tm(end, &parts) != 1 ||
	    strftime(text, 32, "%F %T UTC", &parts) == 0)
		snprintf(text, 32, "a time that cannot be read");
}

bool dps_tls_revoked_explain(const struct dps_tls_revoked *revoked, X509_STORE_CTX *store,
			     char *text, size_t room)
{
	char end[32];

	switch (X509_STORE_CTX_get_error(store)) {
	case X509_V_ERR_CERT_REVOKED:
		snprintf(text, room,
			 "was revoked by its authority, says --crl %.200s: have another one made",
			 revoked->file);
		return true;
	case X509_V_ERR_CRL_HAS_EXPIRED:
		format_end(list_about(revoked, store), end);
		snprintf(text, room,
			 "cannot be looked up: the list of revoked ones in --crl %.200s was good "
			 "until "
			 "%s; put the authority's newest there",
			 revoked->file, end);
		return true;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		snprintf(text, room,
			 "cannot be looked up: --crl %.200s has no list of the authority that made "
			 "it; put one there",
			 revoked->file);
		return true;
	case X509_V_ERR_CRL_NOT_YET_VALID:
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
	case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
	case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:
	case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
		snprintf(text, room,
			 "cannot be looked up: the list of revoked ones in --crl %.200s does not "
			 "hold "
			 "(%s); put the authority's newest there",
			 revoked->file,
			 X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
		return true;
	default:
		return false;
	}
}
