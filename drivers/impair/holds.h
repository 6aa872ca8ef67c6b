/* SPDX-License-Identifier: BSD-3-Clause */
/* Holds: bodies that the port is done with, kept back as a NIC's queue does, and checked at
 * release. */
#pragma once
#include "engine/random.h"
#include <dps/types.h>
#include <stdbool.h>
#include <stdint.h>

enum dps_holds_limits {
	DPS_HOLDS_NONE = -1,
	DPS_HOLDS_BUCKETS = 512, /* twice what the longest hold spans */
};

struct dps_hold {
	const uint8_t *body;
	uint64_t checksum;
	uint32_t body_bytes;
	uint32_t token;
	int next;
};

/* Sorted by the time of release into a ring of buckets. Owner: the port's lane. */
struct dps_holds {
	struct dps_hold *holds;
	uint32_t waiting_count; /* in buckets */
	int free;
	uint64_t hold_ns;
	uint64_t bucket_ns;
	uint64_t bucket; /* due up to here */
	int buckets[DPS_HOLDS_BUCKETS];
	struct dps_random random;
};

/* In given memory. hold_ns is not zero. */
void dps_holds_init(struct dps_holds *holds, struct dps_hold *memory, uint32_t count,
		    uint64_t hold_ns, uint64_t seed);

/* Remembers a body that is about to be sent, and what is in it. DPS_HOLDS_NONE when full. */
int dps_holds_take(struct dps_holds *holds, const uint8_t *body, uint32_t body_bytes,
		   uint32_t token);

/* Forgets one that was not sent after all. */
void dps_holds_cancel(struct dps_holds *holds, int hold);

/* The port beneath is done with it: a random time up to hold_ns begins. */
void dps_holds_start(struct dps_holds *holds, int hold, uint64_t now_ns);

/*
 * Takes out one whose time is over by now_ns and gives its token; false when there is none. A body
 * that is not what it was when it was sent is a bug of ours, somebody has used the slot again
 * too early: dps_panic.
 */
bool dps_holds_take_due(struct dps_holds *holds, uint64_t now_ns, uint32_t *token);

/* Checks and forgets one at once, without its time. Returns its token. */
uint32_t dps_holds_finish(struct dps_holds *holds, int hold);
