/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/live/capture_end.h"
#include "engine/bits.h"
#include <string.h>

enum part {
	PART_MAGIC, /* nothing is known yet */
	PART_FILE_HEADER,
	PART_PACKET,  /* pcap: its header */
	PART_BLOCK,   /* pcapng: type and length */
	PART_SECTION, /* ... and of a section header the byte order, in which its length is */
	PART_NONE,    /* no capture */
};

enum {
	MAGIC_BYTES = 4,
	FILE_HEADER_BYTES = 24,
	PACKET_HEADER_BYTES = 16,
	PACKET_LENGTH_AT = 8,
	BLOCK_HEAD_BYTES = 8,
	BLOCK_LENGTH_AT = 4,
	BLOCK_BYTES_MIN = 12,
	SECTION_HEAD_BYTES = 12,
	SECTION_ORDER_AT = 8,
};

static const uint32_t pcap_us = 0xa1b2c3d4;
static const uint32_t pcap_ns = 0xa1b23c4d;
static const uint32_t pcapng_section = 0x0a0d0d0a; /* the same from both ends */
static const uint32_t pcapng_order = 0x1a2b3c4d;

static uint32_t load_le32(const uint8_t *at)
{
	return __builtin_bswap32(dps_load_be32(at));
}

static uint32_t number_at(const struct dps_capture_end *capture, unsigned int at)
{
	const uint8_t *bytes = capture->head + at;

	return capture->is_big_endian ? dps_load_be32(bytes) : load_le32(bytes);
}

static void next(struct dps_capture_end *capture, enum part part, uint8_t head_bytes)
{
	capture->part = part;
	capture->head_bytes = 0;
	capture->head_wants = head_bytes;
}

/* What is gathered of the head is its beginning. */
static void goes_on(struct dps_capture_end *capture, enum part part, uint8_t head_bytes)
{
	capture->part = part;
	capture->head_wants = head_bytes;
}

static bool is_pcap(uint32_t magic)
{
	return magic == pcap_us || magic == pcap_ns;
}

static void on_magic(struct dps_capture_end *capture)
{
	capture->is_big_endian = is_pcap(dps_load_be32(capture->head));
	if (capture->is_big_endian || is_pcap(load_le32(capture->head)))
		goes_on(capture, PART_FILE_HEADER, FILE_HEADER_BYTES);
	else if (dps_load_be32(capture->head) == pcapng_section)
		goes_on(capture, PART_BLOCK, BLOCK_HEAD_BYTES);
	else
		next(capture, PART_NONE, 0);
}

static void on_packet(struct dps_capture_end *capture)
{
	uint32_t bytes = number_at(capture, PACKET_LENGTH_AT);

	if (bytes > DPS_CAPTURE_RECORD_BYTES_MAX) {
		next(capture, PART_NONE, 0);
		return;
	}
	capture->body_bytes = bytes;
	next(capture, PART_PACKET, PACKET_HEADER_BYTES);
}

/* Its length counts the head, too. */
static void on_block(struct dps_capture_end *capture)
{
	uint32_t bytes = number_at(capture, BLOCK_LENGTH_AT);

	if (bytes < BLOCK_BYTES_MIN || bytes % 4 != 0 || bytes > DPS_CAPTURE_RECORD_BYTES_MAX) {
		next(capture, PART_NONE, 0);
		return;
	}
	capture->body_bytes = bytes - capture->head_bytes;
	next(capture, PART_BLOCK, BLOCK_HEAD_BYTES);
}

static void on_section(struct dps_capture_end *capture)
{
	capture->is_big_endian = dps_load_be32(capture->head + SECTION_ORDER_AT) == pcapng_order;
	if (capture->is_big_endian || load_le32(capture->head + SECTION_ORDER_AT) == pcapng_order)
		on_block(capture);
	else
		next(capture, PART_NONE, 0);
}

static void on_head(struct dps_capture_end *capture)
{
	switch ((enum part)capture->part) {
	case PART_MAGIC:
		on_magic(capture);
		break;
	case PART_FILE_HEADER:
		next(capture, PART_PACKET, PACKET_HEADER_BYTES);
		break;
	case PART_PACKET:
		on_packet(capture);
		break;
	case PART_BLOCK:
		if (dps_load_be32(capture->head) == pcapng_section)
			goes_on(capture, PART_SECTION, SECTION_HEAD_BYTES);
		else
			on_block(capture);
		break;
	case PART_SECTION:
		on_section(capture);
		break;
	case PART_NONE:
		break;
	}
}

void dps_capture_end_init(struct dps_capture_end *capture)
{
	memset(capture, 0, sizeof(*capture));
	next(capture, PART_MAGIC, MAGIC_BYTES);
}

void dps_capture_end_add(struct dps_capture_end *capture, const uint8_t *bytes, size_t count)
{
	while (count > 0 && capture->part != PART_NONE) {
		size_t taken = dps_min_u64(count, capture->body_bytes);

		capture->body_bytes -= (uint32_t)taken;
		bytes += taken;
		count -= taken;
		taken = dps_min_u64(count, capture->head_wants - capture->head_bytes);
		memcpy(capture->head + capture->head_bytes, bytes, taken);
		capture->head_bytes += (uint8_t)taken;
		bytes += taken;
		count -= taken;
		if (capture->head_bytes == capture->head_wants)
			on_head(capture);
	}
}

bool dps_capture_end_is_cut(const struct dps_capture_end *capture)
{
	if (capture->part == PART_NONE || capture->part == PART_MAGIC)
		return false;
	return capture->head_bytes > 0 || capture->body_bytes > 0;
}
