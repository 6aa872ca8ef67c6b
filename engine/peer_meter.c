/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/peer_meter.h"

uint64_t dps_peer_bucket_ns(unsigned int bucket)
{
	return bucket >= DPS_PEER_BUCKETS - 1 ? DPS_NEVER_NS : DPS_NS_PER_US << 2 * bucket;
}

void dps_peer_histogram_add(struct dps_peer_histogram *histogram, uint64_t from_ns,
			    uint64_t until_ns)
{
	uint64_t took_ns = until_ns > from_ns ? until_ns - from_ns : 0;
	unsigned int bucket = 0;

	while (took_ns >= dps_peer_bucket_ns(bucket) && bucket < DPS_PEER_BUCKETS - 1)
		bucket++;
	histogram->counts[bucket]++;
	histogram->count++;
	histogram->total_ns += took_ns;
	if (took_ns > histogram->longest_ns)
		histogram->longest_ns = took_ns;
}
