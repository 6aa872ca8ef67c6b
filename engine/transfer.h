/* SPDX-License-Identifier: BSD-3-Clause */
/* Transfer's state: who writes what of it, and what its parts share. Contract: <dps/transfer.h>. */
#pragma once
#include "engine/sequence.h"
#include <dps/transfer.h>

/* One chunk in the ring. Writer: producer, before head passes it; the lane reads from then on. */
struct dps_transfer_chunk {
	uint64_t offset;
	uint64_t file_offset;
	uint64_t place; /* of its first byte, counted through all turns of the ring */
	uint32_t bytes;
	uint32_t file_index;
	uint8_t flags;
};

/* A file that may be resumed. Writer: producer, before files_head passes it. */
struct dps_transfer_file {
	uint64_t offset; /* of its first byte */
	uint32_t index;
	struct dps_digest identity;
};

/* Each is a field of its writer's block, in the order of the snapshot. */
struct dps_transfer_producer {
	struct dps_sequence sequence;
	_Atomic uint64_t
		head; /* chunks posted; release: publishes the chunk, its bytes, its credit */
	_Atomic uint64_t posted;
	_Atomic uint64_t posted_at_ns;
	_Atomic uint64_t busy_at_ns;
	_Atomic uint64_t file_index;
	_Atomic uint64_t files_head; /* files begun; release: publishes the file */

	/* its own */
	uint64_t place;		 /* where the next chunk starts */
	uint64_t reserved_place; /* of the room that was given */
	uint64_t reserved_bytes;
	bool has_room;
	bool is_file_ended;
	bool is_ended;
};

struct dps_transfer_lane {
	struct dps_sequence sequence;
	_Atomic uint64_t tail;	     /* chunks whose memory is free again */
	_Atomic uint64_t files_tail; /* files that are not held any more */
	_Atomic uint64_t window_bytes;
	_Atomic uint64_t state; /* enum dps_transfer_state */
	_Atomic uint64_t is_blocked;
	_Atomic uint64_t epoch;
	_Atomic uint64_t sent;
	_Atomic uint64_t sent_max;
	_Atomic uint64_t acknowledged;
	_Atomic uint64_t stored;
	_Atomic uint64_t lowest;
	_Atomic uint64_t heard_at_ns;
	_Atomic uint64_t progress_at_ns;
	_Atomic uint64_t parked_at_ns;
	_Atomic uint64_t acks;
	_Atomic uint64_t acks_useless;
	_Atomic uint64_t acks_stale;
	_Atomic uint64_t acks_misplaced;
	_Atomic uint64_t anomalies;
	_Atomic uint64_t parks;
	_Atomic uint64_t resumes;
	_Atomic uint64_t resumes_refused;
	_Atomic uint64_t sent_bytes;
	_Atomic uint64_t resent_bytes;
	_Atomic uint32_t changes;

	/* its own */
	uint64_t head;	 /* chunks it has seen posted */
	uint64_t posted; /* the offset behind the last of those */
	uint64_t done;	 /* chunks that are released; those from tail on the port still holds */
	uint64_t cursor_chunk; /* to be sent next */
	uint64_t cursor_bytes; /* of it, sent already */
	uint64_t ended_files;  /* one past the index of the last file whose end was acknowledged */
	uint32_t posted_file;  /* of the last chunk it has seen posted */
	uint8_t posted_flags;  /* ... and its flags */
};

/*
 * Invariant, in the lane's eyes: tail <= done <= head, and acknowledged <= posted; in the
 * producer's: head - tail <= chunks, and the bytes from the oldest chunk's place to place fit
 * the ring.
 */
struct dps_transfer {
	struct dps_transfer_config config;
	uint8_t *ring;
	struct dps_transfer_chunk *chunks;
	struct dps_transfer_file *files;
	uint32_t *references; /* by chunk: slices that the port holds. Owner: lane */
	uint32_t files_count; /* places in files */

	_Alignas(64) _Atomic(const char *) reason; /* writers: any thread, the first one */
	_Alignas(64) struct dps_transfer_producer producer;
	_Alignas(64) struct dps_transfer_lane lane;
};

static inline struct dps_transfer_chunk *dps_transfer_chunk_at(const struct dps_transfer *transfer,
							       uint64_t number)
{
	return &transfer->chunks[number & (transfer->config.chunks - 1)];
}

static inline struct dps_transfer_file *dps_transfer_file_at(const struct dps_transfer *transfer,
							     uint64_t number)
{
	return &transfer->files[number % transfer->files_count];
}

/* Counts one, within a change. */
static inline void dps_transfer_count(_Atomic uint64_t *counter)
{
	dps_sequence_put(counter, dps_own(counter) + 1);
}

/* ---- Shared by the lane's calls, all within a change of its block. ---- */

/* Takes note of chunks posted and of a cancellation. */
void dps_transfer_look(struct dps_transfer *transfer);

/* Gives back what is released, and what the port let go of. */
void dps_transfer_trim(struct dps_transfer *transfer);

/* One who waits should look again. */
void dps_transfer_signal(struct dps_transfer *transfer);

/* Moves acknowledged and stored, never back and never past posted; whether anything moved. */
bool dps_transfer_take_ack(struct dps_transfer *transfer, uint64_t received, uint64_t stored);

/* Takes note that the end of a file, or with DPS_FILE_NONE of all, arrived; whether it is news. */
bool dps_transfer_take_end(struct dps_transfer *transfer, uint32_t file_index);

/* Where a file, or with DPS_FILE_NONE the transfer, begins and has got to. */
struct dps_transfer_span {
	uint64_t begin;
	uint64_t end;
	struct dps_digest identity;
};

/* False when the file is not held. */
bool dps_transfer_find_span(const struct dps_transfer *transfer, uint32_t file_index,
			    struct dps_transfer_span *span);
