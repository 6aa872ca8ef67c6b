/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/credit_pace.h"
#include "engine/bits.h"
#include <dps/types.h>

enum { BURST_MS = 10 }; /* a lane that was not scheduled catches up with so much */

/* Never more than one grant, which its time was made of: the product fits 64 bits. */
static uint64_t owed_bytes(const struct dps_credit_pace *pace, uint64_t now_ns)
{
	uint64_t owed_ns = pace->ready_at_ns - dps_min_u64(now_ns, pace->ready_at_ns);

	return owed_ns * pace->bytes_per_s / DPS_NS_PER_S;
}

void dps_credit_pace_set(struct dps_credit_pace *pace, uint64_t bytes_per_s, uint32_t first_bytes,
			 uint64_t now_ns)
{
	uint64_t owed = pace->bytes_per_s == 0 ? first_bytes : owed_bytes(pace, now_ns);

	pace->bytes_per_s = bytes_per_s;
	pace->ready_at_ns = bytes_per_s == 0 ? 0 : now_ns + owed * DPS_NS_PER_S / bytes_per_s;
}

void dps_credit_pace_on_granted(struct dps_credit_pace *pace, uint32_t bytes, uint64_t now_ns)
{
	const uint64_t burst_ns = BURST_MS * DPS_NS_PER_MS;
	uint64_t from_ns = now_ns > burst_ns ? now_ns - burst_ns : 0;

	if (pace->bytes_per_s == 0)
		return;
	/* 2³² bytes in nanoseconds at a byte a second fit 63 bits. */
	pace->ready_at_ns =
		dps_max_u64(pace->ready_at_ns, from_ns) + bytes * DPS_NS_PER_S / pace->bytes_per_s;
}
