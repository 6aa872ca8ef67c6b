/* SPDX-License-Identifier: BSD-3-Clause */
/* Frame buffer: cuts the bytes of a control connection into frames (u32 big-endian length, body).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_frame_limits {
	DPS_FRAME_HEAD_BYTES = 4,
	DPS_FRAME_BYTES_MAX = 1 << 20, /* of a body; an empty one is an error */
};

enum dps_frame_status {
	DPS_FRAME_NONE, /* no whole frame is here yet */
	DPS_FRAME_READY,
	DPS_FRAME_END,	     /* the stream ended between two frames */
	DPS_FRAME_EMPTY,     /* a length of zero */
	DPS_FRAME_OVERSIZED, /* a length above DPS_FRAME_BYTES_MAX */
	DPS_FRAME_TRUNCATED, /* the stream ended inside a frame */
};

/*
 * Bytes start..end of the memory were read and not yet given out, and the first of them is the
 * first of a frame. A partial frame stays as it is until more arrives (contract E51); a length is
 * checked before anything is allocated for it (E50), and memory grows with what arrived, not
 * with what was announced. A bad length is final: the place of the next frame is unknown.
 *
 * Owner: whoever reads the connection.
 */
struct dps_frame_buffer {
	uint8_t *memory;
	size_t capacity;
	size_t start;
	size_t end;
	bool has_ended;
};

void dps_frame_buffer_init(struct dps_frame_buffer *buffer);
void dps_frame_buffer_fini(struct dps_frame_buffer *buffer);

/*
 * Lends memory for the next read, *room bytes of it, at least one as long as every ready frame was
 * taken before. NULL when there is no memory.
 */
uint8_t *dps_frame_buffer_room(struct dps_frame_buffer *buffer, size_t *room);

/* So many bytes were read into the room. */
void dps_frame_buffer_filled(struct dps_frame_buffer *buffer, size_t bytes);

/* The stream ended: no more bytes will come. */
void dps_frame_buffer_ended(struct dps_frame_buffer *buffer);

/*
 * Lends the body of the next frame until the next call with this buffer. Anything but
 * DPS_FRAME_NONE and DPS_FRAME_READY is what every later call returns, too.
 */
enum dps_frame_status dps_frame_buffer_next(struct dps_frame_buffer *buffer, const uint8_t **body,
					    size_t *length);

/* What to tell a user of a status that ends a connection. */
const char *dps_frame_status_text(enum dps_frame_status status);
