/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths: their life from a reserved connection id to the last CLOSE. */
#include "engine/state.h"
#include <errno.h>
#include <string.h>

enum {
	INITIAL_RTT_MS = 10, /* until the first probe comes back */
	ACK_DELAY_DEFAULT_US = 1000,
};

void dps_path_touch(struct dps_engine *engine, struct dps_path *path)
{
	if (path->is_touched || path->state < DPS_PATH_PROBING)
		return;
	path->is_touched = true;
	path->next_touched = DPS_PATH_NONE;
	if (engine->last_touched == DPS_PATH_NONE)
		engine->first_touched = path->index;
	else
		engine->paths[engine->last_touched].next_touched = path->index;
	engine->last_touched = path->index;
}

static void untouch(struct dps_engine *engine, struct dps_path *path)
{
	uint32_t *link = &engine->first_touched;
	uint32_t previous = DPS_PATH_NONE;

	if (!path->is_touched)
		return;
	while (*link != path->index) {
		previous = *link;
		link = &engine->paths[*link].next_touched;
	}
	*link = path->next_touched;
	if (engine->last_touched == path->index)
		engine->last_touched = previous;
	path->is_touched = false;
}

int dps_engine_reserve_path(struct dps_engine *engine, uint64_t *connection_id)
{
	for (uint32_t i = 0; i < engine->limits.paths; i++) {
		struct dps_path *path = &engine->paths[i];
		uint64_t guard;

		if (path->state != DPS_PATH_FREE)
			continue;
		/* Lane and index route a packet; the rest makes a stranger's guess worthless. */
		guard = dps_random_next(&engine->random) & ((UINT64_C(1) << 40) - 1);
		path->connection_id =
			(uint64_t)engine->lane_index << 56 | (uint64_t)i << 40 | guard;
		path->state = DPS_PATH_RESERVED;
		*connection_id = path->connection_id;
		return (int)i;
	}
	return -ENOSPC;
}

static void set_sizes(struct dps_path *path, uint32_t datagram_bytes)
{
	uint32_t payload = datagram_bytes - DPS_ENVELOPE_BYTES;

	/* Whole AES blocks; at jumbo frames whole pages, so that a packet is two of the disk's. */
	path->datagram_bytes = datagram_bytes;
	path->payload_bytes_max = (uint32_t)dps_min_u64(payload, DPS_PAYLOAD_BYTES_MAX);
	path->data_bytes_max = payload >= 8192 ? 8192 : (uint32_t)dps_round_down(payload, 16);
}

static void init_ack(struct dps_path_ack *ack)
{
	memset(ack, 0, sizeof(*ack));
	dps_ranges_init(&ack->received, ack->ranges, DPS_PATH_RANGES);
	ack->at_ns = DPS_NEVER_NS;
	ack->delay_max_ns = ACK_DELAY_DEFAULT_US * DPS_NS_PER_US;
}

int dps_engine_open_path(struct dps_engine *engine, uint32_t index,
			 const struct dps_path_config *config, uint64_t now_ns)
{
	struct dps_congestion_config congestion;
	struct dps_path *path;

	if (index >= engine->limits.paths || engine->paths[index].state != DPS_PATH_RESERVED)
		return -ENOENT;
	if (config->datagram_bytes < DPS_PATH_BASE_DATAGRAM_BYTES ||
	    config->rate_bytes_per_s == 0 || config->congestion_mode > DPS_CONGESTION_FIXED ||
	    (config->congestion_mode == DPS_CONGESTION_FIXED &&
	     config->rate_bytes_per_s == UINT64_MAX))
		return -EINVAL;
	engine->now_ns = now_ns;
	path = &engine->paths[index];
	path->config = *config;
	/* No packet crosses a chunk, nor is taken beyond the largest payload: a longer datagram is
	 * of no use, nor is probing for one. */
	path->config.datagram_bytes = (uint32_t)dps_min_u64(
		config->datagram_bytes,
		DPS_ENVELOPE_BYTES + dps_min_u64(DPS_DIGEST_BYTES + engine->limits.chunk_bytes,
						 DPS_PAYLOAD_BYTES_MAX));
	path->state = DPS_PATH_PROBING;
	set_sizes(path, path->config.datagram_bytes);
	path->opened_at_ns = path->last_received_ns = path->last_sent_ns = now_ns;
	path->last_data_sent_ns = DPS_NEVER_NS;
	path->bad_seals_count = 0;
	path->is_alone = path->is_alone_until_heard = false;
	/* lay_out() left the memory here; sent.packets stays at its start. */
	dps_sent_init(&path->sent, path->sent.packets, engine->limits.sent_packets, 0);
	dps_loss_init(&path->loss);
	dps_rtt_init(&path->rtt, INITIAL_RTT_MS * DPS_NS_PER_MS);
	dps_pacer_init(&path->pacer, now_ns);
	congestion = (struct dps_congestion_config){
		.mode = config->congestion_mode,
		.rate_bytes_per_s = config->rate_bytes_per_s,
		.packet_bytes = path->data_bytes_max + DPS_ENVELOPE_BYTES,
	};
	dps_congestion_init(&path->congestion, &congestion, now_ns);
	path->undo.is_there = false;
	init_ack(&path->ack);
	path->settled_count = 0;
	path->probe_at_ns = now_ns;
	path->probes_sent = 0;
	path->full_probe_number = UINT64_MAX;
	path->probes_owed = 0;
	path->blocked_at_ns = DPS_NEVER_NS;
	path->grant_at_ns = DPS_NEVER_NS;
	path->blocked_count = 0;
	path->is_ping_owed = path->resend_turn = false;
	dps_proof_init(path);
	path->is_astray_owed = false;
	path->astray_count = 0;
	path->astray_at_ns = 0;
	path->resends_head = path->resends_tail = 0;
	path->carrier = NULL;
	path->first_channel = DPS_CHANNEL_NONE;
	path->first_sendable = path->last_sendable = DPS_CHANNEL_NONE;
	path->send_quantum = path->brief_count = path->unasked_packets = 0;
	path->told_rtt_ns = 0;
	path->first_dirty = path->last_dirty = DPS_CHANNEL_NONE;
	path->report_channel = path->last_channel = path->blocked_channel = DPS_CHANNEL_NONE;
	path->limit = DPS_LIMIT_SOURCE;
	dps_path_touch(engine, path);
	return 0;
}

/* The way carries packets of this size: data may flow. */
void dps_path_validate(struct dps_engine *engine, struct dps_path *path, uint32_t datagram_bytes)
{
	DPS_ASSERT(path->state == DPS_PATH_PROBING);
	set_sizes(path, datagram_bytes);
	path->state = DPS_PATH_OPEN;
	path->is_ping_owed = true; /* tells the peer the round trip: how long its ACKs may wait */
	dps_engine_push_event(engine, &(struct dps_event){
					      .type = DPS_EVENT_PATH_OPEN,
					      .path = path->index,
					      .bytes = path->data_bytes_max,
					      .offset = path->rtt.smoothed_ns,
				      });
	dps_path_touch(engine, path);
}

static void close_channels(struct dps_engine *engine, struct dps_path *path)
{
	while (path->first_channel != DPS_CHANNEL_NONE)
		dps_channel_close(engine, &engine->channels[path->first_channel]);
	dps_carrier_detach(engine, path);
}

void dps_path_free(struct dps_engine *engine, struct dps_path *path)
{
	untouch(engine, path);
	dps_run_forget(engine);
	dps_timers_set(&engine->timers, path->index, DPS_NEVER_NS);
	path->state = DPS_PATH_FREE;
	path->connection_id = 0;
}

void dps_path_lose(struct dps_engine *engine, struct dps_path *path, uint32_t reason)
{
	if (path->state < DPS_PATH_PROBING || path->state == DPS_PATH_CLOSING)
		return;
	close_channels(engine, path);
	dps_path_free(engine, path);
	dps_engine_push_event(engine, &(struct dps_event){
					      .type = DPS_EVENT_PATH_LOST,
					      .path = path->index,
					      .error = (int32_t)reason,
				      });
}

void dps_path_on_bad_seal(struct dps_engine *engine, struct dps_path *path)
{
	engine->counters.dropped_seal++;
	if (!path->config.is_sealed || ++path->bad_seals_count < DPS_BAD_SEALS_MAX)
		return;
	if (dps_run_has_more(&engine->run))
		dps_run_count(engine); /* what was good before it */
	dps_path_lose(engine, path, DPS_CLOSE_PROTOCOL);
}

void dps_engine_close_path(struct dps_engine *engine, uint32_t index, uint32_t reason,
			   uint64_t now_ns)
{
	struct dps_path *path;

	if (index >= engine->limits.paths)
		return;
	engine->now_ns = now_ns;
	path = &engine->paths[index];
	if (path->state == DPS_PATH_RESERVED) {
		path->state = DPS_PATH_FREE;
	} else if (path->state == DPS_PATH_PROBING || path->state == DPS_PATH_OPEN) {
		close_channels(engine, path);
		dps_run_forget(engine);
		path->state = DPS_PATH_CLOSING;
		path->close_reason = reason;
		dps_path_touch(engine, path);
	}
}

void dps_engine_watch_path(struct dps_engine *engine, uint32_t index, bool is_alone,
			   uint64_t now_ns)
{
	struct dps_path *path;

	if (!dps_engine_has_path(engine, index))
		return;
	engine->now_ns = now_ns;
	path = &engine->paths[index];
	if (is_alone && !path->is_alone)
		path->alone_at_ns = now_ns;
	path->is_alone_until_heard = path->is_alone && !is_alone;
	path->is_alone |= is_alone;
	dps_path_touch(engine, path);
}

bool dps_engine_has_path(const struct dps_engine *engine, uint32_t index)
{
	return index < engine->limits.paths && engine->paths[index].state >= DPS_PATH_PROBING;
}

int dps_engine_read_path(const struct dps_engine *engine, uint32_t index,
			 struct dps_path_state *state)
{
	const struct dps_path *path;

	if (index >= engine->limits.paths)
		return -ENOENT;
	path = &engine->paths[index];
	if (path->state != DPS_PATH_PROBING && path->state != DPS_PATH_OPEN)
		return -ENOENT;
	*state = (struct dps_path_state){
		.smoothed_rtt_ns = path->rtt.smoothed_ns,
		.min_rtt_ns = path->rtt.min_ns,
		.window_bytes = path->congestion.window_bytes,
		.in_flight_bytes = path->sent.bytes_in_flight,
		.pacing_bytes_per_s = path->pacer.rate_bytes_per_s,
		.payload_bytes = path->data_bytes_max,
		.is_open = path->state == DPS_PATH_OPEN,
	};
	return 0;
}
