/* SPDX-License-Identifier: BSD-3-Clause */
/* Loss: which packets in flight are lost, and when to probe (RFC 9002 section 6, RFC 8985). */
#pragma once
#include "engine/rtt.h"
#include "engine/sent.h"
#include <stdint.h>

enum dps_loss_limits {
	DPS_LOSS_THRESHOLD_MIN = 8,  /* packets; RFC 9002 has 3, our bursts reorder more */
	DPS_LOSS_LATE_MS_MAX = 1000, /* what came later is not waited for, ... */
	DPS_LOSS_LATE_TIMES = 64,    /* ... and what came late, for so many times as long, ... */
	DPS_LOSS_LATE_FOR_MS = 1000, /* ... but at least for this */
	DPS_LOSS_GRANULARITY_NS = 50000,
};

/* Owner: the lane. */
struct dps_loss {
	uint64_t largest_acked_number; /* UINT64_MAX before the first */
	uint64_t loss_time_ns;	       /* when the next packet passes the time threshold */
	uint64_t probe_base_ns;	       /* when the last ack-eliciting packet was sent */
	uint64_t threshold_packets;    /* adapts to the reordering that is seen ... */
	uint64_t late_ns;	/* ... as does the time: the longest that one took, and 1/8, */
	uint64_t late_until_ns; /* until then */
	uint64_t spurious_count;
	uint32_t probes_count; /* probe timeouts in a row: the backoff */
};

void dps_loss_init(struct dps_loss *loss);

/* An acknowledgement named this as its largest; resets the probe backoff if anything was new. */
void dps_loss_on_acked(struct dps_loss *loss, uint64_t largest_number, bool has_new);

/* An ack-eliciting packet left. */
void dps_loss_on_sent(struct dps_loss *loss, uint64_t now_ns);

/*
 * A packet declared lost was acknowledged, distance packets behind the largest, so long after it
 * was sent: adapt. The measured round trips do not show that: they are those of who overtakes.
 */
void dps_loss_on_spurious(struct dps_loss *loss, uint64_t distance, uint64_t age_ns,
			  uint64_t now_ns);

/*
 * Finds the next lost packet: a live one below the largest acknowledged that is threshold packets
 * behind it or was sent 9/8 * max(smoothed, latest) ago, or as long as some took lately that came
 * after all. Returns its number, or UINT64_MAX when there is no further one and loss_time_ns then
 * says when the next may be. The caller marks it lost and asks again, from there.
 */
uint64_t dps_loss_next(struct dps_loss *loss, const struct dps_sent *sent,
		       const struct dps_rtt *rtt, uint64_t from, uint64_t now_ns);

/*
 * When on_deadline is due: loss_time_ns if set, else the probe timeout (doubled per probe in a
 * row, at most max_ns) while anything is in flight, else DPS_NEVER_NS.
 */
uint64_t dps_loss_deadline_ns(const struct dps_loss *loss, const struct dps_sent *sent,
			      uint64_t probe_timeout_ns, uint64_t max_ns);
