/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/trust.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
	struct scratch scratch;
	struct dps_fingerprint own, friendly, stranger;
	char friendly_text[DPS_FINGERPRINT_TEXT_BYTES];
	char stranger_text[DPS_FINGERPRINT_TEXT_BYTES];
	struct dps_trust trust;
	struct dps_grant grant; /* of the last judgement */
	char sentence[DPS_TRUST_SENTENCE_BYTES];
	const char *certified; /* what the next peer's certificate says */
	unsigned int wrong_lines;
};

static void count_wrong(void *context, unsigned int line, const char *why)
{
	struct world *world = context;

	(void)line, (void)why;
	world->wrong_lines++;
}

static void open_trust(struct world *world, bool trusts_on_first_use)
{
	dps_trust_init(&world->trust, &(struct dps_trust_config){
					      .folder_fd = world->scratch.fd,
					      .folder = world->scratch.path,
					      .own = &world->own,
					      .trusts_on_first_use = trusts_on_first_use,
					      .on_wrong = count_wrong,
					      .context = world,
				      });
}

static int begin(void **state)
{
	static struct world world;

	world.wrong_lines = 0;
	world.certified = NULL;
	scratch_create(&world.scratch, SCRATCH_DISK);
	memset(&world.own, 1, sizeof(world.own));
	memset(&world.friendly, 2, sizeof(world.friendly));
	memset(&world.stranger, 3, sizeof(world.stranger));
	dps_fingerprint_format(&world.friendly, world.friendly_text);
	dps_fingerprint_format(&world.stranger, world.stranger_text);
	open_trust(&world, false);
	*state = &world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	dps_trust_fini(&world->trust);
	scratch_remove(&world->scratch);
	return 0;
}

/* Replaces the file as an editor does: a new one under the old name. */
static void write_file(struct world *world, const char *format, ...)
{
	char text[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	scratch_write(&world->scratch, "new", text, strlen(text));
	assert_int_equal(renameat(world->scratch.fd, "new", world->scratch.fd, DPS_TRUST_NAME), 0);
	assert_int_equal(fchmodat(world->scratch.fd, DPS_TRUST_NAME, 0644, 0), 0);
}

static enum dps_trust_verdict judge(struct world *world, const struct dps_fingerprint *fingerprint,
				    const char *name, enum dps_authorized_role role, bool is_named)
{
	const struct dps_trust_question question = { fingerprint, name, role, is_named,
						     world->certified };

	return dps_trust_judge(&world->trust, &question, &world->grant, world->sentence);
}

static void judge__trusts_our_own_key(void **state)
{
	struct world *world = *state;

	assert_int_equal(judge(world, &world->own, "x", DPS_MAY_EXPORT, false), DPS_TRUST_OWN);
	assert_int_equal(judge(world, &world->own, "x", DPS_MAY_COLLECT, true), DPS_TRUST_OWN);
}

static void judge__refuses_a_stranger_and_says_what_to_do(void **state)
{
	struct world *world = *state;
	char line[512];

	assert_int_equal(judge(world, &world->stranger, "10.0.0.9", DPS_MAY_EXPORT, false),
			 DPS_TRUST_UNKNOWN);
	assert_true(dps_trust_is_refused(DPS_TRUST_UNKNOWN));
	snprintf(line, sizeof(line), "add the line `%s 10.0.0.9 may=export` to %s/authorized_peers",
		 world->stranger_text, world->scratch.path);
	assert_non_null(strstr(world->sentence, line));
	/* And that is what helps. */
	write_file(world, "%s 10.0.0.9 may=export\n", world->stranger_text);
	assert_int_equal(judge(world, &world->stranger, "10.0.0.9", DPS_MAY_EXPORT, false),
			 DPS_TRUST_LISTED);
}

static void judge__reads_the_file_again_when_it_changes(void **state)
{
	struct world *world = *state;

	write_file(world, "%s one\n", world->friendly_text);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_LISTED);
	write_file(world, "%s one\nnonsense\n", world->stranger_text);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_UNKNOWN);
	assert_int_equal(judge(world, &world->stranger, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_LISTED);
	assert_int_equal(world->wrong_lines, 1); /* said once, not with each question */
	assert_int_equal(unlinkat(world->scratch.fd, DPS_TRUST_NAME, 0), 0);
	assert_int_equal(judge(world, &world->stranger, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_UNKNOWN);
}

static void judge__knows_what_a_peer_may(void **state)
{
	struct world *world = *state;

	write_file(world, "%s one may=collect\n", world->friendly_text);
	assert_int_equal(judge(world, &world->friendly, "one", DPS_MAY_COLLECT, true),
			 DPS_TRUST_LISTED);
	assert_int_equal(judge(world, &world->friendly, "one", DPS_MAY_EXPORT, false),
			 DPS_TRUST_NOT_THIS);
	assert_non_null(strstr(world->sentence, "may not export here"));
	write_file(world, "%s one may=collect\n%s two may=export\n", world->friendly_text,
		   world->friendly_text);
	assert_int_equal(judge(world, &world->friendly, "one", DPS_MAY_EXPORT, false),
			 DPS_TRUST_LISTED);
}

/* Each line of a key holds it to what it says: a second one is no way round the first. */
static void judge__grants_what_all_lines_of_a_key_allow(void **state)
{
	struct world *world = *state;

	write_file(world,
		   "%s one may=export into=lab bytes=2G\n%s two may=collect\n"
		   "%s three may=export bytes=1G files=5\n",
		   world->friendly_text, world->friendly_text, world->friendly_text);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_LISTED);
	assert_string_equal(world->grant.into, "lab");
	assert_int_equal(world->grant.bytes, 1 << 30);
	assert_int_equal(world->grant.files, 5);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_COLLECT, true),
			 DPS_TRUST_LISTED);
	assert_false(dps_grant_is_limited(&world->grant));
	assert_int_equal(judge(world, &world->own, "x", DPS_MAY_EXPORT, false), DPS_TRUST_OWN);
	assert_false(dps_grant_is_limited(&world->grant));
	write_file(world, "%s one into=lab\n%s two into=office\n", world->friendly_text,
		   world->friendly_text);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_NOT_THIS);
	assert_non_null(strstr(world->sentence, "leave into= in one of them"));
}

/* An authority says who somebody is; what it may do is said here. */
static void judge__lets_in_who_is_certified_and_has_a_line(void **state)
{
	struct world *world = *state;

	world->certified = "probe-3.example.org probe-3";
	assert_int_equal(judge(world, &world->stranger, "10.0.0.9", DPS_MAY_EXPORT, false),
			 DPS_TRUST_UNKNOWN);
	assert_non_null(
		strstr(world->sentence, "add the line `ca:probe-3.example.org may=export`"));
	write_file(world, "ca:probe-3.example.org may=export bytes=7\n");
	assert_int_equal(judge(world, &world->stranger, "10.0.0.9", DPS_MAY_EXPORT, false),
			 DPS_TRUST_LISTED);
	assert_int_equal(world->grant.bytes, 7);
	write_file(world, "ca:*.example.org may=export\nca:probe-3 files=3\n");
	assert_int_equal(judge(world, &world->stranger, "10.0.0.9", DPS_MAY_EXPORT, false),
			 DPS_TRUST_LISTED);
	assert_int_equal(world->grant.files, 3);
	write_file(world, "ca:*.org may=export\nca:* may=collect\n");
	assert_int_equal(judge(world, &world->stranger, "10.0.0.9", DPS_MAY_EXPORT, false),
			 DPS_TRUST_NOT_THIS);
	world->certified = NULL;
	assert_int_equal(judge(world, &world->stranger, "10.0.0.9", DPS_MAY_EXPORT, false),
			 DPS_TRUST_UNKNOWN);
	/* Nor is a name of the network's one of the authority's. */
	write_file(world, "ca:archive\n");
	assert_int_equal(judge(world, &world->stranger, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_UNKNOWN);
}

/* TLS has compared its certificate with the name: unless a key is written down for that. */
static void judge__takes_a_certified_name_that_was_dialled(void **state)
{
	struct world *world = *state;

	world->certified = "archive";
	assert_int_equal(judge(world, &world->stranger, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_CERTIFIED);
	assert_false(dps_trust_is_refused(DPS_TRUST_CERTIFIED));
	write_file(world, "%s archive\n", world->friendly_text);
	assert_int_equal(judge(world, &world->stranger, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_CHANGED);
	world->trust.config.pinned = &world->friendly;
	world->trust.config.pinned_count = 1;
	assert_int_equal(judge(world, &world->stranger, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_UNKNOWN);
}

/* Who is dialled by a name that has a key must have that key, though others are trusted too. */
static void judge__holds_a_name_to_its_key(void **state)
{
	struct world *world = *state;

	write_file(world, "%s archive\n%s lab\n", world->friendly_text, world->stranger_text);
	assert_int_equal(judge(world, &world->friendly, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_LISTED);
	assert_int_equal(judge(world, &world->stranger, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_CHANGED);
	assert_non_null(strstr(world->sentence, "somebody else may be answering"));
	/* By another name either may answer; and where a peer comes from binds nothing. */
	assert_int_equal(judge(world, &world->stranger, "10.0.0.1", DPS_MAY_COLLECT, true),
			 DPS_TRUST_LISTED);
	assert_int_equal(judge(world, &world->stranger, "archive", DPS_MAY_EXPORT, false),
			 DPS_TRUST_LISTED);
	/* A new key beside the old one, while it is changed. */
	write_file(world, "%s archive\n%s archive\n", world->friendly_text, world->stranger_text);
	assert_int_equal(judge(world, &world->stranger, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_LISTED);
}

static void judge__remembers_on_first_use_only_when_asked(void **state)
{
	struct world *world = *state;
	uint8_t *text;
	size_t bytes;

	open_trust(world, true);
	write_file(world, "# ours"); /* without the end of a line */
	assert_int_equal(judge(world, &world->friendly, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_FIRST_USE);
	/* It has not proved its key yet: nothing is written. */
	assert_int_equal(judge(world, &world->friendly, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_FIRST_USE);
	assert_int_equal(
		dps_trust_remember(&world->trust,
				   &(struct dps_trust_question){ &world->friendly, "archive",
								 DPS_MAY_COLLECT, true, NULL },
				   world->sentence),
		0);
	assert_non_null(strstr(world->sentence, world->friendly_text));
	assert_int_equal(judge(world, &world->friendly, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_LISTED);
	/* Another key for the name is no first use. */
	assert_int_equal(judge(world, &world->stranger, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_CHANGED);
	assert_int_equal(judge(world, &world->stranger, "archive", DPS_MAY_EXPORT, false),
			 DPS_TRUST_CHANGED);
	text = scratch_read(&world->scratch, DPS_TRUST_NAME, &bytes);
	assert_int_equal(bytes, strlen("# ours\n archive may=collect\n") + DPS_FINGERPRINT_LENGTH);
	free(text);
	/* Another process, not asked to, has it from the file. */
	dps_trust_fini(&world->trust);
	open_trust(world, false);
	assert_int_equal(judge(world, &world->friendly, "archive", DPS_MAY_COLLECT, true),
			 DPS_TRUST_LISTED);
}

static void judge__trusts_only_pinned_keys_when_there_are_any(void **state)
{
	struct world *world = *state;

	write_file(world, "%s one\n", world->stranger_text);
	world->trust.config.pinned = &world->friendly;
	world->trust.config.pinned_count = 1;
	world->trust.config.trusts_on_first_use = true;
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_PINNED);
	assert_int_equal(judge(world, &world->stranger, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_UNKNOWN);
	assert_non_null(strstr(world->sentence, "--peer-key"));
	assert_int_equal(judge(world, &world->own, "x", DPS_MAY_EXPORT, false), DPS_TRUST_UNKNOWN);
}

/* Who can write the file could let anyone in. */
static void judge__does_not_believe_a_file_that_others_can_write(void **state)
{
	struct world *world = *state;

	write_file(world, "%s one\n", world->friendly_text);
	assert_int_equal(fchmodat(world->scratch.fd, DPS_TRUST_NAME, 0664, 0), 0);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_BROKEN);
	assert_non_null(strstr(world->sentence, "chmod go-w"));
	assert_int_equal(judge(world, &world->own, "x", DPS_MAY_EXPORT, false), DPS_TRUST_OWN);
	/* The same again, though nothing has changed; and mended, it is read. */
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_BROKEN);
	assert_int_equal(fchmodat(world->scratch.fd, DPS_TRUST_NAME, 0600, 0), 0);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_LISTED);
	/* A file that was good and is bad now counts no more. */
	assert_int_equal(fchmodat(world->scratch.fd, DPS_TRUST_NAME, 0602, 0), 0);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_BROKEN);
}

static void judge__does_not_believe_what_is_no_file(void **state)
{
	struct world *world = *state;

	assert_int_equal(mkdirat(world->scratch.fd, DPS_TRUST_NAME, 0700), 0);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_BROKEN);
	assert_int_equal(unlinkat(world->scratch.fd, DPS_TRUST_NAME, AT_REMOVEDIR), 0);
	/* A link leads to where its maker likes. */
	write_file(world, "%s one\n", world->friendly_text);
	assert_int_equal(renameat(world->scratch.fd, DPS_TRUST_NAME, world->scratch.fd, "other"),
			 0);
	assert_int_equal(symlinkat("other", world->scratch.fd, DPS_TRUST_NAME), 0);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_BROKEN);
	assert_non_null(strstr(world->sentence, "is a link: put the file itself there"));
	assert_int_equal(unlinkat(world->scratch.fd, DPS_TRUST_NAME, 0), 0);
	assert_int_equal(unlinkat(world->scratch.fd, "other", 0), 0);
}

static void judge__does_not_believe_a_file_of_another_user(void **state)
{
	struct world *world = *state;

	if (geteuid() != 0) {
		puts("skip: only root can give a file away");
		skip();
	}
	write_file(world, "%s one\n", world->friendly_text);
	assert_int_equal(fchownat(world->scratch.fd, DPS_TRUST_NAME, 12345, 12345, 0), 0);
	assert_int_equal(judge(world, &world->friendly, "x", DPS_MAY_EXPORT, false),
			 DPS_TRUST_BROKEN);
	assert_non_null(strstr(world->sentence, "belongs to another user"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(judge__trusts_our_own_key, begin, end),
		cmocka_unit_test_setup_teardown(judge__refuses_a_stranger_and_says_what_to_do,
						begin, end),
		cmocka_unit_test_setup_teardown(judge__reads_the_file_again_when_it_changes, begin,
						end),
		cmocka_unit_test_setup_teardown(judge__knows_what_a_peer_may, begin, end),
		cmocka_unit_test_setup_teardown(judge__grants_what_all_lines_of_a_key_allow, begin,
						end),
		cmocka_unit_test_setup_teardown(judge__lets_in_who_is_certified_and_has_a_line,
						begin, end),
		cmocka_unit_test_setup_teardown(judge__takes_a_certified_name_that_was_dialled,
						begin, end),
		cmocka_unit_test_setup_teardown(judge__holds_a_name_to_its_key, begin, end),
		cmocka_unit_test_setup_teardown(judge__remembers_on_first_use_only_when_asked,
						begin, end),
		cmocka_unit_test_setup_teardown(judge__trusts_only_pinned_keys_when_there_are_any,
						begin, end),
		cmocka_unit_test_setup_teardown(
			judge__does_not_believe_a_file_that_others_can_write, begin, end),
		cmocka_unit_test_setup_teardown(judge__does_not_believe_what_is_no_file, begin,
						end),
		cmocka_unit_test_setup_teardown(judge__does_not_believe_a_file_of_another_user,
						begin, end),
	};

	return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
