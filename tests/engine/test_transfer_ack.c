/* SPDX-License-Identifier: BSD-3-Clause */
/* What the other side has, and what it frees. */
#include "tests/support/transfer_rig.h"

/* E1: cut to what was posted, counted, and the transfer goes on. */
static void on_ack__ack_offset_is_capped_to_sent_offset(void **state)
{
	struct transfer_rig rig;
	struct dps_transfer_snapshot snapshot;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post(&rig, 400), 0);
	rig_send(&rig, 1);
	assert_true(rig_ack(&rig, 999999));
	snapshot = rig_read(&rig);
	assert_int_equal(snapshot.acknowledged, 400);
	assert_int_equal(snapshot.anomalies, 1);
	assert_int_equal(snapshot.state, DPS_TRANSFER_ATTACHED);
	rig_ack(&rig, UINT64_MAX);
	assert_int_equal(rig_read(&rig).acknowledged, 400);
	assert_int_equal(rig_post(&rig, 512), 0);
	assert_int_equal(rig_read(&rig).acknowledged, 400);
	rig_close(&rig);
}

/* E2: what repeats or goes back moves nothing, and is no progress. */
static void on_ack__a_duplicate_or_backward_one_is_no_progress(void **state)
{
	struct transfer_rig rig;
	struct dps_transfer_snapshot snapshot;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post(&rig, 400), 0);
	rig_send(&rig, 1);
	assert_true(rig_ack_at(&rig, 300, 10));
	assert_false(rig_ack_at(&rig, 300, 20));
	assert_false(rig_ack_at(&rig, 100, 30));
	snapshot = rig_read(&rig);
	assert_int_equal(snapshot.acknowledged, 300);
	assert_int_equal(snapshot.progress_at_ns, 10);
	assert_int_equal(snapshot.heard_at_ns, 30);
	assert_int_equal(snapshot.acks_useless, 2);
	rig_close(&rig);
}

/* E3: another file's moves nothing and is counted, older or newer. */
static void on_ack__ack_for_wrong_file_index_is_ignored(void **state)
{
	struct dps_transfer_ack ack = { .epoch = 1, .received = 800, .file_index = 7 };
	struct transfer_rig rig;
	struct dps_transfer_config config = rig_config(1024, 1024);

	(void)state;
	config.first_file = 5;
	rig_open(&rig, &config);
	assert_int_equal(rig_post(&rig, 800), 0);
	rig_send(&rig, 1);
	assert_false(dps_transfer_on_ack(rig.transfer, &ack, 1));
	ack.file_index = 4;
	assert_false(dps_transfer_on_ack(rig.transfer, &ack, 1));
	assert_int_equal(rig_read(&rig).acknowledged, 0);
	assert_int_equal(rig_read(&rig).acks_misplaced, 2);
	ack.file_index = 5;
	assert_true(dps_transfer_on_ack(rig.transfer, &ack, 1));
	assert_int_equal(rig_read(&rig).acknowledged, 800);
	rig_close(&rig);
}

/* E1, E3: what is said of one file goes no further than that file. */
static void on_ack__of_a_file_is_capped_to_its_end(void **state)
{
	struct dps_transfer_ack ack = { .epoch = 1, .received = 150, .file_index = 0 };
	struct dps_transfer_config config = rig_config(1024, 256);
	struct transfer_rig rig;

	(void)state;
	config.files_kept = 1;
	rig_open(&rig, &config);
	assert_int_equal(rig_post_at(&rig, 100, DPS_CHUNK_FILE_END, 0), 0);
	assert_int_equal(rig_advance(&rig, 1), 0);
	assert_int_equal(rig_post(&rig, 100), 0);
	rig_send(&rig, 1);
	assert_true(dps_transfer_on_ack(rig.transfer, &ack, 0));
	assert_int_equal(rig_read(&rig).acknowledged, 100);
	assert_int_equal(rig_read(&rig).anomalies, 1);
	rig_close(&rig);
}

/* E3, E38: what comes from another epoch moves nothing and is counted. */
static void on_ack__of_another_epoch_moves_nothing(void **state)
{
	struct dps_transfer_ack ack = { .epoch = 2, .received = 400, .file_index = DPS_FILE_NONE };
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post(&rig, 400), 0);
	rig_send(&rig, 1);
	assert_false(dps_transfer_on_ack(rig.transfer, &ack, 5));
	ack.epoch = 0;
	assert_false(dps_transfer_on_ack(rig.transfer, &ack, 5));
	assert_int_equal(rig_read(&rig).acknowledged, 0);
	assert_int_equal(rig_read(&rig).acks_stale, 2);
	assert_int_equal(rig_read(&rig).heard_at_ns, 0);
	rig_close(&rig);
}

/* E4: an acknowledgement the instant after commit, before the lane sent or noted anything. */
static void on_ack__right_after_commit_loses_no_credit(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 512, 2048);
	assert_int_equal(rig_post(&rig, 2048), 0);
	assert_true(rig_ack(&rig, 2048));
	assert_int_equal(rig_read(&rig).acknowledged, 2048);
	assert_int_equal(rig_read(&rig).anomalies, 0);
	assert_int_equal(rig_credit(&rig, 2048), 0);
	rig_close(&rig);
}

/* E1: an end that was never posted cannot have arrived. */
static void on_ack__of_an_end_not_posted_is_counted(void **state)
{
	struct dps_transfer_ack ack = { .epoch = 1, .file_index = DPS_FILE_NONE, .has_end = true };
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 1024);
	assert_false(dps_transfer_on_ack(rig.transfer, &ack, 0));
	ack.file_index = 0;
	assert_false(dps_transfer_on_ack(rig.transfer, &ack, 0));
	assert_int_equal(rig_read(&rig).anomalies, 2);
	assert_int_equal(rig_post_at(&rig, 0, DPS_CHUNK_END, 0), 0);
	rig_send(&rig, 1);
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_ATTACHED);
	assert_true(dps_transfer_on_ack(rig.transfer, &ack, 0));
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_FINISHED);
	rig_close(&rig);
}

/* Bytes that exist nowhere else stay until they are stored. */
static void on_ack__frees_on_stored_by_config(void **state)
{
	struct dps_transfer_ack ack = { .epoch = 1, .file_index = DPS_FILE_NONE };
	struct dps_transfer_config config = rig_config(1024, 256);
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;

	(void)state;
	config.release = DPS_RELEASE_STORED;
	rig_open(&rig, &config);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(rig_post(&rig, 256), 0);
	rig_send(&rig, 1);
	ack.received = 1024;
	assert_true(dps_transfer_on_ack(rig.transfer, &ack, 0));
	assert_int_equal(rig_held(&rig), 4);
	/* The window is free again, the ring is not: one more chunk, and no more. */
	assert_int_equal(rig_post(&rig, 256), 0);
	assert_int_equal(rig_credit(&rig, 256), -EAGAIN);
	ack.stored = 512;
	assert_true(dps_transfer_on_ack(rig.transfer, &ack, 0));
	assert_int_equal(rig_read(&rig).lowest, 512);
	assert_int_equal(rig_credit(&rig, 256), 0);
	assert_int_equal(rig_resume(&rig, 2, 0, 512, &answer), DPS_RESUME_OK);
	assert_int_equal(rig_send(&rig, 2), 3);
	rig_close(&rig);
}

/* The port's hold outlasts the acknowledgement: memory is free when both are gone. */
static void on_released__frees_what_was_acknowledged_before(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post(&rig, 512), 0);
	assert_int_equal(rig_post(&rig, 512), 0);
	assert_int_equal(rig_emit(&rig, 1, 256), 4);
	rig_ack(&rig, 1024);
	assert_int_equal(rig_held(&rig), 2);
	dps_transfer_on_released(rig.transfer, 1);
	dps_transfer_on_released(rig.transfer, 1);
	assert_int_equal(rig_held(&rig), 2);
	dps_transfer_on_released(rig.transfer, 0);
	assert_int_equal(rig_held(&rig), 2);
	dps_transfer_on_released(rig.transfer, 0);
	assert_int_equal(rig_held(&rig), 0);
	rig_close(&rig);
}

/* E44: with the producer inside a reservation, the lane's calls all go through. */
static void on_ack__never_waits_for_the_producer(void **state)
{
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;
	uint8_t *room;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post(&rig, 512), 0);
	rig_send(&rig, 1);
	assert_int_equal(dps_transfer_reserve(rig.transfer, 512, &room), 0);
	assert_true(rig_ack(&rig, 300));
	assert_int_equal(dps_transfer_park(rig.transfer, 1, 5), 0);
	assert_int_equal(rig_resume(&rig, 2, 0, 300, &answer), DPS_RESUME_OK);
	assert_int_equal(rig_send(&rig, 2), 1);
	assert_int_equal(dps_transfer_commit(rig.transfer, 512, 512, 0, 0), 0);
	assert_true(dps_transfer_cancel(rig.transfer, "now"));
	dps_transfer_on_turn(rig.transfer);
	assert_int_equal(rig_held(&rig), 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_ack__ack_offset_is_capped_to_sent_offset),
		cmocka_unit_test(on_ack__a_duplicate_or_backward_one_is_no_progress),
		cmocka_unit_test(on_ack__ack_for_wrong_file_index_is_ignored),
		cmocka_unit_test(on_ack__of_a_file_is_capped_to_its_end),
		cmocka_unit_test(on_ack__of_another_epoch_moves_nothing),
		cmocka_unit_test(on_ack__right_after_commit_loses_no_credit),
		cmocka_unit_test(on_ack__of_an_end_not_posted_is_counted),
		cmocka_unit_test(on_ack__frees_on_stored_by_config),
		cmocka_unit_test(on_released__frees_what_was_acknowledged_before),
		cmocka_unit_test(on_ack__never_waits_for_the_producer),
	};

	return cmocka_run_group_tests_name("transfer_ack", tests, NULL, NULL);
}
