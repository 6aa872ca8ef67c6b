/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection goes, and another comes. */
#include "engine/bits.h"
#include "engine/transfer.h"
#include <errno.h>
#include <string.h>

const char *dps_resume_code_name(enum dps_resume_code code)
{
	switch (code) {
	case DPS_RESUME_OK:
		return "ok";
	case DPS_RESUME_WRONG_FILE:
		return "wrong_file";
	case DPS_RESUME_OUT_OF_WINDOW:
		return "out_of_window";
	case DPS_RESUME_AHEAD_OF_SENT:
		return "ahead_of_sent";
	case DPS_RESUME_CANCELLED:
		return "cancelled";
	case DPS_RESUME_UNKNOWN:
		return "unknown";
	case DPS_RESUME_FINISHED:
		return "finished";
	case DPS_RESUME_IDENTITY_CHANGED:
		return "identity_changed";
	case DPS_RESUME_BUSY:
		return "busy";
	}
	return "unknown";
}

static void leave(struct dps_transfer_lane *lane, uint64_t now_ns)
{
	dps_sequence_put(&lane->state, DPS_TRANSFER_PARKED);
	dps_sequence_put(&lane->parked_at_ns, now_ns);
	dps_sequence_put(&lane->is_blocked, 0);
	dps_transfer_count(&lane->parks);
}

int dps_transfer_park(struct dps_transfer *transfer, uint64_t epoch, uint64_t now_ns)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	int error = 0;

	dps_sequence_change(&lane->sequence);
	dps_transfer_look(transfer);
	if (epoch != dps_own(&lane->epoch)) {
		dps_transfer_count(&lane->acks_stale);
		error = -ESTALE;
	} else if (dps_own(&lane->state) == DPS_TRANSFER_ATTACHED) {
		leave(lane, now_ns);
		dps_transfer_signal(transfer);
	}
	dps_transfer_trim(transfer);
	dps_sequence_done(&lane->sequence);
	return error;
}

int dps_transfer_has_reconnected(const struct dps_transfer *transfer, uint64_t deadline_ns,
				 uint64_t now_ns)
{
	if (dps_transfer_cancel_reason(transfer) != NULL)
		return -ECANCELED;
	if (dps_sequence_get(&transfer->lane.state) != DPS_TRANSFER_PARKED)
		return 0;
	return now_ns >= deadline_ns ? -ETIMEDOUT : -EAGAIN;
}

/* Judges an offset of a span; what else could be had goes into answer. */
static enum dps_resume_code judge_offset(const struct dps_transfer *transfer,
					 const struct dps_transfer_span *span, uint64_t offset,
					 uint64_t *answer)
{
	const struct dps_transfer_lane *lane = &transfer->lane;
	/* What a lying peer acknowledged before it was sent, it does not get any more. */
	uint64_t highest = dps_min_u64(
		dps_max_u64(dps_own(&lane->sent_max), dps_own(&lane->acknowledged)), span->end);
	uint64_t lowest = dps_own(&lane->lowest);

	*answer = offset;
	if (highest < span->begin || offset > highest - span->begin) {
		*answer = highest > span->begin ? highest - span->begin : 0;
		return DPS_RESUME_AHEAD_OF_SENT;
	}
	if (span->begin + offset < lowest) {
		*answer = lowest - span->begin;
		return DPS_RESUME_OUT_OF_WINDOW;
	}
	return DPS_RESUME_OK;
}

static bool is_same_identity(const struct dps_digest *held, const struct dps_digest *named)
{
	static const struct dps_digest none;

	return memcmp(named, &none, sizeof(none)) == 0 || memcmp(held, named, sizeof(none)) == 0;
}

static enum dps_resume_code judge(const struct dps_transfer *transfer,
				  const struct dps_transfer_resume *request,
				  struct dps_transfer_span *span,
				  struct dps_transfer_resumed *answer)
{
	const struct dps_transfer_lane *lane = &transfer->lane;
	uint64_t state = dps_own(&lane->state);

	*answer = (struct dps_transfer_resumed){ .file_index = request->file_index };
	if (state == DPS_TRANSFER_CANCELLED)
		return DPS_RESUME_CANCELLED;
	if (state == DPS_TRANSFER_FINISHED)
		return DPS_RESUME_FINISHED;
	if (request->epoch <= dps_own(&lane->epoch))
		return DPS_RESUME_BUSY;
	if (!dps_transfer_find_span(transfer, request->file_index, span)) {
		answer->file_index = (uint32_t)dps_sequence_get(&transfer->producer.file_index);
		return DPS_RESUME_WRONG_FILE;
	}
	if (request->file_index != DPS_FILE_NONE &&
	    !is_same_identity(&span->identity, &request->identity))
		return DPS_RESUME_IDENTITY_CHANGED;
	return judge_offset(transfer, span, request->offset, &answer->offset);
}

/* Whether the far side, having everything below offset and of earlier files, needs no more of it.
 */
static bool is_behind(const struct dps_transfer_chunk *chunk, uint64_t offset, uint32_t file_index)
{
	uint64_t end = chunk->offset + chunk->bytes;

	/* At the offset itself a chunk without bytes may still have to say that its file ends. */
	return end < offset || (end == offset && chunk->bytes > 0) ||
	       chunk->file_index < file_index;
}

/* Sends from an offset on next. Chunks are in order, so half of the rest is left out each time. */
static void rewind_to(struct dps_transfer *transfer, uint64_t offset, uint32_t file_index)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	uint64_t low = dps_own(&lane->tail), high = lane->head;
	const struct dps_transfer_chunk *chunk;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (is_behind(dps_transfer_chunk_at(transfer, middle), offset, file_index))
			low = middle + 1;
		else
			high = middle;
	}
	chunk = dps_transfer_chunk_at(transfer, low);
	lane->cursor_chunk = low;
	lane->cursor_bytes =
		low < lane->head && chunk->offset < offset ? offset - chunk->offset : 0;
	dps_sequence_put(&lane->sent, offset);
}

/* Time in which nobody could make progress is not counted as a stall. */
static void leave_out_parked_time(struct dps_transfer *transfer, uint64_t now_ns)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	uint64_t parked_at_ns = dps_own(&lane->parked_at_ns);
	uint64_t waiting_since_ns = dps_max_u64(dps_own(&lane->progress_at_ns),
						dps_sequence_get(&transfer->producer.busy_at_ns));

	dps_sequence_put(&lane->progress_at_ns,
			 dps_min_u64(waiting_since_ns, parked_at_ns) + (now_ns - parked_at_ns));
}

static void attach(struct dps_transfer *transfer, const struct dps_transfer_resume *request,
		   uint64_t offset, uint64_t now_ns)
{
	struct dps_transfer_lane *lane = &transfer->lane;

	if (dps_own(&lane->state) == DPS_TRANSFER_ATTACHED)
		leave(lane, now_ns);
	leave_out_parked_time(transfer, now_ns);
	dps_sequence_put(&lane->epoch, request->epoch);
	dps_sequence_put(&lane->state, DPS_TRANSFER_ATTACHED);
	dps_sequence_put(&lane->parked_at_ns, 0);
	dps_sequence_put(&lane->heard_at_ns, now_ns);
	dps_transfer_count(&lane->resumes);
	rewind_to(transfer, offset, request->file_index == DPS_FILE_NONE ? 0 : request->file_index);
	dps_transfer_take_ack(transfer, offset, 0);
	if (request->has_end)
		dps_transfer_take_end(transfer, request->file_index);
}

enum dps_resume_code dps_transfer_resume(struct dps_transfer *transfer,
					 const struct dps_transfer_resume *request,
					 struct dps_transfer_resumed *answer, uint64_t now_ns)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	struct dps_transfer_span span;
	enum dps_resume_code code;

	dps_sequence_change(&lane->sequence);
	dps_transfer_look(transfer);
	code = judge(transfer, request, &span, answer);
	if (code == DPS_RESUME_OK) {
		uint64_t offset = span.begin + answer->offset;

		attach(transfer, request, offset, now_ns);
		answer->resent_bytes = dps_max_u64(dps_own(&lane->sent_max), offset) - offset;
		dps_transfer_signal(transfer);
	} else {
		dps_transfer_count(&lane->resumes_refused);
	}
	dps_transfer_trim(transfer);
	dps_sequence_done(&lane->sequence);
	return code;
}

enum dps_resume_code dps_transfer_replay(struct dps_transfer *transfer, uint64_t epoch,
					 uint64_t offset)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	struct dps_transfer_span span = { 0 };
	enum dps_resume_code code = DPS_RESUME_BUSY;
	uint64_t answer, state;

	dps_sequence_change(&lane->sequence);
	dps_transfer_look(transfer);
	state = dps_own(&lane->state);
	span.end = lane->posted;
	if (state == DPS_TRANSFER_CANCELLED)
		code = DPS_RESUME_CANCELLED;
	else if (state == DPS_TRANSFER_FINISHED)
		code = DPS_RESUME_FINISHED;
	else if (state == DPS_TRANSFER_ATTACHED && epoch == dps_own(&lane->epoch))
		code = judge_offset(transfer, &span, offset, &answer);
	if (code == DPS_RESUME_OK)
		rewind_to(transfer, offset, 0);
	dps_transfer_trim(transfer);
	dps_sequence_done(&lane->sequence);
	return code;
}
