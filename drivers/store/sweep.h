/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sweep: removes what programs that were killed left in a staging folder.
 *
 * Owner: whoever opened the staging, before any transfer begins.
 */
#pragma once
#include "drivers/store/staging.h"

/*
 * Removes the folders of transfers, unless another process uses the same staging folder; from now
 * on, until it is closed, this one does (flock(2)). Returns how many were removed or -errno.
 */
int dps_staging_sweep(struct dps_staging *staging);
