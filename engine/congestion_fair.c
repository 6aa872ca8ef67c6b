/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CUBIC (RFC 9438) with the first slow start of HyStart++ (RFC 9406), in integers, so that a run
 * can be run again on any machine. Section numbers are those of RFC 9438 unless said otherwise.
 */
#include "engine/bits.h"
#include "engine/congestion.h"
#include <dps/assert.h>
#include <dps/types.h>

/* Cubes of times need more than 64 bits; no division is done in it, which would be a call. */
__extension__ typedef unsigned __int128 uint128;

enum {
	WINDOW_PACKETS_INITIAL = 10, /* RFC 6928 */
	WINDOW_PACKETS_MIN = 2,	     /* RFC 9002 section 7.2 */
	/* RFC 9406 section 4.3; L is infinite, because packets are paced. */
	ROUND_SAMPLES_MIN = 8,
	CSS_GROWTH_DIVISOR = 4,
	CSS_ROUNDS = 5,
	PACKET_BYTES_MAX = 65536,
};

#define MIN_RTT_THRESH_NS (4 * DPS_NS_PER_MS)
#define MAX_RTT_THRESH_NS (16 * DPS_NS_PER_MS)
#define WINDOW_BYTES_MAX (UINT64_C(1) << 40) /* 100 Gb/s over 87 s: keeps products in range */
#define SINCE_K_NS_MAX (UINT64_C(1) << 43)   /* 2.4 hours: W_cubic is 10^11 packets by then */
#define SMOOTHED_RTT_NS_MIN DPS_NS_PER_US
#define SMOOTHED_RTT_NS_MAX (16 * DPS_NS_PER_S)

/* Times that are cubed are counted in 2^-20 s. */
enum { TICK_BITS = 20 };

static uint64_t window_min(const struct dps_congestion *congestion)
{
	return (uint64_t)congestion->config.packet_bytes * WINDOW_PACKETS_MIN;
}

static uint64_t window_initial(const struct dps_congestion *congestion)
{
	return (uint64_t)congestion->config.packet_bytes * WINDOW_PACKETS_INITIAL;
}

static bool is_first_slow_start(const struct dps_congestion_cubic *cubic)
{
	return cubic->ssthresh_bytes == UINT64_MAX;
}

static bool is_in_slow_start(const struct dps_congestion *congestion)
{
	return congestion->window_bytes < congestion->cubic.ssthresh_bytes;
}

/* C * time^3 in bytes, with C = 0.4 packets per second cubed (section 5). */
static uint64_t cubic_bytes(uint64_t time_ns, uint32_t packet_bytes)
{
	uint64_t ticks = (dps_min_u64(time_ns, SINCE_K_NS_MAX) << TICK_BITS) / DPS_NS_PER_S;
	uint128 cube = (uint128)ticks * ticks * ticks; /* below 2^100 */

	return (uint64_t)((cube * (2 * (uint64_t)packet_bytes)) >> (3 * TICK_BITS)) / 5;
}

/* The inverse: the longest time for which C * time^3 is not more than so many bytes. */
static uint64_t cubic_time_ns(uint64_t bytes, uint32_t packet_bytes)
{
	uint128 limit = (uint128)(bytes * 5) << (3 * TICK_BITS);
	uint64_t ticks = 0;

	for (uint64_t bit = UINT64_C(1) << 32; bit != 0; bit >>= 1) {
		uint64_t next = ticks | bit;

		if ((uint128)next * next * next * (2 * (uint64_t)packet_bytes) <= limit)
			ticks = next;
	}
	return (uint64_t)((uint128)ticks * DPS_NS_PER_S >> TICK_BITS);
}

/* W_cubic(t) of section 4.2. */
static uint64_t cubic_window(const struct dps_congestion *congestion, uint64_t time_ns)
{
	const struct dps_congestion_cubic *cubic = &congestion->cubic;
	uint32_t packet_bytes = congestion->config.packet_bytes;
	uint64_t below;

	if (time_ns >= cubic->k_ns)
		return cubic->window_max_bytes + cubic_bytes(time_ns - cubic->k_ns, packet_bytes);
	below = cubic_bytes(cubic->k_ns - time_ns, packet_bytes);
	return cubic->window_max_bytes - dps_min_u64(below, cubic->window_max_bytes);
}

static void fair_init(struct dps_congestion *congestion, uint64_t now_ns)
{
	DPS_ASSERT(congestion->config.packet_bytes <= PACKET_BYTES_MAX);
	congestion->window_bytes = window_initial(congestion);
	congestion->cubic = (struct dps_congestion_cubic){
		.ssthresh_bytes = UINT64_MAX,
		.accounted_at_ns = now_ns,
		.round_min_rtt_ns = UINT64_MAX,
		.last_round_min_rtt_ns = UINT64_MAX,
	};
}

/* Grows by so many bytes, up to a limit that may already be passed. */
static void grow(struct dps_congestion *congestion, uint64_t bytes, uint64_t limit_bytes)
{
	limit_bytes = dps_min_u64(limit_bytes, WINDOW_BYTES_MAX);
	if (congestion->window_bytes < limit_bytes)
		congestion->window_bytes +=
			dps_min_u64(bytes, limit_bytes - congestion->window_bytes);
}

/* RFC 9406 section 4.2: rounds, what they saw, and what follows from it. */
static void update_rounds(struct dps_congestion *congestion, const struct dps_congestion_ack *ack)
{
	struct dps_congestion_cubic *cubic = &congestion->cubic;
	uint64_t threshold_ns;

	if (ack->largest_number >= cubic->round_end_number) {
		cubic->round_end_number = ack->next_number;
		cubic->last_round_min_rtt_ns = cubic->round_min_rtt_ns;
		cubic->round_min_rtt_ns = UINT64_MAX;
		cubic->round_samples = 0;
		if (cubic->in_css && ++cubic->css_rounds >= CSS_ROUNDS)
			cubic->ssthresh_bytes = congestion->window_bytes;
	}
	cubic->round_min_rtt_ns = dps_min_u64(cubic->round_min_rtt_ns, ack->latest_rtt_ns);
	if (++cubic->round_samples < ROUND_SAMPLES_MIN)
		return;
	if (cubic->in_css) {
		/* The queue was not ours after all. */
		if (cubic->round_min_rtt_ns < cubic->css_baseline_min_rtt_ns)
			cubic->in_css = false;
		return;
	}
	if (cubic->last_round_min_rtt_ns == UINT64_MAX)
		return;
	threshold_ns = dps_clamp_u64(cubic->last_round_min_rtt_ns / 8, MIN_RTT_THRESH_NS,
				     MAX_RTT_THRESH_NS);
	if (cubic->round_min_rtt_ns >= cubic->last_round_min_rtt_ns + threshold_ns) {
		cubic->in_css = true;
		cubic->css_rounds = 0;
		cubic->css_baseline_min_rtt_ns = cubic->round_min_rtt_ns;
	}
}

static void grow_in_slow_start(struct dps_congestion *congestion,
			       const struct dps_congestion_ack *ack)
{
	struct dps_congestion_cubic *cubic = &congestion->cubic;
	uint64_t bytes = ack->acked_bytes;

	if (is_first_slow_start(cubic)) {
		bytes = cubic->in_css ? bytes / CSS_GROWTH_DIVISOR : bytes;
		grow(congestion, bytes, UINT64_MAX);
		update_rounds(congestion, ack);
		return;
	}
	grow(congestion, bytes, cubic->ssthresh_bytes);
}

/* Sections 4.2 and 4.8: without a W_max to return to, the curve starts at its flat part. */
static void start_epoch(struct dps_congestion *congestion, uint64_t now_ns)
{
	struct dps_congestion_cubic *cubic = &congestion->cubic;
	uint64_t window_bytes = congestion->window_bytes;

	cubic->window_max_bytes = dps_max_u64(cubic->window_max_bytes, window_bytes);
	cubic->k_ns = cubic_time_ns(cubic->window_max_bytes - window_bytes,
				    congestion->config.packet_bytes);
	cubic->epoch_started_at_ns = dps_max_u64(now_ns, 1);
	cubic->estimate_bytes = window_bytes;
	cubic->estimate_rest = 0;
	cubic->acked_rest_bytes = 0;
}

/*
 * W_est of section 4.3: alpha packets per window, alpha = 3 * (1 - beta) / (1 + beta) = 9/17
 * until the window before the last event is reached, 1 after it. What a division leaves is kept:
 * over 50 us a window sees many small acknowledgements.
 */
static void grow_estimate(struct dps_congestion *congestion, uint64_t acked_bytes)
{
	struct dps_congestion_cubic *cubic = &congestion->cubic;
	uint64_t alpha = cubic->estimate_bytes >= cubic->window_prior_bytes ? 17 : 9;
	uint64_t divisor = 17 * congestion->window_bytes;
	uint64_t bytes = dps_min_u64(acked_bytes, WINDOW_BYTES_MAX);

	cubic->estimate_rest += alpha * congestion->config.packet_bytes * bytes;
	cubic->estimate_bytes += cubic->estimate_rest / divisor;
	cubic->estimate_rest %= divisor;
	cubic->estimate_bytes = dps_min_u64(cubic->estimate_bytes, WINDOW_BYTES_MAX);
}

/* (target - window) * acked / window of section 4.4, the operands shortened where they are long. */
static uint64_t step_bytes(uint64_t difference_bytes, uint64_t acked_bytes, uint64_t window_bytes)
{
	while ((difference_bytes | acked_bytes) > UINT32_MAX) {
		/* Both factors halved: so is the divisor, twice. At these sizes nobody sees it. */
		difference_bytes /= 2;
		acked_bytes /= 2;
		window_bytes /= 4;
	}
	return difference_bytes * acked_bytes / window_bytes;
}

static void grow_in_avoidance(struct dps_congestion *congestion,
			      const struct dps_congestion_ack *ack)
{
	struct dps_congestion_cubic *cubic = &congestion->cubic;
	uint64_t window_bytes = congestion->window_bytes;
	uint64_t time_ns, target_bytes, bytes;

	if (cubic->epoch_started_at_ns == 0)
		start_epoch(congestion, ack->now_ns);
	time_ns = ack->now_ns - dps_min_u64(cubic->epoch_started_at_ns, ack->now_ns);
	grow_estimate(congestion, ack->acked_bytes);
	if (cubic_window(congestion, time_ns) < cubic->estimate_bytes) {
		grow(congestion, UINT64_MAX, cubic->estimate_bytes);
		cubic->acked_rest_bytes = 0;
		return;
	}
	target_bytes = dps_clamp_u64(cubic_window(congestion, time_ns + ack->smoothed_rtt_ns),
				     window_bytes, window_bytes + window_bytes / 2);
	/* What is too little to grow by a byte counts with the next acknowledgement. */
	cubic->acked_rest_bytes =
		dps_min_u64(cubic->acked_rest_bytes + ack->acked_bytes, window_bytes);
	bytes = step_bytes(target_bytes - window_bytes, cubic->acked_rest_bytes, window_bytes);
	if (bytes != 0)
		cubic->acked_rest_bytes = 0;
	grow(congestion, bytes, target_bytes);
}

/* Time in which the window was not used moves the epoch along (section 5.8). */
static void skip_time(struct dps_congestion_cubic *cubic, uint64_t elapsed_ns)
{
	if (cubic->epoch_started_at_ns != 0)
		cubic->epoch_started_at_ns += elapsed_ns;
}

static uint64_t account_time(struct dps_congestion_cubic *cubic, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - dps_min_u64(cubic->accounted_at_ns, now_ns);

	cubic->accounted_at_ns += elapsed_ns;
	return elapsed_ns;
}

static void fair_on_acked(struct dps_congestion *congestion, const struct dps_congestion_ack *ack)
{
	struct dps_congestion_cubic *cubic = &congestion->cubic;
	uint64_t elapsed_ns = account_time(cubic, ack->now_ns);
	/* A ceiling on the rate leaves a window unused without anybody being limited. */
	bool is_unused = ack->is_limited || ack->in_flight_bytes < congestion->window_bytes / 2;

	if (ack->largest_sent_at_ns < congestion->recovery_until_ns)
		return;
	if (!is_unused && !is_in_slow_start(congestion)) {
		grow_in_avoidance(congestion, ack);
		return;
	}
	skip_time(cubic, elapsed_ns);
	if (!is_unused)
		grow_in_slow_start(congestion, ack);
}

static void fair_on_lost(struct dps_congestion *congestion, uint64_t lost_bytes,
			 uint64_t newest_sent_at_ns, uint64_t in_flight_bytes, uint64_t now_ns)
{
	struct dps_congestion_cubic *cubic = &congestion->cubic;
	uint64_t window_bytes = congestion->window_bytes;

	(void)lost_bytes;
	(void)in_flight_bytes; /* the window is what is cut: it only grows when it is used (4.6) */
	if (newest_sent_at_ns < congestion->recovery_until_ns)
		return;
	congestion->recovery_until_ns = now_ns;
	congestion->events_count++;
	/* Fast convergence (section 4.7): one who has to give makes room for others faster. */
	cubic->window_max_bytes =
		window_bytes < cubic->window_max_bytes ? window_bytes * 17 / 20 : window_bytes;
	cubic->window_prior_bytes = window_bytes;
	cubic->ssthresh_bytes = dps_max_u64(window_bytes * 7 / 10, window_min(congestion));
	congestion->window_bytes = cubic->ssthresh_bytes;
	cubic->epoch_started_at_ns = 0;
	cubic->in_css = false;
}

/*
 * RFC 9002 section 7.6 and section 4.8. Unlike there, losses and acknowledgements of what was
 * sent before stay part of this event: else the next of them would cut the threshold to nothing.
 */
static void fair_on_persistent(struct dps_congestion *congestion, uint64_t now_ns)
{
	struct dps_congestion_cubic *cubic = &congestion->cubic;

	if (is_first_slow_start(cubic))
		cubic->ssthresh_bytes =
			dps_max_u64(congestion->window_bytes * 7 / 10, window_min(congestion));
	congestion->window_bytes = window_min(congestion);
	congestion->recovery_until_ns = now_ns;
	congestion->events_count++;
	cubic->window_max_bytes = 0;
	cubic->epoch_started_at_ns = 0;
	cubic->in_css = false;
}

/*
 * RFC 9438 section 4.9.2: packets that overtook each other were no congestion. The curve goes on
 * from where it stood; what grew meanwhile stays.
 */
static void fair_on_spurious(struct dps_congestion *congestion, const struct dps_congestion *then,
			     uint64_t now_ns)
{
	struct dps_congestion_cubic *cubic = &congestion->cubic;

	if (congestion->window_bytes > then->window_bytes)
		return;
	congestion->window_bytes = then->window_bytes;
	congestion->recovery_until_ns = then->recovery_until_ns;
	*cubic = then->cubic;
	skip_time(cubic, account_time(cubic, now_ns));
}

/*
 * As RFC 2861: after a pause half of the window is offered and slow start finds the rest, up to
 * what was there before. The epoch goes on from where it stood.
 */
static void fair_on_idle(struct dps_congestion *congestion, uint64_t now_ns)
{
	struct dps_congestion_cubic *cubic = &congestion->cubic;
	uint64_t window_bytes = congestion->window_bytes;

	skip_time(cubic, account_time(cubic, now_ns));
	if (window_bytes <= window_initial(congestion))
		return;
	cubic->ssthresh_bytes = dps_max_u64(cubic->ssthresh_bytes, window_bytes);
	congestion->window_bytes = dps_max_u64(window_bytes / 2, window_initial(congestion));
}

/* RFC 9002 section 7.7: a little more than the window in a round trip, so that it gets used. */
static uint64_t fair_pacing_rate(const struct dps_congestion *congestion, uint64_t smoothed_rtt_ns)
{
	bool is_doubling = is_in_slow_start(congestion) && !congestion->cubic.in_css;
	uint64_t bytes = congestion->window_bytes * (is_doubling ? 8 : 5) / 4;
	uint64_t rtt_ns = dps_clamp_u64(smoothed_rtt_ns, SMOOTHED_RTT_NS_MIN, SMOOTHED_RTT_NS_MAX);
	uint64_t rate_bytes_per_s =
		bytes / rtt_ns * DPS_NS_PER_S + bytes % rtt_ns * DPS_NS_PER_S / rtt_ns;

	return dps_clamp_u64(rate_bytes_per_s, 1, congestion->config.rate_bytes_per_s);
}

static bool fair_is_broken(const struct dps_congestion *congestion, uint64_t now_ns)
{
	(void)congestion;
	(void)now_ns;
	return false;
}

const struct dps_congestion_ops dps_congestion_fair_ops = {
	.name = "fair",
	.init = fair_init,
	.on_acked = fair_on_acked,
	.on_lost = fair_on_lost,
	.on_persistent = fair_on_persistent,
	.on_spurious = fair_on_spurious,
	.on_idle = fair_on_idle,
	.pacing_rate_bytes_per_s = fair_pacing_rate,
	.is_broken = fair_is_broken,
};
