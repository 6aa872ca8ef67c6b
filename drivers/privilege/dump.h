/* SPDX-License-Identifier: BSD-3-Clause */
/* Dump: whether others may see the memory of this process. */
#pragma once

/*
 * From now on the process leaves no core, and nobody but root attaches to it or reads its memory;
 * what lies under its /proc/PID belongs to root then. A program that it starts is as any other.
 * Any thread, for the whole process; to be called anew after its user has changed, which undoes it.
 * Returns 0 or -errno.
 */
int dps_dump_forbid(void);
