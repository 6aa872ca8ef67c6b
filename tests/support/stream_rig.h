/* SPDX-License-Identifier: BSD-3-Clause */
/* Stream rig: the streams of two peers with a control connection between them, for tests. */
#pragma once
#include "engine/stream.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RIG_EVENTS = 256, RIG_SLICES = 256 };

struct rig_side {
	struct dps_streams_config config;
	struct dps_streams *streams;
	void *memory;
	uint8_t *blocks;
	struct dps_stream_event events[RIG_EVENTS];
	unsigned int events_count;
	struct dps_stream_slice slices[RIG_SLICES]; /* emitted, and held by the port */
	unsigned int slices_count;
};

struct stream_rig {
	struct rig_side near; /* dials */
	struct rig_side far;
	uint64_t epoch;
};

static inline struct dps_streams_config rig_stream_config(bool is_dialer)
{
	struct dps_streams_config config;

	dps_streams_config_init(&config, is_dialer);
	config.seed = 7;
	config.streams = 16;
	config.peer_streams = 8;
	config.segments = 64;
	config.send_blocks = 32;
	config.receive_blocks = 64;
	config.block_bytes = 256;
	config.window_bytes = 1024;
	config.receive_window_bytes = 1024;
	config.is_adaptive = false;
	return config;
}

static inline void rig_side_open(struct rig_side *side, const struct dps_streams_config *config)
{
	size_t bytes = dps_streams_bytes(config);

	memset(side, 0, sizeof(*side));
	assert_true(bytes > 0);
	side->config = *config;
	side->memory = aligned_alloc(64, bytes);
	side->blocks = malloc(((size_t)config->send_blocks + config->receive_blocks) *
			      config->block_bytes);
	assert_non_null(side->memory);
	assert_non_null(side->blocks);
	assert_int_equal(dps_streams_init(side->memory, config, side->blocks, &side->streams), 0);
}

static inline void rig_open_with(struct stream_rig *rig, const struct dps_streams_config *near,
				 const struct dps_streams_config *far)
{
	rig_side_open(&rig->near, near);
	rig_side_open(&rig->far, far);
	rig->epoch = near->epoch;
}

/* Messages of both sides, until neither has any. */
static inline void rig_talk(struct stream_rig *rig)
{
	unsigned int count;

	do {
		struct dps_stream_message messages[3];

		count = dps_streams_emit_messages(rig->near.streams, rig->epoch, messages, 3);
		for (unsigned int i = 0; i < count; i++)
			dps_streams_on_message(rig->far.streams, rig->epoch, &messages[i]);
		if (count > 0)
			continue;
		count = dps_streams_emit_messages(rig->far.streams, rig->epoch, messages, 3);
		for (unsigned int i = 0; i < count; i++)
			dps_streams_on_message(rig->near.streams, rig->epoch, &messages[i]);
	} while (count > 0);
}

/* Two peers that know each other's limits already. */
static inline void rig_open_streams(struct stream_rig *rig)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);

	rig_open_with(rig, &near, &far);
	rig_talk(rig);
}

static inline void rig_open_asking(struct stream_rig *rig)
{
	struct dps_streams_config near = rig_stream_config(true), far = rig_stream_config(false);

	far.is_asking = true;
	rig_open_with(rig, &near, &far);
	rig_talk(rig);
}

static inline void rig_side_close(struct rig_side *side)
{
	free(side->memory);
	free(side->blocks);
}

static inline void rig_close_streams(struct stream_rig *rig)
{
	rig_side_close(&rig->near);
	rig_side_close(&rig->far);
}

/* A stream of this side; flags as of dps_stream_open. */
static inline struct dps_handle rig_stream(struct rig_side *side, uint32_t flags)
{
	const struct dps_stream_options options = {
		.tag = 77,
		.open_deadline_ns = DPS_NEVER_NS,
		.flags = flags,
	};
	struct dps_handle handle;

	assert_int_equal(dps_stream_open(side->streams, &options, &handle), 0);
	return handle;
}

/* All events there are. */
static inline unsigned int rig_events(struct rig_side *side)
{
	side->events_count = dps_streams_emit_events(side->streams, side->events, RIG_EVENTS);
	return side->events_count;
}

/* Takes the events; exactly one of them is of this type. */
static inline struct dps_stream_event rig_event(struct rig_side *side,
						enum dps_stream_event_type type)
{
	struct dps_stream_event found = { 0 };
	unsigned int count = 0;

	rig_events(side);
	for (unsigned int i = 0; i < side->events_count; i++) {
		if (side->events[i].type != type)
			continue;
		found = side->events[i];
		count++;
	}
	assert_int_equal(count, 1);
	return found;
}

static inline struct dps_stream_snapshot rig_look(const struct rig_side *side,
						  struct dps_handle handle)
{
	struct dps_stream_snapshot snapshot;

	assert_int_equal(dps_stream_look(side->streams, handle, &snapshot), 0);
	return snapshot;
}

/* A stream of near's that far has accepted, and far's handle of it. */
static inline struct dps_handle rig_opened(struct stream_rig *rig, uint32_t flags,
					   struct dps_handle *far)
{
	struct dps_handle handle = rig_stream(&rig->near, flags);

	rig_talk(rig);
	*far = rig_event(&rig->far, DPS_STREAM_EVENT_ARRIVED).handle;
	rig_event(&rig->near, DPS_STREAM_EVENT_OPENED);
	return handle;
}

static inline void rig_say(struct stream_rig *rig, struct rig_side *to, uint8_t type,
			   uint32_t number, uint64_t value)
{
	const struct dps_stream_message message = { .type = type,
						    .number = number,
						    .value = value };

	dps_streams_on_message(to->streams, rig->epoch, &message);
}

/* The connection breaks and another comes; what was on its way is gone. */
static inline void rig_reconnect(struct stream_rig *rig)
{
	assert_int_equal(dps_streams_park(rig->near.streams, rig->epoch), 0);
	assert_int_equal(dps_streams_park(rig->far.streams, rig->epoch), 0);
	rig->epoch++;
	assert_int_equal(dps_streams_resume(rig->near.streams, rig->epoch), 0);
	assert_int_equal(dps_streams_resume(rig->far.streams, rig->epoch), 0);
}

/* What stands at an offset of every stream's data. */
static inline uint8_t rig_stream_byte(uint64_t offset)
{
	return (uint8_t)((offset * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

/* Sends the next bytes of a stream from a buffer that is used for something else afterwards. */
static inline int rig_send(struct rig_side *side, struct dps_handle handle, size_t bytes,
			   uint32_t flags, uint64_t cookie)
{
	uint64_t offset = rig_look(side, handle).posted;
	uint8_t *memory = malloc(bytes + 1);
	struct dps_bytes piece = { memory, bytes };
	int error;

	assert_non_null(memory);
	assert_true((flags & DPS_SEND_BORROW) == 0);
	for (size_t i = 0; i < bytes; i++)
		memory[i] = rig_stream_byte(offset + i);
	error = dps_stream_send(side->streams, handle, &piece, 1, flags, cookie);
	free(memory);
	return error;
}

/* Emits up to room slices, which the port holds then. Returns how many. */
static inline unsigned int rig_emit(struct stream_rig *rig, struct rig_side *side,
				    unsigned int room)
{
	unsigned int count;

	assert_true(side->slices_count + room <= RIG_SLICES);
	count = dps_streams_emit_slices(side->streams, rig->epoch,
					side->slices + side->slices_count, room, 256);
	side->slices_count += count;
	return count;
}

/* The port lets go of everything. */
static inline void rig_release(struct rig_side *side)
{
	for (unsigned int i = 0; i < side->slices_count; i++)
		dps_streams_on_released(side->streams, side->slices[i].token);
	side->slices_count = 0;
}

/* Emits all there is, checks that it is what was sent, and lets go of it. Returns the bytes. */
static inline uint64_t rig_flush(struct stream_rig *rig, struct rig_side *side)
{
	uint64_t bytes = 0;

	while (rig_emit(rig, side, 32) > 0) {
		for (unsigned int i = 0; i < side->slices_count; i++) {
			const struct dps_stream_slice *slice = &side->slices[i];

			for (uint32_t at = 0; at < slice->bytes; at++)
				assert_int_equal(slice->memory[at],
						 rig_stream_byte(slice->offset + at));
			bytes += slice->bytes;
		}
		rig_release(side);
	}
	return bytes;
}

static inline void rig_ack(struct stream_rig *rig, struct rig_side *side, struct dps_handle handle,
			   uint64_t credit, uint64_t contiguous, bool has_end)
{
	const struct dps_stream_ack ack = {
		.credit = credit,
		.contiguous = contiguous,
		.number = rig_look(side, handle).number,
		.has_end = has_end,
	};

	dps_streams_on_ack(side->streams, rig->epoch, &ack);
}

/* How many of the events that were taken last are of this type. */
static inline unsigned int rig_count(const struct rig_side *side, enum dps_stream_event_type type)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < side->events_count; i++)
		count += side->events[i].type == type;
	return count;
}

/* Gives a slice to the other side, as a port and an open seal would. Returns whether it was kept.
 */
static inline bool rig_deliver(struct stream_rig *rig, struct rig_side *to,
			       const struct dps_stream_slice *slice)
{
	struct dps_stream_placement placement;

	if (!dps_streams_place(to->streams, rig->epoch, slice, &placement))
		return false;
	if (slice->bytes > 0)
		memcpy(placement.to, slice->memory, slice->bytes);
	return dps_streams_commit(to->streams, &placement, true, 0);
}

/* A slice of a stream's bytes that nobody sent. */
static inline bool rig_inject(struct stream_rig *rig, struct rig_side *to, uint32_t number,
			      uint64_t offset, uint32_t bytes, uint8_t flags)
{
	uint8_t *memory = malloc(bytes + 1);
	const struct dps_stream_slice slice = {
		.memory = memory,
		.offset = offset,
		.number = number,
		.bytes = bytes,
		.flags = flags,
	};
	bool is_kept;

	assert_non_null(memory);
	for (uint32_t i = 0; i < bytes; i++)
		memory[i] = rig_stream_byte(offset + i);
	is_kept = rig_deliver(rig, to, &slice);
	free(memory);
	return is_kept;
}

static inline unsigned int rig_send_acks(struct stream_rig *rig, struct rig_side *from,
					 struct rig_side *to)
{
	struct dps_stream_ack acks[8];
	unsigned int count, all = 0;

	while ((count = dps_streams_emit_acks(from->streams, rig->epoch, acks, 8, 0)) > 0) {
		for (unsigned int i = 0; i < count; i++)
			dps_streams_on_ack(to->streams, rig->epoch, &acks[i]);
		all += count;
	}
	return all;
}

/* Slices, acknowledgements and messages, both ways, until there are none. */
static inline void rig_run(struct stream_rig *rig)
{
	struct rig_side *sides[] = { &rig->near, &rig->far };
	unsigned int moved;

	do {
		moved = 0;
		rig_talk(rig);
		for (unsigned int i = 0; i < 2; i++) {
			struct rig_side *from = sides[i], *to = sides[1 - i];

			moved += rig_send_acks(rig, to, from);
			moved += rig_emit(rig, from, 16);
			for (unsigned int s = 0; s < from->slices_count; s++)
				assert_true(rig_deliver(rig, to, &from->slices[s]));
			rig_release(from);
		}
	} while (moved > 0);
}

/* Reads all there is, checks it, and gives it back. Returns the bytes; has_end: behind them. */
static inline uint64_t rig_read(struct rig_side *side, struct dps_handle handle, bool *has_end)
{
	uint64_t at = rig_look(side, handle).read, begin = at;
	struct dps_bytes runs[4];
	int count;

	while ((count = dps_stream_read(side->streams, handle, runs, 4)) > 0) {
		for (int i = 0; i < count; i++)
			for (size_t byte = 0; byte < runs[i].bytes; byte++)
				assert_int_equal(runs[i].memory[byte], rig_stream_byte(at++));
	}
	assert_true(count == 0 || count == -DPS_ERROR_FULL);
	*has_end = count == 0;
	assert_int_equal(dps_stream_release(side->streams, handle, at - begin), 0);
	return at - begin;
}
