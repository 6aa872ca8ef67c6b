/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Start again: the same command in the same process from its beginning, once, with ordinary memory.
 * For when DPDK found no hugepages where there had been some: it can be started only once.
 *
 * Owner: the main thread, before there is another one.
 */
#pragma once
#include <stdbool.h>

/* Whether this is the second time; forgets it, so that no command we start hears of it. */
bool dps_start_again_is_second(void);

/* Returns only if it cannot: -errno. Descriptors that are not to outlive it close themselves. */
int dps_start_again(char *const *argv);
