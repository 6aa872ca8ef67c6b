/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim packet: datagram buffers of the world, taken from pools by size and counted. */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stdint.h>

enum dps_sim_packet_limits {
	DPS_SIM_PACKET_CLASSES = 4,
	DPS_SIM_PACKET_BYTES_MAX = 17408,
};

struct dps_sim_port;

struct dps_sim_packet {
	struct dps_sim_packet *next; /* while it is free */
	struct dps_sim_port *to;
	struct dps_address from;
	uint32_t length;
	uint32_t zeros_from; /* thin packets: bytes zeros_from..zeros_to-1 are not written, ... */
	uint32_t zeros_to;   /* ... and zero as in every free buffer; both 0 for whole packets */
	uint8_t class_index;
	bool is_lent;
	_Alignas(16) uint8_t bytes[];
};

/*
 * Grows by slabs and never shrinks; last in, first out, so that a run stays in the cache.
 * What is given back is overwritten, so that a reader who kept a pointer finds garbage: with
 * 0xdb, or in a thin pool with zeros, which makes a free buffer a body of zeros that nobody needs
 * to copy.
 */
struct dps_sim_pool {
	struct dps_sim_packet *free[DPS_SIM_PACKET_CLASSES];
	void **slabs;
	uint32_t slabs_count;
	uint64_t lent_count;
	bool is_thin; /* set before the first packet is taken */
};

void dps_sim_pool_init(struct dps_sim_pool *pool);
void dps_sim_pool_fini(struct dps_sim_pool *pool);

/* A buffer of so many bytes (<= DPS_SIM_PACKET_BYTES_MAX); zeros in a thin pool, else garbage. */
struct dps_sim_packet *dps_sim_packet_take(struct dps_sim_pool *pool, uint32_t length);

/* Drops the end of a whole (not thin) packet. */
void dps_sim_packet_cut(struct dps_sim_packet *packet, uint32_t length);

void dps_sim_packet_give(struct dps_sim_pool *pool, struct dps_sim_packet *packet);
