/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL lane: runs lanes on the lcores that dps_eal_start() made for them. Main thread. */
#pragma once

/* Starts run on the lcore of a lane, counted from 0. Returns 0, or -errno (-ENODEV: no such lcore).
 */
int dps_eal_launch(unsigned int lane, void (*run)(void *context), void *context);

/* Waits until run has returned on every lcore. */
void dps_eal_join(void);

/* DPDK's own name and version. Any thread; EAL need not be up. */
const char *dps_eal_version(void);
