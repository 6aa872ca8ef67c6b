/* SPDX-License-Identifier: BSD-3-Clause */
/* Sim trace: the last things that happened in the world, kept raw and put into words on failure. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum dps_sim_trace_limits {
	DPS_SIM_TRACE_EVENTS = 512,
	DPS_SIM_TRACE_BYTES = 256, /* of a datagram: its header, and most ACKs whole */
};

struct dps_sim_event {
	uint64_t at_ns;
	const char *who;  /* a node's name */
	const char *what; /* static */
	uint64_t values[2];
	uint32_t length; /* of the datagram; 0 when the event has none */
	uint8_t bytes[DPS_SIM_TRACE_BYTES];
};

/* Owner: the world. */
struct dps_sim_trace {
	struct dps_sim_event events[DPS_SIM_TRACE_EVENTS];
	uint64_t events_count; /* ever; the ring has the last ones */
	uint64_t origin_ns;    /* printed times count from here */
	FILE *live;	       /* not NULL: every event is also printed as it happens */
	bool is_off;	       /* for runs that are only measured */
};

/* Something happened that is told by at most two numbers. */
void dps_sim_trace_note(struct dps_sim_trace *trace, uint64_t now_ns, const char *who,
			const char *what, uint64_t first, uint64_t second);

/* Something happened to a datagram; borrows its bytes. */
void dps_sim_trace_datagram(struct dps_sim_trace *trace, uint64_t now_ns, const char *who,
			    const char *what, const uint8_t *bytes, uint32_t length);

/* Tells the last events, at most so many, the oldest first. */
void dps_sim_trace_print(const struct dps_sim_trace *trace, FILE *out, unsigned int events_max);
