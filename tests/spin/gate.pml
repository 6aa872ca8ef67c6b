/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_ENTER WEAK_ASK WEAK_WAIT WEAK_AGAIN WEAK_LEAVE WEAK_TURN WEAK_LOOK WEAK_GIVE
 * weak: WEAK_REMOVE WEAK_SIDES WEAK_WANTED
 *
 * The interrupt gate, drivers/ethdev/interrupt_gate: a lane between dps_gate_enter() and
 * dps_gate_leave(), DPDK's interrupt thread between take_turn() and give_turn(). Never both are in
 * the port's memory, and what dps_gate_remove() gave back the thread does not look at any more.
 */
#define ATOMICS 3
#define PLAINS 2
#define PROCESSES 2
#define STORES 9
#include "memory.pml"

#define IS_INSIDE 0
#define IS_WANTED 1
#define IS_GONE 2 /* the place in sides is empty */
#define MEMORY PLAIN(0)
#define SIDE PLAIN(1)
#define BURSTS 2
#define TURNS 2

#define LANE 0
#define INTERRUPT 1

inline enter()
{
	store(LANE, IS_INSIDE, 1, UNLESS(WEAK_ENTER, SEQ_CST));
	load(LANE, IS_WANTED, is_wanted, UNLESS(WEAK_ASK, SEQ_CST));
	/* dps_gate_wait() */
	do
	:: is_wanted ->
		store(LANE, IS_INSIDE, 0, UNLESS(WEAK_WAIT, RELEASE));
		do
		:: load(LANE, IS_WANTED, is_wanted, RELAXED);
			if
			:: !is_wanted -> break
			:: else
			fi
		od;
		store(LANE, IS_INSIDE, 1, UNLESS(WEAK_AGAIN, SEQ_CST));
		load(LANE, IS_WANTED, is_wanted, UNLESS(WEAK_ASK, SEQ_CST))
	:: else -> break
	od
}

active proctype lane()
{
	byte n, is_wanted;

	do
	:: n < BURSTS ->
		enter();
		write(LANE, MEMORY, n);
		store(LANE, IS_INSIDE, 0, UNLESS(WEAK_LEAVE, RELEASE));
		n++
	:: else -> break
	od;
	/* dps_gate_remove(), when the lane has ended */
	store(LANE, IS_GONE, 1, UNLESS(WEAK_REMOVE, SEQ_CST));
	do
	:: load(LANE, IS_WANTED, is_wanted, UNLESS(WEAK_WANTED, SEQ_CST));
		if
		:: !is_wanted -> break
		:: else
		fi
	od;
	write(LANE, SIDE, 1)
}

active proctype interrupt()
{
	byte n, is_gone, is_inside, side;

	do
	:: n < TURNS ->
		store(INTERRUPT, IS_WANTED, 1, UNLESS(WEAK_TURN, SEQ_CST));
		do
		:: load(INTERRUPT, IS_GONE, is_gone, UNLESS(WEAK_SIDES, SEQ_CST));
			if
			:: is_gone -> break
			:: else
			fi;
			read(INTERRUPT, SIDE, side);
			load(INTERRUPT, IS_INSIDE, is_inside, UNLESS(WEAK_LOOK, SEQ_CST));
			if
			:: !is_inside -> break
			:: else
			fi
		od;
		write(INTERRUPT, MEMORY, n);
		store(INTERRUPT, IS_WANTED, 0, UNLESS(WEAK_GIVE, RELEASE));
		n++
	:: else -> break
	od
}
