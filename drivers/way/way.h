/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Way: how the packets of a path get to a peer, from what it said of its port (a hello, a greeting)
 * and from where its control connection comes. Of any thread.
 */
#pragma once
#include "drivers/port.h"
#include <dps/types.h>
#include <sys/socket.h>

/*
 * Where its packets go. One that listens on all its addresses names none: an address that works is
 * the one that its control connection comes from. And the link of a link-local one is the link of
 * the control connection.
 */
void dps_way_find(const struct dps_address *said, const struct sockaddr_storage *control,
		  struct dps_address *address);

/* The largest UDP payload that both ports take, and at most so much of ours in it as it said. */
uint32_t dps_way_datagram_bytes(const struct dps_port *port, const struct dps_address *said,
				uint32_t payload_bytes_max, uint8_t family);

/* What a peer has to have received to know it; never 0. */
uint64_t dps_way_make_challenge(void);
