/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/bits.h"
#include "engine/wire.h"
#include "tests/fuzz/fuzz.h"
#include <dps/assert.h>
#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int result = dps_options_skip(data, size);
	size_t at = 2;

	DPS_ASSERT(result >= 2 || result == -EBADMSG || result == -EOPNOTSUPP);
	if (result < 0)
		return 0;
	DPS_ASSERT((size_t)result <= size && result == dps_load_be16(data));
	/* Nothing that must be understood was stepped over, and the options fill the chain. */
	while (at < (size_t)result) {
		DPS_ASSERT((data[at] & 0x80) == 0);
		at += 2 + (size_t)data[at + 1];
	}
	DPS_ASSERT(at == (size_t)result);
	return 0;
}
