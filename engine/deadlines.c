/* SPDX-License-Identifier: BSD-3-Clause */
/* Deadlines: when a path must act though nothing came, and what it does then. */
#include "engine/state.h"

enum {
	PROBE_TIMEOUT_MAX_S = 2,
	BLOCKED_MAX_S = 1,
	PINGS_PER_SILENCE = 4,
	ALONE_PROBE_TIMEOUTS = 3,
	ALONE_PROBE_FLOORS = 50, /* 50 ms on a core of its own: what a busy host is late by */
	ACK_DELAY_SHARE = 8,	 /* the far side waits srtt / 8 with an ACK, once it knows srtt */
	ACK_DELAY_UNTOLD_US = 1000,
};

uint64_t dps_path_probe_timeout_ns(const struct dps_path *path)
{
	uint64_t delay_ns = dps_max_u64(path->rtt.smoothed_ns / ACK_DELAY_SHARE,
					ACK_DELAY_UNTOLD_US * DPS_NS_PER_US);

	return dps_rtt_probe_timeout_ns(&path->rtt, delay_ns, path->config.probe_floor_ns);
}

static uint64_t loss_deadline_ns(const struct dps_path *path)
{
	return dps_loss_deadline_ns(&path->loss, &path->sent, dps_path_probe_timeout_ns(path),
				    PROBE_TIMEOUT_MAX_S * DPS_NS_PER_S);
}

/* How long nothing may come. */
static uint64_t silence_ns(const struct dps_path *path)
{
	uint64_t alone_ns;

	if (!path->is_alone)
		return path->config.silence_ns;
	alone_ns = ALONE_PROBE_FLOORS * path->config.probe_floor_ns;
	if (path->state == DPS_PATH_OPEN) /* else nothing is known of its round trip */
		alone_ns = dps_max_u64(alone_ns,
				       ALONE_PROBE_TIMEOUTS * dps_path_probe_timeout_ns(path));
	return dps_min_u64(alone_ns, path->config.silence_ns);
}

static uint64_t lost_at_ns(const struct dps_path *path)
{
	uint64_t since_ns = path->last_received_ns;

	if (path->is_alone)
		since_ns = dps_max_u64(since_ns, path->alone_at_ns);
	return since_ns + silence_ns(path);
}

static uint64_t ping_at_ns(const struct dps_path *path)
{
	return path->last_sent_ns + silence_ns(path) / PINGS_PER_SILENCE;
}

void dps_path_on_blocked(struct dps_path *path, uint32_t channel, bool is_first, uint64_t now_ns)
{
	uint64_t wait_ns;

	path->blocked_channel = channel;
	if (path->blocked_at_ns != DPS_NEVER_NS)
		return;
	wait_ns = dps_path_probe_timeout_ns(path) << dps_min_u64(path->blocked_count, 10);
	if (is_first && path->blocked_count == 0)
		wait_ns = 0;
	path->blocked_at_ns = now_ns + dps_min_u64(wait_ns, BLOCKED_MAX_S * DPS_NS_PER_S);
}

uint64_t dps_path_deadline_ns(const struct dps_path *path)
{
	uint64_t at_ns = lost_at_ns(path);

	if (path->state == DPS_PATH_PROBING)
		at_ns = dps_min_u64(at_ns, path->probe_at_ns);
	if (path->state != DPS_PATH_OPEN)
		return path->ack.is_now && path->ack.has_any ? 0
							     : dps_min_u64(at_ns, path->ack.at_ns);
	at_ns = dps_min_u64(at_ns, loss_deadline_ns(path));
	at_ns = dps_min_u64(at_ns, path->ack.at_ns);
	at_ns = dps_min_u64(at_ns, path->blocked_at_ns);
	at_ns = dps_min_u64(at_ns, path->grant_at_ns);
	at_ns = dps_min_u64(at_ns, ping_at_ns(path));
	if (path->carrier)
		at_ns = dps_min_u64(
			at_ns, dps_min_u64(path->carrier->ack_at_ns, path->carrier->ask_at_ns));
	if (path->limit == DPS_LIMIT_PACING)
		at_ns = dps_min_u64(
			at_ns, dps_pacer_ready_at_ns(&path->pacer,
						     path->data_bytes_max + DPS_ENVELOPE_BYTES));
	return at_ns;
}

/* The next sender after the one we asked for last that has used up its credit. */
static uint32_t next_blocked(const struct dps_engine *engine, const struct dps_path *path)
{
	uint32_t first = path->blocked_channel, index;

	if (first == DPS_CHANNEL_NONE)
		first = path->first_channel;
	if (first == DPS_CHANNEL_NONE)
		return DPS_CHANNEL_NONE;
	index = first;
	do {
		const struct dps_channel *channel;

		index = engine->channels[index].next_in_path;
		channel = &engine->channels[index];
		if (channel->is_sender && channel->send_offset < channel->announced_end &&
		    channel->credit <= channel->send_offset)
			return index;
	} while (index != first);
	return DPS_CHANNEL_NONE;
}

/* Asks again for credit that did not come; an ACK that was lost would else end everything. */
static void on_blocked_due(struct dps_engine *engine, struct dps_path *path, uint64_t now_ns)
{
	uint32_t index = next_blocked(engine, path);

	path->blocked_at_ns = DPS_NEVER_NS;
	if (index == DPS_CHANNEL_NONE)
		return;
	if (path->sent.packets_in_flight == 0) { /* else the probe timeout asks */
		path->blocked_count++;
		path->probes_owed = (uint32_t)dps_max_u64(path->probes_owed, 1);
	}
	dps_path_on_blocked(path, index, false, now_ns);
}

void dps_path_on_deadline(struct dps_engine *engine, struct dps_path *path, uint64_t now_ns)
{
	if (path->state != DPS_PATH_PROBING && path->state != DPS_PATH_OPEN)
		return;
	if (now_ns >= lost_at_ns(path)) {
		dps_path_lose(engine, path,
			      path->state == DPS_PATH_PROBING ? DPS_CLOSE_UNREACHABLE
							      : DPS_CLOSE_IDLE);
		return;
	}
	dps_path_touch(engine, path);
	if (path->state != DPS_PATH_OPEN) {
		/* What it hears is acknowledged under numbers that probes, unheard, hold back. */
		dps_repair_make_room(engine, path, now_ns);
		return;
	}
	if (path->congestion.ops->is_broken(&path->congestion, now_ns)) {
		dps_path_lose(engine, path, DPS_CLOSE_LOSS);
		return;
	}
	if (loss_deadline_ns(path) <= now_ns) {
		if (path->loss.loss_time_ns != DPS_NEVER_NS)
			dps_repair_detect(engine, path, now_ns);
		else
			dps_repair_on_probe_timeout(engine, path, now_ns);
	}
	if (path->blocked_at_ns <= now_ns)
		on_blocked_due(engine, path, now_ns);
	if (path->grant_at_ns <= now_ns)
		dps_credit_on_time(engine, path);
	if (ping_at_ns(path) <= now_ns)
		path->is_ping_owed = true;
}
