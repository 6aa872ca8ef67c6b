/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/wire.h"
#include "tests/fuzz/fuzz.h"
#include <dps/assert.h>
#include <errno.h>
#include <string.h>

enum {
	RESERVED_AT = 36,
	RESERVED_END = 40,
};

static void check(const struct dps_ack *ack)
{
	DPS_ASSERT(ack->ranges_count >= 1 && ack->ranges_count <= DPS_WIRE_RANGES_MAX);
	DPS_ASSERT(ack->channels_count <= DPS_WIRE_CHANNELS_MAX);
	DPS_ASSERT(ack->ranges[0].last == ack->largest);
	DPS_ASSERT(ack->largest <= DPS_PACKET_NUMBER_MAX);
	for (unsigned int i = 0; i < ack->ranges_count; i++) {
		DPS_ASSERT(ack->ranges[i].first <= ack->ranges[i].last);
		if (i != 0) {
			DPS_ASSERT(ack->ranges[i].last < ack->ranges[i - 1].first);
			DPS_ASSERT(ack->ranges[i - 1].first - ack->ranges[i].last >= 2);
		}
	}
	for (unsigned int i = 0; i < ack->channels_count; i++) {
		DPS_ASSERT(ack->channels[i].credit <= DPS_OFFSET_MAX);
		DPS_ASSERT(ack->channels[i].contiguous <= DPS_OFFSET_MAX);
		DPS_ASSERT(ack->channels[i].stored <= DPS_OFFSET_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[DPS_WIRE_ACK_BYTES_MAX];
	struct dps_ack ack;
	int result = dps_ack_decode(data, size, &ack);

	DPS_ASSERT(result == 0 || result == -EBADMSG);
	if (result < 0)
		return 0;
	check(&ack);
	DPS_ASSERT(dps_ack_encode(&ack, again, sizeof(again)) == size);
	DPS_ASSERT(memcmp(again, data, RESERVED_AT) == 0);
	DPS_ASSERT(memcmp(again + RESERVED_END, data + RESERVED_END, size - RESERVED_END) == 0);
	return 0;
}
