/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_SET WEAK_GENERATION WEAK_PUT WEAK_HAS_ID WEAK_REGISTER WEAK_GET
 *
 * The registry: one entry that dps_registry_register() gives to a transfer, dps_registry_unregister()
 * takes back, and another gets, against a thread in dps_registry_find() and dps_registry_get(). A
 * handle leads to the owner of the id that was looked for or to nothing; an id mixed of both is never
 * found; what the owner wrote before it was registered is there.
 */
#define ATOMICS 4
#define PLAINS 2
#define PROCESSES 2
#define STORES 3
#include "memory.pml"

#define GENERATION 0
#define ID(n) (1 + (n))
#define OWNER 3
#define OBJECT(owner) PLAIN((owner) - 1)

#define CONTROL 0
#define READER 1

#define SET UNLESS(WEAK_SET, RELEASE)
#define GENERATION_OF UNLESS(WEAK_GENERATION, ACQUIRE)

inline register(owner, generation)
{
	write(CONTROL, OBJECT(owner), owner);
	store(CONTROL, ID(0), owner, UNLESS(WEAK_PUT, RELEASE));
	store(CONTROL, ID(1), owner, UNLESS(WEAK_PUT, RELEASE));
	store(CONTROL, OWNER, owner, UNLESS(WEAK_REGISTER, RELEASE));
	store(CONTROL, GENERATION, generation, SET)
}

active proctype control()
{
	register(1, 1);
	store(CONTROL, GENERATION, 2, SET);
	register(2, 3)
}

active proctype reader()
{
	byte wanted, also, generation, first, second, now, owner, object;

	/* Both halves of one id, or of two that were never registered together. */
	if
	:: wanted = 1; also = 1
	:: wanted = 2; also = 2
	:: wanted = 1; also = 2
	:: wanted = 2; also = 1
	fi;
	load(READER, GENERATION, generation, GENERATION_OF);
	load(READER, ID(0), first, UNLESS(WEAK_HAS_ID, ACQUIRE));
	load(READER, ID(1), second, UNLESS(WEAK_HAS_ID, ACQUIRE));
	load(READER, GENERATION, now, RELAXED);
	if
	:: generation % 2 == 1 && first == wanted && second == also && now == generation ->
		assert(wanted == also);
		load(READER, GENERATION, now, GENERATION_OF);
		load(READER, OWNER, owner, UNLESS(WEAK_GET, ACQUIRE));
		if
		:: now == generation -> load(READER, GENERATION, now, RELAXED)
		:: else
		fi;
		if
		:: now == generation ->
			assert(owner == wanted);
			read(READER, OBJECT(owner), object);
			assert(object == owner)
		:: else
		fi
	:: else
	fi
}
