/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/wire.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>

enum {
	CLOSE_BYTES = 4,
	OPTIONS_HEAD_BYTES = 2, /* length of the chain */
	OPTION_HEAD_BYTES = 2,	/* type and length of the value */
	OPTION_MUST_BE_UNDERSTOOD = 0x80,
};

/* The header lies in five 8-byte words, so that either direction is a few loads, swaps and stores.
 */

void dps_header_encode(const struct dps_header *header, uint8_t bytes[DPS_HEADER_BYTES])
{
	DPS_ASSERT((header->version | header->type) < 16);
	dps_store_be64(bytes, (uint64_t)header->version << 60 | (uint64_t)header->type << 56 |
				      (uint64_t)header->flags << 48 |
				      (uint64_t)header->payload_bytes << 32 | header->sent_at_us);
	dps_store_be64(bytes + 8, header->connection_id);
	dps_store_be64(bytes + 16, header->packet_number);
	dps_store_be64(bytes + 24, header->offset);
	dps_store_be32(bytes + 32, header->floor);
	dps_store_be32(bytes + 36, header->channel);
}

int dps_header_decode(const uint8_t *bytes, size_t length, struct dps_header *header)
{
	uint64_t first;

	if (length < DPS_ENVELOPE_BYTES)
		return -EBADMSG;
	first = dps_load_be64(bytes);
	if (first >> 60 != DPS_WIRE_VERSION)
		return -EPROTONOSUPPORT;
	header->version = (uint8_t)(first >> 60);
	header->type = (uint8_t)(first >> 56 & 15);
	header->flags = (uint8_t)(first >> 48);
	header->payload_bytes = (uint16_t)(first >> 32);
	header->sent_at_us = (uint32_t)first;
	header->connection_id = dps_load_be64(bytes + 8);
	header->packet_number = dps_load_be64(bytes + 16);
	header->offset = dps_load_be64(bytes + 24);
	header->floor = dps_load_be32(bytes + 32);
	header->channel = dps_load_be32(bytes + 36);
	/* A number is past its last when a bit above it is set. */
	if (((header->payload_bytes ^ (length - DPS_ENVELOPE_BYTES)) |
	     (header->packet_number & ~DPS_PACKET_NUMBER_MAX)) != 0 ||
	    header->payload_bytes > DPS_PAYLOAD_BYTES_MAX || header->offset > DPS_OFFSET_MAX)
		return -EBADMSG;
	return 0;
}

uint64_t dps_header_floor(const struct dps_header *header)
{
	uint32_t behind = (uint32_t)header->packet_number - header->floor;

	return behind <= header->packet_number ? header->packet_number - behind : 0;
}

size_t dps_probe_encode(const struct dps_probe *probe, uint8_t *bytes, size_t room)
{
	DPS_ASSERT(room >= DPS_WIRE_PROBE_BYTES);
	dps_store_be32(bytes, probe->smoothed_rtt_us);
	dps_store_be32(bytes + 4, probe->flags);
	dps_store_be64(bytes + 8, probe->challenge);
	dps_store_be64(bytes + 16, probe->answer);
	return DPS_WIRE_PROBE_BYTES;
}

int dps_probe_decode(const uint8_t *bytes, size_t length, struct dps_probe *probe)
{
	if (length < DPS_WIRE_PROBE_BYTES)
		return -EBADMSG;
	probe->smoothed_rtt_us = dps_load_be32(bytes);
	probe->flags = dps_load_be32(bytes + 4);
	probe->challenge = dps_load_be64(bytes + 8);
	probe->answer = dps_load_be64(bytes + 16);
	return 0;
}

size_t dps_close_encode(const struct dps_close *close, uint8_t *bytes, size_t room)
{
	DPS_ASSERT(room >= CLOSE_BYTES);
	dps_store_be32(bytes, close->reason);
	return CLOSE_BYTES;
}

int dps_close_decode(const uint8_t *bytes, size_t length, struct dps_close *close)
{
	if (length < CLOSE_BYTES)
		return -EBADMSG;
	close->reason = dps_load_be32(bytes);
	return 0;
}

int dps_options_skip(const uint8_t *bytes, size_t length)
{
	bool is_understood = true;
	size_t chain_bytes, at;

	if (length < OPTIONS_HEAD_BYTES)
		return -EBADMSG;
	chain_bytes = dps_load_be16(bytes);
	if (chain_bytes < OPTIONS_HEAD_BYTES || chain_bytes > length)
		return -EBADMSG;
	for (at = OPTIONS_HEAD_BYTES; at < chain_bytes;) {
		if (chain_bytes - at < OPTION_HEAD_BYTES ||
		    chain_bytes - at - OPTION_HEAD_BYTES < bytes[at + 1])
			return -EBADMSG;
		/* No option is defined yet, so every one is unknown. */
		if (bytes[at] & OPTION_MUST_BE_UNDERSTOOD)
			is_understood = false;
		at += OPTION_HEAD_BYTES + (size_t)bytes[at + 1];
	}
	return is_understood ? (int)chain_bytes : -EOPNOTSUPP;
}
