/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/index_ranges.h"
#include <stdlib.h>

static int compare(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return (a > b) - (a < b);
}

uint32_t dps_index_ranges_make(uint32_t *indices, uint32_t count, struct dps_message_range *ranges)
{
	uint32_t made = 0;

	qsort(indices, count, sizeof(*indices), compare);
	for (uint32_t i = 0; i < count; i++) {
		if (made > 0 && indices[i] <= ranges[made - 1].last + 1) {
			ranges[made - 1].last = indices[i];
			continue;
		}
		ranges[made].first = ranges[made].last = indices[i];
		made++;
	}
	return made;
}
