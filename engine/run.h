/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Run: data packets of one burst that follow each other, in number and in offset, within a piece.
 * After one of them the engine knows what the next looks like (the header prediction of V.
 * Jacobson, RFC 1144 and 4.3BSD Reno): such a packet costs a few comparisons, and what the run
 * brought is counted once, when it ends.
 *
 * Invariant: no byte of next_offset..last_offset + payload_bytes has been received, and the chunk
 * has a slot.
 *
 * Owner: the lane.
 */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct dps_run {
	bool is_burst; /* between begin and end of a burst: only then there are runs */
	uint8_t ecn;

	/* What the next packet looks like, the first three as they lie in its header. */
	uint32_t front; /* version, type, flags, payload bytes */
	uint32_t channel_number;
	uint64_t connection_id;
	uint32_t length; /* of the datagram; 0: there is no run */
	uint32_t payload_bytes;
	uint64_t next_number;
	uint64_t next_offset;
	uint64_t last_offset; /* a packet that starts behind it is not of the run */
	uint8_t *to;	      /* where the next one's payload goes */

	/* What it brought and is not counted yet starts here. */
	uint64_t first_number;
	uint64_t first_offset;
	uint32_t path;
	uint32_t channel;
	uint32_t chunk;
	uint8_t newest[DPS_HEADER_BYTES]; /* header of the last one */
};
