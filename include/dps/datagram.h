/* SPDX-License-Identifier: BSD-3-Clause */
/* Datagrams as an engine and a port hand them to each other: UDP payloads, in bursts. */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stdint.h>

/* A datagram received. Lent by the port until it is released. */
struct dps_incoming {
	const uint8_t *bytes;
	uint32_t length;
	bool is_astray; /* came to another lane's queue, and another source port may mend that */
	uint8_t ecn;	/* two bits of the IP header; 0 when the port cannot tell */
	void *owner;	/* the port's, not to be touched */
	struct dps_address from;
};

/*
 * A datagram to send: head, then body. head is borrowed for the call that takes it. body (may be
 * NULL) stays untouched and unmoved until the token is given back, once per datagram that was
 * taken and has a body. One that has an owner lies in memory of the port's: its body is its room,
 * and no token is given back.
 */
struct dps_outgoing {
	uint8_t *head;
	const uint8_t *body;
	uint32_t head_bytes;
	uint32_t body_bytes;
	uint32_t remote; /* the port's name for the destination */
	uint32_t token;	 /* the slot that body lies in, or of a stream; of none without a body */
	uint32_t path;	 /* of the engine, and its number there: what the seal needs */
	uint64_t packet_number;
	/* Where a seal that encrypts puts the body; NULL without one, or without such a seal. */
	uint8_t *room;
	void *owner; /* the port's, not to be touched; NULL: the room is not in its memory */
};
