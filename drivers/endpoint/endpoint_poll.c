/* SPDX-License-Identifier: BSD-3-Clause */
/* Polls of an endpoint: turns of its lane and control connections, and how it waits between them.
 */
#include "drivers/endpoint/endpoint_state.h"
#include "drivers/lane_state.h"
#include "engine/owner.h"
#include <dps/endpoint.h>
#include <errno.h>
#include <sched.h>

enum {
	LOOK_TURNS = 16,  /* busy ones between two looks at the control connections */
	BUSY_TURNS = 256, /* before others of the program have their turn, told or not */
	SPIN_NS = 20000,  /* a deadline so near is not slept for */
	REST_NS = 500000, /* ... while the kernel has no room to send */
	/* How long a port that tells nothing is left alone: a share of the time it was idle. */
	LOOK_SHARE = 8,
	LOOK_MIN_NS = 10000,
	LOOK_MAX_NS = 200000,
};

static uint64_t next_look_ns(const struct dps_endpoint *endpoint, uint64_t now_ns)
{
	uint64_t wait_ns = (now_ns - endpoint->idle_since_ns) / LOOK_SHARE;

	if (!endpoint->is_port_polled)
		return DPS_NEVER_NS;
	wait_ns = wait_ns < LOOK_MIN_NS ? LOOK_MIN_NS : wait_ns;
	return now_ns + (wait_ns < LOOK_MAX_NS ? wait_ns : LOOK_MAX_NS);
}

static uint64_t next_deadline_ns(struct dps_endpoint *endpoint, uint64_t now_ns)
{
	uint64_t at_ns = dps_lane_next_deadline_ns(endpoint->lane), next_ns;

	next_ns = next_look_ns(endpoint, now_ns);
	at_ns = next_ns < at_ns ? next_ns : at_ns;
	next_ns = dps_endpoint_members_deadline_ns(endpoint);
	at_ns = next_ns < at_ns ? next_ns : at_ns;
	next_ns = dps_endpoint_guests_deadline_ns(endpoint, now_ns);
	at_ns = next_ns < at_ns ? next_ns : at_ns;
	next_ns = dps_endpoint_doors_deadline_ns(endpoint);
	at_ns = next_ns < at_ns ? next_ns : at_ns;
	for (struct dps_loop_timer *timer = endpoint->loop.timers; timer; timer = timer->next) {
		next_ns = timer->next_deadline_ns(timer->context);
		at_ns = next_ns < at_ns ? next_ns : at_ns;
	}
	return at_ns;
}

/* Who asks for it may wait for it at once, and is to find it readable then. */
int dps_endpoint_fd(struct dps_endpoint *endpoint)
{
	if (endpoint == NULL)
		return -EINVAL;
	if (!dps_owner_is_here(endpoint->owner))
		return -DPS_ERROR_THREAD;
	if (!endpoint->is_watched)
		dps_alarm_set(&endpoint->alarm, 0, 0);
	endpoint->is_watched = true;
	return endpoint->loop.epoll_fd;
}

/* Packets, and what they and the program's calls lead to. Returns how much there was. */
static unsigned int turn(struct dps_endpoint *endpoint)
{
	unsigned int work = dps_lane_turn(endpoint->lane);
	uint64_t now_ns = dps_clock_now_ns(&endpoint->clock);

	if (work > 0)
		endpoint->idle_since_ns = now_ns;
	dps_endpoint_take_lane_events(endpoint);
	dps_endpoint_members_on_time(endpoint, now_ns);
	dps_endpoint_guests_on_time(endpoint, now_ns);
	dps_endpoint_tell(endpoint, now_ns);
	/* Last, to see what all of these have changed; what it sends goes out in the next. */
	return work + dps_endpoint_run_doors(endpoint, now_ns);
}

/*
 * The kernel has no room for what is to be sent: asking at once again would take its time. Or
 * a port is asked again and again, and what it waits for may come of who waits for this core.
 */
static void rest(struct dps_endpoint *endpoint)
{
	const struct dps_lane *lane = endpoint->lane;
	struct dps_port *port = endpoint->port;

	if (lane->outgoing_first < lane->outgoing_count && port->ops->wait)
		port->ops->wait(port, REST_NS);
	else if (endpoint->is_port_polled)
		sched_yield();
}

static bool is_enough(const struct dps_endpoint *endpoint)
{
	return endpoint->told > 0 || endpoint->is_woken;
}

/* Looks at the control connections, and whether it was woken; waits for either when idle. */
static int look(struct dps_endpoint *endpoint, uint64_t now_ns, uint64_t until_ns)
{
	uint64_t at_ns;

	/* Control connections do not wait behind data, nor the other way round. */
	if (endpoint->busy_turns % LOOK_TURNS != 0)
		return 0;
	if (endpoint->busy_turns > 0 || is_enough(endpoint) || now_ns >= until_ns)
		return dps_loop_turn(&endpoint->loop, 0);
	at_ns = next_deadline_ns(endpoint, now_ns);
	if (at_ns < now_ns + SPIN_NS) {
		rest(endpoint);
		return dps_loop_turn(&endpoint->loop, 0);
	}
	dps_alarm_set(&endpoint->alarm, at_ns, now_ns);
	return dps_loop_turn(&endpoint->loop, until_ns);
}

static int poll_turns(struct dps_endpoint *endpoint, uint64_t timeout_ns)
{
	uint64_t now_ns = dps_clock_now_ns(&endpoint->clock);
	uint64_t until_ns = timeout_ns < DPS_NEVER_NS - now_ns ? now_ns + timeout_ns : DPS_NEVER_NS;
	unsigned int turns = 0;
	bool is_busy;
	int result;

	endpoint->told = 0;
	do {
		is_busy = turn(endpoint) > 0;
		endpoint->busy_turns = is_busy ? endpoint->busy_turns + 1 : 0;
		now_ns = dps_clock_now_ns(&endpoint->clock);
		result = look(endpoint, now_ns, until_ns);
		turns = is_busy ? turns + 1 : 0;
	} while (result == 0 && !is_enough(endpoint) && turns < BUSY_TURNS && now_ns < until_ns);
	/* What is called from now on may have something to be sent: the next poll sees to it. */
	if (endpoint->is_watched) {
		now_ns = dps_clock_now_ns(&endpoint->clock);
		dps_alarm_set(&endpoint->alarm,
			      is_busy ? now_ns : next_deadline_ns(endpoint, now_ns), now_ns);
	}
	endpoint->is_woken = false;
	return result < 0 ? result : (int)endpoint->told;
}

int dps_endpoint_poll(struct dps_endpoint *endpoint, uint64_t timeout_ns)
{
	int result;

	if (endpoint == NULL)
		return -EINVAL;
	if (!dps_owner_is_here(endpoint->owner))
		return -DPS_ERROR_THREAD;
	if (endpoint->is_polling)
		return -EDEADLK;
	dps_owner_take(&endpoint->owner);
	dps_endpoint_take_poll(endpoint);
	endpoint->is_polling = true;
	result = poll_turns(endpoint, timeout_ns);
	endpoint->is_polling = false;
	return result;
}
