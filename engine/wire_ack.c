/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include "engine/wire.h"
#include <dps/assert.h>
#include <errno.h>

enum {
	HEAD_BYTES = DPS_WIRE_ACK_HEAD_BYTES,
	RANGE_BYTES = DPS_WIRE_RANGE_BYTES,
	CHANNEL_BYTES = 32,
};

_Static_assert(DPS_WIRE_ACK_BYTES_MAX == HEAD_BYTES + DPS_WIRE_RANGES_MAX * RANGE_BYTES +
						 DPS_WIRE_CHANNELS_MAX * CHANNEL_BYTES,
	       "the longest acknowledgement");
_Static_assert(DPS_WIRE_ACK_BYTES_MAX <= DPS_WIRE_BODY_BYTES_MAX, "fits every path");

/*
 * Writes the newest of a set as {missing above it, numbers in it} and returns how many. What is
 * 2^32 or further apart is left out with all that is older: the sender has long ceased to wait for
 * it.
 */
static uint16_t encode_ranges(const struct dps_ranges *received, uint8_t *const first_at)
{
	const struct dps_range *range = received->items + received->count - 1;
	const struct dps_range *oldest =
		range - (dps_min_u64(received->count, DPS_WIRE_RANGES_MAX) - 1);
	uint64_t count = range->end - range->start;
	uint8_t *at = first_at;

	DPS_ASSERT(range->start < range->end);
	if (count > UINT32_MAX)
		oldest = range;
	dps_store_be64(at, dps_min_u64(count, UINT32_MAX));
	while (range > oldest) {
		uint64_t missing = range->start - range[-1].end;

		range--;
		count = range->end - range->start;
		/* Also true of ranges that are not in order, or touch: their differences wrap. */
		if (((missing - 1) | (count - 1)) >= UINT32_MAX) {
			DPS_ASSERT(range->start < range->end && range->end < range[1].start);
			if (missing > UINT32_MAX)
				break;
			if (count > UINT32_MAX)
				oldest = range;
			count = dps_min_u64(count, UINT32_MAX);
		}
		dps_store_be64(at += RANGE_BYTES, missing << 32 | count);
	}
	return (uint16_t)((at - first_at) / RANGE_BYTES + 1);
}

static void encode_channel(const struct dps_ack_channel *channel, uint8_t *at)
{
	dps_store_be32(at, channel->channel);
	dps_store_be32(at + 4, channel->flags);
	dps_store_be64(at + 8, channel->credit);
	dps_store_be64(at + 16, channel->contiguous);
	dps_store_be64(at + 24, channel->stored);
}

size_t dps_ack_encode_of(const struct dps_ack *ack, const struct dps_ranges *received,
			 uint8_t *bytes, size_t room)
{
	uint16_t ranges_count;
	uint8_t *at;

	DPS_ASSERT(room >= DPS_WIRE_ACK_BYTES_MAX);
	DPS_ASSERT(received->count >= 1);
	DPS_ASSERT(ack->channels_count <= DPS_WIRE_CHANNELS_MAX);
	DPS_ASSERT(received->items[received->count - 1].end - 1 == ack->largest);
	ranges_count = encode_ranges(received, bytes + HEAD_BYTES);
	dps_store_be64(bytes, ack->largest);
	dps_store_be32(bytes + 8, ack->ack_delay_us);
	dps_store_be32(bytes + 12, ack->echo_sent_at_us);
	dps_store_be32(bytes + 16, ack->sequence);
	dps_store_be32(bytes + 20, ack->ect0);
	dps_store_be32(bytes + 24, ack->ect1);
	dps_store_be32(bytes + 28, ack->ce);
	dps_store_be16(bytes + 32, ranges_count);
	dps_store_be16(bytes + 34, ack->channels_count);
	dps_store_be32(bytes + 36, 0); /* reserved */
	at = bytes + HEAD_BYTES + ranges_count * RANGE_BYTES;
	for (uint16_t i = 0; i < ack->channels_count; i++, at += CHANNEL_BYTES)
		encode_channel(&ack->channels[i], at);
	return (size_t)(at - bytes);
}

size_t dps_ack_encode(const struct dps_ack *ack, uint8_t *bytes, size_t room)
{
	struct dps_range items[DPS_WIRE_RANGES_MAX];
	struct dps_ranges ranges = { items, ack->ranges_count, DPS_WIRE_RANGES_MAX };

	DPS_ASSERT(ack->ranges_count >= 1 && ack->ranges_count <= DPS_WIRE_RANGES_MAX);
	for (uint32_t i = 0; i < ranges.count; i++)
		items[ranges.count - 1 - i] =
			(struct dps_range){ ack->ranges[i].first, ack->ranges[i].last + 1 };
	return dps_ack_encode_of(ack, &ranges, bytes, room);
}

/* The newest, which ends at largest. */
static int decode_newest(const uint8_t *at, struct dps_ack *ack)
{
	uint64_t count = dps_load_be64(at);

	if (count == 0 || count > UINT32_MAX || count - 1 > ack->largest)
		return -EBADMSG;
	ack->ranges[0].last = ack->largest;
	ack->ranges[0].first = ack->largest - (count - 1);
	return 0;
}

static int decode_channel(const uint8_t *at, struct dps_ack_channel *channel)
{
	channel->channel = dps_load_be32(at);
	channel->flags = dps_load_be32(at + 4);
	channel->credit = dps_load_be64(at + 8);
	channel->contiguous = dps_load_be64(at + 16);
	channel->stored = dps_load_be64(at + 24);
	if (channel->credit > DPS_OFFSET_MAX || channel->contiguous > DPS_OFFSET_MAX ||
	    channel->stored > DPS_OFFSET_MAX)
		return -EBADMSG;
	return 0;
}

int dps_ack_decode_front(const uint8_t *bytes, size_t length, struct dps_ack *ack)
{
	const uint8_t *at = bytes + HEAD_BYTES;

	if (length < HEAD_BYTES)
		return -EBADMSG;
	ack->largest = dps_load_be64(bytes);
	ack->ack_delay_us = dps_load_be32(bytes + 8);
	ack->echo_sent_at_us = dps_load_be32(bytes + 12);
	ack->sequence = dps_load_be32(bytes + 16);
	ack->ect0 = dps_load_be32(bytes + 20);
	ack->ect1 = dps_load_be32(bytes + 24);
	ack->ce = dps_load_be32(bytes + 28);
	ack->ranges_count = dps_load_be16(bytes + 32);
	ack->channels_count = dps_load_be16(bytes + 34);
	if (ack->largest > DPS_PACKET_NUMBER_MAX || ack->ranges_count == 0 ||
	    ack->ranges_count > DPS_WIRE_RANGES_MAX || ack->channels_count > DPS_WIRE_CHANNELS_MAX)
		return -EBADMSG;
	if (length != HEAD_BYTES + (size_t)ack->ranges_count * RANGE_BYTES +
			      (size_t)ack->channels_count * CHANNEL_BYTES)
		return -EBADMSG;
	if (decode_newest(at, ack) < 0)
		return -EBADMSG;
	at += ack->ranges_count * RANGE_BYTES;
	for (uint16_t i = 0; i < ack->channels_count; i++, at += CHANNEL_BYTES)
		if (decode_channel(at, &ack->channels[i]) < 0)
			return -EBADMSG;
	return 0;
}

/* Each leaves a gap and stands below the one before. */
int dps_ack_decode_older(const uint8_t *bytes, struct dps_ack *ack)
{
	struct dps_ack_range *range = ack->ranges, *end = range + ack->ranges_count;
	const uint8_t *at = bytes + HEAD_BYTES;
	uint64_t first = range->first;

	while (++range < end) {
		uint64_t both = dps_load_be64(at += RANGE_BYTES);
		uint64_t missing = both >> 32, count = (uint32_t)both;

		if (missing == 0 || count == 0 || missing + count > first)
			return -EBADMSG;
		range->last = first - missing - 1;
		range->first = first -= missing + count;
	}
	return 0;
}

int dps_ack_decode(const uint8_t *bytes, size_t length, struct dps_ack *ack)
{
	int result = dps_ack_decode_front(bytes, length, ack);

	return result < 0 ? result : dps_ack_decode_older(bytes, ack);
}
