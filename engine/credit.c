/* SPDX-License-Identifier: BSD-3-Clause */
/* Credit: how much of it a receiving channel has outstanding, and what the peer does with it. */
#include "engine/state.h"
#include <errno.h>

enum {
	/* A window of 1 MiB is 8 Gb/s over 1 ms: below it there is nothing to be saved. */
	FLOOR_BYTES = 1 << 20,
	FLOOR_CHUNKS = 4,
	/* Enough for 30 Gb/s in one room from the first packet on; five round trips from 64 MiB. */
	START_BYTES = 4 << 20,
	/* A read that credit sets off, a lane that was not scheduled. */
	SLACK_MS = 8,
};

void dps_credit_open(const struct dps_engine *engine, struct dps_channel *channel)
{
	const uint64_t floor_bytes =
		dps_max_u64(FLOOR_BYTES, (uint64_t)FLOOR_CHUNKS << engine->chunk_shift);
	const struct dps_credit_window_config config = {
		.floor_bytes = floor_bytes,
		.limit_bytes = channel->window_bytes,
		.start_bytes = START_BYTES,
		.slack_ns = SLACK_MS * DPS_NS_PER_MS,
		.slack_bytes_max = UINT64_MAX,
	};

	dps_credit_window_init(&channel->credit_window, &config);
	channel->credit_pace = (struct dps_credit_pace){ 0 };
}

int dps_engine_set_window(struct dps_engine *engine, uint32_t index, uint64_t window_bytes)
{
	struct dps_channel *channel;

	if (index >= engine->limits.channels || !engine->channels[index].is_open)
		return -ENOENT;
	if (window_bytes == 0)
		return -EINVAL;
	channel = &engine->channels[index];
	channel->window_bytes = window_bytes;
	dps_credit_window_set_limit(&channel->credit_window, window_bytes);
	dps_channel_want(engine, channel);
	return 0;
}

int dps_engine_set_rate(struct dps_engine *engine, uint32_t index, uint64_t bytes_per_s)
{
	struct dps_channel *channel;

	if (index >= engine->limits.channels || !engine->channels[index].is_open)
		return -ENOENT;
	channel = &engine->channels[index];
	dps_credit_pace_set(&channel->credit_pace, bytes_per_s, engine->limits.chunk_bytes,
			    engine->now_ns);
	dps_channel_want(engine, channel);
	return 0;
}

bool dps_credit_is_ready(struct dps_engine *engine, struct dps_channel *channel)
{
	struct dps_path *path = &engine->paths[channel->path];

	if (dps_credit_pace_is_ready(&channel->credit_pace, engine->now_ns))
		return true;
	if (channel->credit_pace.ready_at_ns < path->grant_at_ns) {
		path->grant_at_ns = channel->credit_pace.ready_at_ns;
		dps_path_touch(engine, path);
	}
	return false;
}

void dps_credit_on_time(struct dps_engine *engine, struct dps_path *path)
{
	uint32_t index = path->first_channel;

	path->grant_at_ns = DPS_NEVER_NS;
	if (index == DPS_CHANNEL_NONE)
		return;
	do {
		struct dps_channel *channel = &engine->channels[index];

		if (channel->credit_pace.bytes_per_s > 0)
			dps_channel_want(engine, channel);
		index = channel->next_in_path;
	} while (index != path->first_channel);
}

bool dps_credit_is_full(const struct dps_engine *engine, const struct dps_channel *channel)
{
	return (uint64_t)channel->promised_chunks << engine->chunk_shift >=
	       channel->credit_window.window_bytes;
}

void dps_credit_on_told(const struct dps_engine *engine, struct dps_channel *channel)
{
	if (channel->made_offset > channel->reported_credit)
		dps_credit_window_on_told(&channel->credit_window, channel->reported_credit,
					  dps_credit_is_full(engine, channel), engine->now_ns);
	channel->reported_credit = channel->made_offset;
}

void dps_credit_on_data(struct dps_engine *engine, struct dps_channel *channel, uint64_t end,
			uint64_t new_bytes, bool is_first_of_chunk, bool is_blocked)
{
	bool has_moved = dps_credit_window_on_data(&channel->credit_window, end, new_bytes,
						   is_blocked, engine->now_ns);

	if (has_moved || is_first_of_chunk)
		dps_channel_want(engine, channel);
}
