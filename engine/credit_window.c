/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/credit_window.h"
#include "engine/bits.h"
#include <dps/types.h>

enum {
	PLATEAU_ROUNDS = 3,
	SHRINK_ROUNDS = 8, /* (7/8)^8 is 0.34 */
};

#define ROUND_NS_MAX (1000 * DPS_NS_PER_S)

static uint64_t clamp_window(const struct dps_credit_window *window, uint64_t bytes)
{
	const struct dps_credit_window_config *config = &window->config;

	return dps_min_u64(dps_max_u64(bytes, config->floor_bytes), config->limit_bytes);
}

void dps_credit_window_init(struct dps_credit_window *window,
			    const struct dps_credit_window_config *config)
{
	*window = (struct dps_credit_window){
		.config = *config,
		.trip_min_ns = UINT64_MAX,
		.is_starting = true,
	};
	window->window_bytes = config->start_bytes;
	dps_credit_window_set_limit(window, config->limit_bytes);
}

void dps_credit_window_set_limit(struct dps_credit_window *window, uint64_t limit_bytes)
{
	window->config.limit_bytes = dps_min_u64(limit_bytes, DPS_OFFSET_MAX);
	window->window_bytes = clamp_window(window, window->window_bytes);
}

void dps_credit_window_on_told(struct dps_credit_window *window, uint64_t told_before, bool is_full,
			       uint64_t now_ns)
{
	if (window->has_round)
		return;
	window->has_round = true;
	window->is_full = is_full;
	window->is_blocked = false;
	window->round_offset = told_before;
	window->round_at_ns = now_ns;
	window->round_arrived_bytes = window->arrived_bytes;
}

/* a * b / c, c not zero, the operands shortened where they are long; UINT64_MAX if it is longer. */
static uint64_t multiply_divide(uint64_t a, uint64_t b, uint64_t c)
{
	while (a > UINT32_MAX || b > UINT32_MAX) {
		if (a > b)
			a /= 2;
		else
			b /= 2;
		if ((c /= 2) == 0)
			return UINT64_MAX;
	}
	return a * b / c;
}

/* What the way holds, and what comes while the host is late, at the rate of the round. */
static uint64_t bandwidth_delay_bytes(const struct dps_credit_window *window, uint64_t trip_ns)
{
	const struct dps_credit_window_config *config = &window->config;
	uint64_t arrived = window->arrived_bytes - window->round_arrived_bytes;
	uint64_t slack_ns = dps_min_u64(config->slack_ns, ROUND_NS_MAX);
	uint64_t way_bytes = multiply_divide(arrived, window->trip_min_ns, trip_ns);
	uint64_t slack_bytes = multiply_divide(arrived, slack_ns, trip_ns);

	slack_bytes = dps_min_u64(slack_bytes, config->slack_bytes_max);
	return way_bytes + dps_min_u64(slack_bytes, UINT64_MAX - way_bytes);
}

static void count_plateau(struct dps_credit_window *window, bool is_growing)
{
	if (is_growing)
		window->plateau_rounds = 0;
	else if (window->is_starting && ++window->plateau_rounds >= PLATEAU_ROUNDS)
		window->is_starting = false;
}

/* A queue of our own making gets shorter with the window; a way that became longer does not. */
static void count_shrink(struct dps_credit_window *window, bool is_shrinking, uint64_t trip_ns)
{
	if (!is_shrinking) {
		window->shrink_rounds = 0;
		return;
	}
	window->shrink_trip_ns =
		window->shrink_rounds == 0 ? trip_ns : dps_max_u64(window->shrink_trip_ns, trip_ns);
	if (++window->shrink_rounds < SHRINK_ROUNDS)
		return;
	window->shrink_rounds = 0;
	if (trip_ns < window->shrink_trip_ns - window->shrink_trip_ns / 8)
		return;
	window->trip_min_ns = trip_ns;
	window->plateau_rounds = 0;
	window->is_starting = true;
}

/*
 * Later half more than the product: enough that trips half as long again do not shrink the window,
 * which would lower what the next round measures. It ends between one and two of the product.
 */
static bool resize(struct dps_credit_window *window, uint64_t trip_ns)
{
	uint64_t before = window->window_bytes;
	uint64_t product = dps_min_u64(bandwidth_delay_bytes(window, trip_ns), DPS_OFFSET_MAX);
	uint64_t calm = before + before / 4, least = before - before / 8;
	uint64_t wanted = window->is_starting ? dps_clamp_u64(2 * product, least, 2 * before)
					      : dps_clamp_u64(product + product / 2, least, calm);

	wanted = clamp_window(window, wanted);
	count_plateau(window, wanted > calm);
	count_shrink(window, wanted == least && least < before, trip_ns);
	window->window_bytes = wanted;
	return wanted != before;
}

bool dps_credit_window_on_data(struct dps_credit_window *window, uint64_t end_offset,
			       uint64_t new_bytes, bool is_blocked, uint64_t now_ns)
{
	uint64_t trip_ns;

	window->arrived_bytes += new_bytes;
	window->is_blocked |= is_blocked;
	if (!window->has_round || end_offset <= window->round_offset)
		return false;
	window->has_round = false;
	if (!window->is_blocked || !window->is_full)
		return false;
	trip_ns = now_ns - dps_min_u64(window->round_at_ns, now_ns);
	trip_ns = dps_clamp_u64(trip_ns, 1, ROUND_NS_MAX);
	window->trip_min_ns = dps_min_u64(window->trip_min_ns, trip_ns);
	return resize(window, trip_ns);
}
