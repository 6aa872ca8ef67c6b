/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Run: data packets that follow each other, in number and in offset, within a piece, or slices of a
 * stream that do. After one of them, or the end of a chunk that they filled, the engine knows what
 * the next looks like (the header prediction of V. Jacobson, RFC 1144 and 4.3BSD Reno): such
 * packets cost a few comparisons each, and what they brought is counted once, at the end of the
 * burst. The run itself goes on in the next burst, unless something else happens to its path or
 * chunk; one of slices does not, as the program may do anything to its stream between two bursts.
 *
 * Invariant: no byte has been received of what packets next_number..end_number - 1 carry, the chunk
 * is RECEIVING, or the stream open, next_number follows the largest of the path; while something is
 * left to be counted length is not 0; between bursts nothing is.
 *
 * Owner: the lane.
 */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stdint.h>

struct dps_run {
	bool is_burst;	/* between begin and end of a burst: only then packets run */
	bool is_slices; /* of a stream, which channel is the index of; there is no chunk */
	uint8_t ecn;

	/* What the next packet looks like, the first three as they lie in its header. */
	uint32_t front; /* version, type, flags, payload bytes */
	uint32_t channel_number;
	uint64_t connection_id;
	uint32_t length; /* of the datagram; 0: there is no run */
	uint32_t payload_bytes;
	uint64_t next_number;
	uint64_t next_offset;
	uint64_t end_number; /* a packet with it is not of the run: its bytes are had, or others' */
	uint32_t tail_length; /* or it brings the end of the piece and its digest; 0: it does not,
				 or there is no run */
	uint32_t tail_front;  /* what that one's header begins with */
	uint8_t *to;	      /* where the next one's payload goes */
	bool has_slot;	      /* the chunk has one; else to is of the next that is free */

	/* What it brought and is not counted yet starts here. */
	uint64_t first_number;
	uint64_t first_offset;
	uint32_t path;
	uint32_t channel;
	uint32_t chunk;
	uint32_t extent;
	uint32_t newest_floor; /* of the last one, as its header says */
	uint32_t newest_sent_at_us;
	bool is_asked; /* for an acknowledgement at once */
};

/* Whether packets came with it that are not counted yet. */
static inline bool dps_run_has_more(const struct dps_run *run)
{
	return run->next_number != run->first_number;
}
