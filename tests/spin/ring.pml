/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_COMMIT WEAK_TAKE WEAK_TRIM WEAK_PLACE
 *
 * The ring, of two places: dps_transfer_reserve() looks for credit and a place, dps_transfer_commit()
 * posts, take_posts() takes, dps_transfer_take_ack() and dps_transfer_trim() give back. No chunk is
 * read before it is whole nor written while it is read, and what is acknowledged was posted. The
 * window and the state, which the producer reads too, are numbers alone, as what is acknowledged is.
 *
 * drivers/mailbox.h goes the same way, with dps_mailbox_push() for the producer, dps_mailbox_pop()
 * for the lane and dps_mailbox_room() that looks for a place; so do commands, a request to resume
 * among them, and events.
 */
#define ATOMICS 3
#define PLAINS 2
#define PROCESSES 2
#define STORES 4
#include "memory.pml"

#define HEAD 0
#define TAIL 1
#define ACKNOWLEDGED 2
#define CHUNK(n) PLAIN((n) % 2) /* the bytes and the entry of a chunk */
#define CHUNKS 4
#define WINDOW 2

#define PRODUCER 0
#define LANE 1

active proctype producer()
{
	byte n, tail, acknowledged;

	do
	:: n < CHUNKS ->
		do
		:: load(PRODUCER, ACKNOWLEDGED, acknowledged, RELAXED);
			assert(acknowledged <= n);
			load(PRODUCER, TAIL, tail, UNLESS(WEAK_PLACE, ACQUIRE));
			if
			:: n - acknowledged < WINDOW && n - tail < 2 -> break
			:: else
			fi
		od;
		write(PRODUCER, CHUNK(n), n + 1);
		n++;
		store(PRODUCER, HEAD, n, UNLESS(WEAK_COMMIT, RELEASE))
	:: else -> break
	od
}

active proctype lane()
{
	byte done, head, chunk;

	do
	:: done < CHUNKS ->
		load(LANE, HEAD, head, UNLESS(WEAK_TAKE, ACQUIRE));
		do
		:: done < head ->
			read(LANE, CHUNK(done), chunk);
			done++;
			assert(chunk == done);
			store(LANE, ACKNOWLEDGED, done, RELAXED);
			store(LANE, TAIL, done, UNLESS(WEAK_TRIM, RELEASE))
		:: else -> break
		od
	:: else -> break
	od
}
