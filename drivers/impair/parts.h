/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of the fault-injecting port: what its sending and its receiving half share. */
#pragma once
#include "drivers/impair/holds.h"
#include "drivers/impair/impair.h"
#include "drivers/impair/line.h"
#include "engine/random.h"

/* What is to become of a datagram, drawn when it is first seen. */
struct dps_impair_fate {
	bool is_lost;
	bool is_doubled;
	uint8_t behind;	     /* held back by so many others */
	uint8_t flips;	     /* bits to flip */
	uint64_t flips_seed; /* which ones: drawn with the rest, so that bursts change nothing */
};

/* Owner: the port's lane. */
struct dps_impair {
	struct dps_port port;
	struct dps_port_ops ops; /* what inner has not, it has not either */
	struct dps_port *inner;
	struct dps_impair_options options;
	struct dps_impair_counters counters;
	uint64_t now_ns;
	uint64_t blackout_at_ns; /* DPS_NEVER_NS before the first datagram */
	bool is_closing;

	struct dps_random send_random;
	struct dps_line send_line;
	/* Of datagrams that were offered and not taken: they are offered again. */
	struct dps_impair_fate fates[DPS_PORT_BURST];
	unsigned int fates_count;

	struct dps_random receive_random;
	struct dps_line receive_line;
	struct dps_incoming inner_lent[DPS_PORT_BURST];
	unsigned int inner_lent_count;
	int copies_lent[DPS_PORT_BURST];
	unsigned int copies_lent_count;

	struct dps_holds holds;
	struct dps_hold *holds_memory;
	struct dps_line_copy *copies_memory;
	uint8_t *receive_memory;
};

static inline struct dps_impair *dps_impair_of(const struct dps_port *port)
{
	return (struct dps_impair *)(uintptr_t)port; /* its first member */
}

/* fate.c */

struct dps_impair_fate dps_impair_draw(struct dps_random *random,
				       const struct dps_impair_options *options);

/* Whether the datagram has to wait or is damaged; lost and doubled are no reason. */
bool dps_impair_needs_copy(const struct dps_impair_options *options,
			   const struct dps_impair_fate *fate);

/* Asked for each datagram in either direction; the first one starts the time. */
bool dps_impair_is_blacked_out(struct dps_impair *impair);

/* Flips the bits of a fate, in count bytes, at least one. */
void dps_impair_damage(const struct dps_impair_fate *fate, uint8_t *bytes, uint32_t count);

void dps_impair_count_copied(struct dps_impair *impair, const struct dps_impair_fate *fate);
void dps_impair_mirror_counters(struct dps_impair *impair);

/* send.c */

unsigned int dps_impair_send(struct dps_port *port, const struct dps_outgoing *outgoing,
			     unsigned int count);

/* Sends copies whose time has come, as far as the port beneath takes them. */
void dps_impair_send_ready(struct dps_impair *impair);

/* Gives back the bodies whose hold is over. */
void dps_impair_release_due(struct dps_impair *impair, uint64_t now_ns);

/* The port beneath is done with a body; context is the struct dps_impair. */
void dps_impair_on_released(void *context, uint32_t token, uint32_t count);

/* receive.c */

unsigned int dps_impair_receive(struct dps_port *port, struct dps_incoming *incoming,
				unsigned int room);
void dps_impair_release(struct dps_port *port, struct dps_incoming *incoming, unsigned int count);
