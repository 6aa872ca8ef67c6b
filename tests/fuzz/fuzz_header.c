/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/wire.h"
#include "tests/fuzz/fuzz.h"
#include <dps/assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[DPS_HEADER_BYTES];
	struct dps_header header;
	uint64_t floor;
	int result = dps_header_decode(data, size, &header);

	DPS_ASSERT(result == 0 || result == -EBADMSG || result == -EPROTONOSUPPORT);
	if (result < 0)
		return 0;
	DPS_ASSERT(header.version == DPS_WIRE_VERSION);
	DPS_ASSERT(header.type < DPS_PACKET_TYPES_COUNT);
	DPS_ASSERT(header.payload_bytes == size - DPS_ENVELOPE_BYTES);
	DPS_ASSERT(header.payload_bytes <= DPS_PAYLOAD_BYTES_MAX);
	DPS_ASSERT(header.offset <= DPS_OFFSET_MAX);
	DPS_ASSERT(header.packet_number <= DPS_PACKET_NUMBER_MAX);
	floor = dps_header_floor(&header);
	DPS_ASSERT(floor <= header.packet_number);
	DPS_ASSERT((uint32_t)floor == header.floor || floor == 0);
	DPS_ASSERT(header.packet_number - floor <= UINT32_MAX || floor == 0);
	dps_header_encode(&header, again);
	DPS_ASSERT(memcmp(again, data, sizeof(again)) == 0);
	return 0;
}
