/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads pcap (either byte order, µs or ns) and pcapng (this machine's byte order). */
#include "tests/support/packets.h"
#include <byteswap.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	GAP_US_MAX = 1000000,
	FILE_HEADER_BYTES = 24,
	RECORD_HEADER_BYTES = 16,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	BLOCK_OVERHEAD_BYTES = 12,
	PACKET_HEADER_BYTES = 20,
};

struct bytes {
	const uint8_t *at;
	size_t count;
	bool is_swapped;
};

static uint32_t u32(const struct bytes *file, size_t offset)
{
	uint32_t value;

	memcpy(&value, file->at + offset, sizeof(value));
	return file->is_swapped ? bswap_32(value) : value;
}

static int read_file(const char *path, struct bytes *file)
{
	FILE *stream = fopen(path, "rb");
	uint8_t *memory = NULL;
	long size = -1;

	if (stream == NULL)
		return -errno;
	if (fseek(stream, 0, SEEK_END) == 0)
		size = ftell(stream);
	rewind(stream);
	if (size > 0)
		memory = malloc((size_t)size);
	if (memory == NULL || fread(memory, 1, (size_t)size, stream) != (size_t)size) {
		free(memory);
		fclose(stream);
		return -EIO;
	}
	fclose(stream);
	*file = (struct bytes){ .at = memory, .count = (size_t)size };
	return 0;
}

static uint64_t gap_us(uint64_t *last_us, uint64_t at_us)
{
	uint64_t gap = at_us > *last_us ? at_us - *last_us : 0;

	*last_us = at_us;
	return gap < GAP_US_MAX ? gap : GAP_US_MAX;
}

static void read_pcap(struct packets *packets, const struct bytes *file, bool is_ns)
{
	uint32_t source = packets_add_source(packets, (uint16_t)u32(file, 20));
	uint64_t last_us = UINT64_MAX;
	size_t offset = FILE_HEADER_BYTES;

	while (file->count - offset >= RECORD_HEADER_BYTES) {
		uint64_t fraction = u32(file, offset + 4);
		uint64_t at_us = UINT64_C(1000000) * u32(file, offset) +
				 (is_ns ? fraction / 1000 : fraction);
		uint32_t captured = u32(file, offset + 8);

		if (captured > file->count - offset - RECORD_HEADER_BYTES)
			break;
		packets_add(packets, &(struct packet){
					     .bytes = file->at + offset + RECORD_HEADER_BYTES,
					     .captured_bytes = captured,
					     .original_bytes = u32(file, offset + 12),
					     .source = source,
					     .after_us = gap_us(&last_us, at_us),
				     });
		offset += RECORD_HEADER_BYTES + captured;
	}
}

static void read_packet_block(struct packets *packets, const struct bytes *file, size_t offset,
			      uint32_t length, uint32_t first_source, uint64_t *last_us)
{
	uint32_t captured = u32(file, offset + 20);
	uint32_t source = first_source + u32(file, offset + 8);

	if (captured > length - BLOCK_OVERHEAD_BYTES - PACKET_HEADER_BYTES ||
	    source >= packets->sources)
		return;
	packets_add(packets,
		    &(struct packet){
			    .bytes = file->at + offset + 28,
			    .captured_bytes = captured,
			    .original_bytes = u32(file, offset + 24),
			    .source = source,
			    .after_us = gap_us(last_us, (uint64_t)u32(file, offset + 12) << 32 |
								u32(file, offset + 16)),
		    });
}

static void read_pcapng(struct packets *packets, const struct bytes *file)
{
	uint32_t first_source = packets->sources;
	uint64_t last_us = UINT64_MAX;
	size_t offset = 0;

	while (file->count - offset >= BLOCK_OVERHEAD_BYTES) {
		uint32_t type = u32(file, offset);
		uint32_t length = u32(file, offset + 4);

		if (length < BLOCK_OVERHEAD_BYTES || length % 4 != 0 ||
		    length > file->count - offset)
			break;
		if (type == BLOCK_INTERFACE && length >= BLOCK_OVERHEAD_BYTES + 8)
			packets_add_source(packets, (uint16_t)u32(file, offset + 8));
		if (type == BLOCK_PACKET && length >= BLOCK_OVERHEAD_BYTES + PACKET_HEADER_BYTES)
			read_packet_block(packets, file, offset, length, first_source, &last_us);
		offset += length;
	}
}

int packets_read(struct packets *packets, const char *path)
{
	struct bytes file = { 0 };
	size_t before = packets->count;
	int err = read_file(path, &file);

	if (err != 0)
		return err;
	if (file.count < FILE_HEADER_BYTES)
		return -EINVAL;

	switch (u32(&file, 0)) {
	case 0xd4c3b2a1:
	case 0x4d3cb2a1:
		file.is_swapped = true;
		break;
	}
	switch (u32(&file, 0)) {
	case 0xa1b2c3d4:
		read_pcap(packets, &file, false);
		break;
	case 0xa1b23c4d:
		read_pcap(packets, &file, true);
		break;
	case 0x0a0d0d0a:
		read_pcapng(packets, &file);
		break;
	}
	return packets->count > before ? 0 : -EINVAL;
}
