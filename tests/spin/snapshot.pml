/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_PUT WEAK_DONE WEAK_BEGIN WEAK_GET WEAK_POST WEAK_SIGNAL WEAK_CHANGES WEAK_FIRST
 *
 * Snapshots: engine/sequence.h over two fields that the lane always changes together and over two
 * of the producer's, and dps_transfer_read(), which reads the producer's block after the lane's. What
 * is read is of one moment, nothing is acknowledged that is not posted, and who saw the count of
 * dps_transfer_signal() in dps_transfer_changes() sees what it counted.
 *
 * What a lane tells of itself, dps_lane_publish() and dps_lane_read_snapshot(), goes through the same lock.
 */
#define ATOMICS 7
#define PLAINS 0
#define PROCESSES 3
#define STORES 4
#include "memory.pml"

#define POSTS_COUNT 0 /* the producer's sequence */
#define POSTED 1
#define HEAD 2
#define COUNT 3 /* the lane's */
#define ACKNOWLEDGED 4
#define SENT 5 /* here everything that was seen posted */
#define CHANGES 6
#define POSTS 2

#define PRODUCER 0
#define LANE 1
#define READER 2

#define PUT UNLESS(WEAK_PUT, RELEASE)
#define DONE UNLESS(WEAK_DONE, RELEASE)
#define BEGIN UNLESS(WEAK_BEGIN, ACQUIRE)
#define GET UNLESS(WEAK_GET, ACQUIRE)

active proctype producer()
{
	byte n, count;

	do
	:: n < POSTS ->
		n++;
		store(PRODUCER, POSTS_COUNT, count + 1, RELAXED);
		store(PRODUCER, POSTED, n, PUT);
		store(PRODUCER, HEAD, n, UNLESS(WEAK_POST, PUT));
		count = count + 2;
		store(PRODUCER, POSTS_COUNT, count, DONE)
	:: else -> break
	od
}

active proctype lane()
{
	byte head, before, count, changes;

	do
	:: before < POSTS ->
		load(LANE, HEAD, head, RELAXED);
		if
		:: head > before ->
			store(LANE, COUNT, count + 1, RELAXED);
			store(LANE, ACKNOWLEDGED, head, PUT);
			store(LANE, SENT, head, PUT);
			changes++;
			store(LANE, CHANGES, changes, UNLESS(WEAK_SIGNAL, RELEASE));
			count = count + 2;
			store(LANE, COUNT, count, DONE);
			before = head
		:: else
		fi
	:: else -> break
	od
}

inline read_lane()
{
	load(READER, COUNT, begun, BEGIN);
	load(READER, ACKNOWLEDGED, acknowledged, GET);
	load(READER, SENT, sent, GET);
	load(READER, COUNT, count, RELAXED);
	is_whole = is_whole && begun % 2 == 0 && begun == count
}

inline read_producer()
{
	load(READER, POSTS_COUNT, begun, BEGIN);
	load(READER, POSTED, posted, GET);
	load(READER, HEAD, head, GET);
	load(READER, POSTS_COUNT, count, RELAXED);
	is_whole = is_whole && begun % 2 == 0 && begun == count
}

active proctype reader()
{
	byte begun, count, acknowledged, sent, posted, head, changes;
	bit is_whole = 1;

	load(READER, CHANGES, changes, UNLESS(WEAK_CHANGES, ACQUIRE));
#ifdef WEAK_FIRST
	read_producer();
	read_lane();
#else
	read_lane();
	read_producer();
#endif
	if
	:: is_whole ->
		assert(acknowledged == sent);
		assert(posted == head);
		assert(acknowledged <= posted);
		assert(changes <= acknowledged)
	:: else
	fi
}
