/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
	STEPS_AT_ONE_MOMENT_MAX = 1000000,
};

struct call {
	void (*call)(void *context);
	void *context;
};

static uint64_t sim_now_ns(struct dps_clock *clock)
{
	return ((struct dps_sim *)(void *)clock)->now_ns;
}

static void run_calls(struct dps_sim_node *node, uint64_t now_ns)
{
	struct dps_sim *sim = node->sim;
	struct call *call;

	while ((call = dps_sim_queue_take_due(&sim->calls, now_ns)) != NULL) {
		struct call copy = *call;

		free(call);
		copy.call(copy.context);
	}
	dps_sim_wake(node, dps_sim_queue_next_at_ns(&sim->calls));
}

void dps_sim_init(struct dps_sim *sim, uint64_t seed, uint64_t now_ns)
{
	memset(sim, 0, sizeof(*sim));
	sim->clock.now_ns = sim_now_ns;
	sim->now_ns = now_ns;
	sim->seed = seed;
	sim->trace.origin_ns = now_ns;
	dps_sim_pool_init(&sim->packets);
	dps_sim_add(sim, &sim->caller, "calls", run_calls);
}

void dps_sim_fini(struct dps_sim *sim)
{
	void *call;

	if (sim->packets.lent_count != 0)
		dps_sim_fail(sim, "%" PRIu64 " packet buffers were not given back",
			     sim->packets.lent_count);
	while ((call = dps_sim_queue_take_due(&sim->calls, DPS_NEVER_NS)) != NULL)
		free(call);
	dps_sim_queue_fini(&sim->calls);
	dps_sim_pool_fini(&sim->packets);
	free(sim->heap);
	sim->heap = NULL;
	sim->nodes_count = 0;
}

/* FNV-1a, so that a node's luck hangs on its name and not on who else is there. */
static uint64_t hash_name(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return hash;
}

void dps_sim_add(struct dps_sim *sim, struct dps_sim_node *node, const char *name,
		 void (*run)(struct dps_sim_node *node, uint64_t now_ns))
{
	for (uint32_t i = 0; i < sim->nodes_count; i++)
		DPS_ASSERT(strcmp(sim->heap[i]->name, name) != 0);
	if (sim->nodes_count == sim->nodes_capacity) {
		sim->nodes_capacity = sim->nodes_capacity == 0 ? 16 : sim->nodes_capacity * 2;
		sim->heap = realloc(sim->heap, sim->nodes_capacity * sizeof(struct dps_sim_node *));
		DPS_ASSERT(sim->heap != NULL);
	}
	node->name = name;
	node->sim = sim;
	node->next_run_at_ns = DPS_NEVER_NS;
	node->not_before_ns = 0;
	node->run = run;
	node->index = sim->nodes_count;
	node->position = sim->nodes_count; /* nobody is later than never, so the end is its place */
	dps_random_init(&node->random, sim->seed ^ hash_name(name));
	sim->heap[sim->nodes_count++] = node;
}

static bool is_before(const struct dps_sim_node *a, const struct dps_sim_node *b)
{
	return a->next_run_at_ns != b->next_run_at_ns ? a->next_run_at_ns < b->next_run_at_ns
						      : a->index < b->index;
}

static void put(struct dps_sim *sim, uint32_t position, struct dps_sim_node *node)
{
	sim->heap[position] = node;
	node->position = position;
}

static void sift_up(struct dps_sim *sim, struct dps_sim_node *node)
{
	uint32_t hole = node->position;

	for (; hole > 0 && is_before(node, sim->heap[(hole - 1) / 2]); hole = (hole - 1) / 2)
		put(sim, hole, sim->heap[(hole - 1) / 2]);
	put(sim, hole, node);
}

static void sift_down(struct dps_sim *sim, struct dps_sim_node *node)
{
	uint32_t hole = node->position, child;

	while ((child = 2 * hole + 1) < sim->nodes_count) {
		if (child + 1 < sim->nodes_count &&
		    is_before(sim->heap[child + 1], sim->heap[child]))
			child++;
		if (!is_before(sim->heap[child], node))
			break;
		put(sim, hole, sim->heap[child]);
		hole = child;
	}
	put(sim, hole, node);
}

void dps_sim_wake(struct dps_sim_node *node, uint64_t at_ns)
{
	at_ns = dps_max_u64(at_ns, dps_max_u64(node->not_before_ns, node->sim->now_ns));
	if (at_ns >= node->next_run_at_ns)
		return;
	node->next_run_at_ns = at_ns;
	sift_up(node->sim, node);
}

void dps_sim_keep_busy(struct dps_sim_node *node, uint64_t until_ns)
{
	node->not_before_ns = until_ns;
	if (node->next_run_at_ns >= until_ns)
		return;
	node->next_run_at_ns = until_ns;
	sift_down(node->sim, node);
}

void dps_sim_call_at(struct dps_sim *sim, uint64_t at_ns, void (*call)(void *context),
		     void *context)
{
	struct call *entry = malloc(sizeof(*entry));

	DPS_ASSERT(entry != NULL);
	*entry = (struct call){ call, context };
	dps_sim_queue_push(&sim->calls, dps_max_u64(at_ns, sim->now_ns), entry);
	dps_sim_wake(&sim->caller, at_ns);
}

bool dps_sim_step(struct dps_sim *sim)
{
	struct dps_sim_node *node = sim->heap[0];

	if (node->next_run_at_ns == DPS_NEVER_NS || dps_sim_has_failed(sim))
		return false;
	DPS_ASSERT(node->next_run_at_ns >= sim->now_ns);
	if (node->next_run_at_ns > sim->now_ns)
		sim->steps_at_now = 0;
	sim->now_ns = node->next_run_at_ns;
	sim->steps_count++;
	if (++sim->steps_at_now > STEPS_AT_ONE_MOMENT_MAX) {
		dps_sim_fail(sim, "time stands still: %s runs for ever", node->name);
		return false;
	}
	node->next_run_at_ns = DPS_NEVER_NS;
	sift_down(sim, node);
	node->run(node, sim->now_ns);
	return !dps_sim_has_failed(sim);
}

bool dps_sim_run_until(struct dps_sim *sim, uint64_t at_ns)
{
	while (sim->heap[0]->next_run_at_ns <= at_ns && dps_sim_step(sim))
		;
	if (dps_sim_has_failed(sim))
		return false;
	sim->now_ns = dps_max_u64(sim->now_ns, at_ns);
	return true;
}

void dps_sim_fail(struct dps_sim *sim, const char *format, ...)
{
	va_list arguments;

	if (dps_sim_has_failed(sim))
		return;
	va_start(arguments, format);
	vsnprintf(sim->failure, sizeof(sim->failure), format, arguments);
	va_end(arguments);
	dps_sim_trace_note(&sim->trace, sim->now_ns, "world", "failed here", 0, 0);
}

bool dps_sim_has_failed(const struct dps_sim *sim)
{
	return sim->failure[0] != '\0';
}

bool dps_sim_chance(struct dps_sim_node *node, uint32_t ppm)
{
	return ppm != 0 && dps_random_chance(&node->random, ppm, 1000000);
}

uint64_t dps_sim_up_to(struct dps_sim_node *node, uint64_t max)
{
	return max == 0 ? 0 : dps_random_below(&node->random, max + 1);
}
