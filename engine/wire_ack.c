/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include "engine/wire.h"
#include <dps/assert.h>
#include <errno.h>

enum {
	HEAD_BYTES = 40,
	RANGE_BYTES = 8,
	CHANNEL_BYTES = 32,
};

_Static_assert(DPS_WIRE_ACK_BYTES_MAX == HEAD_BYTES + DPS_WIRE_RANGES_MAX * RANGE_BYTES +
						 DPS_WIRE_CHANNELS_MAX * CHANNEL_BYTES,
	       "the longest acknowledgement");
_Static_assert(DPS_WIRE_ACK_BYTES_MAX <= DPS_WIRE_BODY_BYTES_MAX, "fits every path");

static void store_range(uint8_t *at, uint64_t missing, uint64_t more)
{
	dps_store_be64(at, missing << 32 | (dps_min_u64(more, UINT32_MAX - 1) + 1));
}

/*
 * Writes the ranges as {missing above it, numbers in it} and returns how many. What is 2^32 or
 * further apart is left out with all that is older: the sender has long ceased to wait for it.
 */
static uint16_t encode_ranges(const struct dps_ack *ack, uint8_t *at)
{
	const struct dps_ack_range *range = ack->ranges;
	uint64_t more = range->last - range->first; /* numbers in it but for the last */
	uint16_t count = 1;

	DPS_ASSERT(range->first <= range->last);
	store_range(at, 0, more);
	for (; more < UINT32_MAX && count < ack->ranges_count; count++) {
		uint64_t missing = range->first - range[1].last - 1;

		range++;
		more = range->last - range->first;
		/* Also true of ranges that are not in order, or touch: their differences wrap. */
		if (((missing - 1) | more) >= UINT32_MAX) {
			DPS_ASSERT(range->first <= range->last);
			DPS_ASSERT(range->last < range[-1].first - 1);
			if (missing > UINT32_MAX)
				break;
		}
		store_range(at += RANGE_BYTES, missing, more);
	}
	return count;
}

static void encode_channel(const struct dps_ack_channel *channel, uint8_t *at)
{
	dps_store_be32(at, channel->channel);
	dps_store_be32(at + 4, channel->flags);
	dps_store_be64(at + 8, channel->credit);
	dps_store_be64(at + 16, channel->contiguous);
	dps_store_be64(at + 24, channel->stored);
}

size_t dps_ack_encode(const struct dps_ack *ack, uint8_t *bytes, size_t room)
{
	uint16_t ranges_count;
	uint8_t *at;

	DPS_ASSERT(room >= DPS_WIRE_ACK_BYTES_MAX);
	DPS_ASSERT(ack->ranges_count >= 1 && ack->ranges_count <= DPS_WIRE_RANGES_MAX);
	DPS_ASSERT(ack->channels_count <= DPS_WIRE_CHANNELS_MAX);
	DPS_ASSERT(ack->ranges[0].last == ack->largest);
	ranges_count = encode_ranges(ack, bytes + HEAD_BYTES);
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

static int decode_ranges(const uint8_t *at, struct dps_ack *ack)
{
	struct dps_ack_range *range = ack->ranges, *end = range + ack->ranges_count;
	uint64_t first = dps_load_be64(at);

	/* The first ends at largest; the others leave a gap and stand below the one before. */
	if (first == 0 || first > UINT32_MAX || first - 1 > ack->largest)
		return -EBADMSG;
	range->last = ack->largest;
	range->first = first = ack->largest - (first - 1);
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

int dps_ack_decode(const uint8_t *bytes, size_t length, struct dps_ack *ack)
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
	if (decode_ranges(at, ack) < 0)
		return -EBADMSG;
	at += ack->ranges_count * RANGE_BYTES;
	for (uint16_t i = 0; i < ack->channels_count; i++, at += CHANNEL_BYTES)
		if (decode_channel(at, &ack->channels[i]) < 0)
			return -EBADMSG;
	return 0;
}
