/* SPDX-License-Identifier: BSD-3-Clause */
/* Flight, as the streams of a peer take and give it. Contract: <dps/flight.h>. */
#pragma once
#include <dps/flight.h>
#include <stdbool.h>

void dps_flight_waiter_init(struct dps_flight_waiter *waiter, void (*on_turn)(void *owner),
			    void *owner);

/* What a peer has was so many bytes, and is so many. Wakes nobody. */
void dps_flight_move(struct dps_flight *flight, uint64_t before, uint64_t after);

/* Within the peer's own part: it need not wait for others. */
bool dps_flight_is_own(const struct dps_flight *flight, uint64_t after);

/*
 * Whether a peer that has so many bytes, some of them kept for this, may have so many more. Longer
 * than all there is passes when nobody has anything beyond his part.
 */
bool dps_flight_fits(const struct dps_flight *flight, uint64_t before, uint64_t kept,
		     uint64_t bytes);

/* Nobody waits who came before. */
bool dps_flight_is_turn(const struct dps_flight *flight, const struct dps_flight_waiter *waiter);
/* Behind the others, unless it stands in line. */
void dps_flight_join(struct dps_flight *flight, struct dps_flight_waiter *waiter);
void dps_flight_leave(struct dps_flight_waiter *waiter);

/* There may be room: has each that is first look whether it is enough, until one stays first. */
void dps_flight_wake(struct dps_flight *flight);
