/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/identity.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 4096 };

static int explain(char *sentence, const char *folder, const char *what, int result)
{
	snprintf(sentence, DPS_TRUST_SENTENCE_BYTES, "the key %.700s/%s %s", folder,
		 DPS_IDENTITY_NAME, what);
	return result;
}

/* No prompt on a terminal for a key that somebody has put a password on. */
static int no_password(char *buffer, int room, int is_writing, void *context)
{
	(void)buffer, (void)room, (void)is_writing, (void)context;
	return -1;
}

static EVP_PKEY *decode(const char *text, size_t bytes)
{
	BIO *bio = BIO_new_mem_buf(text, (int)bytes);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

	BIO_free(bio);
	if (key && EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

static bool make_fingerprint(EVP_PKEY *key, struct dps_fingerprint *fingerprint)
{
	uint8_t *public_key = NULL;
	int bytes = i2d_PUBKEY(key, &public_key);

	if (bytes <= 0)
		return false;
	dps_fingerprint_make(fingerprint, public_key, (size_t)bytes);
	OPENSSL_free(public_key);
	return true;
}

static ssize_t read_all(int fd, char *text, size_t room)
{
	size_t count = 0;

	while (count < room) {
		ssize_t result = read(fd, text + count, room - count);

		if (result < 0 && errno == EINTR)
			continue;
		if (result < 0)
			return -errno;
		if (result == 0)
			break;
		count += (size_t)result;
	}
	return (ssize_t)count;
}

static int read_key(struct dps_identity *identity, int fd, const char *folder, char *sentence)
{
	char text[FILE_BYTES_MAX];
	struct stat status;
	ssize_t count;

	if (fstat(fd, &status) != 0)
		return explain(sentence, folder, strerror(errno), -errno);
	if (!S_ISREG(status.st_mode))
		return explain(sentence, folder, "is no file", -EBADMSG);
	if (status.st_uid != geteuid())
		return explain(sentence, folder,
			       "belongs to another user; each user has a key of their own, see "
			       "--state",
			       -EPERM);
	if (status.st_mode & 077)
		return explain(sentence, folder,
			       "can be read or written by others: chmod 600 it, and if one of them "
			       "may have read it, delete it and make a new one with keygen",
			       -EPERM);
	count = read_all(fd, text, sizeof(text));
	if (count < 0)
		return explain(sentence, folder, strerror((int)-count), (int)count);
	identity->key = decode(text, (size_t)count);
	OPENSSL_cleanse(text, sizeof(text));
	if (identity->key && make_fingerprint(identity->key, &identity->fingerprint))
		return 0;
	dps_identity_close(identity);
	return explain(
		sentence, folder,
		"is damaged or no Ed25519 key; put it back from a copy, or delete it, make a "
		"new one with keygen and tell the peers its fingerprint",
		-EBADMSG);
}

static int write_all(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t result = write(fd, text, bytes);

		if (result < 0 && errno == EINTR)
			continue;
		if (result < 0)
			return -errno;
		text += result;
		bytes -= (size_t)result;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

static int write_key(int fd)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *bio = BIO_new(BIO_s_secmem());
	char *text = NULL;
	long bytes = 0;
	int result = -ENOMEM;

	if (key && bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
		bytes = BIO_get_mem_data(bio, &text);
	if (bytes > 0)
		result = write_all(fd, text, (size_t)bytes);
	BIO_free(bio);
	EVP_PKEY_free(key);
	return result;
}

/* Appears whole or not at all: link(2) takes the name only when nobody has it. */
static int make(int folder_fd)
{
	char name[64];
	int fd, result;

	snprintf(name, sizeof(name), DPS_IDENTITY_NAME ".%d", (int)getpid());
	(void)unlinkat(folder_fd, name, 0); /* of a process that died with our number */
	fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	result = write_key(fd);
	close(fd);
	if (result == 0 && linkat(folder_fd, name, folder_fd, DPS_IDENTITY_NAME, 0) != 0)
		result = -errno;
	(void)unlinkat(folder_fd, name, 0);
	if (result == 0 && fsync(folder_fd) != 0)
		result = -errno;
	return result;
}

static int open_file(int folder_fd)
{
	int fd = openat(folder_fd, DPS_IDENTITY_NAME,
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* Who may write there may put another key in place of ours, and trusted peers of their own. */
static int check_folder(int folder_fd, const char *folder, char *sentence)
{
	struct stat status;
	int result = fstat(folder_fd, &status) == 0 ? 0 : -errno;

	if (result < 0)
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES, "the state folder %.700s: %s", folder,
			 strerror(-result));
	else if (status.st_mode & S_IWOTH) {
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "the state folder %.700s can be written by everyone, so its key and its "
			 "trusted peers may be anyone's: chmod o-w it",
			 folder);
		result = -EPERM;
	}
	return result;
}

int dps_identity_open(struct dps_identity *identity, int folder_fd, const char *folder,
		      bool may_make, bool *is_new, char sentence[DPS_TRUST_SENTENCE_BYTES])
{
	int fd, result = check_folder(folder_fd, folder, sentence);

	*identity = (struct dps_identity){ 0 };
	if (is_new)
		*is_new = false;
	if (result < 0)
		return result;
	fd = open_file(folder_fd);
	if (fd == -ENOENT && may_make) {
		result = make(folder_fd);
		if (result < 0 && result != -EEXIST) {
			snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
				 "a key cannot be made in %.700s: %s", folder, strerror(-result));
			return result;
		}
		if (is_new)
			*is_new = result == 0;
		fd = open_file(folder_fd);
	}
	if (fd == -ELOOP)
		return explain(sentence, folder, "is a link: put the file itself there", fd);
	if (fd < 0)
		return explain(sentence, folder,
			       fd == -ENOENT ? "is not there; make it with keygen" : strerror(-fd),
			       fd);
	result = read_key(identity, fd, folder, sentence);
	close(fd);
	return result;
}

void dps_identity_close(struct dps_identity *identity)
{
	EVP_PKEY_free(identity->key); /* OpenSSL clears private keys */
	*identity = (struct dps_identity){ 0 };
}
