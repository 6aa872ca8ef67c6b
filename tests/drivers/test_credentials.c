/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/credentials/credentials.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct world {
	struct scratch scratch;
	char folder[sizeof(((struct scratch *)NULL)->path) + 8];
	struct dps_credentials_config config;
	struct dps_credentials credentials;
	struct dps_fingerprint wanted; /* of "friend", where one is wanted */
	struct dps_fingerprint stranger;
	unsigned int news;
	char sentence[DPS_TRUST_SENTENCE_BYTES];
};

static void count_news(void *context, const char *who, const char *sentence)
{
	struct world *world = context;

	(void)who;
	assert_non_null(strstr(sentence, DPS_IDENTITY_NAME ": sha256:"));
	world->news++;
}

static bool want_a_key_of_friend(void *context, const char *name, struct dps_fingerprint *key)
{
	struct world *world = context;

	*key = world->wanted;
	return strcmp(name, "friend") == 0;
}

static int begin(void **state)
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	scratch_create(&world.scratch, SCRATCH_DISK);
	snprintf(world.folder, sizeof(world.folder), "%s/state", world.scratch.path);
	world.config = (struct dps_credentials_config){
		.state = world.folder,
		.on_news = count_news,
		.context = &world,
	};
	memset(&world.wanted, 2, sizeof(world.wanted));
	memset(&world.stranger, 3, sizeof(world.stranger));
	*state = &world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	scratch_remove(&world->scratch);
	return 0;
}

static void open_all(struct world *world)
{
	assert_int_equal(dps_credentials_open(&world->credentials, &world->config, world->sentence),
			 0);
}

static bool is_trusted(struct world *world, enum dps_tls_side side,
		       const struct dps_fingerprint *key, const char *name)
{
	const struct dps_trust_question question = dps_credentials_question(side, key, name, "");

	return dps_credentials_judge(&world->credentials, &question, NULL, world->sentence);
}

static void open__makes_a_key_once_and_tells_of_it(void **state)
{
	struct world *world = *state;
	char key[DPS_FINGERPRINT_TEXT_BYTES];

	open_all(world);
	assert_int_equal(world->news, 1);
	memcpy(key, world->credentials.own_key, sizeof(key));
	dps_credentials_close(&world->credentials);
	open_all(world);
	assert_int_equal(world->news, 1);
	assert_string_equal(world->credentials.own_key, key);
	assert_non_null(world->credentials.aead);
	assert_string_not_equal(world->credentials.sealed_by, "");
	dps_credentials_close(&world->credentials);
}

static void open__without_encryption_has_no_cipher(void **state)
{
	struct world *world = *state;
	struct dps_seal *seal = (struct dps_seal *)world;

	world->config.is_clear = true;
	open_all(world);
	assert_null(world->credentials.aead);
	assert_string_equal(world->credentials.sealed_by, "");
	/* No socket is looked at. */
	assert_int_equal(dps_credentials_make_seal(&world->credentials, NULL, 0, 1, 2, &seal), 0);
	assert_null(seal);
	dps_credentials_close(&world->credentials);
}

/* What to do about it is said in the words of whoever is to do it. */
static void open__names_the_option_that_helps(void **state)
{
	struct world *world = *state;

	close(openat(world->scratch.fd, "state", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	assert_true(dps_credentials_open(&world->credentials, &world->config, world->sentence) < 0);
	assert_non_null(strstr(world->sentence, "with config.state"));
	world->config.state_option = "--state";
	assert_true(dps_credentials_open(&world->credentials, &world->config, world->sentence) < 0);
	assert_non_null(strstr(world->sentence, "with --state"));
	assert_int_equal(world->news, 0);
}

static void open__refuses_what_is_no_key(void **state)
{
	struct world *world = *state;

	world->config.peer_key = "sha256:12";
	assert_int_equal(dps_credentials_open(&world->credentials, &world->config, world->sentence),
			 -EINVAL);
	assert_non_null(strstr(world->sentence, "\"sha256:12\" is no key"));
}

static void open__refuses_an_authority_that_is_not_there(void **state)
{
	struct world *world = *state;
	const struct dps_tls_authority_files files = { .ca = "/nowhere/ca.pem" };

	world->config.authority = &files;
	assert_true(dps_credentials_open(&world->credentials, &world->config, world->sentence) < 0);
	assert_non_null(strstr(world->sentence, "/nowhere/ca.pem"));
}

static void judge__trusts_its_own_key_and_no_stranger(void **state)
{
	struct world *world = *state;
	struct dps_fingerprint own;

	open_all(world);
	own = world->credentials.identity.fingerprint;
	assert_true(is_trusted(world, DPS_TLS_DIALED, &own, "friend"));
	assert_true(is_trusted(world, DPS_TLS_ACCEPTED, &own, "friend"));
	assert_false(is_trusted(world, DPS_TLS_DIALED, &world->stranger, "friend"));
	assert_non_null(strstr(world->sentence, "may=collect"));
	assert_false(is_trusted(world, DPS_TLS_ACCEPTED, &world->stranger, "friend"));
	assert_non_null(strstr(world->sentence, "may=export"));
	dps_credentials_close(&world->credentials);
}

static void judge__trusts_the_keys_that_were_given_alone(void **state)
{
	struct world *world = *state;
	struct dps_fingerprint own;
	char text[DPS_FINGERPRINT_TEXT_BYTES];

	dps_fingerprint_format(&world->wanted, text);
	for (unsigned int as_text = 0; as_text < 2; as_text++) {
		world->config.peer_key = as_text ? text : NULL;
		world->config.peer_keys = &world->wanted;
		world->config.peer_keys_count = as_text ? 0 : 1;
		open_all(world);
		own = world->credentials.identity.fingerprint;
		assert_true(is_trusted(world, DPS_TLS_ACCEPTED, &world->wanted, "friend"));
		assert_false(is_trusted(world, DPS_TLS_ACCEPTED, &own, "friend"));
		dps_credentials_close(&world->credentials);
	}
}

/* Not even our own will do, and nobody else's name is held to it. */
static void judge__holds_whom_we_dial_with_a_key_to_it(void **state)
{
	struct world *world = *state;
	const struct dps_grant none = { 0 };
	struct dps_grant grant = { .files = 1 };
	struct dps_trust_question question;
	struct dps_fingerprint own;

	world->config.find_key = want_a_key_of_friend;
	open_all(world);
	own = world->credentials.identity.fingerprint;
	question = dps_credentials_question(DPS_TLS_DIALED, &world->wanted, "friend", "");
	assert_true(dps_credentials_judge(&world->credentials, &question, &grant, world->sentence));
	assert_true(dps_grant_is_equal(&grant, &none));
	assert_false(is_trusted(world, DPS_TLS_DIALED, &own, "friend"));
	assert_non_null(strstr(world->sentence, "dial it with the key that it has"));
	assert_true(is_trusted(world, DPS_TLS_DIALED, &own, "another"));
	assert_true(is_trusted(world, DPS_TLS_ACCEPTED, &own, "friend"));
	assert_false(is_trusted(world, DPS_TLS_ACCEPTED, &world->wanted, "friend"));
	dps_credentials_close(&world->credentials);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(open__makes_a_key_once_and_tells_of_it, begin, end),
		cmocka_unit_test_setup_teardown(open__without_encryption_has_no_cipher, begin, end),
		cmocka_unit_test_setup_teardown(open__names_the_option_that_helps, begin, end),
		cmocka_unit_test_setup_teardown(open__refuses_what_is_no_key, begin, end),
		cmocka_unit_test_setup_teardown(open__refuses_an_authority_that_is_not_there, begin,
						end),
		cmocka_unit_test_setup_teardown(judge__trusts_its_own_key_and_no_stranger, begin,
						end),
		cmocka_unit_test_setup_teardown(judge__trusts_the_keys_that_were_given_alone, begin,
						end),
		cmocka_unit_test_setup_teardown(judge__holds_whom_we_dial_with_a_key_to_it, begin,
						end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
