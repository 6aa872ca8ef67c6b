/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_WAITERS WEAK_WAKES WEAK_LOOK WEAK_COUNT WEAK_LATE
 *
 * Waiting: drivers/wait's wait_for() in two threads, and wake() after the lane changed something (a
 * park, a resume, an acknowledgement) and after another thread cancelled. Who sleeps is woken: a
 * thread that nobody wakes is a state in which spin finds no way on.
 */
#define ATOMICS 4
#define PLAINS 0
#define PROCESSES 4
#define STORES 4
#include "memory.pml"

#define STATE 0
#define REASON 1
#define WAKES 2
#define WAITERS 3

#define LANE 2
#define CANCELLER 3

bit is_asleep[2];

active [2] proctype waiter()
{
	byte wakes, count, state, reason;

	swap(_pid, WAITERS, count, count + 1, UNLESS(WEAK_WAITERS, SEQ_CST));
	do
	::
#ifndef WEAK_LATE
		/* No less is compared below, so here it need not be the last. */
		load(_pid, WAKES, wakes, UNLESS(WEAK_COUNT, ACQUIRE));
#endif
		/* The first waits for the lane or the end, the other for the end alone. */
		load(_pid, STATE, state, ACQUIRE);
		load(_pid, REASON, reason, ACQUIRE);
#ifdef WEAK_LATE
		load(_pid, WAKES, wakes, ACQUIRE);
#endif
		if
		:: reason != 0 || (_pid == 0 && state != 0) -> break
		:: else
		fi;
		/* FUTEX_WAIT: the kernel has a full barrier, compares, and sleeps in one step. */
		atomic {
			load(_pid, WAKES, count, SEQ_CST);
			if
			:: count == wakes -> is_asleep[_pid] = 1
			:: else
			fi
		}
		!is_asleep[_pid]
	od;
	swap(_pid, WAITERS, count, count - 1, RELAXED)
}

inline wake(me)
{
	swap(me, WAKES, wakes, wakes + 1, UNLESS(WEAK_WAKES, SEQ_CST));
	load(me, WAITERS, waiters, UNLESS(WEAK_LOOK, SEQ_CST));
	if
	:: waiters > 0 -> d_step { is_asleep[0] = 0; is_asleep[1] = 0 }
	:: else
	fi
}

active proctype lane()
{
	byte wakes, waiters;

	store(LANE, STATE, 1, RELEASE);
	wake(LANE)
}

active proctype canceller()
{
	byte wakes, waiters;

	store(CANCELLER, REASON, 1, RELEASE);
	wake(CANCELLER)
}
