/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_SEEN WEAK_OUT WEAK_IN WEAK_FOLLOW
 *
 * Several lanes over one device, drivers/ethdev/ethdev_queues: the one that leads asks another to
 * keep out, ethdev_ask_out(), waits until it does, ethdev_are_others_out(), stops and starts the
 * device under it, and lets it in, ethdev_let_in(); the other looks once a turn, ethdev_follow().
 * Never both use the device, and who comes in finds it as it was started.
 */
#define ATOMICS 2
#define PLAINS 1
#define PROCESSES 2
#define STORES 5
#include "memory.pml"

#define PHASE 0 /* odd: keep out */
#define SEEN 1
#define DEVICE PLAIN(0)
#define STOPS 2
#define TURNS 4

#define LEADER 0
#define OTHER 1

active proctype leader()
{
	byte n, phase, seen;

	do
	:: n < STOPS ->
		phase++;
		store(LEADER, PHASE, phase, RELAXED);
		do
		:: load(LEADER, SEEN, seen, UNLESS(WEAK_OUT, ACQUIRE));
			if
			:: seen == phase -> break
			:: else
			fi
		od;
		write(LEADER, DEVICE, n);
		phase++;
		store(LEADER, PHASE, phase, UNLESS(WEAK_IN, RELEASE));
		n++
	:: else -> break
	od
}

active proctype other()
{
	byte n, phase, seen;

	do
	:: seen < 2 * STOPS ->
		load(OTHER, PHASE, phase, UNLESS(WEAK_FOLLOW, ACQUIRE));
		if
		:: phase != seen ->
			seen = phase;
			store(OTHER, SEEN, seen, UNLESS(WEAK_SEEN, RELEASE))
		:: else
		fi;
		if
		:: seen % 2 == 0 && n < TURNS ->
			write(OTHER, DEVICE, n);
			n++
		:: else
		fi
	:: else -> break
	od
}
