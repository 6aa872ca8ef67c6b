/* SPDX-License-Identifier: BSD-3-Clause */
/* One file after the other. */
#include "tests/support/transfer_rig.h"

/* E26: the next file waits until this one is acknowledged in full. */
static void advance__waits_for_a_complete_ack(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 256);
	assert_int_equal(rig_post(&rig, 100), 0);
	assert_int_equal(rig_advance(&rig, 1), -EINVAL);
	assert_int_equal(rig_post_at(&rig, 0, DPS_CHUNK_FILE_END, 0), 0);
	rig_send(&rig, 1);
	assert_int_equal(rig_advance(&rig, 1), -EAGAIN);
	rig_ack(&rig, 100);
	assert_int_equal(rig_advance(&rig, 1), -EAGAIN);
	assert_true(dps_transfer_on_ack(
		rig.transfer,
		&(struct dps_transfer_ack){ .epoch = 1, .received = 100, .has_end = true }, 0));
	assert_int_equal(rig_advance(&rig, 0), -EINVAL);
	assert_int_equal(rig_advance(&rig, 1), 0);
	rig_close(&rig);
}

/* E26: or goes on at once, and the one before stays resumable, as many as were asked for. */
static void advance__keeps_the_previous_file_by_config(void **state)
{
	struct dps_transfer_config config = rig_config(1024, 256);
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;

	(void)state;
	config.files_kept = 1;
	rig_open(&rig, &config);
	assert_int_equal(rig_post_at(&rig, 100, DPS_CHUNK_FILE_END, 0), 0);
	assert_int_equal(rig_advance(&rig, 1), 0);
	assert_int_equal(rig_post_at(&rig, 200, DPS_CHUNK_FILE_END, 0), 0);
	assert_int_equal(rig_advance(&rig, 2), -EAGAIN);
	rig_send(&rig, 1);
	assert_int_equal(rig_resume(&rig, 2, 0, 60, &answer), DPS_RESUME_OK);
	assert_int_equal(rig_emit(&rig, 2, 256), 2);
	assert_int_equal(rig.slices[0].file_index, 0);
	assert_int_equal(rig.slices[0].file_offset, 60);
	assert_int_equal(rig.slices[0].bytes, 40);
	assert_int_equal(rig.slices[1].file_index, 1);
	assert_int_equal(rig.slices[1].file_offset, 0);
	rig_release(&rig);
	rig_ack(&rig, 100);
	assert_int_equal(rig_advance(&rig, 2), 0);
	assert_int_equal(rig_resume(&rig, 3, 0, 60, &answer), DPS_RESUME_WRONG_FILE);
	assert_int_equal(rig_resume(&rig, 3, 1, 10, &answer), DPS_RESUME_OK);
	rig_close(&rig);
}

/* An older file may go without a byte of the ring: the lane saw the first chunk of the next. */
static void advance__wakes_who_waits_for_an_older_file_to_go(void **state)
{
	struct dps_transfer_config config = rig_config(1024, 256);
	struct transfer_rig rig;
	uint32_t changes;

	(void)state;
	config.files_kept = 1;
	rig_open(&rig, &config);
	assert_int_equal(rig_post_at(&rig, 100, DPS_CHUNK_FILE_END, 0), 0);
	rig_send(&rig, 1);
	rig_ack(&rig, 100);
	assert_int_equal(rig_advance(&rig, 1), 0);
	assert_int_equal(rig_post_at(&rig, 200, DPS_CHUNK_FILE_END, 0), 0);
	changes = dps_transfer_changes(rig.transfer);
	assert_int_equal(rig_advance(&rig, 2), -EAGAIN);
	dps_transfer_on_turn(rig.transfer);
	assert_int_not_equal(dps_transfer_changes(rig.transfer), changes);
	assert_int_equal(rig_advance(&rig, 2), 0);
	rig_close(&rig);
}

static void advance__advance_to_file_resets_offsets(void **state)
{
	struct dps_transfer_ack ack = { .epoch = 1, .received = 30, .file_index = 1 };
	struct transfer_rig rig;
	uint8_t *room;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post_at(&rig, 400, DPS_CHUNK_FILE_END, 0), 0);
	rig_send(&rig, 1);
	rig_ack(&rig, 400);
	assert_int_equal(rig_advance(&rig, 1), 0);
	assert_int_equal(rig_read(&rig).file_index, 1);
	assert_int_equal(dps_transfer_reserve(rig.transfer, 100, &room), 0);
	assert_int_equal(dps_transfer_commit(rig.transfer, 400, 100, 0, 0), -EINVAL);
	assert_int_equal(rig_post(&rig, 100), 0);
	rig_emit(&rig, 1, 512);
	assert_int_equal(rig.slices[0].file_offset, 0);
	rig_release(&rig);
	assert_true(dps_transfer_on_ack(rig.transfer, &ack, 0));
	assert_int_equal(rig_read(&rig).acknowledged, 430);
	/* One more window's worth of credit, as if the first file had never been. */
	rig_ack(&rig, 500);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(rig_post(&rig, 512), 0);
	assert_int_equal(rig_credit(&rig, 1), -EAGAIN);
	rig_close(&rig);
}

static void advance__advance_to_file_clears_replay_ring(void **state)
{
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post_at(&rig, 64, DPS_CHUNK_FILE_END, 0), 0);
	rig_send(&rig, 1);
	rig_ack(&rig, 64);
	assert_int_equal(rig_advance(&rig, 1), 0);
	assert_int_equal(rig_held(&rig), 0);
	assert_int_equal(rig_resume(&rig, 2, 1, 0, &answer), DPS_RESUME_OK);
	assert_int_equal(rig_send(&rig, 2), 0);
	rig_close(&rig);
}

/* A late acknowledgement of the file before, after the next one began. */
static void on_ack__of_the_file_before_does_not_count_in_this_one(void **state)
{
	struct dps_transfer_ack ack = { .epoch = 1, .received = 100, .file_index = 0 };
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post_at(&rig, 100, DPS_CHUNK_FILE_END, 0), 0);
	rig_send(&rig, 1);
	rig_ack(&rig, 100);
	assert_int_equal(rig_advance(&rig, 1), 0);
	assert_int_equal(rig_post(&rig, 300), 0);
	rig_send(&rig, 1);
	assert_false(dps_transfer_on_ack(rig.transfer, &ack, 0));
	assert_int_equal(rig_read(&rig).acknowledged, 100);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(advance__waits_for_a_complete_ack),
		cmocka_unit_test(advance__keeps_the_previous_file_by_config),
		cmocka_unit_test(advance__wakes_who_waits_for_an_older_file_to_go),
		cmocka_unit_test(advance__advance_to_file_resets_offsets),
		cmocka_unit_test(advance__advance_to_file_clears_replay_ring),
		cmocka_unit_test(on_ack__of_the_file_before_does_not_count_in_this_one),
	};

	return cmocka_run_group_tests_name("transfer_files", tests, NULL, NULL);
}
