/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/partial_sweep.h"
#include "tests/support/cmocka.h"
#include "tests/support/journals.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	NOW_S = 1000000,
	KEEP_S = 7 * 86400,
};

struct fixture {
	struct scratch disk;
	struct dps_staging staging;
	struct dps_journal *journal;
	struct dps_partial_sweep sweep;
};

/* Transfers 1 and 2 are young, 3 and 4 old; 5 is in no journal. All have something staged. */
static struct dps_transfer_id id_of(uint8_t number)
{
	return (struct dps_transfer_id){ { number } };
}

static bool is_staged(struct fixture *fixture, uint8_t number)
{
	char name[] = DPS_STAGING_FOLDER "/00000000000000000000000000000000/0";

	name[sizeof(DPS_STAGING_FOLDER) + 1] = (char)('0' + number);
	return faccessat(fixture->disk.fd, name, F_OK, 0) == 0;
}

static bool is_known(struct fixture *fixture, uint8_t number)
{
	struct dps_transfer_id id = id_of(number);
	struct dps_journal_transfer transfer;

	return dps_journal_find_transfer(fixture->journal, &id, &transfer) == 0;
}

static void stage(struct fixture *fixture, uint8_t number)
{
	struct dps_transfer_id id = id_of(number);
	struct dps_staging_folder folder;
	struct dps_staged_file file;

	assert_int_equal(dps_staging_open_folder(&fixture->staging, &id, &folder), 0);
	assert_int_equal(dps_staging_open_file(&folder, 0, 1, DPS_WISH_CACHED, false, &file), 0);
	close(file.fd);
	dps_staging_close_folder(&folder);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct dps_staging_config config = { 0 };
	char sentence[DPS_STAGING_SENTENCE_BYTES];

	scratch_create(&fixture->disk, SCRATCH_DISK);
	config.into = fixture->disk.path;
	assert_int_equal(dps_staging_open(&fixture->staging, &config, sentence), 0);
	fixture->journal = journals_open(&fixture->disk);
	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	for (uint8_t number = 1; number <= 4; number++) {
		struct dps_transfer_id id = id_of(number);

		journals_put_transfer(fixture->journal, &id, "key",
				      number <= 2 ? NOW_S - KEEP_S + 1 : NOW_S - KEEP_S);
	}
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	for (uint8_t number = 1; number <= 5; number++)
		stage(fixture, number);
	fixture->sweep = (struct dps_partial_sweep){
		.staging = &fixture->staging,
		.journal = fixture->journal,
		.keep_s = KEEP_S,
		.now_s = NOW_S,
	};
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	dps_journal_close(fixture->journal);
	dps_staging_close(&fixture->staging);
	scratch_remove(&fixture->disk);
	free(fixture);
	return 0;
}

static void expect_left(struct fixture *fixture, const char *left)
{
	for (uint8_t number = 1; number <= 5; number++)
		assert_int_equal(is_staged(fixture, number), strchr(left, '0' + number) != NULL);
}

static void at_the_start_what_is_old_or_unknown_goes(void **state)
{
	struct fixture *fixture = *state;

	fixture->sweep.is_start = true;
	dps_partial_sweep_run(&fixture->sweep.job);
	assert_int_equal(fixture->sweep.removed, 3);
	expect_left(fixture, "12");
	assert_true(is_known(fixture, 1) && is_known(fixture, 2));
	assert_false(is_known(fixture, 3) || is_known(fixture, 4));
}

static void later_what_is_unknown_may_be_new(void **state)
{
	struct fixture *fixture = *state;

	dps_partial_sweep_run(&fixture->sweep.job);
	assert_int_equal(fixture->sweep.removed, 2);
	expect_left(fixture, "125");
}

/* Four of one peer with a piece each, the higher the number the younger; one of another peer. */
static void keep_of_one_peer(struct fixture *fixture)
{
	const struct dps_digest digest = { { 1 } };

	assert_int_equal(dps_journal_begin(fixture->journal), 0);
	for (uint8_t number = 1; number <= 5; number++) {
		const struct dps_transfer_id id = id_of(number);
		const struct dps_journal_file file = { .path = "a",
						       .path_bytes = 1,
						       .state = DPS_JOURNAL_FILE_OPEN };

		journals_put_transfer(fixture->journal, &id,
				      number == 5 ? "192.0.2.1:5 sha256:bb"
						  : "192.0.2.1:5 sha256:aa",
				      NOW_S - 100 + number);
		assert_int_equal(dps_journal_put_files(fixture->journal, &id, &file, 1), 0);
		assert_int_equal(dps_journal_add_pieces(fixture->journal, &id, 0, 0, &digest, 1),
				 0);
	}
	assert_int_equal(dps_journal_commit(fixture->journal), 0);
	strcpy(fixture->sweep.owner_text, " sha256:aa");
}

static uint64_t chunk_bytes_of(struct fixture *fixture, uint8_t number)
{
	const struct dps_transfer_id id = id_of(number);
	struct dps_journal_transfer transfer;

	assert_int_equal(dps_journal_find_transfer(fixture->journal, &id, &transfer), 0);
	return transfer.chunk_bytes;
}

static void of_a_peer_no_more_bytes_than_it_may_have_stay(void **state)
{
	struct fixture *fixture = *state;

	keep_of_one_peer(fixture);
	fixture->sweep.owner_bytes = 3 * chunk_bytes_of(fixture, 1) - 1;
	dps_partial_sweep_run(&fixture->sweep.job);
	assert_int_equal(fixture->sweep.removed, 2);
	expect_left(fixture, "345");
	assert_false(is_known(fixture, 1) || is_known(fixture, 2));
}

static void of_a_peer_no_more_transfers_than_it_may_have_stay(void **state)
{
	struct fixture *fixture = *state;
	struct dps_transfer_id active = id_of(4);

	keep_of_one_peer(fixture);
	fixture->sweep.owner_transfers = 1;
	fixture->sweep.active = &active;
	fixture->sweep.active_count = 1;
	dps_partial_sweep_run(&fixture->sweep.job);
	assert_int_equal(fixture->sweep.removed, 2);
	expect_left(fixture, "345");
	fixture->sweep.owner_text[0] = '\0'; /* of nobody in particular: all may stay */
	dps_partial_sweep_run(&fixture->sweep.job);
	assert_int_equal(fixture->sweep.removed, 0);
}

static void what_is_under_way_is_never_old(void **state)
{
	struct fixture *fixture = *state;
	struct dps_transfer_id active = id_of(3);

	fixture->sweep.active = &active;
	fixture->sweep.active_count = 1;
	dps_partial_sweep_run(&fixture->sweep.job);
	expect_left(fixture, "1235");
	assert_true(is_known(fixture, 3));
}

static void what_another_goes_on_with_stays(void **state)
{
	struct fixture *fixture = *state;
	struct dps_transfer_id id = id_of(4);
	struct dps_staging_folder folder;

	assert_int_equal(dps_staging_open_folder(&fixture->staging, &id, &folder), 0);
	assert_int_equal(dps_staging_claim_folder(&folder), 0);
	fixture->sweep.is_start = true;
	dps_partial_sweep_run(&fixture->sweep.job);
	expect_left(fixture, "124");
	assert_true(is_known(fixture, 4));
	dps_staging_close_folder(&folder);
}

static void what_is_kept_for_no_time_goes_at_once(void **state)
{
	struct fixture *fixture = *state;

	fixture->sweep.keep_s = 0;
	dps_partial_sweep_run(&fixture->sweep.job);
	expect_left(fixture, "5");
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(at_the_start_what_is_old_or_unknown_goes),
		CASE(later_what_is_unknown_may_be_new),
		CASE(what_is_under_way_is_never_old),
		CASE(of_a_peer_no_more_bytes_than_it_may_have_stay),
		CASE(of_a_peer_no_more_transfers_than_it_may_have_stay),
		CASE(what_another_goes_on_with_stays),
		CASE(what_is_kept_for_no_time_goes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
