/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Areas: the memory that bodies lie in. It is DPDK's own, so every device knows it already; a memif
 * client's peer finds no memory list but DPDK's (external memory would stop it from connecting).
 */
#include "drivers/ethdev/ethdev_private.h"
#include <rte_eal.h>
#include <rte_eal_memconfig.h>
#include <rte_memory.h>
#include <stdio.h>

enum {
	AREA_ALIGNMENT = 2 << 20,
};

void *ethdev_allocate(struct dps_port *port, size_t bytes)
{
	struct ethdev *ethdev = ethdev_of(port);
	const struct rte_memzone *zone;
	char name[RTE_MEMZONE_NAMESIZE];

	if (bytes == 0 || ethdev->areas_count == ETHDEV_AREAS_MAX)
		return NULL;
	snprintf(name, sizeof(name), "dps_area_%u_%u", ethdev->serial, ethdev->areas_count);
	/* Near the device where there is some, else anywhere. */
	zone = rte_memzone_reserve_aligned(name, bytes, rte_eth_dev_socket_id(ethdev->id), 0,
					   AREA_ALIGNMENT);
	if (zone == NULL)
		zone = rte_memzone_reserve_aligned(name, bytes, SOCKET_ID_ANY, 0, AREA_ALIGNMENT);
	if (zone == NULL)
		return NULL;
	ethdev->areas[ethdev->areas_count++] = zone;
	return zone->addr;
}

void ethdev_areas_free(struct ethdev *ethdev)
{
	while (ethdev->areas_count > 0)
		rte_memzone_free(ethdev->areas[--ethdev->areas_count]);
}

static bool is_in_area(const struct ethdev *ethdev, const uint8_t *body, uint32_t bytes)
{
	for (uint32_t i = 0; i < ethdev->areas_count; i++) {
		const struct rte_memzone *area = ethdev->areas[i];
		uintptr_t at = (uintptr_t)body - area->addr_64;

		if (at < area->len && bytes <= area->len - at)
			return true;
	}
	return false;
}

/* Memory of DPDK's own, as another port's areas are, is every device's. */
static bool is_of_dpdk(const uint8_t *body, uint32_t bytes)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(body);

	return list != NULL && !list->external &&
	       rte_mem_virt2memseg_list(body + bytes - 1) == list;
}

rte_iova_t ethdev_area_iova(const struct ethdev *ethdev, const uint8_t *body, uint32_t bytes)
{
	uintptr_t first = (uintptr_t)body, last = first + bytes - 1;

	if (!ethdev->needs_iova)
		return first;
	/* A program's own memory: it may not be mapped for the device, nor stay where it is. */
	if (!is_in_area(ethdev, body, bytes) && !is_of_dpdk(body, bytes))
		return RTE_BAD_IOVA;
	if (rte_eal_iova_mode() == RTE_IOVA_VA)
		return first;
	/* Hugepages are contiguous in themselves only. */
	if (first / AREA_ALIGNMENT != last / AREA_ALIGNMENT)
		return RTE_BAD_IOVA;
	return rte_mem_virt2iova(body);
}
