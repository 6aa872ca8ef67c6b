/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/frame_buffer.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROOM_BYTES_MIN = 4096, /* of one read */
	CAPACITY_MAX = DPS_FRAME_HEAD_BYTES + DPS_FRAME_BYTES_MAX + ROOM_BYTES_MIN,
};

void dps_frame_buffer_init(struct dps_frame_buffer *buffer)
{
	*buffer = (struct dps_frame_buffer){ 0 };
}

void dps_frame_buffer_fini(struct dps_frame_buffer *buffer)
{
	free(buffer->memory);
	dps_frame_buffer_init(buffer);
}

static void move_to_front(struct dps_frame_buffer *buffer)
{
	if (buffer->start == 0)
		return;
	memmove(buffer->memory, buffer->memory + buffer->start, buffer->end - buffer->start);
	buffer->end -= buffer->start;
	buffer->start = 0;
}

static bool grow(struct dps_frame_buffer *buffer)
{
	size_t capacity = buffer->capacity ? buffer->capacity * 2 : 2 * ROOM_BYTES_MIN;
	uint8_t *memory;

	if (capacity > CAPACITY_MAX)
		capacity = CAPACITY_MAX;
	memory = realloc(buffer->memory, capacity);
	if (!memory)
		return false;
	buffer->memory = memory;
	buffer->capacity = capacity;
	return true;
}

uint8_t *dps_frame_buffer_room(struct dps_frame_buffer *buffer, size_t *room)
{
	if (buffer->capacity - buffer->end < ROOM_BYTES_MIN)
		move_to_front(buffer);
	if (buffer->capacity - buffer->end < ROOM_BYTES_MIN && buffer->capacity < CAPACITY_MAX &&
	    !grow(buffer))
		return NULL;
	*room = buffer->capacity - buffer->end;
	return buffer->memory + buffer->end;
}

void dps_frame_buffer_filled(struct dps_frame_buffer *buffer, size_t bytes)
{
	DPS_ASSERT(bytes <= buffer->capacity - buffer->end);
	DPS_ASSERT(!buffer->has_ended);
	buffer->end += bytes;
}

void dps_frame_buffer_ended(struct dps_frame_buffer *buffer)
{
	buffer->has_ended = true;
}

static size_t read_length(const uint8_t *head)
{
	return (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
}

enum dps_frame_status dps_frame_buffer_next(struct dps_frame_buffer *buffer, const uint8_t **body,
					    size_t *length)
{
	size_t have = buffer->end - buffer->start;
	size_t bytes;

	if (have >= DPS_FRAME_HEAD_BYTES) {
		bytes = read_length(buffer->memory + buffer->start);
		if (bytes == 0)
			return DPS_FRAME_EMPTY;
		if (bytes > DPS_FRAME_BYTES_MAX)
			return DPS_FRAME_OVERSIZED;
		if (have - DPS_FRAME_HEAD_BYTES >= bytes) {
			*body = buffer->memory + buffer->start + DPS_FRAME_HEAD_BYTES;
			*length = bytes;
			buffer->start += DPS_FRAME_HEAD_BYTES + bytes;
			return DPS_FRAME_READY;
		}
	}
	if (!buffer->has_ended)
		return DPS_FRAME_NONE;
	return have == 0 ? DPS_FRAME_END : DPS_FRAME_TRUNCATED;
}

const char *dps_frame_status_text(enum dps_frame_status status)
{
	switch (status) {
	case DPS_FRAME_END:
		return "the peer closed the control connection";
	case DPS_FRAME_EMPTY:
		return "the peer sent a control frame without content";
	case DPS_FRAME_OVERSIZED:
		return "the peer sent a control frame of more than 1 MiB";
	case DPS_FRAME_TRUNCATED:
		return "the control connection ended inside a frame (truncated)";
	case DPS_FRAME_NONE:
	case DPS_FRAME_READY:
		break;
	}
	return "no error";
}
