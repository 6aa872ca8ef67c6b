/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A constant rate on a way that was booked for it. Loss is repaired and otherwise ignored, so
 * there must be an end to it: the circuit breaker (RFC 8084) opens after 5 s in which no interval
 * came through with 20 % lost or less.
 */
#include "engine/bits.h"
#include "engine/congestion.h"
#include <dps/assert.h>
#include <dps/types.h>

#define INTERVAL_NS (500 * DPS_NS_PER_MS)
#define PATIENCE_NS (5 * DPS_NS_PER_S)

enum { LOST_PERCENT_MAX = 20 };

static void fixed_init(struct dps_congestion *congestion, uint64_t now_ns)
{
	DPS_ASSERT(congestion->config.rate_bytes_per_s != UINT64_MAX);
	congestion->window_bytes = UINT64_MAX / 2;
	congestion->fixed = (struct dps_congestion_fixed){
		.interval_started_at_ns = now_ns,
		.bad_since_ns = DPS_NEVER_NS,
	};
}

static bool is_bad(const struct dps_congestion_fixed *fixed)
{
	uint64_t all_bytes = fixed->interval_acked_bytes + fixed->interval_lost_bytes;

	return fixed->interval_lost_bytes > all_bytes / 100 * LOST_PERCENT_MAX;
}

/* Judges the interval when it is over, with the first news after its end. */
static void close_interval(struct dps_congestion_fixed *fixed, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - fixed->interval_started_at_ns;

	if (now_ns < fixed->interval_started_at_ns || elapsed_ns < INTERVAL_NS)
		return;
	/* Silence says nothing of loss: what was bad before it does not go on through it. */
	if (!is_bad(fixed) || elapsed_ns >= 2 * INTERVAL_NS)
		fixed->bad_since_ns = DPS_NEVER_NS;
	else if (fixed->bad_since_ns == DPS_NEVER_NS)
		fixed->bad_since_ns = fixed->interval_started_at_ns;
	fixed->interval_started_at_ns = now_ns;
	fixed->interval_acked_bytes = 0;
	fixed->interval_lost_bytes = 0;
}

static void fixed_on_acked(struct dps_congestion *congestion, const struct dps_congestion_ack *ack)
{
	close_interval(&congestion->fixed, ack->now_ns);
	congestion->fixed.interval_acked_bytes += ack->acked_bytes;
}

static void fixed_on_lost(struct dps_congestion *congestion, uint64_t lost_bytes,
			  uint64_t newest_sent_at_ns, uint64_t in_flight_bytes, uint64_t now_ns)
{
	(void)in_flight_bytes;
	close_interval(&congestion->fixed, now_ns);
	congestion->fixed.interval_lost_bytes += lost_bytes;
	if (newest_sent_at_ns < congestion->recovery_until_ns)
		return;
	congestion->recovery_until_ns = now_ns;
	congestion->events_count++;
}

/* Whether the way is gone is not for congestion control to say: the rate stays. */
static void fixed_on_persistent(struct dps_congestion *congestion, uint64_t now_ns)
{
	(void)now_ns;
	congestion->events_count++;
}

/* The rate was not cut. */
static void fixed_on_spurious(struct dps_congestion *congestion, const struct dps_congestion *then,
			      uint64_t now_ns)
{
	(void)congestion, (void)then, (void)now_ns;
}

static void fixed_on_idle(struct dps_congestion *congestion, uint64_t now_ns)
{
	close_interval(&congestion->fixed, now_ns);
}

static uint64_t fixed_pacing_rate(const struct dps_congestion *congestion, uint64_t smoothed_rtt_ns)
{
	(void)smoothed_rtt_ns;
	return congestion->config.rate_bytes_per_s;
}

/* Only closed intervals are evidence: time that merely passes breaks nothing. */
static bool fixed_is_broken(const struct dps_congestion *congestion, uint64_t now_ns)
{
	const struct dps_congestion_fixed *fixed = &congestion->fixed;

	(void)now_ns;
	return fixed->bad_since_ns != DPS_NEVER_NS &&
	       fixed->interval_started_at_ns - fixed->bad_since_ns >= PATIENCE_NS;
}

const struct dps_congestion_ops dps_congestion_fixed_ops = {
	.name = "fixed",
	.init = fixed_init,
	.on_acked = fixed_on_acked,
	.on_lost = fixed_on_lost,
	.on_persistent = fixed_on_persistent,
	.on_spurious = fixed_on_spurious,
	.on_idle = fixed_on_idle,
	.pacing_rate_bytes_per_s = fixed_pacing_rate,
	.is_broken = fixed_is_broken,
};
