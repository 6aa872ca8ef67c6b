/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/congestion.h"
#include <dps/assert.h>
#include <stddef.h>

static const struct dps_congestion_ops *ops_of(uint8_t mode)
{
	switch (mode) {
	case DPS_CONGESTION_FAIR:
		return &dps_congestion_fair_ops;
	case DPS_CONGESTION_FIXED:
		return &dps_congestion_fixed_ops;
	default:
		return NULL;
	}
}

void dps_congestion_init(struct dps_congestion *congestion,
			 const struct dps_congestion_config *config, uint64_t now_ns)
{
	const struct dps_congestion_ops *ops = ops_of(config->mode);

	DPS_ASSERT(ops != NULL);
	DPS_ASSERT(config->rate_bytes_per_s != 0 && config->packet_bytes != 0);
	*congestion = (struct dps_congestion){
		.ops = ops,
		.config = *config,
	};
	ops->init(congestion, now_ns);
}
