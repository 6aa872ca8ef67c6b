/* SPDX-License-Identifier: BSD-3-Clause */
/* Credit, posting, acknowledgement, files, cancellation. Resume: test_transfer_resume.c. */
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
		cmocka_unit_test(has_credit__wait_returns_immediately_when_window_has_room),
		cmocka_unit_test(has_credit__wait_blocks_when_window_full_and_unblocks_on_ack),
		cmocka_unit_test(has_credit__grants_a_window_that_is_exactly_full),
		cmocka_unit_test(has_credit__is_granted_past_the_deadline),
		cmocka_unit_test(has_credit__wait_returns_timeout_when_no_ack_arrives),
		cmocka_unit_test(cancel__cancel_unblocks_waiters),
		cmocka_unit_test(cancel__comes_before_credit),
		cmocka_unit_test(cancel__between_reserve_and_commit_posts_nothing),
		cmocka_unit_test(cancel__leaves_to_the_port_what_it_holds),
		cmocka_unit_test(on_ack__ack_offset_is_capped_to_sent_offset),
		cmocka_unit_test(on_ack__a_duplicate_or_backward_one_is_no_progress),
		cmocka_unit_test(on_ack__ack_for_wrong_file_index_is_ignored),
		cmocka_unit_test(on_ack__of_a_file_is_capped_to_its_end),
		cmocka_unit_test(on_ack__of_another_epoch_moves_nothing),
		cmocka_unit_test(on_ack__right_after_commit_loses_no_credit),
		cmocka_unit_test(has_credit__oversized_chunk_does_not_deadlock_when_window_is_idle),
		cmocka_unit_test(reserve__finds_room_for_an_oversized_chunk_every_time),
		cmocka_unit_test(reserve__checks_every_sum),
		cmocka_unit_test(commit__takes_an_empty_chunk_and_sends_nothing),
		cmocka_unit_test(commit__sends_an_end_without_bytes),
		cmocka_unit_test(on_ack__of_an_end_not_posted_is_counted),
		cmocka_unit_test(reserve__refuses_more_than_a_chunk),
		cmocka_unit_test(reserve__replay_ring_keeps_single_oversized_chunk),
		cmocka_unit_test(reserve__replay_ring_evicts_oldest_when_full),
		cmocka_unit_test(reserve__waits_for_an_entry),
		cmocka_unit_test(commit__after_last_is_refused),
		cmocka_unit_test(emit_slices__gives_the_end_once),
		cmocka_unit_test(commit__refuses_what_does_not_abut),
		cmocka_unit_test(advance__waits_for_a_complete_ack),
		cmocka_unit_test(advance__keeps_the_previous_file_by_config),
		cmocka_unit_test(advance__wakes_who_waits_for_an_older_file_to_go),
		cmocka_unit_test(advance__advance_to_file_resets_offsets),
		cmocka_unit_test(advance__advance_to_file_clears_replay_ring),
		cmocka_unit_test(on_ack__of_the_file_before_does_not_count_in_this_one),
		cmocka_unit_test(on_ack__frees_on_stored_by_config),
		cmocka_unit_test(reserve__fills_the_ring_and_no_more),
		cmocka_unit_test(on_released__frees_what_was_acknowledged_before),
		cmocka_unit_test(set_window__changes_the_credit_while_it_lives),
		cmocka_unit_test(reserve__full_is_eagain_and_a_change_follows),
		cmocka_unit_test(on_ack__never_waits_for_the_producer),
		cmocka_unit_test(read__gives_up_on_a_writer_that_stopped),
		cmocka_unit_test(outcome_of__tells_what_became_of_each_chunk),
	};

	return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
