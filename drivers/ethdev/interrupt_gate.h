/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupt gate: keeps DPDK's interrupt thread from pulling a memif port's memory away from
 * under a lane that is in the middle of a burst.
 *
 * net_memif learns on EAL's interrupt thread that its peer is gone and unmaps the peer's memory at
 * once (22.11: memif_intr_handler -> memif_disconnect -> munmap), with nothing that would hold it
 * off rte_eth_rx_burst and rte_eth_tx_burst. The gate is a callback of our own on that thread.
 * The thread counts as running except while it is inside the callback, where it waits for
 * something to happen on any of EAL's descriptors; before it leaves, every lane must be outside
 * its bursts. So no other interrupt callback ever overlaps a burst.
 *
 * It mends a second thing. When a memif client is gone before the server has greeted it, 22.11
 * closes the connection but leaves its callback registered (memif_listener_handler), and EAL
 * panics when it next collects its descriptors. A second callback on the listening descriptor
 * comes right after and puts a silent descriptor where the closed one was.
 */
#pragma once
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* One lane's side of the gate. */
struct dps_gate_side {
	/* writer: the lane; reader: the interrupt thread */
	alignas(64) _Atomic uint32_t is_inside;
};

/*
 * Sets the gate up on first use. Main thread, after EAL is up. Returns 0 or -errno: a sentence
 * in why.
 */
int dps_gate_open(char *why, size_t why_bytes);

/* Main thread, before its lane starts. The side must stay until dps_gate_remove(). */
void dps_gate_add(struct dps_gate_side *side);
void dps_gate_remove(struct dps_gate_side *side);

/* Sees to it that clients of the memif server which listens on path may leave at any time. */
int dps_gate_watch_clients(const char *path);

/*
 * Makes the thread go round once; returns a number that dps_gate_rounds() reaches when it has.
 * From then on it holds no event of a descriptor that was closed before: the number of that
 * descriptor may be used again.
 */
uint64_t dps_gate_nudge(void);
uint64_t dps_gate_rounds(void);

/*
 * Holds the interrupt thread for good, when all ports are closed and before EAL's cleanup. That
 * (22.11) unmaps the heap and leaves the thread running, which looks there at the next event, such
 * as a peer that leaves in the same moment, for callbacks that net_memif has forgotten.
 */
void dps_gate_close(void);

/* What the interrupt thread sets while it runs, or wants to. writer: it; readers: lanes */
extern _Atomic uint32_t dps_gate_is_wanted;

void dps_gate_wait(struct dps_gate_side *side);

/* Before a burst, and before anything that the interrupt thread must not see half done. */
static inline void dps_gate_enter(struct dps_gate_side *side)
{
	/* seq_cst: pairs with the store to is_wanted and the load of is_inside in take_turn() */
	atomic_store_explicit(&side->is_inside, 1, memory_order_seq_cst);
	if (__builtin_expect(atomic_load_explicit(&dps_gate_is_wanted, memory_order_seq_cst) != 0,
			     0))
		dps_gate_wait(side);
}

static inline void dps_gate_leave(struct dps_gate_side *side)
{
	/* release: pairs with the load of is_inside in take_turn() */
	atomic_store_explicit(&side->is_inside, 0, memory_order_release);
}
