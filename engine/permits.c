/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/permits.h"
#include <dps/assert.h>
#include <stddef.h>

void dps_permits_init(struct dps_permits *permits, uint32_t limit)
{
	*permits = (struct dps_permits){ .limit = limit };
	permits->line.next = permits->line.previous = &permits->line;
}

void dps_permits_waiter_init(struct dps_permits_waiter *waiter, void (*on_granted)(void *owner),
			     void *owner)
{
	*waiter = (struct dps_permits_waiter){ .on_granted = on_granted, .owner = owner };
}

static void join(struct dps_permits *permits, struct dps_permits_waiter *waiter)
{
	waiter->next = &permits->line;
	waiter->previous = permits->line.previous;
	waiter->previous->next = waiter;
	permits->line.previous = waiter;
}

static void leave(struct dps_permits_waiter *waiter)
{
	waiter->previous->next = waiter->next;
	waiter->next->previous = waiter->previous;
	waiter->next = waiter->previous = NULL;
}

static bool is_any_free(const struct dps_permits *permits)
{
	return permits->taken < permits->limit;
}

static void count_taken(struct dps_permits *permits)
{
	permits->taken++;
	permits->granted++;
	if (permits->taken > permits->taken_max)
		permits->taken_max = permits->taken;
}

bool dps_permits_take(struct dps_permits *permits, struct dps_permits_waiter *waiter)
{
	if (is_any_free(permits)) {
		DPS_ASSERT(permits->line.next == &permits->line); /* or it would have got it */
		count_taken(permits);
		return true;
	}
	if (waiter->wants++ == 0)
		join(permits, waiter);
	return false;
}

/* One call of whoever's turn it is, who goes to the end of the line if it has more. */
static void grant(struct dps_permits *permits)
{
	struct dps_permits_waiter *waiter;

	while (is_any_free(permits) && (waiter = permits->line.next) != &permits->line) {
		count_taken(permits);
		leave(waiter);
		if (--waiter->wants > 0)
			join(permits, waiter);
		waiter->on_granted(waiter->owner);
	}
}

void dps_permits_give(struct dps_permits *permits)
{
	DPS_ASSERT(permits->taken > 0);
	permits->taken--;
	grant(permits);
}

void dps_permits_set_limit(struct dps_permits *permits, uint32_t limit)
{
	permits->limit = limit;
	grant(permits);
}

void dps_permits_withdraw(struct dps_permits_waiter *waiter)
{
	DPS_ASSERT(waiter->wants > 0);
	if (--waiter->wants == 0)
		leave(waiter);
}
