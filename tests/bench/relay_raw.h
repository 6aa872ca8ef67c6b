/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Raw relay: what one of a row of processes does that pass datagrams on from the first to the last:
 * the same size over the same kind of port as ours, the same passes over each byte (CRC32C made and
 * checked on every leg, one copy out of the port's buffers), and no protocol. How many may be under
 * way between two is counted in shared memory.
 *
 * Owner: the process, but for what is shared. Thread: its only one.
 */
#pragma once
#include "drivers/port.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum relay_raw_sizes {
	RELAY_RAW_BYTES = 8192, /* of payload in a datagram */
	RELAY_RAW_SLOTS = 256,
};

/* What a process and the one before it share. */
struct relay_raw_door {
	_Alignas(64) atomic_uint taken; /* datagrams, in this take */
	atomic_uint
		wanted; /* so many have to be taken until the one before is woken; 0: it is awake */
	struct dps_address address; /* of the port that takes in */
};

struct relay_raw {
	struct dps_port *in, *out;
	struct relay_raw_door *own, *next; /* NULL: nobody sends to it; it is the last */
	const atomic_int *stage;	   /* 0: the take is over */
	uint8_t (*slots)[RELAY_RAW_BYTES]; /* RELAY_RAW_SLOTS of them */
	uint8_t heads[RELAY_RAW_SLOTS][DPS_ENVELOPE_BYTES];
	uint32_t remote;
	uint32_t take;
	uint64_t passed; /* datagrams, in this take */
	uint64_t bytes;	 /* in all takes */
};

/*
 * Opens its ports on 127.0.0.1 with datagrams of this MTU; own is written, next has been by its
 * process, and is NULL for the last. is_first: it makes up what it sends. Returns what is wrong,
 * NULL: nothing.
 */
const char *relay_raw_open(struct relay_raw *raw, struct relay_raw_door *own,
			   struct relay_raw_door *next, bool is_first, uint32_t mtu);
/* Whoever conducts calls it for each between two takes. */
void relay_raw_reset(struct relay_raw_door *door);
/* What comes from now on is of this take. */
void relay_raw_begin(struct relay_raw *raw, uint32_t take);
/* A burst, or a wait of at most a millisecond. Returns false when a datagram was damaged. */
bool relay_raw_turn(struct relay_raw *raw);
