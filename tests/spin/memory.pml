/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory as C11 has it, which spin's own, sequentially consistent, is not. Every store goes into a
 * buffer that each other thread drains for itself: variable by variable, at any time, so in any
 * order. What an order forbids is written down with the store: what it carries, that is how far
 * the buffers of all variables are drained for who acquires it. The orders mean:
 *
 *   RELAXED  a store carries itself (and what stood before a fence); who loads, drains so far
 *   RELEASE  a store carries all that its thread has stored and seen
 *   ACQUIRE  who loads takes over what the store carries
 *   SEQ_CST  both, and a load sees the last store of this order
 *
 * swap() reads and writes in one step and carries on what the store before it carried. write() and
 * read() are for plain memory: what another thread wrote, or read, must have happened before, or
 * they race. So a load that waits behind a later store of its thread shows as a race; between
 * atomic variables alone, where nothing here would rely on it, it is not looked for.
 *
 * Before this file: ATOMICS, the variables from 0 on; PLAINS, those behind, two numbers each (its
 * reader is one thread); PROCESSES; STORES, most that a variable gets. UNLESS(WEAK, order) is the
 * order, and with -DWEAK the next weaker one.
 */
#define VARIABLES (ATOMICS + 2 * PLAINS)
#define PLAIN(n) (ATOMICS + 2 * (n))

#define RELAXED 0
#define ACQUIRE 1
#define RELEASE 2
#define ACQ_REL 3
#define SEQ_CST 7

/* yes for a name that was given with -D, no for others. */
#define SECOND(first, second, ...) second
#define CHOOSE(given, yes, no) SECOND(given yes, no, no)
#define GIVEN_1 0,
#define PICK(name, yes, no) CHOOSE(GIVEN_##name, yes, no)
#define IF_GIVEN(name, yes, no) PICK(name, yes, no)
#define WEAKER_1 RELAXED
#define WEAKER_2 RELAXED
#define WEAKER_3 RELAXED
#define WEAKER_7 ACQ_REL
#define WEAKER(order) WEAKER_##order
#define WEAKENED(order) WEAKER(order)
#define UNLESS(weak, order) IF_GIVEN(weak, WEAKENED(order), order)

byte last[VARIABLES]; /* stores so far */
byte value[ATOMICS * (STORES + 1)];
byte carried[ATOMICS * (STORES + 1) * VARIABLES];
byte drained[PROCESSES * VARIABLES];
byte ordered[ATOMICS]; /* the last sequentially consistent store */
byte content[VARIABLES];
bit is_noted[VARIABLES]; /* read, and nobody could hear of it since: one note is enough */
bit is_race;
hidden byte each, pick;

#define VALUE(v, n) value[(v) * (STORES + 1) + (n)]
#define CARRIED(v, n, u) carried[((v) * (STORES + 1) + (n)) * VARIABLES + (u)]
#define DRAINED(me, v) drained[(me) * VARIABLES + (v)]

#ifdef FENCES
byte fenced[PROCESSES * VARIABLES];  /* what relaxed stores carry: as of a release fence */
byte pending[PROCESSES * VARIABLES]; /* what relaxed loads saw: for an acquire fence */
#define FENCED(me, v) fenced[(me) * VARIABLES + (v)]
#define PENDING(me, v) pending[(me) * VARIABLES + (v)]
#else
#define FENCED(me, v) 0
#endif

#define FOR_ALL(step) \
	each = 0; \
	do \
	:: each < VARIABLES -> step; each++ \
	:: else -> break \
	od

#define RAISE(level, to) \
	if \
	:: level < to -> level = to \
	:: else \
	fi

/* Within a d_step, all of these. */
#define TAKE_OVER(me, v, n) FOR_ALL(RAISE(DRAINED(me, each), CARRIED(v, n, each)))

#ifdef FENCES
#define REMEMBER(me, v, n) FOR_ALL(RAISE(PENDING(me, each), CARRIED(v, n, each)))
#else
#define REMEMBER(me, v, n) skip
#endif

#define LOADED(me, v, n, order) \
	RAISE(DRAINED(me, v), n); \
	REMEMBER(me, v, n); \
	if \
	:: (order) & ACQUIRE -> TAKE_OVER(me, v, n) \
	:: else \
	fi

#define STORED(me, v, x, order) \
	last[v]++; \
	assert(last[v] <= STORES); \
	VALUE(v, last[v]) = x; \
	DRAINED(me, v) = last[v]; \
	FOR_ALL(CARRIED(v, last[v], each) = \
		((order) & RELEASE -> DRAINED(me, each) : FENCED(me, each))); \
	CARRIED(v, last[v], v) = last[v]; \
	if \
	:: (order) & RELEASE -> FOR_ALL(is_noted[each] = 0) \
	:: else \
	fi; \
	if \
	:: (order) == SEQ_CST -> ordered[v] = last[v] \
	:: else \
	fi

inline store(me, v, x, order)
{
	d_step { STORED(me, v, x, order); each = 0 }
}

inline load(me, v, r, order)
{
	atomic {
		pick = DRAINED(me, v);
		if
		:: (order) == SEQ_CST && ordered[v] > pick -> pick = ordered[v]
		:: else
		fi;
		do
		:: pick < last[v] -> pick++
		:: break
		od;
		skip;
		d_step { r = VALUE(v, pick); LOADED(me, v, pick, order); pick = 0; each = 0 }
	}
}

/* old: what was there; x may name it. */
inline swap(me, v, old, x, order)
{
	d_step {
		old = VALUE(v, last[v]);
		LOADED(me, v, last[v], order);
		STORED(me, v, x, order);
		FOR_ALL(RAISE(CARRIED(v, last[v], each), CARRIED(v, last[v] - 1, each)));
		each = 0
	}
}

#ifdef FENCES
inline fence(me, order)
{
	d_step {
		if
		:: (order) & ACQUIRE -> FOR_ALL(RAISE(DRAINED(me, each), PENDING(me, each)))
		:: else
		fi;
		if
		:: (order) & RELEASE ->
			FOR_ALL(FENCED(me, each) = DRAINED(me, each); is_noted[each] = 0)
		:: else
		fi;
		each = 0
	}
}
#endif

/* Who has joined all other threads. */
inline join(me)
{
	d_step { FOR_ALL(DRAINED(me, each) = last[each]); each = 0 }
}

#define IS_BEHIND(me, v) (DRAINED(me, v) != last[v])

inline write(me, v, x)
{
	d_step {
		is_race = IS_BEHIND(me, v) || IS_BEHIND(me, v + 1);
		assert(!is_race);
		last[v]++;
		DRAINED(me, v) = last[v];
		content[v] = x
	}
}

inline read(me, v, r)
{
	d_step {
		is_race = IS_BEHIND(me, v);
		assert(!is_race);
		if
		:: !is_noted[v] ->
			last[v + 1]++;
			assert(last[v + 1] < 255);
			DRAINED(me, v + 1) = last[v + 1];
			is_noted[v] = 1
		:: else
		fi;
		r = content[v]
	}
}
