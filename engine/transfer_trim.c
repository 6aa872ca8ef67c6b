/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/transfer.h"
#include <dps/assert.h>

static uint64_t released(const struct dps_transfer *transfer)
{
	return dps_own(transfer->config.release == DPS_RELEASE_STORED
			       ? &transfer->lane.stored
			       : &transfer->lane.acknowledged);
}

/*
 * A chunk's end goes out with its last byte and so arrives with it. One without bytes is known to
 * have arrived when something behind it did, or when the peer says so.
 */
static bool is_released(const struct dps_transfer *transfer, const struct dps_transfer_chunk *chunk)
{
	uint64_t level = released(transfer);

	if (chunk->bytes > 0 || chunk->flags == 0)
		return level >= chunk->offset + chunk->bytes;
	return level > chunk->offset ||
	       (level == chunk->offset && transfer->lane.ended_files > chunk->file_index);
}

/* Whether nothing of a file is in the ring, nor will be. */
static bool is_file_gone(const struct dps_transfer *transfer, uint32_t file_index, uint64_t tail)
{
	const struct dps_transfer_lane *lane = &transfer->lane;

	if (tail < lane->head)
		return dps_transfer_chunk_at(transfer, tail)->file_index > file_index;
	return lane->posted_file > file_index ||
	       (lane->posted_file == file_index && (lane->posted_flags & DPS_CHUNK_FILE_END) != 0);
}

/* Returns whether a file went. */
static bool trim_files(struct dps_transfer *transfer, uint64_t tail)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	/* acquire: pairs with the release in dps_transfer_advance() */
	uint64_t head = atomic_load_explicit(&transfer->producer.files_head, memory_order_acquire);
	uint64_t file = dps_own(&lane->files_tail), before = file;

	while (file + 1 < head &&
	       is_file_gone(transfer, dps_transfer_file_at(transfer, file)->index, tail))
		file++;
	/* release: pairs with the acquire in may_advance(): the place may be written */
	dps_sequence_put(&lane->files_tail, file);
	return file != before;
}

void dps_transfer_trim(struct dps_transfer *transfer)
{
	struct dps_transfer_lane *lane = &transfer->lane;
	uint64_t state = dps_own(&lane->state), tail = dps_own(&lane->tail), before = tail;
	bool is_moved;

	while (lane->done < lane->head &&
	       (state == DPS_TRANSFER_CANCELLED ||
		is_released(transfer, dps_transfer_chunk_at(transfer, lane->done))))
		lane->done++;
	while (tail < lane->done && transfer->references[tail & (transfer->config.chunks - 1)] == 0)
		tail++;
	dps_sequence_put(&lane->lowest, tail < lane->head
						? dps_transfer_chunk_at(transfer, tail)->offset
						: lane->posted);
	/* Who waits to begin a file may wait for an older one to go, and for no memory. */
	is_moved = trim_files(transfer, tail) || tail != before;
	/* release: pairs with the acquire in the producer's find_place(): the memory may be written
	 */
	dps_sequence_put(&lane->tail, tail);
	if (state == DPS_TRANSFER_ATTACHED && lane->done == lane->head &&
	    (lane->posted_flags & DPS_CHUNK_END) != 0) {
		dps_sequence_put(&lane->state, DPS_TRANSFER_FINISHED);
		dps_transfer_signal(transfer);
	} else if (is_moved) {
		dps_transfer_signal(transfer);
	}
}

void dps_transfer_on_released(struct dps_transfer *transfer, uint64_t chunk)
{
	uint32_t *references = &transfer->references[chunk & (transfer->config.chunks - 1)];

	DPS_ASSERT(chunk >= dps_own(&transfer->lane.tail) && chunk < transfer->lane.head);
	DPS_ASSERT(*references > 0);
	(*references)--;
	if (*references > 0)
		return;
	dps_sequence_change(&transfer->lane.sequence);
	dps_transfer_look(transfer);
	dps_transfer_trim(transfer);
	dps_sequence_done(&transfer->lane.sequence);
}
