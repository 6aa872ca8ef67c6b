/* SPDX-License-Identifier: BSD-3-Clause */
/* Extent: a file, or a stretch of one, at its place in a channel; kept from announcement until
 * done. */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DPS_EXTENT_NONE UINT32_MAX

/* What became of a piece. */
struct dps_piece_state {
	struct dps_digest digest;
	uint8_t refetches; /* how often it did not match its digest */
	bool is_written;
	bool is_wanted; /* has to come again */
};

/*
 * The part of an extent that lies in one chunk is a piece: what is read, digested and written at
 * once. An extent within one chunk keeps its only piece's state here; a larger one starts on a
 * chunk, so at most one piece of a chunk belongs to such, and the chunk keeps its state.
 *
 * Owner: the lane.
 */
struct dps_extent {
	uint64_t start; /* channel offsets */
	uint64_t end;
	uint64_t skip_from;  /* the start of the first piece that will not be sent; end if none */
	uint64_t file_start; /* where start lies in the file */
	uint32_t pieces_pending; /* in chunks that are held */
	uint32_t file_index;
	uint32_t file; /* the disk's name */
	uint32_t next; /* in the channel's order, or in the free list */
	struct dps_piece_state piece;
};

struct dps_extents {
	struct dps_extent *items;
	uint32_t count;
	uint32_t free;
	uint32_t free_count;
};

size_t dps_extents_bytes(uint32_t count);
void dps_extents_init(struct dps_extents *extents, void *memory, uint32_t count);

/* A cleared record, or DPS_EXTENT_NONE. */
uint32_t dps_extents_take(struct dps_extents *extents);
void dps_extents_give(struct dps_extents *extents, uint32_t index);
