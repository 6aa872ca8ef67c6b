/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include "engine/transfer.h"
#include <dps/assert.h>

static void count_sent(struct dps_transfer_lane *lane, const struct dps_slice *slice)
{
	uint64_t end = slice->offset + slice->bytes, most = dps_own(&lane->sent_max);
	uint64_t again = slice->offset >= most ? 0 : dps_min_u64(end, most) - slice->offset;

	dps_sequence_put(&lane->sent_bytes, dps_own(&lane->sent_bytes) + slice->bytes);
	dps_sequence_put(&lane->resent_bytes, dps_own(&lane->resent_bytes) + again);
	dps_sequence_put(&lane->sent, end);
	dps_sequence_put(&lane->sent_max, dps_max_u64(most, end));
}

/* Cuts the next slice off the chunk under the cursor; false when it has nothing to be sent. */
static bool cut(struct dps_transfer *transfer, struct dps_slice *slice, uint32_t bytes_max)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	const struct dps_transfer_chunk *chunk =
		dps_transfer_chunk_at(transfer, lane->cursor_chunk);
	uint64_t left = chunk->bytes - lane->cursor_bytes;

	if (left == 0 && chunk->flags == 0) {
		lane->cursor_chunk++;
		return false;
	}
	*slice = (struct dps_slice){
		.memory = transfer->ring + chunk->place % transfer->config.ring_bytes +
			  lane->cursor_bytes,
		.offset = chunk->offset + lane->cursor_bytes,
		.file_offset = chunk->file_offset + lane->cursor_bytes,
		.chunk = lane->cursor_chunk,
		.epoch = dps_own(&lane->epoch),
		.bytes = (uint32_t)dps_min_u64(left, bytes_max),
		.file_index = chunk->file_index,
		.flags = left <= bytes_max ? chunk->flags : 0,
	};
	transfer->references[lane->cursor_chunk & (transfer->config.chunks - 1)]++;
	lane->cursor_bytes += slice->bytes;
	if (left <= bytes_max) {
		lane->cursor_chunk++;
		lane->cursor_bytes = 0;
	}
	return true;
}

unsigned int dps_transfer_emit_slices(struct dps_transfer *transfer, uint64_t epoch,
				      struct dps_slice *slices, unsigned int room,
				      uint32_t slice_bytes_max)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	unsigned int count = 0;

	DPS_ASSERT(slice_bytes_max > 0);
	dps_transfer_on_turn(transfer);
	if (dps_own(&lane->state) != DPS_TRANSFER_ATTACHED || epoch != dps_own(&lane->epoch) ||
	    lane->cursor_chunk == lane->head)
		return 0;
	dps_sequence_change(&lane->sequence);
	if (lane->cursor_chunk < dps_own(&lane->tail)) {
		/* Acknowledged before it was its turn: the peer had it from an earlier epoch. */
		lane->cursor_chunk = dps_own(&lane->tail);
		lane->cursor_bytes = 0;
	}
	while (count < room && lane->cursor_chunk < lane->head) {
		if (!cut(transfer, &slices[count], slice_bytes_max))
			continue;
		count_sent(lane, &slices[count]);
		count++;
	}
	dps_sequence_done(&lane->sequence);
	return count;
}
