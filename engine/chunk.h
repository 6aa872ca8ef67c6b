/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chunk: the record of one chunk that a channel holds, apart from the slot its bytes lie in. A
 * receiver makes the record when it grants credit and takes the slot when the first packet
 * comes, so that the slots in use stay few and warm.
 */
#pragma once
#include "engine/extent.h"
#include "engine/ranges.h"
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DPS_CHUNK_NONE UINT32_MAX

enum {
	/* Gaps that packets may make: those of 1392 B in 256 KiB need 95; what is more comes again.
	 */
	DPS_CHUNK_RANGES = 96,
	/*
	 * Room beside them for pieces that are skipped: every other one of the 256 in a chunk of
	 * 1 MiB. Those side by side are one range, as the padding between them counts as done.
	 */
	DPS_CHUNK_RANGES_SPARE = 128,
	/* How often a piece that fails its digest is fetched again before its file fails. */
	DPS_CHUNK_REFETCHES_MAX = 3,
};

enum dps_chunk_state {
	DPS_CHUNK_FREE,
	DPS_CHUNK_READING,   /* sender: its pieces are being read */
	DPS_CHUNK_READY,     /* sender: may be sent, and sent again */
	DPS_CHUNK_RECEIVING, /* receiver: granted, not complete */
	DPS_CHUNK_WRITING,   /* receiver: complete, its pieces are being checked and written */
};

/*
 * Invariant: done_bytes <= needed_bytes; a slot is held from READING or the first packet on until
 * the chunk is finished; ios_count counts reads and writes that are queued or under way.
 *
 * Owner: the lane.
 */
struct dps_chunk {
	struct dps_ranges
		done; /* bytes within the chunk: acknowledged (sender), received (receiver) */
	struct dps_range ranges[DPS_CHUNK_RANGES + DPS_CHUNK_RANGES_SPARE];
	uint64_t start;	       /* channel offset of its first byte that counts */
	uint64_t end;	       /* ... and of the end of what counts */
	uint64_t data_end;     /* where its last piece ends; padding may follow */
	uint64_t first_number; /* extra: packets below it carried what was read before */
	uint32_t needed_bytes; /* without padding */
	uint32_t done_bytes;
	uint32_t channel;
	uint32_t slot;
	uint32_t first_extent; /* the first that has bytes in it */
	uint32_t ios_count;
	uint32_t posted_before; /* sender: chunks of the channel, when this one was to be read */
	uint32_t next; /* in the free list, or the queue of chunks with reads or writes to emit */
	uint32_t io_extent;	      /* the next extent to emit a read or write for */
	struct dps_piece_state piece; /* of a file that is larger than the chunk */
	uint8_t state;		      /* enum dps_chunk_state */
	bool has_wanted;	      /* a piece has to come again */
	bool is_orphan;		      /* the channel is gone; finished when its I/O is */
	bool is_extra;		      /* sender: read again for a refetch, not in the ring */
	bool is_queued;
	bool lacks_space;      /* WRITING: a write found none; kept until it is made again */
	bool is_written_again; /* ... which was asked for while others were under way */
};

struct dps_chunks {
	struct dps_chunk *items;
	uint32_t count;
	uint32_t free;
	uint32_t free_count;
};

size_t dps_chunks_bytes(uint32_t count);
void dps_chunks_init(struct dps_chunks *chunks, void *memory, uint32_t count);

/* A cleared record, or DPS_CHUNK_NONE. */
uint32_t dps_chunks_take(struct dps_chunks *chunks);
void dps_chunks_give(struct dps_chunks *chunks, uint32_t index);

/*
 * Marks start..end (channel offsets within one piece) as received or acknowledged, and with it the
 * padding from end to fill_end, where the next piece starts; fill_end is end in the middle of a
 * piece. Returns how many bytes of data were new. Errors: -ENOSPC when the chunk has too many gaps
 * already; nothing changed.
 */
int64_t dps_chunk_add_done(struct dps_chunk *chunk, uint64_t start, uint64_t end,
			   uint64_t fill_end);

/* The same for a whole piece that needs no data; always has room. */
void dps_chunk_add_skipped(struct dps_chunk *chunk, uint64_t start, uint64_t end,
			   uint64_t fill_end);
