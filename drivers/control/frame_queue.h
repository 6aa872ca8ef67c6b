/* SPDX-License-Identifier: BSD-3-Clause */
/* Frame queue: the frames a control connection has yet to send, bounded in bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_frame_queue_limits {
	DPS_FRAME_QUEUE_BYTES = 4 << 20,      /* a good limit_bytes: some of the largest frames */
	DPS_FRAME_QUEUE_RESERVE_BYTES = 8192, /* above the limit, for one last frame */
};

/*
 * Bytes start..end of the memory are frames, head and body, not yet written; the first may be
 * written in part. Full is an answer, not an error: the caller holds back what it wanted to say.
 *
 * Owner: whoever writes the connection.
 */
struct dps_frame_queue {
	uint8_t *memory;
	size_t capacity;
	size_t start;
	size_t end;
	size_t limit_bytes;
};

/* limit_bytes must hold at least one frame of the largest size. */
void dps_frame_queue_init(struct dps_frame_queue *queue, size_t limit_bytes);
void dps_frame_queue_fini(struct dps_frame_queue *queue);

/*
 * Appends a frame with a copy of the body (1..DPS_FRAME_BYTES_MAX bytes).
 * Errors: -ENOBUFS full, try again when some was written; -ENOMEM; nothing changed.
 */
int dps_frame_queue_push(struct dps_frame_queue *queue, const void *body, size_t length);

/* The same for the one frame that says why the connection ends; it may use the reserve. */
int dps_frame_queue_push_last(struct dps_frame_queue *queue, const void *body, size_t length);

/* Lends what is to be written next; 0 when there is nothing. */
size_t dps_frame_queue_peek(const struct dps_frame_queue *queue, const uint8_t **bytes);

/* So many of the bytes peeked at were written. */
void dps_frame_queue_consume(struct dps_frame_queue *queue, size_t bytes);

/* Bytes not yet written. */
size_t dps_frame_queue_bytes(const struct dps_frame_queue *queue);

/* Whether a frame with a body of so many bytes fits now. */
bool dps_frame_queue_has_room(const struct dps_frame_queue *queue, size_t length);
