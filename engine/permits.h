/* SPDX-License-Identifier: BSD-3-Clause */
/* Permits, as peers take and give them. Contract: <dps/permits.h>. */
#pragma once
#include <dps/permits.h>
#include <stdbool.h>

void dps_permits_waiter_init(struct dps_permits_waiter *waiter, void (*on_granted)(void *owner),
			     void *owner);

/* One more call: true with a permit; false when it waits in line, behind those who came before. */
bool dps_permits_take(struct dps_permits *permits, struct dps_permits_waiter *waiter);

/* Gives one back: whoever's turn it is hears of it before this returns. */
void dps_permits_give(struct dps_permits *permits);

/* A call that waits does so no more. */
void dps_permits_withdraw(struct dps_permits_waiter *waiter);
