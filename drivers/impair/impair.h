/* SPDX-License-Identifier: BSD-3-Clause */
/* Impair: the port that loses, doubles, reorders, damages, delays and holds back what another
 * carries. */
#pragma once
#include "drivers/impair/options.h"
#include "drivers/port.h"

enum dps_impair_limits {
	DPS_IMPAIR_COPIES = 512,	/* per direction, when datagrams can need a copy */
	DPS_IMPAIR_COPIES_DELAY = 4096, /* the same with a delay, where all of them do */
	DPS_IMPAIR_HOLDS = 16384,	/* bodies held back */
};

struct dps_impair_counters {
	uint64_t sent_lost; /* in the blackout too */
	uint64_t sent_damaged;
	uint64_t received_lost;
	uint64_t received_damaged;
	uint64_t duplicated; /* from here on in both directions */
	uint64_t held_back;  /* behind others */
	uint64_t delayed;
	uint64_t unimpaired; /* spared what was meant for them, for want of room */
};

/*
 * Wraps inner, which is closed with the port. What this side sends and receives meets the fates
 * of the options; given the same datagrams they repeat exactly with the seed, for each direction by
 * itself. Time is what poll said last, now_ns before. The blackout begins so long after the
 * first datagram in either direction; copies that are under way by then still arrive.
 *
 * Bodies: that of a lost datagram is given back at once; so is that of one that goes on as a copy,
 * unless bodies are held. A held body is summed when it is sent and again when it is given back:
 * a slot used again too early stops the process (drivers/impair/holds.h). Rooms are inner's; while
 * bodies are held there are none, so that they lie in the caller's memory, which is what is looked
 * at.
 *
 * Memory is taken here and nowhere else: nothing for loss and blackout; for fates that need
 * copies DPS_IMPAIR_COPIES datagrams of inner's MTU for each direction (with a delay
 * DPS_IMPAIR_COPIES_DELAY: 37 MB at an MTU of 9000), those to send with inner's allocate; for a
 * hold 32 bytes times DPS_IMPAIR_HOLDS. While it is all in use datagrams pass unimpaired and are
 * counted.
 *
 * The port's counters are inner's, but for impaired_datagrams: all that were lost or damaged here.
 * Errors: -ENOMEM; inner is still the caller's.
 */
int dps_impair_open(struct dps_port *inner, const struct dps_impair_options *options,
		    uint64_t now_ns, struct dps_port **port);

const struct dps_impair_counters *dps_impair_counters(const struct dps_port *port);
const struct dps_port *dps_impair_inner(const struct dps_port *port);
