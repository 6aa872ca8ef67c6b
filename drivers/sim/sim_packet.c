/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/sim/sim_packet.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

enum {
	SLAB_PACKETS = 64,
	POISON = 0xdb,
};

static const uint32_t class_bytes[DPS_SIM_PACKET_CLASSES] = {
	256,
	2048,
	9216,
	DPS_SIM_PACKET_BYTES_MAX,
};

void dps_sim_pool_init(struct dps_sim_pool *pool)
{
	*pool = (struct dps_sim_pool){ 0 };
}

void dps_sim_pool_fini(struct dps_sim_pool *pool)
{
	for (uint32_t i = 0; i < pool->slabs_count; i++)
		free(pool->slabs[i]);
	free(pool->slabs);
	*pool = (struct dps_sim_pool){ 0 };
}

static void grow(struct dps_sim_pool *pool, uint8_t class_index)
{
	/* An odd number of cache lines apart, so that headers do not all share a few sets. */
	size_t stride = sizeof(struct dps_sim_packet) + class_bytes[class_index] + 64;
	char *slab = calloc(SLAB_PACKETS, stride);

	pool->slabs = realloc(pool->slabs, (pool->slabs_count + 1) * sizeof(void *));
	DPS_ASSERT(slab != NULL && pool->slabs != NULL);
	pool->slabs[pool->slabs_count++] = slab;
	for (unsigned int i = 0; i < SLAB_PACKETS; i++) {
		struct dps_sim_packet *packet = (void *)(slab + i * stride);

		packet->class_index = class_index;
		packet->next = pool->free[class_index];
		pool->free[class_index] = packet;
		ASAN_POISON_MEMORY_REGION(packet->bytes, class_bytes[class_index] + 64);
	}
}

struct dps_sim_packet *dps_sim_packet_take(struct dps_sim_pool *pool, uint32_t length)
{
	struct dps_sim_packet *packet;
	uint8_t class_index = 0;

	DPS_ASSERT(length <= DPS_SIM_PACKET_BYTES_MAX);
	while (class_bytes[class_index] < length)
		class_index++;
	if (pool->free[class_index] == NULL)
		grow(pool, class_index);
	packet = pool->free[class_index];
	pool->free[class_index] = packet->next;
	pool->lent_count++;
	packet->is_lent = true;
	packet->next = NULL;
	packet->length = length;
	packet->zeros_from = 0;
	packet->zeros_to = 0;
	ASAN_UNPOISON_MEMORY_REGION(packet->bytes, length);
	return packet;
}

void dps_sim_packet_cut(struct dps_sim_packet *packet, uint32_t length)
{
	DPS_ASSERT(length <= packet->length && packet->zeros_to == 0);
	memset(packet->bytes + length, 0, packet->length - length);
	ASAN_POISON_MEMORY_REGION(packet->bytes + length, packet->length - length);
	packet->length = length;
}

void dps_sim_packet_give(struct dps_sim_pool *pool, struct dps_sim_packet *packet)
{
	DPS_ASSERT(packet->is_lent && pool->lent_count > 0);
	packet->is_lent = false;
	pool->lent_count--;
	if (pool->is_thin) {
		memset(packet->bytes, 0, packet->zeros_from);
		memset(packet->bytes + packet->zeros_to, 0, packet->length - packet->zeros_to);
	} else {
		memset(packet->bytes, POISON, packet->length);
	}
	ASAN_POISON_MEMORY_REGION(packet->bytes, class_bytes[packet->class_index]);
	packet->next = pool->free[packet->class_index];
	pool->free[packet->class_index] = packet;
}
