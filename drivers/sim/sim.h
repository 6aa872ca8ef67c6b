/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim: a world of one integer clock and nodes that run when their moment comes, all from one seed.
 */
#pragma once
#include "drivers/clock.h"
#include "drivers/sim/sim_packet.h"
#include "drivers/sim/sim_queue.h"
#include "drivers/sim/sim_trace.h"
#include "engine/random.h"
#include <dps/types.h>
#include <stdbool.h>
#include <stdint.h>

struct dps_sim;

/*
 * Something that acts by itself: one direction of a link, a disk, a host. Embedded as the first
 * member of each kind. Its luck is derived from the world's seed and its name, so that adding a
 * node, or a draw in another one, changes nothing for it.
 */
struct dps_sim_node {
	const char *name; /* unique in its world */
	struct dps_sim *sim;
	uint64_t next_run_at_ns; /* DPS_NEVER_NS while nothing waits; writer: sim.c */
	uint64_t not_before_ns;	 /* busy until then: an earlier wake waits for it */
	void (*run)(struct dps_sim_node *node, uint64_t now_ns);
	struct dps_random random;
	uint32_t index;	   /* in the order of creation: who runs first at one moment */
	uint32_t position; /* in the heap */
};

/* Owner: the thread that runs the world; nothing in it is shared. */
struct dps_sim {
	struct dps_clock clock; /* first: what hosts are given as their clock */
	uint64_t now_ns;
	uint64_t seed;
	uint64_t steps_count;
	uint64_t steps_at_now; /* since the clock last moved: a world that stands still is stuck */
	struct dps_sim_node **heap;
	uint32_t nodes_count;
	uint32_t nodes_capacity;
	struct dps_sim_pool packets;
	struct dps_sim_trace trace;
	struct dps_sim_node caller; /* runs what dps_sim_call_at was asked to */
	struct dps_sim_queue calls;
	char failure[512]; /* the first thing that went wrong, empty while all is well */
};

/* A world whose clock starts at now_ns; not zero, which some states use for "never". */
void dps_sim_init(struct dps_sim *sim, uint64_t seed, uint64_t now_ns);

/* Gives all memory back; says by dps_sim_fail, before, if a packet buffer is missing. */
void dps_sim_fini(struct dps_sim *sim);

/* Adds a node, asleep. It stays where it is until the end of the world. */
void dps_sim_add(struct dps_sim *sim, struct dps_sim_node *node, const char *name,
		 void (*run)(struct dps_sim_node *node, uint64_t now_ns));

/* Runs the node at that moment or, when it is busy, as soon as it may; an earlier wake stays. */
void dps_sim_wake(struct dps_sim_node *node, uint64_t at_ns);

/* The node does not run before that moment, woken or not. */
void dps_sim_keep_busy(struct dps_sim_node *node, uint64_t until_ns);

/* Calls a function once, at that moment (now at the earliest). */
void dps_sim_call_at(struct dps_sim *sim, uint64_t at_ns, void (*call)(void *context),
		     void *context);

/* Moves the clock to the earliest node and runs it. False when all sleep or the world failed. */
bool dps_sim_step(struct dps_sim *sim);

/* Steps up to that moment, that moment included, and leaves the clock there. False on failure. */
bool dps_sim_run_until(struct dps_sim *sim, uint64_t at_ns);

/* Records the first failure of the world, which stops it; later ones only follow from it. */
void dps_sim_fail(struct dps_sim *sim, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool dps_sim_has_failed(const struct dps_sim *sim);

/* True in so many of a million cases; draws nothing for 0, so that what is off costs nothing. */
bool dps_sim_chance(struct dps_sim_node *node, uint32_t ppm);

/* Uniform in 0..max. */
uint64_t dps_sim_up_to(struct dps_sim_node *node, uint64_t max);
