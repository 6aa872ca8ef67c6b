/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_WAKE WEAK_CLEAR WEAK_FIRST
 *
 * A descriptor to poll: drivers/wait's wake() in the lane and in a thread that cancels, against one
 * that calls dps_wait_clear_event(), asks, and polls. It does not poll for ever; what is in the
 * descriptor itself is the kernel's.
 */
#define ATOMICS 3
#define PLAINS 0
#define PROCESSES 3
#define STORES 7
#include "memory.pml"

#define STATE 0
#define REASON 1
#define IS_ARMED 2

#define LANE 0
#define CANCELLER 1
#define POLLER 2

bit is_readable;

inline wake(me)
{
	swap(me, IS_ARMED, is_armed, 0, UNLESS(WEAK_WAKE, ACQ_REL));
	if
	:: is_armed -> is_readable = 1
	:: else
	fi
}

inline clear()
{
	is_readable = 0;
	swap(POLLER, IS_ARMED, is_armed, 1, UNLESS(WEAK_CLEAR, ACQ_REL))
}

proctype lane()
{
	byte is_armed;

	store(LANE, STATE, 1, RELEASE);
	wake(LANE);
	store(LANE, STATE, 2, RELEASE);
	wake(LANE)
}

proctype canceller()
{
	byte is_armed;

	store(CANCELLER, REASON, 1, RELEASE);
	wake(CANCELLER)
}

proctype poller()
{
	byte is_armed, state, reason;

	do
	::
#ifndef WEAK_FIRST
		clear();
#endif
		load(POLLER, STATE, state, ACQUIRE);
		load(POLLER, REASON, reason, ACQUIRE);
		if
		:: state == 2 && reason == 1 -> break
		:: else
		fi;
#ifdef WEAK_FIRST
		clear();
#endif
		is_readable
	od
}

init
{
	atomic {
		VALUE(IS_ARMED, 0) = 1;
		run lane();
		run canceller();
		run poller()
	}
}
