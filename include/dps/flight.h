/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flight: how many bytes the streams of several peers have under way together, at most.
 *
 * What is posted on any of them counts, until it is acknowledged or given up. Half of it is the
 * peers' own in equal parts, so that one that is away, or does not read, stops no other. The other
 * half is for who asks first; peers that wait for it have their turn one after the other, one send
 * each.
 *
 * Owner: one thread, that of all streams that share it.
 */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One who waits; part of a peer's streams. */
struct dps_flight_waiter {
	struct dps_flight_waiter *next; /* NULL: not in line */
	struct dps_flight_waiter *previous;
	void (*on_turn)(void *owner); /* it is first, and there may be room */
	void *owner;
};

struct dps_flight {
	uint64_t part_bytes;	       /* of each peer, which no other can take */
	uint64_t common_bytes;	       /* for what is beyond that */
	uint64_t taken_bytes;	       /* of common_bytes */
	uint64_t taken_max;	       /* most at any time */
	struct dps_flight_waiter line; /* next: whose turn it is */
};

/*
 * For so many peers at most; it must outlive their streams. limit_bytes 0: no bound, and nobody
 * waits. More peers than that are bounded all the same, but have more together.
 */
void dps_flight_init(struct dps_flight *flight, uint64_t limit_bytes, uint32_t peers);

#ifdef __cplusplus
}
#endif
