/* SPDX-License-Identifier: BSD-3-Clause */
/* What a peer sends of streams: slices, and how far ours came. */
#include "engine/state.h"
#include <string.h>

static bool is_ask(const struct dps_placement *placement)
{
	return placement->payload_bytes == 0 && !(placement->flags & DPS_PACKET_FIN);
}

bool dps_place_stream(struct dps_engine *engine, const struct dps_path *path,
		      struct dps_placement *placement)
{
	const struct dps_carrier *carrier = path->carrier;
	uint8_t flags = placement->flags;
	const struct dps_stream_slice slice = {
		.offset = placement->offset,
		.number = placement->channel,
		.bytes = placement->payload_bytes,
		.flags = (uint8_t)((flags & DPS_PACKET_FIN ? DPS_SLICE_END : 0) |
				   (flags & DPS_PACKET_BLOCKED ? DPS_SLICE_BLOCKED : 0) |
				   (flags & DPS_PACKET_RESENT ? DPS_SLICE_RESENT : 0)),
	};

	if (!carrier) {
		engine->counters.dropped_stream++;
		return false;
	}
	if (is_ask(placement))
		return true;
	if (!dps_streams_place(carrier->streams, carrier->epoch, &slice,
			       &engine->stream_placement)) {
		engine->counters.dropped_stream++;
		return false;
	}
	placement->to = engine->stream_placement.to;
	return true;
}

bool dps_recv_stream(struct dps_engine *engine, struct dps_path *path,
		     struct dps_placement *placement, uint64_t now_ns)
{
	const struct dps_carrier *carrier;

	if (!placement->is_placed) {
		const uint8_t *at = placement->to; /* scratch: opened before it was judged */

		if (!dps_place_stream(engine, path, placement))
			return false;
		if (placement->to != at)
			memcpy(placement->to, at, placement->payload_bytes);
	}
	carrier = path->carrier;
	engine->counters.stream_packets_received++;
	if (is_ask(placement)) {
		dps_streams_on_asked(carrier->streams, carrier->epoch, placement->channel);
		return true;
	}
	return dps_streams_commit(carrier->streams, &engine->stream_placement, true, now_ns);
}

void dps_forget_stream(struct dps_engine *engine, const struct dps_placement *placement)
{
	const struct dps_carrier *carrier = engine->paths[placement->path].carrier;

	if (placement->is_placed && !is_ask(placement) && carrier)
		(void)dps_streams_commit(carrier->streams, &engine->stream_placement, false, 0);
}

void dps_recv_stream_ack(struct dps_engine *engine, const struct dps_path *path,
			 const uint8_t *body, size_t length)
{
	const struct dps_carrier *carrier = path->carrier;
	struct dps_stream_ack acks[DPS_WIRE_STREAMS_MAX];
	int count = dps_stream_acks_decode(body, length, acks);

	if (count < 0) {
		engine->counters.dropped_body++;
		return;
	}
	engine->counters.stream_acks_received++;
	for (int i = 0; i < count; i++)
		dps_streams_on_ack(carrier->streams, carrier->epoch, &acks[i]);
}
