/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_SWAP WEAK_CANCEL WEAK_REASON WEAK_TURN
 *
 * Cancel: two threads in dps_transfer_cancel() at once, against a producer that posts and a lane
 * that takes its turns, dps_transfer_look() and dps_transfer_trim(). One of them is the first, its
 * reason stays and can be read as dps_transfer_cancel_reason() gives it, and in the end the ring
 * holds nothing, whatever slipped in beside the cancellation.
 */
#define ATOMICS 2
#define PLAINS 2
#define PROCESSES 4
#define STORES 2
#include "memory.pml"

#define REASON 0
#define HEAD 1
#define TEXT(who) PLAIN((who) - 1) /* 1 and 2: what their reasons say */
#define POSTS 2

#define PRODUCER 0
#define LANE 3

byte firsts, gone;

proctype canceller(byte who)
{
	byte found;

	write(who, TEXT(who), 1);
#ifdef WEAK_SWAP
	load(who, REASON, found, RELAXED);
	if
	:: found == 0 -> store(who, REASON, who, RELEASE); firsts++
	:: else
	fi;
#else
	atomic {
		if
		:: VALUE(REASON, last[REASON]) == 0 ->
			swap(who, REASON, found, who, UNLESS(WEAK_CANCEL, RELEASE));
			firsts++
		:: else
		fi
	}
#endif
	gone++
}

proctype producer()
{
	byte n, reason;

	do
	:: n < POSTS ->
		load(PRODUCER, REASON, reason, ACQUIRE);
		if
		:: reason != 0 -> break
		:: else
		fi;
		n++;
		store(PRODUCER, HEAD, n, RELEASE)
	:: else -> break
	od;
	gone++
}

inline turn()
{
	load(LANE, HEAD, head, ACQUIRE);
	load(LANE, REASON, reason, UNLESS(WEAK_REASON, ACQUIRE));
	if
	:: reason != 0 ->
		read(LANE, TEXT(reason), text);
		assert(text == 1);
		assert(told == 0 || told == reason);
#ifdef WEAK_TURN
		/* Only in the turn that learns of it. */
		if
		:: told == 0 -> done = head
		:: else
		fi;
#else
		done = head;
#endif
		told = reason
	:: else
	fi
}

proctype lane()
{
	byte head, reason, text, told, done;

	do
	:: gone < 3 -> turn()
	:: gone == 3 -> break
	od;
	join(LANE);
	turn();
	assert(firsts == 1);
	assert(told != 0 && told == reason);
	assert(done == head)
}

init
{
	atomic {
		run producer();
		run canceller(1);
		run canceller(2);
		run lane()
	}
}
