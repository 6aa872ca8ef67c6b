/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * make_pcap: writes a valid capture of an exact size, repeating packets of real captures with
 * running timestamps, or packets made up here.
 *
 * usage: make_pcap OUT.pcap|OUT.pcapng BYTES [SEED [CAPTURE...]]
 *
 * A .pcapng has one interface per capture given (two when packets are made up), a .pcap takes
 * Ethernet packets only. BYTES of a .pcapng is rounded down to a multiple of four. The seed
 * chooses where in the captures it starts and at what time, so that rotated files differ.
 */
#include "tests/support/packets.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINK_ETHERNET = 1,
	SNAP_BYTES = 262144,
	FILLER_BYTES_MIN =
		64, /* the last record is at least this, and at most twice as much more */
	MADE_UP_PACKETS = 4096,
};

struct writer {
	FILE *stream;
	uint64_t room_bytes;
	uint64_t now_us;
	uint32_t overhead_bytes; /* of a record */
	int is_pcapng;
};

uint32_t packets_add_source(struct packets *packets, uint16_t link_type)
{
	if (packets->sources == sizeof(packets->link_types) / sizeof(*packets->link_types)) {
		fprintf(stderr, "make_pcap: too many interfaces\n");
		exit(1);
	}
	packets->link_types[packets->sources] = link_type;
	return packets->sources++;
}

void packets_add(struct packets *packets, const struct packet *packet)
{
	if (packet->captured_bytes == 0 || packet->captured_bytes > SNAP_BYTES - 256)
		return;
	if (packets->count == packets->room) {
		packets->room = packets->room == 0 ? 4096 : 2 * packets->room;
		packets->items = realloc(packets->items, packets->room * sizeof(*packets->items));
		if (packets->items == NULL)
			abort();
	}
	packets->items[packets->count++] = *packet;
}

static void put(struct writer *writer, const void *bytes, size_t count)
{
	if (fwrite(bytes, 1, count, writer->stream) != count) {
		perror("make_pcap: write");
		exit(1);
	}
	writer->room_bytes -= count;
}

static void put_header(struct writer *writer, const struct packets *packets)
{
	if (!writer->is_pcapng) {
		put(writer,
		    (uint32_t[]){ 0xa1b2c3d4, 4 << 16 | 2, 0, 0, SNAP_BYTES, LINK_ETHERNET }, 24);
		return;
	}
	put(writer, (uint32_t[]){ 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX, 28 }, 28);
	for (uint32_t i = 0; i < packets->sources; i++)
		put(writer, (uint32_t[]){ 1, 20, packets->link_types[i], SNAP_BYTES, 20 }, 20);
}

/* How many bytes a record of so many captured bytes takes. */
static uint64_t record_bytes(const struct writer *writer, uint32_t captured_bytes)
{
	uint32_t padded = writer->is_pcapng ? (captured_bytes + 3) & ~3u : captured_bytes;

	return writer->overhead_bytes + padded;
}

/* Bytes past the end of the packet are zeros: the filler of the last record. */
static void put_record(struct writer *writer, const struct packet *packet, uint32_t captured_bytes)
{
	static const uint8_t zeros[SNAP_BYTES];
	uint32_t real =
		packet->captured_bytes < captured_bytes ? packet->captured_bytes : captured_bytes;
	uint32_t original =
		packet->original_bytes > captured_bytes ? packet->original_bytes : captured_bytes;
	uint32_t total = (uint32_t)record_bytes(writer, captured_bytes);

	writer->now_us += packet->after_us;
	if (writer->is_pcapng)
		put(writer,
		    (uint32_t[]){ 6, total, packet->source, (uint32_t)(writer->now_us >> 32),
				  (uint32_t)writer->now_us, captured_bytes, original },
		    28);
	else
		put(writer,
		    (uint32_t[]){ (uint32_t)(writer->now_us / 1000000),
				  (uint32_t)(writer->now_us % 1000000), captured_bytes, original },
		    16);
	put(writer, packet->bytes, real);
	if (!writer->is_pcapng) {
		put(writer, zeros, captured_bytes - real);
		return;
	}
	put(writer, zeros, total - 32 - real);
	put(writer, &total, 4);
}

static void put_records(struct writer *writer, const struct packets *packets, uint64_t seed)
{
	uint64_t least = writer->overhead_bytes + FILLER_BYTES_MIN;
	size_t next = (size_t)(seed * 7919 % packets->count);

	while (writer->room_bytes > 0) {
		const struct packet *packet = &packets->items[next];
		uint64_t want = record_bytes(writer, packet->captured_bytes);

		if (want == writer->room_bytes || want + least <= writer->room_bytes)
			put_record(writer, packet, packet->captured_bytes);
		else
			put_record(writer, packet,
				   (uint32_t)(writer->room_bytes - writer->overhead_bytes));
		next = (next + 1) % packets->count;
	}
}

static void keep_ethernet(struct packets *packets)
{
	size_t kept = 0;

	for (size_t i = 0; i < packets->count; i++)
		if (packets->link_types[packets->items[i].source] == LINK_ETHERNET)
			packets->items[kept++] = packets->items[i];
	packets->count = kept;
}

static void load(struct packets *packets, int is_pcapng, char **paths, int count)
{
	for (int i = 0; i < count; i++) {
		int err = packets_read(packets, paths[i]);

		if (err != 0) {
			fprintf(stderr, "make_pcap: %s: %s\n", paths[i],
				err == -EINVAL ? "not a capture" : strerror(-err));
			exit(1);
		}
	}
	if (!is_pcapng)
		keep_ethernet(packets);
	if (packets->count == 0)
		packets_make(packets, MADE_UP_PACKETS, 2, 1);
}

int main(int argc, char **argv)
{
	static struct packets packets; /* static: in use until the process ends */
	struct writer writer = { 0 };
	const char *dot = argc < 3 ? NULL : strrchr(argv[1], '.');
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;

	if (dot == NULL || (strcmp(dot, ".pcap") != 0 && strcmp(dot, ".pcapng") != 0)) {
		fprintf(stderr, "usage: make_pcap OUT.pcap|OUT.pcapng BYTES [SEED [CAPTURE...]]\n");
		return 2;
	}
	writer.is_pcapng = strcmp(dot, ".pcapng") == 0;
	writer.overhead_bytes = writer.is_pcapng ? 32 : 16;
	writer.now_us = (UINT64_C(1700000000) + 60 * seed) * 1000000;
	writer.room_bytes = strtoull(argv[2], NULL, 10);
	if (writer.is_pcapng)
		writer.room_bytes &= ~UINT64_C(3);

	load(&packets, writer.is_pcapng, argv + 4, argc > 4 ? argc - 4 : 0);
	if (writer.room_bytes < 28 + 20 * (uint64_t)packets.sources + 32 + FILLER_BYTES_MIN) {
		fprintf(stderr, "make_pcap: %s bytes are too few for a capture\n", argv[2]);
		return 2;
	}
	writer.stream = fopen(argv[1], "wb");
	if (writer.stream == NULL) {
		perror(argv[1]);
		return 1;
	}
	setvbuf(writer.stream, NULL, _IOFBF, 1 << 20);
	put_header(&writer, &packets);
	put_records(&writer, &packets, seed);
	if (fclose(writer.stream) != 0) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
