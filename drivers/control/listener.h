/* SPDX-License-Identifier: BSD-3-Clause */
/* Listener: takes control connections, no more at once than it was told. */
#pragma once
#include "drivers/control/socket.h"

enum dps_listener_limits {
	/*
	 * What the lobby may hold, and above that more than a program serves, so that it has
	 * connections left to answer `busy` on (contract E52); beyond it the kernel lets peers
	 * wait.
	 */
	DPS_LISTENER_CONNECTIONS_MAX = 128,
};

/* Owner: the loop's thread. */
struct dps_listener {
	int fd;
	unsigned int open_count;	 /* accepted and not yet released */
	uint64_t paused_until_ns;	 /* out of descriptors: not tried before */
	struct dps_socket_address local; /* the port is the kernel's choice when 0 was asked for */
};

/* Opens the first address that can be. Returns 0 or -errno with a sentence. */
int dps_listener_open(struct dps_listener *listener, const struct dps_endpoint_name *endpoint,
		      char error[DPS_ENDPOINT_ERROR_BYTES]);
void dps_listener_close(struct dps_listener *listener);

/*
 * Gives a connection that waits. NULL when there is none, too many are open, or the process is
 * out of descriptors or memory (tried again 100 ms later).
 */
struct dps_socket *dps_listener_accept(struct dps_listener *listener, uint64_t now_ns);

/* A connection that was accepted is closed now. */
void dps_listener_release(struct dps_listener *listener);

/* The epoll events to wait for now; 0 while it would accept nothing. */
uint32_t dps_listener_wants(const struct dps_listener *listener, uint64_t now_ns);

/* When wants changes by itself, or DPS_NEVER_NS. */
uint64_t dps_listener_deadline_ns(const struct dps_listener *listener, uint64_t now_ns);
