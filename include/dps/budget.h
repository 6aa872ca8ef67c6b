/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Budget: bytes in flight of all transfers of a lane, shared out as their windows, and the turns in
 * which they send.
 *
 * Shares are max-min fair (Bertsekas and Gallager, Data Networks, 6.5.2): who wants less than an
 * equal part gets what it wants, and the others have the rest in equal parts. A transfer wants
 * twice what it has in flight, at least a chunk and at most its configured window. A share grows
 * only by what others have given up and drained; so what is in flight stays within the budget, and
 * one chunk for each transfer: that which passes when nothing else of it is under way, or was
 * reserved just before its window shrank.
 *
 * Owner: the lane.
 */
#pragma once
#include <dps/transfer.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dps_budget_member {
	struct dps_transfer *transfer;
	uint64_t epoch;	       /* of the connection that it sends on; 0: none */
	uint64_t window_bytes; /* configured: the most it ever gets */
	uint64_t target_bytes; /* its fair share as of the last share() */
	uint64_t used_bytes;   /* what it may have in flight without growing */
};

struct dps_budget {
	struct dps_budget_member *members;
	uint32_t room;
	uint32_t count;
	uint32_t next; /* whose turn it is to send */
	uint64_t limit_bytes;
};

/* members: room for so many, borrowed until the budget is not used any more. */
void dps_budget_init(struct dps_budget *budget, struct dps_budget_member *members, uint32_t room,
		     uint64_t limit_bytes);

/* Its window is 0 until the next share: one chunk at a time. Errors: -ENOSPC, -EEXIST. */
int dps_budget_add(struct dps_budget *budget, struct dps_transfer *transfer, uint64_t epoch);

/* After a resume, or a park (0). Errors: -ENOENT. */
int dps_budget_set_epoch(struct dps_budget *budget, const struct dps_transfer *transfer,
			 uint64_t epoch);

/* What it had in flight belongs to the others from the next share on. Errors: -ENOENT. */
int dps_budget_remove(struct dps_budget *budget, const struct dps_transfer *transfer);

/* Sets every window anew. Once in a round-trip time or so: a busy share doubles with each. */
void dps_budget_share(struct dps_budget *budget);

/* A slice, and whose it is. */
struct dps_budget_slice {
	struct dps_slice slice;
	struct dps_transfer *transfer;
};

/*
 * What to send next, at most room slices of at most so many bytes: one of each transfer that has
 * any, in turn, going on where the last call stopped; returns how many.
 */
unsigned int dps_budget_emit_slices(struct dps_budget *budget, struct dps_budget_slice *slices,
				    unsigned int room, uint32_t slice_bytes_max);

#ifdef __cplusplus
}
#endif
