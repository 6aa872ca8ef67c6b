/* SPDX-License-Identifier: BSD-3-Clause */
/* What all packets with something to say in them ask of their path before they go, and after. */
#pragma once
#include "engine/state.h"

enum {
	/* A window-limited sender asks for an ACK this often, so that a small window keeps moving.
	 */
	DPS_ASK_EVERY_PACKETS = 32,
	DPS_ASK_EVERY_NTH_OF_FLIGHT = 4,
};

/* Leaves so many packet numbers for what is more urgent. */
static inline bool dps_pace_may_remember(struct dps_path *path, uint64_t spare)
{
	struct dps_sent *sent = &path->sent;

	while (sent->next_number - sent->floor_number >= sent->capacity - spare) {
		if (!dps_sent_is_lost(sent, sent->floor_number))
			return false;
		dps_sent_forget_lost(sent, sent->floor_number);
	}
	return true;
}

/* Asks for an ACK with the last packet when we have to wait for one. */
static inline void dps_pace_ask(struct dps_path *path, struct dps_outgoing *last)
{
	uint64_t every = dps_min_u64(DPS_ASK_EVERY_PACKETS,
				     path->sent.packets_in_flight / DPS_ASK_EVERY_NTH_OF_FLIGHT);

	if (path->limit == DPS_LIMIT_PACING || path->limit == DPS_LIMIT_CPU ||
	    (path->limit == DPS_LIMIT_WINDOW && path->unasked_packets < every))
		return;
	last->head[1] |= DPS_PACKET_ACK_NOW;
	path->unasked_packets = 0;
}

/*
 * Nothing was sent for more than a probe timeout, and at most a ping is in flight: what the window
 * was then is not evidence any more, and the time since does not let it grow (RFC 9002
 * section 7.8, RFC 9438 section 5.8).
 */
static inline bool dps_pace_has_paused(const struct dps_path *path, uint64_t now_ns)
{
	return path->sent.bytes_in_flight < path->data_bytes_max &&
	       path->last_data_sent_ns != DPS_NEVER_NS &&
	       now_ns - path->last_data_sent_ns > dps_path_probe_timeout_ns(path);
}

static inline void dps_pace_end_pause(struct dps_path *path, uint64_t now_ns)
{
	path->congestion.ops->on_idle(&path->congestion, now_ns);
	dps_pacer_set_rate(&path->pacer,
			   path->congestion.ops->pacing_rate_bytes_per_s(&path->congestion,
									 path->rtt.smoothed_ns),
			   path->data_bytes_max + DPS_ENVELOPE_BYTES, now_ns);
}
