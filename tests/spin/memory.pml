/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory weaker than spin's own, which is sequentially consistent. What is stored waits in a
 * buffer per process and variable and becomes visible at any time, in any order; what is loaded
 * may be as old as the process last had to look. The orders of C11 then mean:
 *
 *   store    relaxed: into the buffer
 *   release  everything stored before is visible first
 *   load     relaxed: what was seen last, or what is in memory now
 *   acquire  the same, and who saw the memory as it is now sees nothing older afterwards
 *   swap     read-modify-write: acts on the memory itself; sequentially consistent
 *   fence    what was stored is visible before anything is loaded
 *
 * A load never waits behind a later store of its own process; where that matters a model has both
 * orders written out. Before this file: VARS, PROCESSES, and FLUSHES, a FLUSH(n) for each of
 * VARS * PROCESSES places.
 */
#define AT(me, v) ((me) * VARS + (v))
#define FLUSH(n) \
	:: d_step { \
		is_pending[n] -> memory[(n) % VARS] = pending[n]; is_pending[n] = 0; pending[n] = 0 \
	}

byte memory[VARS];
byte pending[VARS * PROCESSES];
bit is_pending[VARS * PROCESSES];
byte seen[VARS * PROCESSES];
byte each;

/* Both within a d_step. */
#define DRAIN(me) \
	each = 0; \
	do \
	:: each < VARS && is_pending[AT(me, each)] -> \
		memory[each] = pending[AT(me, each)]; \
		is_pending[AT(me, each)] = 0; pending[AT(me, each)] = 0; each++ \
	:: each < VARS && !is_pending[AT(me, each)] -> each++ \
	:: each == VARS -> break \
	od; \
	each = 0

#define LOOK(me) \
	each = 0; \
	do \
	:: each < VARS -> seen[AT(me, each)] = memory[each]; each++ \
	:: each == VARS -> break \
	od; \
	each = 0

inline store(me, v, x)
{
	d_step { pending[AT(me, v)] = x; is_pending[AT(me, v)] = 1 }
}

inline release(me, v, x)
{
	d_step { DRAIN(me); pending[AT(me, v)] = x; is_pending[AT(me, v)] = 1 }
}

inline fence(me)
{
	d_step { DRAIN(me); LOOK(me) }
}

inline load(me, v, r)
{
	atomic {
		if
		:: is_pending[AT(me, v)] -> r = pending[AT(me, v)]
		:: !is_pending[AT(me, v)] -> seen[AT(me, v)] = memory[v]; r = memory[v]
		:: !is_pending[AT(me, v)] -> r = seen[AT(me, v)]
		fi
	}
}

inline acquire(me, v, r)
{
	atomic {
		if
		:: is_pending[AT(me, v)] -> r = pending[AT(me, v)]
		:: !is_pending[AT(me, v)] -> d_step { LOOK(me); r = memory[v] }
		:: !is_pending[AT(me, v)] -> r = seen[AT(me, v)]
		fi
	}
}

active proctype bus()
{
end:	do
	FLUSHES
	od
}
