/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/digester.h"
#include "apps/dpdk-streamd/offer_check.h"
#include "drivers/digest/digest.h"
#include "tests/support/cmocka.h"
#include "tests/support/scratch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILES_MAX = 8,
	CHUNK_BYTES = 4096,
};

struct fixture {
	struct scratch disk;
	struct dps_staging staging;
	struct dps_name_table names;
	struct dps_message_file files[FILES_MAX];
	uint32_t files_count;
	struct dps_offer_check check;
	atomic_bool must_stop;
	char text[DPS_OFFER_TEXT_BYTES];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_staging_config config = { 0 };
	char sentence[DPS_STAGING_SENTENCE_BYTES];

	scratch_create(&fixture->disk, SCRATCH_DISK);
	config.into = fixture->disk.path;
	assert_int_equal(dps_staging_open(&fixture->staging, &config, sentence), 0);
	dps_name_table_init(&fixture->names, 100);
	fixture->check.staging = &fixture->staging;
	fixture->check.total_bytes = DPS_NUMBER_NONE;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	free(fixture->check.batch);
	free(fixture->check.have);
	free(fixture->check.have_stamps);
	dps_name_table_fini(&fixture->names);
	dps_staging_close(&fixture->staging);
	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

static void offer(struct fixture *fixture, const char *name, uint64_t size_bytes)
{
	fixture->files[fixture->files_count++] = (struct dps_message_file){
		.path = name,
		.path_bytes = (uint32_t)strlen(name),
		.size_bytes = size_bytes,
		.kind = DPS_FILE_REGULAR,
	};
}

static void offer_folder(struct fixture *fixture, const char *name)
{
	offer(fixture, name, 0);
	fixture->files[fixture->files_count - 1].kind = DPS_FILE_DIRECTORY;
}

/* What the examiner says of all that was offered; why not is in text. */
static enum dps_control_code judge(struct fixture *fixture)
{
	struct dps_offer_check *check = &fixture->check;
	const struct dps_message_offer message = {
		.first = 100,
		.files_count = fixture->files_count,
		.files = fixture->files,
	};

	check->names = &fixture->names;
	check->must_stop = &fixture->must_stop;
	check->chunk_bytes = CHUNK_BYTES;
	check->batch = dps_manifest_batch_create(&message, "");
	dps_offer_check_run(&check->job);
	if (check->refusal.code != DPS_CODE_NONE)
		dps_offer_check_explain(check, true, fixture->text);
	return check->refusal.code;
}

static void assert_says(struct fixture *fixture, const char *what)
{
	if (!strstr(fixture->text, what))
		fail_msg("'%s' is not in: %s", what, fixture->text);
}

static void run__accepts_what_is_not_there(void **state)
{
	struct fixture *fixture = *state;

	offer_folder(fixture, "tree");
	offer(fixture, "tree/one", 5000);
	offer(fixture, "two", 7);
	assert_int_equal(judge(fixture), DPS_CODE_NONE);
	assert_int_equal(fixture->check.have_count, 0);
	assert_int_equal(fixture->check.needed_bytes, 5007);
}

static void run__gives_the_digest_of_a_file_of_the_same_size(void **state)
{
	struct fixture *fixture = *state;
	const struct dps_message_item *have;
	uint8_t bytes[2 * CHUNK_BYTES + 10];
	struct dps_digest pieces[3], wanted;

	memset(bytes, 'x', sizeof(bytes));
	scratch_write(&fixture->disk, "tree/one", bytes, sizeof(bytes));
	pieces[0] = pieces[1] = dps_digest_of(bytes, CHUNK_BYTES);
	pieces[2] = dps_digest_of(bytes, 10);
	dps_transfer_digester.digest_pieces(pieces, 3, &wanted);

	offer(fixture, "new", 3);
	offer(fixture, "tree/one", sizeof(bytes));
	assert_int_equal(judge(fixture), DPS_CODE_NONE);
	assert_int_equal(fixture->check.have_count, 1);
	have = fixture->check.have;
	assert_int_equal(have->file, 101);
	assert_int_equal(have->size_bytes, sizeof(bytes));
	assert_memory_equal(&have->digest, &wanted, sizeof(wanted));
	assert_int_equal(fixture->check.needed_bytes, 3);
}

static void run__refuses_a_target_of_another_size(void **state)
{
	struct fixture *fixture = *state;

	scratch_write(&fixture->disk, "a.pcap", "1234", 4);
	offer(fixture, "b.pcap", 4);
	offer(fixture, "a.pcap", 5);
	assert_int_equal(judge(fixture), DPS_CODE_TARGET_EXISTS);
	assert_int_equal(fixture->check.refusal.file, 1);
	assert_says(fixture, "a.pcap exists with other content");
	assert_says(fixture, "--overwrite");
}

static void run__lets_a_target_be_replaced_when_told(void **state)
{
	struct fixture *fixture = *state;

	fixture->check.may_overwrite = true;
	scratch_write(&fixture->disk, "a", "1234", 4);
	offer(fixture, "a", 5);
	assert_int_equal(judge(fixture), DPS_CODE_NONE);
	assert_int_equal(fixture->check.have_count, 0);
}

static void run__never_replaces_a_folder(void **state)
{
	struct fixture *fixture = *state;

	fixture->check.may_overwrite = true;
	scratch_write(&fixture->disk, "a/b", "1", 1);
	offer(fixture, "a", 1);
	assert_int_equal(judge(fixture), DPS_CODE_TARGET_EXISTS);
	assert_says(fixture, "a is a file of the transfer, and a folder stands there");
}

static void run__refuses_a_folder_where_a_file_stands(void **state)
{
	struct fixture *fixture = *state;

	scratch_write(&fixture->disk, "a", "", 0);
	offer_folder(fixture, "a");
	assert_int_equal(judge(fixture), DPS_CODE_TARGET_EXISTS);
	assert_says(fixture, "a is a folder of the transfer, and a file stands there");
}

static void run__refuses_a_file_on_the_way(void **state)
{
	struct fixture *fixture = *state;

	scratch_write(&fixture->disk, "a", "1", 1);
	offer(fixture, "a/b", 1);
	assert_int_equal(judge(fixture), DPS_CODE_TARGET_EXISTS);
	assert_says(fixture, "a/b has a file where a folder is needed");
}

static void run__refuses_a_symlink_on_the_way(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(symlinkat("/tmp", fixture->disk.fd, "out"), 0);
	offer(fixture, "out/b", 1);
	assert_int_equal(judge(fixture), DPS_CODE_CANNOT_WRITE);
	assert_says(fixture, "out/b is or passes through a symlink");
}

static void run__refuses_names_that_leave(void **state)
{
	static const char *const names[] = { "../x", "/etc/x", "a//b", "a/./b", ".dpdk-streamd/x" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct fixture *fixture = *state;

		fixture->files_count = 0;
		free(fixture->check.batch);
		offer(fixture, names[i], 1);
		assert_int_equal(judge(fixture), DPS_CODE_BAD_NAME);
		assert_says(fixture, names[i]);
	}
}

static void run__shows_names_without_their_control_characters(void **state)
{
	struct fixture *fixture = *state;

	offer(fixture, "a\n\033[2J//b", 1);
	assert_int_equal(judge(fixture), DPS_CODE_BAD_NAME);
	assert_null(strpbrk(fixture->text, "\n\033"));
}

static void run__refuses_two_of_one_name(void **state)
{
	struct fixture *fixture = *state;

	offer(fixture, "a", 1);
	offer(fixture, "a", 2);
	assert_int_equal(judge(fixture), DPS_CODE_BAD_NAME);
	assert_says(fixture, "a is offered twice");
}

static void run__refuses_what_does_not_fit(void **state)
{
	struct fixture *fixture = *state;

	offer(fixture, "a", UINT64_C(1) << 60);
	assert_int_equal(judge(fixture), DPS_CODE_SPACE);
	assert_int_equal(fixture->check.space_needed_bytes, UINT64_C(1) << 60);
	assert_true(fixture->check.available_bytes < UINT64_C(1) << 60);
	assert_says(fixture, "make room");
}

static void run__looks_at_the_whole_transfer_first(void **state)
{
	struct fixture *fixture = *state;

	fixture->check.total_bytes = UINT64_C(1) << 60;
	offer(fixture, "a", 1);
	assert_int_equal(judge(fixture), DPS_CODE_SPACE);
}

static void run__counts_what_others_were_promised(void **state)
{
	struct fixture *fixture = *state;

	fixture->check.promised_bytes = UINT64_C(1) << 60;
	offer(fixture, "a", 1);
	assert_int_equal(judge(fixture), DPS_CODE_SPACE);
	assert_int_equal(fixture->check.available_bytes, 0);
}

static void run__needs_no_space_for_what_is_there(void **state)
{
	struct fixture *fixture = *state;

	/* A run that stored all before is not refused on the disk that it filled. */
	fixture->check.promised_bytes = UINT64_C(1) << 60;
	fixture->check.total_bytes = 4;
	scratch_write(&fixture->disk, "a", "1234", 4);
	offer(fixture, "a", 4);
	assert_int_equal(judge(fixture), DPS_CODE_NONE);
	assert_int_equal(fixture->check.have_count, 1);
}

static void run__gives_up_when_told(void **state)
{
	struct fixture *fixture = *state;

	atomic_store(&fixture->must_stop, true);
	offer(fixture, "a", 1);
	assert_int_equal(judge(fixture), DPS_CODE_CANCELLED);
}

static void run__checks_names_only_when_nothing_is_stored(void **state)
{
	struct fixture *fixture = *state;

	fixture->check.staging = NULL;
	scratch_write(&fixture->disk, "a", "1234", 4);
	offer(fixture, "a", UINT64_C(1) << 60);
	assert_int_equal(judge(fixture), DPS_CODE_NONE);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(run__accepts_what_is_not_there),
		CASE(run__gives_the_digest_of_a_file_of_the_same_size),
		CASE(run__refuses_a_target_of_another_size),
		CASE(run__lets_a_target_be_replaced_when_told),
		CASE(run__never_replaces_a_folder),
		CASE(run__refuses_a_folder_where_a_file_stands),
		CASE(run__refuses_a_file_on_the_way),
		CASE(run__refuses_a_symlink_on_the_way),
		CASE(run__refuses_names_that_leave),
		CASE(run__shows_names_without_their_control_characters),
		CASE(run__refuses_two_of_one_name),
		CASE(run__refuses_what_does_not_fit),
		CASE(run__looks_at_the_whole_transfer_first),
		CASE(run__counts_what_others_were_promised),
		CASE(run__needs_no_space_for_what_is_there),
		CASE(run__gives_up_when_told),
		CASE(run__checks_names_only_when_nothing_is_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
