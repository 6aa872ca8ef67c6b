/* SPDX-License-Identifier: BSD-3-Clause */
/* Backoff: when to try again what failed, Fibonacci steps with jitter. */
#pragma once
#include <dps/types.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* No wait is shorter. */
#define DPS_BACKOFF_FLOOR_NS (100 * DPS_NS_PER_MS)

/*
 * Steps are 100, 100, 200, 300, 500, 800 ms ... up to the cap. A wait is uniform in
 * [3/4 step, 5/4 step], cut to [DPS_BACKOFF_FLOOR_NS, cap_ns]: many that lost the same peer at the
 * same moment do not come back at the same moment, not even when all have reached the cap.
 * The same seed gives the same waits. Belongs to one thread at a time.
 */
struct dps_backoff {
	uint64_t cap_ns;
	uint64_t stable_ns;
	uint64_t step_ns;      /* what the next failure costs, before jitter */
	uint64_t step_next_ns; /* and the one after it */
	uint64_t next_at_ns;
	uint64_t up_since_ns; /* UINT64_MAX: not up */
	uint64_t seed;
};

/* A cap below the floor is the floor. The first try may start at once. */
void dps_backoff_init(struct dps_backoff *backoff, uint64_t cap_ns, uint64_t stable_ns,
		      uint64_t seed);

/*
 * A try failed, or what was up was lost: sets the moment of the next try. What had been up for
 * stable_ns or longer starts again at the first step; a shorter success forgives nothing.
 */
void dps_backoff_on_failure(struct dps_backoff *backoff, uint64_t now_ns);

/* A try succeeded. */
void dps_backoff_on_success(struct dps_backoff *backoff, uint64_t now_ns);

/* The earliest moment of the next try; 0 before the first failure. */
uint64_t dps_backoff_next_at_ns(const struct dps_backoff *backoff);

#ifdef __cplusplus
}
#endif
