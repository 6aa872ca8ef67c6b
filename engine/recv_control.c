/* SPDX-License-Identifier: BSD-3-Clause */
/* A probe, a ping or a close came. */
#include "engine/state.h"

enum {
	ACK_DELAY_MIN_US = 25,
	ACK_DELAY_MAX_US = 5000,
};

void dps_recv_probe(struct dps_engine *engine, struct dps_path *path,
		    const struct dps_placement *placement)
{
	struct dps_probe probe;
	uint32_t index;

	if (dps_probe_decode(placement->to, placement->payload_bytes, &probe) < 0) {
		engine->counters.dropped_body++;
		return;
	}
	/* The sender of data knows the round trip; an eighth of it is how long an ACK may wait. */
	if (probe.smoothed_rtt_us > 0)
		path->ack.delay_max_ns = dps_clamp_u64(probe.smoothed_rtt_us / 8, ACK_DELAY_MIN_US,
						       ACK_DELAY_MAX_US) *
					 DPS_NS_PER_US;
	path->ack.is_now = true;
	dps_proof_on_probe(engine, path, &probe);
	if (placement->flags & DPS_PACKET_ASTRAY)
		engine->turn_path = path->index; /* of several one; the others ask again */
	index = dps_channel_table_find(&engine->table, engine->channels, path->index, false,
				       placement->channel);
	if (index != DPS_CHANNEL_NONE)
		dps_channel_report(engine, &engine->channels[index]);
}

void dps_recv_close(struct dps_engine *engine, struct dps_path *path, const uint8_t *body,
		    size_t length)
{
	struct dps_close close;

	if (dps_close_decode(body, length, &close) < 0) {
		engine->counters.dropped_body++;
		return;
	}
	dps_path_lose(engine, path, close.reason);
}
