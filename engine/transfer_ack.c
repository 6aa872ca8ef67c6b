/* SPDX-License-Identifier: BSD-3-Clause */
/* What the peer says of what it has. */
#include "engine/bits.h"
#include "engine/transfer.h"

bool dps_transfer_find_span(const struct dps_transfer *transfer, uint32_t file_index,
			    struct dps_transfer_span *span)
{
	/* acquire: pairs with the release in dps_transfer_advance() */
	uint64_t head = atomic_load_explicit(&transfer->producer.files_head, memory_order_acquire);

	*span = (struct dps_transfer_span){ .end = transfer->lane.posted };
	if (file_index == DPS_FILE_NONE)
		return true;
	for (uint64_t file = dps_own(&transfer->lane.files_tail); file < head; file++) {
		const struct dps_transfer_file *found = dps_transfer_file_at(transfer, file);

		if (found->index != file_index)
			continue;
		span->begin = found->offset;
		span->identity = found->identity;
		if (file + 1 < head)
			span->end = dps_transfer_file_at(transfer, file + 1)->offset;
		/* A file may be seen before the lane saw what was posted in front of it. */
		span->end = dps_min_u64(span->end, transfer->lane.posted);
		return span->begin <= span->end;
	}
	return false;
}

bool dps_transfer_take_ack(struct dps_transfer *transfer, uint64_t received, uint64_t stored)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	bool is_moved = false;

	received = dps_max_u64(received, stored);
	if (received > dps_own(&lane->acknowledged)) {
		dps_sequence_put(&lane->acknowledged, received);
		is_moved = true;
	}
	if (stored > dps_own(&lane->stored)) {
		dps_sequence_put(&lane->stored, stored);
		is_moved = true;
	}
	return is_moved;
}

bool dps_transfer_take_end(struct dps_transfer *transfer, uint32_t file_index)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	bool is_posted = (lane->posted_flags & DPS_CHUNK_FILE_END) != 0;

	if (file_index == DPS_FILE_NONE) {
		file_index = lane->posted_file;
		is_posted = (lane->posted_flags & DPS_CHUNK_END) != 0;
	}
	if (file_index > lane->posted_file || (file_index == lane->posted_file && !is_posted)) {
		dps_transfer_count(&lane->anomalies);
		return false;
	}
	if (lane->ended_files > file_index)
		return false;
	lane->ended_files = (uint64_t)file_index + 1;
	return true;
}

/* An offset of a span as one of the transfer, cut to what was posted. */
static uint64_t place_in(struct dps_transfer *transfer, const struct dps_transfer_span *span,
			 uint64_t offset)
{
	if (offset <= span->end - span->begin)
		return span->begin + offset;
	dps_transfer_count(&transfer->lane.anomalies);
	return span->end;
}

static bool take_message(struct dps_transfer *transfer, const struct dps_transfer_ack *ack,
			 uint64_t now_ns)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	struct dps_transfer_span span;
	bool is_moved;

	dps_transfer_count(&lane->acks);
	if (dps_own(&lane->state) != DPS_TRANSFER_ATTACHED || ack->epoch != dps_own(&lane->epoch)) {
		dps_transfer_count(&lane->acks_stale);
		return false;
	}
	dps_sequence_put(&lane->heard_at_ns, now_ns);
	if (!dps_transfer_find_span(transfer, ack->file_index, &span)) {
		dps_transfer_count(&lane->acks_misplaced);
		return false;
	}
	is_moved = dps_transfer_take_ack(transfer, place_in(transfer, &span, ack->received),
					 ack->stored == 0 ? 0
							  : place_in(transfer, &span, ack->stored));
	if (ack->has_end && dps_transfer_take_end(transfer, ack->file_index))
		is_moved = true;
	if (is_moved)
		dps_sequence_put(&lane->progress_at_ns, now_ns);
	else
		dps_transfer_count(&lane->acks_useless);
	return is_moved;
}

bool dps_transfer_on_ack(struct dps_transfer *transfer, const struct dps_transfer_ack *ack,
			 uint64_t now_ns)
{
	bool is_moved;

	dps_sequence_change(&transfer->lane.sequence);
	dps_transfer_look(transfer);
	is_moved = take_message(transfer, ack, now_ns);
	dps_transfer_trim(transfer);
	if (is_moved)
		dps_transfer_signal(transfer);
	dps_sequence_done(&transfer->lane.sequence);
	return is_moved;
}

void dps_transfer_on_blocked(struct dps_transfer *transfer, uint64_t epoch, bool is_blocked,
			     uint64_t now_ns)
{
	struct dps_transfer_lane *lane = &transfer->lane;

	dps_sequence_change(&lane->sequence);
	if (dps_own(&lane->state) == DPS_TRANSFER_ATTACHED && epoch == dps_own(&lane->epoch)) {
		/* The wait for the peer starts anew when its sink is open again. */
		if (dps_own(&lane->is_blocked) != 0 && !is_blocked)
			dps_sequence_put(&lane->progress_at_ns, now_ns);
		dps_sequence_put(&lane->is_blocked, is_blocked);
		dps_sequence_put(&lane->heard_at_ns, now_ns);
	} else {
		dps_transfer_count(&lane->acks_stale);
	}
	dps_sequence_done(&lane->sequence);
}
