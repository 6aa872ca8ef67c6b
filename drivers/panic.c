/* SPDX-License-Identifier: BSD-3-Clause */
/* Panic: what a failed DPS_ASSERT does in a process. */
#include <dps/assert.h>
#include <stdio.h>
#include <stdlib.h>

void dps_panic(const char *condition, const char *file, int line)
{
	fprintf(stderr, "dpdk-stream: bug: %s:%d: assertion failed: %s\n", file, line, condition);
	abort();
}
