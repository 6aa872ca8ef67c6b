/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports: kinds of port beyond kernel sockets, as a table that a program hands to an endpoint. So
 * the endpoint knows none of them, and what they need is linked by who wants them alone.
 *
 * Called by the thread that opens the endpoint.
 */
#pragma once
#include "drivers/port.h"

/* What an endpoint wants of a port; borrowed for the call. */
struct dps_port_wish {
	const char *name;    /* as the program wrote it */
	const char *ip;	     /* ADDRESS/BITS of its own; NULL: the port finds one */
	uint16_t vlan;	     /* 0: untagged */
	uint32_t mtu;	     /* 0: the device's */
	bool is_server;	     /* of a link that one end makes and the other looks for: makes it */
	bool is_sealed;	     /* bodies are encrypted */
	size_t memory_bytes; /* that will be asked of allocate */
};

struct dps_ports {
	uint32_t version; /* DPS_VERSION_NUMBER: two versions do not agree on port.h */
	/* Returns 0, or -errno and a sentence: what failed, and what to do. */
	int (*open)(const struct dps_port_wish *wish, struct dps_port **port, char *why,
		    size_t why_bytes);
};
