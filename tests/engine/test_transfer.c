/* SPDX-License-Identifier: BSD-3-Clause */
/* What a transfer begins with, how it is given up, and what is told of it. */
#include "tests/support/transfer_rig.h"

static void config_init__keeps_the_origins_defaults(void **state)
{
	struct dps_transfer_config config;

	(void)state;
	dps_transfer_config_init(&config, false);
	assert_int_equal(config.window_bytes, UINT64_C(64) << 20);
	assert_int_equal(config.ring_bytes, (UINT64_C(64) << 20) + (256 << 10) + DPS_PAGE_BYTES);
	assert_int_equal(config.idle_ns, 60 * DPS_NS_PER_S);
	assert_int_equal(config.reconnect_ns, 30 * DPS_NS_PER_S);
	assert_int_equal(DPS_CREDIT_WAIT_NS_DEFAULT, 30 * DPS_NS_PER_S);
	assert_int_equal(config.release, DPS_RELEASE_RECEIVED);
	assert_true(dps_transfer_bytes(&config) > 0);
	dps_transfer_config_init(&config, true);
	assert_int_equal(config.ring_bytes, UINT64_C(256) << 20);
	assert_int_equal(config.release, DPS_RELEASE_STORED);
	assert_true(dps_transfer_bytes(&config) > 0);
}

/* E13: the ring holds a window, one chunk and an envelope, or it is refused. */
static void init__refuses_a_ring_below_window_chunk_and_envelope(void **state)
{
	struct dps_transfer_config config = rig_config(1024, 256);
	struct dps_transfer *transfer;
	_Alignas(64) uint8_t memory[64];

	(void)state;
	assert_true(dps_transfer_bytes(&config) > 0);
	config.ring_bytes--;
	assert_int_equal(dps_transfer_bytes(&config), 0);
	assert_int_equal(dps_transfer_init(memory, &config, memory, &transfer, 0), -EINVAL);
	config = rig_config(1024, 256);
	config.window_bytes = UINT64_MAX - 100;
	assert_int_equal(dps_transfer_bytes(&config), 0);
	config = rig_config(1024, 256);
	config.chunks = 48;
	assert_int_equal(dps_transfer_bytes(&config), 0);
	config = rig_config(1024, 256);
	config.chunk_bytes = 0;
	assert_int_equal(dps_transfer_bytes(&config), 0);
	config.chunk_bytes = UINT32_MAX;
	assert_int_equal(dps_transfer_bytes(&config), 0);
}

/* E11: sticky, the first reason stays, everybody hears it, and the ring is given back. */
static void cancel__cancel_unblocks_waiters(void **state)
{
	struct transfer_rig rig;
	uint32_t changes;
	uint8_t *room;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post(&rig, 512), 0);
	assert_int_equal(rig_post(&rig, 512), 0);
	changes = dps_transfer_changes(rig.transfer);
	assert_true(dps_transfer_cancel(rig.transfer, "client cancelled"));
	assert_false(dps_transfer_cancel(rig.transfer, "too late"));
	assert_string_equal(dps_transfer_cancel_reason(rig.transfer), "client cancelled");
	assert_int_equal(dps_transfer_has_credit(rig.transfer, 1, 0, 1), -ECANCELED);
	assert_int_equal(dps_transfer_has_reconnected(rig.transfer, 0, 1), -ECANCELED);
	assert_int_equal(dps_transfer_reserve(rig.transfer, 1, &room), -ECANCELED);
	assert_int_equal(dps_transfer_advance(rig.transfer, 1, NULL), -ECANCELED);
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_CANCELLED);
	dps_transfer_on_turn(rig.transfer);
	assert_int_not_equal(dps_transfer_changes(rig.transfer), changes);
	assert_int_equal(rig_held(&rig), 0);
	assert_int_equal(rig_send(&rig, 1), 0);
	rig_close(&rig);
}

/* Credit is no consolation: a cancelled transfer says so even where there is room. */
static void cancel__comes_before_credit(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	dps_transfer_cancel(rig.transfer, "no");
	assert_int_equal(rig_credit(&rig, 1), -ECANCELED);
	rig_close(&rig);
}

/* E11: one between reserve and commit; what slipped in before is given back all the same. */
static void cancel__between_reserve_and_commit_posts_nothing(void **state)
{
	struct transfer_rig rig;
	uint8_t *room;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(dps_transfer_reserve(rig.transfer, 512, &room), 0);
	dps_transfer_cancel(rig.transfer, "now");
	assert_int_equal(dps_transfer_commit(rig.transfer, 0, 512, 0, 0), -ECANCELED);
	assert_int_equal(rig_posted(&rig), 0);
	rig_close(&rig);
}

/* E11: memory that the port still reads is given back when it lets go. */
static void cancel__leaves_to_the_port_what_it_holds(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post(&rig, 512), 0);
	assert_int_equal(rig_post(&rig, 512), 0);
	assert_int_equal(rig_emit(&rig, 1, 256), 4);
	dps_transfer_cancel(rig.transfer, "now");
	dps_transfer_on_turn(rig.transfer);
	assert_int_equal(rig_held(&rig), 2);
	rig_release(&rig);
	assert_int_equal(rig_held(&rig), 0);
	rig_close(&rig);
}

static void set_window__changes_the_credit_while_it_lives(void **state)
{
	struct dps_transfer_config config = rig_config(1024, 256);
	struct transfer_rig rig;

	(void)state;
	config.window_bytes = 512;
	rig_open(&rig, &config);
	assert_int_equal(rig_post(&rig, 256), 0);
	assert_int_equal(rig_post(&rig, 256), 0);
	assert_int_equal(rig_credit(&rig, 256), -EAGAIN);
	assert_int_equal(dps_transfer_set_window(rig.transfer, 1025), -EINVAL);
	assert_int_equal(dps_transfer_set_window(rig.transfer, 1024), 0);
	assert_int_equal(rig_post(&rig, 256), 0);
	assert_int_equal(dps_transfer_set_window(rig.transfer, 256), 0);
	assert_int_equal(rig_credit(&rig, 1), -EAGAIN);
	rig_send(&rig, 1);
	rig_ack(&rig, 512);
	assert_int_equal(rig_credit(&rig, 1), -EAGAIN);
	rig_ack(&rig, 767);
	assert_int_equal(rig_credit(&rig, 255), 0);
	assert_int_equal(rig_read(&rig).window_bytes, 256);
	rig_close(&rig);
}

/* E44: a writer that was stopped in the middle of a change keeps no reader waiting. */
static void read__gives_up_on_a_writer_that_stopped(void **state)
{
	struct dps_transfer_snapshot snapshot;
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	dps_sequence_change(&rig.transfer->lane.sequence);
	assert_false(dps_transfer_read(rig.transfer, &snapshot));
	dps_sequence_done(&rig.transfer->lane.sequence);
	assert_true(dps_transfer_read(rig.transfer, &snapshot));
	rig_close(&rig);
}

/* E36, E43: at every moment each byte's fate can be told, and at the end from which offset on. */
static void outcome_of__tells_what_became_of_each_chunk(void **state)
{
	struct dps_transfer_ack ack = {
		.epoch = 1, .received = 200, .stored = 100, .file_index = DPS_FILE_NONE
	};
	struct dps_transfer_snapshot snapshot;
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(rig_post(&rig, 100), 0);
	rig_send(&rig, 1);
	assert_int_equal(rig_post(&rig, 100), 0);
	dps_transfer_on_ack(rig.transfer, &ack, 0);
	snapshot = rig_read(&rig);
	assert_int_equal(dps_transfer_outcome_of(&snapshot, 100), DPS_OUTCOME_STORED);
	assert_int_equal(dps_transfer_outcome_of(&snapshot, 200), DPS_OUTCOME_RECEIVED);
	assert_int_equal(dps_transfer_outcome_of(&snapshot, 300), DPS_OUTCOME_SENT);
	assert_int_equal(dps_transfer_outcome_of(&snapshot, 400), DPS_OUTCOME_QUEUED);
	dps_transfer_park(rig.transfer, 1, 0);
	snapshot = rig_read(&rig);
	assert_int_equal(dps_transfer_outcome_of(&snapshot, 300), DPS_OUTCOME_QUEUED);
	dps_transfer_cancel(rig.transfer, "over");
	snapshot = rig_read(&rig);
	assert_int_equal(dps_transfer_outcome_of(&snapshot, 200), DPS_OUTCOME_RECEIVED);
	assert_int_equal(dps_transfer_outcome_of(&snapshot, 201), DPS_OUTCOME_LOST);
	assert_int_equal(snapshot.acknowledged, 200);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_init__keeps_the_origins_defaults),
		cmocka_unit_test(init__refuses_a_ring_below_window_chunk_and_envelope),
		cmocka_unit_test(cancel__cancel_unblocks_waiters),
		cmocka_unit_test(cancel__comes_before_credit),
		cmocka_unit_test(cancel__between_reserve_and_commit_posts_nothing),
		cmocka_unit_test(cancel__leaves_to_the_port_what_it_holds),
		cmocka_unit_test(set_window__changes_the_credit_while_it_lives),
		cmocka_unit_test(read__gives_up_on_a_writer_that_stopped),
		cmocka_unit_test(outcome_of__tells_what_became_of_each_chunk),
	};

	return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
