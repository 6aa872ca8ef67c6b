/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/identity.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAKERS = 8 };

static int begin(void **state)
{
	static struct scratch scratch;

	scratch_create(&scratch, SCRATCH_DISK);
	*state = &scratch;
	return 0;
}

static int end(void **state)
{
	scratch_remove(*state);
	return 0;
}

static int open_identity(struct dps_identity *identity, const struct scratch *scratch,
			 bool may_make, bool *is_new, char *sentence)
{
	return dps_identity_open(identity, scratch->fd, scratch->path, may_make, is_new, sentence);
}

static void open__makes_a_key_once_and_keeps_it(void **state)
{
	const struct scratch *scratch = *state;
	char sentence[DPS_TRUST_SENTENCE_BYTES];
	struct dps_identity one, other;
	struct stat status;
	bool is_new;

	assert_int_equal(open_identity(&one, scratch, true, &is_new, sentence), 0);
	assert_true(is_new);
	assert_int_equal(EVP_PKEY_get_base_id(one.key), EVP_PKEY_ED25519);
	assert_int_equal(fstatat(scratch->fd, DPS_IDENTITY_NAME, &status, 0), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(status.st_nlink, 1);
	assert_int_equal(open_identity(&other, scratch, true, &is_new, sentence), 0);
	assert_false(is_new);
	assert_true(dps_fingerprint_is_equal(&one.fingerprint, &other.fingerprint));
	assert_int_equal(EVP_PKEY_eq(one.key, other.key), 1);
	dps_identity_close(&one);
	dps_identity_close(&other);
	assert_null(other.key);
}

static void open__makes_none_unasked(void **state)
{
	char sentence[DPS_TRUST_SENTENCE_BYTES] = "";
	struct dps_identity identity;

	assert_int_equal(open_identity(&identity, *state, false, NULL, sentence), -ENOENT);
	assert_non_null(strstr(sentence, "make it with keygen"));
	assert_null(identity.key);
}

static void open__refuses_what_others_can_read(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0677 };
	const struct scratch *scratch = *state;
	char sentence[DPS_TRUST_SENTENCE_BYTES];
	struct dps_identity identity;

	assert_int_equal(open_identity(&identity, scratch, true, NULL, sentence), 0);
	dps_identity_close(&identity);
	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(fchmodat(scratch->fd, DPS_IDENTITY_NAME, modes[i], 0), 0);
		assert_int_equal(open_identity(&identity, scratch, true, NULL, sentence), -EPERM);
		assert_non_null(strstr(sentence, "chmod 600"));
		assert_null(identity.key);
	}
	assert_int_equal(fchmodat(scratch->fd, DPS_IDENTITY_NAME, 0600, 0), 0);
	assert_int_equal(open_identity(&identity, scratch, true, NULL, sentence), 0);
	dps_identity_close(&identity);
}

static void open__refuses_a_folder_that_everyone_may_write(void **state)
{
	const struct scratch *scratch = *state;
	char sentence[DPS_TRUST_SENTENCE_BYTES];
	struct dps_identity identity;

	assert_int_equal(fchmod(scratch->fd, 0777), 0);
	assert_int_equal(open_identity(&identity, scratch, true, NULL, sentence), -EPERM);
	assert_non_null(strstr(sentence, "chmod o-w"));
	assert_null(identity.key);
	assert_int_equal(faccessat(scratch->fd, DPS_IDENTITY_NAME, F_OK, 0),
			 -1); /* none was made */
	assert_int_equal(fchmod(scratch->fd, 0755), 0);
	assert_int_equal(open_identity(&identity, scratch, true, NULL, sentence), 0);
	dps_identity_close(&identity);
}

static void open__refuses_what_is_somebody_elses(void **state)
{
	const struct scratch *scratch = *state;
	char sentence[DPS_TRUST_SENTENCE_BYTES];
	struct dps_identity identity;

	if (geteuid() != 0) {
		puts("skip: only root can give a file away");
		skip();
	}
	assert_int_equal(open_identity(&identity, scratch, true, NULL, sentence), 0);
	dps_identity_close(&identity);
	assert_int_equal(fchownat(scratch->fd, DPS_IDENTITY_NAME, 12345, 12345, 0), 0);
	assert_int_equal(open_identity(&identity, scratch, true, NULL, sentence), -EPERM);
	assert_non_null(strstr(sentence, "another user"));
}

/* A key of another kind, a key with a password, a cut one, noise: none is taken, none is lost. */
static void open__refuses_what_is_no_key(void **state)
{
	static const char *const texts[] = {
		"", "noise",
		"-----BEGIN PRIVATE KEY-----\n"
		"MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhsc\n",
		"-----BEGIN PRIVATE KEY-----\n"
		"MC4CAQAwBQYDK2VuBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
		"-----END PRIVATE KEY-----\n", /* X25519 */
	};
	const struct scratch *scratch = *state;
	char sentence[DPS_TRUST_SENTENCE_BYTES];
	struct dps_identity identity;

	for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint8_t *kept;
		size_t bytes;

		scratch_write(scratch, DPS_IDENTITY_NAME, texts[i], strlen(texts[i]));
		assert_int_equal(fchmodat(scratch->fd, DPS_IDENTITY_NAME, 0600, 0), 0);
		assert_int_equal(open_identity(&identity, scratch, true, NULL, sentence), -EBADMSG);
		assert_non_null(strstr(sentence, "no Ed25519 key"));
		kept = scratch_read(scratch, DPS_IDENTITY_NAME, &bytes);
		assert_int_equal(bytes, strlen(texts[i]));
		free(kept);
	}
}

/* RFC 8032's form of a key by openssl(1): the fingerprint is of its SubjectPublicKeyInfo. */
static void open__gives_the_fingerprint_that_openssl_gives(void **state)
{
	static const char text[] =
		"-----BEGIN PRIVATE KEY-----\n"
		"MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
		"-----END PRIVATE KEY-----\n";
	const struct scratch *scratch = *state;
	char sentence[DPS_TRUST_SENTENCE_BYTES], shown[DPS_FINGERPRINT_TEXT_BYTES];
	struct dps_identity identity;

	scratch_write(scratch, DPS_IDENTITY_NAME, text, sizeof(text) - 1);
	assert_int_equal(fchmodat(scratch->fd, DPS_IDENTITY_NAME, 0600, 0), 0);
	assert_int_equal(open_identity(&identity, scratch, false, NULL, sentence), 0);
	dps_fingerprint_format(&identity.fingerprint, shown);
	assert_string_equal(
		shown, "sha256:a050837d85070582ccf7394b0988847cc312cb88259b894899f6f239cf1791a5");
	dps_identity_close(&identity);
}

static void open__does_not_follow_a_link(void **state)
{
	const struct scratch *scratch = *state;
	char sentence[DPS_TRUST_SENTENCE_BYTES];
	struct dps_identity identity;

	assert_int_equal(symlinkat("elsewhere", scratch->fd, DPS_IDENTITY_NAME), 0);
	assert_int_equal(open_identity(&identity, scratch, true, NULL, sentence), -ELOOP);
	assert_non_null(strstr(sentence, "is a link: put the file itself there"));
	assert_int_equal(faccessat(scratch->fd, "elsewhere", F_OK, 0), -1);
}

/* Processes that start at once in a new folder: one makes the key, all have it. */
static void open__of_many_at_once_makes_one_key(void **state)
{
	const struct scratch *scratch = *state;
	struct dps_fingerprint first = { { 0 } }, other;
	int made[2], news = 0;

	assert_int_equal(pipe(made), 0);
	for (unsigned int i = 0; i < MAKERS; i++) {
		char sentence[DPS_TRUST_SENTENCE_BYTES];
		struct dps_identity identity;
		bool is_new;

		if (fork() != 0)
			continue;
		if (open_identity(&identity, scratch, true, &is_new, sentence) < 0 ||
		    write(made[1], &identity.fingerprint, sizeof(first)) != sizeof(first))
			_exit(2);
		_exit(is_new);
	}
	for (unsigned int i = 0; i < MAKERS; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		news += WEXITSTATUS(status);
		assert_int_equal(read(made[0], i ? &other : &first, sizeof(first)), sizeof(first));
		if (i)
			assert_true(dps_fingerprint_is_equal(&first, &other));
	}
	assert_int_equal(news, 1);
	close(made[0]);
	close(made[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(open__makes_a_key_once_and_keeps_it, begin, end),
		cmocka_unit_test_setup_teardown(open__makes_none_unasked, begin, end),
		cmocka_unit_test_setup_teardown(open__refuses_what_others_can_read, begin, end),
		cmocka_unit_test_setup_teardown(open__refuses_a_folder_that_everyone_may_write,
						begin, end),
		cmocka_unit_test_setup_teardown(open__refuses_what_is_somebody_elses, begin, end),
		cmocka_unit_test_setup_teardown(open__refuses_what_is_no_key, begin, end),
		cmocka_unit_test_setup_teardown(open__gives_the_fingerprint_that_openssl_gives,
						begin, end),
		cmocka_unit_test_setup_teardown(open__does_not_follow_a_link, begin, end),
		cmocka_unit_test_setup_teardown(open__of_many_at_once_makes_one_key, begin, end),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
