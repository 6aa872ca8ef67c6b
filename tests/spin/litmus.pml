/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_BUFFERS WEAK_VIEWS WEAK_THIRD WEAK_OTHER WEAK_ACQUIRE
 *
 * The memory of these models itself, on what is known of C11: two stores and two loads crosswise
 * (store buffering), two threads that see two stores in different orders (independent reads), what
 * is handed on by a third thread or by a third's swap, and an acquire of another variable, which
 * orders nothing.
 */
#define ATOMICS 2
#define PLAINS 1
#define PROCESSES 4
#define STORES 2
#include "memory.pml"

#define X 0
#define Y 1
#define DATA PLAIN(0)

byte first[PROCESSES], second[PROCESSES], gone;

proctype buffers(byte who; byte own)
{
	store(who, own, 1, UNLESS(WEAK_BUFFERS, SEQ_CST));
	load(who, 1 - own, first[who], SEQ_CST);
	gone++
}

proctype writer(byte who; byte own)
{
	store(who, own, 1, SEQ_CST);
	gone++
}

proctype viewer(byte who; byte one)
{
	load(who, one, first[who], UNLESS(WEAK_VIEWS, SEQ_CST));
	load(who, 1 - one, second[who], UNLESS(WEAK_VIEWS, SEQ_CST));
	gone++
}

proctype origin(byte who)
{
	write(who, DATA, 1);
	store(who, X, 1, RELEASE);
	gone++
}

/* Hands on what it saw, once with a store and once with a swap that itself orders nothing. */
proctype third(byte who; bit is_swap)
{
	if
	:: is_swap ->
		swap(who, X, first[who], first[who] * 2, RELAXED)
	:: else ->
		load(who, X, first[who], UNLESS(WEAK_THIRD, ACQUIRE));
		if
		:: first[who] -> store(who, Y, 1, RELEASE)
		:: else
		fi
	fi;
	gone++
}

proctype last_one(byte who; byte from; byte wanted)
{
#ifdef WEAK_OTHER
	load(who, from, first[who], RELAXED);
	load(who, 1 - from, second[who], ACQUIRE);
#else
	load(who, from, first[who], UNLESS(WEAK_ACQUIRE, ACQUIRE));
#endif
	if
	:: first[who] == wanted -> read(who, DATA, second[who]); assert(second[who] == 1)
	:: else
	fi;
	gone++
}

init
{
	atomic {
		if
		:: run buffers(0, X); run buffers(1, Y);
			gone == 2;
			assert(first[0] || first[1])
		:: run writer(0, X); run writer(1, Y); run viewer(2, X); run viewer(3, Y);
			gone == 4;
			assert(!(first[2] && !second[2] && first[3] && !second[3]))
		:: run origin(0); run third(1, 0); run last_one(2, Y, 1);
			gone == 3
		:: run origin(0); run third(1, 1); run last_one(2, X, 2);
			gone == 3
		fi
	}
}
