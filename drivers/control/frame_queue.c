/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/frame_queue.h"
#include "drivers/control/frame_buffer.h"
#include <dps/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEPT_BYTES = 65536, /* of memory by an empty queue: a large list is rare */
};

void dps_frame_queue_init(struct dps_frame_queue *queue, size_t limit_bytes)
{
	DPS_ASSERT(limit_bytes >= DPS_FRAME_HEAD_BYTES + DPS_FRAME_BYTES_MAX);
	*queue = (struct dps_frame_queue){ .limit_bytes = limit_bytes };
}

void dps_frame_queue_fini(struct dps_frame_queue *queue)
{
	free(queue->memory);
	*queue = (struct dps_frame_queue){ 0 };
}

static bool make_room(struct dps_frame_queue *queue, size_t bytes)
{
	size_t used = queue->end - queue->start;
	size_t capacity = queue->capacity ? queue->capacity : 4096;
	uint8_t *memory;

	if (queue->capacity - queue->end >= bytes)
		return true;
	/* Moving only when it frees at least half keeps the cost of a byte constant. */
	if (queue->start >= used && queue->capacity - used >= bytes) {
		memcpy(queue->memory, queue->memory + queue->start, used);
		queue->start = 0;
		queue->end = used;
		return true;
	}
	while (capacity - queue->end < bytes)
		capacity *= 2;
	memory = realloc(queue->memory, capacity);
	if (!memory)
		return false;
	queue->memory = memory;
	queue->capacity = capacity;
	return true;
}

static int push(struct dps_frame_queue *queue, const void *body, size_t length, size_t limit_bytes)
{
	size_t bytes = DPS_FRAME_HEAD_BYTES + length;
	uint8_t *to;

	DPS_ASSERT(length > 0 && length <= DPS_FRAME_BYTES_MAX);
	if (dps_frame_queue_bytes(queue) + bytes > limit_bytes)
		return -ENOBUFS;
	if (!make_room(queue, bytes))
		return -ENOMEM;
	to = queue->memory + queue->end;
	to[0] = (uint8_t)(length >> 24);
	to[1] = (uint8_t)(length >> 16);
	to[2] = (uint8_t)(length >> 8);
	to[3] = (uint8_t)length;
	memcpy(to + DPS_FRAME_HEAD_BYTES, body, length);
	queue->end += bytes;
	return 0;
}

int dps_frame_queue_push(struct dps_frame_queue *queue, const void *body, size_t length)
{
	return push(queue, body, length, queue->limit_bytes);
}

int dps_frame_queue_push_last(struct dps_frame_queue *queue, const void *body, size_t length)
{
	return push(queue, body, length, queue->limit_bytes + DPS_FRAME_QUEUE_RESERVE_BYTES);
}

size_t dps_frame_queue_peek(const struct dps_frame_queue *queue, const uint8_t **bytes)
{
	*bytes = queue->memory ? queue->memory + queue->start : NULL;
	return queue->end - queue->start;
}

void dps_frame_queue_consume(struct dps_frame_queue *queue, size_t bytes)
{
	DPS_ASSERT(bytes <= queue->end - queue->start);
	queue->start += bytes;
	if (queue->start < queue->end)
		return;
	queue->start = queue->end = 0;
	if (queue->capacity > KEPT_BYTES) {
		free(queue->memory);
		queue->memory = NULL;
		queue->capacity = 0;
	}
}

size_t dps_frame_queue_bytes(const struct dps_frame_queue *queue)
{
	return queue->end - queue->start;
}

bool dps_frame_queue_has_room(const struct dps_frame_queue *queue, size_t length)
{
	return dps_frame_queue_bytes(queue) + DPS_FRAME_HEAD_BYTES + length <= queue->limit_bytes;
}
