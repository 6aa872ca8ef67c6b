/* SPDX-License-Identifier: BSD-3-Clause */
/* Clock: nanoseconds since some moment, never backwards; real or simulated. */
#pragma once
#include <stdint.h>

struct dps_clock {
	uint64_t (*now_ns)(struct dps_clock *clock);
};

static inline uint64_t dps_clock_now_ns(struct dps_clock *clock)
{
	return clock->now_ns(clock);
}

/* The machine's: TSC where it is invariant, else CLOCK_MONOTONIC. Any thread. */
void dps_clock_init_real(struct dps_clock *clock);
