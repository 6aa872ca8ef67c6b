/* SPDX-License-Identifier: BSD-3-Clause */
/* What is posted, and given out to be sent. */
#include "tests/support/transfer_rig.h"

/* E5: and again and again, wherever the ring's end falls. */
static void reserve__finds_room_for_an_oversized_chunk_every_time(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 16, 200);
	for (unsigned int i = 0; i < 1000; i++) {
		uint32_t bytes = i % 3 == 0 ? 200 : 130 + i % 70;

		assert_int_equal(rig_post(&rig, bytes), 0);
		rig_send(&rig, 1);
		rig_ack(&rig, rig_posted(&rig));
	}
	rig_close(&rig);
}

/* E6: near the end of all offsets nothing wraps. */
static void reserve__checks_every_sum(void **state)
{
	struct transfer_rig rig;
	uint8_t *room;

	(void)state;
	rig_open_small(&rig, 1024, 1024);
	assert_int_equal(rig_credit(&rig, UINT64_MAX), -EMSGSIZE);
	assert_int_equal(dps_transfer_reserve(rig.transfer, UINT64_MAX, &room), -EMSGSIZE);
	rig.transfer->producer.posted = DPS_OFFSET_MAX - 10;
	rig.transfer->lane.acknowledged = DPS_OFFSET_MAX - 10;
	rig.transfer->lane.posted = DPS_OFFSET_MAX - 10;
	assert_int_equal(dps_transfer_reserve(rig.transfer, 11, &room), -EFBIG);
	assert_int_equal(dps_transfer_reserve(rig.transfer, 10, &room), 0);
	assert_int_equal(dps_transfer_commit(rig.transfer, DPS_OFFSET_MAX - 10, 10, 0, 0), 0);
	assert_int_equal(rig_posted(&rig), DPS_OFFSET_MAX);
	rig_close(&rig);
}

/* E7: accepted, costs no credit, sends nothing. */
static void commit__takes_an_empty_chunk_and_sends_nothing(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 1024);
	assert_int_equal(rig_post(&rig, 1024), 0);
	assert_int_equal(rig_credit(&rig, 0), 0);
	assert_int_equal(rig_post(&rig, 0), 0);
	assert_int_equal(rig_send(&rig, 1), 1);
	rig_ack(&rig, 1024);
	assert_int_equal(rig_held(&rig), 0);
	rig_close(&rig);
}

/* E7: but an end without bytes is sent, and held until the peer says that it has it. */
static void commit__sends_an_end_without_bytes(void **state)
{
	struct dps_transfer_ack ack = { .epoch = 1, .received = 100, .file_index = DPS_FILE_NONE };
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 1024);
	assert_int_equal(rig_post(&rig, 100), 0);
	assert_int_equal(rig_post_at(&rig, 0, DPS_CHUNK_END, 0), 0);
	assert_int_equal(rig_emit(&rig, 1, 1024), 2);
	assert_int_equal(rig.slices[1].bytes, 0);
	assert_int_equal(rig.slices[1].flags, DPS_CHUNK_END | DPS_CHUNK_FILE_END);
	rig_release(&rig);
	dps_transfer_on_ack(rig.transfer, &ack, 0);
	assert_int_equal(rig_held(&rig), 1);
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_ATTACHED);
	ack.has_end = true;
	assert_true(dps_transfer_on_ack(rig.transfer, &ack, 0));
	assert_int_equal(rig_held(&rig), 0);
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_FINISHED);
	rig_close(&rig);
}

/* E12: longer than a chunk may be is refused, and so the ring never outgrows its memory. */
static void reserve__refuses_more_than_a_chunk(void **state)
{
	struct transfer_rig rig;
	uint8_t *room;

	(void)state;
	rig_open_small(&rig, 1024, 256);
	assert_int_equal(dps_transfer_reserve(rig.transfer, 257, &room), -EMSGSIZE);
	assert_int_equal(rig_credit(&rig, 257), -EMSGSIZE);
	assert_int_equal(dps_transfer_reserve(rig.transfer, 256, &room), 0);
	rig_close(&rig);
}

/* E12: one that is longer than all the rest of the ring is kept by itself. */
static void reserve__replay_ring_keeps_single_oversized_chunk(void **state)
{
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 50, 200);
	assert_int_equal(rig_post(&rig, 200), 0);
	rig_send(&rig, 1);
	assert_int_equal(rig_held(&rig), 1);
	assert_int_equal(rig_resume(&rig, 2, 0, 0, &answer), DPS_RESUME_OK);
	assert_int_equal(rig_emit(&rig, 2, 200), 1);
	assert_int_equal(rig.slices[0].bytes, 200);
	rig_close(&rig);
}

/* E13: nothing that the peer lacks makes room; the oldest goes when it is acknowledged. */
static void reserve__replay_ring_evicts_oldest_when_full(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 100, 40);
	assert_int_equal(rig_post(&rig, 40), 0);
	assert_int_equal(rig_post(&rig, 40), 0);
	assert_int_equal(rig_post(&rig, 40), -EAGAIN);
	rig_send(&rig, 1);
	assert_int_equal(rig_read(&rig).lowest, 0);
	rig_ack(&rig, 40);
	assert_int_equal(rig_post(&rig, 40), 0);
	assert_int_equal(rig_read(&rig).lowest, 40);
	assert_int_equal(rig_held(&rig), 2);
	rig_close(&rig);
}

/* As many chunks as the ring has entries, however short they are. */
static void reserve__waits_for_an_entry(void **state)
{
	struct dps_transfer_config config = rig_config(1024, 256);
	struct transfer_rig rig;

	(void)state;
	config.chunks = 4;
	rig_open(&rig, &config);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(rig_post(&rig, 1), 0);
	assert_int_equal(rig_credit(&rig, 1), -EAGAIN);
	rig_send(&rig, 1);
	rig_ack(&rig, 1);
	assert_int_equal(rig_post(&rig, 1), 0);
	rig_close(&rig);
}

/* E24: nothing follows a file's end but the next file, and nothing at all the last one's. */
static void commit__after_last_is_refused(void **state)
{
	struct transfer_rig rig;
	uint8_t *room;

	(void)state;
	rig_open_small(&rig, 1024, 256);
	assert_int_equal(rig_post_at(&rig, 100, DPS_CHUNK_FILE_END, 0), 0);
	assert_int_equal(dps_transfer_reserve(rig.transfer, 1, &room), -EINVAL);
	assert_int_equal(dps_transfer_commit(rig.transfer, 100, 0, 0, 0), -EINVAL);
	rig_send(&rig, 1);
	rig_ack(&rig, 100);
	assert_int_equal(rig_advance(&rig, 1), 0);
	assert_int_equal(rig_post_at(&rig, 100, DPS_CHUNK_END, 0), 0);
	assert_int_equal(dps_transfer_reserve(rig.transfer, 1, &room), -EINVAL);
	assert_int_equal(rig_advance(&rig, 2), -EINVAL);
	rig_close(&rig);
}

/* E24: the end goes out with the last byte, on one slice only. */
static void emit_slices__gives_the_end_once(void **state)
{
	struct transfer_rig rig;
	unsigned int ends = 0;

	(void)state;
	rig_open_small(&rig, 1024, 256);
	assert_int_equal(rig_post_at(&rig, 250, DPS_CHUNK_END, 0), 0);
	assert_int_equal(rig_emit(&rig, 1, 100), 3);
	for (unsigned int i = 0; i < 3; i++)
		ends += rig.slices[i].flags != 0;
	assert_int_equal(ends, 1);
	assert_int_equal(rig.slices[2].flags, DPS_CHUNK_END | DPS_CHUNK_FILE_END);
	assert_int_equal(rig.slices[2].bytes, 50);
	rig_release(&rig);
	assert_int_equal(rig_send(&rig, 1), 0);
	rig_ack(&rig, 250);
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_FINISHED);
	rig_close(&rig);
}

/* E27: always, not only where assertions are on. */
static void commit__refuses_what_does_not_abut(void **state)
{
	struct transfer_rig rig;
	uint8_t *room;

	(void)state;
	rig_open_small(&rig, 1024, 256);
	assert_int_equal(dps_transfer_commit(rig.transfer, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(rig_post(&rig, 100), 0);
	assert_int_equal(dps_transfer_reserve(rig.transfer, 100, &room), 0);
	assert_int_equal(dps_transfer_commit(rig.transfer, 99, 100, 0, 0), -EINVAL);
	assert_int_equal(dps_transfer_commit(rig.transfer, 101, 100, 0, 0), -EINVAL);
	assert_int_equal(dps_transfer_commit(rig.transfer, 100, 101, 0, 0), -EINVAL);
	assert_int_equal(rig_posted(&rig), 100);
	assert_int_equal(dps_transfer_commit(rig.transfer, 100, 100, 0, 0), 0);
	assert_int_equal(dps_transfer_commit(rig.transfer, 200, 0, 0, 0), -EINVAL);
	rig_close(&rig);
}

/* To the last byte, and not one further. */
static void reserve__fills_the_ring_and_no_more(void **state)
{
	struct dps_transfer_ack ack = { .epoch = 1, .file_index = DPS_FILE_NONE };
	struct dps_transfer_config config = rig_config(1024, 256);
	struct transfer_rig rig;

	(void)state;
	config.release = DPS_RELEASE_STORED;
	rig_open(&rig, &config);
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(rig_post(&rig, 256), 0);
		rig_send(&rig, 1);
		ack.received = rig_posted(&rig);
		dps_transfer_on_ack(rig.transfer, &ack, 0);
	}
	assert_int_equal(rig_post(&rig, 57), -EAGAIN);
	ack.stored = 256;
	dps_transfer_on_ack(rig.transfer, &ack, 0);
	assert_int_equal(rig_post(&rig, 56), 0);
	/* The rest of the room is at the ring's start. */
	assert_int_equal(rig_post(&rig, 200), 0);
	assert_int_equal(rig_post(&rig, 57), -EAGAIN);
	assert_int_equal(rig_post(&rig, 56), 0);
	assert_int_equal(rig_credit(&rig, 1), -EAGAIN);
	rig_close(&rig);
}

/* E29: full is an answer and a change to wait for, never a chunk that is gone. */
static void reserve__full_is_eagain_and_a_change_follows(void **state)
{
	struct transfer_rig rig;
	uint32_t changes;

	(void)state;
	rig_open_small(&rig, 256, 256);
	assert_int_equal(rig_post(&rig, 256), 0);
	assert_int_equal(rig_post(&rig, 256), -EAGAIN);
	rig_emit(&rig, 1, 256);
	changes = dps_transfer_changes(rig.transfer);
	rig_ack(&rig, 256);
	assert_int_not_equal(dps_transfer_changes(rig.transfer), changes);
	/* Memory that comes free later than credit is a change of its own. */
	changes = dps_transfer_changes(rig.transfer);
	rig_release(&rig);
	assert_int_not_equal(dps_transfer_changes(rig.transfer), changes);
	assert_int_equal(rig_post(&rig, 256), 0);
	assert_int_equal(rig_posted(&rig), 512);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserve__finds_room_for_an_oversized_chunk_every_time),
		cmocka_unit_test(reserve__checks_every_sum),
		cmocka_unit_test(commit__takes_an_empty_chunk_and_sends_nothing),
		cmocka_unit_test(commit__sends_an_end_without_bytes),
		cmocka_unit_test(reserve__refuses_more_than_a_chunk),
		cmocka_unit_test(reserve__replay_ring_keeps_single_oversized_chunk),
		cmocka_unit_test(reserve__replay_ring_evicts_oldest_when_full),
		cmocka_unit_test(reserve__waits_for_an_entry),
		cmocka_unit_test(commit__after_last_is_refused),
		cmocka_unit_test(emit_slices__gives_the_end_once),
		cmocka_unit_test(commit__refuses_what_does_not_abut),
		cmocka_unit_test(reserve__fills_the_ring_and_no_more),
		cmocka_unit_test(reserve__full_is_eagain_and_a_change_follows),
	};

	return cmocka_run_group_tests_name("transfer_post", tests, NULL, NULL);
}
