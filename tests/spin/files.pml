/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weak: WEAK_BEGIN WEAK_FIND WEAK_FILES WEAK_FORGET WEAK_ADVANCE WEAK_COMMIT WEAK_TAKE
 *
 * Files begun, of one chunk each: dps_transfer_advance() writes a file into one of two places,
 * dps_transfer_find_span() and trim_files() read it, and may_advance() lets it be written over when
 * as many earlier files are gone as files_kept asks. The file of a chunk that was taken is found.
 *
 * The names of drivers/log are such files that never go: dps_log_set_level() begins one, and
 * find_name() looks for it.
 */
#define ATOMICS 4
#define PLAINS 4
#define PROCESSES 2
#define STORES 3
#include "memory.pml"

#define HEAD 0
#define TAIL 1
#define FILES_HEAD 2
#define FILES_TAIL 3
#define CHUNK(n) PLAIN((n) % 2)
#define FILE(n) PLAIN(2 + (n) % 2)
#define FILES 3

#define PRODUCER 0
#define LANE 1

byte kept;

proctype producer()
{
	byte n, tail, files_tail;

	do
	:: n < FILES ->
		do
		:: load(PRODUCER, TAIL, tail, ACQUIRE);
			if
			:: n - tail < 2 -> break
			:: else
			fi
		od;
		write(PRODUCER, CHUNK(n), n);
		n++;
		store(PRODUCER, HEAD, n, UNLESS(WEAK_COMMIT, RELEASE));
		do
		:: n == FILES -> break
		:: n < FILES ->
			load(PRODUCER, FILES_TAIL, files_tail, UNLESS(WEAK_ADVANCE, ACQUIRE));
			load(PRODUCER, TAIL, tail, RELAXED); /* only counted here */
			if
			:: kept == 0 && n - 1 - files_tail == 0 && tail == n -> break
			:: kept > 0 && n - 1 - files_tail < kept -> break
			:: else
			fi
		od;
		if
		:: n < FILES ->
			write(PRODUCER, FILE(n), n);
			store(PRODUCER, FILES_HEAD, n + 1, UNLESS(WEAK_BEGIN, RELEASE))
		:: else
		fi
	:: else -> break
	od
}

/* dps_transfer_find_span() for the file of the oldest chunk, which then is acknowledged. */
inline acknowledge()
{
	read(LANE, CHUNK(done), wanted);
	load(LANE, FILES_HEAD, files_head, UNLESS(WEAK_FIND, ACQUIRE));
	file = files_tail;
	do
	:: file < files_head ->
		read(LANE, FILE(file), index);
		if
		:: index == wanted -> break
		:: else -> file++
		fi
	:: else -> break
	od;
	assert(file < files_head);
	if
	:: file + 1 < files_head -> read(LANE, FILE(file + 1), index) /* where it ends */
	:: else
	fi;
	done++
}

inline trim()
{
	load(LANE, FILES_HEAD, files_head, UNLESS(WEAK_FILES, ACQUIRE));
	file = files_tail;
	do
	:: file + 1 < files_head ->
		read(LANE, FILE(file), index);
		if
		:: done < head -> read(LANE, CHUNK(done), wanted)
		:: done == head && head > 0 -> wanted = last_file + 1 /* its end was posted */
		:: done == head && head == 0 -> wanted = 0
		fi;
		if
		:: wanted > index -> file++
		:: else -> break
		fi
	:: else -> break
	od;
	/* Stored again, the same would say no more. */
	if
	:: file > files_tail ->
		files_tail = file;
		store(LANE, FILES_TAIL, files_tail, UNLESS(WEAK_FORGET, RELEASE))
	:: else
	fi;
	if
	:: done > tail -> tail = done; store(LANE, TAIL, tail, RELEASE)
	:: else
	fi
}

proctype lane()
{
	byte now, head, done, tail, files_tail, files_head, file, index, wanted, last_file;

	do
	:: done < FILES ->
		load(LANE, HEAD, now, UNLESS(WEAK_TAKE, ACQUIRE));
		if
		:: now > head -> head = now; read(LANE, CHUNK(head - 1), last_file)
		:: else
		fi;
		if
		:: head > done -> acknowledge()
		:: true
		fi;
		trim()
	:: else -> break
	od
}

init
{
	atomic {
		VALUE(FILES_HEAD, 0) = 1;
		if
		:: kept = 0
		:: kept = 1
		fi;
		run producer();
		run lane()
	}
}
