/* SPDX-License-Identifier: BSD-3-Clause */
/* Dialer: keeps trying to connect to a peer until a deadline; it may start before the peer does. */
#pragma once
#include "drivers/control/socket.h"
#include <stdbool.h>

enum dps_dialer_event {
	DPS_DIALER_WAITING,
	DPS_DIALER_CONNECTED,
	DPS_DIALER_FAILED, /* the deadline is over */
};

/*
 * Tries the addresses in turn; when none answers, waits 100 ms, twice as long after each round, at
 * most 1 s. One attempt takes at most 5 s.
 *
 * Owner: the loop's thread.
 */
struct dps_dialer {
	struct dps_socket_address addresses[DPS_ENDPOINT_ADDRESSES_MAX];
	unsigned int addresses_count;
	unsigned int next; /* address to try */
	int fd;		   /* of the attempt under way, else -1; changes with each */
	int last_error;	   /* errno of the last attempt */
	unsigned int attempts_count;
	uint64_t started_at_ns;
	uint64_t deadline_ns;
	uint64_t attempt_until_ns; /* the attempt under way is given up */
	uint64_t retry_at_ns;	   /* without one: when the next begins */
	uint64_t pause_ns;
};

/* Starts trying; deadline_ns may be DPS_NEVER_NS. */
void dps_dialer_init(struct dps_dialer *dialer, const struct dps_socket_address *addresses,
		     unsigned int count, uint64_t deadline_ns, uint64_t now_ns);
void dps_dialer_fini(struct dps_dialer *dialer);

/*
 * Goes as far as it can: call at first, when fd is writable (EPOLLOUT), and at the deadline. Gives
 * the socket once, with DPS_DIALER_CONNECTED. The descriptor may have changed afterwards.
 */
enum dps_dialer_event dps_dialer_step(struct dps_dialer *dialer, struct dps_socket **socket,
				      uint64_t now_ns);

/* When step has something to do even if fd is silent. */
uint64_t dps_dialer_deadline_ns(const struct dps_dialer *dialer);

/* Says which address did not answer, for how long, and why. */
void dps_dialer_explain(const struct dps_dialer *dialer, char error[DPS_ENDPOINT_ERROR_BYTES],
			uint64_t now_ns);
