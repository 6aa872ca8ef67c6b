/* SPDX-License-Identifier: BSD-3-Clause */
/* Wire: what a packet looks like, both directions of each message side by side (docs/protocol.md).
 */
#pragma once
#include "engine/bits.h"
#include "engine/ranges.h"
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum dps_wire_limits {
	DPS_WIRE_VERSION = 1,
	DPS_WIRE_RANGES_MAX = 64,     /* in one ACK */
	DPS_WIRE_CHANNELS_MAX = 16,   /* in one ACK */
	DPS_WIRE_STREAMS_MAX = 47,    /* in one STREAM_ACK */
	DPS_WIRE_ACK_HEAD_BYTES = 40, /* in front of the ranges */
	DPS_WIRE_RANGE_BYTES = 8,
	DPS_WIRE_ACK_BYTES_MAX = DPS_WIRE_ACK_HEAD_BYTES +
				 DPS_WIRE_RANGES_MAX * DPS_WIRE_RANGE_BYTES +
				 DPS_WIRE_CHANNELS_MAX * 32,
	DPS_WIRE_PROBE_BYTES = 24,
	DPS_WIRE_BODY_BYTES_MAX =
		1152, /* of every packet that is not DATA, padding of a probe aside */
};

struct dps_stream_ack;

/* No packet number passes it: key phases fit 32 bits, and a path lasts 57 years at 10 M packets/s.
 */
#define DPS_PACKET_NUMBER_MAX ((UINT64_C(1) << 54) - 1)

enum dps_packet_type {
	DPS_PACKET_DATA = 1,
	DPS_PACKET_ACK = 2,
	DPS_PACKET_PROBE = 3, /* padded to a size; asks for an ACK: path and MTU, credit, timeout */
	DPS_PACKET_PING = 4,  /* the same without padding: keeps a silent path alive */
	DPS_PACKET_CLOSE = 5,
	DPS_PACKET_STREAM = 6, /* a slice of a stream; without bytes or end: asks how far it came */
	DPS_PACKET_STREAM_ACK = 7,
	DPS_PACKET_TYPES_COUNT = 16,
};

enum dps_packet_flag {
	DPS_PACKET_ACK_NOW = 0x01, /* acknowledge at the end of this burst */
	DPS_PACKET_FIN = 0x02,	   /* ends with the last byte of the channel, or of the stream */
	DPS_PACKET_RESENT = 0x04,  /* carries bytes that were sent before; statistics only */
	DPS_PACKET_DIGEST = 0x08, /* DATA: ends a piece, whose digest stands in front of the data */
	DPS_PACKET_BLOCKED = 0x10, /* DATA, STREAM: uses up the credit, and more is to be sent */
	DPS_PACKET_ASTRAY =
		0x20, /* PROBE, PING: yours come to the wrong queue here; use another port */
	DPS_PACKET_OPTIONS = 0x80, /* the payload starts with a chain of options */
};

/* The 40 bytes in front of every packet, all of them sealed. */
struct dps_header {
	uint8_t version;
	uint8_t type;
	uint8_t flags;
	uint16_t payload_bytes;
	uint32_t sent_at_us;	/* sender's clock, wraps */
	uint64_t connection_id; /* chosen by the receiver */
	uint64_t packet_number;
	uint64_t offset;
	uint32_t floor; /* low 32 bits of the lowest packet number the sender still waits for */
	uint32_t channel;
};

/* Key phase: which key of the epoch seals a packet. */
static inline uint32_t dps_wire_key_phase(uint64_t packet_number)
{
	return (uint32_t)(packet_number >> 22);
}

static inline uint64_t dps_wire_first_of_phase(uint64_t phase)
{
	return phase << 22;
}

void dps_header_encode(const struct dps_header *header, uint8_t bytes[DPS_HEADER_BYTES]);

/*
 * The header of packets that differ in number and offset only, as it was encoded of any of them:
 * kept in registers, and written out with the two for each.
 */
struct dps_header_template {
	uint64_t front[2], back; /* bytes 0..15 and 32..39 */
};

static inline struct dps_header_template dps_header_template_of(const struct dps_header *header)
{
	struct dps_header_template template;
	uint8_t bytes[DPS_HEADER_BYTES];

	dps_header_encode(header, bytes);
	memcpy(template.front, bytes, sizeof(template.front));
	memcpy(&template.back, bytes + 32, sizeof(template.back));
	return template;
}

static inline void dps_header_fill(const struct dps_header_template *template, uint64_t number,
				   uint64_t offset, uint8_t *bytes)
{
	memcpy(bytes, template->front, sizeof(template->front));
	dps_store_be64(bytes + 16, number);
	dps_store_be64(bytes + 24, offset);
	memcpy(bytes + 32, &template->back, sizeof(template->back));
}

/*
 * Decodes the front of a packet of so many bytes in all.
 * Errors: -EBADMSG too short, payload_bytes does not match the length or is past
 * DPS_PAYLOAD_BYTES_MAX, or offset or packet number are past their last; -EPROTONOSUPPORT
 * another version (the other fields are not looked at).
 */
int dps_header_decode(const uint8_t *bytes, size_t length, struct dps_header *header);

/* What of a header that was decoded is of interest only when the packet turned out good. */
static inline uint32_t dps_header_peek_floor(const uint8_t *bytes)
{
	return dps_load_be32(bytes + 32);
}

static inline uint32_t dps_header_peek_sent_at_us(const uint8_t *bytes)
{
	return dps_load_be32(bytes + 4);
}

/*
 * Rebuilds the sender's floor from its low 32 bits: the highest candidate <= packet_number, or
 * 0 (which prunes nothing) when there is none.
 */
uint64_t dps_header_floor(const struct dps_header *header);

/* What the receiver says of one channel; offsets only ever rise. */
struct dps_ack_channel {
	uint32_t channel;
	uint32_t flags;	     /* reserved, zero */
	uint64_t credit;     /* the sender may send bytes below this offset */
	uint64_t contiguous; /* every byte below was received */
	uint64_t stored;     /* every byte below is on disk, fsynced and journalled */
};

struct dps_ack_range {
	uint64_t first;
	uint64_t last;
};

struct dps_ack {
	uint64_t largest;
	uint32_t ack_delay_us;	  /* from the arrival of largest to this packet */
	uint32_t echo_sent_at_us; /* sent_at_us of largest */
	uint32_t sequence;	  /* counts the ACKs of a path */
	uint32_t ect0, ect1, ce;  /* packets seen with each ECN mark */
	uint16_t ranges_count;	  /* newest first; the first ends at largest; at least one */
	uint16_t channels_count;
	struct dps_ack_range ranges[DPS_WIRE_RANGES_MAX];
	struct dps_ack_channel channels[DPS_WIRE_CHANNELS_MAX];
};

/*
 * Encodes into room bytes (at least DPS_WIRE_ACK_BYTES_MAX) and returns the bytes used. Gaps and
 * ranges are u32 on the wire: a range of 2^32 numbers or more keeps its newest, and the ranges
 * below it or below such a gap are left out.
 */
size_t dps_ack_encode(const struct dps_ack *ack, uint8_t *bytes, size_t room);

/* The same with the newest of a set of packet numbers in place of the ranges in ack. */
size_t dps_ack_encode_of(const struct dps_ack *ack, const struct dps_ranges *received,
			 uint8_t *bytes, size_t room);

/*
 * Errors: -EBADMSG when the counts do not match the length, a range is empty, touches or
 * overlaps its neighbour or runs below zero, or a number or offset is past its last.
 */
int dps_ack_decode(const uint8_t *bytes, size_t length, struct dps_ack *ack);

/*
 * The same in two steps, for those who may know the older ranges already: first all but ranges[1]
 * and up, then these. What they are depends on ranges[0].first and their own bytes alone.
 */
int dps_ack_decode_front(const uint8_t *bytes, size_t length, struct dps_ack *ack);
int dps_ack_decode_older(const uint8_t *bytes, struct dps_ack *ack);

/*
 * The body of a STREAM_ACK: of at most DPS_WIRE_STREAMS_MAX streams how far they came; offsets only
 * ever rise. Encodes into room bytes (1136 are enough) and returns the bytes used; decodes into as
 * many places and returns how many. Errors: -EBADMSG when the count does not match the length, or
 * an offset is past its last.
 */
size_t dps_stream_acks_encode(const struct dps_stream_ack *acks, uint32_t count, uint8_t *bytes,
			      size_t room);
int dps_stream_acks_decode(const uint8_t *bytes, size_t length, struct dps_stream_ack *acks);

/* The body of PROBE and PING; what follows it is padding. */
struct dps_probe {
	uint32_t smoothed_rtt_us; /* the sender's, 0 when not measured: sets the peer's ACK delay */
	uint32_t flags;		  /* reserved, zero */
	uint64_t challenge;	  /* to be sent back; 0 for none */
	uint64_t answer;	  /* the peer's challenge; 0 for none */
};

/* At least DPS_WIRE_PROBE_BYTES of room. Decoding fails with -EBADMSG on fewer bytes than the body
 * has. */
size_t dps_probe_encode(const struct dps_probe *probe, uint8_t *bytes, size_t room);
int dps_probe_decode(const uint8_t *bytes, size_t length, struct dps_probe *probe);

struct dps_close {
	uint32_t reason; /* enum dps_close_reason; unknown ones are kept as they are */
};

/* At least 4 bytes of room. Decoding fails with -EBADMSG on fewer, and ignores what follows. */
size_t dps_close_encode(const struct dps_close *close, uint8_t *bytes, size_t room);
int dps_close_decode(const uint8_t *bytes, size_t length, struct dps_close *close);

/*
 * Steps over the options in front of a payload (flag DPS_PACKET_OPTIONS): u16 bytes of the whole
 * chain, itself included, then {u8 type, u8 bytes of the value, value}; a type with the top bit set
 * must be understood.
 * Returns the bytes to step over. Errors: -EBADMSG; -EOPNOTSUPP for one that must be
 * understood and is not.
 */
int dps_options_skip(const uint8_t *bytes, size_t length);
