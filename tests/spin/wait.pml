/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_WAITERS WEAK_WAKES WEAK_LATE
 *
 * Waiting: drivers/wait's wait_for() and wake(). Who sleeps is woken: a thread that nobody wakes is
 * a state in which spin finds no way on.
 */
#define VARS 3
#define PROCESSES 2
#define FLUSHES FLUSH(0) FLUSH(1) FLUSH(2) FLUSH(3) FLUSH(4) FLUSH(5)
#include "memory.pml"

#define CHANGED 0 /* what is waited for */
#define WAKES 1
#define WAITERS 2

#define WAITER 0
#define LANE 1

bit is_asleep;

active proctype waiter()
{
	byte wakes, changed;

#ifdef WEAK_WAITERS
	store(WAITER, WAITERS, 1);
#else
	d_step { DRAIN(WAITER); memory[WAITERS] = 1; LOOK(WAITER) }
#endif
	do
	::
#ifdef WEAK_LATE
		acquire(WAITER, CHANGED, changed);
		acquire(WAITER, WAKES, wakes);
#else
		/* Sequentially consistent loads follow the increment of waiters in one order. */
		d_step { LOOK(WAITER); wakes = memory[WAKES] }
		acquire(WAITER, CHANGED, changed);
#endif
		if
		:: changed -> break
		:: else
		fi;
		/* FUTEX_WAIT: the kernel compares and sleeps in one step, on the memory itself. */
		atomic {
			if
			:: memory[WAKES] == wakes -> is_asleep = 1
			:: else
			fi
		}
		!is_asleep
	od
}

active proctype lane()
{
	byte waiters;

	release(LANE, CHANGED, 1);
#ifdef WEAK_WAKES
	store(LANE, WAKES, 1);
	load(LANE, WAITERS, waiters);
#else
	d_step { DRAIN(LANE); memory[WAKES] = 1; LOOK(LANE) }
	d_step { LOOK(LANE); waiters = memory[WAITERS] }
#endif
	if
	:: waiters > 0 -> is_asleep = 0
	:: else
	fi
}
