/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL log: DPDK's log lines, each with its level, into the log of the program. */
#pragma once
#include <stddef.h>

/*
 * From now on every line of DPDK goes to on_log, level as in <syslog.h>; NULL: warnings and worse
 * go to stderr. Lines that tell of no trouble, whatever their level says, become debug. Before EAL.
 */
void dps_eal_log_open(void (*on_log)(void *context, int level, const char *line), void *context);
void dps_eal_log_close(void);

/* The last error line, or "". */
void dps_eal_log_last(char *line, size_t line_bytes);
