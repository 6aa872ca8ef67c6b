/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Permits: how many calls of other peers a program handles at once, over one peer or many.
 *
 * Each call of the far side has one while the program works on it, and gives it back on every way
 * that it can end. Calls alone need one: messages and answers do not, so a program whose permits
 * are all out still hears what it waits for. Peers that wait get theirs in turn, one call each.
 * Where those are of several endpoints, who gives one back (answers, or releases a peer) polls all
 * of them: the descriptor of another one tells of what happened to that one alone.
 *
 * Owner: one thread, that of all peers that share it.
 */
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One who waits; part of a peer. */
struct dps_permits_waiter {
	struct dps_permits_waiter *next; /* NULL: not in line */
	struct dps_permits_waiter *previous;
	void (*on_granted)(void *owner); /* one of its calls that wait has a permit now */
	void *owner;
	uint32_t wants; /* calls that wait */
};

struct dps_permits {
	uint32_t limit;
	uint32_t taken;
	uint32_t taken_max;		/* most at any time */
	uint64_t granted;		/* ever */
	struct dps_permits_waiter line; /* next: whose turn it is */
};

/* limit 0: nobody gets any, until it is raised. */
void dps_permits_init(struct dps_permits *permits, uint32_t limit);

/*
 * Holds at once: those who wait get what is more. Fewer than are taken: what is out stays out, and
 * none is granted before enough came back.
 */
void dps_permits_set_limit(struct dps_permits *permits, uint32_t limit);

#ifdef __cplusplus
}
#endif
