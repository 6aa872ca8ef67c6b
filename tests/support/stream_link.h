/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stream link: all that is between two programs with streams: a peer each, a control connection
 * that takes its time and breaks, and an engine each whose paths carry the bytes.
 */
#pragma once
#include "tests/support/engine_pair.h"
#include "tests/support/stream_rig.h"
#include <dps/peer.h>

enum { STREAM_LINK_WIRE_BYTES = 1 << 18 };

struct stream_link_side {
	struct dps_peer *peer;
	void *memory;
	struct dps_streams *streams; /* borrowed */
	uint64_t epoch;		     /* of its connection */
	bool is_up;		     /* it has one */
	bool is_ended;		     /* and has ended its half */
	bool is_end_due;	     /* the other is to hear of that, behind all bytes */
	bool is_closed;
	unsigned int connections;
	uint8_t *wire; /* written and not delivered */
	size_t wire_bytes;
};

struct stream_link {
	struct pair net;
	struct stream_link_side sides[2]; /* the first dials */
	size_t deliver_max;		  /* of a wire, in a turn */
	bool is_unreachable;		  /* dials fail */
	bool has_new_paths;		  /* with each connection */
};

/* The options' network between two engines, and peers with these streams, of which one dials. */
void stream_link_open(struct stream_link *link, const struct pair_options *options,
		      struct dps_streams *near, struct dps_streams *far);

/* Whatever there is goes; nothing of the streams is with the engines any more. */
void stream_link_close(struct stream_link *link);

/* All that there is to do now, and on by at most so much time. */
void stream_link_turn(struct stream_link *link, uint64_t ns);
void stream_link_run(struct stream_link *link, uint64_t ns);

/* The control connection breaks, with all that is on its way; the paths stay. */
void stream_link_cut(struct stream_link *link);

/* Paths anew, and both sides' streams go over them. */
void stream_link_renew_paths(struct stream_link *link);
