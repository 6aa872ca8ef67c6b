/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/flight.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <stddef.h>

void dps_flight_init(struct dps_flight *flight, uint64_t limit_bytes, uint32_t peers)
{
	uint64_t part_bytes = UINT64_MAX, common_bytes = UINT64_MAX;

	if (limit_bytes > 0) {
		part_bytes = peers > 0 ? limit_bytes / 2 / peers : 0;
		common_bytes = limit_bytes - part_bytes * peers;
	}
	*flight = (struct dps_flight){ .part_bytes = part_bytes, .common_bytes = common_bytes };
	flight->line.next = flight->line.previous = &flight->line;
}

void dps_flight_waiter_init(struct dps_flight_waiter *waiter, void (*on_turn)(void *owner),
			    void *owner)
{
	*waiter = (struct dps_flight_waiter){ .on_turn = on_turn, .owner = owner };
}

/* ---- bytes ---- */

static uint64_t beyond(const struct dps_flight *flight, uint64_t bytes)
{
	return bytes > flight->part_bytes ? bytes - flight->part_bytes : 0;
}

void dps_flight_move(struct dps_flight *flight, uint64_t before, uint64_t after)
{
	DPS_ASSERT(beyond(flight, before) <= flight->taken_bytes);
	flight->taken_bytes += beyond(flight, after) - beyond(flight, before);
	flight->taken_max = dps_max_u64(flight->taken_max, flight->taken_bytes);
}

bool dps_flight_is_own(const struct dps_flight *flight, uint64_t after)
{
	return after <= flight->part_bytes;
}

bool dps_flight_fits(const struct dps_flight *flight, uint64_t before, uint64_t kept,
		     uint64_t bytes)
{
	uint64_t without = beyond(flight, before - kept);
	uint64_t taken = flight->taken_bytes - beyond(flight, before) + without;
	uint64_t more = beyond(flight, before - kept + bytes) - without;

	return more == 0 || dps_fits_limit(taken, more, flight->common_bytes);
}

/* ---- turns ---- */

bool dps_flight_is_turn(const struct dps_flight *flight, const struct dps_flight_waiter *waiter)
{
	return flight->line.next == &flight->line || flight->line.next == waiter;
}

void dps_flight_join(struct dps_flight *flight, struct dps_flight_waiter *waiter)
{
	if (waiter->next != NULL)
		return;
	waiter->next = &flight->line;
	waiter->previous = flight->line.previous;
	waiter->previous->next = waiter;
	flight->line.previous = waiter;
}

void dps_flight_leave(struct dps_flight_waiter *waiter)
{
	if (waiter->next == NULL)
		return;
	waiter->previous->next = waiter->next;
	waiter->next->previous = waiter->previous;
	waiter->next = waiter->previous = NULL;
}

void dps_flight_wake(struct dps_flight *flight)
{
	struct dps_flight_waiter *first;

	while ((first = flight->line.next) != &flight->line) {
		first->on_turn(first->owner);
		if (flight->line.next == first)
			return;
	}
}
