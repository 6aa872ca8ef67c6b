/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Credit pace: how fast a receiver grants credit, when there is a bound on it. A grant is made
 * whole and paid for afterwards, so the rate holds over any time to within one grant and what
 * BURST_MS bring, however large a grant is. What the sender does with its credit is its own matter:
 * faster than this it cannot be.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Owner: the lane. Zeros: no bound. */
struct dps_credit_pace {
	uint64_t bytes_per_s; /* 0: no bound */
	uint64_t ready_at_ns; /* what was granted is paid for */
};

/*
 * What was granted before stays granted, and what is owed for it is owed at the new rate. One that
 * had no bound owes its first grant of first_bytes ahead: many short channels are no way round.
 */
void dps_credit_pace_set(struct dps_credit_pace *pace, uint64_t bytes_per_s, uint32_t first_bytes,
			 uint64_t now_ns);

static inline bool dps_credit_pace_is_ready(const struct dps_credit_pace *pace, uint64_t now_ns)
{
	return pace->bytes_per_s == 0 || pace->ready_at_ns <= now_ns;
}

void dps_credit_pace_on_granted(struct dps_credit_pace *pace, uint32_t bytes, uint64_t now_ns);
