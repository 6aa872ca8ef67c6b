/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/peer_queue.h"
#include "engine/bits.h"
#include <dps/assert.h>

enum { STEPS = 8 }; /* of the budget, one of which each class leaves to the class before it */

static uint32_t blocks_of(uint32_t budget_bytes)
{
	return budget_bytes / DPS_BLOCK_BYTES;
}

size_t dps_peer_queue_memory_bytes(uint32_t budget_bytes)
{
	return dps_blocks_bytes(blocks_of(budget_bytes)) + sizeof(uint64_t) +
	       blocks_of(budget_bytes) * sizeof(struct dps_peer_message);
}

void dps_peer_queue_init(struct dps_peer_queue *queue, void *memory, uint32_t budget_bytes,
			 const uint32_t patience_bytes[DPS_PEER_CLASSES])
{
	uint32_t blocks = blocks_of(budget_bytes);
	size_t blocks_bytes = dps_round_up(dps_blocks_bytes(blocks), sizeof(uint64_t));

	DPS_ASSERT(blocks >= STEPS);
	*queue = (struct dps_peer_queue){
		.messages = (struct dps_peer_message *)(void *)((uint8_t *)memory + blocks_bytes),
	};
	dps_blocks_init(&queue->blocks, memory, blocks);
	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++)
		queue->classes[i] = (struct dps_peer_queue_class){
			.first = DPS_BLOCK_NONE,
			.last = DPS_BLOCK_NONE,
			.limit_blocks = blocks - i * (blocks / STEPS),
			.patience_bytes = i == DPS_PEER_CONTROL ? UINT64_MAX : patience_bytes[i],
		};
}

uint32_t dps_peer_queue_body_max(uint32_t budget_bytes)
{
	return blocks_of(budget_bytes) / STEPS * DPS_BLOCK_BYTES;
}

static uint32_t used_blocks(const struct dps_peer_queue *queue)
{
	return queue->blocks.count - queue->blocks.free_count;
}

bool dps_peer_queue_has_room(const struct dps_peer_queue *queue, enum dps_peer_class class,
			     uint32_t bytes)
{
	return (uint64_t)used_blocks(queue) + dps_blocks_for(bytes) <=
	       queue->classes[class].limit_blocks;
}

bool dps_peer_queue_is_low(const struct dps_peer_queue *queue, enum dps_peer_class class)
{
	return used_blocks(queue) <= queue->classes[class].limit_blocks / 2;
}

static void append(struct dps_peer_queue *queue, uint32_t index)
{
	struct dps_peer_message *message = &queue->messages[index];
	struct dps_peer_queue_class *class = &queue->classes[message->class];

	message->previous = class->last;
	message->next = DPS_BLOCK_NONE;
	if (class->last == DPS_BLOCK_NONE)
		class->first = index;
	else
		queue->messages[class->last].next = index;
	class->last = index;
	class->count++;
}

static void unlink_message(struct dps_peer_queue *queue, uint32_t index)
{
	struct dps_peer_message *message = &queue->messages[index];
	struct dps_peer_queue_class *class = &queue->classes[message->class];

	if (message->previous == DPS_BLOCK_NONE)
		class->first = message->next;
	else
		queue->messages[message->previous].next = message->next;
	if (message->next == DPS_BLOCK_NONE)
		class->last = message->previous;
	else
		queue->messages[message->next].previous = message->previous;
	class->count--;
}

uint32_t dps_peer_queue_push(struct dps_peer_queue *queue, const struct dps_peer_message *message,
			     const uint8_t *body)
{
	struct dps_block_cursor cursor = { 0 };
	uint32_t index;

	if (!dps_peer_queue_has_room(queue, message->class, message->bytes))
		return DPS_BLOCK_NONE;
	index = dps_blocks_take(&queue->blocks, message->bytes);
	DPS_ASSERT(index != DPS_BLOCK_NONE); /* no class may have more than there is */
	queue->messages[index] = *message;
	cursor.block = index;
	dps_blocks_put(&queue->blocks, &cursor, body, message->bytes);
	append(queue, index);
	queue->bytes += message->bytes;
	queue->count++;
	return index;
}

void dps_peer_queue_done(struct dps_peer_queue *queue, uint32_t message)
{
	queue->bytes -= queue->messages[message].bytes;
	queue->count--;
	dps_blocks_give(&queue->blocks, message);
}

void dps_peer_queue_withdraw(struct dps_peer_queue *queue, uint32_t message)
{
	unlink_message(queue, message);
	dps_peer_queue_done(queue, message);
}

enum dps_peer_class dps_peer_queue_choose(struct dps_peer_queue *queue, uint32_t may_go)
{
	enum dps_peer_class chosen = DPS_PEER_CLASS_NONE;
	uint64_t longest_bytes = 0;

	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++) {
		struct dps_peer_queue_class *class = &queue->classes[i];

		if ((may_go & 1u << i) == 0) {
			class->passed_bytes = 0;
			continue;
		}
		if (chosen == DPS_PEER_CLASS_NONE)
			chosen = (enum dps_peer_class)i;
		/* Not the more urgent of two that are late: they could take turns for ever. */
		if (class->passed_bytes >= class->patience_bytes &&
		    class->passed_bytes > longest_bytes) {
			longest_bytes = class->passed_bytes;
			chosen = (enum dps_peer_class)i;
		}
	}
	return chosen;
}

void dps_peer_queue_pass(struct dps_peer_queue *queue, enum dps_peer_class class, uint64_t bytes,
			 uint32_t may_go)
{
	for (uint32_t i = 0; i < DPS_PEER_CLASSES; i++)
		if (i != class && (may_go & 1u << i) != 0)
			queue->classes[i].passed_bytes += bytes;
	queue->classes[class].passed_bytes = 0;
}

uint32_t dps_peer_queue_take(struct dps_peer_queue *queue, enum dps_peer_class class)
{
	uint32_t index = queue->classes[class].first;

	DPS_ASSERT(index != DPS_BLOCK_NONE);
	unlink_message(queue, index);
	return index;
}

void dps_peer_queue_put_back(struct dps_peer_queue *queue, uint32_t message)
{
	struct dps_peer_message *back = &queue->messages[message];
	struct dps_peer_queue_class *class = &queue->classes[back->class];

	back->previous = DPS_BLOCK_NONE;
	back->next = class->first;
	if (class->first == DPS_BLOCK_NONE)
		class->last = message;
	else
		queue->messages[class->first].previous = message;
	class->first = message;
	class->count++;
}
