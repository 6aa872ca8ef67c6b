/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_PUT WEAK_DONE WEAK_BEGIN WEAK_GET WEAK_ORDER
 *
 * Snapshots: engine/sequence.h over two fields that the lane always changes together, and
 * dps_transfer_read(), which reads the producer's block after the lane's: nothing is acknowledged
 * that is not posted.
 */
#define VARS 5
#define PROCESSES 3
#define FLUSHES FLUSH(0) FLUSH(1) FLUSH(2) FLUSH(3) FLUSH(4) FLUSH(5) FLUSH(6) FLUSH(7) \
	FLUSH(8) FLUSH(9)
#include "memory.pml"

#define COUNT 0
#define ACKNOWLEDGED 1
#define SENT 2 /* here everything that was seen posted */
#define POSTED 3
#define HEAD 4
#define POSTS 2

#define PRODUCER 0
#define LANE 1
#define READER 2

#ifdef WEAK_PUT
#define put store
#else
#define put release
#endif
#ifdef WEAK_DONE
#define done_put store
#else
#define done_put release
#endif
#ifdef WEAK_BEGIN
#define begin_get load
#else
#define begin_get acquire
#endif
#ifdef WEAK_GET
#define get load
#else
#define get acquire
#endif

active proctype producer()
{
	byte n;

	do
	:: n < POSTS ->
		n++;
#ifdef WEAK_ORDER
		release(PRODUCER, HEAD, n);
		release(PRODUCER, POSTED, n)
#else
		release(PRODUCER, POSTED, n);
		release(PRODUCER, HEAD, n)
#endif
	:: else -> break
	od
}

active proctype lane()
{
	byte head, before, count;

	do
	:: before < POSTS ->
		acquire(LANE, HEAD, head);
		if
		:: head > before ->
			store(LANE, COUNT, count + 1);
			put(LANE, ACKNOWLEDGED, head);
			put(LANE, SENT, head);
			done_put(LANE, COUNT, count + 2);
			count = count + 2;
			before = head
		:: else
		fi
	:: else -> break
	od
}

active proctype reader()
{
	byte first, second, acknowledged, sent, posted;

	begin_get(READER, COUNT, first);
	get(READER, ACKNOWLEDGED, acknowledged);
	get(READER, SENT, sent);
	load(READER, COUNT, second);
	if
	:: first % 2 == 0 && first == second ->
		assert(acknowledged == sent);
		get(READER, POSTED, posted);
		assert(acknowledged <= posted)
	:: else
	fi
}
