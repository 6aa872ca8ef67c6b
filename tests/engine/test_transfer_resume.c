/* SPDX-License-Identifier: BSD-3-Clause */
/* Park, resume, replay: what a connection's end and another's beginning do to a transfer. */
#include "tests/support/transfer_rig.h"

static void post_chunks(struct transfer_rig *rig, unsigned int count, uint64_t bytes)
{
	for (unsigned int i = 0; i < count; i++)
		assert_int_equal(rig_post(rig, bytes), 0);
}

static enum dps_resume_code resume_at(struct transfer_rig *rig, uint64_t epoch, uint64_t offset)
{
	struct dps_transfer_resumed answer;

	return rig_resume(rig, epoch, 0, offset, &answer);
}

/* What can be had: only the beginning at first, then each byte held, and the trailing edge. */
static void resume__replay_ring_covers_offsets(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 16);
	assert_int_equal(resume_at(&rig, 2, 1), DPS_RESUME_AHEAD_OF_SENT);
	assert_int_equal(resume_at(&rig, 2, 0), DPS_RESUME_OK);
	post_chunks(&rig, 2, 16);
	rig_send(&rig, 2);
	assert_int_equal(resume_at(&rig, 3, 0), DPS_RESUME_OK);
	assert_int_equal(resume_at(&rig, 4, 16), DPS_RESUME_OK);
	assert_int_equal(resume_at(&rig, 5, 32), DPS_RESUME_OK);
	assert_int_equal(resume_at(&rig, 6, 64), DPS_RESUME_AHEAD_OF_SENT);
	rig_close(&rig);
}

/* Where a chunk leaves the ring's end empty, it costs more of the ring than it has bytes. */
static void resume__covers_trailing_edge_when_wire_bytes_exceed_data_len(void **state)
{
	struct transfer_rig rig;
	uint64_t end;

	(void)state;
	rig_open_small(&rig, 100, 60);
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_equal(rig_post(&rig, 40), 0);
		rig_send(&rig, 1 + i);
		end = rig_posted(&rig);
		assert_int_equal(resume_at(&rig, 2 + i, end + 1), DPS_RESUME_AHEAD_OF_SENT);
		assert_int_equal(resume_at(&rig, 2 + i, end), DPS_RESUME_OK);
		assert_int_equal(rig_post(&rig, 60), 0);
		rig_send(&rig, 2 + i);
		rig_ack(&rig, end + 60);
	}
	rig_close(&rig);
}

static void resume__replay_chunks_from_returns_tail(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 16);
	post_chunks(&rig, 2, 16);
	assert_int_equal(rig_post_at(&rig, 16, DPS_CHUNK_END, 0), 0);
	rig_send(&rig, 1);
	assert_int_equal(resume_at(&rig, 2, 16), DPS_RESUME_OK);
	assert_int_equal(rig_emit(&rig, 2, 16), 2);
	assert_int_equal(rig.slices[0].offset, 16);
	assert_int_equal(rig.slices[0].flags, 0);
	assert_int_equal(rig.slices[1].offset, 32);
	assert_int_equal(rig.slices[1].flags, DPS_CHUNK_END | DPS_CHUNK_FILE_END);
	rig_close(&rig);
}

/* E20: a file that is not held has a code of its own, and the answer names the one that is. */
static void resume__request_resume_validates_file_index(void **state)
{
	struct dps_transfer_resumed answer;
	struct dps_transfer_config config = rig_config(1024, 256);
	struct transfer_rig rig;

	(void)state;
	config.first_file = 3;
	rig_open(&rig, &config);
	assert_int_equal(rig_resume(&rig, 2, 4, 0, &answer), DPS_RESUME_WRONG_FILE);
	assert_int_equal(answer.file_index, 3);
	assert_int_equal(rig_resume(&rig, 2, 2, 0, &answer), DPS_RESUME_WRONG_FILE);
	assert_int_equal(rig_resume(&rig, 2, 3, 0, &answer), DPS_RESUME_OK);
	rig_close(&rig);
}

/* E14: what left the ring has a code of its own, and the answer the lowest that did not. */
static void resume__request_resume_validates_offset_in_ring(void **state)
{
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 64, 32);
	post_chunks(&rig, 2, 32);
	rig_send(&rig, 1);
	rig_ack(&rig, 32);
	post_chunks(&rig, 1, 32);
	rig_send(&rig, 1);
	assert_int_equal(rig_resume(&rig, 2, 0, 0, &answer), DPS_RESUME_OUT_OF_WINDOW);
	assert_int_equal(answer.offset, 32);
	assert_int_equal(rig_resume(&rig, 2, 0, 31, &answer), DPS_RESUME_OUT_OF_WINDOW);
	assert_int_equal(rig_read(&rig).resumes_refused, 2);
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_ATTACHED);
	assert_int_equal(rig_resume(&rig, 2, 0, answer.offset, &answer), DPS_RESUME_OK);
	rig_close(&rig);
}

/* E15: any byte will do. */
static void resume__cuts_a_chunk_at_any_byte(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 300, 100);
	post_chunks(&rig, 3, 100);
	rig_send(&rig, 1);
	for (uint64_t offset = 0; offset <= 300; offset++) {
		uint64_t next = offset;

		assert_int_equal(resume_at(&rig, 2 + offset, offset), DPS_RESUME_OK);
		rig_emit(&rig, 2 + offset, 64);
		for (unsigned int i = 0; i < rig.slices_count; i++) {
			assert_int_equal(rig.slices[i].offset, next);
			next += rig.slices[i].bytes;
		}
		assert_int_equal(next, 300);
		rig_release(&rig);
		assert_int_equal(rig_read(&rig).acknowledged, offset);
	}
	rig_close(&rig);
}

/* E16: nothing is replayed, and what was posted meanwhile is sent. */
static void resume__at_the_trailing_edge_sends_what_is_new(void **state)
{
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 100);
	post_chunks(&rig, 2, 100);
	rig_send(&rig, 1);
	assert_int_equal(dps_transfer_park(rig.transfer, 1, 0), 0);
	post_chunks(&rig, 1, 100);
	assert_int_equal(rig_resume(&rig, 2, 0, 200, &answer), DPS_RESUME_OK);
	assert_int_equal(answer.resent_bytes, 0);
	assert_int_equal(rig_emit(&rig, 2, 100), 1);
	assert_int_equal(rig.slices[0].offset, 200);
	rig_release(&rig);
	/* And it is acknowledged as what it is, though it was posted in another epoch. */
	assert_true(rig_ack(&rig, 300));
	assert_int_equal(rig_read(&rig).acknowledged, 300);
	rig_close(&rig);
}

/* E17: posted is not sent; who claims to have it would lose it. */
static void resume__ahead_of_sent_is_refused(void **state)
{
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 100);
	post_chunks(&rig, 1, 100);
	rig_send(&rig, 1);
	post_chunks(&rig, 1, 100);
	assert_int_equal(rig_resume(&rig, 2, 0, 200, &answer), DPS_RESUME_AHEAD_OF_SENT);
	assert_int_equal(answer.offset, 100);
	assert_int_equal(rig_resume(&rig, 2, 0, 101, &answer), DPS_RESUME_AHEAD_OF_SENT);
	assert_int_equal(rig_resume(&rig, 2, 0, UINT64_MAX, &answer), DPS_RESUME_AHEAD_OF_SENT);
	assert_int_equal(rig_resume(&rig, 2, DPS_FILE_NONE, UINT64_MAX, &answer),
			 DPS_RESUME_AHEAD_OF_SENT);
	assert_int_equal(rig_read(&rig).acknowledged, 0);
	assert_int_equal(rig_resume(&rig, 2, 0, 100, &answer), DPS_RESUME_OK);
	rig_close(&rig);
}

/* E17: the next file's beginning implies all of this one. */
static void resume__of_a_file_behind_what_was_sent_is_refused(void **state)
{
	struct dps_transfer_config config = rig_config(1024, 256);
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;

	(void)state;
	config.files_kept = 1;
	rig_open(&rig, &config);
	assert_int_equal(rig_post_at(&rig, 100, DPS_CHUNK_FILE_END, 0), 0);
	assert_int_equal(rig_advance(&rig, 1), 0);
	assert_int_equal(rig_resume(&rig, 2, 1, 0, &answer), DPS_RESUME_AHEAD_OF_SENT);
	assert_int_equal(rig_read(&rig).acknowledged, 0);
	rig_send(&rig, 1);
	assert_int_equal(rig_resume(&rig, 2, 1, 0, &answer), DPS_RESUME_OK);
	rig_close(&rig);
}

/* E18: the old epoch is parked first, and nothing of it counts any more. */
static void resume__while_attached_forces_a_park_first(void **state)
{
	struct dps_transfer_ack late = { .epoch = 1, .received = 300, .file_index = DPS_FILE_NONE };
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 100);
	post_chunks(&rig, 3, 100);
	assert_int_equal(rig_emit(&rig, 1, 100), 3);
	assert_int_equal(resume_at(&rig, 2, 150), DPS_RESUME_OK);
	assert_int_equal(rig_read(&rig).parks, 1);
	assert_int_equal(rig_read(&rig).epoch, 2);
	assert_int_equal(rig_read(&rig).sent, 150);
	rig_release(&rig);
	assert_int_equal(rig_send(&rig, 1), 0);
	assert_false(dps_transfer_on_ack(rig.transfer, &late, 0));
	assert_int_equal(rig_emit(&rig, 2, 100), 2);
	assert_int_equal(rig.slices[0].offset, 150);
	rig_release(&rig);
	/* Nothing is staged: the next park awaits a resume of its own. */
	assert_int_equal(dps_transfer_park(rig.transfer, 2, 0), 0);
	assert_int_equal(dps_transfer_has_reconnected(rig.transfer, 10, 1), -EAGAIN);
	rig_close(&rig);
}

/* E19: the greatest epoch wins in whatever order they come; the earlier replay stops. */
static void resume__the_last_epoch_wins(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 1024, 100);
	post_chunks(&rig, 4, 100);
	rig_send(&rig, 1);
	assert_int_equal(dps_transfer_park(rig.transfer, 1, 0), 0);
	assert_int_equal(resume_at(&rig, 2, 0), DPS_RESUME_OK);
	/* One slice of the earlier replay is out; not another one. */
	assert_int_equal(dps_transfer_emit_slices(rig.transfer, 2, rig.slices, 1, 50), 1);
	assert_int_equal(resume_at(&rig, 4, 100), DPS_RESUME_OK);
	assert_int_equal(dps_transfer_emit_slices(rig.transfer, 2, rig.slices + 1, 4, 50), 0);
	dps_transfer_on_released(rig.transfer, rig.slices[0].chunk);
	assert_int_not_equal(rig.slices[0].epoch, rig_read(&rig).epoch);
	assert_int_equal(resume_at(&rig, 3, 0), DPS_RESUME_BUSY);
	assert_int_equal(resume_at(&rig, 4, 0), DPS_RESUME_BUSY);
	assert_int_equal(rig_emit(&rig, 4, 100), 3);
	assert_int_equal(rig.slices[0].offset, 100);
	rig_close(&rig);
}

/* E20: cancelled, finished, changed: each is told apart. */
static void resume__tells_its_refusals_apart(void **state)
{
	struct dps_transfer_resume request = { .epoch = 2, .identity = { { 1, 2, 3 } } };
	struct dps_transfer_config config = rig_config(1024, 100);
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;

	(void)state;
	config.identity = (struct dps_digest){ { 1, 2, 4 } };
	rig_open(&rig, &config);
	assert_int_equal(dps_transfer_resume(rig.transfer, &request, &answer, 0),
			 DPS_RESUME_IDENTITY_CHANGED);
	request.identity = config.identity;
	assert_int_equal(dps_transfer_resume(rig.transfer, &request, &answer, 0), DPS_RESUME_OK);
	assert_int_equal(rig_post_at(&rig, 100, DPS_CHUNK_END, 0), 0);
	rig_send(&rig, 2);
	rig_ack(&rig, 100);
	assert_int_equal(resume_at(&rig, 3, 100), DPS_RESUME_FINISHED);
	rig_close(&rig);

	rig_open_small(&rig, 1024, 100);
	dps_transfer_cancel(rig.transfer, "no");
	assert_int_equal(resume_at(&rig, 2, 0), DPS_RESUME_CANCELLED);
	assert_int_equal(dps_transfer_replay(rig.transfer, 1, 0), DPS_RESUME_CANCELLED);
	rig_close(&rig);
}

/* E20: the names are what peers and scripts compare. */
static void resume_code_name__is_distinct_and_stable(void **state)
{
	static const char *const names[] = {
		"ok",	   "wrong_file", "out_of_window",    "ahead_of_sent", "cancelled",
		"unknown", "finished",	 "identity_changed", "busy"
	};

	(void)state;
	for (int code = DPS_RESUME_OK; code <= DPS_RESUME_BUSY; code++)
		assert_string_equal(dps_resume_code_name((enum dps_resume_code)code), names[code]);
}

static void resume__request_resume_signals_writer_via_condvar(void **state)
{
	struct transfer_rig rig;
	uint32_t changes;

	(void)state;
	rig_open_small(&rig, 1024, 100);
	assert_int_equal(dps_transfer_park(rig.transfer, 1, 0), 0);
	changes = dps_transfer_changes(rig.transfer);
	assert_int_equal(dps_transfer_has_reconnected(rig.transfer, 100, 1), -EAGAIN);
	assert_int_equal(resume_at(&rig, 2, 0), DPS_RESUME_OK);
	assert_int_not_equal(dps_transfer_changes(rig.transfer), changes);
	assert_int_equal(dps_transfer_has_reconnected(rig.transfer, 100, 200), 0);
	rig_close(&rig);
}

/* What the peer has at resume is acknowledged with it, and credit comes back. */
static void resume__acknowledges_what_the_peer_has(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 300, 100);
	post_chunks(&rig, 3, 100);
	rig_send(&rig, 1);
	assert_int_equal(rig_credit(&rig, 100), -EAGAIN);
	assert_int_equal(dps_transfer_park(rig.transfer, 1, 0), 0);
	assert_int_equal(resume_at(&rig, 2, 220), DPS_RESUME_OK);
	assert_int_equal(rig_read(&rig).acknowledged, 220);
	assert_int_equal(rig_credit(&rig, 100), 0);
	rig_close(&rig);
}

/* Below what was acknowledged: replayed where it is still held, and nothing is taken back. */
static void resume__below_acknowledged_replays_without_taking_back(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 300, 100);
	post_chunks(&rig, 3, 100);
	rig_send(&rig, 1);
	rig_ack(&rig, 150);
	assert_int_equal(resume_at(&rig, 2, 110), DPS_RESUME_OK);
	assert_int_equal(rig_read(&rig).acknowledged, 150);
	assert_int_equal(rig_emit(&rig, 2, 100), 2);
	assert_int_equal(rig.slices[0].offset, 110);
	assert_int_equal(rig_read(&rig).resent_bytes, 190);
	rig_close(&rig);
}

/* The whole transfer had arrived when the connection went: the resume finishes it. */
static void resume__with_the_end_finishes(void **state)
{
	struct dps_transfer_resume request = {
		.epoch = 2, .offset = 100, .file_index = DPS_FILE_NONE, .has_end = true
	};
	struct dps_transfer_resumed answer;
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 300, 100);
	post_chunks(&rig, 1, 100);
	assert_int_equal(rig_post_at(&rig, 0, DPS_CHUNK_END, 0), 0);
	rig_send(&rig, 1);
	dps_transfer_park(rig.transfer, 1, 0);
	assert_int_equal(dps_transfer_resume(rig.transfer, &request, &answer, 0), DPS_RESUME_OK);
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_FINISHED);
	rig_close(&rig);
}

/* ... and without it the end, which has no bytes, is sent again. */
static void resume__repeats_an_end_without_bytes(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 300, 100);
	post_chunks(&rig, 1, 100);
	assert_int_equal(rig_post_at(&rig, 0, DPS_CHUNK_END, 0), 0);
	rig_send(&rig, 1);
	assert_int_equal(resume_at(&rig, 2, 100), DPS_RESUME_OK);
	assert_int_equal(rig_emit(&rig, 2, 100), 1);
	assert_int_equal(rig.slices[0].bytes, 0);
	assert_int_equal(rig.slices[0].flags, DPS_CHUNK_END | DPS_CHUNK_FILE_END);
	rig_close(&rig);
}

/* E28: who waits for credit hears of the park, and may still use the credit that is there. */
static void park__wakes_who_waits_for_credit(void **state)
{
	struct transfer_rig rig;
	uint32_t changes;

	(void)state;
	rig_open_small(&rig, 200, 100);
	post_chunks(&rig, 1, 100);
	rig_send(&rig, 1);
	changes = dps_transfer_changes(rig.transfer);
	assert_int_equal(dps_transfer_park(rig.transfer, 1, 7), 0);
	assert_int_not_equal(dps_transfer_changes(rig.transfer), changes);
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_PARKED);
	assert_int_equal(rig_read(&rig).parked_at_ns, 7);
	assert_int_equal(rig_credit(&rig, 100), 0);
	post_chunks(&rig, 1, 100);
	assert_int_equal(rig_credit(&rig, 100), -ENOTCONN);
	assert_int_equal(rig_post(&rig, 100), -EAGAIN);
	assert_int_equal(resume_at(&rig, 2, 100), DPS_RESUME_OK);
	assert_int_equal(rig_credit(&rig, 100), 0);
	rig_close(&rig);
}

/* E38: the end of a connection that is long replaced parks nothing. */
static void park__of_an_old_epoch_changes_nothing(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 200, 100);
	assert_int_equal(resume_at(&rig, 2, 0), DPS_RESUME_OK);
	assert_int_equal(dps_transfer_park(rig.transfer, 1, 0), -ESTALE);
	assert_int_equal(rig_read(&rig).state, DPS_TRANSFER_ATTACHED);
	assert_int_equal(dps_transfer_park(rig.transfer, 2, 5), 0);
	assert_int_equal(dps_transfer_park(rig.transfer, 2, 9), 0);
	assert_int_equal(rig_read(&rig).parked_at_ns, 5);
	assert_int_equal(rig_read(&rig).parks, 2);
	rig_close(&rig);
}

/* E38: neither do acknowledgements of the parked epoch; what they said, the resume says again. */
static void on_ack__while_parked_moves_nothing(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 200, 100);
	post_chunks(&rig, 2, 100);
	rig_send(&rig, 1);
	dps_transfer_park(rig.transfer, 1, 0);
	assert_false(rig_ack(&rig, 200));
	assert_int_equal(rig_read(&rig).acks_stale, 1);
	assert_int_equal(rig_held(&rig), 2);
	rig_close(&rig);
}

/* E38: memory that an old epoch's packets hold is not written before the port lets go. */
static void on_released__counts_slices_of_old_epochs(void **state)
{
	struct dps_slice old;
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 200, 100);
	post_chunks(&rig, 1, 100);
	assert_int_equal(rig_emit(&rig, 1, 100), 1);
	old = rig.slices[0];
	assert_int_equal(resume_at(&rig, 2, 0), DPS_RESUME_OK);
	rig_send(&rig, 2);
	rig_ack(&rig, 100);
	assert_int_equal(rig_held(&rig), 1);
	dps_transfer_on_released(rig.transfer, old.chunk);
	assert_int_equal(rig_held(&rig), 0);
	rig_close(&rig);
}

static void has_reconnected__wait_for_reconnect_times_out(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 200, 100);
	dps_transfer_park(rig.transfer, 1, 0);
	assert_int_equal(dps_transfer_has_reconnected(rig.transfer, 40, 39), -EAGAIN);
	assert_int_equal(dps_transfer_has_reconnected(rig.transfer, 40, 40), -ETIMEDOUT);
	assert_int_equal(resume_at(&rig, 2, 0), DPS_RESUME_OK);
	rig_close(&rig);
}

/* E11: cancelled beats reconnected. */
static void has_reconnected__wait_for_reconnect_returns_cancelled_when_cancelled(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 200, 100);
	dps_transfer_park(rig.transfer, 1, 0);
	assert_int_equal(resume_at(&rig, 2, 0), DPS_RESUME_OK);
	dps_transfer_cancel(rig.transfer, "shutting down");
	assert_int_equal(dps_transfer_has_reconnected(rig.transfer, 40, 0), -ECANCELED);
	assert_string_equal(dps_transfer_cancel_reason(rig.transfer), "shutting down");
	rig_close(&rig);
}

/* Within an epoch: from any offset that is held, and from no other. */
static void replay__sends_again_from_any_offset(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 300, 100);
	post_chunks(&rig, 3, 100);
	rig_send(&rig, 1);
	rig_ack(&rig, 100);
	assert_int_equal(dps_transfer_replay(rig.transfer, 1, 99), DPS_RESUME_OUT_OF_WINDOW);
	assert_int_equal(dps_transfer_replay(rig.transfer, 1, 301), DPS_RESUME_AHEAD_OF_SENT);
	assert_int_equal(dps_transfer_replay(rig.transfer, 2, 150), DPS_RESUME_BUSY);
	assert_int_equal(dps_transfer_replay(rig.transfer, 1, 150), DPS_RESUME_OK);
	assert_int_equal(rig_emit(&rig, 1, 100), 2);
	assert_int_equal(rig.slices[0].offset, 150);
	assert_int_equal(rig.slices[0].bytes, 50);
	rig_release(&rig);
	dps_transfer_park(rig.transfer, 1, 0);
	assert_int_equal(dps_transfer_replay(rig.transfer, 1, 150), DPS_RESUME_BUSY);
	rig_close(&rig);
}

/* Acknowledged while its replay waited: it is left out, as its memory may be another's by then. */
static void emit_slices__leaves_out_what_was_acknowledged_meanwhile(void **state)
{
	struct transfer_rig rig;

	(void)state;
	rig_open_small(&rig, 300, 100);
	post_chunks(&rig, 3, 100);
	rig_send(&rig, 1);
	assert_int_equal(resume_at(&rig, 2, 10), DPS_RESUME_OK);
	assert_int_equal(dps_transfer_emit_slices(rig.transfer, 2, rig.slices, 1, 50), 1);
	dps_transfer_on_released(rig.transfer, rig.slices[0].chunk);
	rig_ack(&rig, 200);
	post_chunks(&rig, 2, 100);
	assert_int_equal(rig_emit(&rig, 2, 100), 3);
	assert_int_equal(rig.slices[0].offset, 200);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resume__replay_ring_covers_offsets),
		cmocka_unit_test(resume__covers_trailing_edge_when_wire_bytes_exceed_data_len),
		cmocka_unit_test(resume__replay_chunks_from_returns_tail),
		cmocka_unit_test(resume__request_resume_validates_file_index),
		cmocka_unit_test(resume__request_resume_validates_offset_in_ring),
		cmocka_unit_test(resume__cuts_a_chunk_at_any_byte),
		cmocka_unit_test(resume__at_the_trailing_edge_sends_what_is_new),
		cmocka_unit_test(resume__ahead_of_sent_is_refused),
		cmocka_unit_test(resume__of_a_file_behind_what_was_sent_is_refused),
		cmocka_unit_test(resume__while_attached_forces_a_park_first),
		cmocka_unit_test(resume__the_last_epoch_wins),
		cmocka_unit_test(resume__tells_its_refusals_apart),
		cmocka_unit_test(resume_code_name__is_distinct_and_stable),
		cmocka_unit_test(resume__request_resume_signals_writer_via_condvar),
		cmocka_unit_test(resume__acknowledges_what_the_peer_has),
		cmocka_unit_test(resume__below_acknowledged_replays_without_taking_back),
		cmocka_unit_test(resume__with_the_end_finishes),
		cmocka_unit_test(resume__repeats_an_end_without_bytes),
		cmocka_unit_test(park__wakes_who_waits_for_credit),
		cmocka_unit_test(park__of_an_old_epoch_changes_nothing),
		cmocka_unit_test(on_ack__while_parked_moves_nothing),
		cmocka_unit_test(on_released__counts_slices_of_old_epochs),
		cmocka_unit_test(has_reconnected__wait_for_reconnect_times_out),
		cmocka_unit_test(
			has_reconnected__wait_for_reconnect_returns_cancelled_when_cancelled),
		cmocka_unit_test(replay__sends_again_from_any_offset),
		cmocka_unit_test(emit_slices__leaves_out_what_was_acknowledged_meanwhile),
	};

	return cmocka_run_group_tests_name("transfer_resume", tests, NULL, NULL);
}
