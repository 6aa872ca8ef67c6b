/* SPDX-License-Identifier: BSD-3-Clause */
/* Choice: the data packet to be sent next, and how far others like it may follow. */
#pragma once
#include "engine/channel.h"
#include "engine/chunk.h"

/* Bytes of one piece. Lives for one step of emit_data. */
struct dps_choice {
	struct dps_channel *channel;
	struct dps_chunk *chunk;
	struct dps_extent *extent;
	uint64_t offset;
	uint64_t limit;	  /* of bytes sent first time: so far they may go on; else 0 */
	uint64_t run_end; /* full packets that end here or before are like it: no digest, no flag */
	uint32_t bytes;
	bool has_digest;
	bool is_resend;
};
