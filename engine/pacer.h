/* SPDX-License-Identifier: BSD-3-Clause */
/* Pacer: spreads a path's packets so that no burst exceeds what the way can buffer. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/*
 * A token bucket. Credit is counted in byte-nanoseconds, which makes refills exact: however often
 * the lane polls, no fraction of a byte is lost or invented. A stall earns at most one burst.
 *
 * Owner: the lane.
 */
struct dps_pacer {
	uint64_t rate_bytes_per_s; /* UINT64_MAX: not paced */
	uint64_t refilled_at_ns;
	uint64_t credit;	   /* byte-nanoseconds, at most burst_bytes * DPS_NS_PER_S */
	uint64_t waiting_until_ns; /* a packet was refused until then; 0 when none waits */
	uint64_t late_ns;	   /* how late the lane came at the worst, fading */
	uint64_t late_noted_at_ns;
	uint32_t burst_bytes;
};

/* Starts with a full burst of credit. */
void dps_pacer_init(struct dps_pacer *pacer, uint64_t now_ns);

/*
 * Sets rate and burst = clamp(10 us of the rate, 2 packets, 32 packets). A lane whose core is taken
 * away now and then comes late for waiting packets; what that cost lately, up to 4 ms, is added to
 * the burst, or such a lane would never reach the rate. Applies from now_ns on;
 * credit earned at the old rate is kept, up to the new burst. The rate is not zero.
 */
void dps_pacer_set_rate(struct dps_pacer *pacer, uint64_t rate_bytes_per_s, uint32_t packet_bytes,
			uint64_t now_ns);

/* Spends credit for a packet of so many bytes, wholly or not at all. */
bool dps_pacer_take(struct dps_pacer *pacer, uint32_t packet_bytes, uint64_t now_ns);

/* The same for several packets of one size: takes as many as there is credit for, at most count. */
uint32_t dps_pacer_take_many(struct dps_pacer *pacer, uint32_t packet_bytes, uint32_t count,
			     uint64_t now_ns);

/* So many bytes of what was taken are not sent. */
void dps_pacer_give(struct dps_pacer *pacer, uint32_t bytes);

/* What was refused was for nobody: none waits, and what goes next is not late. */
void dps_pacer_release(struct dps_pacer *pacer);

/* When take() will next succeed for this size; now_ns or earlier if it would at once. */
uint64_t dps_pacer_ready_at_ns(const struct dps_pacer *pacer, uint32_t packet_bytes);
