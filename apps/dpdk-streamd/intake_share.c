/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/intake_share.h"

enum { BITS_PER_BYTE = 8 };

static bool takes_data(const struct dps_intake *intake)
{
	return intake->channel_state == DPS_INTAKE_CHANNEL_OPEN &&
	       intake->state == DPS_INTAKE_ACTIVE;
}

static uint64_t count_of(const struct dps_intake *intake)
{
	uint64_t count = 0;

	for (const struct dps_intake *other = intake->context->intakes; other; other = other->next)
		count += takes_data(other) &&
			 dps_peer_standing_is_same_peer(&other->standing, &intake->standing);
	return count > 0 ? count : 1;
}

static uint64_t window_of(const struct dps_intake *intake, uint64_t count)
{
	const struct dps_collect_context *context = intake->context;
	uint64_t memory_bytes = intake->standing.grant.memory_bytes;
	uint64_t window_bytes = context->options->window_bytes;

	if (memory_bytes == 0)
		return window_bytes;
	/* Below a chunk nothing could come at all. */
	memory_bytes = memory_bytes / count > context->chunk_bytes ? memory_bytes / count
								   : context->chunk_bytes;
	return memory_bytes < window_bytes ? memory_bytes : window_bytes;
}

static void share(struct dps_intake *intake)
{
	uint64_t count = count_of(intake);
	uint64_t rate = intake->standing.grant.rate_bits_per_s / BITS_PER_BYTE / count;
	uint64_t window_bytes = window_of(intake, count);

	/* Most transfers are of keys without limits, and the channel has its window. */
	if (intake->share_window_bytes == 0)
		intake->share_window_bytes = intake->context->options->window_bytes;
	if (window_bytes == intake->share_window_bytes && rate == intake->share_bytes_per_s)
		return;
	intake->share_window_bytes = window_bytes;
	intake->share_bytes_per_s = rate;
	dps_node_command(intake->context->node,
			 &(struct dps_lane_command){
				 .type = DPS_COMMAND_SET_SHARE,
				 .channel = intake->channel,
				 .generation = intake->generation,
				 .share = { .window_bytes = window_bytes, .bytes_per_s = rate },
			 });
}

void dps_intake_share_all(struct dps_collect_context *context)
{
	for (struct dps_intake *intake = context->intakes; intake; intake = intake->next)
		if (takes_data(intake))
			share(intake);
}
