/* SPDX-License-Identifier: BSD-3-Clause */
/* The body of a STREAM_ACK: how far streams came. */
#include "engine/bits.h"
#include "engine/wire.h"
#include <dps/assert.h>
#include <dps/stream_carriage.h>
#include <errno.h>

enum {
	HEAD_BYTES = 8, /* count, and reserved */
	STREAM_BYTES = 24,
	HAS_END = 1,
};

_Static_assert(HEAD_BYTES + DPS_WIRE_STREAMS_MAX * STREAM_BYTES <= DPS_WIRE_BODY_BYTES_MAX,
	       "as many streams as there is room for");

size_t dps_stream_acks_encode(const struct dps_stream_ack *acks, uint32_t count, uint8_t *bytes,
			      size_t room)
{
	uint8_t *at = bytes + HEAD_BYTES;

	DPS_ASSERT(count <= DPS_WIRE_STREAMS_MAX && room >= HEAD_BYTES + count * STREAM_BYTES);
	dps_store_be64(bytes, (uint64_t)count << 48);
	for (uint32_t i = 0; i < count; i++, at += STREAM_BYTES) {
		dps_store_be32(at, acks[i].number);
		dps_store_be32(at + 4, acks[i].has_end ? HAS_END : 0);
		dps_store_be64(at + 8, acks[i].credit);
		dps_store_be64(at + 16, acks[i].contiguous);
	}
	return (size_t)(at - bytes);
}

int dps_stream_acks_decode(const uint8_t *bytes, size_t length, struct dps_stream_ack *acks)
{
	const uint8_t *at = bytes + HEAD_BYTES;
	uint32_t count;

	if (length < HEAD_BYTES)
		return -EBADMSG;
	count = dps_load_be16(bytes);
	if (count > DPS_WIRE_STREAMS_MAX || length != HEAD_BYTES + (size_t)count * STREAM_BYTES)
		return -EBADMSG;
	for (uint32_t i = 0; i < count; i++, at += STREAM_BYTES) {
		acks[i] = (struct dps_stream_ack){
			.number = dps_load_be32(at),
			.has_end = (dps_load_be32(at + 4) & HAS_END) != 0,
			.credit = dps_load_be64(at + 8),
			.contiguous = dps_load_be64(at + 16),
		};
		if (acks[i].credit > DPS_OFFSET_MAX || acks[i].contiguous > DPS_OFFSET_MAX)
			return -EBADMSG;
	}
	return (int)count;
}
