/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_COMMIT WEAK_TAKE WEAK_TRIM
 *
 * The ring: dps_transfer_commit() posts, take_posts() takes, dps_transfer_trim() gives back, over
 * two places. The lane never sees a chunk that is not whole, nor one that was written over.
 */
#define VARS 4
#define PROCESSES 2
#define FLUSHES FLUSH(0) FLUSH(1) FLUSH(2) FLUSH(3) FLUSH(4) FLUSH(5) FLUSH(6) FLUSH(7)
#include "memory.pml"

#define CHUNK(n) ((n) % 2) /* the place of a chunk, its bytes and its entry alike */
#define HEAD 2
#define TAIL 3
#define CHUNKS 4

#define PRODUCER 0
#define LANE 1

active proctype producer()
{
	byte n, tail;

	do
	:: n < CHUNKS ->
		do
		:: acquire(PRODUCER, TAIL, tail);
			if
			:: n - tail < 2 -> break
			:: else
			fi
		od;
		store(PRODUCER, CHUNK(n), n + 1);
#ifdef WEAK_COMMIT
		store(PRODUCER, HEAD, n + 1);
#else
		release(PRODUCER, HEAD, n + 1);
#endif
		n++
	:: else -> break
	od
}

active proctype lane()
{
	byte done, head, chunk;

	do
	:: done < CHUNKS ->
#ifdef WEAK_TAKE
		load(LANE, HEAD, head);
#else
		acquire(LANE, HEAD, head);
#endif
		do
		:: done < head ->
#ifdef WEAK_TRIM
			/* Nothing keeps the load in front of the store. */
			if
			:: load(LANE, CHUNK(done), chunk); store(LANE, TAIL, done + 1)
			:: store(LANE, TAIL, done + 1); load(LANE, CHUNK(done), chunk)
			fi;
#else
			load(LANE, CHUNK(done), chunk);
			release(LANE, TAIL, done + 1);
#endif
			assert(chunk == done + 1);
			done++
		:: else -> break
		od
	:: else -> break
	od
}
