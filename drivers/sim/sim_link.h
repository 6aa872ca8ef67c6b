/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim link: two ways, each a bottleneck with a queue, a delay and its own misfortunes. */
#pragma once
#include "drivers/sim/sim.h"
#include <stddef.h>

enum dps_sim_link_limits {
	DPS_SIM_LINK_PORTS = 16, /* on each side */
};

/* What befalls datagrams, each by its own chance in parts per million; all off when zero. */
struct dps_sim_faults {
	uint32_t loss_ppm;
	uint32_t burst_enter_ppm; /* Gilbert-Elliott: each packet may turn the way bad ... */
	uint32_t burst_leave_ppm; /* ... or good again; */
	uint32_t burst_loss_ppm;  /* what a bad way loses; few packets do not stretch it beyond */
	uint64_t burst_ns_max;	  /* ... this; 0: no end by time */
	uint32_t duplicate_ppm;	  /* a second one comes up to reorder_ns_max later */
	uint32_t reorder_ppm;	  /* held back for up to ... */
	uint64_t reorder_ns_max;
	uint32_t corrupt_ppm;	    /* one to three flipped bits */
	uint32_t truncate_ppm;	    /* loses its end */
	uint64_t blackout_every_ns; /* on average; 0 for never; nothing gets through for ... */
	uint64_t blackout_ns_max;
};

struct dps_sim_way_config {
	uint64_t bits_per_s;  /* 0: not limited */
	uint64_t delay_ns;    /* of propagation, after the last bit has left */
	uint64_t queue_bytes; /* what waits for the way, the datagram in transmission too; 0: no
				 limit */
	/*
	 * Added to the UDP payload for the bandwidth and the queue: 66 counts all that Ethernet
	 * carries (IPv4), -56 the payload of our packets alone.
	 */
	int32_t overhead_bytes;
	struct dps_sim_faults faults;
};

struct dps_sim_way_counters {
	uint64_t offered;
	uint64_t delivered;
	uint64_t delivered_bytes; /* of UDP payload */
	uint64_t lost_filter;
	uint64_t lost_queue;
	uint64_t lost_random; /* single losses, bursts, blackouts, link down */
	uint64_t corrupted;   /* truncated ones too */
	uint64_t duplicated;
	uint64_t reordered;
};

struct dps_sim_link;

/* One direction. Datagrams arrive at `to`, or nowhere when that port has left. */
struct dps_sim_way {
	struct dps_sim_node node;
	struct dps_sim_link *link;
	struct dps_sim_way_config config;
	struct dps_sim_way_counters counters;
	struct dps_sim_queue flying;
	uint64_t free_at_ns; /* when the last bit of what was accepted has left */
	uint64_t free_rest;  /* and the fraction: so many of bits_per_s parts of a nanosecond */
	bool is_bad;	     /* Gilbert-Elliott */
	uint64_t bad_since_ns;
	uint64_t blackout_from_ns;
	uint64_t blackout_to_ns;
};

/*
 * Sees every datagram that is offered to a way; true loses it, and it may change the bytes (as
 * someone on the way could). direction is the sender's side. Borrows the bytes, of which a thin
 * datagram has only those outside its body of zeros.
 */
typedef bool dps_sim_filter(void *context, unsigned int direction, uint8_t *bytes, uint32_t length);

/* The same, but only looks: for checks. */
typedef void dps_sim_tap(void *context, unsigned int direction, const uint8_t *bytes,
			 uint32_t length);

/*
 * Sees every datagram that is about to arrive, behind all that befalls it on the way; true takes
 * it away. Borrows it.
 */
typedef bool dps_sim_gate(void *context, unsigned int direction,
			  const struct dps_sim_packet *packet);

/* Ports of side 0 send over ways[0] to ports of side 1, and back over ways[1]. */
struct dps_sim_link {
	struct dps_sim *sim;
	struct dps_sim_way ways[2];
	struct dps_sim_port *ports[2][DPS_SIM_LINK_PORTS];
	bool is_up;
	dps_sim_filter *filter; /* NULL for none */
	void *filter_context;
	dps_sim_tap *tap; /* asked first; NULL for none */
	void *tap_context;
	dps_sim_gate *gate; /* NULL for none */
	void *gate_context;
};

/* Both ways alike; ways[i].config may be changed at any time. Names are static, "to b", "to a". */
void dps_sim_link_init(struct dps_sim_link *link, struct dps_sim *sim,
		       const struct dps_sim_way_config *config, const char *way_names[2]);

/* Gives back what still flies. */
void dps_sim_link_fini(struct dps_sim_link *link);

/* Cuts or joins the cable: what is under way at a cut is lost. */
void dps_sim_link_set_up(struct dps_sim_link *link, bool is_up);

/* Takes a datagram that a port of side `direction` has sent. */
void dps_sim_link_send(struct dps_sim_link *link, unsigned int direction,
		       struct dps_sim_packet *packet);

/* A port leaves: what flies to it arrives nowhere. */
void dps_sim_link_forget(struct dps_sim_link *link, const struct dps_sim_port *port);

/* How long a datagram of so many bytes keeps a way busy, rounded down; exact sums are the way's. */
uint64_t dps_sim_way_time_ns(const struct dps_sim_way_config *config, uint32_t bytes);
