/* SPDX-License-Identifier: BSD-3-Clause */
/* Transfer rig: a transfer with its memory, for tests: what is posted can be told from its offset.
 */
#pragma once
#include "engine/transfer.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RIG_SLICES = 64 };

struct transfer_rig {
	struct dps_transfer_config config;
	struct dps_transfer *transfer;
	void *memory;
	uint8_t *ring;
	uint64_t file_begin; /* of the producer's file */
	struct dps_slice slices[RIG_SLICES];
	unsigned int slices_count;
};

static inline uint8_t rig_byte(uint64_t offset)
{
	return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

/* A ring as small as the rule allows, 64 chunks, an idle time of 60 s, at time 0 in epoch 1. */
static inline struct dps_transfer_config rig_config(uint64_t window_bytes, uint32_t chunk_bytes)
{
	struct dps_transfer_config config;

	dps_transfer_config_init(&config, false);
	config.epoch = 1;
	config.window_bytes = window_bytes;
	config.chunk_bytes = chunk_bytes;
	config.ring_bytes = window_bytes + chunk_bytes + DPS_ENVELOPE_BYTES;
	config.chunks = 64;
	return config;
}

static inline void rig_open(struct transfer_rig *rig, const struct dps_transfer_config *config)
{
	size_t bytes = dps_transfer_bytes(config);

	memset(rig, 0, sizeof(*rig));
	assert_true(bytes > 0);
	rig->config = *config;
	rig->memory = aligned_alloc(64, bytes);
	/* As long as it says: a sanitizer sees what goes beyond. */
	rig->ring = malloc(config->ring_bytes);
	assert_non_null(rig->memory);
	assert_non_null(rig->ring);
	assert_int_equal(dps_transfer_init(rig->memory, config, rig->ring, &rig->transfer, 0), 0);
}

static inline void rig_open_small(struct transfer_rig *rig, uint64_t window_bytes,
				  uint32_t chunk_bytes)
{
	struct dps_transfer_config config = rig_config(window_bytes, chunk_bytes);

	rig_open(rig, &config);
}

static inline void rig_close(struct transfer_rig *rig)
{
	free(rig->memory);
	free(rig->ring);
}

static inline struct dps_transfer_snapshot rig_read(const struct transfer_rig *rig)
{
	struct dps_transfer_snapshot snapshot;

	assert_true(dps_transfer_read(rig->transfer, &snapshot));
	return snapshot;
}

static inline uint64_t rig_posted(const struct transfer_rig *rig)
{
	return rig_read(rig).posted;
}

/* Reserves, writes, commits. */
static inline int rig_post_at(struct transfer_rig *rig, uint64_t bytes, uint32_t flags,
			      uint64_t now_ns)
{
	uint64_t posted = rig_posted(rig);
	uint8_t *room;
	int error = dps_transfer_reserve(rig->transfer, bytes, &room);

	if (error != 0)
		return error;
	assert_true(room >= rig->ring && room + bytes <= rig->ring + rig->config.ring_bytes);
	for (uint64_t i = 0; i < bytes; i++)
		room[i] = rig_byte(posted + i);
	return dps_transfer_commit(rig->transfer, posted - rig->file_begin, bytes, flags, now_ns);
}

static inline int rig_post(struct transfer_rig *rig, uint64_t bytes)
{
	return rig_post_at(rig, bytes, 0, 0);
}

static inline int rig_advance(struct transfer_rig *rig, uint32_t file_index)
{
	int error = dps_transfer_advance(rig->transfer, file_index, NULL);

	if (error == 0)
		rig->file_begin = rig_posted(rig);
	return error;
}

static inline int rig_credit(struct transfer_rig *rig, uint64_t bytes)
{
	return dps_transfer_has_credit(rig->transfer, bytes, DPS_NEVER_NS, 0);
}

/* Takes all that is to be sent in this epoch, checks every byte of it; the port holds it. */
static inline unsigned int rig_emit(struct transfer_rig *rig, uint64_t epoch, uint32_t bytes_max)
{
	rig->slices_count =
		dps_transfer_emit_slices(rig->transfer, epoch, rig->slices, RIG_SLICES, bytes_max);
	for (unsigned int i = 0; i < rig->slices_count; i++)
		for (uint32_t at = 0; at < rig->slices[i].bytes; at++)
			assert_int_equal(rig->slices[i].memory[at],
					 rig_byte(rig->slices[i].offset + at));
	return rig->slices_count;
}

static inline void rig_release(struct transfer_rig *rig)
{
	for (unsigned int i = 0; i < rig->slices_count; i++)
		dps_transfer_on_released(rig->transfer, rig->slices[i].chunk);
	rig->slices_count = 0;
}

/* Sends everything through a port that lets go at once. */
static inline unsigned int rig_send(struct transfer_rig *rig, uint64_t epoch)
{
	unsigned int count = rig_emit(rig, epoch, UINT32_MAX);

	rig_release(rig);
	return count;
}

static inline bool rig_ack_at(struct transfer_rig *rig, uint64_t received, uint64_t now_ns)
{
	struct dps_transfer_ack ack = {
		.epoch = rig_read(rig).epoch,
		.received = received,
		.file_index = DPS_FILE_NONE,
	};

	return dps_transfer_on_ack(rig->transfer, &ack, now_ns);
}

static inline bool rig_ack(struct transfer_rig *rig, uint64_t received)
{
	return rig_ack_at(rig, received, 0);
}

static inline enum dps_resume_code rig_resume(struct transfer_rig *rig, uint64_t epoch,
					      uint32_t file_index, uint64_t offset,
					      struct dps_transfer_resumed *answer)
{
	struct dps_transfer_resume request = {
		.epoch = epoch,
		.offset = offset,
		.file_index = file_index,
	};

	return dps_transfer_resume(rig->transfer, &request, answer, 0);
}

/* Chunks whose memory the ring still holds. */
static inline uint64_t rig_held(const struct transfer_rig *rig)
{
	struct dps_transfer_snapshot snapshot = rig_read(rig);

	return snapshot.chunks_posted - snapshot.chunks_released;
}
