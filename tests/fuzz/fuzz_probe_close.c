/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/wire.h"
#include "tests/fuzz/fuzz.h"
#include <dps/assert.h>
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[DPS_WIRE_PROBE_BYTES];
	struct dps_probe probe;
	struct dps_close close;
	size_t length;
	int result;

	result = dps_probe_decode(data, size, &probe);
	DPS_ASSERT(result == 0 || result == -EBADMSG);
	if (result == 0) {
		length = dps_probe_encode(&probe, again, sizeof(again));
		DPS_ASSERT(length <= size && memcmp(again, data, length) == 0);
	}
	result = dps_close_decode(data, size, &close);
	DPS_ASSERT(result == 0 || result == -EBADMSG);
	if (result == 0) {
		length = dps_close_encode(&close, again, sizeof(again));
		DPS_ASSERT(length <= size && memcmp(again, data, length) == 0);
	}
	return 0;
}
