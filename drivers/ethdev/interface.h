/* SPDX-License-Identifier: BSD-3-Clause */
/* Interface: what the kernel says of a network interface. Any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Returns 0 and the MTU, or -errno (-ENODEV: there is none of that name). */
int dps_interface_mtu(const char *name, uint32_t *mtu);
/* Up, and its carrier is there. */
bool dps_interface_is_running(const char *name);
/*
 * Makes the interface receive what is sent to any group, until the descriptor that is returned is
 * closed. -errno when it cannot be.
 */
int dps_interface_hear_groups(const char *name);
