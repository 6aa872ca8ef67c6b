/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pair: what the two processes of a measurement share with the one that conducts it. A take is one
 * span of time in which both do the same thing: it settles, it is counted, it stops.
 */
#pragma once
#include "drivers/lane_loop.h"
#include <dps/types.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum pair_limits {
	PAIR_CHUNK_BYTES = 256 << 10,
	PAIR_RINGS = 3, /* raw devices of different ring and pool sizes */
	PAIR_BURST_MAX = 64,
	PAIR_SLOTS_BYTES_MAX = 16 << 20,
	PAIR_WHY_BYTES = 512,
};

/* Which passes the raw forwarder makes over every byte. */
enum pair_passes {
	PAIR_COPY,   /* copies only */
	PAIR_CLEAR,  /* CRC32C of each packet made and checked, digest of each chunk, on both sides
		      */
	PAIR_SEALED, /* AES-GCM of each packet, which is the copy, and the same digests */
};

enum pair_mode {
	PAIR_OURS,
	PAIR_RAW,
	PAIR_END, /* the processes are to leave */
};

struct pair_plan {
	enum pair_mode mode;
	/* Of the raw forwarder. */
	enum pair_passes passes;
	uint32_t ring; /* which device */
	uint32_t burst;
	uint32_t slots_bytes; /* memory that it walks over, whole chunks */
};

enum pair_stage {
	PAIR_STOPPED,
	PAIR_SETTLES,
	PAIR_COUNTS,
};

/* Writer: its process, but for must_stop. */
struct pair_side {
	_Alignas(64) struct dps_lane_loop loop; /* the conductor ends runs of ours */
	_Alignas(64) atomic_uint done;		/* the last take that is over */
	atomic_bool is_ready;			/* ours moves bytes; every device is up */
	uint64_t bytes;				/* of payload, while it was counted */
	uint64_t ns;				/* so long was that */
	uint64_t cpu_ns;			/* and so long had its lane a processor */
	struct dps_lane_snapshot snapshot;	/* of ours, once it is over */
	uint64_t connection_id;
	struct dps_address address;
	atomic_bool has_address;
	atomic_bool has_failed;
	char why[PAIR_WHY_BYTES];
};

struct pair_shared {
	/* Writer: the conductor. */
	atomic_uint take;
	atomic_int stage;
	struct pair_plan plan; /* of the take */
	uint32_t payload_bytes;
	uint32_t mtu;
	bool is_sealed;		   /* ours encrypts */
	char folder[64];	   /* of the sockets */
	struct pair_side sides[2]; /* the sender, the receiver */
};

/* Runs in a process of its own, until the take that says so. Returns its exit status. */
int pair_side_run(struct pair_shared *shared, unsigned int which);
