/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Low-water marks of the ethdev port's pools: looked at once for a burst that took buffers, not for
 * each of them. What other lanes of the device have in their caches is not counted as free.
 *
 * Owner: the lane.
 */
#pragma once
#include "drivers/port.h"
#include <rte_lcore.h>
#include <rte_mempool.h>

/* All of it is free. */
static inline void ethdev_low_init(struct dps_port_pool *low, const struct rte_mempool *pool)
{
	low->count = pool != NULL ? pool->size : 0;
	low->free_low = low->count;
}

static inline void ethdev_low_note(struct dps_port_pool *low, struct rte_mempool *pool)
{
	const struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());
	uint64_t free = rte_mempool_get_ops(pool->ops_index)->get_count(pool);

	if (cache != NULL)
		free += cache->len;
	if (free < low->free_low)
		low->free_low = free;
}
