/* SPDX-License-Identifier: BSD-3-Clause */
/* Stream story: two programs with streams to each other, for one misfortune at a time. */
#pragma once
#include "tests/support/stream_link.h"
#include "tests/support/stream_rig.h"

enum {
	BYTES = 2 << 20, /* of each stream */
	STREAMS = 4,	 /* from each side */
};

struct story {
	struct stream_link link;
	struct stream_rig rig;
	struct dps_handle out[2][STREAMS];
	struct dps_handle in[2][STREAMS];
	uint64_t sent[2][STREAMS];
	uint64_t read[2][STREAMS];
	bool has_end[2][STREAMS];
};

static struct story story;

static inline struct rig_side *side_of(unsigned int which)
{
	return which == 0 ? &story.rig.near : &story.rig.far;
}

static inline struct dps_streams_config config_of(bool is_dialer)
{
	struct dps_streams_config config = rig_stream_config(is_dialer);

	config.epoch = 0;
	config.block_bytes = 16 << 10;
	config.window_bytes = config.receive_window_bytes = 256 << 10;
	config.send_blocks = config.receive_blocks = 128;
	return config;
}

static inline void take_events(unsigned int which)
{
	struct rig_side *side = side_of(which);

	rig_events(side);
	for (unsigned int i = 0; i < side->events_count; i++)
		if (side->events[i].type == DPS_STREAM_EVENT_ARRIVED)
			story.in[which][side->events[i].value] = side->events[i].handle;
}

static inline void open_story(const struct pair_options *options)
{
	struct dps_streams_config near = config_of(true), far = config_of(false);

	memset(&story.sent, 0, sizeof(story) - offsetof(struct story, sent));
	rig_open_with(&story.rig, &near, &far);
	stream_link_open(&story.link, options, story.rig.near.streams, story.rig.far.streams);
	stream_link_run(&story.link, 100 * DPS_NS_PER_MS);
	for (unsigned int i = 0; i < 2 * STREAMS; i++) {
		struct dps_stream_options stream = {
			.tag = i / 2,
			.open_deadline_ns = DPS_NEVER_NS,
		};

		assert_int_equal(
			dps_stream_open(side_of(i % 2)->streams, &stream, &story.out[i % 2][i / 2]),
			0);
	}
	stream_link_run(&story.link, 10 * DPS_NS_PER_MS);
	take_events(0);
	take_events(1);
}

static inline bool do_stream(unsigned int which, unsigned int i)
{
	struct rig_side *from = side_of(which), *to = side_of(1 - which);
	size_t part = (size_t)dps_min_u64(16 << 10, BYTES - story.sent[which][i]);

	if (part > 0 && rig_send(from, story.out[which][i], part, 0, 0) == 0)
		story.sent[which][i] += part;
	else if (part == 0)
		assert_int_equal(dps_stream_finish(from->streams, story.out[which][i]), 0);
	if (!story.has_end[which][i])
		story.read[which][i] +=
			rig_read(to, story.in[1 - which][i], &story.has_end[which][i]);
	return story.has_end[which][i];
}

/* A step of 1 ms; whether all has come. */
static inline bool do_all(void)
{
	bool is_over = true;

	for (unsigned int i = 0; i < 2 * STREAMS; i++)
		is_over &= do_stream(i % 2, i / 2);
	stream_link_run(&story.link, DPS_NS_PER_MS);
	take_events(0);
	take_events(1);
	return is_over;
}

/* So often, a little further on each time; every other time the paths go with it. */
static inline void break_connections(unsigned int times)
{
	for (unsigned int i = 0; i < times; i++) {
		for (unsigned int k = 0; k < 5; k++)
			do_all();
		story.link.has_new_paths = i % 2 == 0;
		stream_link_cut(&story.link);
		stream_link_run(&story.link, 400 * DPS_NS_PER_MS);
		assert_int_equal(story.link.sides[0].connections, i + 2);
	}
}

static inline void finish(void)
{
	uint64_t end_ns = story.link.net.now_ns + 60 * DPS_NS_PER_S;

	while (!do_all())
		pair_check(&story.link.net, story.link.net.now_ns < end_ns);
	for (unsigned int i = 0; i < 2 * STREAMS; i++)
		assert_int_equal(story.read[i % 2][i / 2], BYTES);
	for (unsigned int i = 0; i < 2; i++)
		dps_peer_close(story.link.sides[i].peer, 0, DPS_NS_PER_S, story.link.net.now_ns);
	stream_link_run(&story.link, 3 * DPS_NS_PER_S);
	for (unsigned int i = 0; i < 2 * STREAMS; i++)
		assert_int_equal(rig_look(side_of(i % 2), story.out[i % 2][i / 2]).send.state,
				 DPS_STREAM_FINISHED);
	assert_true(story.link.sides[0].is_closed && story.link.sides[1].is_closed);
	stream_link_close(&story.link);
	rig_close_streams(&story.rig);
}
