/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attacker: someone on the way of a world's packets, at its far end. He sees each, keeps some for
 * as long as the world lasts, and puts as many of his own as he likes ahead of the one he has just
 * seen, under any address. He has no key. What he takes away he gives back a little later: who cuts
 * the way needs no craft, and is met by the link's faults.
 *
 * Owner: the world.
 */
#pragma once
#include "tests/sim/rig.h"

enum attack {
	ATTACK_FLIP,	 /* a packet with some bits changed, ahead of it */
	ATTACK_TRUNCATE, /* one that lost its end, or has more of it */
	ATTACK_FORGE,	 /* data under the next numbers, well placed, with other bytes */
	ATTACK_REPLAY,	 /* what was sent before: just now, long ago, in another epoch */
	ATTACK_REORDER,	 /* holds one in fifty back */
	ATTACK_SPLICE,	 /* parts of two packets: of other channels, paths, directions, epochs */
	ATTACK_ACK,	 /* acknowledges what was not sent */
	ATTACK_CREDIT,	 /* gives credit that nobody gave, and says that all is stored */
	ATTACK_SPOOF,	 /* a packet as it is, from an address that nobody told */
	ATTACK_RESET,	 /* closes paths */
	ATTACK_GARBAGE,	 /* any bytes */
	ATTACK_AHEAD,	 /* has a quicker way, and sends copies of some ahead of all before them */
	ATTACKS_COUNT,
};

#define ATTACKS_ALL ((1U << ATTACKS_COUNT) - 1)
/* What is done with honest packets as they come, and not in between. */
#define ATTACKS_IN_PASSING (1U << ATTACK_REORDER | 1U << ATTACK_AHEAD)

enum { ATTACKER_KEPT = 128, ATTACKER_HELD = 64 };

struct attacker_packet {
	uint8_t *bytes;
	uint32_t length;
	unsigned int direction;
	struct dps_address from;
	struct dps_sim_port *to; /* NULL: this one holds nothing back */
	struct attacker *attacker;
};

struct attacker {
	struct rig *rig;
	struct dps_random random; /* of his own: the world's luck does not depend on him */
	uint32_t attacks;	  /* bits by enum attack */
	uint32_t packets;	  /* so many of his ... */
	uint32_t honest;	  /* ... for so many honest ones */
	uint32_t owed;		  /* of his, in parts of `honest` */
	uint32_t ahead_one_in;	  /* of the honest ones: those that he sends ahead */
	struct attacker_packet kept[ATTACKER_KEPT];
	unsigned int kept_count;
	struct attacker_packet held[ATTACKER_HELD];
	uint64_t honest_count;
	uint64_t counts[ATTACKS_COUNT];
	uint64_t crossed_count; /* packets of one lane with parts of one of another lane */
};

/* Attacks the world from now until its end: so many packets of his for so many honest ones. */
struct attacker *attacker_create(struct rig *rig, uint32_t attacks, uint32_t packets,
				 uint32_t honest);

/* A packet leaves, at the near end of its way, where he listens for those that he sends ahead. */
void attacker_overhear(struct attacker *attacker, unsigned int direction, const uint8_t *bytes,
		       uint32_t length);

/* Nothing for NULL. The rig does it when it is destroyed. */
void attacker_destroy(struct attacker *attacker);
