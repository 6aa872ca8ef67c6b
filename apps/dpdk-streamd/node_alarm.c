/* SPDX-License-Identifier: BSD-3-Clause */
/* Node alarm: looks now and then whether packets came that did not open, and has it said. */
#include "apps/dpdk-streamd/node_state.h"

enum { ALARM_MS = 1000 };

static uint64_t alarm_due_ns(void *context)
{
	const struct dps_node *node = context;

	return node->alarm_at_ns;
}

static void look_for_forgeries(void *context, uint64_t now_ns)
{
	struct dps_node *node = context;
	struct dps_lane_snapshot snapshot;
	uint64_t count;

	if (now_ns < node->alarm_at_ns)
		return;
	node->alarm_at_ns = now_ns + ALARM_MS * DPS_NS_PER_MS;
	dps_node_read_snapshot(node, &snapshot);
	count = dps_seal_alarm_take(&node->alarm, snapshot.engine.dropped_seal, now_ns);
	if (count > 0)
		dps_seal_alarm_say(count, !node->options->is_clear);
}

void dps_node_add_alarm(struct dps_node *node)
{
	node->alarm_timer = (struct dps_loop_timer){
		.next_deadline_ns = alarm_due_ns,
		.on_due = look_for_forgeries,
		.context = node,
	};
	node->alarm_at_ns = dps_node_now_ns(node) + ALARM_MS * DPS_NS_PER_MS;
	dps_loop_add_timer(&node->loop, &node->alarm_timer);
}
