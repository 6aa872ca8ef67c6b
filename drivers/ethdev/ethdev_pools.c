/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/ethdev_low.h"
#include "drivers/ethdev/ethdev_private.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>
#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <stdio.h>

enum {
	CACHE_COUNT = 64,
	CONTROL_COUNT = 63,
	/* Bursts that are underway besides what the rings hold. */
	SLACK_COUNT = 4 * DPS_PORT_BURST,
	/* Of one af_xdp device: its fill ring and its completion ring (rte_eth_af_xdp.c). */
	AF_XDP_COUNT = 8192,
	/* An af_xdp buffer with everything in front of it must fit a page. */
	AF_XDP_ROOM_BYTES = 4096 - 512,
};

static struct rte_mempool *create(const struct ethdev *ethdev, const char *what, uint32_t count,
				  uint32_t cache, uint32_t data_bytes, int socket)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t room = data_bytes != 0 ? RTE_PKTMBUF_HEADROOM + data_bytes : 0;

	snprintf(name, sizeof(name), "dps_%s_%u", what, ethdev->serial);
	return rte_pktmbuf_pool_create(name, count, cache, 0, (uint16_t)room, socket);
}

/* Of a whole frame, with what it takes to begin its body on a line of the cache. */
static uint32_t head_bytes_of(const struct ethdev *ethdev)
{
	const uint32_t alone = DPS_PORT_HEAD_BYTES + DPS_FRAME_TEMPLATE_BYTES;

	if (ethdev->copies_bodies || ethdev->lends_rooms)
		return ethdev->frame_bytes;
	/* Bodies that the device cannot reach are copied, those of programs' own memory. */
	return ethdev->needs_iova ? (uint32_t)dps_max_u64(ethdev->frame_bytes, alone) : alone;
}

int ethdev_pools_create(struct ethdev *ethdev, int socket)
{
	uint32_t rings = ethdev->descriptors;
	uint32_t handed = ethdev->queues_count > 1 ? ETHDEV_INBOX_COUNT : 0;
	uint32_t rx_count = rings + SLACK_COUNT + 2 * CACHE_COUNT + handed;
	uint32_t rx_bytes = ethdev->frame_bytes;
	/* A cache would hide buffers from the refill of a zero-copy ring, and from a recall. */
	uint32_t cache = ethdev->is_zero_copy ? 0 : CACHE_COUNT;
	uint32_t head_bytes = head_bytes_of(ethdev);

	if (ethdev->name.kind == DPS_PORT_AF_XDP) {
		rx_count = AF_XDP_COUNT + handed;
		rx_bytes = AF_XDP_ROOM_BYTES - RTE_PKTMBUF_HEADROOM;
	}
	if (ethdev->name.kind == DPS_PORT_AF_PACKET)
		rx_bytes = ethdev_af_packet_frame(ethdev);
	if (ethdev->is_zero_copy)
		rx_count = rings + SLACK_COUNT + handed;
	ethdev->rx_pool = create(ethdev, "rx", rx_count, cache, rx_bytes, socket);
	ethdev->head_pool = create(ethdev, "head", rings + SLACK_COUNT + 2 * CACHE_COUNT, cache,
				   head_bytes + DPS_FRAME_TEMPLATE_BYTES, socket);
	ethdev->control_pool = create(ethdev, "control", CONTROL_COUNT, 0,
				      ethdev->frame_bytes + DPS_FRAME_TEMPLATE_BYTES, socket);
	if (!ethdev->copies_bodies)
		ethdev->body_pool = create(ethdev, "body", rings + SLACK_COUNT + 2 * CACHE_COUNT,
					   cache, 0, socket);
	if (ethdev->rx_pool == NULL || ethdev->head_pool == NULL || ethdev->control_pool == NULL ||
	    (ethdev->body_pool == NULL && !ethdev->copies_bodies))
		return rte_errno != 0 ? -rte_errno : -ENOMEM;
	ethdev_low_init(&ethdev->port.pools[DPS_PORT_POOL_RX], ethdev->rx_pool);
	ethdev_low_init(&ethdev->port.pools[DPS_PORT_POOL_HEAD], ethdev->head_pool);
	ethdev_low_init(&ethdev->port.pools[DPS_PORT_POOL_BODY], ethdev->body_pool);
	return 0;
}

void ethdev_pools_free(struct ethdev *ethdev)
{
	rte_mempool_free(ethdev->rx_pool);
	rte_mempool_free(ethdev->head_pool);
	rte_mempool_free(ethdev->body_pool);
	rte_mempool_free(ethdev->control_pool);
	ethdev->rx_pool = ethdev->head_pool = ethdev->body_pool = ethdev->control_pool = NULL;
}

static void put(struct rte_mempool *pool, void *context, void *object, unsigned int index)
{
	rte_pktmbuf_init(pool, NULL, object, index);
	(void)context;
	rte_mempool_ops_enqueue_bulk(pool, &object, 1);
}

/* Empties the pool, then puts every buffer in, whoever had it. */
static void recall(struct rte_mempool *pool)
{
	void *object;

	DPS_ASSERT(pool->cache_size == 0);
	while (rte_mempool_ops_dequeue_bulk(pool, &object, 1) == 0)
		;
	rte_mempool_obj_iter(pool, put, NULL);
}

void ethdev_pools_recall(struct ethdev *ethdev)
{
	DPS_ASSERT(ethdev->lent_count == 0 && ethdev->unsent_count == 0);
	recall(ethdev->rx_pool);
	recall(ethdev->head_pool);
	recall(ethdev->control_pool);
}

/* What net_memif will call region 1. */
struct first_list {
	const void *base;
	uint64_t bytes;
};

static int find_first(const struct rte_memseg_list *list, const struct rte_memseg *segment,
		      void *context)
{
	struct first_list *first = context;

	if (first->base == NULL)
		first->base = list->base_va;
	if (first->base == list->base_va)
		first->bytes += segment->len;
	return 0;
}

static void check_chunk(struct rte_mempool *pool, void *context, struct rte_mempool_memhdr *chunk,
			unsigned int index)
{
	struct first_list *first = context;

	(void)pool;
	(void)index;
	if ((const uint8_t *)chunk->addr < (const uint8_t *)first->base ||
	    (const uint8_t *)chunk->addr + chunk->len > (const uint8_t *)first->base + first->bytes)
		first->base = NULL;
}

/*
 * net_memif 22.11 tells its peer that every buffer lies in the first list of DPDK's memory, at an
 * offset of 32 bits ("FIXME: get region index"). Elsewhere the peer would write to the wrong place.
 */
bool ethdev_pools_are_sharable(const struct ethdev *ethdev)
{
	struct rte_mempool *const pools[] = { ethdev->rx_pool, ethdev->head_pool,
					      ethdev->control_pool };
	struct first_list first = { 0 };

	if (!rte_mcfg_get_single_file_segments() || rte_memseg_walk(find_first, &first) < 0 ||
	    first.base == NULL || first.bytes > UINT32_MAX)
		return false;
	for (unsigned int i = 0; i < RTE_DIM(pools) && first.base != NULL; i++)
		rte_mempool_mem_iter(pools[i], check_chunk, &first);
	return first.base != NULL;
}
