/* SPDX-License-Identifier: BSD-3-Clause */
/* RTT: the round-trip time of a path, estimated as RFC 9002 section 5 has it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Owner: the lane. Before the first sample smoothed_ns is the initial guess, variation half of it.
 */
struct dps_rtt {
	uint64_t latest_ns;
	uint64_t min_ns; /* over the last 10 to 20 s, so that a changed route is noticed */
	uint64_t smoothed_ns;
	uint64_t variation_ns;
	uint64_t min_next_ns; /* the minimum that is being gathered for the next window */
	uint64_t min_window_at_ns;
	uint64_t samples_count;
};

void dps_rtt_init(struct dps_rtt *rtt, uint64_t initial_ns);

/* One sample per acknowledgement; ack_delay_ns is subtracted only if the result stays >= min_ns. */
void dps_rtt_on_sample(struct dps_rtt *rtt, uint64_t sample_ns, uint64_t ack_delay_ns,
		       uint64_t now_ns);

bool dps_rtt_is_measured(const struct dps_rtt *rtt);

/* Probe timeout without backoff: smoothed + max(4 * variation, 200 us) + ack delay, >= floor. */
uint64_t dps_rtt_probe_timeout_ns(const struct dps_rtt *rtt, uint64_t ack_delay_max_ns,
				  uint64_t floor_ns);
