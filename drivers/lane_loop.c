/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/lane_loop.h"
#include "drivers/lane_state.h"
#include <sched.h>
#include <time.h>

enum {
	SPIN_TURNS = 8,	    /* idle ones before the first yield */
	YIELD_TURNS = 4000, /* ... and before the first sleep */
	SLEEP_MIN_US = 10,
	SLEEP_MAX_US = 200,
	SLEEP_SHARE = 8, /* grows by an eighth of the idle time */
};

/* Others' commands and finished reads wake nobody: they are why it is short even so. */
static void sleep_ns(const struct dps_lane_loop *loop, uint64_t ns)
{
	const struct timespec duration = { .tv_sec = 0, .tv_nsec = (long)ns };
	struct dps_port *port = loop->lane->config.port;

	if (port->ops->wait)
		port->ops->wait(port, ns);
	else
		nanosleep(&duration, NULL);
}

/* What to do after so many idle turns, the first of them at since_ns. */
static void rest(const struct dps_lane_loop *loop, unsigned int idle_turns, uint64_t since_ns)
{
	uint64_t now_ns, wait_ns, deadline_ns;

	if (idle_turns < SPIN_TURNS)
		return;
	if (idle_turns < YIELD_TURNS) {
		sched_yield();
		return;
	}
	now_ns = dps_clock_now_ns(loop->clock);
	wait_ns = (now_ns - since_ns) / SLEEP_SHARE;
	if (wait_ns < SLEEP_MIN_US * DPS_NS_PER_US)
		wait_ns = SLEEP_MIN_US * DPS_NS_PER_US;
	if (wait_ns > SLEEP_MAX_US * DPS_NS_PER_US)
		wait_ns = SLEEP_MAX_US * DPS_NS_PER_US;
	deadline_ns = dps_lane_next_deadline_ns(loop->lane);
	if (deadline_ns <= now_ns)
		return;
	sleep_ns(loop, deadline_ns - now_ns < wait_ns ? deadline_ns - now_ns : wait_ns);
}

void dps_lane_loop_run(struct dps_lane_loop *loop)
{
	unsigned int idle_turns = 0;
	uint64_t idle_since_ns = 0;

	while (!atomic_load_explicit(&loop->must_stop, memory_order_relaxed)) {
		if (dps_lane_turn(loop->lane) > 0) {
			idle_turns = 0;
			continue;
		}
		if (idle_turns == 0)
			idle_since_ns = dps_clock_now_ns(loop->clock);
		if (idle_turns < YIELD_TURNS)
			idle_turns++;
		rest(loop, idle_turns, idle_since_ns);
	}
}
