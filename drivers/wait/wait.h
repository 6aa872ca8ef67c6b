/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wait: blocks threads until a transfer has what they wait for, or makes a descriptor readable. A
 * thin layer above <dps/transfer.h>, whose calls never wait.
 *
 * The lane calls on_turn once a turn; whatever changed in the transfer since, a cancellation by
 * any thread too, wakes everybody who waits, and each looks for itself. Nobody waiting costs the
 * lane no system call.
 */
#pragma once
#include "drivers/clock.h"
#include <dps/transfer.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct dps_wait {
	struct dps_transfer *transfer;
	struct dps_clock *clock;
	int event_fd;		   /* -1: none */
	uint32_t changes;	   /* of the transfer, that were told. Owner: the lane */
	_Atomic uint32_t wakes;	   /* what threads sleep on; writers: any */
	_Atomic uint32_t waiters;  /* threads that may sleep; writers: those */
	_Atomic uint32_t is_armed; /* event_fd is to be written; writers: any */
};

/* has_event_fd: for dps_wait_event_fd. Errors: -errno of eventfd. */
int dps_wait_init(struct dps_wait *wait, struct dps_transfer *transfer, struct dps_clock *clock,
		  bool has_event_fd);

/* When no thread waits any more. */
void dps_wait_fini(struct dps_wait *wait);

/* Lane, once a turn: also the transfer's own turn. */
void dps_wait_on_turn(struct dps_wait *wait);

/* Any thread: cancels, and wakes at once. Returns as dps_transfer_cancel does. */
bool dps_wait_cancel(struct dps_wait *wait, const char *reason);

/*
 * The producer: until a chunk of so many bytes may be posted. Errors: -ECANCELED, -EMSGSIZE;
 * -ENOTCONN parked, go on with dps_wait_reconnect; -ETIMEDOUT, the transfer goes on.
 */
int dps_wait_credit(struct dps_wait *wait, uint64_t bytes, uint64_t deadline_ns);

/* Any thread: until a connection is there (again). Errors: -ECANCELED, -ETIMEDOUT. */
int dps_wait_reconnect(struct dps_wait *wait, uint64_t deadline_ns);

/*
 * Any thread: until everything below an offset of the transfer is acknowledged, and stored where
 * the ring waits for that; through parks. Errors: -ECANCELED, -ETIMEDOUT.
 */
int dps_wait_released(struct dps_wait *wait, uint64_t offset, uint64_t deadline_ns);

/*
 * For programs with an event loop of their own: readable when something changed, until it is
 * cleared. One thread: clear, then ask the transfer, then poll. -1 without has_event_fd.
 */
int dps_wait_event_fd(const struct dps_wait *wait);
void dps_wait_clear_event(struct dps_wait *wait);
