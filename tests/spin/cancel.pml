/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_SWAP WEAK_RELEASE WEAK_LOOK WEAK_TURN
 *
 * Cancel: two threads at once against a producer that posts and a lane that takes turns. One of
 * them is the first, its reason stays and can be read, and in the end the ring holds nothing,
 * whatever slipped in beside the cancellation.
 */
#define VARS 4
#define PROCESSES 4
#define FLUSHES FLUSH(1) FLUSH(2) FLUSH(3) FLUSH(4) FLUSH(5) FLUSH(6) FLUSH(7) FLUSH(8) FLUSH(9) \
	FLUSH(10) FLUSH(11)
#include "memory.pml"

#define REASON 0
#define TEXT(who) (who) /* 1 and 2: what their reasons say */
#define HEAD 3
#define POSTS 2

#define PRODUCER 0
#define LANE 3

byte firsts, gone;

proctype canceller(byte me)
{
	byte found;

	store(me, TEXT(me), 1);
	atomic {
#ifdef WEAK_RELEASE
		skip;
#else
		d_step { DRAIN(me) };
#endif
		found = memory[REASON];
#ifdef WEAK_SWAP
	}
	atomic {
#endif
		if
		:: found == 0 -> memory[REASON] = me; firsts++
		:: else
		fi
	}
	gone++
}

proctype producer()
{
	byte n, reason;

	do
	:: n < POSTS ->
		acquire(PRODUCER, REASON, reason);
		if
		:: reason != 0 -> break
		:: else
		fi;
		n++;
		release(PRODUCER, HEAD, n)
	:: else -> break
	od;
	fence(PRODUCER); /* its end is seen by who waits for it */
	gone++
}

/* dps_transfer_look() and dps_transfer_trim(). */
inline turn()
{
	acquire(LANE, HEAD, head);
#ifdef WEAK_LOOK
	load(LANE, REASON, reason);
#else
	acquire(LANE, REASON, reason);
#endif
	if
	:: reason != 0 ->
		load(LANE, TEXT(reason), text);
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
	fence(LANE);
	turn();
	assert(firsts == 1);
	assert(told != 0 && told == memory[REASON]);
	assert(done == memory[HEAD])
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
