/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/random.h"
#include <dps/backoff.h>

#define NOT_UP UINT64_MAX

static void reset(struct dps_backoff *backoff)
{
	backoff->step_ns = DPS_BACKOFF_FLOOR_NS;
	backoff->step_next_ns = DPS_BACKOFF_FLOOR_NS;
}

static void advance(struct dps_backoff *backoff)
{
	uint64_t step_ns = backoff->step_ns, next_ns = backoff->step_next_ns;
	uint64_t cap_ns = backoff->cap_ns;

	backoff->step_ns = next_ns;
	backoff->step_next_ns = next_ns < cap_ns - step_ns ? step_ns + next_ns : cap_ns;
}

/* The range is cut before the draw, not the draw after it: a clamp would heap up at its edges. */
static uint64_t draw_wait_ns(struct dps_backoff *backoff)
{
	uint64_t quarter_ns = backoff->step_ns / 4;
	uint64_t low_ns = backoff->step_ns - quarter_ns, high_ns = backoff->cap_ns;
	struct dps_random random;

	if (low_ns < DPS_BACKOFF_FLOOR_NS)
		low_ns = DPS_BACKOFF_FLOOR_NS;
	if (backoff->step_ns < backoff->cap_ns - quarter_ns)
		high_ns = backoff->step_ns + quarter_ns;
	dps_random_init(&random, backoff->seed);
	backoff->seed = dps_random_next(&random);
	return low_ns + dps_random_below(&random, high_ns - low_ns + 1);
}

void dps_backoff_init(struct dps_backoff *backoff, uint64_t cap_ns, uint64_t stable_ns,
		      uint64_t seed)
{
	*backoff = (struct dps_backoff){
		.cap_ns = cap_ns > DPS_BACKOFF_FLOOR_NS ? cap_ns : DPS_BACKOFF_FLOOR_NS,
		.stable_ns = stable_ns,
		.up_since_ns = NOT_UP,
		.seed = seed,
	};
	reset(backoff);
}

void dps_backoff_on_failure(struct dps_backoff *backoff, uint64_t now_ns)
{
	uint64_t wait_ns;

	if (backoff->up_since_ns != NOT_UP && now_ns - backoff->up_since_ns >= backoff->stable_ns)
		reset(backoff);
	backoff->up_since_ns = NOT_UP;
	wait_ns = draw_wait_ns(backoff);
	backoff->next_at_ns = now_ns < UINT64_MAX - wait_ns ? now_ns + wait_ns : UINT64_MAX;
	advance(backoff);
}

void dps_backoff_on_success(struct dps_backoff *backoff, uint64_t now_ns)
{
	backoff->up_since_ns = now_ns;
}

uint64_t dps_backoff_next_at_ns(const struct dps_backoff *backoff)
{
	return backoff->next_at_ns;
}
