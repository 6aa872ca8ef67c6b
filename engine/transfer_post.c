/* SPDX-License-Identifier: BSD-3-Clause */
/* What the producer does: credit, room, posting, the next file. */
#include "engine/bits.h"
#include "engine/transfer.h"
#include <dps/assert.h>
#include <errno.h>

/*
 * Chunks lie in one piece, so what is too short at the ring's end is left out. That costs less
 * than a chunk, which the ring has beyond its window: within its credit a chunk finds room.
 */
static bool find_place(const struct dps_transfer *transfer, uint64_t bytes, uint64_t *place)
{
	const struct dps_transfer_producer *producer = &transfer->producer;
	uint64_t ring_bytes = transfer->config.ring_bytes;
	/* acquire: pairs with the release of tail in dps_transfer_trim() */
	uint64_t tail = atomic_load_explicit(&transfer->lane.tail, memory_order_acquire);
	uint64_t head = dps_own(&producer->head);
	uint64_t into = producer->place % ring_bytes;

	*place = producer->place;
	if (head - tail == transfer->config.chunks)
		return false;
	if (tail == head) {
		/* All of it is free; its start is the warmest. */
		*place += into == 0 ? 0 : ring_bytes - into;
		return bytes <= ring_bytes;
	}
	if (bytes > ring_bytes - into)
		*place += ring_bytes - into;
	return *place + bytes - dps_transfer_chunk_at(transfer, tail)->place <= ring_bytes;
}

static uint64_t in_flight(const struct dps_transfer *transfer)
{
	return dps_own(&transfer->producer.posted) - dps_transfer_acknowledged(transfer);
}

static bool is_within_window(const struct dps_transfer *transfer, uint64_t bytes)
{
	uint64_t window = dps_sequence_get(&transfer->lane.window_bytes);

	return dps_fits_limit(in_flight(transfer), bytes, window);
}

static int find_room(const struct dps_transfer *transfer, uint64_t bytes, uint64_t *place)
{
	if (dps_transfer_cancel_reason(transfer) != NULL)
		return -ECANCELED;
	if (bytes > transfer->config.chunk_bytes)
		return -EMSGSIZE;
	if (!is_within_window(transfer, bytes) || !find_place(transfer, bytes, place))
		return -EAGAIN;
	return 0;
}

int dps_transfer_has_credit(struct dps_transfer *transfer, uint64_t bytes, uint64_t deadline_ns,
			    uint64_t now_ns)
{
	uint64_t place;
	int error = find_room(transfer, bytes, &place);

	if (error != -EAGAIN)
		return error;
	if (dps_sequence_get(&transfer->lane.state) == DPS_TRANSFER_PARKED)
		return -ENOTCONN;
	return now_ns >= deadline_ns ? -ETIMEDOUT : -EAGAIN;
}

int dps_transfer_reserve(struct dps_transfer *transfer, uint64_t bytes, uint8_t **room)
{
	struct dps_transfer_producer *producer = &transfer->producer;
	uint64_t place;
	int error = find_room(transfer, bytes, &place);

	producer->has_room = false;
	if (error != -ECANCELED && producer->is_file_ended)
		return -EINVAL;
	if (error != 0)
		return error;
	if (bytes > DPS_OFFSET_MAX - dps_own(&producer->posted))
		return -EFBIG;
	producer->reserved_place = place;
	producer->reserved_bytes = bytes;
	producer->has_room = true;
	*room = transfer->ring + place % transfer->config.ring_bytes;
	return 0;
}

static const struct dps_transfer_file *file_of(const struct dps_transfer *transfer)
{
	return dps_transfer_file_at(transfer, dps_own(&transfer->producer.files_head) - 1);
}

int dps_transfer_commit(struct dps_transfer *transfer, uint64_t file_offset, uint64_t bytes,
			uint32_t flags, uint64_t now_ns)
{
	struct dps_transfer_producer *producer = &transfer->producer;
	uint64_t head = dps_own(&producer->head), posted = dps_own(&producer->posted);
	const struct dps_transfer_file *file = file_of(transfer);
	bool is_first = posted == dps_transfer_released(transfer);

	if (dps_transfer_cancel_reason(transfer) != NULL)
		return -ECANCELED;
	if (!producer->has_room || bytes > producer->reserved_bytes || producer->is_file_ended ||
	    file_offset != posted - file->offset)
		return -EINVAL;
	*dps_transfer_chunk_at(transfer, head) = (struct dps_transfer_chunk){
		.offset = posted,
		.file_offset = file_offset,
		.place = producer->reserved_place,
		.bytes = (uint32_t)bytes,
		.file_index = file->index,
		.flags = (uint8_t)((flags & DPS_CHUNK_END) != 0 ? flags | DPS_CHUNK_FILE_END
								: flags),
	};
	producer->place = producer->reserved_place + bytes;
	producer->has_room = false;
	producer->is_ended = (flags & DPS_CHUNK_END) != 0;
	producer->is_file_ended = producer->is_ended || (flags & DPS_CHUNK_FILE_END) != 0;
	/* Readers see posted no later than the lane does: an acknowledgement never passes it. */
	dps_sequence_change(&producer->sequence);
	dps_sequence_put(&producer->posted, posted + bytes);
	dps_sequence_put(&producer->posted_at_ns, now_ns);
	if (is_first)
		dps_sequence_put(&producer->busy_at_ns, now_ns);
	/* release: pairs with the acquire in take_posts(): the one step that posts the chunk */
	dps_sequence_put(&producer->head, head + 1);
	dps_sequence_done(&producer->sequence);
	return 0;
}

/* Whether what came before the next file is released as far as it must be. */
static bool may_advance(const struct dps_transfer *transfer)
{
	/* acquire: pairs with the release of files_tail in trim_files(), of tail in trim() */
	uint64_t files_tail =
		atomic_load_explicit(&transfer->lane.files_tail, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&transfer->lane.tail, memory_order_acquire);
	uint64_t earlier = dps_own(&transfer->producer.files_head) - 1 - files_tail;

	if (transfer->config.files_kept == 0)
		return earlier == 0 && tail == dps_own(&transfer->producer.head);
	return earlier < transfer->config.files_kept;
}

int dps_transfer_advance(struct dps_transfer *transfer, uint32_t file_index,
			 const struct dps_digest *identity)
{
	struct dps_transfer_producer *producer = &transfer->producer;
	uint64_t head = dps_own(&producer->files_head);

	if (dps_transfer_cancel_reason(transfer) != NULL)
		return -ECANCELED;
	if (producer->is_ended || !producer->is_file_ended || file_index == DPS_FILE_NONE ||
	    file_index <= file_of(transfer)->index)
		return -EINVAL;
	if (!may_advance(transfer))
		return -EAGAIN;
	*dps_transfer_file_at(transfer, head) = (struct dps_transfer_file){
		.offset = dps_own(&producer->posted),
		.index = file_index,
	};
	if (identity != NULL)
		dps_transfer_file_at(transfer, head)->identity = *identity;
	producer->is_file_ended = false;
	dps_sequence_change(&producer->sequence);
	dps_sequence_put(&producer->file_index, file_index);
	/* release: pairs with the acquire in trim_files() and dps_transfer_find_span() */
	dps_sequence_put(&producer->files_head, head + 1);
	dps_sequence_done(&producer->sequence);
	return 0;
}
