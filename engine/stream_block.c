/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks: the memory that streams receive into, found by stream and number. */
#include "engine/stream.h"

void dps_stream_blocks_init(struct dps_streams *streams)
{
	for (uint32_t i = 0; i < streams->block_places; i++)
		streams->block_buckets[i] = DPS_STREAM_INDEX_NONE;
	while (UINT32_C(1) << streams->block_shift < streams->config.block_bytes)
		streams->block_shift++;
	streams->newest_block = DPS_STREAM_INDEX_NONE;
	streams->extra_max = streams->config.receive_blocks - streams->config.streams;
}

/* Numbers of one stream follow each other, so its blocks lie in different buckets. */
static uint32_t *bucket_of(const struct dps_streams *streams, uint32_t stream, uint64_t number)
{
	uint32_t place = dps_streams_hash(streams, stream) + (uint32_t)number;

	return &streams->block_buckets[place & (streams->block_places - 1)];
}

struct dps_stream_block *dps_stream_block_find(const struct dps_streams *streams, uint32_t stream,
					       uint64_t number)
{
	uint32_t index = streams->newest_block;

	/* Of the slices of a block each asks for it a few times, one after the other. */
	if (index != DPS_STREAM_INDEX_NONE && streams->blocks[index].stream == stream &&
	    streams->blocks[index].number == number)
		return &streams->blocks[index];
	index = *bucket_of(streams, stream, number);
	while (index != DPS_STREAM_INDEX_NONE) {
		struct dps_stream_block *block = &streams->blocks[index];

		if (block->stream == stream && block->number == number)
			return block;
		index = block->next_in_bucket;
	}
	return NULL;
}

struct dps_stream_block *dps_stream_block_take(struct dps_streams *streams,
					       struct dps_stream *stream, uint64_t number)
{
	uint32_t slot = dps_slots_take_reserved(&streams->receive_blocks);
	uint32_t index = dps_stream_index(streams, stream);
	uint32_t *bucket = bucket_of(streams, index, number);
	struct dps_stream_block *block = &streams->blocks[slot];

	*block = (struct dps_stream_block){
		.number = number,
		.stream = index,
		.next_in_bucket = *bucket,
	};
	dps_ranges_init(&block->arrived, block->items, DPS_STREAM_BLOCK_GAPS_MAX);
	*bucket = slot;
	streams->newest_block = slot;
	return block;
}

void dps_stream_block_free(struct dps_streams *streams, struct dps_stream *stream, uint64_t number)
{
	uint32_t *at = bucket_of(streams, dps_stream_index(streams, stream), number);
	const struct dps_stream_block *block =
		dps_stream_block_find(streams, dps_stream_index(streams, stream), number);
	uint32_t slot;

	DPS_ASSERT(stream->receive.blocks > 0);
	stream->receive.blocks--;
	if (block == NULL) {
		dps_slots_unreserve(&streams->receive_blocks);
		return;
	}
	slot = (uint32_t)(block - streams->blocks);
	while (*at != slot)
		at = &streams->blocks[*at].next_in_bucket;
	*at = block->next_in_bucket;
	if (streams->newest_block == slot)
		streams->newest_block = DPS_STREAM_INDEX_NONE;
	dps_slots_drop(&streams->receive_blocks, slot, 1);
}

uint8_t *dps_stream_block_at(const struct dps_streams *streams,
			     const struct dps_stream_block *block)
{
	return dps_slots_at(&streams->receive_blocks, (uint32_t)(block - streams->blocks));
}
