/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_queue.h"
#include <dps/assert.h>
#include <dps/types.h>
#include <stdbool.h>
#include <stdlib.h>

void dps_sim_queue_fini(struct dps_sim_queue *queue)
{
	free(queue->entries);
	*queue = (struct dps_sim_queue){ 0 };
}

static bool is_before(const struct dps_sim_entry *a, const struct dps_sim_entry *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void grow(struct dps_sim_queue *queue)
{
	queue->capacity = queue->capacity == 0 ? 64 : queue->capacity * 2;
	queue->entries = realloc(queue->entries, queue->capacity * sizeof(*queue->entries));
	DPS_ASSERT(queue->entries != NULL);
}

void dps_sim_queue_push(struct dps_sim_queue *queue, uint64_t at_ns, void *item)
{
	struct dps_sim_entry entry = { at_ns, queue->sequence++, item };
	uint32_t hole;

	if (queue->count == queue->capacity)
		grow(queue);
	/* Mostly the newest is the latest, so this loop mostly ends at once. */
	for (hole = queue->count++; hole > 0; hole = (hole - 1) / 2) {
		if (!is_before(&entry, &queue->entries[(hole - 1) / 2]))
			break;
		queue->entries[hole] = queue->entries[(hole - 1) / 2];
	}
	queue->entries[hole] = entry;
}

uint64_t dps_sim_queue_next_at_ns(const struct dps_sim_queue *queue)
{
	return queue->count == 0 ? DPS_NEVER_NS : queue->entries[0].at_ns;
}

/* Moves the hole at the root down to where the entry belongs. */
static void sift_down(struct dps_sim_queue *queue, struct dps_sim_entry entry)
{
	uint32_t hole = 0, child;

	while ((child = 2 * hole + 1) < queue->count) {
		if (child + 1 < queue->count &&
		    is_before(&queue->entries[child + 1], &queue->entries[child]))
			child++;
		if (!is_before(&queue->entries[child], &entry))
			break;
		queue->entries[hole] = queue->entries[child];
		hole = child;
	}
	queue->entries[hole] = entry;
}

void *dps_sim_queue_take_due(struct dps_sim_queue *queue, uint64_t now_ns)
{
	void *item;

	if (queue->count == 0 || queue->entries[0].at_ns > now_ns)
		return NULL;
	item = queue->entries[0].item;
	queue->count--;
	if (queue->count > 0)
		sift_down(queue, queue->entries[queue->count]);
	return item;
}
