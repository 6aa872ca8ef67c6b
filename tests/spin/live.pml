/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_FILLED WEAK_READ WEAK_RELEASE WEAK_ROOM WEAK_OVERWRITE WEAK_AGAIN WEAK_ENDED WEAK_STATE
 *
 * A live source, drivers/live, with a ring of two chunks: run() reads the source and take_chunk()
 * says so, read_ring() copies for the lane, dps_live_release() lets the control core give back what
 * the collector stored. What the collector waits for is not overwritten; a read that comes too late
 * notices it, or has the right bytes; who sees the end in dps_live_read() sees the digest.
 */
#define FENCES
#define ATOMICS 6
#define PLAINS 3
#define PROCESSES 3
#define STORES 3
#include "memory.pml"

#define FILLED 0
#define LOWEST 1
#define STORED_BY_PEER 2 /* the way of the bytes and of the word for it: sockets, another host */
#define HAS_ENDED 3
#define BYTES(n) (4 + (n) % 2)
#define READS(n) PLAIN((n) % 2) /* that the collector's word rests on */
#define DIGEST PLAIN(2)
#define CHUNKS 3

#define SOURCE 0
#define LANE 1
#define CONTROL 2

active proctype source()
{
	byte n, lowest;

	do
	:: n < CHUNKS ->
		do
		:: load(SOURCE, LOWEST, lowest, UNLESS(WEAK_ROOM, ACQUIRE));
			if
			:: n - lowest < 2 -> break
			:: else
			fi
		od;
		fence(SOURCE, UNLESS(WEAK_OVERWRITE, RELEASE));
		write(SOURCE, READS(n), n);
		store(SOURCE, BYTES(n), n + 1, RELAXED);
		n++;
		store(SOURCE, FILLED, n, UNLESS(WEAK_FILLED, RELEASE))
	:: else -> break
	od;
	write(SOURCE, DIGEST, 1);
	store(SOURCE, HAS_ENDED, 1, UNLESS(WEAK_ENDED, RELEASE))
}

inline read_ring(n)
{
	load(LANE, FILLED, filled, UNLESS(WEAK_READ, ACQUIRE));
	load(LANE, LOWEST, lowest, RELAXED);
	is_read = n < filled && n >= lowest;
	if
	:: is_read ->
		load(LANE, BYTES(n), bytes, RELAXED);
		fence(LANE, UNLESS(WEAK_AGAIN, ACQUIRE));
		load(LANE, LOWEST, lowest, RELAXED);
		is_read = n >= lowest
	:: else
	fi;
	if
	:: is_read -> assert(bytes == n + 1)
	:: else
	fi
}

active proctype lane()
{
	byte n, filled, lowest, bytes, again;
	bit is_read;

	do
	:: n < CHUNKS ->
		read_ring(n);
		if
		:: is_read ->
			read(LANE, READS(n), again);
			n++;
			store(LANE, STORED_BY_PEER, n, RELEASE)
		:: else
		fi
	:: n > 0 -> break
	od;
	/* Late, for a connection that is gone. */
	if
	:: again = 0
	:: again = 1
	fi;
	read_ring(again)
}

active proctype control()
{
	byte offset, stored, has_ended, digest;

	do
	:: offset < CHUNKS ->
		load(CONTROL, STORED_BY_PEER, stored, ACQUIRE);
		if
		:: stored > offset ->
			offset = stored;
			store(CONTROL, LOWEST, offset, UNLESS(WEAK_RELEASE, RELEASE))
		:: else
		fi
	:: break
	od;
	load(CONTROL, HAS_ENDED, has_ended, UNLESS(WEAK_STATE, ACQUIRE));
	if
	:: has_ended -> read(CONTROL, DIGEST, digest); assert(digest == 1)
	:: else
	fi
}
