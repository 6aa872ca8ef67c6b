/* SPDX-License-Identifier: BSD-3-Clause */
/* Side: one of the two processes: its ports, its lane's thread, and what they do in each take. */
#include "drivers/ethdev/eal.h"
#include "drivers/ethdev/eal_lane.h"
#include "drivers/ethdev/ethdev_port.h"
#include "tests/bench/pair_ours.h"
#include "tests/bench/pair_raw.h"
#include <errno.h>
#include <rte_ethdev.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	PORTS = PAIR_RINGS + 1, /* the last is ours */
	SPARE_BYTES = 64 << 20,
	SPIN_TURNS = 8, /* as drivers/lane_loop.c */
	CONNECT_S = 20,
};

static const uint16_t ring_descriptors[PAIR_RINGS] = { 64, 256, 1024 };

struct side {
	struct pair_shared *shared;
	struct pair_side *self;
	unsigned int which;
	struct dps_port_name names[PORTS];
	struct dps_port *ports[PORTS];
	struct dps_clock clock;
	struct pair_raw raw;
	struct pair_ours ours;
};

static int fail(struct side *side, int error)
{
	if (side->self->why[0] == '\0')
		snprintf(side->self->why, sizeof(side->self->why), "%s", strerror(-error));
	atomic_store(&side->self->has_failed, true);
	return 1;
}

/* ---- ports ---- */

static int name_ports(struct side *side)
{
	int result = 0;

	for (unsigned int i = 0; i < PORTS && result == 0; i++) {
		char text[DPS_PORT_NAME_BYTES];

		snprintf(text, sizeof(text), "memif:%s/%u.sock", side->shared->folder, i);
		result =
			dps_port_name_parse(&side->names[i], text, side->self->why, PAIR_WHY_BYTES);
	}
	return result;
}

static int start_eal(struct side *side)
{
	static struct dps_eal eal;
	const struct dps_eal_config config = {
		.program = "bench_pair",
		.ports = side->names,
		.ports_count = PORTS,
		.memory_bytes = pair_ours_bytes() + PAIR_SLOTS_BYTES_MAX + SPARE_BYTES,
		.lanes_count = 1,
	};

	return dps_eal_start(&eal, &config, side->self->why, PAIR_WHY_BYTES);
}

static int open_port(struct side *side, unsigned int index)
{
	struct dps_ethdev_config config = {
		.name = &side->names[index],
		.is_server = side->which == 0,
		.mtu = side->shared->mtu,
		.udp_port = 7420,
		.descriptors = index < PAIR_RINGS ? ring_descriptors[index] : 0,
		.is_sealed = side->shared->is_sealed && index == PORTS - 1,
	};
	char subnet[32];
	int result;

	snprintf(subnet, sizeof(subnet), "10.0.%u.%u/24", index, side->which + 1);
	result = dps_subnet_parse(&config.subnet, subnet, side->self->why, PAIR_WHY_BYTES);
	if (result == 0)
		result = dps_ethdev_open(&side->ports[index], &config, side->self->why,
					 PAIR_WHY_BYTES);
	return result;
}

/* DPDK's number of the device that was made last. */
static uint16_t last_device(void)
{
	uint16_t id, last = 0;

	RTE_ETH_FOREACH_DEV(id)
	last = id;
	return last;
}

static int open_ports(struct side *side)
{
	for (unsigned int i = 0; i < PORTS; i++) {
		int result = open_port(side, i);

		if (result < 0)
			return result;
		if (i < PAIR_RINGS)
			side->raw.devices[i] = last_device();
	}
	return 0;
}

static void rest_ms(unsigned int ms)
{
	const struct timespec duration = { .tv_nsec = ms * 1000000L };

	nanosleep(&duration, NULL);
}

/* Both processes look for each other; the lane's own port comes up in its turns. */
static int connect_raw(struct side *side)
{
	uint64_t until_ns = dps_clock_now_ns(&side->clock) + CONNECT_S * DPS_NS_PER_S;
	unsigned int up = 0;

	while (up < PAIR_RINGS) {
		up = 0;
		for (unsigned int i = 0; i < PAIR_RINGS; i++) {
			struct dps_port *port = side->ports[i];

			port->ops->poll(port, dps_clock_now_ns(&side->clock));
			up += port->ops->is_up(port);
		}
		if (dps_clock_now_ns(&side->clock) > until_ns) {
			snprintf(side->self->why, PAIR_WHY_BYTES,
				 "the other process does not come");
			return -ETIMEDOUT;
		}
		rest_ms(1);
	}
	return 0;
}

static int init_raw(struct side *side)
{
	uint16_t devices[PAIR_RINGS];
	struct dps_port *port = side->ports[PORTS - 1];
	uint8_t *slots = port->ops->allocate(port, PAIR_SLOTS_BYTES_MAX);
	int result;

	if (slots == NULL)
		return -ENOMEM;
	memset(slots, 0x5a, PAIR_SLOTS_BYTES_MAX);
	memcpy(devices, side->raw.devices, sizeof(devices));
	result = pair_raw_init(&side->raw, slots, side->shared->payload_bytes);
	memcpy(side->raw.devices, devices, sizeof(devices));
	return result;
}

/* ---- the lane's thread ---- */

static bool is_stage(const struct side *side, enum pair_stage stage)
{
	return atomic_load(&side->shared->stage) == (int)stage;
}

static void run_raw(struct side *side, enum pair_stage stage)
{
	unsigned int idle_turns = 0;

	while (is_stage(side, stage)) {
		unsigned int moved =
			side->which == 0 ? pair_raw_send(&side->raw) : pair_raw_receive(&side->raw);

		if (moved > 0)
			idle_turns = 0;
		else if (++idle_turns >= SPIN_TURNS)
			sched_yield();
	}
}

/* The conductor changes the stage, then stops the loop: it may have stopped an older one only. */
static void run_ours(struct side *side, enum pair_stage stage)
{
	struct dps_lane_loop *loop = &side->self->loop;

	for (;;) {
		atomic_store(&loop->must_stop, false);
		if (!is_stage(side, stage))
			return;
		dps_lane_loop_run(loop);
	}
}

static void run_stage(struct side *side, const struct pair_plan *plan, enum pair_stage stage)
{
	if (plan->mode == PAIR_OURS)
		run_ours(side, stage);
	else
		run_raw(side, stage);
}

static uint64_t moved(const struct side *side, const struct pair_plan *plan)
{
	return plan->mode == PAIR_OURS ? pair_ours_moved(&side->ours) : side->raw.bytes;
}

static uint64_t cpu_now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * DPS_NS_PER_S + (uint64_t)time.tv_nsec;
}

static void run_take(struct side *side, const struct pair_plan *plan, uint32_t take)
{
	uint64_t bytes, began_ns, cpu_began_ns;

	if (plan->mode == PAIR_OURS)
		pair_ours_resume(&side->ours);
	else
		pair_raw_begin(&side->raw, plan, take);
	run_stage(side, plan, PAIR_SETTLES);
	bytes = moved(side, plan);
	cpu_began_ns = cpu_now_ns();
	began_ns = dps_clock_now_ns(&side->clock);
	run_stage(side, plan, PAIR_COUNTS);
	side->self->cpu_ns = cpu_now_ns() - cpu_began_ns;
	side->self->ns = dps_clock_now_ns(&side->clock) - began_ns;
	side->self->bytes = moved(side, plan) - bytes;
	if (plan->mode == PAIR_OURS)
		pair_ours_pause(&side->ours);
}

static void run_lane(void *context)
{
	struct side *side = context;
	struct pair_plan plan;

	for (uint32_t take, done = 0;; done = take) {
		/* acquire: pairs with the release in the conductor's begin() */
		while ((take = atomic_load_explicit(&side->shared->take, memory_order_acquire)) ==
		       done)
			sched_yield();
		plan = side->shared->plan;
		if (plan.mode != PAIR_END)
			run_take(side, &plan, take);
		/* release: what was counted comes first */
		atomic_store_explicit(&side->self->done, take, memory_order_release);
		if (plan.mode == PAIR_END)
			return;
	}
}

/* ---- life ---- */

/* Until the conductor says so; then everything stays open until the other has left, too. */
static int control(struct side *side)
{
	for (;;) {
		int result = pair_ours_control(&side->ours, side->self->why);

		if (result < 0)
			return result;
		if (atomic_load(&side->shared->take) == atomic_load(&side->self->done) &&
		    side->shared->plan.mode == PAIR_END)
			break;
	}
	dps_lane_read_snapshot(side->ours.lane, &side->self->snapshot);
	if (side->raw.damaged > 0) {
		snprintf(side->self->why, PAIR_WHY_BYTES, "%llu frames arrived damaged",
			 (unsigned long long)side->raw.damaged);
		return -EIO;
	}
	return 0;
}

int pair_side_run(struct pair_shared *shared, unsigned int which)
{
	static struct side side;
	int result;

	side.shared = shared;
	side.which = which;
	side.self = &shared->sides[which];
	result = name_ports(&side);
	if (result == 0)
		result = start_eal(&side);
	if (result < 0)
		return fail(&side, result);
	dps_clock_init_real(&side.clock);
	result = open_ports(&side);
	if (result == 0)
		result = connect_raw(&side);
	if (result == 0)
		result = init_raw(&side);
	if (result == 0)
		result = pair_ours_init(&side.ours, shared, which, side.ports[PORTS - 1],
					side.self->why);
	if (result < 0)
		return fail(&side, result);
	side.self->loop.lane = side.ours.lane;
	side.self->loop.clock = &side.ours.clock.clock;
	result = dps_eal_launch(0, run_lane, &side);
	if (result == 0)
		result = control(&side);
	return result < 0 ? fail(&side, result) : 0;
}
