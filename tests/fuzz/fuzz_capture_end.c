/* SPDX-License-Identifier: BSD-3-Clause */
/* The first byte says where what follows is split; that must make no difference. */
#include "drivers/live/capture_end.h"
#include "tests/fuzz/fuzz.h"
#include <dps/assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dps_capture_end whole, split;
	size_t step;

	if (size == 0)
		return 0;
	step = data[0] % 31 + 1;
	data++;
	size--;
	dps_capture_end_init(&whole);
	dps_capture_end_add(&whole, data, size);
	dps_capture_end_init(&split);
	for (size_t at = 0; at < size; at += step)
		dps_capture_end_add(&split, data + at, size - at < step ? size - at : step);
	DPS_ASSERT(whole.part == split.part);
	DPS_ASSERT(whole.body_bytes == split.body_bytes);
	DPS_ASSERT(whole.head_bytes == split.head_bytes);
	DPS_ASSERT(whole.head_bytes < whole.head_wants || whole.head_wants == 0);
	DPS_ASSERT(whole.body_bytes <= DPS_CAPTURE_RECORD_BYTES_MAX);
	DPS_ASSERT(dps_capture_end_is_cut(&whole) == dps_capture_end_is_cut(&split));
	return 0;
}
