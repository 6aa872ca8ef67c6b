/* SPDX-License-Identifier: BSD-3-Clause */
/* Receiver: an engine that receives, and a test that is its peer packet by packet. */
#pragma once
#include "tests/support/cmocka.h"
#include "tests/support/engine_pair.h"
#include <string.h>

enum {
	CHUNK = 64 << 10,
	NUMBER = 1000, /* of the first packet */
};

/* An engine that receives one file of so many bytes; the test is its peer. */
struct receiver {
	struct pair pair;
	struct pair_transfer *transfer;
	struct dps_engine *engine;
	struct dps_path *path;
	struct dps_channel *channel;
	uint64_t number; /* of the next packet */
};

/* ... and perhaps another behind it. */
static inline void open_receiver_of_two(struct receiver *receiver, uint64_t file_bytes,
					uint64_t other_bytes)
{
	struct pair_options options;

	pair_options_init(&options, 1);
	options.silence_ns = 10000 * DPS_NS_PER_S;
	pair_open(&receiver->pair, &options);
	pair_run_for(&receiver->pair, 50 * DPS_NS_PER_MS);
	receiver->pair.is_cut = true;
	receiver->transfer = pair_add_transfer(&receiver->pair, 0);
	pair_add_file(&receiver->pair, receiver->transfer, file_bytes);
	if (other_bytes > 0)
		pair_add_file(&receiver->pair, receiver->transfer, other_bytes);
	pair_open_channel(&receiver->pair, receiver->transfer, 1);
	pair_run_for(&receiver->pair, 20 * DPS_NS_PER_MS);
	receiver->engine = receiver->pair.sides[1].engine;
	receiver->path = &receiver->engine->paths[receiver->pair.sides[1].path];
	receiver->channel = &receiver->engine->channels[receiver->transfer->channel[1]];
	receiver->number = NUMBER;
}

static inline void open_receiver(struct receiver *receiver, uint64_t file_bytes)
{
	open_receiver_of_two(receiver, file_bytes, 0);
}

static inline void close_receiver(struct receiver *receiver)
{
	receiver->transfer->is_given_up = true;
	pair_close(&receiver->pair);
}

static inline struct dps_header data_header(struct receiver *receiver, uint64_t offset,
					    uint8_t flags)
{
	return (struct dps_header){
		.type = DPS_PACKET_DATA,
		.flags = flags,
		.packet_number = receiver->number++,
		.floor = NUMBER,
		.offset = offset,
		.channel = receiver->transfer->number,
	};
}

/* Bytes of the file as the harness' disk expects them, behind what stands in front of them. */
static inline bool give_data(struct receiver *receiver, uint64_t offset, uint32_t bytes,
			     uint8_t flags, const void *front, uint32_t front_bytes, bool is_good)
{
	uint8_t payload[4096];

	if (front_bytes > 0)
		memcpy(payload, front, front_bytes);
	pair_fill(payload + front_bytes, 0, offset, bytes);
	if (!is_good)
		memset(payload + front_bytes, 0xee, bytes);
	return pair_inject(&receiver->pair, 1, data_header(receiver, offset, flags), payload,
			   front_bytes + bytes, is_good);
}

static inline bool is_acked(const struct receiver *receiver, uint64_t number)
{
	return dps_ranges_has_all(&receiver->path->ack.received, number, number + 1);
}

static inline const struct dps_chunk *chunk_0(const struct receiver *receiver)
{
	uint32_t index = dps_replay_ring_at(&receiver->channel->ring, 0);

	assert_int_not_equal(index, DPS_CHUNK_NONE);
	return &receiver->engine->chunks.items[index];
}
