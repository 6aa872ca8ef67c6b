/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim queue: things that wait for their moment, the earliest first, in a binary heap that grows. */
#pragma once
#include <stdint.h>

struct dps_sim_entry {
	uint64_t at_ns;
	uint64_t sequence; /* breaks ties: first in, first out */
	void *item;
};

/* Owner: whoever embeds it. A zeroed one is empty and ready. */
struct dps_sim_queue {
	struct dps_sim_entry *entries;
	uint32_t count;
	uint32_t capacity;
	uint64_t sequence;
};

/* Forgets what is in it; the items are the caller's. */
void dps_sim_queue_fini(struct dps_sim_queue *queue);

void dps_sim_queue_push(struct dps_sim_queue *queue, uint64_t at_ns, void *item);

/* The earliest moment, DPS_NEVER_NS when nothing waits. */
uint64_t dps_sim_queue_next_at_ns(const struct dps_sim_queue *queue);

/* Takes out the earliest item that is due, NULL when there is none. */
void *dps_sim_queue_take_due(struct dps_sim_queue *queue, uint64_t now_ns);
