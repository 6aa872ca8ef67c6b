/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks: memory for messages of any length, in chains of small pieces out of one pool. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_blocks_sizes {
	DPS_BLOCK_BYTES = 256,
};

#define DPS_BLOCK_NONE UINT32_MAX

/*
 * Whether a message fits depends on how many blocks are free and on nothing else, so a promise of
 * room can be kept. Every block is free or in one chain.
 *
 * Owner: the peer that has it.
 */
struct dps_blocks {
	uint8_t *memory;
	uint32_t *next; /* by block: the next of its chain, or of the free ones */
	uint32_t count;
	uint32_t free;
	uint32_t free_count;
};

/* A place in a chain. */
struct dps_block_cursor {
	uint32_t block;
	uint32_t at; /* in the block */
};

/* Bytes of 8-byte aligned memory for dps_blocks_init. */
size_t dps_blocks_bytes(uint32_t count);
void dps_blocks_init(struct dps_blocks *blocks, void *memory, uint32_t count);

/* How many blocks a message of so many bytes takes: one at least. */
uint32_t dps_blocks_for(uint32_t bytes);

/* The first block of a chain for so many bytes, DPS_BLOCK_NONE when there are not enough. */
uint32_t dps_blocks_take(struct dps_blocks *blocks, uint32_t bytes);

/* Gives a chain back by its first block. */
void dps_blocks_give(struct dps_blocks *blocks, uint32_t first);

/*
 * The memory at a cursor as far as it lies in one piece, at most bytes_max of it, which the chain
 * has; returns how much and moves the cursor behind it.
 */
uint32_t dps_blocks_run(const struct dps_blocks *blocks, struct dps_block_cursor *cursor,
			uint32_t bytes_max, uint8_t **memory);

/* Copies to or from a chain; the cursor moves behind what was copied. */
void dps_blocks_put(const struct dps_blocks *blocks, struct dps_block_cursor *cursor,
		    const uint8_t *bytes, uint32_t length);
void dps_blocks_get(const struct dps_blocks *blocks, struct dps_block_cursor *cursor,
		    uint8_t *bytes, uint32_t length);

/* The cursor of a byte of a chain. */
struct dps_block_cursor dps_blocks_seek(const struct dps_blocks *blocks, uint32_t first,
					uint32_t offset);
