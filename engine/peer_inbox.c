/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/peer_inbox.h"
#include "engine/bits.h"
#include "engine/peer_frame.h"
#include <dps/assert.h>

static uint32_t blocks_of(const uint32_t limit_bytes[DPS_PEER_CLASSES])
{
	uint32_t blocks = 0;

	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++)
		blocks += limit_bytes[i] / DPS_BLOCK_BYTES;
	return blocks;
}

static size_t before_arrivals(uint32_t blocks)
{
	return dps_round_up(dps_blocks_bytes(blocks), sizeof(uint64_t));
}

size_t dps_peer_inbox_memory_bytes(const uint32_t limit_bytes[DPS_PEER_CLASSES])
{
	uint32_t blocks = blocks_of(limit_bytes);

	return before_arrivals(blocks) + blocks * sizeof(struct dps_peer_arrival);
}

void dps_peer_inbox_init(struct dps_peer_inbox *inbox, void *memory,
			 const uint32_t limit_bytes[DPS_PEER_CLASSES])
{
	uint32_t blocks = blocks_of(limit_bytes);

	*inbox = (struct dps_peer_inbox){
		.arrivals = (struct dps_peer_arrival *)(void *)((uint8_t *)memory +
								before_arrivals(blocks)),
	};
	dps_blocks_init(&inbox->blocks, memory, blocks);
	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++) {
		inbox->first[i] = inbox->last[i] = DPS_BLOCK_NONE;
		inbox->limit_bytes[i] = limit_bytes[i] / DPS_BLOCK_BYTES * DPS_BLOCK_BYTES;
	}
}

uint32_t dps_peer_inbox_take(struct dps_peer_inbox *inbox, enum dps_peer_class class,
			     uint32_t bytes)
{
	uint32_t cost = dps_peer_cost(bytes), message;

	if (cost > inbox->limit_bytes[class] - inbox->held_bytes[class])
		return DPS_BLOCK_NONE;
	message = dps_blocks_take(&inbox->blocks, bytes);
	DPS_ASSERT(message != DPS_BLOCK_NONE); /* the limits are those of the pool */
	inbox->held_bytes[class] += cost;
	inbox->arrivals[message] = (struct dps_peer_arrival){
		.bytes = bytes,
		.next = DPS_BLOCK_NONE,
		.class = (uint8_t) class,
	};
	return message;
}

void dps_peer_inbox_give(struct dps_peer_inbox *inbox, uint32_t message)
{
	const struct dps_peer_arrival *arrival = &inbox->arrivals[message];

	inbox->held_bytes[arrival->class] -= dps_peer_cost(arrival->bytes);
	dps_blocks_give(&inbox->blocks, message);
}

void dps_peer_inbox_add(struct dps_peer_inbox *inbox, uint32_t message)
{
	uint8_t class = inbox->arrivals[message].class;

	if (inbox->last[class] == DPS_BLOCK_NONE)
		inbox->first[class] = message;
	else
		inbox->arrivals[inbox->last[class]].next = message;
	inbox->last[class] = message;
	inbox->notices++;
}

uint32_t dps_peer_inbox_next(struct dps_peer_inbox *inbox, enum dps_peer_class class)
{
	uint32_t message = inbox->first[class];

	if (message == DPS_BLOCK_NONE)
		return DPS_BLOCK_NONE;
	inbox->first[class] = inbox->arrivals[message].next;
	if (inbox->first[class] == DPS_BLOCK_NONE)
		inbox->last[class] = DPS_BLOCK_NONE;
	inbox->notices--;
	return message;
}
