/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sweep: removes what programs that were killed left in a staging folder.
 *
 * Owner: whoever opened the staging, before any transfer begins.
 */
#pragma once
#include "drivers/store/staging.h"

/* Whether a transfer's folder stays. */
typedef bool dps_staging_is_kept(void *context, const struct dps_transfer_id *id);

/*
 * Removes the folders of transfers that are not kept (NULL: none is), unless another process uses
 * the same staging folder; from now on, until it is closed, this one does (flock(2)). Returns how
 * many were removed or -errno.
 */
int dps_staging_sweep(struct dps_staging *staging, dps_staging_is_kept *is_kept, void *context);
