/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EAL prefix: a name for this process's files under DPDK's runtime folder (telemetry's socket). The
 * first is "dpdk-streamd", where tools look; others that run at the same time count on. A name is
 * held by a lock that dies with its process, so names are used again and no folders pile up.
 */
#pragma once
#include <stddef.h>

/* Writes a name to prefix and holds it. Main thread, once, before EAL. */
void dps_eal_prefix_claim(char *prefix, size_t prefix_bytes);
