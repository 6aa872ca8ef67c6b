/* SPDX-License-Identifier: BSD-3-Clause */
/* Probes, pings and the last word of a path. */
#include "engine/state.h"
#include <string.h>

enum {
	PROBE_INTERVAL_MIN_MS = 20,
	PROBE_INTERVAL_MAX_MS = 500,
	/* Full size unanswered for so long while the base size came through: the way is narrow. */
	NARROW_AFTER_MS = 1000,
};

/* A probe or ping; padded_bytes is the whole datagram, 0 for none. */
static void emit_probe(struct dps_engine *engine, struct dps_path *path, struct dps_outgoing *out,
		       uint8_t type, uint32_t channel, uint32_t padded_bytes, uint64_t now_ns)
{
	struct dps_probe probe = { .answer = path->proof.answer };
	struct dps_header header = {
		.type = type,
		.flags = DPS_PACKET_ACK_NOW,
		.channel = channel,
	};
	struct dps_sent_packet sent = { .flags = DPS_SENT_PROBE };
	uint8_t *body;

	if (path->is_astray_owed)
		header.flags |= DPS_PACKET_ASTRAY;
	path->is_astray_owed = false;
	path->proof.answer = 0;
	if (path->state == DPS_PATH_PROBING && type == DPS_PACKET_PROBE && !path->proof.is_there)
		probe.challenge = path->config.challenge;
	if (dps_rtt_is_measured(&path->rtt))
		probe.smoothed_rtt_us = (uint32_t)dps_clamp_u64(
			path->rtt.smoothed_ns / DPS_NS_PER_US, 1, UINT32_MAX);
	path->told_rtt_ns = path->rtt.smoothed_ns;
	body = dps_emit_start(engine, out);
	out->head_bytes += (uint32_t)dps_probe_encode(&probe, body, DPS_WIRE_BODY_BYTES_MAX);
	if (padded_bytes > out->head_bytes) {
		uint32_t padding = padded_bytes - out->head_bytes;

		/* A slot of small chunks is a few bytes shorter than what a whole chunk and its
		 * digest fill. */
		out->body_bytes = (uint32_t)dps_min_u64(padding, engine->limits.chunk_bytes);
		padding -= out->body_bytes;
		DPS_ASSERT(out->head_bytes + padding <= DPS_ENGINE_BODY_BYTES);
		memset(out->head + out->head_bytes, 0, padding);
		out->head_bytes += padding;
		out->token = engine->zero_slot;
		out->body = dps_slots_at(&engine->slots, engine->zero_slot);
		dps_slots_hold(&engine->slots, engine->zero_slot, 1);
	}
	dps_emit_finish(path, out, &header, &sent, now_ns);
	engine->counters.probes_sent++;
}

static unsigned int emit_close(struct dps_engine *engine, struct dps_path *path,
			       struct dps_outgoing *out, uint64_t now_ns)
{
	struct dps_close close = { .reason = path->close_reason };
	struct dps_header header = { .type = DPS_PACKET_CLOSE };
	struct dps_sent_packet sent = { 0 };
	unsigned int count = 0;

	if (dps_sent_has_room(&path->sent)) {
		uint8_t *body = dps_emit_start(engine, out);

		out->head_bytes +=
			(uint32_t)dps_close_encode(&close, body, DPS_WIRE_BODY_BYTES_MAX);
		dps_emit_finish(path, out, &header, &sent, now_ns);
		count = 1;
	}
	dps_path_free(engine, path);
	return count;
}

/* Finds out whether the way carries packets, and of which size. */
static unsigned int emit_path_probe(struct dps_engine *engine, struct dps_path *path,
				    struct dps_outgoing *out, uint64_t now_ns)
{
	uint64_t interval_ms;
	bool is_small;

	if (path->proof.is_there && path->proof.is_base_acked &&
	    now_ns >= path->opened_at_ns + NARROW_AFTER_MS * DPS_NS_PER_MS) {
		dps_path_validate(engine, path, DPS_PATH_BASE_DATAGRAM_BYTES);
		return 0;
	}
	if (now_ns < path->probe_at_ns || !dps_sent_has_room(&path->sent))
		return 0;
	is_small = path->probes_sent % 4 == 3;
	emit_probe(engine, path, out, DPS_PACKET_PROBE, 0,
		   is_small ? DPS_PATH_BASE_DATAGRAM_BYTES : path->config.datagram_bytes, now_ns);
	interval_ms = dps_min_u64((uint64_t)PROBE_INTERVAL_MIN_MS
					  << dps_min_u64(path->probes_sent / 4, 5),
				  PROBE_INTERVAL_MAX_MS);
	path->probe_at_ns = now_ns + interval_ms * DPS_NS_PER_MS;
	path->probes_sent++;
	return 1;
}

/* The peer waits for it as we do for its: not with the next probe, nor as large. */
static unsigned int emit_answer(struct dps_engine *engine, struct dps_path *path,
				struct dps_outgoing *out, uint64_t now_ns)
{
	if (!dps_sent_has_room(&path->sent) ||
	    !dps_proof_may_send(path, DPS_ENVELOPE_BYTES + DPS_WIRE_PROBE_BYTES)) {
		path->proof.answer = 0; /* it is asked again */
		return 0;
	}
	emit_probe(engine, path, out, DPS_PACKET_PING, 0, 0, now_ns);
	return 1;
}

unsigned int dps_emit_control(struct dps_engine *engine, struct dps_path *path,
			      struct dps_outgoing *out, unsigned int room, uint64_t now_ns)
{
	struct dps_chunk *chunk;
	struct dps_range gap;

	if (room == 0)
		return 0;
	if (path->state == DPS_PATH_CLOSING)
		return emit_close(engine, path, out, now_ns);
	if (path->state == DPS_PATH_PROBING && path->proof.answer != 0)
		return emit_answer(engine, path, out, now_ns);
	if (path->state == DPS_PATH_PROBING)
		return emit_path_probe(engine, path, out, now_ns);
	if (path->state != DPS_PATH_OPEN || !dps_sent_has_room(&path->sent))
		return 0;
	if (path->probes_owed > 0 && !dps_repair_next(engine, path, &chunk, &gap) &&
	    !dps_carrier_has_slices(path)) {
		uint32_t channel = path->blocked_channel;

		path->probes_owed--;
		emit_probe(engine, path, out, DPS_PACKET_PROBE,
			   channel == DPS_CHANNEL_NONE ? 0 : engine->channels[channel].number, 0,
			   now_ns);
		return 1;
	}
	if (path->is_ping_owed || path->proof.answer != 0) {
		path->is_ping_owed = false;
		emit_probe(engine, path, out, DPS_PACKET_PING, 0, 0, now_ns);
		return 1;
	}
	return 0;
}
