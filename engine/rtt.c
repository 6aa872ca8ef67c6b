/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/rtt.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <dps/types.h>

enum {
	MIN_WINDOW_S = 10,
	VARIATION_FLOOR_US = 200, /* what 4 * variation counts for at least in a probe timeout */
};

void dps_rtt_init(struct dps_rtt *rtt, uint64_t initial_ns)
{
	DPS_ASSERT(initial_ns != 0);
	*rtt = (struct dps_rtt){
		.latest_ns = initial_ns,
		.min_ns = initial_ns,
		.smoothed_ns = initial_ns,
		.variation_ns = initial_ns / 2,
		.min_next_ns = initial_ns,
	};
}

static void start_min_window(struct dps_rtt *rtt, uint64_t min_ns, uint64_t now_ns)
{
	rtt->min_ns = min_ns;
	rtt->min_next_ns = rtt->latest_ns;
	rtt->min_window_at_ns = now_ns;
}

/* The minimum covers the window before and the one that runs; what is older is forgotten. */
static void update_min(struct dps_rtt *rtt, uint64_t now_ns)
{
	uint64_t window_ns = MIN_WINDOW_S * DPS_NS_PER_S;
	uint64_t elapsed_ns = now_ns > rtt->min_window_at_ns ? now_ns - rtt->min_window_at_ns : 0;

	if (elapsed_ns >= 2 * window_ns)
		start_min_window(rtt, rtt->latest_ns, now_ns);
	else if (elapsed_ns >= window_ns)
		start_min_window(rtt, rtt->min_next_ns, now_ns);
	rtt->min_ns = dps_min_u64(rtt->min_ns, rtt->latest_ns);
	rtt->min_next_ns = dps_min_u64(rtt->min_next_ns, rtt->latest_ns);
}

void dps_rtt_on_sample(struct dps_rtt *rtt, uint64_t sample_ns, uint64_t ack_delay_ns,
		       uint64_t now_ns)
{
	uint64_t adjusted_ns, difference_ns;

	/* Never zero: rates are divided by it. */
	rtt->latest_ns = dps_max_u64(sample_ns, 1);
	if (rtt->samples_count++ == 0) {
		start_min_window(rtt, rtt->latest_ns, now_ns);
		rtt->smoothed_ns = rtt->latest_ns;
		rtt->variation_ns = rtt->latest_ns / 2;
		return;
	}
	update_min(rtt, now_ns);
	adjusted_ns = rtt->latest_ns;
	if (ack_delay_ns <= adjusted_ns - rtt->min_ns)
		adjusted_ns -= ack_delay_ns;
	difference_ns = adjusted_ns > rtt->smoothed_ns ? adjusted_ns - rtt->smoothed_ns
						       : rtt->smoothed_ns - adjusted_ns;
	/* Written as differences so that no sample, however long, overflows. */
	rtt->variation_ns = rtt->variation_ns - rtt->variation_ns / 4 + difference_ns / 4;
	rtt->smoothed_ns = rtt->smoothed_ns - rtt->smoothed_ns / 8 + adjusted_ns / 8;
}

bool dps_rtt_is_measured(const struct dps_rtt *rtt)
{
	return rtt->samples_count != 0;
}

uint64_t dps_rtt_probe_timeout_ns(const struct dps_rtt *rtt, uint64_t ack_delay_max_ns,
				  uint64_t floor_ns)
{
	uint64_t margin_ns = dps_max_u64(4 * rtt->variation_ns, VARIATION_FLOOR_US * DPS_NS_PER_US);

	return dps_max_u64(rtt->smoothed_ns + margin_ns + ack_delay_max_ns, floor_ns);
}
