/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may post, and who waits. */
#include "tests/support/transfer_rig.h"

static void has_credit__wait_returns_immediately_when_window_has_room(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 1024);
	assert_int_equal(rig_credit(&rig, 512), 0);
	rig_close(&rig);
}

static void has_credit__wait_blocks_when_window_full_and_unblocks_on_ack(void **state)
{
	struct transfer_rig rig;
	uint32_t changes;

	(void)state;
	rig_open_small(&rig, 1024, 512);
	assert_int_equal(rig_post(&rig, 512), 0);
	assert_int_equal(rig_post(&rig, 512), 0);
	rig_send(&rig, 1);
	assert_int_equal(rig_credit(&rig, 512), -EAGAIN);
	assert_int_equal(rig_post(&rig, 512), -EAGAIN);
	changes = dps_transfer_changes(rig.transfer);
	assert_true(rig_ack(&rig, 512));
	assert_int_not_equal(dps_transfer_changes(rig.transfer), changes);
	assert_int_equal(rig_credit(&rig, 512), 0);
	assert_int_equal(rig_post(&rig, 512), 0);
	rig_close(&rig);
}

/* E8: exactly full is within the window, one byte more is not. */
static void has_credit__grants_a_window_that_is_exactly_full(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 1024);
	assert_int_equal(rig_post(&rig, 1000), 0);
	assert_int_equal(rig_credit(&rig, 25), -EAGAIN);
	assert_int_equal(rig_credit(&rig, 24), 0);
	assert_int_equal(rig_post(&rig, 24), 0);
	assert_int_equal(rig_credit(&rig, 1), -EAGAIN);
	rig_close(&rig);
}

/* E9: what is there is given, however late. */
static void has_credit__is_granted_past_the_deadline(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 1024);
	assert_int_equal(dps_transfer_has_credit(rig.transfer, 512, 1000, 2000), 0);
	rig_close(&rig);
}

/* E10: the deadline ends the waiting and not the transfer. */
static void has_credit__wait_returns_timeout_when_no_ack_arrives(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 1024);
	assert_int_equal(rig_post(&rig, 1024), 0);
	assert_int_equal(dps_transfer_has_credit(rig.transfer, 1, 80, 79), -EAGAIN);
	assert_int_equal(dps_transfer_has_credit(rig.transfer, 1, 80, 80), -ETIMEDOUT);
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_ATTACHED);
	rig_send(&rig, 1);
	assert_true(rig_ack(&rig, 1024));
	assert_int_equal(rig_post(&rig, 1024), 0);
	rig_close(&rig);
}

/* E5: passes when nothing else is under way, and only then. */
static void has_credit__oversized_chunk_does_not_deadlock_when_window_is_idle(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 8192);
	assert_int_equal(rig_credit(&rig, 8192), 0);
	assert_int_equal(rig_post(&rig, 100), 0);
	assert_int_equal(rig_credit(&rig, 8192), -EAGAIN);
	rig_send(&rig, 1);
	rig_ack(&rig, 99);
	assert_int_equal(rig_credit(&rig, 8192), -EAGAIN);
	rig_ack(&rig, 100);
	assert_int_equal(rig_post(&rig, 8192), 0);
	assert_int_equal(rig_credit(&rig, 0), -EAGAIN);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_credit__wait_returns_immediately_when_window_has_room),
		cmocka_unit_test(has_credit__wait_blocks_when_window_full_and_unblocks_on_ack),
		cmocka_unit_test(has_credit__grants_a_window_that_is_exactly_full),
		cmocka_unit_test(has_credit__is_granted_past_the_deadline),
		cmocka_unit_test(has_credit__wait_returns_timeout_when_no_ack_arrives),
		cmocka_unit_test(has_credit__oversized_chunk_does_not_deadlock_when_window_is_idle),
	};

	return cmocka_run_group_tests_name("transfer_credit", tests, NULL, NULL);
}
