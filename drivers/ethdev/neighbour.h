/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Neighbour: what a host owes its link so that others find it, and how it finds them: ARP
 * (RFC 826), IPv6 neighbour discovery (RFC 4861 section 7), and echo replies (RFC 792, RFC 4443).
 * Pure functions over frames; the lane's thread.
 */
#pragma once
#include "drivers/ethdev/frame.h"

enum dps_neighbour_sizes {
	DPS_NEIGHBOUR_FRAME_BYTES = 128, /* room for any question that we ask */
};

/* Who says that it has which address. */
struct dps_neighbour_claim {
	uint8_t family; /* DPS_ADDRESS_NONE: the frame claims nothing */
	uint8_t mac[6];
	uint8_t ip[16];
};

/*
 * Looks at a control frame (dps_frame_parse said so). Writes the answer that it deserves to
 * reply, room bytes, and returns the answer's length; 0 when there is none to give. Claim is
 * always set.
 */
uint32_t dps_neighbour_answer(const struct dps_frame_self *self, const uint8_t *frame,
			      uint32_t frame_bytes, int vlan_stripped, uint8_t *reply,
			      uint32_t room, struct dps_neighbour_claim *claim);

/* Writes the question "who has ip?" of self's family to frame; returns its length. */
uint32_t dps_neighbour_ask(const struct dps_frame_self *self, const uint8_t *ip, uint8_t *frame);

/* Writes an unasked announcement of our own address, for those who knew an earlier MAC. */
uint32_t dps_neighbour_announce(const struct dps_frame_self *self, uint8_t *frame);

/* When to ask for one remote's MAC. */
struct dps_resolution {
	uint64_t ask_at_ns;   /* DPS_NEVER_NS: nothing to ask */
	uint32_t asked_count; /* since the last answer */
	bool is_resolved;
};

/* is_known: the MAC came with the address, nobody needs to be asked. */
void dps_resolution_init(struct dps_resolution *resolution, bool is_known, uint64_t now_ns);
/*
 * Whether to ask now; counts the question and plans the next: three times 100 ms apart, then
 * every second, and once a minute when resolved, so that a moved address is noticed.
 */
bool dps_resolution_is_due(struct dps_resolution *resolution, uint64_t now_ns);
void dps_resolution_on_answer(struct dps_resolution *resolution, uint64_t now_ns);
