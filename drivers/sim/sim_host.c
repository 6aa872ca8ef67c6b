/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_host.h"
#include <dps/assert.h>

const struct dps_sim_host_config dps_sim_host_plain = {
	.turn_ns = 1 * DPS_NS_PER_US,
	.work_ns = 100,
};

static uint64_t draw_stall_ns(struct dps_sim_host *host, uint64_t now_ns)
{
	const struct dps_sim_host_config *config = &host->config;
	struct dps_sim_node *node = &host->node;
	uint64_t stall_ns;

	if (!dps_sim_chance(node, config->stall_ppm))
		return 0;
	stall_ns = config->stall_ns_min +
		   dps_sim_up_to(node, config->stall_ns_max - config->stall_ns_min);
	host->stalls_count++;
	dps_sim_trace_note(&node->sim->trace, now_ns, node->name, "stalls for ns", stall_ns, 0);
	return stall_ns;
}

static void run_host(struct dps_sim_node *node, uint64_t now_ns)
{
	struct dps_sim_host *host = (struct dps_sim_host *)(void *)node;
	struct dps_sim_turn turn = host->turn(host->context);
	uint64_t cost_ns = host->config.turn_ns + turn.work * host->config.work_ns;

	host->turns_count++;
	dps_sim_keep_busy(node, now_ns + cost_ns + draw_stall_ns(host, now_ns));
	/* A turn that did something may have left more: only an idle one lets the host sleep. */
	dps_sim_wake(node, turn.work > 0 ? now_ns : turn.next_deadline_ns);
}

void dps_sim_host_init(struct dps_sim_host *host, struct dps_sim *sim, const char *name,
		       const struct dps_sim_host_config *config,
		       struct dps_sim_turn (*turn)(void *context), void *context)
{
	*host = (struct dps_sim_host){ .config = *config, .turn = turn, .context = context };
	DPS_ASSERT(config->turn_ns > 0 && config->stall_ns_max >= config->stall_ns_min);
	dps_sim_add(sim, &host->node, name, run_host);
	dps_sim_wake(&host->node, sim->now_ns);
}
