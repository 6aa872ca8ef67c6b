/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Carrier: what an engine knows of one peer's streams: which path they go over, what was told of
 * them in which packet, and how many of their bodies the port holds. It outlives the path as long
 * as that is any, since their memory does.
 *
 * Owner: the lane.
 */
#pragma once
#include "engine/wire.h"
#include <dps/stream_carriage.h>
#include <stdbool.h>
#include <stdint.h>

#define DPS_CARRIER_NONE UINT32_MAX

enum {
	DPS_CARRIERS_MAX = 1 << 11,    /* what a token can tell apart */
	DPS_CARRIER_SEGMENT_BITS = 20, /* of a token: the rest */
	DPS_CARRIER_TOLD = 32,	       /* packets of acknowledgements whose content is kept */
};

/* The streams that an acknowledgement told of: told again should it be lost. */
struct dps_carrier_told {
	uint64_t sequence;
	uint32_t count;
	uint32_t numbers[DPS_WIRE_STREAMS_MAX];
};

struct dps_carrier {
	struct dps_streams *streams; /* NULL: it is free */
	uint64_t epoch;		     /* that the path carries */
	uint32_t path;		     /* DPS_PATH_NONE: none, any more */
	uint32_t next;		     /* of those that have a path */
	uint32_t life;		     /* tells what was sent since it has this path and epoch */
	uint32_t bodies;	     /* that the port holds */
	uint64_t changes;	     /* of the streams, when all there was was emitted */
	uint64_t ack_at_ns;	/* when acknowledgements are due; DPS_NEVER_NS: there are none */
	uint64_t ask_at_ns;	/* when to look who waits; DPS_NEVER_NS: nobody */
	bool has_turn;		/* the streams, beside what else goes over the path */
	uint8_t data_limit;	/* what stopped that else: enum dps_limit */
	uint32_t turn_packets;	/* left of the turn of who has it */
	uint64_t told_sequence; /* of the next */
	uint64_t all_sequence;	/* what was told before it was all told again */
	struct dps_carrier_told told[DPS_CARRIER_TOLD]; /* by sequence, modulo */
};
