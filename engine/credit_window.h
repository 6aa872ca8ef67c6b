/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Credit window: how much credit a receiver keeps outstanding, following what the way between the
 * two can hold. Outstanding is what was granted and has not begun to arrive: what arrived and waits
 * for repair or for the disk is bounded elsewhere and says nothing of the way.
 *
 * It is measured in rounds. A round begins when the peer is told of new credit and ends with the
 * first byte that needed it: its length is the trip of credit there and of data back. Only a
 * round in which credit was what held the sender up says anything: then the bytes that came in it,
 * over its length, are the bandwidth, and the shortest trip lately is the delay. In other rounds
 * the source, the congestion window or the receiver itself was the limit, and the window stays.
 *
 * After the adaptive flow control of Cap'n Proto C++ (growth, decay and their bounds). There the
 * shortest trip is kept for ever, and a way that became longer starves the stream; with a minimum
 * that expires by time, as BBR has it, the queue that the window itself makes is taken for the way
 * (which is why BBR drains it every 10 s). Here it expires by evidence: when the window shrank
 * by two thirds and the trips did not get shorter, it was not the window that made them long.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct dps_credit_window_config {
	uint64_t floor_bytes;
	uint64_t limit_bytes; /* may be below the floor: then it is the floor too; DPS_OFFSET_MAX
				 when it is larger */
	uint64_t start_bytes;
	uint64_t slack_ns;	  /* a host is late by this much without the way being longer */
	uint64_t slack_bytes_max; /* ... but this is the most that may wait for it then */
};

/* Invariant: min(floor, limit) <= window_bytes <= limit.   Owner: the lane. */
struct dps_credit_window {
	struct dps_credit_window_config config;
	uint64_t window_bytes;
	uint64_t arrived_bytes; /* new ones, in all */

	uint64_t trip_min_ns;	 /* the shortest; UINT64_MAX before the first */
	uint64_t shrink_trip_ns; /* the longest while the window shrinks */
	uint8_t shrink_rounds;	 /* in a row in which it shrank as much as it may */
	bool is_starting;	 /* grows by up to 2 a round, later by up to 5/4 */
	uint8_t plateau_rounds;	 /* in a row that did not need more than 5/4 */

	/* The round that runs. */
	bool has_round;
	bool is_full;	 /* the whole window was outstanding when it began */
	bool is_blocked; /* the sender used up its credit in it */
	uint64_t round_offset;
	uint64_t round_at_ns;
	uint64_t round_arrived_bytes;
};

void dps_credit_window_init(struct dps_credit_window *window,
			    const struct dps_credit_window_config *config);

/* The limit may change at any time. Credit that was granted stays granted. */
void dps_credit_window_set_limit(struct dps_credit_window *window, uint64_t limit_bytes);

/*
 * The peer is told of credit beyond what it was told before; is_full: as much is outstanding as
 * the window allows. Repeating what was told is not news.
 */
void dps_credit_window_on_told(struct dps_credit_window *window, uint64_t told_before, bool is_full,
			       uint64_t now_ns);

/*
 * Data arrived up to an offset, so many bytes of it new. is_blocked: the sender says that with it
 * its credit is used up. True when the window has changed.
 */
bool dps_credit_window_on_data(struct dps_credit_window *window, uint64_t end_offset,
			       uint64_t new_bytes, bool is_blocked, uint64_t now_ns);
