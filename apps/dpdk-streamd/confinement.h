/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Confinement: once everything is open, what the process could do beyond its work is given up:
 * rights on all of its threads, system calls on the control core and on the threads that wait for
 * a disk. Why which, and what is left out: docs/security.md, "The process".
 */
#pragma once
#include "apps/dpdk-streamd/node.h"

/*
 * On the control core, before it turns for the first time. Examiner: NULL, or a worker besides the
 * node's; what is pushed to both from here on runs confined. A kernel without filters is a warning.
 * Returns 0, or -errno when rights cannot be given up; why then says so.
 */
int dps_confine(struct dps_node *node, struct dps_worker *examiner, char why[DPS_NODE_WHY_BYTES]);
