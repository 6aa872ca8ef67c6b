/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wire-pcap: writes a capture with every kind of packet, sound and broken, and says of each on
 * stdout what the engine thinks of it: `ok`, `unknown` or `malformed`.
 * usage: wire_pcap FILE [MUTATIONS SEED]
 */
#include "engine/bits.h"
#include "engine/random.h"
#include "engine/wire.h"
#include <dps/stream_carriage.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	IP_BYTES = 20,
	UDP_BYTES = 8,
	UDP_PORT = 7420,
	LINKTYPE_RAW = 101, /* IP without a link layer */
	PACKET_BYTES_MAX = 2048,
};

static FILE *capture;

static void put(const void *bytes, size_t length)
{
	if (fwrite(bytes, 1, length, capture) != length) {
		perror("wire_pcap");
		exit(1);
	}
}

static void put_file_header(void)
{
	const uint32_t header[] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, LINKTYPE_RAW };

	put(header, sizeof(header));
}

static const char *verdict_of_body(const struct dps_header *header, const uint8_t *bytes,
				   size_t length)
{
	struct dps_ack ack;
	struct dps_probe probe;
	struct dps_close close;
	struct dps_stream_ack streams[DPS_WIRE_STREAMS_MAX];
	size_t digest_bytes = header->flags & DPS_PACKET_DIGEST ? DPS_DIGEST_BYTES : 0;
	int skipped = 0;

	if (header->type < DPS_PACKET_DATA || header->type > DPS_PACKET_STREAM_ACK)
		return "unknown";
	if (header->flags & DPS_PACKET_OPTIONS)
		skipped = dps_options_skip(bytes, length);
	if (skipped < 0)
		return skipped == -EOPNOTSUPP ? "unknown" : "malformed";
	bytes += skipped;
	length -= (size_t)skipped;
	switch (header->type) {
	case DPS_PACKET_DATA:
		return length > digest_bytes ? "ok" : "malformed";
	case DPS_PACKET_ACK:
		return dps_ack_decode(bytes, length, &ack) == 0 ? "ok" : "malformed";
	case DPS_PACKET_PROBE:
	case DPS_PACKET_PING:
		return dps_probe_decode(bytes, length, &probe) == 0 ? "ok" : "malformed";
	case DPS_PACKET_STREAM:
		return "ok";
	case DPS_PACKET_STREAM_ACK:
		return dps_stream_acks_decode(bytes, length, streams) >= 0 ? "ok" : "malformed";
	default:
		return dps_close_decode(bytes, length, &close) == 0 ? "ok" : "malformed";
	}
}

static const char *verdict_of(const uint8_t *packet, size_t length)
{
	struct dps_header header;
	int result = dps_header_decode(packet, length, &header);

	if (result == -EPROTONOSUPPORT)
		return "unknown";
	if (result < 0)
		return "malformed";
	return verdict_of_body(&header, packet + DPS_ENVELOPE_BYTES, header.payload_bytes);
}

/* Writes one datagram with its IPv4 and UDP headers. */
static void put_packet(const uint8_t *packet, size_t length)
{
	static uint32_t seconds;
	uint32_t bytes = (uint32_t)(IP_BYTES + UDP_BYTES + length);
	const uint32_t record[] = { seconds++, 0, bytes, bytes };
	uint8_t headers[IP_BYTES + UDP_BYTES] = { 0x45 };

	dps_store_be16(headers + 2, (uint16_t)bytes);
	headers[8] = 64; /* hops */
	headers[9] = 17; /* UDP */
	dps_store_be32(headers + 12, 0x0a000001);
	dps_store_be32(headers + 16, 0x0a000002);
	dps_store_be16(headers + 20, UDP_PORT);
	dps_store_be16(headers + 22, UDP_PORT);
	dps_store_be16(headers + 24, (uint16_t)(UDP_BYTES + length));
	put(record, sizeof(record));
	put(headers, sizeof(headers));
	put(packet, length);
	puts(verdict_of(packet, length));
}

/* Bit by bit, as RFC 3720 defines it: a second implementation of the seal. */
static uint32_t add_to_crc(uint32_t crc, const uint8_t *bytes, size_t length)
{
	while (length--) {
		crc ^= *bytes++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

/* Completes a packet whose payload stands at 56, and returns its length. */
static size_t finish(struct dps_header *header, uint8_t *packet, size_t payload_bytes)
{
	uint32_t crc;

	header->version = DPS_WIRE_VERSION;
	header->payload_bytes = (uint16_t)payload_bytes;
	dps_header_encode(header, packet);
	crc = add_to_crc(UINT32_MAX, packet, DPS_HEADER_BYTES);
	crc = add_to_crc(crc, packet + DPS_ENVELOPE_BYTES, payload_bytes);
	memset(packet + DPS_HEADER_BYTES, 0, DPS_SEAL_BYTES);
	dps_store_be32(packet + DPS_HEADER_BYTES, ~crc);
	return DPS_ENVELOPE_BYTES + payload_bytes;
}

/* The packets of docs/protocol.md, section 9. */

static size_t make_hello(uint8_t *packet)
{
	struct dps_header header = { .type = DPS_PACKET_DATA,
				     .flags = DPS_PACKET_FIN | DPS_PACKET_DIGEST,
				     .sent_at_us = 1000000,
				     .connection_id = 0x0123456789abcdef,
				     .packet_number = 4,
				     .floor = 2,
				     .channel = 1 };
	XXH128_canonical_t digest;

	XXH128_canonicalFromHash(&digest, XXH3_128bits("hello", 5));
	memcpy(packet + DPS_ENVELOPE_BYTES, digest.digest, sizeof(digest.digest));
	memcpy(packet + DPS_ENVELOPE_BYTES + sizeof(digest.digest), "hello", 5);
	return finish(&header, packet, sizeof(digest.digest) + 5);
}

static size_t make_ack_of_hello(uint8_t *packet)
{
	struct dps_header header = { .type = DPS_PACKET_ACK,
				     .sent_at_us = 77,
				     .connection_id = 0xfedcba9876543210,
				     .packet_number = 3,
				     .floor = 3 };
	struct dps_ack ack = { .largest = 4,
			       .ack_delay_us = 25,
			       .echo_sent_at_us = 1000000,
			       .sequence = 2,
			       .ranges_count = 2,
			       .channels_count = 1,
			       .ranges = { { 3, 4 }, { 0, 1 } },
			       .channels = { { 1, 0, 67108864, 5, 0 } } };

	return finish(&header, packet,
		      dps_ack_encode(&ack, packet + DPS_ENVELOPE_BYTES, DPS_WIRE_BODY_BYTES_MAX));
}

/* Each of the others shows something of its own. */

static size_t make_data_with_options(uint8_t *packet)
{
	static const uint8_t payload[] = { 0x00, 0x05, 0x01, 0x01, 0x55, 'd', 'a', 't', 'a' };
	struct dps_header header = { .type = DPS_PACKET_DATA,
				     .flags = DPS_PACKET_RESENT | DPS_PACKET_ACK_NOW |
					      DPS_PACKET_OPTIONS,
				     .packet_number = UINT64_C(0x300000005),
				     .offset = UINT64_C(0x123456789abcdef0),
				     .floor = UINT32_MAX,
				     .channel = UINT32_MAX };

	memcpy(packet + DPS_ENVELOPE_BYTES, payload, sizeof(payload));
	return finish(&header, packet, sizeof(payload));
}

static size_t make_longest_ack(uint8_t *packet)
{
	struct dps_header header = { .type = DPS_PACKET_ACK };
	struct dps_ack ack = { .largest = DPS_PACKET_NUMBER_MAX,
			       .ect0 = 1,
			       .ect1 = 2,
			       .ce = 3,
			       .ranges_count = DPS_WIRE_RANGES_MAX,
			       .channels_count = DPS_WIRE_CHANNELS_MAX };

	for (uint32_t i = 0; i < DPS_WIRE_RANGES_MAX; i++)
		ack.ranges[i] = (struct dps_ack_range){ DPS_PACKET_NUMBER_MAX - 10 * i - 4,
							DPS_PACKET_NUMBER_MAX - 10 * i };
	for (uint32_t i = 0; i < DPS_WIRE_CHANNELS_MAX; i++)
		ack.channels[i] = (struct dps_ack_channel){ i, 0, DPS_OFFSET_MAX, i, 0 };
	return finish(&header, packet,
		      dps_ack_encode(&ack, packet + DPS_ENVELOPE_BYTES, DPS_WIRE_BODY_BYTES_MAX));
}

static size_t make_probe(uint8_t *packet)
{
	struct dps_header header = { .type = DPS_PACKET_PROBE, .packet_number = 9, .channel = 3 };
	const struct dps_probe probe = { .smoothed_rtt_us = 250, .challenge = 0x1122334455667788 };
	const size_t payload_bytes = 1172 - DPS_ENVELOPE_BYTES;

	memset(packet + DPS_ENVELOPE_BYTES, 0, payload_bytes);
	dps_probe_encode(&probe, packet + DPS_ENVELOPE_BYTES, payload_bytes);
	return finish(&header, packet, payload_bytes);
}

static size_t make_ping(uint8_t *packet)
{
	struct dps_header header = { .type = DPS_PACKET_PING, .packet_number = 10 };
	const struct dps_probe probe = { .answer = 0x1122334455667788 };

	return finish(&header, packet,
		      dps_probe_encode(&probe, packet + DPS_ENVELOPE_BYTES, DPS_WIRE_PROBE_BYTES));
}

static size_t make_close(uint8_t *packet)
{
	struct dps_header header = { .type = DPS_PACKET_CLOSE, .packet_number = 11 };
	const struct dps_close close = { .reason = DPS_CLOSE_SUPERSEDED };

	return finish(&header, packet, dps_close_encode(&close, packet + DPS_ENVELOPE_BYTES, 4));
}

static size_t make_reserved(uint8_t *packet)
{
	struct dps_header header = { .type = 15, .packet_number = 12 };

	return finish(&header, packet, 0);
}

static size_t make_stream(uint8_t *packet)
{
	struct dps_header header = {
		.type = DPS_PACKET_STREAM,
		.flags = DPS_PACKET_FIN,
		.packet_number = 13,
		.offset = 70000,
		.channel = 6,
	};

	memcpy(packet + DPS_ENVELOPE_BYTES, "bytes", 5);
	return finish(&header, packet, 5);
}

static size_t make_stream_ack(uint8_t *packet)
{
	const struct dps_stream_ack acks[] = {
		{ .number = 6, .credit = 131072, .contiguous = 70005, .has_end = true },
		{ .number = 9, .credit = 65536 },
	};
	struct dps_header header = { .type = DPS_PACKET_STREAM_ACK, .packet_number = 14 };

	return finish(&header, packet,
		      dps_stream_acks_encode(acks, 2, packet + DPS_ENVELOPE_BYTES, 56));
}

static size_t make_damaged(uint8_t *packet)
{
	size_t length = make_hello(packet);

	packet[DPS_ENVELOPE_BYTES] ^= 1;
	return length;
}

static size_t make_broken_ack(uint8_t *packet)
{
	size_t length = make_ack_of_hello(packet);

	packet[DPS_ENVELOPE_BYTES + 55] = 3; /* the second range: 1 .. -1 */
	return length;
}

static size_t make_ack_with_gap_to_zero(uint8_t *packet)
{
	size_t length = make_ack_of_hello(packet);

	packet[DPS_ENVELOPE_BYTES + 51] =
		3; /* 2 .. 0 missing: no number is left for the second range */
	return length;
}

static size_t make_digest_alone(uint8_t *packet)
{
	struct dps_header header = { .type = DPS_PACKET_DATA, .flags = DPS_PACKET_DIGEST };

	return finish(&header, packet, DPS_DIGEST_BYTES);
}

static size_t make_other_version(uint8_t *packet)
{
	size_t length = make_hello(packet);

	packet[0] = 0x21;
	return length;
}

static size_t make_short(uint8_t *packet)
{
	return make_hello(packet) - 22;
}

static size_t (*const makers[])(uint8_t *packet) = {
	make_hello,
	make_ack_of_hello,
	make_data_with_options,
	make_longest_ack,
	make_probe,
	make_ping,
	make_close,
	make_reserved,
	make_damaged,
	make_broken_ack,
	make_other_version,
	make_short,
	make_ack_with_gap_to_zero,
	make_digest_alone,
	make_stream,
	make_stream_ack,
};

enum { MAKERS_COUNT = sizeof(makers) / sizeof(makers[0]) };

/* Packets with some bytes changed or the end cut off, mostly where it matters. */
static void put_mutations(uint64_t count, uint64_t seed)
{
	struct dps_random random;

	dps_random_init(&random, seed);
	while (count--) {
		uint8_t packet[PACKET_BYTES_MAX];
		size_t length = makers[dps_random_below(&random, MAKERS_COUNT)](packet);

		for (uint64_t n = dps_random_below(&random, 4); n != 0; n--) {
			uint64_t span = dps_random_chance(&random, 1, 2) ? 112 : length;

			/* Small values, too: ranges and counts are nearly right with them. */
			uint64_t values = dps_random_chance(&random, 1, 2) ? 6 : 256;

			if (span <= length)
				packet[dps_random_below(&random, span)] =
					(uint8_t)dps_random_below(&random, values);
		}
		if (dps_random_chance(&random, 1, 4)) {
			/* At least a byte: tshark asks no dissector about nothing. */
			length = 1 + dps_random_below(&random, length);
			/* Half of them say so, so that what is behind the header is judged. */
			if (length >= DPS_ENVELOPE_BYTES && dps_random_chance(&random, 1, 2))
				dps_store_be16(packet + 2, (uint16_t)(length - DPS_ENVELOPE_BYTES));
		}
		put_packet(packet, length);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: wire_pcap FILE [MUTATIONS SEED]\n");
		return 2;
	}
	capture = fopen(argv[1], "wb");
	if (capture == NULL) {
		perror(argv[1]);
		return 1;
	}
	put_file_header();
	if (argc == 4) {
		put_mutations(strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
	} else {
		for (size_t i = 0; i < MAKERS_COUNT; i++) {
			uint8_t packet[PACKET_BYTES_MAX];

			put_packet(packet, makers[i](packet));
		}
	}
	if (fclose(capture) != 0) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
