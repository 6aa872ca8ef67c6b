/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stream pair: two engines back to back that carry two peers' streams. What peers say on the
 * control connection arrives at once; what goes over the path is as bad off as the pair's options
 * have it.
 */
#pragma once
#include "tests/support/engine_check.h"
#include "tests/support/engine_pair.h"
#include "tests/support/stream_rig.h"

struct stream_pair {
	struct pair net;
	struct stream_rig rig;
};

static inline struct rig_side *stream_pair_side(struct stream_pair *pair, unsigned int which)
{
	return which == 0 ? &pair->rig.near : &pair->rig.far;
}

static inline struct dps_engine *stream_pair_engine(struct stream_pair *pair, unsigned int which)
{
	return pair->net.sides[which].engine;
}

static inline int stream_pair_attach(struct stream_pair *pair, unsigned int which)
{
	return dps_engine_attach_streams(stream_pair_engine(pair, which),
					 pair->net.sides[which].path,
					 stream_pair_side(pair, which)->streams, pair->rig.epoch);
}

static inline void stream_pair_turn(struct stream_pair *pair, uint64_t ns)
{
	rig_talk(&pair->rig);
	pair_turn(&pair->net, pair->net.now_ns + ns);
}

static inline void stream_pair_run(struct stream_pair *pair, uint64_t ns)
{
	uint64_t end_ns = pair->net.now_ns + ns;

	while (pair->net.now_ns < end_ns)
		stream_pair_turn(pair, end_ns - pair->net.now_ns);
}

/* Both paths are open, and both sides' streams go over them. */
static inline void stream_pair_open_with(struct stream_pair *pair,
					 const struct pair_options *options,
					 const struct dps_streams_config *near,
					 const struct dps_streams_config *far)
{
	pair_open(&pair->net, options);
	rig_open_with(&pair->rig, near, far);
	while (!pair->net.sides[0].is_open || !pair->net.sides[1].is_open)
		stream_pair_turn(pair, DPS_NS_PER_S);
	assert_int_equal(stream_pair_attach(pair, 0), 0);
	assert_int_equal(stream_pair_attach(pair, 1), 0);
}

static inline struct dps_streams_config stream_pair_config(bool is_dialer)
{
	struct dps_streams_config config = rig_stream_config(is_dialer);

	config.block_bytes = 4096;
	config.window_bytes = config.receive_window_bytes = 64 << 10;
	return config;
}

static inline void stream_pair_open(struct stream_pair *pair, const struct pair_options *options)
{
	struct dps_streams_config near = stream_pair_config(true), far = stream_pair_config(false);

	stream_pair_open_with(pair, options, &near, &far);
}

/* Nothing of any stream is left in the engines or with the ports. */
static inline void stream_pair_close(struct stream_pair *pair)
{
	for (unsigned int i = 0; i < 2; i++)
		dps_engine_detach_streams(stream_pair_engine(pair, i), pair->net.sides[i].path);
	stream_pair_run(pair, DPS_NS_PER_S);
	for (unsigned int i = 0; i < 2; i++)
		assert_false(dps_engine_holds_streams(stream_pair_engine(pair, i),
						      stream_pair_side(pair, i)->streams));
	pair_close(&pair->net);
	rig_close_streams(&pair->rig);
}

/* A stream of near's that far has accepted. */
static inline struct dps_handle stream_pair_opened(struct stream_pair *pair, uint32_t flags,
						   struct dps_handle *far)
{
	return rig_opened(&pair->rig, flags, far);
}
